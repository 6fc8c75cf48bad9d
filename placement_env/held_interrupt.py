"""Ctrl-C that waits for the end of a few lines.

`KeyboardInterrupt` may come between any two instructions. Where it comes inside a thread pool of
the standard library, it can leave a lock of the pool taken, and then the pool never ends: the
`with` of a `threading.Condition` is not safe against exceptions that signals raise.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def held_interrupt() -> Iterator[None]:
    """Has signals that come in the body handled at its end, which should be soon.

    Signals are handled by the main thread only; in others, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        came.append(number)

    before = {number: signal.getsignal(number) for number in _NUMBERS}
    before = {number: handler for number, handler in before.items() if callable(handler)}
    try:
        for number in before:
            signal.signal(number, note)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in came:
            before[signal.Signals(number)](number, None)
