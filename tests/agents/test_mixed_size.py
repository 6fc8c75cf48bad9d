"""Flat netlists with macros, placed from nothing or from a start; clustered ones passed on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.macro_rows import on_rows
from agents.mixed_size import place
from agents.progress import Progress
from agents.shredding import rough_places
from benchmarks import registry
from benchmarks.placement import is_legal, score
from placement_env.errors import InputError
from placement_env.netlist import Netlist, NodeKind, Orient, Placement, hpwl_um, oriented_size
from placement_env.row_legality import check_rows
from tests.agents.row_designs import row_design
from tests.benchmarks.tiny import tiny


def flat(*, macros: int = 3, seed: int = 0) -> tuple[Netlist, Placement]:
    """A small design; its nodes all begin at the centre of the canvas, but for the ports."""
    netlist, start = row_design(cells=300, macros=macros, seed=seed, utilization=0.5)
    canvas = netlist.canvas
    movable = netlist.node_kind != NodeKind.PORT
    x = np.where(movable, (canvas.left_um + canvas.right_um) / 2, start.x_um)
    y = np.where(movable, (canvas.bottom_um + canvas.top_um) / 2, start.y_um)
    fixed = netlist.node_kind == NodeKind.PORT
    return replace(netlist, fixed=fixed), Placement(x, y, start.orient)


def on_grid(netlist: Netlist, placement: Placement) -> bool:
    """Whether every macro's lower left corner is on a site and a row."""
    rows = netlist.rows
    assert rows is not None
    macros = netlist.nodes_of(NodeKind.HARD_MACRO)
    width, height = oriented_size(netlist, placement)
    left = (placement.x_um - width / 2)[macros] - rows.x_um.min()
    bottom = (placement.y_um - height / 2)[macros] - rows.y_um.min()
    site = left / rows.site_width_um[0]
    row = bottom / rows.height_um[0]
    return bool(np.allclose(site, np.rint(site)) and np.allclose(row, np.rint(row)))


def test_macros_and_cells_become_legal() -> None:
    netlist, start = flat()
    phases: list[str] = []
    placed = place(
        netlist, start, budget_s=0.4, seed=1, progress=lambda report: phases.append(report.phase)
    )
    scores = score(netlist, placed)
    assert is_legal(scores), scores
    assert on_grid(netlist, placed)
    assert phases[0] == "macros and cells spread"
    assert phases.index("annealing") < phases.index("cells spread")
    ports = netlist.nodes_of(NodeKind.PORT)
    assert np.array_equal(placed.x_um[ports], start.x_um[ports])


def test_equal_seeds_give_equal_rough_places() -> None:
    netlist, start = flat(seed=5)
    first = rough_places(netlist, start, effort=1, seed=3)
    second = rough_places(netlist, start, effort=1, seed=3)
    assert np.array_equal(first.x_um, second.x_um)
    assert np.array_equal(first.y_um, second.y_um)


def test_a_start_that_places_macros_is_searched_from() -> None:
    netlist, start = flat()
    macros = netlist.nodes_of(NodeKind.HARD_MACRO)
    rows = netlist.rows
    assert rows is not None
    x = start.x_um.copy()
    x[macros] = rows.x_um.min() + 3.0 + 6.0 * np.arange(len(macros))
    start = replace(start, x_um=x)
    for from_nothing in (False, True):
        phases: list[str] = []
        placed = place(
            netlist,
            start,
            budget_s=0.3,
            seed=1,
            progress=lambda report, phases=phases: phases.append(report.phase),
            from_nothing=from_nothing,
        )
        assert is_legal(score(netlist, placed))
        assert ("macros and cells spread" in phases) == from_nothing
        assert "annealing" in phases


def test_fixed_macros_stay_and_are_kept_clear_of() -> None:
    netlist, start = flat(macros=4, seed=2)
    macros = netlist.nodes_of(NodeKind.HARD_MACRO)
    fixed = netlist.fixed.copy()
    fixed[macros[0]] = True
    netlist = replace(netlist, fixed=fixed)
    placed = place(netlist, start, budget_s=0.4, seed=1)
    assert placed.x_um[macros[0]] == start.x_um[macros[0]]
    assert placed.y_um[macros[0]] == start.y_um[macros[0]]
    assert check_rows(netlist, placed).describe(netlist) == "legal"


def test_a_design_without_macros_gets_its_cells_placed() -> None:
    netlist, start = flat(macros=0)
    assert is_legal(score(netlist, place(netlist, start, budget_s=0.4, seed=1)))


