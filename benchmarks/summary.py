"""Several runs of a placer on one design summed up: median, mean and best of the seeds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.placement import Result, nominal
from benchmarks.published import Published


@dataclass(frozen=True)
class Summary:
    """The runs of one design with one budget.

    Attributes:
        design: Name of the benchmark.
        budget_s: The time that the placer was given.
        runs: How many seeds.
        metric: The score that the design is judged by, lower is better.
        median: Median of that score.
        mean: Its mean.
        best: Its minimum.
        median_scores: All scores of the run whose score is the median; of the better one of the
            two in the middle where the runs are even in number.
        legal_runs: How many runs ended legal.
        wall_s: Median wall time.
        published: What others have reached on the design, in the score or the one that stands
            for it (`benchmarks.placement.nominal`).
    """

    design: str
    budget_s: float
    runs: int
    metric: str
    median: float
    mean: float
    best: float
    median_scores: dict[str, float]
    legal_runs: int
    wall_s: float
    published: tuple[Published, ...]


def summarize(results: Sequence[Result]) -> list[Summary]:
    """One summary a design and budget, in the order of the results."""
    groups: dict[tuple[str, float], list[Result]] = {}
    for result in results:
        groups.setdefault((result.design, result.budget_s), []).append(result)
    return [_summary(group) for group in groups.values()]


def _summary(group: Sequence[Result]) -> Summary:
    metric = group[0].metric
    ranked = sorted(group, key=lambda result: (result.scores[metric], result.seed))
    values = [result.scores[metric] for result in ranked]
    return Summary(
        design=group[0].design,
        budget_s=group[0].budget_s,
        runs=len(group),
        metric=metric,
        median=statistics.median(values),
        mean=statistics.fmean(values),
        best=values[0],
        median_scores=ranked[(len(ranked) - 1) // 2].scores,
        legal_runs=sum(result.legal for result in group),
        wall_s=statistics.median(result.scores["time__wall_s"] for result in group),
        published=tuple(
            entry for entry in group[0].published if entry.metric in (metric, nominal(metric))
        ),
    )
