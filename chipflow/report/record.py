"""What a run folder holds, read for the report: complete, failed or half finished."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chipflow.stage_record import StageRecord, read_record

_STAGE_FOLDER = re.compile(r"(\d\d)-(\w+?)(\.failed)?")


@dataclass(frozen=True)
class StageOnDisk:
    """A stage's latest record and its folder.

    Attributes:
        record: The record.
        folder: Where its files are.
        state: done, skipped, failed, or "out of date" where its result is of older inputs.
        ran: The last run has done it; else its result was kept.
    """

    record: StageRecord
    folder: Path
    state: str
    ran: bool

    @property
    def stands(self) -> bool:
        """Its result is one of this run."""
        return self.state in ("done", "skipped")

    def file(self, name: str) -> Path | None:
        """The file that the stage declared by that name, if it is there."""
        given = self.record.files.get(name)
        path = self.folder / given if given else None
        return path if path is not None and path.is_file() else None

    @property
    def log_tail(self) -> str:
        """The last lines of the stage's log."""
        try:
            lines = (self.folder / "log.txt").read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-25:])


@dataclass(frozen=True)
class RunOnDisk:
    """A run folder.

    Attributes:
        folder: The run folder.
        summary: What run.json says; empty where there is none.
        stages: The latest attempt of each stage, in flow order.
        not_run: Stages of the flow, by number, that have no record.
        unreadable: Names of stage folders whose record cannot be read.
    """

    folder: Path
    summary: dict[str, Any]
    stages: tuple[StageOnDisk, ...]
    not_run: dict[int, str]
    unreadable: tuple[str, ...]

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics of all stages whose results stand."""
        metrics: dict[str, float] = {}
        for stage in self.stages:
            if stage.stands:
                metrics |= stage.record.metrics
        return metrics

    def stage(self, name: str) -> StageOnDisk | None:
        """The stage of that name."""
        return next((stage for stage in self.stages if stage.record.stage == name), None)

    def file(self, name: str) -> Path | None:
        """The file of that declared name, if a stage whose result stands made it."""
        found = (stage.file(name) for stage in self.stages if stage.stands)
        return next((path for path in found if path is not None), None)

    def json(self, name: str) -> Any:
        """The content of a JSON file by its declared name; None where it cannot be read."""
        path = self.file(name)
        if path is None:
            return None
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None


def read_run(folder: Path) -> RunOnDisk:
    """Read a run folder. What is missing or damaged is left out."""
    try:
        summary = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        summary = {}
    if not isinstance(summary, dict):
        summary = {}
    told = {entry["stage"]: entry for entry in summary.get("stages", ())}
    latest: dict[str, StageOnDisk] = {}
    unreadable = []
    for entry in sorted(folder.iterdir()):  # NN-name sorts before NN-name.failed
        if not entry.is_dir() or not _STAGE_FOLDER.fullmatch(entry.name):
            continue
        record = read_record(entry)
        if record is None:
            unreadable.append(entry.name)
            continue
        said = told.get(record.stage, {})
        failed = record.status == "failed"
        state = record.status if failed else said.get("state", record.status)
        latest[record.stage] = StageOnDisk(record, entry, state, bool(said.get("ran", True)))
    stages = tuple(sorted(latest.values(), key=lambda stage: stage.record.number))
    not_run = {entry["number"]: name for name, entry in told.items() if name not in latest}
    return RunOnDisk(folder, summary, stages, not_run, tuple(unreadable))
