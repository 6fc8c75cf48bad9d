"""Rough places for macros among cells: macros cut into pieces and placed as if they were cells.

Every macro becomes row-high pieces, tied to their neighbours by nets, and the cell placer places
pieces and cells together. Where the pieces of a macro end up, on average, is where it wants to be.

References:
    S. N. Adya, I. L. Markov, "Consistent placement of macro-blocks using floorplanning and
    standard-cell placement", ISPD 2002.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from agents.cells import place_cells
from placement_env.netlist import (
    FloatArray,
    IntArray,
    Netlist,
    NodeKind,
    Placement,
    Rows,
    oriented_size,
    pin_positions,
)

#: Width of a piece in row heights, where that does not give too many pieces.
_PIECE_ASPECT = 4.0
#: Most pieces for each standard cell of the netlist, and for a netlist with few of them.
_PIECES_PER_CELL, _FEW_PIECES = 0.5, 5000
#: Weight of the nets between the pieces of a macro. Lighter ones let macros drift apart, heavier
#: ones outweigh the netlist's own.
_TIE_WEIGHT = 1.0


@dataclass(frozen=True)
class _Pieces:
    """The pieces that M macros are cut into, macro by macro and in each row by row.

    Attributes:
        macro: [M] nodes of the macros.
        columns: [M] pieces side by side.
        rows: [M] pieces above each other.
        start: [M + 1] first piece of each macro.
        width_um: [M] width of a macro's pieces.
        height_um: Height of all pieces.
    """

    macro: IntArray
    columns: IntArray
    rows: IntArray
    start: IntArray
    width_um: FloatArray
    height_um: float


def rough_places(netlist: Netlist, start: Placement, *, effort: int, seed: int) -> Placement:
    """Centres for the movable macros and cells of a flat netlist; macros may overlap.

    Args:
        netlist: A flat netlist with rows and movable hard macros.
        start: Where fixed nodes are; movable ones count for nothing.
        effort: Effort of the cell placer, 1 to 9.
        seed: Its seed.

    Raises:
        InputError: As `agents.cells.place_cells`.
    """
    assert netlist.rows is not None
    macros = np.flatnonzero((netlist.node_kind == NodeKind.HARD_MACRO) & ~netlist.fixed)
    lying = _as_it_lies(netlist, start, macros)
    pieces = _cut(lying, netlist.rows, macros)
    shredded = _shredded(lying, pieces)
    count = shredded.num_nodes - netlist.num_nodes
    nowhere_x, nowhere_y = start.x_um.copy(), start.y_um.copy()
    nowhere_x[macros], nowhere_y[macros] = netlist.canvas.left_um, netlist.canvas.bottom_um
    everywhere = Placement(
        np.concatenate([nowhere_x, np.zeros(count)]),
        np.concatenate([nowhere_y, np.zeros(count)]),
        np.concatenate([start.orient, np.zeros(count, np.int64)]),
    )
    placed = place_cells(shredded, everywhere, effort=effort, seed=seed)
    x_um, y_um = placed.x_um[: netlist.num_nodes].copy(), placed.y_um[: netlist.num_nodes].copy()
    sizes = np.diff(pieces.start)
    x_um[macros] = np.add.reduceat(placed.x_um[netlist.num_nodes :], pieces.start[:-1]) / sizes
    y_um[macros] = np.add.reduceat(placed.y_um[netlist.num_nodes :], pieces.start[:-1]) / sizes
    return replace(start, x_um=x_um, y_um=y_um)


def _as_it_lies(netlist: Netlist, start: Placement, macros: IntArray) -> Netlist:
    """The netlist with the macros' sizes and pins as the start has them turned."""
    width, height = oriented_size(netlist, start)
    is_macro = np.zeros(netlist.num_nodes, bool)
    is_macro[macros] = True
    on_macro = is_macro[netlist.pin_node]
    centred = replace(start, x_um=np.zeros_like(start.x_um), y_um=np.zeros_like(start.y_um))
    dx, dy = pin_positions(netlist, centred)
    return replace(
        netlist,
        width_um=np.where(is_macro, width, netlist.width_um),
        height_um=np.where(is_macro, height, netlist.height_um),
        pin_dx_um=np.where(on_macro, dx, netlist.pin_dx_um),
        pin_dy_um=np.where(on_macro, dy, netlist.pin_dy_um),
    )


