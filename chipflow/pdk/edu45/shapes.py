"""Where a cell's metal1 shapes are: shared by LEF and GDS so that they agree."""

from __future__ import annotations

from dataclasses import dataclass

from chipflow.pdk.edu45.cells import Cell
from chipflow.pdk.edu45.process import (
    METALS,
    RAIL_HALF_WIDTH_UM,
    ROW_HEIGHT_UM,
    SITE_WIDTH_UM,
)

Box = tuple[float, float, float, float]  # x low, y low, x high, y high in um

_BAR_LOW_UM, _BAR_HIGH_UM = 0.3, 1.1


@dataclass(frozen=True)
class Shapes:
    """metal1 of a cell: one bar a site column, each a pin or inner wiring, between two rails."""

    pins: dict[str, Box]
    inner: tuple[Box, ...]
    rails: dict[str, Box]


def shapes(cell: Cell) -> Shapes:
    """The shapes of a cell, in um from its lower left corner.

    Pin bars stand on metal2 tracks, spread evenly over the width; the other columns hold wiring.
    """
    count = len(cell.pins)
    columns = {pin: (2 * i + 1) * cell.sites // (2 * count) for i, pin in enumerate(cell.pins)}
    free = [column for column in range(cell.sites) if column not in columns.values()]
    is_empty = cell.kind.role in ("fill", "tap")
    return Shapes(
        pins={pin: _bar(column) for pin, column in columns.items()},
        inner=() if is_empty else tuple(_bar(column) for column in free),
        rails={
            "VDD": _rail(cell, ROW_HEIGHT_UM),
            "VSS": _rail(cell, 0.0),
        },
    )


def _bar(column: int) -> Box:
    centre = (column + 0.5) * SITE_WIDTH_UM
    half = METALS[0].width_um / 2
    return (centre - half, _BAR_LOW_UM, centre + half, _BAR_HIGH_UM)


def _rail(cell: Cell, y_um: float) -> Box:
    return (0.0, y_um - RAIL_HALF_WIDTH_UM, cell.width_um, y_um + RAIL_HALF_WIDTH_UM)
