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

from agents.flat.macro_lattice import at_corners, macro_lattice, with_closed_fences
from agents.flat.macro_order import order_macros
from agents.macro_rows import on_rows
from placement_env.errors import InputError
from placement_env.netlist import (
    FloatArray,
    IntArray,
    Netlist,
    Placement,
    node_boxes,
)
from placement_env.row_legality import overlapping_pairs

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
    boxed, start = with_closed_fences(netlist, wanted)
    lattice = macro_lattice(boxed, start, gap_um)
    count = len(lattice.movable)
    if count == 0:
        return wanted
    low, length = lattice.low, lattice.length
    stays = np.arange(low.shape[1]) >= count
    least = np.where(stays, low, 0.0)
    most = np.where(stays, low + length, lattice.room[:, None])
    pitch = lattice.step_um[:, None]
    order = order_macros(
        (low + length / 2) * pitch, length * pitch, least * pitch, most * pitch, stays
    )
    placed = None
    if order is not None:
        weight = lattice.size_um[0] * lattice.size_um[1]
        in_x, in_y = (
            _least_movement(low[k], length[k], least[k], most[k], order[k], weight / weight.mean())
            for k in range(2)
        )
        if in_x is not None and in_y is not None:
            placed = np.stack([in_x, in_y])
    if placed is None:
        legal = on_rows(boxed, start, gap_um=gap_um, seed=seed)
    else:
        legal = at_corners(start, lattice, np.floor(placed[:, :count] + _ROUND_UP))
    _check(boxed, legal, lattice.node)
    n = netlist.num_nodes
    return replace(wanted, x_um=legal.x_um[:n], y_um=legal.y_um[:n])


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
