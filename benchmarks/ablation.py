"""What the parts of the agent are worth: equal runs with and without them, side by side."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benchmarks.table import markdown_table
from placement_env.errors import InputError
from placement_env.formats.text import read_text, write_text


@dataclass(frozen=True)
class AblationRun:
    """One run of one arm.

    Attributes:
        arm: Name of what ran.
        design: Name of the benchmark.
        start: "nothing" or "given".
        budget_s: The time that it had.
        seed: Its seed.
        robust_cost: Robust proxy cost of the result.
        cost: Nominal proxy cost.
        legal: Whether the result is legal.
        wall_s: The time that it took.
        problem: A hash of the netlist and its start.
    """

    arm: str
    design: str
    start: str
    budget_s: float
    seed: int
    robust_cost: float
    cost: float
    legal: bool
    wall_s: float
    problem: str = ""

    @property
    def key(self) -> tuple[str, str, str, float, int]:
        """What tells it from other runs."""
        return self.arm, self.design, self.start, self.budget_s, self.seed


def read_runs(
    path: Path, made_with: Mapping[str, Any], problems: Mapping[str, str] = MappingProxyType({})
) -> list[AblationRun]:
    """The runs of an earlier call that were made alike; none if there is no such file.

    Args:
        path: The file.
        made_with: What must be the same.
        problems: Hashes of designs; runs of another problem of the same name are left out.

    Raises:
        InputError: The file is damaged.
    """
    if not path.exists():
        return []
    try:
        record = json.loads(read_text(path))
        if record["made_with"] != dict(made_with):
            return []
        runs = [AblationRun(**run) for run in record["runs"]]
        return [run for run in runs if problems.get(run.design, run.problem) == run.problem]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"the runs cannot be read: {error}",
            where=str(path),
            hint="remove it, or name another folder with --out",
        ) from None


def write_runs(path: Path, made_with: Mapping[str, Any], runs: Iterable[AblationRun]) -> None:
    """Write the runs and how they were made."""
    record = {"made_with": dict(made_with), "runs": [asdict(run) for run in runs]}
    write_text(path, json.dumps(record, indent=1) + "\n")


def medians(runs: Iterable[AblationRun]) -> dict[tuple[str, str, float, str], float]:
    """Median robust costs by start, design, budget and arm."""
    costs: dict[tuple[str, str, float, str], list[float]] = {}
    for run in runs:
        costs.setdefault((run.start, run.design, run.budget_s, run.arm), []).append(run.robust_cost)
    return {key: statistics.median(values) for key, values in costs.items()}


def to_markdown(runs: Sequence[AblationRun], arms: Sequence[str], baseline: str) -> str:
    """Tables of medians, for each start; other arms than the baseline with the change against it.

    Args:
        runs: All runs.
        arms: Names of the arms, in the order of the columns.
        baseline: The arm that others are compared with.
    """
    found = medians(runs)
    lines: list[str] = []
    for start in dict.fromkeys(run.start for run in runs):
        at = [key for key in found if key[0] == start]
        shown = [arm for arm in arms if any(key[3] == arm for key in at)]
        rows = [["budget s", "design", *shown]]
        for budget_s in sorted({key[2] for key in at}):
            changes: dict[str, list[float]] = {arm: [] for arm in shown}
            for design in dict.fromkeys(key[1] for key in at):
                row = [f"{budget_s:g}", design]
                base = found.get((start, design, budget_s, baseline))
                for arm in shown:
                    median = found.get((start, design, budget_s, arm))
                    row.append("–" if median is None else f"{median:.4f}")
                    if median is not None and base is not None and arm != baseline:
                        change = median / base - 1
                        changes[arm].append(change)
                        row[-1] += f" ({change:+.1%})"
                rows.append(row)
            means = [
                f"{statistics.fmean(changes[arm]):+.2%}" if changes[arm] else "" for arm in shown
            ]
            rows.append([f"{budget_s:g}", "mean", *means])
        seeds = len({run.seed for run in runs if run.start == start})
        lines += [f"From {start}, medians of {seeds} seeds:", "", *markdown_table(rows), ""]
    illegal = sum(not run.legal for run in runs)
    if illegal:
        lines += [f"{illegal} results are not legal.", ""]
    return "\n".join(lines)


def targets_to_markdown(runs: Sequence[AblationRun], baseline: str, arm: str) -> str:
    """A table of the seconds that an arm needs for what the baseline reaches."""
    rows = [["start", "design", f"{baseline}, s", f"{arm}, s"]]
    for start, design, budget_s, enough in time_to_target(runs, baseline, arm):
        rows.append([start, design, f"{budget_s:g}", "more" if enough is None else f"{enough:g}"])
    title = f"Shortest of the budgets with which {arm} reaches what {baseline} does:"
    return "\n".join([title, "", *markdown_table(rows), ""])


def time_to_target(
    runs: Sequence[AblationRun], baseline: str, arm: str
) -> list[tuple[str, str, float, float | None]]:
    """The shortest budget with which an arm reaches what the baseline does, in budgets that ran.

    Returns:
        Start, design, the baseline's budget, and the arm's budget; None where none is enough.
    """
    found = medians(runs)
    reached = []
    for (start, design, budget_s, name), target in found.items():
        if name != baseline:
            continue
        enough = [
            key[2]
            for key, cost in found.items()
            if key[:2] == (start, design) and key[3] == arm and cost <= target
        ]
        reached.append((start, design, budget_s, min(enough, default=None)))
    return reached
