"""`advice.json`: what models said of a run afterwards, kept in its folder for the report.

It holds for the run that it was said of: once a stage has run again, with other inputs or another
end, it is not shown any more.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any, Literal

from chipflow.report.record import RunOnDisk
from placement_env.errors import InputError

FILE_NAME = "advice.json"

#: Named as the LLM stages are: why a stage failed, settings for the floorplan, changes.
Kind = Literal["explain", "floorplan_hints", "review"]


def keep(run: RunOnDisk, kind: Kind, said: Mapping[str, Any]) -> None:
    """Writes down what a model said of a run; it replaces what was said before of that kind.

    Args:
        run: The run.
        kind: What it is.
        said: In the form that the command prints with --json.

    Raises:
        InputError: The run folder cannot be written.
    """
    path, temporary = run.folder / FILE_NAME, run.folder / f".tmp-{FILE_NAME}"
    values = _read(run) | {kind: {"of": _identity(run), "said": said}}
    try:
        temporary.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(
            f"cannot keep what the model said: {error.strerror}", where=str(path)
        ) from error


def kept(run: RunOnDisk, kind: Kind) -> Mapping[str, Any] | None:
    """What a model said of the run as it is now; None where nothing, or of an earlier state."""
    entry = _read(run).get(kind)
    if not isinstance(entry, dict) or entry.get("of") != _identity(run):
        return None
    said = entry.get("said")
    return said if isinstance(said, dict) else None


def _read(run: RunOnDisk) -> dict[str, Any]:
    try:
        values = json.loads((run.folder / FILE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _identity(run: RunOnDisk) -> str:
    """A hash of the stages' keys and of how they ended."""
    stages = [
        (each.stage, each.status, each.key, each.error.get("message", ""))
        for each in (stage.record for stage in run.stages)
    ]
    return hashlib.sha256(json.dumps(stages).encode()).hexdigest()
