"""Cells made wider than they are, so that rows keep room between them for wires."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from agents.flat.zones import Zone, zones_of
from placement_env.cut_rows import rows_area_um2
from placement_env.errors import InputError
from placement_env.netlist import FloatArray, IntArray, Netlist, NodeKind, Placement, Rows
from placement_env.row_legality import TOLERANCE_UM

# How full cells make the rows where they are spread: any closer, not all find a place nearby.
_LOOSE = 0.97
# The fullest that wide cells may make the rows: their legalisation needs some slack.
_FULLEST = 0.93


def widened(netlist: Netlist, density: float) -> Netlist:
    """The netlist with cells so wide that rows are at most `density` full of real ones.

    Args:
        netlist: A flat netlist with rows.
        density: Above 0, up to 1. Rows that are fuller than that anyway become evenly full.

    Raises:
        InputError: The density is out of range.
    """
    if not 0 < density <= 1:
        raise InputError(f"cell density is {density:g}, expected above 0 and up to 1")
    rows = netlist.rows
    assert rows is not None
    if density == 1:
        return netlist
    site_um, height_um = float(rows.site_width_um[0]), float(rows.height_um[0])
    sites = np.maximum(np.ceil((netlist.width_um - TOLERANCE_UM) / site_um), 1)
    width_um = netlist.width_um.copy()
    for zone, cells, fill in _fills(netlist, sites * site_um * height_um):
        factor = min(1 / density, _FULLEST / fill)
        if factor <= 1:
            continue
        # Rounding the running sum spreads the rounding error over the cells.
        wide = np.diff(np.rint(np.cumsum(sites[cells] * factor)), prepend=0)
        most = np.maximum(zone.rows.sites.max(), sites[cells])
        width_um[cells] = np.clip(wide, sites[cells], most) * site_um
    return replace(netlist, width_um=width_um)


def loosened(netlist: Netlist) -> Netlist:
    """The netlist with cells a little wider, for spreading them; no whole sites any more."""
    width_um = netlist.width_um.copy()
    for _, cells, fill in _fills(netlist, netlist.width_um * netlist.height_um):
        width_um[cells] *= min(1 / _LOOSE, max(1 / fill, 1.0))
    return replace(netlist, width_um=width_um)


def narrowed(netlist: Netlist, wide: Netlist, placement: Placement) -> Placement:
    """The placement of wide cells for those of the netlist, on the sites in their middle."""
    rows = netlist.rows
    assert rows is not None
    site_um = float(rows.site_width_um[0])
    slack = wide.width_um - netlist.width_um
    # Left edges stay whole sites apart from those of the wide cells.
    left = np.floor(slack / 2 / site_um + 1e-6) * site_um
    return replace(placement, x_um=placement.x_um + np.where(slack > 0, left - slack / 2, 0.0))


def _fills(netlist: Netlist, area: FloatArray) -> Iterator[tuple[Zone, IntArray, float]]:
    """The zones, the movable cells of each, and how full of cells with these areas it becomes.

    Macros and fixed cells take their area from their zone, wherever they are. The zones that share
    rows count as one where they are fuller together.
    """
    zones = zones_of(netlist)
    cell = netlist.node_kind == NodeKind.STANDARD_CELL
    taken = (netlist.node_kind == NodeKind.HARD_MACRO) | (cell & netlist.fixed)
    free = cell & ~netlist.fixed
    size = netlist.width_um * netlist.height_um
    shared = np.logical_or.reduce([zone.bound for zone in zones if not zone.closed])

    def fill(rows: Rows, bound: NDArray[np.bool_]) -> float:
        room = rows_area_um2(rows) - size[taken & bound].sum()
        return max(float(area[free & bound].sum() / max(room, 1e-300)), 1e-300)

    together = fill(zones[-1].rows, shared)
    for zone in zones:
        cells = np.flatnonzero(free & zone.bound)
        if cells.size:
            yield zone, cells, max(fill(zone.rows, zone.bound), 0.0 if zone.closed else together)
