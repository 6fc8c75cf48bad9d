"""The proxy cost against a second, plain implementation; its maps and its errors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.plain_cost import plain_congestion_maps, plain_cost
from placement_env.cost.model import cost_model
from placement_env.cost.proxy import (
    ProxyCost,
    congestion_maps,
    density_map,
    evaluate,
    evaluate_many,
    proxy_cost,
    robust_proxy_cost,
)
from placement_env.cost.toy import toy_netlist
from placement_env.errors import InputError
from placement_env.netlist import Canvas, Grid, Netlist, NodeKind, Placement
from tests.placement_env.random_netlists import clustered


@st.composite
def cases(draw: st.DrawFn) -> tuple[Netlist, Placement]:
    """Netlists with odd weights, any orientation, and macros on grid lines or out of the canvas."""
    netlist, placement = draw(clustered())
    assert netlist.grid
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    netlist = replace(netlist, net_weight=rng.choice([0.0, 0.5, 1.0, 1.5, 3.0], netlist.num_nets))
    canvas = netlist.canvas
    x, y = placement.x_um.copy(), placement.y_um.copy()
    orient = placement.orient
    style = draw(st.sampled_from(["inside", "lines", "half lines", "outside", "turned", "shifted"]))
    if style in ("lines", "half lines"):
        assert netlist.grid is not None
        part = 1 if style == "lines" else 2
        width = canvas.width_um / netlist.grid.columns / part
        height = canvas.height_um / netlist.grid.rows / part
        # Centres on lines; with sizes of whole cells, edges as well.
        x, y = np.round(x / width) * width, np.round(y / height) * height
        if draw(st.booleans()):
            sizes = rng.integers(1, 4, (2, netlist.num_nodes))
            movable = netlist.node_kind != NodeKind.PORT
            netlist = replace(
                netlist,
                width_um=np.where(movable, sizes[0] * 2 * width, 0.0),
                height_um=np.where(movable, sizes[1] * 2 * height, 0.0),
            )
    elif style == "outside":
        x = rng.uniform(-0.5, 1.5, len(x)) * canvas.width_um
        y = rng.uniform(-0.5, 1.5, len(y)) * canvas.height_um
    elif style == "turned":
        orient = np.where(
            netlist.node_kind == NodeKind.HARD_MACRO, rng.integers(0, 8, len(x)), 0
        ).astype(np.int64)
    elif style == "shifted":
        dx, dy = rng.uniform(-50, 50, 2)
        netlist = replace(
            netlist,
            canvas=Canvas(
                canvas.left_um + dx,
                canvas.bottom_um + dy,
                canvas.right_um + dx,
                canvas.top_um + dy,
            ),
        )
        x, y = x + dx, y + dy
    return netlist, Placement(x, y, orient)


@settings(max_examples=300, deadline=None)
@given(cases())
def test_cost_equals_the_plain_implementation(case: tuple[Netlist, Placement]) -> None:
    netlist, placement = case
    cost = proxy_cost(netlist, placement)
    wirelength, density, congestion = plain_cost(netlist, placement)
    assert cost.wirelength == pytest.approx(wirelength, rel=1e-9, abs=1e-12)
    assert cost.density == pytest.approx(density, rel=1e-9, abs=1e-12)
    assert cost.congestion == pytest.approx(congestion, rel=1e-9, abs=1e-12)


def many_nets(seed: int, nets: int, most: int, nodes: int = 40) -> tuple[Netlist, Placement]:
    """Nets of two to `most` + 1 pins on few hard macros, many of them in the same cells."""
    rng = np.random.default_rng(seed)
    size = np.concatenate([rng.integers(2, 9, nets // 2), rng.integers(2, most + 2, nets // 2)])
    node = rng.integers(0, nodes, size.sum())
    columns, rows = rng.integers(3, 12, 2)
    netlist = Netlist(
        name="many",
        node_name=tuple(f"node{i}" for i in range(nodes)),
        node_kind=np.full(nodes, NodeKind.HARD_MACRO),
        width_um=rng.uniform(1, 30, nodes),
        height_um=rng.uniform(1, 30, nodes),
        fixed=np.zeros(nodes, bool),
        pin_node=node,
        pin_dx_um=rng.integers(-4, 5, len(node)).astype(np.float64),
        pin_dy_um=rng.integers(-4, 5, len(node)).astype(np.float64),
        net_start=np.concatenate([[0], np.cumsum(size)]),
        net_weight=rng.integers(1, 9, len(size)) / 2,
        canvas=Canvas(0, 0, 10.0 * columns, 8.0 * rows),
        grid=Grid(int(columns), int(rows), 20.0, 30.0, 4.0, 5.0, int(rng.choice([0, 2]))),
    )
    # On a lattice of 1 um, every tenth (or eighth) line of which is one of the grid.
    x = rng.integers(0, 10 * columns + 1, nodes).astype(np.float64)
    y = rng.integers(0, 8 * rows + 1, nodes).astype(np.float64)
    return netlist, Placement(x, y, np.zeros(nodes, np.int64))


@pytest.mark.parametrize(("seed", "most"), [(1, 9), (2, 20), (3, 60)])
def test_cost_of_many_nets_equals_the_plain_implementation(seed: int, most: int) -> None:
    netlist, placement = many_nets(seed, 300, most)
    found = proxy_cost(netlist, placement)
    expected = plain_cost(netlist, placement)
    assert (found.wirelength, found.density, found.congestion) == pytest.approx(expected, abs=1e-12)
    for kept, plain in zip(
        congestion_maps(netlist, placement),
        plain_congestion_maps(netlist, placement),
        strict=True,
    ):
        for cell, congestion in plain.items():
            assert kept[cell] == pytest.approx(congestion, abs=1e-12)


def test_every_way_of_three_cells_is_routed_by_the_rules() -> None:
    netlist, _ = toy_netlist()
    netlist = replace(
        netlist,
        node_kind=np.full(3, NodeKind.PORT),
        pin_node=np.array([0, 1, 2]),
        pin_dx_um=np.zeros(3),
        pin_dy_um=np.zeros(3),
        net_start=np.array([0, 3]),
        net_weight=np.ones(1),
    )
    cells = list(product(range(4), repeat=2))
    for ways, places in enumerate(product(cells, repeat=3)):
        if ways % 3:  # A third of the 4096 are enough: 3 divides no power of 4.
            continue
        row, column = np.array(places).T
        placement = Placement(10.0 * column + 5, 10.0 * row + 5, np.zeros(3, np.int64))
        horizontal, vertical = congestion_maps(netlist, placement)
        plain = plain_congestion_maps(netlist, placement)
        assert {cell: horizontal[cell] for cell in cells} == pytest.approx(plain[0])
        assert {cell: vertical[cell] for cell in cells} == pytest.approx(plain[1])


def test_the_order_of_nets_does_not_matter() -> None:
    netlist, placement = many_nets(4, 400, 12)
    order = np.random.default_rng(5).permutation(netlist.num_nets)
    pins_of = np.split(np.arange(netlist.num_pins), netlist.net_start[1:-1])
    pins = np.concatenate([pins_of[net] for net in order])
    other = replace(
        netlist,
        pin_node=netlist.pin_node[pins],
        pin_dx_um=netlist.pin_dx_um[pins],
        pin_dy_um=netlist.pin_dy_um[pins],
        net_start=np.concatenate([[0], np.cumsum(np.diff(netlist.net_start)[order])]),
        net_weight=netlist.net_weight[order],
    )
    one, two = proxy_cost(netlist, placement), proxy_cost(other, placement)
    assert one.wirelength == pytest.approx(two.wirelength, abs=1e-14)
    assert (one.density, one.congestion) == (two.density, two.congestion)


@pytest.mark.parametrize("weight", [1.0, 1.1])  # 1.1 is no multiple of a power of two.
def test_many_placements_and_threads_give_the_costs_of_each(weight: float) -> None:
    netlist, placement = many_nets(6, 200, 8)
    netlist = replace(netlist, net_weight=netlist.net_weight * weight)
    model = cost_model(netlist, placement.orient)
    rng = np.random.default_rng(7)
    x = placement.x_um + rng.normal(0, 5, (40, netlist.num_nodes))
    y = placement.y_um + rng.normal(0, 5, (40, netlist.num_nodes))
    alone = [evaluate(model, *at).total for at in zip(x, y, strict=True)]
    assert evaluate_many(model, x, y).tolist() == pytest.approx(alone, abs=1e-15)
    assert evaluate_many(model, x, y, threads=3).tolist() == pytest.approx(alone, abs=1e-15)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda i: evaluate(model, x[i % 40], y[i % 40]).total, range(400)))
    assert together == alone * 10


def test_total_weighs_density_and_congestion_by_a_half() -> None:
    assert ProxyCost(0.1, 0.4, 0.6).total == pytest.approx(0.6)


def test_maps_have_the_grids_shape_and_hold_the_macro() -> None:
    netlist, placement = toy_netlist()
    placement = replace(placement, x_um=np.array([5.0, 5.0, 35.0]), y_um=np.array([5.0, 5.0, 25.0]))
    density = density_map(netlist, placement)
    assert density.shape == (4, 4)
    assert density[0, 0] == pytest.approx(2.0)
    assert density[2, 3] == pytest.approx(1.0)
    assert density.sum() == pytest.approx(3.0)
    unwired = replace(netlist, net_start=np.array([0, 1, 2, 3]), net_weight=np.ones(3))
    horizontal, vertical = congestion_maps(unwired, placement)
    # Without routes only the hard macros' blockage is left: 10 um x 1 track of 10 tracks, twice.
    assert horizontal.shape == vertical.shape == (4, 4)
    assert horizontal[0, 0] == pytest.approx(2.0)
    assert vertical[2, 3] == 0


def test_a_netlist_without_macros_or_nets_costs_nothing() -> None:
    netlist, placement = toy_netlist()
    bare = replace(
        netlist,
        node_kind=np.full(3, NodeKind.PORT),
        pin_node=np.zeros(0, np.int64),
        pin_dx_um=np.zeros(0),
        pin_dy_um=np.zeros(0),
        net_start=np.zeros(1, np.int64),
        net_weight=np.zeros(0),
    )
    assert proxy_cost(bare, placement) == ProxyCost(0.0, 0.0, 0.0)


def test_robust_cost_is_the_median_over_nudged_macros() -> None:
    netlist, placement = toy_netlist()
    # Edges exactly on grid lines: any nudge outwards takes routes from one more row or column.
    placement = replace(placement, x_um=np.full(3, 15.0), y_um=np.full(3, 15.0))
    nominal = proxy_cost(netlist, placement).total
    robust = robust_proxy_cost(netlist, placement)
    assert robust != pytest.approx(nominal, abs=1e-3)
    assert robust == robust_proxy_cost(netlist, placement)
    assert robust_proxy_cost(netlist, placement, radius_um=0.0) == pytest.approx(nominal)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grid": None}, "no congestion grid"),
        ({"columns": 0}, "0 columns"),
        ({"h_tracks_per_um": 0.0}, "tracks per um"),
        ({"v_macro_tracks_per_um": -1.0}, "negative"),
        ({"smoothing": -1}, "smoothing"),
    ],
)
def test_an_unusable_grid_is_refused(change: dict, message: str) -> None:
    netlist, placement = toy_netlist()
    assert netlist.grid
    grid = None if "grid" in change else replace(netlist.grid, **change)
    with pytest.raises(InputError, match=message):
        proxy_cost(replace(netlist, grid=grid), placement)


def test_a_placement_of_another_netlist_is_refused() -> None:
    netlist, placement = toy_netlist()
    short = Placement(placement.x_um[:2], placement.y_um[:2], placement.orient[:2])
    with pytest.raises(InputError, match="2 nodes, the netlist 3"):
        proxy_cost(netlist, short)
    lost = replace(placement, y_um=np.array([1.0, np.nan, 1.0]))
    with pytest.raises(InputError, match="'b' is at"):
        proxy_cost(netlist, lost)
    with pytest.raises(InputError, match="orientation"):
        proxy_cost(netlist, replace(placement, orient=np.array([0, 8, 0])))
