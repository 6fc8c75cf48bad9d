"""The folder of a training run: a fresh one, or that of the run that goes on, with its settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

from agents.checkpoint import has_checkpoints
from placement_env.errors import InputError

_SETTINGS = "settings.json"


def run_folder(out: Path, name: str, fallback: str, resume: Path | None) -> Path:
    """Where a run writes.

    Args:
        out: Folder of runs.
        name: What the run was named; empty if it was not.
        fallback: A name for it otherwise; gets a number where an earlier run has it.
        resume: The run to go on from, or one of its checkpoints: its folder, unless there is a
            name.

    Raises:
        InputError: The named folder holds another run, whose checkpoints would be mixed with these.
    """
    resumed = resume and resumed_folder(resume)
    if not name and resumed:
        return resumed
    if not name:
        names = (fallback if number == 1 else f"{fallback}-{number}" for number in count(1))
        return next(folder for one in names if not has_checkpoints(folder := out / _plain(one)))
    folder = out / _plain(name)
    if has_checkpoints(folder) and not goes_on_in(folder, resume):
        raise InputError(
            "there is a training run already",
            where=str(folder),
            hint=f"go on with it by --resume {folder}, or give another --run-name",
        )
    return folder


def goes_on_in(folder: Path, resume: Path | None) -> bool:
    """Whether the folder is that of the run to go on from."""
    resumed = resume and resumed_folder(resume)
    return bool(resumed) and folder.resolve() == resumed.resolve()


def resumed_folder(resume: Path) -> Path | None:
    """The folder of the run that `resume` is, or is a checkpoint of; None where settings lack."""
    for folder in (resume, *resume.absolute().parents[:2]):
        if (folder / _SETTINGS).is_file():
            return folder
    return None


def kept_settings(resume: Path) -> dict[str, Any]:
    """Settings of the run to go on from; none where they are not kept.

    Raises:
        InputError: The file cannot be read.
    """
    folder = resumed_folder(resume)
    if folder is None:
        return {}
    try:
        settings = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"the settings of the run cannot be read: {error}",
            where=str(folder / _SETTINGS),
            hint="delete the file, and repeat all options of the run",
        ) from None
    return settings if isinstance(settings, dict) else {}


def check_same(resume: Path, kept: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise `InputError` where a run that goes on is to be about something else than it was."""
    for name, value in wanted.items():
        if name in kept and kept[name] != value:
            option = f"--{name.replace('_', '-')}"
            raise InputError(
                f"the run was one with {option} {kept[name] or 'none'}, not {value or 'none'}",
                where=str(resume),
                hint=f"leave {option} out, or begin a new run from its weights: --weights {resume}",
            )


def _plain(name: str) -> str:
    return name.replace("/", "_")
