"""Hard macros as boxes of whole sites and rows, and all that they must keep clear of."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from agents.flat.zones import closed_boxes_um
from placement_env.netlist import (
    FloatArray,
    IntArray,
    Netlist,
    NodeKind,
    Placement,
    oriented_size,
)

# Share of a site or row that counts as rounding.
_ROUNDING = 1e-6


class MacroLattice(NamedTuple):
    """M boxes: H movable macros, then fixed macros and cells. Lengths are in sites and in rows.

    Attributes:
        movable: [H] nodes of the macros.
        node: [M] nodes, `movable` first.
        low: [2, M] lower left corners; those that stay are grown to whole sites and rows.
        length: [2, M] whole sizes, and a gap to the right and above.
        size_um: [2, M] sizes as they are.
        origin_um: [2] lower left corner of the region around all rows.
        step_um: [2] a site and a row.
        room: [2] sites and rows of the region, and the gap.
    """

    movable: IntArray
    node: IntArray
    low: FloatArray
    length: FloatArray
    size_um: FloatArray
    origin_um: FloatArray
    step_um: FloatArray
    room: FloatArray


def macro_lattice(netlist: Netlist, placement: Placement, gap_um: float) -> MacroLattice:
    """The boxes of a flat netlist with rows; fixed cells, such as well taps, are among them.

    Args:
        netlist: Has rows.
        placement: Where its nodes are.
        gap_um: Least distance between macros, and from what stays.
    """
    rows = netlist.rows
    assert rows is not None
    hard = netlist.node_kind == NodeKind.HARD_MACRO
    movable = np.flatnonzero(hard & ~netlist.fixed)
    solid = hard | (netlist.node_kind == NodeKind.STANDARD_CELL)
    node = np.concatenate([movable, np.flatnonzero(solid & netlist.fixed)])
    step = np.array([rows.site_width_um[0], rows.height_um[0]])
    origin = np.array([rows.x_um.min(), rows.y_um.min()])
    far = np.array(
        [(rows.x_um + rows.sites * rows.site_width_um).max(), (rows.y_um + rows.height_um).max()]
    )
    gap = np.ceil(gap_um / step - _ROUNDING)
    size = np.stack([length[node] for length in oriented_size(netlist, placement)])
    centre = np.stack([placement.x_um[node], placement.y_um[node]])
    low = (centre - size / 2 - origin[:, None]) / step[:, None]
    length = np.ceil(size / step[:, None] - _ROUNDING)
    stays = np.arange(len(node)) >= len(movable)
    first = np.floor(low + _ROUNDING)
    last = np.ceil(low + size / step[:, None] - _ROUNDING)
    return MacroLattice(
        movable,
        node,
        np.where(stays, first, low),
        np.where(stays, last - first, length) + gap[:, None],
        size,
        origin,
        step,
        np.floor((far - origin) / step + _ROUNDING) + gap,
    )


def at_corners(placement: Placement, lattice: MacroLattice, corner: FloatArray) -> Placement:
    """The placement with the lower left corners of movable macros at `corner` [2, H]."""
    count = len(lattice.movable)
    x, y = lattice.origin_um[:, None] + corner * lattice.step_um[:, None]
    x_um, y_um = placement.x_um.copy(), placement.y_um.copy()
    x_um[lattice.movable] = x + lattice.size_um[0, :count] / 2
    y_um[lattice.movable] = y + lattice.size_um[1, :count] / 2
    return replace(placement, x_um=x_um, y_um=y_um)


def with_closed_fences(netlist: Netlist, placement: Placement) -> tuple[Netlist, Placement]:
    """The netlist with further fixed macros, last, that fill closed fences, and no fences."""
    boxes_um = closed_boxes_um(netlist)
    count = len(boxes_um)
    if count == 0:
        return netlist, placement
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