def test_a_clustered_netlist_is_searched() -> None:
    netlist, start = tiny()
    reports: list[Progress] = []
    placed = place(netlist, start, budget_s=0.8, seed=1, progress=reports.append)
    assert is_legal(score(netlist, placed))
    assert reports[-1].phase == "annealing"
    assert reports[-1].budget_s == pytest.approx(0.8, abs=0.3)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    gap_um=st.sampled_from([0.0, 0.5, 2.0]),
    turned=st.booleans(),
)
def test_macros_on_rows_are_apart_and_inside(seed: int, gap_um: float, turned: bool) -> None:
    netlist, start = row_design(cells=400, macros=6, seed=seed % 7, utilization=0.4)
    netlist = replace(netlist, fixed=netlist.node_kind == NodeKind.PORT)
    rng = np.random.default_rng(seed)
    canvas = netlist.canvas
    macros = netlist.nodes_of(NodeKind.HARD_MACRO)
    x, y, orient = start.x_um.copy(), start.y_um.copy(), start.orient.copy()
    x[macros] = rng.uniform(canvas.left_um, canvas.right_um, len(macros))
    y[macros] = rng.uniform(canvas.bottom_um, canvas.top_um, len(macros))
    if turned:
        orient[macros[::2]] = Orient.W
    legal = on_rows(netlist, Placement(x, y, orient), gap_um=gap_um, seed=1)
    assert on_grid(netlist, legal)
    width, height = oriented_size(netlist, legal)
    for k, i in enumerate(macros):
        assert legal.x_um[i] - width[i] / 2 >= canvas.left_um - 1e-9
        assert legal.y_um[i] + height[i] / 2 <= canvas.top_um + 1e-9
        for j in macros[:k]:
            apart_x = abs(legal.x_um[i] - legal.x_um[j]) - (width[i] + width[j]) / 2
            apart_y = abs(legal.y_um[i] - legal.y_um[j]) - (height[i] + height[j]) / 2
            assert max(apart_x, apart_y) >= gap_um - 1e-6


def test_pieces_pull_a_macro_to_its_nets() -> None:
    """A macro that is tied to one corner port is placed nearer to it than to any other corner."""
    netlist, start = flat(macros=1, seed=4)
    macro = int(netlist.nodes_of(NodeKind.HARD_MACRO)[0])
    ports = netlist.nodes_of(NodeKind.PORT)
    corner = int(ports[3])  # upper right
    strong = np.full(200, 20.0)
    pairs = np.tile([corner, macro], 200)
    netlist = replace(
        netlist,
        pin_node=np.concatenate([netlist.pin_node, pairs]),
        pin_dx_um=np.concatenate([netlist.pin_dx_um, np.zeros(400)]),
        pin_dy_um=np.concatenate([netlist.pin_dy_um, np.zeros(400)]),
        net_start=np.concatenate(
            [netlist.net_start, netlist.net_start[-1] + 2 * np.arange(1, 201)]
        ),
        net_weight=np.concatenate([netlist.net_weight, strong]),
        net_name=None,
        pin_name=None,
    )
    rough = rough_places(netlist, start, effort=1, seed=1)
    distance = np.hypot(
        rough.x_um[macro] - start.x_um[ports], rough.y_um[macro] - start.y_um[ports]
    )
    assert distance.argmin() == 3


def test_a_macro_larger_than_the_canvas_is_named() -> None:
    netlist, start = flat()
    macro = int(netlist.nodes_of(NodeKind.HARD_MACRO)[1])
    height = netlist.height_um.copy()
    height[macro] = 2 * netlist.canvas.height_um
    with pytest.raises(InputError, match=repr(netlist.node_name[macro])):
        place(replace(netlist, height_um=height), start, budget_s=0.4, seed=1)


def test_more_area_than_the_rows_have_is_refused_at_once() -> None:
    netlist, start = flat()
    with pytest.raises(InputError, match=r"macros and cells cover \d+% of the rows"):
        place(replace(netlist, width_um=3 * netlist.width_um), start, budget_s=1e6, seed=1)


def test_no_start_with_fixed_ports_is_refused() -> None:
    netlist, _ = flat()
    with pytest.raises(InputError, match="no start"):
        place(netlist, None, budget_s=0.4, seed=1)


def test_no_rows_is_refused() -> None:
    netlist, start = flat()
    with pytest.raises(InputError, match="no rows"):
        place(replace(netlist, rows=None), start, budget_s=0.4, seed=1)


@pytest.mark.parametrize("budget_s", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_budgets_are_refused(budget_s: float) -> None:
    netlist, start = flat(macros=0)
    with pytest.raises(InputError, match="budget"):
        place(netlist, start, budget_s=budget_s, seed=1)


@pytest.mark.slow
def test_ibm01_is_placed_within_a_fifth_of_the_published_wirelength(data_file) -> None:
    data_file("iccad04/ibm01/ibm01.aux.gz")
    benchmark = registry.load("ibm01")
    placed = place(benchmark.netlist, benchmark.placements["initial"], budget_s=10.0, seed=1)
    assert is_legal(score(benchmark.netlist, placed))
    (published,) = benchmark.published
    assert hpwl_um(benchmark.netlist, placed) < 1.2 * published.value
