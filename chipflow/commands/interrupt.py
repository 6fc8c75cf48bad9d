"""Ctrl-C in commands whose placer answers it by returning the best that it has."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Interrupts:
    """Whether Ctrl-C was pressed."""

    seen: bool = False


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Notes Ctrl-C, which then raises `KeyboardInterrupt` as always."""
    noted = Interrupts()

    def note(number: int, frame: FrameType | None) -> None:
        noted.seen = True
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)
