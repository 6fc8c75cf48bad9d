"""Hard macros made legal on the grid of rows and sites, each near where it wants to be.

A macro off the rows would cost the cells a row above and below it. Macros are therefore grown to
whole rows and sites, made legal anywhere, and only then moved to the nearest row and site: rounding
keeps the order of edges, so that grown macros that did not overlap still do not.
"""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray

from agents import search
from placement_env.netlist import (
    Canvas,
    FloatArray,
    Grid,
    Netlist,
    NodeKind,
    Placement,
    oriented_size,
)

#: Share of a site or row that counts as rounding.
_ROUNDING = 1e-6


def on_rows(netlist: Netlist, wanted: Placement, *, gap_um: float = 0.0, seed: int) -> Placement:
    """Movable hard macros legal, their lower left corners on rows and sites; others stay.

    Args:
        netlist: A flat netlist with rows.
        wanted: Where macros want to be; they may overlap.
        gap_um: Least distance between macros.
        seed: Seed of the orders in which macros are tried.

    Raises:
        InputError: The macros do not fit inside the rows' bounding box.
    """
    rows = netlist.rows
    assert rows is not None
    hard = netlist.nodes_of(NodeKind.HARD_MACRO)
    fixed = netlist.fixed[hard]
    if fixed.all():
        return wanted
    site_um, row_um = float(rows.site_width_um[0]), float(rows.height_um[0])
    left_um, bottom_um = float(rows.x_um.min()), float(rows.y_um.min())
    width, height = (size[hard] for size in oriented_size(netlist, wanted))
    x0, x1 = _grown(wanted.x_um[hard] - left_um, width, site_um, fixed)
    y0, y1 = _grown(wanted.y_um[hard] - bottom_um, height, row_um, fixed)
    boxes = _boxes(
        tuple(netlist.node_name[node] for node in hard.tolist()),
        x1 - x0,
        y1 - y0,
        fixed,
        Canvas(
            0.0,
            0.0,
            float((rows.x_um + rows.sites * rows.site_width_um).max()) - left_um,
            float((rows.y_um + rows.height_um).max()) - bottom_um,
        ),
    )
    legal = search.place(
        boxes,
        Placement((x0 + x1) / 2, (y0 + y1) / 2, np.zeros(len(hard), np.int64)),
        budget_s=1.0,
        seed=seed,
        gap_um=ceil(gap_um / row_um - _ROUNDING) * row_um,
        moves=0,
    )
    site = np.rint((legal.x_um - boxes.width_um / 2) / site_um)
    row = np.rint((legal.y_um - boxes.height_um / 2) / row_um)
    x_um, y_um = wanted.x_um.copy(), wanted.y_um.copy()
    moved = hard[~fixed]
    x_um[moved] = (left_um + site * site_um + width / 2)[~fixed]
    y_um[moved] = (bottom_um + row * row_um + height / 2)[~fixed]
    return Placement(x_um, y_um, wanted.orient)


def _grown(
    centre: FloatArray, size: FloatArray, step: float, fixed: NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray]:
    """[M], [M]: lower and upper edges of whole steps' length; fixed ones also begin on a step."""
    length = np.ceil(size / step - _ROUNDING) * step
    low = centre - length / 2
    first = np.floor((centre - size / 2) / step + _ROUNDING) * step
    last = np.ceil((centre + size / 2) / step - _ROUNDING) * step
    return np.where(fixed, first, low), np.where(fixed, last, low + length)


def _boxes(
    names: tuple[str, ...],
    width: FloatArray,
    height: FloatArray,
    fixed: NDArray[np.bool_],
    canvas: Canvas,
) -> Netlist:
    """Hard macros without nets."""
    return Netlist(
        name="macros",
        node_name=names,
        node_kind=np.full(len(names), int(NodeKind.HARD_MACRO)),
        width_um=width,
        height_um=height,
        fixed=fixed,
        pin_node=np.zeros(0, np.int64),
        pin_dx_um=np.zeros(0),
        pin_dy_um=np.zeros(0),
        net_start=np.zeros(1, np.int64),
        net_weight=np.zeros(0),
        canvas=canvas,
        grid=Grid(1, 1, 1.0, 1.0, 0.0, 0.0),
    )
