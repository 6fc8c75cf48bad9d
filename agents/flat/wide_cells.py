"""Cells made wider than they are, so that rows keep room between them for wires."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from placement_env.errors import InputError
from placement_env.netlist import Netlist, NodeKind, Placement
from placement_env.row_legality import TOLERANCE_UM

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
    cells = np.flatnonzero((netlist.node_kind == NodeKind.STANDARD_CELL) & ~netlist.fixed)
    site_um, height_um = float(rows.site_width_um[0]), float(rows.height_um[0])
    sites = np.maximum(np.ceil((netlist.width_um[cells] - TOLERANCE_UM) / site_um), 1)
    area = netlist.width_um * netlist.height_um
    other = (netlist.node_kind == NodeKind.HARD_MACRO) | (
        (netlist.node_kind == NodeKind.STANDARD_CELL) & netlist.fixed
    )
    free = rows.sites.sum() * site_um * height_um - area[other].sum()
    fill = sites.sum() * site_um * height_um / max(free, 1e-300)
    factor = min(1 / density, _FULLEST / fill) if fill else 1.0
    if density == 1 or factor <= 1:
        return netlist
    # Rounding the running sum spreads the rounding error over the cells.
    wide = np.diff(np.rint(np.cumsum(sites * factor)), prepend=0)
    width_um = netlist.width_um.copy()
    width_um[cells] = np.maximum(np.minimum(wide, rows.sites.max()), sites) * site_um
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
