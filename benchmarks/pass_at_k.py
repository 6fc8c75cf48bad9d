"""The chance that at least one of k samples passes."""

from __future__ import annotations

from math import comb


def pass_at_k(samples: int, passed: int, k: int) -> float:
    """An unbiased estimate from `samples` independent ones, of which `passed` passed.

    It is 1 - C(n - c, k) / C(n, k): of all ways to draw k of the n samples, those that hit a good
    one.

    References:
        Chen et al.: Evaluating Large Language Models Trained on Code, arXiv:2107.03374, equation 1.

    Raises:
        ValueError: There are fewer samples than k, or more passed than there are.
    """
    if not 0 <= passed <= samples or not 0 < k <= samples:
        raise ValueError(f"{passed} of {samples} samples passed: no estimate for k = {k}")
    return 1.0 - comb(samples - passed, k) / comb(samples, k)
