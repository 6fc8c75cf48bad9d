"""Macros of a global placement made legal: their order is kept, and each moves as little as it can.

Which macro is left of or below which comes from where they are (`agents.flat.macro_order`). With
that order given, the least movement is a linear program, one for x and one for y. Macros are grown
to whole sites and rows first: rounding keeps the order of edges, so macros do not overlap on rows
either.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import linprog

from agents.flat.macro_order import order_macros
from agents.flat.zones import closed_boxes_um
from agents.macro_rows import on_rows
from placement_env.errors import InputError
from placement_env.netlist import (
    FloatArray,
    IntArray,
    Netlist,
    NodeKind,
    Placement,
    node_boxes,
    oriented_size,
)
from placement_env.row_legality import overlapping_pairs

# Share of a site or row that counts as rounding.
_ROUNDING = 1e-6
# Where edges are rounded up: far from a half and from a whole, on which many edges lie.
_ROUND_UP = 0.63


def legalize_macros(
    netlist: Netlist, wanted: Placement, *, gap_um: float = 0.0, seed: int = 1
) -> Placement:
    """Movable hard macros without overlap, their lower left corners on rows and sites.

    Args:
        netlist: A flat netlist with rows.
        wanted: Where macros want to be; they may overlap.
        gap_um: Least distance between macros, and to fences that are closed to them.
        seed: Seed of the orders tried where the macros do not fit as they lie.

    Raises:
        InputError: The macros do not fit inside the rows' bounding box, or no place was found for
            one beside what is fixed.
    """
    rows = netlist.rows
    assert rows is not None
    closed = closed_boxes_um(netlist)
    if len(closed):
        legal = legalize_macros(*_with_boxes(netlist, wanted, closed), gap_um=gap_um, seed=seed)
        n = netlist.num_nodes
        return replace(wanted, x_um=legal.x_um[:n], y_um=legal.y_um[:n])
    is_hard = netlist.node_kind == NodeKind.HARD_MACRO
    # Fixed cells, such as well taps, are in the way of macros too.
    is_hard |= (netlist.node_kind == NodeKind.STANDARD_CELL) & netlist.fixed
    hard = np.flatnonzero(is_hard)
    stays = netlist.fixed[hard]
    if stays.all():
        return wanted
    step = np.array([rows.site_width_um[0], rows.height_um[0]])
    origin = np.array([rows.x_um.min(), rows.y_um.min()])
    far = np.array(
        [(rows.x_um + rows.sites * rows.site_width_um).max(), (rows.y_um + rows.height_um).max()]
    )
    room = np.floor((far - origin) / step + _ROUNDING)
    # All lengths from here on are in sites and rows, [2, M].
    size = np.stack([length[hard] for length in oriented_size(netlist, wanted)])
    centre = np.stack([wanted.x_um[hard], wanted.y_um[hard]])
    gap = np.ceil(gap_um / step - _ROUNDING)[:, None]
    low = (centre - size / 2 - origin[:, None]) / step[:, None]
    length = np.ceil(size / step[:, None] - _ROUNDING)
    first = np.floor(low + _ROUNDING)
    last = np.ceil(low + size / step[:, None] - _ROUNDING)
    low = np.where(stays, first, low)
    length = np.where(stays, last - first, length) + gap  # the gap lies to the right and above
    least = np.where(stays, low, 0.0)
    most = np.where(stays, low + length, room[:, None] + gap)
    pitch = step[:, None]
    order = order_macros(
        (low + length / 2) * pitch, length * pitch, least * pitch, most * pitch, stays
    )
    placed = None
    if order is not None:
        weight = size[0] * size[1]
        in_x, in_y = (
            _least_movement(low[k], length[k], least[k], most[k], order[k], weight / weight.mean())
            for k in range(2)
        )
        if in_x is not None and in_y is not None:
            placed = np.stack([in_x, in_y])
    if placed is None:
        legal = on_rows(netlist, wanted, gap_um=gap_um, seed=seed)
    else:
        edge = origin[:, None] + np.floor(placed + _ROUND_UP) * step[:, None]
        x_um, y_um = wanted.x_um.copy(), wanted.y_um.copy()
        x_um[hard[~stays]] = (edge[0] + size[0] / 2)[~stays]
        y_um[hard[~stays]] = (edge[1] + size[1] / 2)[~stays]
        legal = replace(wanted, x_um=x_um, y_um=y_um)
    _check(netlist, legal, hard)
    return legal


def _with_boxes(
    netlist: Netlist, placement: Placement, boxes_um: FloatArray
) -> tuple[Netlist, Placement]:
    """The netlist with further fixed macros that fill boxes [B, 4], and no fences."""
    count = len(boxes_um)
    low, high = boxes_um[:, :2], boxes_um[:, 2:]
    width, height = (high - low).T
    x_um, y_um = ((low + high) / 2).T
    boxed = replace(
        netlist,
        node_name=netlist.node_name + tuple(f"closed fence {k}" for k in range(count)),
        node_kind=np.append(netlist.node_kind, np.full(count, NodeKind.HARD_MACRO)),
        width_um=np.append(netlist.width_um, width),
        height_um=np.append(netlist.height_um, height),
        fixed=np.append(netlist.fixed, np.ones(count, bool)),
        fences=None,
    )
    return boxed, replace(
        placement,
        x_um=np.append(placement.x_um, x_um),
        y_um=np.append(placement.y_um, y_um),
        orient=np.append(placement.orient, np.zeros(count, np.int64)),
    )


def _check(netlist: Netlist, placement: Placement, hard: IntArray) -> None:
    """Raise `InputError` if a movable macro lies on another macro or a fixed cell."""
    left, bottom, right, top = node_boxes(netlist, placement)[hard].T
    row_um = float((top - bottom).min(initial=np.inf, where=top > bottom))
    _, pairs = overlapping_pairs(left, bottom, right, top, band_um=row_um)
    for a, b in hard[pairs].tolist():
        if not (netlist.fixed[a] and netlist.fixed[b]):
            raise InputError(
                f"no place was found for macro {netlist.node_name[min(a, b)]!r} beside "
                f"{netlist.node_name[max(a, b)]!r}",
                where=netlist.name,
                hint="make the die larger, or fix fewer cells (well taps are put in after macros)",
            )


def _least_movement(
    wanted: FloatArray,
    size: FloatArray,
    least: FloatArray,
    most: FloatArray,
    before: NDArray[np.bool_],
    weight: FloatArray,
) -> FloatArray | None:
    """[M] lower edges on one axis, nearest to those wanted; None where the solver fails.

    Args:
        wanted: [M] lower edges wanted.
        size: [M] lengths.
        least: [M] least lower edges.
        most: [M] largest upper edges.
        before: [M, M] a ends before b begins.
        weight: [M] price of moving each.
    """
    count = len(size)
    # What another macro in between implies needs no constraint of its own.
    direct = before & ~((before.astype(np.float32) @ before.astype(np.float32)) > 0)
    first, second = np.nonzero(direct)
    orders, macros = np.arange(len(first)), np.arange(count)
    # The variables: lower edges, then how far each macro moves up, then how far it moves down.
    apart = sp.coo_array(
        (
            np.append(np.ones(len(orders)), -np.ones(len(orders))),
            (np.append(orders, orders), np.append(first, second)),
        ),
        shape=(len(orders), 3 * count),
    )
    moved = sp.coo_array(
        (
            np.concatenate([np.ones(count), -np.ones(count), np.ones(count)]),
            (np.tile(macros, 3), np.concatenate([macros, macros + count, macros + 2 * count])),
        ),
        shape=(count, 3 * count),
    )
    bounds = np.zeros((3 * count, 2))
    bounds[:, 1] = np.inf
    bounds[:count, 0], bounds[:count, 1] = least, most - size
    solved = linprog(
        np.concatenate([np.zeros(count), weight, weight]),
        A_ub=apart.tocsr(),
        b_ub=-size[first],
        A_eq=moved.tocsr(),
        b_eq=wanted,
        bounds=bounds,
        method="highs",
    )
    if solved.x is None or solved.status != 0:
        return None
    return solved.x[:count]
