"""A netlist just large enough to make every kernel compile."""

from __future__ import annotations

import numpy as np

from placement_env.netlist import Canvas, Grid, Netlist, NodeKind, Placement


def toy_netlist() -> tuple[Netlist, Placement]:
    """Two hard macros and a soft one on one net, on top of each other."""
    kinds = (NodeKind.HARD_MACRO, NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO)
    netlist = Netlist(
        name="toy",
        node_name=("a", "b", "c"),
        node_kind=np.array(kinds, dtype=np.int64),
        width_um=np.full(3, 10.0),
        height_um=np.full(3, 10.0),
        fixed=np.zeros(3, dtype=bool),
        pin_node=np.arange(3),
        pin_dx_um=np.zeros(3),
        pin_dy_um=np.zeros(3),
        net_start=np.array([0, 3]),
        net_weight=np.ones(1),
        canvas=Canvas(0.0, 0.0, 40.0, 40.0),
        grid=Grid(4, 4, 1.0, 1.0, 1.0, 1.0, smoothing=1),
    )
    return netlist, Placement(np.full(3, 20.0), np.full(3, 20.0), np.zeros(3, dtype=np.int64))