def _cut(netlist: Netlist, rows: Rows, macros: IntArray) -> _Pieces:
    """Choose the pieces such that each macro keeps its area and proportions."""
    height_um, site_um = float(rows.height_um[0]), float(rows.site_width_um[0])
    width, height = netlist.width_um[macros], netlist.height_um[macros]
    cells = int((netlist.node_kind == NodeKind.STANDARD_CELL).sum())
    most = max(_PIECES_PER_CELL * cells, _FEW_PIECES)
    piece_um = max(_PIECE_ASPECT * height_um, float((width * height).sum()) / height_um / most)
    rows_of = np.maximum(np.rint(height / height_um), 1).astype(np.int64)
    columns = np.maximum(np.rint(width / piece_um), 1).astype(np.int64)
    return _Pieces(
        macro=macros,
        columns=columns,
        rows=rows_of,
        start=np.concatenate([[0], np.cumsum(rows_of * columns)]),
        width_um=np.maximum(np.floor(width / columns / site_um), 1) * site_um,
        height_um=height_um,
    )


def _shredded(netlist: Netlist, pieces: _Pieces) -> Netlist:
    """The netlist with its pieces as cells behind its nodes; cut macros keep no pin and no size."""
    nodes, count = netlist.num_nodes, int(pieces.start[-1])
    kind = netlist.node_kind.copy()
    kind[pieces.macro] = NodeKind.PORT
    fixed = netlist.fixed.copy()
    fixed[pieces.macro] = True
    width, height = netlist.width_um.copy(), netlist.height_um.copy()
    width[pieces.macro] = height[pieces.macro] = 0.0
    pin_node, pin_dx, pin_dy = _pins_on_pieces(netlist, pieces)
    ties = nodes + _ties(pieces)  # [T, 2]
    last = netlist.net_start[-1]
    return replace(
        netlist,
        node_name=netlist.node_name + tuple(f"piece {k}" for k in range(count)),
        node_kind=np.concatenate([kind, np.full(count, NodeKind.STANDARD_CELL)]),
        width_um=np.concatenate([width, np.repeat(pieces.width_um, np.diff(pieces.start))]),
        height_um=np.concatenate([height, np.full(count, pieces.height_um)]),
        fixed=np.concatenate([fixed, np.zeros(count, bool)]),
        pin_node=np.concatenate([pin_node, ties.ravel()]),
        pin_dx_um=np.concatenate([pin_dx, np.zeros(ties.size)]),
        pin_dy_um=np.concatenate([pin_dy, np.zeros(ties.size)]),
        net_start=np.concatenate([netlist.net_start, last + 2 * np.arange(1, len(ties) + 1)]),
        net_weight=np.concatenate([netlist.net_weight, np.full(len(ties), _TIE_WEIGHT)]),
        node_master=None,
        net_name=None,
        pin_name=None,
        source_index=None,
        fences=None,
    )


def _pins_on_pieces(netlist: Netlist, pieces: _Pieces) -> tuple[IntArray, FloatArray, FloatArray]:
    """[P], [P], [P]: node and offsets of each pin, pins of macros on the piece under them."""
    number = np.full(netlist.num_nodes, -1)
    number[pieces.macro] = np.arange(len(pieces.macro))
    pin_node = netlist.pin_node.copy()
    pin_dx, pin_dy = netlist.pin_dx_um.copy(), netlist.pin_dy_um.copy()
    pins = np.flatnonzero(number[pin_node] >= 0)
    macro = number[pin_node[pins]]
    width, height = netlist.width_um[pin_node[pins]], netlist.height_um[pin_node[pins]]
    columns, rows = pieces.columns[macro], pieces.rows[macro]
    # Offsets from the lower left corner, in pieces.
    x = (pin_dx[pins] / width + 0.5) * columns
    y = (pin_dy[pins] / height + 0.5) * rows
    column = np.clip(np.floor(x), 0, columns - 1).astype(np.int64)
    row = np.clip(np.floor(y), 0, rows - 1).astype(np.int64)
    pin_node[pins] = netlist.num_nodes + pieces.start[macro] + row * columns + column
    pin_dx[pins] = (np.clip(x - column, 0, 1) - 0.5) * pieces.width_um[macro]
    pin_dy[pins] = (np.clip(y - row, 0, 1) - 0.5) * pieces.height_um
    return pin_node, pin_dx, pin_dy


def _ties(pieces: _Pieces) -> IntArray:
    """[T, 2]: pieces of one macro that lie side by side or above each other."""
    ties = []
    for first, rows, columns in zip(pieces.start, pieces.rows, pieces.columns, strict=False):
        piece = first + np.arange(rows * columns).reshape(rows, columns)
        ties.append(np.stack([piece[:, :-1].ravel(), piece[:, 1:].ravel()], axis=1))
        ties.append(np.stack([piece[:-1].ravel(), piece[1:].ravel()], axis=1))
    return np.concatenate(ties)
