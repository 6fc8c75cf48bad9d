"""Scores as lines for people."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.files import Benchmark
from benchmarks.placement import nominal
from benchmarks.table import number
from placement_env.metrics import METRICS


def score_lines(benchmark: Benchmark, scores: Mapping[str, float]) -> list[str]:
    """The design, a line a score with unit and meaning, and a line a published number."""
    width = max(len(name) for name in scores)
    lines = [benchmark.name]
    for name, value in scores.items():
        metric = METRICS[name]
        unit = metric.unit
        if unit == "um" and benchmark.netlist.unit_um is None:
            unit = "units"
        digits = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4f}"
        lines.append(f"  {name:<{width}}  {digits:>14} {unit:<5}  {metric.meaning}")
    robust = "placement__proxy__cost__robust"
    for entry in benchmark.published:
        if entry.metric in scores:
            compared = f"this is {scores[entry.metric] / entry.value - 1:+.1%}"
            if robust in scores and nominal(robust) == entry.metric:
                compared += f", robust {scores[robust] / entry.value - 1:+.1%}"
            lines.append(
                f"  published {number(entry.value)} ({compared}): {entry.label}; {entry.source}"
            )
    return lines
