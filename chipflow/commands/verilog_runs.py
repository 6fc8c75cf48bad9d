"""Runs a suite of RTL problems, and keeps outcomes in a folder as problems are done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import verilog_record
from benchmarks.verilog_problems import digest
from benchmarks.verilog_run import Outcome, Plan, run
from benchmarks.verilog_suites import RtlSuite
from benchmarks.verilog_table import summary, to_markdown
from chipflow import code_version
from chipflow.commands.inputs import make_folder
from chipflow.commands.interrupt import Interrupts
from chipflow.commands.progress_lines import ProgressLines
from llm_stages.errors import StageError
from llm_stages.simulation import simulator_version
from placement_env.errors import ChipError
from placement_env.formats.text import write_text

# Verdicts depend on what judges, and on what makes problems of files.
_MODULES = "benchmarks.verilog_run", "benchmarks.verilog_suites"


@dataclass(frozen=True)
class Judged:
    """What is run.

    Attributes:
        suite: The suite.
        names: Those of its problems that were chosen.
        plan: How they are run.
        made_with: Whose answers, with what options.
    """

    suite: RtlSuite
    names: Sequence[str]
    plan: Plan
    made_with: dict[str, Any]

    def record(self) -> dict[str, Any]:
        """What outcomes depend on besides the problem; they are kept where it is the same.

        Raises:
            StageError: The simulator is unknown or missing.
        """
        return {
            "suite": self.suite.name,
            **self.made_with,
            "simulator": simulator_version(self.plan.simulator),
            "chipflow": version("chipflow-hybrid"),
            "code": code_version.digest_behind(*_MODULES),
        }


def run_and_keep(
    judged: Judged,
    out: Path | None,
    cores: int,
    show: ProgressLines,
    ctrl_c: Interrupts,
) -> tuple[list[Outcome], ChipError | StageError | None]:
    """Run the problems that are not in `out` yet, and write `verilog.json` and `verilog.md` there.

    Args:
        judged: What to run.
        out: The folder; None keeps nothing.
        cores: Problems at a time.
        show: Is told what is going on.
        ctrl_c: When it has seen one, what was not finished is dropped and the others returned.

    Returns:
        The outcomes in the order of the problems, and what ended the run early.

    Raises:
        ChipError, StageError: The simulator or the folder cannot be used.
    """
    record = judged.record()
    done: dict[str, Outcome] = {}
    if out:
        path = make_folder(out) / "verilog.json"
        done, changed = verilog_record.read(path, record)
        if changed:
            show.say(f"{path} is replaced, since this is not the same any more: {changed}")
        if other := [name for name, one in done.items() if not _is_as_it_was(judged.suite, one)]:
            count = f"{len(other)} of its problems are not what they were, such as {other[0]}"
            show.say(f"{path} is made again in part: {count}")
            done = {name: outcome for name, outcome in done.items() if name not in other}
        if kept := len(done.keys() & set(judged.names)):
            show.say(f"{kept} of {len(judged.names)} problems are kept from {path}")
    failure: ChipError | StageError | None = None
    missing = [name for name in judged.names if name not in done]
    try:
        for outcome in run(missing, judged.suite.load, judged.plan, cores=cores):
            done[outcome.problem] = outcome
            show.say(f"{len(done)} of {len(judged.names)}: {_line(outcome)}")
            if out:
                _write(out, list(done.values()), record, judged.suite.set_size)
    except KeyboardInterrupt:
        ctrl_c.seen = True
    except (ChipError, StageError) as error:
        failure = error
    outcomes = [done[name] for name in judged.names if name in done]
    if out and outcomes:
        _write(out, list(done.values()), record, judged.suite.set_size)
    return outcomes, failure


def _is_as_it_was(suite: RtlSuite, outcome: Outcome) -> bool:
    """Whether the problem of an outcome still asks and judges the same."""
    name = outcome.problem
    return name in suite.names and digest(suite.load(name)) == outcome.digest


def _line(outcome: Outcome) -> str:
    if outcome.could_not_run:
        return f"{outcome.problem} could not run: {outcome.could_not_run}"
    passed = sum(sample.passed for sample in outcome.samples)
    return f"{outcome.problem}: {passed} of {len(outcome.samples)} passed"


def _write(
    folder: Path, outcomes: Sequence[Outcome], record: dict[str, Any], set_size: int | None
) -> None:
    ordered = sorted(outcomes, key=lambda outcome: outcome.problem)
    content = verilog_record.to_json(ordered, summary(ordered), record)
    write_text(folder / "verilog.json", json.dumps(content, indent=2) + "\n")
    write_text(folder / "verilog.md", to_markdown(ordered, record, set_size=set_size))
