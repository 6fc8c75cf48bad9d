"""The cost of a placement over the time of its search, as a chart: in the report or on its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from agents.progress import PROXY_COST
from benchmarks.table import number
from chipflow.report.chart import line_chart

#: The look of the chart outside the report, whose page has colours of its own.
_STYLE = (
    "<style>.chart{background:#fff;font:12px sans-serif}text{fill:#444}"
    ".grid{stroke:#ddd}.line{fill:none;stroke:#0072b2;stroke-width:2}</style>"
)


def cost_over_time(history: Mapping[str, Any]) -> tuple[Markup, str] | None:
    """The chart of a history and its caption; None where it has less than two points.

    Args:
        history: `elapsed_s`, `cost`, `moves` and `measure`, as `agents.history.CostHistory` writes
            them.
    """
    points = [
        (float(t), float(cost))
        for t, cost in zip(history.get("elapsed_s", ()), history.get("cost", ()), strict=False)
        if math.isfinite(t) and math.isfinite(cost)
    ]
    if len(points) < 2:
        return None
    seconds, cost = zip(*points, strict=True)
    measure = str(history.get("measure", PROXY_COST))
    first, last = (number(value) for value in (cost[0], cost[-1]))
    caption = (
        f"{measure.capitalize()} of the placement: {first} at the first report, {last} "
        f"after {seconds[-1]:.1f} s"
    )
    moves = history.get("moves", [0])[-1]
    caption += f" and {moves:,} moves." if moves else "."
    chart = line_chart(seconds, cost, x_label="seconds", y_label=measure, summary=caption)
    return chart, caption


def svg_file(chart: Markup) -> str:
    """The chart as the text of an .svg file."""
    opening, rest = str(chart).split(">", 1)
    return f'{opening} xmlns="http://www.w3.org/2000/svg">{_STYLE}{rest}\n'
