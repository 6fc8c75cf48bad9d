"""Flat netlists with random cells, macros, pads and nets, without any structure."""

from __future__ import annotations

import numpy as np

from placement_env.netlist import Canvas, Netlist, NodeKind, Placement, Rows

ROW_UM, SITE_UM = 2.0, 0.5


def random_flat(
    seed: int, *, cells: int = 12, macros: int = 3, pads: int = 2, nets: int = 15
) -> tuple[Netlist, Placement]:
    """A netlist on 20 rows of 80 sites, and a placement of it with overlaps."""
    rng = np.random.default_rng(seed)
    kind = np.repeat(
        [NodeKind.STANDARD_CELL, NodeKind.HARD_MACRO, NodeKind.PORT], [cells, macros, pads]
    ).astype(np.int64)
    count = len(kind)
    macro, pad = kind == NodeKind.HARD_MACRO, kind == NodeKind.PORT
    width = SITE_UM * np.where(macro, rng.integers(4, 25, count), rng.integers(1, 6, count))
    height = ROW_UM * np.where(macro, rng.integers(1, 6, count), 1)
    width, height = np.where(pad, 0.0, width), np.where(pad, 0.0, height)
    degree = rng.integers(1, 7, nets)
    node = rng.integers(0, count, degree.sum())
    canvas = Canvas(10.0, -4.0, 50.0, 36.0)
    rows = Rows(
        x_um=np.full(20, 10.0),
        y_um=-4.0 + ROW_UM * np.arange(20, dtype=np.float64),
        height_um=np.full(20, ROW_UM),
        site_width_um=np.full(20, SITE_UM),
        sites=np.full(20, 80),
        orient=np.zeros(20, np.int64),
    )
    netlist = Netlist(
        name="random",
        node_name=tuple(f"n{i}" for i in range(count)),
        node_kind=kind,
        width_um=width.astype(np.float64),
        height_um=height.astype(np.float64),
        fixed=pad,
        pin_node=node,
        pin_dx_um=(rng.random(len(node)) - 0.5) * width[node],
        pin_dy_um=(rng.random(len(node)) - 0.5) * height[node],
        net_start=np.concatenate([[0], np.cumsum(degree)]),
        net_weight=rng.choice([0.0, 1.0, 2.5], nets, p=[0.1, 0.7, 0.2]),
        canvas=canvas,
        rows=rows,
    )
    x_um, y_um = rng.uniform(11, 49, count), rng.uniform(-3, 35, count)
    return netlist, Placement(x_um, y_um, np.zeros(count, np.int64))
