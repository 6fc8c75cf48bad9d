"""What a netlist needs to be placed flat, checked before the long work."""

from __future__ import annotations

import numpy as np

from agents.flat.site_rows import movable_cells, row_size
from agents.flat.zones import zones_of
from placement_env.cut_rows import rows_area_um2
from placement_env.errors import InputError
from placement_env.netlist import IntArray, Netlist, NodeKind, Placement, oriented_size


def checked_start(netlist: Netlist, start: Placement | None) -> Placement:
    """The start, or the centre of the canvas for all nodes.

    Raises:
        InputError: There are no rows, or no cells; something fits nowhere (`check_fits`); or there
            is no start and a node is fixed.
    """
    if not (netlist.node_kind == NodeKind.STANDARD_CELL).any():
        raise InputError(
            "there are no standard cells to place",
            where=netlist.name,
            hint="choose a placer of macros, such as search",
        )
    if netlist.rows is None or len(netlist.rows.y_um) == 0:
        raise InputError(
            "the netlist has no rows to place cells and macros on",
            where=netlist.name,
            hint="use a DEF with ROW statements or a Bookshelf design with a .scl file",
        )
    if start is not None:
        check_fits(netlist, start)
        return start
    stuck = np.flatnonzero(netlist.fixed)
    if stuck.size:
        raise InputError(
            f"there is no start, and {netlist.node_name[stuck[0]]!r} is fixed",
            where=netlist.name,
            hint="give a start with the positions of fixed nodes",
        )
    canvas, n = netlist.canvas, netlist.num_nodes
    centre = Placement(
        np.full(n, (canvas.left_um + canvas.right_um) / 2),
        np.full(n, (canvas.bottom_um + canvas.top_um) / 2),
        np.zeros(n, np.int64),
    )
    check_fits(netlist, centre)
    return centre


def check_fits(netlist: Netlist, start: Placement) -> None:
    """Raise `InputError` for what has no room on the canvas or the rows, whatever is done.

    That is a movable macro larger than the canvas, or macros and cells with more area together, or
    cells with more area than their fence (`agents.flat.zones.zones_of`), or cells that are not as
    high as the rows.
    """
    canvas = netlist.canvas
    macro = (netlist.node_kind == NodeKind.HARD_MACRO) & ~netlist.fixed
    for side, size, room in zip(
        ("width", "height"),
        oriented_size(netlist, start),
        (canvas.width_um, canvas.height_um),
        strict=True,
    ):
        for node in np.flatnonzero(macro & (size > room))[:1]:
            raise InputError(
                f"macro {netlist.node_name[node]!r} has a {side} of {size[node]:g}, "
                f"the canvas one of {room:g}",
                where=netlist.name,
                hint="make the canvas larger",
            )
    rows = netlist.rows
    if rows is None:
        return
    cell = (netlist.node_kind == NodeKind.STANDARD_CELL) & ~netlist.fixed
    area = float((netlist.width_um * netlist.height_um)[macro | cell].sum())
    room = rows_area_um2(rows)
    if area > room * (1 + 1e-9):
        raise InputError(
            f"macros and cells cover {area / room:.0%} of the rows, expected at most 100%",
            where=netlist.name,
            hint="make the die larger",
        )
    zones_of(netlist)
    if cell.any():
        movable_cells(netlist, *row_size(netlist))


def on_one_point(netlist: Netlist, start: Placement, macros: IntArray) -> bool:
    """Whether the macros have no places of their own yet.

    That is where their centres, or their lower left corners, are all the same; a single macro has
    none in the middle of the canvas.
    """
    width, height = oriented_size(netlist, start)
    centres = np.stack([start.x_um[macros], start.y_um[macros]])  # [2, M]
    corners = centres - np.stack([width[macros], height[macros]]) / 2
    if len(macros) == 1:
        canvas = netlist.canvas
        middle = (canvas.left_um + canvas.right_um) / 2, (canvas.bottom_um + canvas.top_um) / 2
        centres = np.column_stack([centres, middle])
        corners = centres
    apart = [np.ptp(points, axis=1).max() for points in (centres, corners)]
    return not min(apart) > 1e-6
