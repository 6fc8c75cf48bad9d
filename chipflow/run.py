"""The run folder: the one truth about what has been done.

    runs/<pdk>/
        run.json            the run as a whole
        llm_calls.jsonl     calls of models in the last run, and what they cost
        llm_answers/        what models answered, for a replay
        04-synthesize/      a finished stage: its files, stage.json and log.txt
        06-check_gates.failed/  the last attempt of a stage that failed; results stay beside it
        .tmp-07-floorplan/  a stage at work; it gets its final name by one rename when complete
        .lock               held by the running process; the kernel frees it when that ends

A stage's folder is complete or not there at all, whenever the process or the machine stops.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from chipflow.file_hashes import FileHashes
from chipflow.stage_record import FILE_NAME, StageRecord, folder_name, read_record
from placement_env.errors import InputError

_WORKING = ".tmp-"
_REPLACED = ".old-"
_FAILED = ".failed"
_STAGE_FOLDER = re.compile(r"(\d\d)-(\w+?)(\.failed)?")
_OURS = re.compile(
    r"\d\d-\w+(\.failed)?|llm_answers|llm_calls\.jsonl|run\.json|advice\.json|report\.html"
    r"|\.(tmp|old)-.*|\.lock|\..*json"
)


class RunFolder:
    """A run folder that this process holds; made by `open_run_folder`."""

    def __init__(self, path: Path, hashes: FileHashes) -> None:
        self.path = path
        self.hashes = hashes

    def summary(self) -> dict[str, Any]:
        """What `run.json` says; empty where there is none."""
        return _read_json(self.path / "run.json")

    def write_summary(self, values: Mapping[str, Any]) -> None:
        """Replaces `run.json`."""
        temporary = self.path / ".run.json"
        temporary.write_text(json.dumps(values, indent=1) + "\n")
        _sync(temporary)
        temporary.replace(self.path / "run.json")

    def record(self, number: int, stage: str) -> StageRecord | None:
        """The record of the finished stage, if its folder is here and readable."""
        return read_record(self.path / folder_name(number, stage))

    def failed_record(self, number: int, stage: str) -> StageRecord | None:
        """The record of the last attempt, if that failed."""
        return read_record(self.path / (folder_name(number, stage) + _FAILED))

    def damaged_file(self, record: StageRecord) -> str:
        """The first file of a finished stage that is missing or changed; empty if none is."""
        return record.damaged_file(self.path / record.folder_name, self.hashes)

    def files(self, record: StageRecord) -> dict[str, Path]:
        """Paths of what a finished stage made, by declared name."""
        folder = self.path / record.folder_name
        return {name: folder / file for name, file in record.files.items()}

    def begin(self, number: int, stage: str) -> Path:
        """An empty folder for a stage to work in."""
        folder = self.path / (_WORKING + folder_name(number, stage))
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def finish(self, working: Path, record: StageRecord) -> StageRecord:
        """Puts a complete result in its place; an older one is kept until that has happened."""
        record = record.with_outputs(working, self.hashes)
        record.write(working)
        _sync_tree(working)
        final = self.path / record.folder_name
        replaced = self.path / (_REPLACED + record.folder_name)
        if final.exists():
            final.replace(replaced)
        working.replace(final)
        _sync(self.path)
        shutil.rmtree(replaced, ignore_errors=True)
        self.forget_failure(record.number, record.stage)
        return record

    def keep_failure(self, working: Path, record: StageRecord) -> Path:
        """Keeps what a failed stage left, beside the results; returns its folder."""
        self.forget_failure(record.number, record.stage)
        record.write(working)
        kept = self.path / (record.folder_name + _FAILED)
        working.replace(kept)
        return kept

    def forget_failure(self, number: int, stage: str) -> None:
        """Removes what an earlier attempt of a stage left."""
        shutil.rmtree(self.path / (folder_name(number, stage) + _FAILED), ignore_errors=True)

    def tidy(self, stages: Sequence[str]) -> None:
        """Mends what a killed run left, and gives stages that moved in the flow their new number.

        Args:
            stages: Names of the flow's stages in order.
        """
        for entry in sorted(self.path.iterdir()):
            if entry.name.startswith(_REPLACED):
                final = self.path / entry.name.removeprefix(_REPLACED)
                if final.exists():
                    shutil.rmtree(entry)
                else:
                    entry.replace(final)
        for entry in sorted(self.path.iterdir()):
            match = _STAGE_FOLDER.fullmatch(entry.name)
            if entry.name.startswith(_WORKING):
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
            elif match and (entry / FILE_NAME).is_file():
                self._renumber(entry, match[2], stages)

    def _renumber(self, folder: Path, stage: str, stages: Sequence[str]) -> None:
        """Moves a stage's folder to its number in the flow; a stage of no flow is removed."""
        record = read_record(folder)
        if stage not in stages:
            shutil.rmtree(folder)
        elif record and record.number != (number := stages.index(stage) + 1):
            record = replace(record, number=number)
            record.write(folder)
            suffix = _FAILED if folder.name.endswith(_FAILED) else ""
            folder.replace(self.path / (record.folder_name + suffix))


@contextmanager
def open_run_folder(path: Path, *, design: str, pdk: str) -> Iterator[RunFolder]:
    """Makes or opens a run folder, and holds its lock.

    Args:
        path: The folder; a new one, an empty one, or one of an earlier run of the same design.
        design: Name of the design.
        pdk: Name of the PDK.

    Raises:
        InputError: The folder cannot be written, is in use, or holds something else.
    """
    path = Path(os.path.abspath(path))
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = os.open(path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise InputError(
            f"cannot write the run folder: {error.strerror}",
            where=str(error.filename or path),
            hint="--out DIR names another one",
        ) from error
    try:
        _take(lock, path)
        _check_owner(path, design, pdk)
        hashes = FileHashes(path / ".hashes.json")
        try:
            yield RunFolder(path, hashes)
        finally:
            with suppress(OSError):  # it only saves time
                hashes.save()
    finally:
        os.close(lock)


def _take(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(lock, 100).decode(errors="replace").strip()
        raise InputError(
            f"another chipflow run works in this run folder ({holder or 'just started'})",
            where=str(path),
            hint="wait for it, stop it, or use --out DIR for a second run",
        ) from error
    except OSError as error:
        raise InputError(
            f"this file system cannot lock files: {error.strerror}",
            where=str(path),
            hint="--out DIR names a folder on another one",
        ) from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"process {os.getpid()}".encode(), 0)


def _check_owner(path: Path, design: str, pdk: str) -> None:
    """Refuses a folder that is not a run folder, or is another design's."""
    summary = _read_json(path / "run.json")
    if not summary:
        names = [entry.name for entry in sorted(path.iterdir())]
        foreign = [name for name in names if not _OURS.fullmatch(name)]
        if foreign:
            (path / ".lock").unlink()
            raise InputError(
                f"the run folder is to be new or empty, but holds {foreign[0]}",
                where=str(path),
                hint="--out DIR names another one",
            )
        return
    holds = f"{summary.get('design')} on {summary.get('pdk')}"
    if holds != f"{design} on {pdk}":
        raise InputError(
            f"the run folder holds {holds}, not {design} on {pdk}",
            where=str(path),
            hint="--out DIR names another one",
        )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _sync_tree(folder: Path) -> None:
    for root, _, names in os.walk(folder):
        for name in names:
            _sync(Path(root, name))
        _sync(Path(root))


def _sync(path: Path) -> None:
    if path.is_symlink() or not path.exists():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
