from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_env.formats import ct_protobuf, plc
from placement_env.gridding import default_grid
from placement_env.netlist import Canvas, Grid, Netlist, NodeKind

DataFile = Callable[[str], Path]


def netlist_of(width: float, height: float, macros: list[tuple[float, float]]) -> Netlist:
    count = len(macros) + 1
    empty = np.array([], dtype=np.int64)
    return Netlist(
        name="macros",
        node_name=tuple(f"n{k}" for k in range(count)),
        node_kind=np.array([NodeKind.PORT] + [NodeKind.HARD_MACRO] * len(macros), dtype=np.int64),
        width_um=np.array([0.0, *(w for w, _ in macros)]),
        height_um=np.array([0.0, *(h for _, h in macros)]),
        fixed=np.zeros(count, dtype=bool),
        pin_node=empty,
        pin_dx_um=np.array([]),
        pin_dy_um=np.array([]),
        net_start=np.array([0]),
        net_weight=np.array([]),
        canvas=Canvas(5, 6, 5 + width, 6 + height),
    )


def grid_of(netlist: Netlist) -> Grid:
    return default_grid(
        netlist,
        h_tracks_per_um=10,
        v_tracks_per_um=11,
        h_macro_tracks_per_um=1,
        v_macro_tracks_per_um=2,
    )


def test_ariane_gets_circuit_trainings_own_grid(data_file: DataFile) -> None:
    netlist, _ = ct_protobuf.read(data_file("tilos/ariane133_ng45/netlist.pb.txt.gz"))
    netlist, _ = plc.read(data_file("tilos/ariane133_ng45/legalized.plc"), netlist)
    assert netlist.grid is not None
    grid = grid_of(netlist)
    assert (grid.columns, grid.rows) == (netlist.grid.columns, netlist.grid.rows)


def test_tracks_are_passed_on() -> None:
    grid = grid_of(netlist_of(100, 100, []))
    assert grid == Grid(20, 20, 10, 11, 1, 2, smoothing=2)


def test_macros_fill_their_grid_cells() -> None:
    # four columns of macros and five rows fit a canvas of 24 x 25 cells exactly
    grid = grid_of(netlist_of(240, 250, [(60, 50)] * 8))
    assert grid.columns % 4 == 0
    assert grid.rows % 5 == 0
    assert grid.columns * grid.rows <= 24 * 25


@given(
    width=st.floats(1, 1e5),
    aspect=st.floats(0.05, 20),
    macros=st.lists(st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)), max_size=5),
)
def test_every_canvas_gets_a_grid_within_bounds(
    width: float, aspect: float, macros: list[tuple[float, float]]
) -> None:
    height = width * aspect
    netlist = netlist_of(width, height, [(width * w, height * h) for w, h in macros])
    grid = grid_of(netlist)
    assert min(grid.columns, grid.rows) >= 10
    assert max(grid.columns, grid.rows) <= 60
    assert 400 <= grid.columns * grid.rows <= 2500
    cell = (width / grid.columns) / (height / grid.rows)
    if 0.4 <= aspect <= 2.5:
        assert 1 / 1.5 - 1e-9 <= cell <= 1.5 + 1e-9


def test_empty_canvas_gets_square_cells() -> None:
    grid = grid_of(netlist_of(200, 100, []))
    assert grid.columns * grid.rows >= 400
    assert (200 / grid.columns) / (100 / grid.rows) == pytest.approx(1.0, abs=0.5)
