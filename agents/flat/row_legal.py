"""Standard cells put on rows and sites near where a global placement wants them.

Cells join rows as Abacus has it (`agents.flat.abacus`). Where that order leaves cells without room,
narrower cells make room for them (`agents.flat.make_room`), and the cells of each part of a row are
then put in order again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from agents.flat.abacus import Wishes, choose_parts, empty_clusters, place_in_order
from agents.flat.make_room import make_room
from agents.flat.site_rows import SiteRows, site_rows
from agents.flat.zones import Zone, zone_netlist
from placement_env.errors import InputError
from placement_env.netlist import (
    ORIENT_MATRIX,
    IntArray,
    Netlist,
    NodeKind,
    Orient,
    Placement,
)

#: Making room gives up after so many steps for each cell that has none, and a few more.
_STEPS_PER_CELL = 200


def legalize_rows(netlist: Netlist, wanted: Placement) -> Placement:
    """Put all movable standard cells on sites, without overlap and with little movement.

    Rows are chosen so that the sum of squared movements, weighted by the cells' widths, grows
    least; within a part of a row it is then the least for these cells in this order. Everything
    else stays where `wanted` has it and cuts the rows: macros, and fixed cells such as well taps.
    Cells take the orientation of their row, mirrored about y where `wanted` has them mirrored (S or
    FN).

    Args:
        netlist: A flat netlist with rows.
        wanted: Positions of all nodes; those of movable cells need not be legal.

    Raises:
        InputError: There are no rows, cells of more than one row's height, movable soft macros,
            nodes without a position, or more cells than the rows hold.
    """
    rows = site_rows(netlist, wanted)
    if len(rows.cells) == 0:
        return wanted
    lost = rows.cells[~(np.isfinite(wanted.x_um) & np.isfinite(wanted.y_um))[rows.cells]]
    if lost.size:
        raise InputError(
            f"cell {netlist.node_name[lost[0]]} has no position ({lost.size} cells have none)",
            where=netlist.name,
            hint="place the cells globally before they are legalised",
        )
    wishes = Wishes(
        left_um=wanted.x_um[rows.cells] - netlist.width_um[rows.cells] / 2,
        bottom_um=wanted.y_um[rows.cells] - netlist.height_um[rows.cells] / 2,
        sites=rows.sites,
        weight=rows.sites.astype(np.float64),
    )
    order = np.lexsort((rows.cells, wishes.bottom_um, wishes.left_um))
    home = _parts_of_cells(netlist, rows, wishes, order)
    site = np.empty(len(rows.cells), np.int64)
    clusters = empty_clusters(len(rows.cells), len(rows.parts.line))
    place_in_order(wishes, order, home, rows.parts, rows.site_um, clusters, site)
    return on_sites(netlist, wanted, rows, site)


def legalize_zones(netlist: Netlist, zones: Sequence[Zone], wanted: Placement) -> Placement:
    """`legalize_rows` for the cells of each zone, one zone after the other.

    Args:
        netlist: A flat netlist with rows.
        zones: Its zones that have cells (`agents.flat.zones.zones_with_cells`).
        wanted: As for `legalize_rows`.

    Raises:
        InputError: As `legalize_rows`.
    """
    legal = wanted
    waiting = (netlist.node_kind == NodeKind.STANDARD_CELL) & ~netlist.fixed
    for zone in zones:
        legal = legalize_rows(zone_netlist(netlist, zone, waiting), legal)
        waiting = waiting & ~zone.bound
    return legal


def _parts_of_cells(netlist: Netlist, rows: SiteRows, wishes: Wishes, order: IntArray) -> IntArray:
    """[C]: a part of a row for each cell, with room for all its cells."""
    home = np.empty(len(order), np.int64)
    clusters = empty_clusters(len(order), len(rows.parts.line))
    lost = choose_parts(wishes, order, rows.lines, rows.parts, rows.site_um, clusters, home)
    if lost:
        steps = _STEPS_PER_CELL * (lost + 10)
        roomless = make_room(wishes, rows.parts, rows.site_um, home, steps)
        if roomless >= 0:
            raise InputError(
                f"no stretch of a row is left for cell {netlist.node_name[rows.cells[roomless]]}, "
                f"which is {rows.sites[roomless]} sites wide (utilisation {rows.fill:.3f})",
                where=netlist.name,
                hint="lower the utilisation of the floorplan, or leave wider channels between "
                "macros",
            )
    return home


def on_sites(netlist: Netlist, placement: Placement, rows: SiteRows, site: IntArray) -> Placement:
    """The placement with each cell on its site, turned as its row says, mirrored where it was.

    Args:
        netlist: The netlist of `rows`.
        placement: Positions of all other nodes, and which cells are mirrored.
        rows: C cells and the sites.
        site: [C] number of each cell's first site.
    """
    lines, cells = rows.lines, rows.cells
    line = np.searchsorted(lines.start, site, side="right") - 1
    x_um, y_um, orient = placement.x_um.copy(), placement.y_um.copy(), placement.orient.copy()
    left_um = lines.x_um[line] + (site - lines.start[line]) * rows.site_um
    x_um[cells] = left_um + netlist.width_um[cells] / 2
    y_um[cells] = lines.y_um[line] + netlist.height_um[cells] / 2
    mirrored = ORIENT_MATRIX[placement.orient[cells], 0, 0] < 0
    turned = lines.orient[line]
    orient[cells] = np.where(mirrored, MIRRORED[turned], turned)
    return replace(placement, x_um=x_um, y_um=y_um, orient=orient)


#: [8] the orientation of a node that is mirrored about y besides, for those that rows have.
MIRRORED: IntArray = np.arange(8)
MIRRORED[[Orient.N, Orient.FN, Orient.S, Orient.FS]] = Orient.FN, Orient.N, Orient.FS, Orient.S
