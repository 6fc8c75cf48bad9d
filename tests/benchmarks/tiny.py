"""A clustered netlist of seven nodes, as files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from placement_env.formats import ct_protobuf, plc
from placement_env.netlist import Canvas, Grid, Netlist, NodeKind, Placement


def tiny() -> tuple[Netlist, Placement]:
    """Three hard macros of 10 um (two of them overlap), two soft macros and two ports."""
    kinds = [NodeKind.PORT] * 2 + [NodeKind.HARD_MACRO] * 3 + [NodeKind.SOFT_MACRO] * 2
    kind = np.array(kinds, dtype=np.int64)
    size = np.where(kind == NodeKind.PORT, 0.0, 10.0)
    pins = [0, 2, 5, 2, 3, 6, 5, 3, 4, 6, 1, 4]
    netlist = Netlist(
        name="tiny",
        node_name=("in", "out", "ram0", "ram1", "ram2", "Grp_0", "Grp_1"),
        node_kind=kind,
        width_um=size,
        height_um=size,
        fixed=kind == NodeKind.PORT,
        pin_node=np.array(pins),
        pin_dx_um=np.zeros(len(pins)),
        pin_dy_um=np.zeros(len(pins)),
        net_start=np.array([0, 3, 6, 9, 12]),
        net_weight=np.ones(4),
        canvas=Canvas(0.0, 0.0, 60.0, 50.0),
        grid=Grid(6, 5, 10.0, 10.0, 5.0, 5.0, 0),
    )
    x = np.array([0.0, 60.0, 10.0, 14.0, 40.0, 20.0, 45.0])
    y = np.array([25.0, 25.0, 10.0, 10.0, 40.0, 30.0, 25.0])
    return netlist, Placement(x, y, np.zeros(7, dtype=np.int64))


def write_tiny(folder: Path, **changes: object) -> Path:
    """Write the netlist and its initial.plc; `changes` replaces fields. Returns the netlist."""
    netlist, placement = tiny()
    netlist = replace(netlist, **changes)  # type: ignore[arg-type]
    path = folder / "netlist.pb.txt"
    ct_protobuf.write(path, netlist, placement)
    written, _ = ct_protobuf.read(path)
    plc.write(
        folder / "initial.plc",
        replace(written, canvas=netlist.canvas, grid=netlist.grid),
        placement,
    )
    return path
