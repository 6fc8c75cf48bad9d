"""Where placers stand on a suite: ours, baselines and what others have published, best first."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isnan, nan
from pathlib import Path
from typing import Any

from benchmarks import registry
from benchmarks.kept_runs import Record, read_record
from benchmarks.placement import main_metric, nominal
from benchmarks.published import published
from benchmarks.summary import Summary, summarize
from placement_env.errors import InputError


@dataclass(frozen=True)
class Standing:
    """One placer on one suite: a row of the scoreboard.

    Attributes:
        placer: Name of the placer with the options that are not its own, or of a publication.
        source: Where a published result is stated; empty for results of ours.
        budget_s: Seconds that the placer was given; None for publications.
        seeds: The most runs that a median is of; 0 for publications.
        values: The score that the suite is judged by, by design; the median of the seeds.
        illegal: Designs on which a run did not end legal.
        over_best: Geometric mean, over its designs, of its value over the best legal one known.
        wall_s: The longest median wall time of a design; None for publications.
        memory_bytes: The most memory that a median run took; None where nobody measured.
    """

    placer: str
    source: str
    budget_s: float | None
    seeds: int
    values: Mapping[str, float]
    illegal: frozenset[str]
    over_best: float
    wall_s: float | None
    memory_bytes: float | None


@dataclass(frozen=True)
class Board:
    """A suite's scoreboard.

    Attributes:
        suite: Name of the suite.
        metric: The score that it is judged by, lower is better.
        designs: Those that some placer of ours has placed, in the order of the suite.
        best: The best legal value of each design, published or ours.
        standings: Best first; placers that were not legal everywhere come last.
    """

    suite: str
    metric: str
    designs: tuple[str, ...]
    best: Mapping[str, float]
    standings: tuple[Standing, ...]


def read_records(folder: Path) -> list[Record]:
    """All results.json under a folder, in the order of their paths.

    Raises:
        InputError: There is none, or one is not what `chipflow bench` writes.
    """
    files = sorted(folder.rglob("results.json"))
    if not files:
        raise InputError(
            "there are no results of benchmarks",
            where=str(folder),
            hint=f"make some: chipflow bench all --out {folder}",
        )
    return [read_record(file) for file in files]


def scoreboard(records: Iterable[Record]) -> list[Board]:
    """One board a suite, in the order of the registry.

    Of several records of one placer with one budget, that with the most seeds counts on a design.

    Raises:
        InputError: A record is of a suite that is not in the registry.
    """
    rows: dict[str, dict[tuple[str, float, str], Summary]] = {}
    for record in records:
        suite = str(record.made_with.get("suite"))
        registry.designs_of(suite)
        name = placer_name(record.made_with)
        known = rows.setdefault(suite, {})
        for row in summarize(record.results):
            key = (name, row.budget_s, row.design)
            if key not in known or row.runs > known[key].runs:
                known[key] = row
    return [_board(suite, rows[suite]) for suite in registry.SUITES if suite in rows]


def placer_name(made_with: Mapping[str, Any]) -> str:
    """The placer with the options that are not its own, such as "search, hard macros alone"."""
    words = [str(made_with.get("agent"))]
    start = made_with.get("start", "initial")
    words += ["hard macros alone"] * bool(made_with.get("hard_only"))
    words += ["with flips"] * bool(made_with.get("flips"))
    if start != "initial":
        words.append("from nothing" if start == "none" else f"from {start}")
    words += [
        f"{option} {made_with[option]}"
        for option in ("gap_um", "grid_um", "moves", "fixed")
        if made_with.get(option)
    ]
    return ", ".join(words)


def _board(suite: str, rows: Mapping[tuple[str, float, str], Summary]) -> Board:
    """The board of a suite from a summary for each placer, budget and design."""
    placed = {design for _, _, design in rows}
    designs = [design for design in registry.designs_of(suite) if design in placed]
    metric = main_metric(next(iter(rows.values())).median_scores)
    standings = [
        _ours(name, budget_s, [row for key, row in rows.items() if key[:2] == (name, budget_s)])
        for name, budget_s in dict.fromkeys(key[:2] for key in rows)
    ]
    standings += _theirs(designs, metric)
    best = {
        design: min(
            (
                row.values[design]
                for row in standings
                if design in row.values and design not in row.illegal
            ),
            default=nan,
        )
        for design in designs
    }
    ranked = sorted(
        (_against(row, best) for row in standings),
        key=lambda row: (bool(row.illegal), row.over_best, row.placer),
    )
    return Board(suite, metric, tuple(designs), best, tuple(ranked))


def _ours(placer: str, budget_s: float, rows: Sequence[Summary]) -> Standing:
    memory = [m for row in rows if (m := row.median_scores.get("memory__peak_bytes"))]
    return Standing(
        placer=placer,
        source="",
        budget_s=budget_s,
        seeds=max(row.runs for row in rows),
        values={row.design: row.median for row in rows},
        illegal=frozenset(row.design for row in rows if row.legal_runs < row.runs),
        over_best=nan,
        wall_s=max(row.wall_s for row in rows),
        memory_bytes=max(memory, default=None),
    )


def _theirs(designs: Sequence[str], metric: str) -> list[Standing]:
    """A row for each published set of results."""
    sets: dict[tuple[str, str], dict[str, float]] = {}
    for design in designs:
        for entry in published(design):
            if entry.metric in (metric, nominal(metric)):
                sets.setdefault((entry.label, entry.source), {})[design] = entry.value
    return [
        Standing(label, source, None, 0, values, frozenset(), nan, None, None)
        for (label, source), values in sets.items()
    ]


def _against(row: Standing, best: Mapping[str, float]) -> Standing:
    """The row with its `over_best`; designs of which no legal value is known do not count."""
    ratios = [value / best[d] for d, value in row.values.items() if not isnan(best[d])]
    return replace(row, over_best=statistics.geometric_mean(ratios) if ratios else inf)
