"""What the user sees of a run: a live table on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from chipflow.errors import StageFailed
from chipflow.stage_record import StageRecord

if TYPE_CHECKING:
    from rich.console import RenderableType


class Progress:
    """Shows nothing; its methods are what a run tells. They are called from several threads."""

    def begin(self, title: str, stages: Sequence[str]) -> None:
        """The run begins; its stages in order."""

    def stands(self, record: StageRecord) -> None:
        """The result of an earlier run stands."""

    def started(self, stage: str, reason: str) -> None:
        """A stage starts, and why."""

    def line(self, stage: str, text: str) -> None:
        """A stage says what it is doing."""

    def ended(self, record: StageRecord) -> None:
        """A stage is done or skipped."""

    def failed(self, error: StageFailed) -> None:
        """A stage has failed."""

    def note(self, text: str) -> None:
        """Something about the run as a whole."""

    def end(self) -> None:
        """The run is over, whichever way."""


class Lines(Progress):
    """One line with the time of day for each event.

    Args:
        verbose: Also what stages say at work, and stages whose results stand.
        stream: Where to write.
    """

    def __init__(self, *, verbose: bool = False, stream: TextIO | None = None) -> None:
        self._verbose = verbose
        self._stream = stream or sys.stdout

    def begin(self, title: str, stages: Sequence[str]) -> None:
        """Prints the title."""
        self._print(title)

    def stands(self, record: StageRecord) -> None:
        """Prints it where asked to be verbose."""
        if self._verbose:
            self._print(f"{record.stage}: as before")

    def started(self, stage: str, reason: str) -> None:
        """Prints the stage and why it runs."""
        self._print(f"{stage}: runs ({reason})")

    def line(self, stage: str, text: str) -> None:
        """Prints it where asked to be verbose."""
        if self._verbose:
            self._print(f"{stage}: {text}")

    def ended(self, record: StageRecord) -> None:
        """Prints status, time and note."""
        note = f" · {record.note}" if record.note else ""
        self._print(f"{record.stage}: {record.status} in {record.wall_s:.1f} s{note}")

    def failed(self, error: StageFailed) -> None:
        """Prints the end of the stage's log."""
        tail = "".join(f"\n    | {text}" for text in error.log_tail)
        self._print(f"{error.stage}: failed{tail}")

    def note(self, text: str) -> None:
        """Prints it."""
        self._print(text)

    def _print(self, text: str) -> None:
        self._stream.write(
            f"{time.strftime('%H:%M:%S')} {text}\n"
        )  # one write, so lines stay whole
        self._stream.flush()


_STYLES = {
    "waits": "dim",
    "runs": "bold cyan",
    "as before": "dim",
    "done": "green",
    "skipped": "yellow",
    "failed": "bold red",
}


class LiveTable(Progress):
    """A table of all stages that is drawn again as they go on."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console()
        self._title = ""
        self._state: dict[str, str] = {}
        self._note: dict[str, str] = {}
        self._since: dict[str, float] = {}
        self._took_s: dict[str, float] = {}
        self._live = Live(
            console=self._console, get_renderable=self._table, refresh_per_second=4, transient=False
        )

    def begin(self, title: str, stages: Sequence[str]) -> None:
        """Draws the table for the first time."""
        self._title = title
        self._state = dict.fromkeys(stages, "waits")
        self._live.start(refresh=True)

    def stands(self, record: StageRecord) -> None:
        """Marks the stage."""
        self._set(record.stage, "as before", record.note)

    def started(self, stage: str, reason: str) -> None:
        """Marks the stage and shows why it runs."""
        self._since[stage] = time.monotonic()
        self._set(stage, "runs", reason)

    def line(self, stage: str, text: str) -> None:
        """Shows it beside the stage."""
        self._note[stage] = text

    def ended(self, record: StageRecord) -> None:
        """Marks the stage and shows its note."""
        self._took_s[record.stage] = record.wall_s
        self._set(record.stage, record.status, record.note)

    def failed(self, error: StageFailed) -> None:
        """Marks the stage and prints the end of its log above the table."""
        self._set(error.stage, "failed", error.message)
        for text in error.log_tail:
            self._console.print(f"  | {text}", style="dim", markup=False, highlight=False)

    def note(self, text: str) -> None:
        """Prints it above the table."""
        self._console.print(text, markup=False, highlight=False)

    def end(self) -> None:
        """Draws the table for the last time."""
        self._live.stop()

    def _set(self, stage: str, state: str, note: str) -> None:
        self._state[stage] = state
        self._note[stage] = note
        if self._live.is_started:
            self._live.refresh()

    def _table(self) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        table = Table(title=self._title, title_justify="left", box=None, pad_edge=False)
        table.add_column("stage", no_wrap=True)
        table.add_column("state", no_wrap=True)
        table.add_column("time", justify="right", no_wrap=True)
        table.add_column("", overflow="ellipsis", no_wrap=True)
        for stage, state in list(self._state.items()):
            took_s = self._took_s.get(stage)
            if state == "runs":
                took_s = time.monotonic() - self._since[stage]
            table.add_row(
                stage,
                Text(state, style=_STYLES.get(state, "")),
                f"{took_s:.1f} s" if took_s is not None else "",
                Text(self._note.get(stage, "")),
            )
        return table
