"""Scores as lines for people."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.files import Benchmark
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
    for entry in benchmark.published:
        if entry.metric in scores:
            change = scores[entry.metric] / entry.value - 1
            lines.append(
                f"  published {number(entry.value)} (this is {change:+.1%}): {entry.label}; "
                f"{entry.source}"
            )
    return lines
