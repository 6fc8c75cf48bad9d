"""`stage.json`: what a stage was given, what it made and what that took."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from chipflow.file_hashes import FileHashes, files_below
from chipflow.keys import StageInputs

FILE_NAME = "stage.json"
LOG_NAME = "log.txt"

StageStatus = Literal["done", "skipped", "failed"]


@dataclass(frozen=True)
class StageRecord:
    """One run of a stage.

    Attributes:
        stage: Name of the stage.
        number: Its place in the flow, from 1; part of the folder's name.
        status: "skipped" where it could not or need not do its work.
        note: One line on the result.
        reason: Why it ran.
        key: Hash of `inputs` and `code_modules`.
        inputs: What it depends on, see `StageInputs.values`.
        code: One hash over its code.
        code_modules: Modules behind it to hashes of their sources.
        files: Declared names of what it made to file or folder names inside its folder.
        outputs: Every file in its folder to [size in bytes, SHA-256].
        metrics: Metric names to numbers.
        models: Models that it asked to what their calls came to (`llm_stages.call_log.Usage`).
        tool_versions: Tools to versions, "absent" for one that is not installed.
        started: Start time, ISO 8601 with time zone.
        wall_s: Elapsed time.
        cpu_s: Processor time, child processes included.
        peak_rss_mib: Greatest resident set of any one of its processes.
        error: Message, place and hint of a failure.
    """

    stage: str
    number: int
    status: StageStatus
    key: str
    inputs: Mapping[str, str]
    code: str
    code_modules: Mapping[str, str]
    reason: str = ""
    note: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tool_versions: Mapping[str, str] = field(default_factory=dict)
    started: str = ""
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_rss_mib: float = 0.0
    error: Mapping[str, str] = field(default_factory=dict)

    @property
    def stage_inputs(self) -> StageInputs:
        """The inputs in the form that `chipflow.keys.explain` compares."""
        return StageInputs(values=self.inputs, code=self.code_modules)

    @property
    def folder_name(self) -> str:
        """Name of the stage's folder in the run folder."""
        return folder_name(self.number, self.stage)

    def write(self, folder: Path) -> None:
        """Writes `stage.json` into a folder."""
        text = json.dumps(asdict(self), indent=1, sort_keys=True)
        (folder / FILE_NAME).write_text(text + "\n")

    def with_outputs(self, folder: Path, hashes: FileHashes) -> StageRecord:
        """The record with the size and hash of every file in the stage's folder."""
        outputs = {
            file.relative_to(folder).as_posix(): (file.stat().st_size, hashes.of(file))
            for file in files_below(folder)
            if file.parent != folder or file.name not in (FILE_NAME, LOG_NAME)
        }
        return replace(self, outputs=outputs)

    def damaged_file(self, folder: Path, hashes: FileHashes) -> str:
        """The first file that is missing or no longer what the stage wrote; empty if none is."""
        for name, (size, digest) in self.outputs.items():
            file = folder / name
            if not file.is_file() or file.stat().st_size != size or hashes.of(file) != digest:
                return name
        for name in self.files.values():
            if not (folder / name).exists():
                return name
        return ""


def folder_name(number: int, stage: str) -> str:
    """Name of a stage's folder, such as "04-synthesize"."""
    return f"{number:02d}-{stage}"


def read_record(folder: Path) -> StageRecord | None:
    """The record in a stage's folder; None where it is missing or unreadable."""
    try:
        values: dict[str, Any] = json.loads((folder / FILE_NAME).read_text())
        values["outputs"] = {
            name: (int(size), str(digest)) for name, (size, digest) in values["outputs"].items()
        }
        return StageRecord(**values)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
