"""Ctrl-C, and what else asks a command to stop."""

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


def stop_as_by_ctrl_c() -> None:
    """Has a request to end, or the loss of the terminal, stop a command as Ctrl-C does."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Notes Ctrl-C, which then raises `KeyboardInterrupt` as always.

    It is for placers that answer it by returning the best that they have.
    """
    noted = Interrupts()

    def note(number: int, frame: FrameType | None) -> None:
        noted.seen = True
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:  # as a shell has it for what runs in its background
        signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)
