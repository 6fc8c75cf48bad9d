"""Measurements of speed as JSON and as a Markdown table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.speed import COSTS, QUANTITIES, RATES, DesignSpeed

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))


def to_json(speeds: Sequence[DesignSpeed], machine: Mapping[str, str | int]) -> dict:
    """Plain values of the measurements, for `json.dump`."""
    return {
        "machine": dict(machine),
        "designs": [
            {
                "design": speed.design,
                "timings": {name: vars(timing) for name, timing in speed.timings.items()},
                "per_s": {name: speed.rate(name) for name in RATES},
                "plain_over": {name: speed.ratio(name) for name in COSTS if name in speed.timings},
                "plain_difference": speed.difference,
            }
            for speed in speeds
        ],
    }


def to_markdown(speeds: Sequence[DesignSpeed], machine: Mapping[str, str | int]) -> str:
    """A table with a column a design: median (minimum), then rates and ratios."""
    rows = [["", *(speed.design for speed in speeds)]]
    for name, meaning in QUANTITIES.items():
        cells = []
        for speed in speeds:
            timing = speed.timings.get(name)
            cells.append(_spell(timing.median_s, timing.least_s) if timing else "–")
        rows.append([meaning, *cells])
    for name, meaning in RATES.items():
        rows.append([meaning, *(f"{s.rate(name):,.0f}" for s in speeds)])
    for name in COSTS:
        cells = [f"{s.ratio(name):,.0f}x" if name in s.timings else "–" for s in speeds]
        rows.append([f"plain Python / {QUANTITIES[name]}", *cells])
    rows.append(
        ["largest difference of a cost from plain Python", *(f"{s.difference:.1e}" for s in speeds)]
    )
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    calls = speeds[0].timings if speeds else {}
    counts = ", ".join(f"{QUANTITIES[name]}: {timing.calls}" for name, timing in calls.items())
    facts = ", ".join(f"{name} {value}" for name, value in machine.items())
    lines += [
        "",
        "Wall time on one core where not said otherwise, kernels compiled before: median (minimum) "
        "of interleaved calls; macros differ in their nets. Ratios are of medians. "
        f"Calls: {counts}.",
        "",
        f"Machine: {facts}.",
    ]
    return "\n".join(lines) + "\n"


def _spell(median_s: float, least_s: float) -> str:
    """Both in the unit that suits the median, three digits."""
    scale, unit = next((u for u in _UNITS if median_s >= u[0]), _UNITS[-1])
    return f"{_digits(median_s / scale)} ({_digits(least_s / scale)}) {unit}"


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
