"""Ctrl-C that waits for the end of a few lines."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading

import pytest

from placement_env.held_interrupt import held_interrupt

#: Interrupts a pool of threads that has next to nothing to do, as often as three seconds allow.
_POOL = """
import faulthandler, random, signal, sys, time
import numpy as np
from agents.flat.threads import Threads

faulthandler.dump_traceback_later(30, exit=True)
rng = random.Random(int(sys.argv[1]))
signal.signal(signal.SIGALRM, lambda number, frame: signal.raise_signal(signal.SIGINT))
count, end = 0, time.monotonic() + 3
while time.monotonic() < end:
    soon = time.monotonic() + 0.1  # an interrupt in a finaliser is lost
    try:
        signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-4, 3e-3))
        with Threads(2) as pool:
            while time.monotonic() < soon:
                pool.run(lambda first, last: sum(range(200)), np.arange(5))
    except KeyboardInterrupt:
        count += 1
print(count)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_has_begun_is_done_before_the_signal_is_handled(number: int) -> None:
    done = []

    def handle(number: int, frame: object) -> None:
        done.append("handled")
        raise KeyboardInterrupt

    before = signal.signal(number, handle)
    try:
        with pytest.raises(KeyboardInterrupt), held_interrupt():
            done.append(os.kill(os.getpid(), number) or "body")
        assert done == ["body", "handled"]
        assert signal.getsignal(number) is handle
    finally:
        signal.signal(number, before)


def test_an_error_of_the_body_is_not_lost() -> None:
    with pytest.raises(ZeroDivisionError), held_interrupt():
        _ = 1 / 0
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_do_their_work() -> None:
    done = []

    def work() -> None:
        with held_interrupt():
            done.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [1]


def test_threads_end_whenever_they_are_interrupted() -> None:
    seed = random.randrange(1000)
    ended = subprocess.run(
        [sys.executable, "-c", _POOL, str(seed)], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, (seed, ended.stderr)
    assert int(ended.stdout) > 20
