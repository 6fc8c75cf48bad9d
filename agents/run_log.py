"""The folder of a training run: settings, TensorBoard events, metrics.csv."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from torch.utils.tensorboard import SummaryWriter

_HEADER = ["step", "wall_s", "tag", "value"]


class RunLog:
    """Writes what happens in a run. A context manager.

    Args:
        folder: The run's folder.
        settings: All settings of the run, by name.
        rows: Rows of metrics.csv to keep, of the run that goes on.
        step: The step that it goes on from; TensorBoard drops what came after.
    """

    def __init__(
        self, folder: Path, settings: Mapping[str, Any], *, rows: int = 0, step: int = 0
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "settings.json").write_text(json.dumps(dict(settings), indent=1) + "\n", "utf-8")
        kept = _first_rows(folder / "metrics.csv", rows)
        self._board = SummaryWriter(str(folder), purge_step=step + 1 if step else None)
        table = [f"| {name} | {value} |" for name, value in settings.items()]
        table = ["| setting | value |", "| --- | --- |", *table]
        self._board.add_text("settings", "\n".join(table))
        self._file = (folder / "metrics.csv").open("w", newline="")
        self._table = csv.writer(self._file)
        self._table.writerows([_HEADER, *kept])
        self._started = time.monotonic()
        #: Rows of metrics.csv so far.
        self.rows = len(kept)

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Write numbers by their TensorBoard tags."""
        wall_s = time.monotonic() - self._started
        for tag, value in scalars.items():
            self._board.add_scalar(tag, value, step)
            self._table.writerow([step, f"{wall_s:.3f}", tag, f"{value:.8g}"])
        self.rows += len(scalars)
        self._file.flush()

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._board.close()
        self._file.close()


def _first_rows(file: Path, count: int) -> list[list[str]]:
    if not count or not file.exists():
        return []
    with file.open(newline="") as table:
        return list(csv.reader(table))[1 : count + 1]
