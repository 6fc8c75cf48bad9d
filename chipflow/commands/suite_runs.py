"""Runs of one placer over a suite, kept in a folder as they end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import registry
from benchmarks.files import Benchmark
from benchmarks.kept_runs import read_runs
from benchmarks.placement import Result, RunKey, run_suite
from benchmarks.table import run_line, to_json, to_markdown
from chipflow import code_version
from chipflow.commands.inputs import compile_for, make_folder
from chipflow.commands.interrupt import Interrupts
from chipflow.commands.macro_options import MacroOptions
from chipflow.commands.placer_version import placer_version
from chipflow.commands.progress_lines import ProgressLines
from placement_env.errors import ChipError, InputError
from placement_env.formats.text import write_text


@dataclass(frozen=True)
class SuiteRuns:
    """One placer on some designs of a suite, with each budget and each seed.

    Attributes:
        suite: Name of the suite.
        designs: Its designs that are placed.
        budgets_s: Seconds for the placer.
        seeds: Seeds.
        start: Name of the placement to start from; "none" for no start.
        options: The placer and its options.
    """

    suite: str
    designs: Sequence[str]
    budgets_s: Sequence[float]
    seeds: Sequence[int]
    start: str
    options: MacroOptions

    def made_with(self) -> dict[str, Any]:
        """What runs depend on besides design, budget and seed; runs are kept where it is the same.

        Raises:
            InputError: The placer is unknown, or a checkpoint that is not there.
        """
        return {
            "suite": self.suite,
            "start": self.start,
            **self.options.record(),
            "chipflow": version("chipflow-hybrid"),
            "code": code_version.digest_behind("agents.placers", "benchmarks.placement"),
            "placer": placer_version(self.options.agent),
        }


def budgets(words: str) -> list[float]:
    """The seconds of a `--budget`.

    Raises:
        InputError: They are no positive numbers, separated by commas.
    """
    try:
        budgets_s = [float(part) for part in words.split(",")]
    except ValueError:
        budgets_s = []
    if not budgets_s or not all(0 < budget_s < float("inf") for budget_s in budgets_s):
        raise InputError(
            f"--budget is {words!r}, expected seconds above 0, separated by commas",
            hint="for example --budget 10,60",
        )
    return budgets_s


def run_and_keep(
    runs: SuiteRuns, out: Path | None, show: ProgressLines, ctrl_c: Interrupts
) -> tuple[list[Result], list[ChipError]]:
    """Make the runs that are not in `out` yet, and write `results.json` and `results.md` there.

    A design that fails does not stop the others.

    Args:
        runs: What to run.
        out: The folder; None keeps nothing.
        show: Is told what is going on.
        ctrl_c: When it has seen one, what was not finished is dropped and the others returned.

    Returns:
        The runs, and what went wrong with designs that could not be read or placed.

    Raises:
        ChipError: All designs failed, for the reason that the first one did; or the placer is
            unknown, or the folder cannot be written.
    """
    made_with = runs.made_with()
    known: dict[RunKey, Result] = {}
    if out:
        before = read_runs(make_folder(out) / "results.json", made_with)
        known = {result.key: result for result in before.results}
        asked = {(d, b, seed) for d in runs.designs for b in runs.budgets_s for seed in runs.seeds}
        if kept := len(asked & known.keys()):
            show.say(f"{kept} of {len(asked)} runs are kept from {out / 'results.json'}")
        if before.made_otherwise:
            show.say(
                f"{before.made_otherwise} runs in {out / 'results.json'} are replaced, since this "
                f"is not the same any more: {', '.join(before.changed)}"
            )
    first = "initial" if runs.start == "none" else runs.start

    def begin(benchmark: Benchmark, budget_s: float, seed: int) -> None:
        runs.options.check(benchmark.netlist, benchmark.placements[first], budget_s)
        compile_for(benchmark, runs.options.agent, show.say)
        show.say(f"{benchmark.name}: {budget_s:g} s, seed {seed}")

    results: list[Result] = []
    failures: list[ChipError] = []
    for design in runs.designs:
        try:
            for result in run_suite(
                lambda netlist, start, *, budget_s, seed: runs.options.place(
                    netlist, start, budget_s=budget_s, seed=seed, progress=show
                ),
                [design],
                budgets_s=runs.budgets_s,
                seeds=runs.seeds,
                start=first,
                kept=known,
                begin=begin,
            ):
                if ctrl_c.seen:  # the placer has returned early what it had
                    break
                results.append(result)
                if result.key in known:
                    continue
                show.say(run_line(result))
                known[result.key] = result
                if out:
                    _write(out, list(known.values()), made_with)
        except ChipError as error:
            failures.append(error)
            show.say(f"{design} failed: {error.message}")
        except KeyboardInterrupt:
            ctrl_c.seen = True
        if ctrl_c.seen:
            break
    if failures and not results and not ctrl_c.seen:
        raise failures[0]
    return results, failures


def _write(folder: Path, results: Sequence[Result], made_with: dict[str, Any]) -> None:
    """Write all runs in the order of design, budget and seed."""
    place = {name: k for k, name in enumerate(registry.names())}
    ordered = sorted(results, key=lambda r: (place[r.design], r.budget_s, r.seed))
    write_text(folder / "results.json", json.dumps(to_json(ordered, made_with), indent=2) + "\n")
    write_text(folder / "results.md", to_markdown(ordered))
