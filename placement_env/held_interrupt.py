"""Ctrl-C that waits for the end of a few lines.

`KeyboardInterrupt` may come between any two instructions. Where it comes inside a thread pool of
the standard library, it can leave a lock of the pool taken, and then the pool never ends: the
`with` of a `threading.Condition` is not safe against exceptions that signals raise.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], Any]

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

    before: dict[signal.Signals, Handler] = {}
    for number in _NUMBERS:
        handler = signal.getsignal(number)
        if callable(handler):
            before[number] = handler
    try:
        for number in before:
            signal.signal(number, note)
        yield
    finally:
        try:
            _restore(before)
        except BaseException:
            _restore(before)  # one that was back already has raised
            raise
        for number in came:
            before[signal.Signals(number)](number, None)


def _restore(handlers: Mapping[signal.Signals, Handler]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
