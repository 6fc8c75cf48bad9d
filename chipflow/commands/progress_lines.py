"""A placer's progress on stderr: one rewritten line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from agents.progress import Progress

_TERMINAL_EVERY_S = 0.2
_PLAIN_EVERY_S = 5.0
# Wirelengths in the file's units, as opposed to proxy costs, which are about 1.
_LARGE_COST = 1e4


class ProgressLines:
    """Shows the reports of a placer; call it with each, inside a `with`.

    Args:
        stream: Where to write; stderr when None.
        quiet: Write nothing.
    """

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._quiet = quiet
        self._live = self._stream.isatty()
        self._next_s = 0.0
        self._phase = ""
        self._width = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __call__(self, progress: Progress) -> None:
        """Show a report, unless the last one was only just shown."""
        now = time.monotonic()
        if self._quiet or (now < self._next_s and progress.phase == self._phase):
            return
        self._next_s = now + (_TERMINAL_EVERY_S if self._live else _PLAIN_EVERY_S)
        self._phase = progress.phase
        of_budget = f" of {progress.budget_s:.0f}" if progress.budget_s < 1e9 else ""
        line = f"{progress.elapsed_s:6.1f}{of_budget} s  {progress.phase}"
        if progress.cost < float("inf"):
            digits = 0 if progress.cost >= _LARGE_COST else 4
            line += f"  cost {progress.cost:,.{digits}f}"
        if progress.moves:
            line += f"  {progress.moves:,} moves"
        if progress.note:
            line += f"  {progress.note}"
        self._write(line)

    def say(self, line: str) -> None:
        """Write a line that stays."""
        if not self._quiet:
            self.close()
            print(line, file=self._stream, flush=True)

    def close(self) -> None:
        """End the line that is being rewritten."""
        if self._width:
            self._stream.write("\n")
            self._width = 0

    def _write(self, line: str) -> None:
        if self._live:
            self._stream.write("\r" + line.ljust(self._width))
            self._width = len(line)
            self._stream.flush()
        else:
            print(line, file=self._stream, flush=True)
