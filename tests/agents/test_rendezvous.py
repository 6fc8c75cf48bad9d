"""Threads wait for each other, whether they have a core of their own or not."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from agents.rendezvous import meet, new_rendezvous, release
from placement_env.kernels import lean
from placement_env.netlist import IntArray


@lean
def _count_up(rendezvous: IntArray, thread: int, totals: IntArray, seen: IntArray) -> None:
    """Raise an own counter between meetings, and look at all counters at each of them."""
    for turn in range(200):
        totals[thread] += 1
        meet(rendezvous, thread)
        seen[thread, turn] = totals.sum()
        meet(rendezvous, thread)


def test_no_thread_goes_on_before_all_are_there() -> None:
    threads = 5
    rendezvous = new_rendezvous(threads)
    totals = np.zeros(threads, np.int64)
    seen = np.zeros((threads, 200), np.int64)
    with ThreadPoolExecutor(threads) as pool:
        for job in [
            pool.submit(_count_up, rendezvous, thread, totals, seen) for thread in range(threads)
        ]:
            job.result(timeout=60)
    assert np.array_equal(seen, np.tile(threads * np.arange(1, 201), (threads, 1)))


def test_released_threads_do_not_wait() -> None:
    rendezvous = new_rendezvous(2)
    waiting = threading.Thread(target=meet, args=(rendezvous, 0))
    waiting.start()
    waiting.join(timeout=0.2)
    assert waiting.is_alive()
    release(rendezvous)
    waiting.join(timeout=60)
    assert not waiting.is_alive()
