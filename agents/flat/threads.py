"""Kernels that release the interpreter's lock, run on chunks of their work by several threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

import numpy as np

from placement_env.cores import usable_cores
from placement_env.held_interrupt import held_interrupt
from placement_env.netlist import IntArray

#: Chunks that all work is cut into, whatever the number of cores, so that sums round alike.
CHUNKS = 4

Result = TypeVar("Result")


class Threads:
    """As many threads as this process may use cores, up to one a chunk; a context manager.

    Args:
        cores: Use so many cores at most.
    """

    def __init__(self, cores: int | None = None) -> None:
        self.cores = min(cores or CHUNKS, usable_cores(), CHUNKS)
        self._pool = ThreadPoolExecutor(self.cores) if self.cores > 1 else None

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
        if self._pool is None:
            return [work(first, last) for first, last in pairs]
        with held_interrupt():
            return list(self._pool.map(lambda pair: work(*pair), pairs))


def chunks(load: IntArray) -> IntArray:
    """[CHUNKS + 1] bounds that deal items with these loads, [K], evenly."""
    total = np.concatenate([[0], np.cumsum(load)])
    return np.searchsorted(total, np.linspace(0, total[-1], CHUNKS + 1)).astype(np.int64)
