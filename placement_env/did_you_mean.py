"""The hint after a mistyped name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

#: Comparing takes the square of a word's length, and no typing error is in a longer one.
_LONGEST_WORD = 200


def did_you_mean(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """A hint that names up to three known words near a wrong one; empty if none is near."""
    if len(word) > _LONGEST_WORD:
        return ""
    near = difflib.get_close_matches(word, list(known), n=3, cutoff=cutoff)
    return f"did you mean {' or '.join(near)}?" if near else ""
