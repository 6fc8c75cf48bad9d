"""Cells made wider than they are, so that rows keep room between them for wires."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from placement_env.errors import InputError
from placement_env.netlist import IntArray, Netlist, NodeKind, Placement
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
    cells = _movable_cells(netlist)
    site_um, height_um = float(rows.site_width_um[0]), float(rows.height_um[0])
    sites = np.maximum(np.ceil((netlist.width_um[cells] - TOLERANCE_UM) / site_um), 1)
    fill = sites.sum() * site_um * height_um / _free_area(netlist)
    factor = min(1 / density, _FULLEST / fill) if fill else 1.0
    if density == 1 or factor <= 1:
        return netlist
    # Rounding the running sum spreads the rounding error over the cells.
    wide = np.diff(np.rint(np.cumsum(sites * factor)), prepend=0)
    width_um = netlist.width_um.copy()
    width_um[cells] = np.maximum(np.minimum(wide, rows.sites.max()), sites) * site_um
    return replace(netlist, width_um=width_um)


def loosened(netlist: Netlist) -> Netlist:
    """The netlist with cells a little wider, for spreading them; no whole sites any more."""
    cells = _movable_cells(netlist)
    area = (netlist.width_um * netlist.height_um)[cells].sum()
    factor = min(1 / _LOOSE, max(_free_area(netlist) / max(area, 1e-300), 1.0))
    width_um = netlist.width_um.copy()
    width_um[cells] *= factor
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


def _movable_cells(netlist: Netlist) -> IntArray:
    return np.flatnonzero((netlist.node_kind == NodeKind.STANDARD_CELL) & ~netlist.fixed)


def _free_area(netlist: Netlist) -> float:
    """Area of the rows less that of macros and fixed cells, wherever those are."""
    rows = netlist.rows
    assert rows is not None
    taken = netlist.node_kind == NodeKind.HARD_MACRO
    taken |= (netlist.node_kind == NodeKind.STANDARD_CELL) & netlist.fixed
    room = (rows.sites * rows.site_width_um * rows.height_um).sum()
    return max(float(room - (netlist.width_um * netlist.height_um)[taken].sum()), 1e-300)
