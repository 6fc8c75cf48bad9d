"""Problems to tune prompt packs on: those of the RTL benchmarks, split by a hash of their names.

A problem is on the same side of the split in every tune, whatever else is named. The golden test
bench enters as a function, so no tune can show it to a model.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import verilog_problems
from benchmarks.verilog_problems import TIME_LIMIT_S, bench_text
from llm_stages.pack_score import Problem
from llm_stages.tuning_record import Tuning, spec_hash
from llm_stages.verdict import Verdict


def is_held_out(name: str) -> bool:
    """Which side of the split a problem is on; about half of all are held out."""
    return _hash(name)[0] % 2 == 1


def splits(
    names: Sequence[str],
    load: Callable[[str], Problem | None],
    *,
    train: int,
    held_out: int,
) -> tuple[list[Problem], list[Problem]]:
    """The training and the held-out split, in an order that their names decide.

    Args:
        names: The problems to choose from.
        load: Reads one; None where nothing here can judge it, then the next one takes its place.
        train: Problems of the training split at most.
        held_out: Problems of the held-out split at most.
    """
    found: dict[bool, list[Problem]] = {False: [], True: []}
    most = {False: train, True: held_out}
    for name in sorted(names, key=lambda name: _hash(name)[1:]):
        side = is_held_out(name)
        if len(found[side]) < most[side] and (problem := load(name)):
            found[side].append(problem)
    return found[False], found[True]


def to_tune_on(problem: verilog_problems.Problem) -> Problem | str:
    """A benchmark's problem as one to tune on, or why nothing here can judge it."""
    if problem.cannot_run:
        return problem.cannot_run

    def test_bench(device: Path, work_dir: Path) -> Verdict:
        rtl = device.read_text(encoding="utf-8")
        return verilog_problems.judge(problem, rtl, work_dir, timeout_s=TIME_LIMIT_S)

    if problem.reference:
        with tempfile.TemporaryDirectory(prefix="chipflow-") as folder:
            device = Path(folder) / "reference.sv"
            device.write_text(problem.reference, encoding="utf-8")
            verdict = test_bench(device, Path(folder) / "work")
        if not verdict.passed:
            return f"with the reference, {verdict.reason}"
    return Problem(
        name=problem.name,
        spec=problem.spec,
        top=problem.top,
        test_bench=test_bench,
        content=bench_text(problem.bench),
    )


def trained_on(
    tuning: Tuning,
    suite: str,
    names: Sequence[str],
    load: Callable[[str], verilog_problems.Problem],
) -> list[str]:
    """Those problems of a suite that a pack was tuned on: a score on them says nothing.

    They are known by name, and under another name by their specification.

    Args:
        tuning: The record of the pack.
        suite: Name of the suite.
        names: The problems that are to be scored.
        load: Reads one of them.
    """
    specs = set(tuning.trained_on.values())
    return [
        name
        for name in names
        if (tuning.suite == suite and name in tuning.trained_on)
        or spec_hash(load(name).spec) in specs
    ]


def _hash(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
