"""Hypothesis strategies for small valid netlists and placements."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from placement_env.netlist import Canvas, Grid, Netlist, NodeKind, Orient, Placement

FLIPS = [Orient.N, Orient.S, Orient.FN, Orient.FS]


@st.composite
def clustered(draw: st.DrawFn) -> tuple[Netlist, Placement]:
    """A clustered netlist with ports, hard and soft macros, and a placement inside its canvas."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    ports = draw(st.integers(0, 4))
    hard = draw(st.integers(1, 6))
    soft = draw(st.integers(0, 6))
    kinds = [NodeKind.PORT] * ports + [NodeKind.HARD_MACRO] * hard + [NodeKind.SOFT_MACRO] * soft
    n = len(kinds)
    kind = np.array(kinds, dtype=np.int64)
    width = np.where(kind == NodeKind.PORT, 0.0, rng.uniform(2.0, 20.0, n))
    height = np.where(kind == NodeKind.PORT, 0.0, rng.uniform(2.0, 20.0, n))
    canvas = Canvas(0.0, 0.0, float(rng.uniform(60, 120)), float(rng.uniform(60, 120)))
    pin_node: list[int] = []
    dx: list[float] = []
    dy: list[float] = []
    name: list[str] = []
    start = [0]
    weight: list[float] = []
    driven: set[int] = set()
    for net in range(draw(st.integers(1, 12))):
        driver = int(rng.integers(n))
        if kind[driver] == NodeKind.PORT and driver in driven:
            driver = int(rng.integers(ports, n))
        driven.add(driver)
        members = [driver, *rng.integers(0, n, rng.integers(1, 6)).tolist()]
        for position, node in enumerate(members):
            is_hard = kind[node] == NodeKind.HARD_MACRO
            pin_node.append(node)
            dx.append(float(rng.uniform(-0.5, 0.5) * width[node]) if is_hard else 0.0)
            dy.append(float(rng.uniform(-0.5, 0.5) * height[node]) if is_hard else 0.0)
            is_port = kind[node] == NodeKind.PORT
            name.append("" if is_port else f"n{net}_{position}")
        start.append(len(pin_node))
        weight.append(1.0 if kind[driver] == NodeKind.PORT else float(rng.integers(1, 4)))
    grid = Grid(
        columns=int(rng.integers(2, 14)),
        rows=int(rng.integers(2, 14)),
        h_tracks_per_um=float(rng.uniform(2, 60)),
        v_tracks_per_um=float(rng.uniform(2, 60)),
        h_macro_tracks_per_um=float(rng.uniform(1, 40)),
        v_macro_tracks_per_um=float(rng.uniform(1, 40)),
        smoothing=draw(st.sampled_from([0, 2, 5])),
    )
    netlist = Netlist(
        name="random",
        node_name=tuple(f"node{i}" for i in range(n)),
        node_kind=kind,
        width_um=width,
        height_um=height,
        fixed=kind == NodeKind.PORT,
        pin_node=np.array(pin_node, dtype=np.int64),
        pin_dx_um=np.array(dx),
        pin_dy_um=np.array(dy),
        net_start=np.array(start, dtype=np.int64),
        net_weight=np.array(weight),
        canvas=canvas,
        grid=grid,
        net_name=tuple(f"net{i}" for i in range(len(weight))),
        pin_name=tuple(name),
    )
    x = rng.uniform(0, 1, n) * (canvas.width_um - width - 1e-6) + width / 2
    y = rng.uniform(0, 1, n) * (canvas.height_um - height - 1e-6) + height / 2
    orient = np.where(
        kind == NodeKind.HARD_MACRO, rng.choice([int(flip) for flip in FLIPS], n), int(Orient.N)
    )
    return netlist, Placement(x, y, orient.astype(np.int64))
