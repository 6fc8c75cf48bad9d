"""Outcomes of RTL problems as JSON, so that an interrupted run goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.verilog_run import Outcome, Sample
from benchmarks.verilog_table import Summary
from placement_env.errors import InputError
from placement_env.formats.text import read_text


def to_json(
    outcomes: Sequence[Outcome], summary: Summary, made_with: Mapping[str, Any]
) -> dict[str, Any]:
    """Plain values, for `json.dump`."""
    return {
        "made_with": dict(made_with),
        "summary": asdict(summary),
        "problems": [asdict(outcome) for outcome in outcomes],
    }


def read(path: Path, made_with: Mapping[str, Any]) -> tuple[dict[str, Outcome], tuple[str, ...]]:
    """The outcomes of an earlier run with the same options, by problem.

    Args:
        path: The verilog.json; it need not exist.
        made_with: What outcomes depend on besides the problem, as plain values of JSON.

    Returns:
        The outcomes, and the names of what is not the same any more; then there are no outcomes.

    Raises:
        InputError: The file is there and is not what `chipflow bench verilog` writes.
    """
    if not path.exists():
        return {}, ()
    try:
        record = json.loads(read_text(path))
        before = dict(record["made_with"])
        outcomes = {item["problem"]: _outcome(item) for item in record["problems"]}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            "this is not a verilog.json of chipflow bench verilog",
            where=str(path),
            hint="remove it, or name another folder with --out",
        ) from None
    names = {*before, *made_with}
    changed = sorted(name for name in names if before.get(name) != made_with.get(name))
    return ({}, tuple(changed)) if changed else (outcomes, ())


def _outcome(item: Mapping[str, Any]) -> Outcome:
    samples = tuple(Sample(**sample) for sample in item["samples"])
    return Outcome(**{**item, "samples": samples})
