"""The numbers at the top of a report, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Mood = Literal["good", "bad", "warn", "fact"]


@dataclass(frozen=True)
class Tile:
    """One number of the verdict strip.

    Attributes:
        title: What it is about.
        value: The number with its unit, or a word.
        detail: What lies behind it, in a few words.
        mood: How to read it; shown as a word too, never by colour alone.
    """

    title: str
    value: str
    detail: str = ""
    mood: Mood = "fact"


def number(value: float) -> str:
    """A number for people: thousands grouped, about four significant digits."""
    if value == 0 or float(value).is_integer():
        return f"{value:,.0f}" if abs(value) < 1e15 else f"{value:.3g}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def verdict_tiles(metrics: Mapping[str, float], wall_s: float) -> list[Tile]:
    """Up to eight tiles, those whose numbers the run has."""
    tiles = [
        _legality(metrics),
        _function(metrics),
        _timing(metrics),
        _routing(metrics),
        _wirelength(metrics),
        _size(metrics),
        _die(metrics),
    ]
    tiles.append(Tile("Time", f"{number(round(wall_s, 1))} s", "spent in all stages"))
    return [tile for tile in tiles if tile is not None]


def _legality(metrics: Mapping[str, float]) -> Tile | None:
    counts = {
        "overlaps": metrics.get("placement__cell_overlaps__count"),
        "off site": metrics.get("placement__off_site__count"),
        "off row": metrics.get("placement__off_row__count"),
    }
    if any(count is None for count in counts.values()):
        return None
    detail = ", ".join(f"{count or 0:.0f} {what}" for what, count in counts.items())
    legal = not any(counts.values())
    return Tile("Placement", "legal" if legal else "illegal", detail, "good" if legal else "bad")


def _function(metrics: Mapping[str, float]) -> Tile | None:
    """Whether RTL and gates do what they should, as far as that was looked at.

    The mapping is from simple gates to the library: on its own it says nothing about the RTL.
    """
    checks = {
        "RTL simulated": metrics.get("simulate__status"),
        "gates simulated": metrics.get("gates__simulation__status"),
    }
    if (proven := metrics.get("gates__proven__count")) is not None:
        checks[f"{proven:.0f} points proven equal"] = 1.0
    done = {what: passed for what, passed in checks.items() if passed is not None}
    details = list(done)
    if (mapped := metrics.get("gates__mapping_proven__count")) is not None:
        details.append(f"mapping of {mapped:.0f} points proven")
    if not done and details:
        return Tile("Function", "mapping only", details[0], "warn")
    if not done:
        return Tile("Function", "not checked", "no test bench or no simulator", "warn")
    good = all(done.values())
    return Tile(
        "Function", "checked" if good else "wrong", ", ".join(details), "good" if good else "bad"
    )


def _timing(metrics: Mapping[str, float]) -> Tile | None:
    slack = metrics.get("timing__setup__ws_ns")
    if slack is None:
        return Tile("Timing", "not timed", "no timing analysis", "warn")
    total = metrics.get("timing__setup__tns_ns", 0.0)
    detail = "worst set-up slack" if slack >= 0 else f"worst slack; {total:.2f} ns in total"
    return Tile("Timing", f"{slack:+.3f} ns", detail, "good" if slack >= 0 else "bad")


def _routing(metrics: Mapping[str, float]) -> Tile | None:
    overflow = metrics.get("route__overflow__total")
    if overflow is None:
        return None
    usage = metrics.get("route__usage__max", 0.0)
    if overflow == 0:
        return Tile("Routing", "fits", f"fullest edge {usage:.0%} of its tracks", "good")
    edges = metrics.get("route__overflow__edge_count", 0.0)
    return Tile("Routing", f"{number(overflow)} over", f"on {number(edges)} grid edges", "bad")


def _wirelength(metrics: Mapping[str, float]) -> Tile | None:
    length = metrics.get("placement__wirelength__hpwl_um")
    if length is None:
        return None
    wires = metrics.get("route__wirelength__estimated_um")
    detail = f"half-perimeter; wires {wires / 1000:,.2f} mm" if wires else "half-perimeter"
    return Tile("Wirelength", f"{length / 1000:,.2f} mm", detail)


def _size(metrics: Mapping[str, float]) -> Tile | None:
    cells = metrics.get("placement__cell__count", metrics.get("synthesis__instance__count"))
    if cells is None:
        return None
    macros = metrics.get("placement__macro__count", metrics.get("synthesis__memory__count", 0.0))
    return Tile("Cells", number(cells), f"and {macros:.0f} memories" if macros else "no memories")


def _die(metrics: Mapping[str, float]) -> Tile | None:
    width, height = (metrics.get(f"floorplan__die__{side}_um") for side in ("width", "height"))
    if width is None or height is None:
        return None
    fill = metrics.get("floorplan__core__utilization")
    detail = "" if fill is None else f"core {fill:.0%} full"
    return Tile("Die", f"{width:.4g} x {height:.4g} um", detail)
