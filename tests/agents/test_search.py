"""The search: better than published, never worse than its start, alike with equal threads.

What it shares with other placers is in test_placers.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import annealing_run, annealing_trials, search
from agents.annealing_schedule import Schedule, Situation, tuned
from agents.progress import Progress
from placement_env.cost.proxy import proxy_cost, robust_proxy_cost
from placement_env.cost.toy import toy_netlist
from placement_env.errors import InputError
from placement_env.formats import plc
from placement_env.legality import hard_overlaps, outside
from placement_env.netlist import Netlist, NodeKind, Orient, Placement
from placement_env.synthetic import synthetic_netlist
from tests.agents.hard_cases import moved_and_partly_fixed
from tests.agents.legality import assert_legal, assert_same


def test_a_start_with_macros_outside_ends_legal_and_better_than_published(
    ariane: tuple[Netlist, Placement], tmp_path: Path
) -> None:
    netlist, start = ariane
    assert outside(netlist, start).size
    placed = search.place(netlist, start, budget_s=1e9, seed=1, moves=400_000)
    assert_legal(netlist, placed)
    robust = robust_proxy_cost(netlist, placed)
    assert robust < 0.660
    assert robust == pytest.approx(proxy_cost(netlist, placed).total, abs=5e-4)
    stay = np.flatnonzero(netlist.fixed)
    assert np.array_equal(placed.x_um[stay], start.x_um[stay])
    assert np.array_equal(placed.orient, start.orient)

    # What is written is what was found.
    assert np.array_equal(placed.x_um[~netlist.fixed] * 1024 % 1, np.zeros((~netlist.fixed).sum()))
    plc.write(tmp_path / "placed.plc", netlist, placed)
    _, read_back = plc.read(tmp_path / "placed.plc", netlist)
    assert_legal(netlist, read_back)
    assert proxy_cost(netlist, read_back).total == pytest.approx(
        proxy_cost(netlist, placed).total, abs=1e-9
    )


def test_threads_that_share_a_placement_are_deterministic(
    ariane: tuple[Netlist, Placement],
) -> None:
    netlist, start = ariane
    for cores in (2, 5):
        one, again = (
            search.place(netlist, start, budget_s=1, seed=3, moves=30_000, cores=cores)
            for _ in range(2)
        )
        assert np.array_equal(one.x_um, again.x_um)
        assert np.array_equal(one.y_um, again.y_um)
        assert_legal(netlist, one)


def test_two_threads_make_as_good_moves_as_one(ariane: tuple[Netlist, Placement]) -> None:
    netlist, start = ariane
    costs = [
        proxy_cost(
            netlist, search.place(netlist, start, budget_s=1, seed=1, moves=400_000, cores=cores)
        ).total
        for cores in (1, 2)
    ]
    assert costs[1] < costs[0] + 0.02


def test_hard_macros_alone_are_shared_by_strips(ariane: tuple[Netlist, Placement]) -> None:
    netlist, start = ariane
    soft = netlist.node_kind == NodeKind.SOFT_MACRO
    netlist = replace(netlist, fixed=netlist.fixed | soft)
    first, placed = (
        search.place(netlist, start, budget_s=1, seed=1, moves=moves, cores=3)
        for moves in (0, 30_000)
    )
    hard = netlist.nodes_of(NodeKind.HARD_MACRO)
    assert hard_overlaps(netlist, placed) == []
    assert not np.isin(outside(netlist, placed), hard).any()
    assert np.array_equal(placed.x_um[soft], start.x_um[soft])
    assert (placed.x_um != first.x_um)[hard].mean() > 0.9
    assert proxy_cost(netlist, placed).total < proxy_cost(netlist, first).total


def test_a_short_run_cools_as_well(ariane: tuple[Netlist, Placement]) -> None:
    """How hot to begin is known after a fifth of the run, however few its moves are."""
    netlist, start = ariane
    seen: list[Situation] = []

    def look(situation: Situation) -> Schedule:
        seen.append(situation)
        return tuned(situation)

    for moves in (1_000, 20_000):
        seen.clear()
        search.place(netlist, start, budget_s=1, seed=1, moves=moves, cores=2, control=look)
        assert seen[-1].accepted is not None
        assert 0 < seen[-1].accepted < 1


def test_a_macro_wider_than_a_strip_moves_as_well() -> None:
    """Of eight strips the widest is 17.5 % of the canvas, and the macro takes 40 %."""
    netlist, start = synthetic_netlist(soft=1)
    hard = netlist.nodes_of(NodeKind.HARD_MACRO)
    large = np.arange(netlist.num_nodes) == hard[0]
    small = np.isin(np.arange(netlist.num_nodes), hard[1:])
    netlist = replace(
        netlist,
        width_um=np.where(large, 40.0, np.where(small, 8.0, netlist.width_um)),
        height_um=np.where(large, 40.0, np.where(small, 8.0, netlist.height_um)),
        fixed=netlist.fixed | (netlist.node_kind == NodeKind.SOFT_MACRO),
    )
    legal = search.place(netlist, start, budget_s=1, seed=1, moves=0, cores=1)
    placed = search.place(netlist, legal, budget_s=1, seed=1, moves=30_000, cores=8)
    assert_legal(netlist, placed)
    assert placed.x_um[hard[0]] != legal.x_um[hard[0]]


def test_flips_shorten_wires_and_survive_the_file(
    ariane: tuple[Netlist, Placement], tmp_path: Path
) -> None:
    netlist, start = ariane
    placed = search.place(netlist, start, budget_s=1, seed=1, moves=100_000, flips=True)
    assert_legal(netlist, placed)
    hard = netlist.nodes_of(NodeKind.HARD_MACRO)
    assert set(placed.orient[hard]) == {Orient.N, Orient.FN, Orient.FS, Orient.S}
    unturned = replace(placed, orient=start.orient)
    assert proxy_cost(netlist, placed).wirelength < proxy_cost(netlist, unturned).wirelength
    plc.write(tmp_path / "placed.plc", netlist, placed)
    _, read_back = plc.read(tmp_path / "placed.plc", netlist)
    assert proxy_cost(netlist, read_back).total == pytest.approx(
        proxy_cost(netlist, placed).total, abs=1e-9
    )


def test_gap_and_placement_grid(ariane: tuple[Netlist, Placement]) -> None:
    netlist, start = ariane
    placed = search.place(
        netlist, start, budget_s=1, seed=1, moves=20_000, gap_um=5.0, grid_um=0.19
    )
    assert_legal(netlist, placed, gap_um=5.0)
    hard = netlist.nodes_of(NodeKind.HARD_MACRO)
    steps = (placed.x_um - netlist.width_um / 2)[hard] / 0.19
    assert steps == pytest.approx(np.round(steps), abs=1e-6)


@pytest.mark.parametrize("options", [{"cores": 0}, {"grid_um": 0.0}])
def test_options_that_mean_nothing_are_refused(options: dict) -> None:
    with pytest.raises(InputError, match="grid" if "grid_um" in options else "cores"):
        search.place(*toy_netlist(), budget_s=1, seed=1, **options)


def test_an_interrupt_returns_the_best_placement_so_far(ariane: tuple[Netlist, Placement]) -> None:
    netlist, start = ariane

    def interrupt(report: Progress) -> None:
        if report.moves > 2000:
            raise KeyboardInterrupt

    for cores in (1, 2):
        began = time.perf_counter()
        placed = search.place(netlist, start, budget_s=300, seed=1, progress=interrupt, cores=cores)
        assert time.perf_counter() - began < 60
        assert_legal(netlist, placed)


def test_long_runs_tell_the_exact_cost_all_along(ariane: tuple[Netlist, Placement]) -> None:
    netlist, start = ariane
    fixed = np.ones_like(netlist.fixed)
    fixed[netlist.nodes_of(NodeKind.HARD_MACRO)[:4]] = False
    fixed[netlist.nodes_of(NodeKind.SOFT_MACRO)[:4]] = False
    netlist = replace(netlist, fixed=fixed)
    inside = search.place(netlist, start, budget_s=1, seed=1, moves=0)
    told = []

    def compare(report: Progress) -> None:
        if report.snapshot:
            told.append((report.cost, proxy_cost(netlist, report.snapshot()).total))

    search.place(netlist, inside, budget_s=1, seed=1, moves=600_000, progress=compare)
    assert len(told) >= 3
    assert [cost for cost, _ in told] == pytest.approx([cost for _, cost in told], abs=1e-9)


def test_the_best_of_several_trials_is_finished(
    ariane: tuple[Netlist, Placement], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each begins at the start again; in the end the best one goes on where it was."""
    netlist, start = ariane
    macros = len(netlist.nodes_of(NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO))
    monkeypatch.setattr(annealing_trials, "_ENOUGH", 130_000 / macros)
    monkeypatch.setattr(annealing_run, "_REPORT_EVERY_S", 0.0)
    runs: list[list[float]] = []

    def run() -> Placement:
        told: list[Progress] = []
        placed = search.place(
            netlist, start, budget_s=1, seed=1, moves=300_000, cores=2, progress=told.append
        )
        runs.append([report.cost for report in told if report.cost < np.inf])
        return placed

    one, again = run(), run()
    assert_same(one, again)
    assert_legal(netlist, one)
    costs = runs[0]
    assert costs == runs[1]
    # three trials: twice the cost is that of the start again, then it goes on from the best end
    begins = [k for k in range(1, len(costs)) if costs[k] > 1.02 * costs[k - 1]]
    assert len(begins) == 2
    end = costs.index(min(costs))
    assert end > begins[-1]
    assert proxy_cost(netlist, one).total == pytest.approx(min(costs), rel=2e-3)


@settings(max_examples=40, deadline=None)
@given(moved_and_partly_fixed(), st.integers(0, 2**32 - 1), st.booleans())
def test_random_netlists_end_no_worse_than_a_legal_start(
    case: tuple[Netlist, Placement], seed: int, from_nothing: bool
) -> None:
    netlist, start = case
    first = search.place(netlist, start, budget_s=1, seed=seed, moves=0, from_nothing=from_nothing)
    assert_legal(netlist, first)
    placed = search.place(
        netlist, start, budget_s=1, seed=seed, moves=300, from_nothing=from_nothing
    )
    assert_legal(netlist, placed)
    costs = [robust_proxy_cost(netlist, at, seed=seed) for at in (placed, first)]
    assert costs[0] <= costs[1] + 1e-9
