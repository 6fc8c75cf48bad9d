"""How much of its budget a placer has spent, in seconds or in moves, and telling so."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from agents.progress import PROXY_COST, Progress, ProgressCallback
from placement_env.errors import InputError
from placement_env.netlist import Placement

_REPORT_EVERY_S = 0.25


def check_effort(*, budget_s: float, seed: int, moves: int | None) -> None:
    """Raise `InputError` for a budget, a seed or a number of moves that means nothing."""
    if moves is None and not (np.isfinite(budget_s) and budget_s > 0):
        raise InputError(f"the budget is {budget_s} s, expected more than 0")
    if moves is not None and moves < 0:
        raise InputError(f"the number of moves is {moves}, expected 0 or more")
    if seed < 0:
        raise InputError(f"the seed is {seed}, expected 0 or more")


class Effort:
    """The effort of one run, which begins when this is made.

    Args:
        budget_s: Seconds that the run may take.
        moves: Moves that it makes instead, however long they take; None for the seconds.
        progress: Is told a few times a second.

    Attributes:
        moves: Moves tried so far; the placer counts them.
    """

    def __init__(
        self, *, budget_s: float, moves: int | None, progress: ProgressCallback | None
    ) -> None:
        self._began = time.perf_counter()
        self._budget_s = budget_s if moves is None else np.inf
        self._limit = moves
        self._progress = progress
        self._phase = ""
        self._told_s = -np.inf
        self.moves = 0

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self._began

    @property
    def spent(self) -> float:
        """Share of the budget that is spent; at least 1 where nothing is left."""
        if self._limit is None:
            return self.elapsed_s / self._budget_s
        return self.moves / self._limit if self._limit else 1.0

    def tell(
        self,
        phase: str,
        cost: float,
        snapshot: Callable[[], Placement] | None = None,
        *,
        last: bool = False,
        measure: str = PROXY_COST,
    ) -> None:
        """Report, unless the phase was reported a moment ago and this is not the last report."""
        if self._progress is None:
            return
        elapsed_s = self.elapsed_s
        if last or phase != self._phase or elapsed_s - self._told_s >= _REPORT_EVERY_S:
            self._phase, self._told_s = phase, elapsed_s
            about = (phase, elapsed_s, self._budget_s, cost, self.moves, snapshot)
            self._progress(Progress(*about, measure=measure))
