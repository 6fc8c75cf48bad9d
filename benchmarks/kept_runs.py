"""Runs of an earlier, perhaps interrupted, call that need not be made again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.placement import Result
from benchmarks.published import published
from placement_env.errors import InputError
from placement_env.formats.text import read_text
from placement_env.metrics import METRICS


@dataclass(frozen=True)
class KeptRuns:
    """What a results.json holds.

    Attributes:
        results: Its runs, if they were made in the way that is asked for; else none.
        made_otherwise: How many runs it holds that were made in another way.
        changed: What is not the same, by name.
    """

    results: tuple[Result, ...] = ()
    made_otherwise: int = 0
    changed: tuple[str, ...] = ()


def read_runs(path: Path, made_with: Mapping[str, Any]) -> KeptRuns:
    """The runs of a results.json that `made_with` tells to be the same as new ones would be.

    Args:
        path: The file; it need not exist.
        made_with: Suite, options and versions, as plain values of JSON.

    Raises:
        InputError: The file is there and is not what `chipflow bench placement` writes.
    """
    if not path.exists():
        return KeptRuns()
    try:
        record = read_record(path)
    except InputError as error:
        raise InputError(
            error.message, where=str(path), hint="remove it, or name another folder with --out"
        ) from None
    before = record.made_with
    changed = {name for name in {*before, *made_with} if before.get(name) != made_with.get(name)}
    if changed:
        return KeptRuns(made_otherwise=len(record.results), changed=tuple(sorted(changed)))
    return KeptRuns(record.results)


@dataclass(frozen=True)
class Record:
    """All that a results.json holds.

    Attributes:
        made_with: Suite, options and versions that its runs were made with.
        results: The runs.
    """

    made_with: dict[str, Any]
    results: tuple[Result, ...]


def read_record(path: Path) -> Record:
    """Read a results.json.

    Raises:
        InputError: The file is missing, or is not what `chipflow bench placement` writes.
    """
    text = read_text(path)
    try:
        record = json.loads(text)
        return Record(dict(record["made_with"]), tuple(_result(run) for run in record["runs"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            "this is not a results.json of chipflow bench placement",
            where=str(path),
            hint="make it again with the command that made it",
        ) from None


def _result(run: Mapping[str, Any]) -> Result:
    scores = {name: float(value) for name, value in run.items() if name in METRICS}
    if "time__wall_s" not in scores:
        raise KeyError("time__wall_s")
    design = str(run["design"])
    return Result(design, float(run["budget_s"]), int(run["seed"]), scores, published(design))
