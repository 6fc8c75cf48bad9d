"""What all placers that users choose by name promise, and how they are chosen."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import annealing, greedy, placer, placers, search, without_search
from agents.progress import Progress
from benchmarks.placement import is_legal, score
from placement_env.cost.proxy import proxy_cost
from placement_env.cost.toy import toy_netlist
from placement_env.errors import InputError
from placement_env.formats import plc
from placement_env.legality import hard_overlaps, outside
from placement_env.netlist import Netlist, NodeKind, Placement
from tests.agents.hard_cases import REFUSED, moved_and_partly_fixed, of_kinds, tight, turned
from tests.agents.legality import assert_legal, assert_others_stay, assert_same
from tests.agents.row_designs import row_design

PLACE_MACROS = [name for name in placers.NAMES if name not in placers.PLACE_CELLS]
SEARCHES = ["graph-rl", "search", "annealing", "greedy"]

every_placer = pytest.mark.parametrize("name", PLACE_MACROS)
every_search = pytest.mark.parametrize("name", SEARCHES)


@every_placer
def test_what_is_written_is_what_was_found(
    name: str, ariane: tuple[Netlist, Placement], tmp_path: Path
) -> None:
    netlist, start = ariane
    placed = placers.named(name)(netlist, start, budget_s=1, seed=1, moves=3000)
    assert_legal(netlist, placed)
    assert_others_stay(netlist, start, placed)
    plc.write(tmp_path / "placed.plc", netlist, placed)
    _, read_back = plc.read(tmp_path / "placed.plc", netlist)
    assert_legal(netlist, read_back)
    assert proxy_cost(netlist, read_back).total == pytest.approx(
        proxy_cost(netlist, placed).total, abs=1e-9
    )


@every_placer
def test_the_seed_and_the_moves_determine_the_placement(
    name: str, ariane: tuple[Netlist, Placement]
) -> None:
    netlist, start = ariane
    one, again = (
        placers.named(name)(netlist, start, budget_s=1, seed=1, moves=5000) for _ in range(2)
    )
    assert_same(one, again)


@every_placer
def test_from_nothing_ignores_where_macros_are(
    name: str, ariane: tuple[Netlist, Placement]
) -> None:
    netlist, start = ariane
    elsewhere = replace(start, x_um=np.where(netlist.fixed, start.x_um, 0.0))
    one, other = (
        placers.named(name)(netlist, at, budget_s=1, seed=1, moves=3000, from_nothing=True)
        for at in (start, elsewhere)
    )
    assert_legal(netlist, one)
    assert_same(one, other)


@every_placer
def test_a_gap_is_kept(name: str, ariane: tuple[Netlist, Placement]) -> None:
    netlist, start = ariane
    placed = placers.named(name)(netlist, start, budget_s=1, seed=1, moves=5000, gap_um=5.0)
    assert_legal(netlist, placed, gap_um=5.0)


@every_search
def test_the_clock_is_kept_and_progress_told(name: str, ariane: tuple[Netlist, Placement]) -> None:
    netlist, start = ariane
    placers.compile_kernels(name, netlist)
    told: list[Progress] = []
    began = time.perf_counter()
    placed = placers.named(name)(netlist, start, budget_s=1.5, seed=1, progress=told.append)
    assert time.perf_counter() - began < 3.0
    assert_legal(netlist, placed)
    assert told[0].phase == "legal start"
    assert len({report.phase for report in told}) > 1
    assert all(a.elapsed_s <= b.elapsed_s and a.moves <= b.moves for a, b in pairwise(told))
    assert told[-1].moves > 0
    assert told[-1].budget_s == 1.5


@every_search
def test_snapshots_are_legal_and_cost_what_is_told(
    name: str, ariane: tuple[Netlist, Placement]
) -> None:
    netlist, start = ariane
    costs: list[float] = []

    def watch(report: Progress) -> None:
        if report.snapshot:
            placement = report.snapshot()
            assert_legal(netlist, placement)
            assert proxy_cost(netlist, placement).total == pytest.approx(report.cost, abs=1e-9)
            costs.append(report.cost)

    moves = 80_000 if name == "greedy" else 20_000
    placers.named(name)(netlist, start, budget_s=1, seed=1, moves=moves, progress=watch)
    assert len(costs) > 1


@every_search
def test_an_interrupt_returns_a_legal_placement(
    name: str, ariane: tuple[Netlist, Placement]
) -> None:
    netlist, start = ariane

    def interrupt(report: Progress) -> None:
        if report.moves > 2000:
            raise KeyboardInterrupt

    began = time.perf_counter()
    placed = placers.named(name)(netlist, start, budget_s=300, seed=1, progress=interrupt)
    assert time.perf_counter() - began < 60
    assert_legal(netlist, placed)


@every_placer
@settings(max_examples=25, deadline=None)
@given(case=moved_and_partly_fixed(), seed=st.integers(0, 2**32 - 1), from_nothing=st.booleans())
def test_random_netlists_end_legal(
    name: str, case: tuple[Netlist, Placement], seed: int, from_nothing: bool
) -> None:
    netlist, start = case
    for moves in (0, 40, 300):
        placed = placers.named(name)(
            netlist, start, budget_s=1, seed=seed, moves=moves, from_nothing=from_nothing
        )
        assert_legal(netlist, placed)
        assert_others_stay(netlist, start, placed)


@every_placer
def test_fixed_macros_are_kept_clear_of(name: str) -> None:
    netlist, start = of_kinds(1, 1, 1)
    netlist = replace(netlist, fixed=np.array([True, False, False]))
    for seed in range(8):
        placed = placers.named(name)(
            netlist, start, budget_s=1, seed=seed, moves=20, from_nothing=True
        )
        assert_legal(netlist, placed)
        assert_others_stay(netlist, start, placed)


@every_placer
@pytest.mark.parametrize(
    "case",
    [tight(), turned(), of_kinds(1, 1, 1), of_kinds(2, 2, 2), of_kinds(0, 1, 0), of_kinds(0, 2, 0)],
    ids=["tight", "turned", "all hard", "all soft", "one hard", "one soft"],
)
def test_unusual_netlists(name: str, case: tuple[Netlist, Placement]) -> None:
    netlist, start = case
    placed = placers.named(name)(netlist, start, budget_s=1, seed=1, moves=200)
    assert_legal(netlist, placed)
    assert_others_stay(netlist, start, placed)


@every_placer
def test_without_movable_macros_the_start_comes_back(name: str) -> None:
    ports, start = of_kinds(0, 0, 0)
    assert placers.named(name)(ports, start, budget_s=1, seed=1) is start
    netlist, start = toy_netlist()
    fixed = replace(netlist, fixed=np.ones(3, dtype=bool))
    assert placers.named(name)(fixed, start, budget_s=1, seed=1) is start


@every_placer
def test_without_a_start(name: str) -> None:
    netlist, _ = toy_netlist()
    place = placers.named(name)
    assert_legal(netlist, place(netlist, None, budget_s=1, seed=1, moves=100))
    fixed = replace(netlist, fixed=np.array([False, True, False]))
    with pytest.raises(InputError, match="no start, and node 'b'"):
        place(fixed, None, budget_s=1, seed=1)


@every_placer
@pytest.mark.parametrize(("change", "options", "message"), REFUSED)
def test_what_cannot_be_placed_is_refused(
    name: str, change: Callable[[Netlist], Netlist], options: dict, message: str
) -> None:
    netlist, start = toy_netlist()
    with pytest.raises(InputError, match=message):
        placers.named(name)(change(netlist), start, **({"budget_s": 1.0, "seed": 1} | options))


@every_placer
def test_a_start_that_does_not_fit_is_refused(name: str) -> None:
    netlist, start = toy_netlist()
    place = placers.named(name)
    lost = replace(start, x_um=np.array([1.0, np.nan, 1.0]))
    with pytest.raises(InputError, match="'b' is at"):
        place(netlist, lost, budget_s=1, seed=1)
    short = Placement(start.x_um[:2], start.y_um[:2], start.orient[:2])
    with pytest.raises(InputError, match="2 nodes, the netlist 3"):
        place(netlist, short, budget_s=1, seed=1)


@every_search
def test_macros_of_a_flat_netlist_are_placed_among_its_cells(name: str) -> None:
    netlist, start = row_design(cells=150, macros=2, utilization=0.5)
    netlist = replace(netlist, fixed=netlist.node_kind == NodeKind.PORT)
    start = replace(start, x_um=np.nan_to_num(start.x_um), y_um=np.nan_to_num(start.y_um))
    told: list[str] = []
    placed = placers.named(name)(
        netlist,
        start,
        budget_s=1,
        seed=1,
        moves=500,
        progress=lambda report: told.append(report.phase),
    )
    assert is_legal(score(netlist, placed))
    assert ("hard macros" in told) == (name == "greedy")
    assert told.count("cells on rows") == 1


@pytest.mark.parametrize("name", ["quadratic", "random", "coloquinte", "flat"])
def test_placers_without_a_search_place_flat_netlists(name: str) -> None:
    netlist, start = row_design(cells=150, macros=3, utilization=0.5)
    netlist = replace(netlist, fixed=netlist.node_kind == NodeKind.PORT)
    start = replace(start, x_um=np.nan_to_num(start.x_um), y_um=np.nan_to_num(start.y_um))
    told: list[str] = []
    placed, again = (
        placers.named(name)(
            netlist, start, budget_s=1, seed=seed, progress=lambda report: told.append(report.phase)
        )
        for seed in (1, 1)
    )
    assert is_legal(score(netlist, placed))
    assert_same(placed, again)
    # Only what `name` makes of the macros is placed, whatever has shorter wires.
    assert told.count("placing cells" if name == "coloquinte" else "cells on rows") == 2
    assert ("grouping cells" in told) == (name in ("quadratic", "random"))


def test_random_places_are_worse_than_those_where_nets_pull(
    ariane: tuple[Netlist, Placement],
) -> None:
    netlist, start = ariane
    random, quadratic = (
        proxy_cost(netlist, placers.named(name)(netlist, start, budget_s=1, seed=1)).wirelength
        for name in ("random", "quadratic")
    )
    assert quadratic < 0.7 * random


@pytest.mark.parametrize("name", placers.PLACE_CELLS)
def test_placers_of_cells_refuse_netlists_without_them(name: str) -> None:
    netlist, start = toy_netlist()
    with pytest.raises(InputError, match="no standard cells") as refused:
        placers.named(name)(netlist, start, budget_s=1, seed=1)
    assert "search" in refused.value.hint


def test_names_stand_for_the_placers() -> None:
    netlist, start = toy_netlist()
    for name, place in (
        ("graph-rl", placer.place),
        ("search", search.place),
        ("annealing", annealing.place),
        ("greedy", greedy.place),
        ("quadratic", without_search.place_quadratic),
        ("random", without_search.place_random),
    ):
        expected = place(netlist, start, budget_s=1, seed=3, moves=40)
        assert_same(placers.named(name)(netlist, start, budget_s=1, seed=3, moves=40), expected)


def test_each_kind_of_netlist_has_its_default() -> None:
    netlist, _ = toy_netlist()
    assert placers.default_for(netlist) == "graph-rl"
    for kind, default in (
        (NodeKind.STANDARD_CELL, "flat"),
        (NodeKind.HARD_MACRO, "search"),  # blocks alone are floorplanned
    ):
        alike = np.full(netlist.num_nodes, kind, dtype=np.int64)
        other = replace(netlist, grid=None, node_kind=alike)
        assert placers.default_for(other) == default


def test_an_unknown_name_is_refused_with_a_hint() -> None:
    with pytest.raises(InputError, match="'anealing'") as refused:
        placers.named("anealing")
    assert refused.value.hint == "did you mean annealing?"
    with pytest.raises(InputError) as refused:
        placers.compile_kernels("???", toy_netlist()[0])
    assert refused.value.hint.startswith("the placers are graph-rl, search, annealing,")


def test_an_unknown_option_is_refused_with_a_hint() -> None:
    netlist, start = toy_netlist()
    with pytest.raises(InputError, match="'greedy' has no option 'move'") as refused:
        placers.named("greedy")(netlist, start, budget_s=1, seed=1, move=3)
    assert refused.value.hint == "did you mean moves?"


def test_the_options_of_a_placer_are_told() -> None:
    netlist, _ = toy_netlist()
    assert "grid_um" in placers.options_of("search", netlist)
    assert "grid_um" not in placers.options_of("annealing", netlist)
    assert "moves" in placers.options_of("greedy", netlist)
    with pytest.raises(InputError, match="no placer called 'sarch'"):
        placers.options_of("sarch", netlist)


def test_blocks_without_a_grid_are_floorplanned() -> None:
    netlist, start = toy_netlist()
    hard = np.full(netlist.num_nodes, NodeKind.HARD_MACRO, dtype=np.int64)
    blocks = replace(netlist, grid=None, node_kind=hard)
    placed = placers.named("search")(blocks, start, budget_s=1, seed=1, moves=2000, cores=1)
    assert not hard_overlaps(blocks, placed)
    assert not outside(blocks, placed).size
    with pytest.raises(InputError, match="not for floorplans") as refused:
        placers.named("greedy")(blocks, start, budget_s=1, seed=1, moves=3)
    assert "'graph-rl'" in refused.value.hint
    with pytest.raises(InputError, match="no option 'grid_um'"):
        placers.named("search")(blocks, start, budget_s=1, seed=1, grid_um=1.0)
