"""Runs the cases of several readers in several processes."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import resource
import tempfile
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.fuzz_readers.cases import Tally, run

#: Cases that a process runs in one go.
_BATCH = 250
#: What a process may take of the memory: a reader that takes more fails, and the machine does not.
_MEMORY_BYTES = 8 << 30


def run_all(readers: list[str], cases: int, seed: int, jobs: int) -> dict[str, Tally]:
    """The tally of each reader; the cases are shared out evenly."""
    batches: list[tuple[str, range]] = []
    for index, reader in enumerate(readers):
        share = cases // len(readers) + (index < cases % len(readers))
        edges = [*range(0, share, _BATCH), share]
        batches += [(reader, range(*pair)) for pair in itertools.pairwise(edges)]
    tallies = {reader: Tally() for reader in readers}
    with (
        tempfile.TemporaryDirectory() as folder,
        # Spawned, since a fork takes over locks of threads that it does not have.
        ProcessPoolExecutor(
            jobs, multiprocessing.get_context("spawn"), initializer=_prepare_process
        ) as pool,
    ):
        futures = [pool.submit(_run_batch, *batch, seed, folder) for batch in batches]
        for (reader, _), future in zip(batches, futures, strict=True):
            tallies[reader].add(future.result())
    return tallies


def _prepare_process() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, resource.RLIM_INFINITY))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process as soon as the one that started it has ended, even if that was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _run_batch(reader: str, numbers: range, seed: int, folder: str) -> Tally:
    return run(reader, numbers, seed, Path(folder, str(os.getpid())))
