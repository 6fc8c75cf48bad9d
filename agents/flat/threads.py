"""Kernels that release the interpreter's lock, run on chunks of their work by several threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from types import TracebackType
from typing import Self, TypeVar

import numpy as np

from placement_env.cores import usable_cores
from placement_env.held_interrupt import held_interrupt
from placement_env.netlist import IntArray

#: Chunks that all work is cut into, whatever the number of cores, so that sums round alike.
CHUNKS = 4

#: Calls for each work, alone and shared, by which it is found out which is quicker.
_TRIALS = 7

Result = TypeVar("Result")


class Threads:
    """As many threads as this process may use cores, up to one a chunk; a context manager.

    To wake a thread can take longer than the work on a small netlist; how long depends on the
    machine. So the first calls for each work try both ways, alone and shared, and the later ones go
    the way that was quicker. Results are the same either way.

    Args:
        cores: Use so many cores at most.
    """

    def __init__(self, cores: int | None = None) -> None:
        self.cores = min(cores or CHUNKS, usable_cores(), CHUNKS)
        self._pool = ThreadPoolExecutor(self.cores - 1) if self.cores > 1 else None
        self._took_s: dict[Hashable, tuple[list[float], list[float]]] = {}
        self._best: dict[Hashable, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool:
            self._pool.shutdown()

    def run(self, work: Callable[[int, int], Result], bounds: IntArray) -> list[Result]:
        """Results of `work(first, last)` for the chunks between `bounds` [C + 1], in order."""
        pairs = list(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True))

        def in_turn(first: int, step: int) -> list[Result]:
            return [work(*pair) for pair in pairs[first::step]]

        def on(cores: int) -> list[Result]:
            if cores == 1 or self._pool is None:
                return in_turn(0, 1)
            dealt: list[list[Result]] = []
            with held_interrupt():
                others = [self._pool.submit(in_turn, lane, cores) for lane in range(1, cores)]
                dealt.append(in_turn(0, cores))
                dealt += [other.result() for other in others]
            return [dealt[i % cores][i // cores] for i in range(len(pairs))]

        return self.quicker((work.__qualname__, int(bounds[-1] - bounds[0])), on)

    def quicker(self, what: Hashable, on: Callable[[int], Result]) -> Result:
        """The result of `on(cores)` for one core or for all, whichever was quicker for `what`."""
        if self.cores == 1:
            return on(1)
        if cores := self._best.get(what):
            return on(cores)
        alone_s, shared_s = self._took_s.setdefault(what, ([], []))
        took_s, cores = (shared_s, self.cores) if len(alone_s) > len(shared_s) else (alone_s, 1)
        began = time.perf_counter()
        result = on(cores)
        took_s.append(time.perf_counter() - began)
        if len(shared_s) == _TRIALS:
            self._best[what] = self.cores if median(shared_s) < median(alone_s) else 1
        return result


def chunks(load: IntArray) -> IntArray:
    """[CHUNKS + 1] bounds that deal items with these loads, [K], evenly."""
    total = np.concatenate([[0], np.cumsum(load)])
    return np.searchsorted(total, np.linspace(0, total[-1], CHUNKS + 1)).astype(np.int64)
