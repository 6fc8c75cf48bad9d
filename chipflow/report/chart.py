"""A line chart as inline SVG that takes its colours from the page, light or dark."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

WIDTH, HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 12, 42


def line_chart(
    x: Sequence[float], y: Sequence[float], *, x_label: str, y_label: str, summary: str
) -> Markup:
    """A step line through the points (x, y), both ascending in time.

    Args:
        x: Positions; at least one.
        y: Values.
        x_label: Name and unit of the x axis.
        y_label: Name and unit of the y axis.
        summary: What the chart shows, in words, for readers who do not see it.
    """
    x_ticks = nice_ticks(min(0.0, *x), max(x), 6)
    y_ticks = nice_ticks(min(y), max(y), 5)
    x_low, x_high = x_ticks[0], max(x_ticks[-1], max(x))
    y_low, y_high = y_ticks[0], y_ticks[-1]

    def at_x(value: float) -> float:
        return _LEFT + (value - x_low) / (x_high - x_low) * (WIDTH - _LEFT - _RIGHT)

    def at_y(value: float) -> float:
        return HEIGHT - _BOTTOM - (value - y_low) / (y_high - y_low) * (HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(summary)}">'
    ]
    for tick in y_ticks:
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" '
            f'y1="{at_y(tick):.1f}" y2="{at_y(tick):.1f}"/>'
            f'<text x="{_LEFT - 8}" y="{at_y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>'
        )
    for tick in x_ticks:
        parts.append(
            f'<text x="{at_x(tick):.1f}" y="{HEIGHT - _BOTTOM + 18}" '
            f'text-anchor="middle">{tick:g}</text>'
        )
    points = [f"M{at_x(x[0]):.1f} {at_y(y[0]):.1f}"]
    points += [f"H{at_x(a):.1f}V{at_y(b):.1f}" for a, b in zip(x[1:], y[1:], strict=True)]
    parts.append(f'<path class="line" d="{"".join(points)}"/>')
    parts.append(
        f'<text x="{(_LEFT + WIDTH - _RIGHT) / 2:.0f}" y="{HEIGHT - 6}" '
        f'text-anchor="middle">{escape(x_label)}</text>'
        f'<text transform="translate(14 {(HEIGHT - _BOTTOM + _TOP) / 2:.0f}) rotate(-90)" '
        f'text-anchor="middle">{escape(y_label)}</text></svg>'
    )
    return Markup("".join(parts))


def nice_ticks(low: float, high: float, wished: int) -> list[float]:
    """Round numbers, about `wished` of them, that enclose low and high."""
    if high - low <= 1e-12 * max(abs(low), abs(high), 1e-300):
        pad = abs(low) / 10 or 1.0
        low, high = low - pad, high + pad
    rough = (high - low) / max(wished - 1, 1)
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]
