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
        record = json.loads(read_text(path))
        before, runs = record["made_with"], [_result(run) for run in record["runs"]]
        changed = tuple(
            sorted(
                name for name in {*before, *made_with} if before.get(name) != made_with.get(name)
            )
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            "this is not a results.json that runs can be added to",
            where=str(path),
            hint="remove it, or name another folder with --out",
        ) from None
    if changed:
        return KeptRuns(made_otherwise=len(runs), changed=changed)
    return KeptRuns(tuple(runs))


def _result(run: Mapping[str, Any]) -> Result:
    scores = {name: float(value) for name, value in run.items() if name in METRICS}
    if "time__wall_s" not in scores:
        raise KeyError("time__wall_s")
    design = str(run["design"])
    return Result(design, float(run["budget_s"]), int(run["seed"]), scores, published(design))
