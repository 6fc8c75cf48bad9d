"""Greedy placement; what it shares with other placers is in test_placers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import annealing, greedy
from agents.progress import Progress
from placement_env.cost.proxy import proxy_cost, robust_proxy_cost
from placement_env.cost.toy import toy_netlist
from placement_env.legality import outside
from placement_env.netlist import Netlist, NodeKind, Placement
from tests.agents.hard_cases import moved_and_partly_fixed
from tests.agents.legality import assert_legal, assert_others_stay


def _random_start(netlist: Netlist, start: Placement, seed: int) -> Placement:
    """Movable macros anywhere in the canvas."""
    rng = np.random.default_rng(seed)
    canvas, n = netlist.canvas, netlist.num_nodes
    movable = netlist.nodes_of(NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO)
    x_um, y_um = start.x_um.copy(), start.y_um.copy()
    x_um[movable] = rng.uniform(canvas.left_um, canvas.right_um, n)[movable]
    y_um[movable] = rng.uniform(canvas.bottom_um, canvas.top_um, n)[movable]
    return replace(start, x_um=x_um, y_um=y_um)


def test_it_beats_random_placements_by_far(ariane: tuple[Netlist, Placement]) -> None:
    netlist, start = ariane
    scattered = _random_start(netlist, start, seed=1)
    random = greedy.place(netlist, scattered, budget_s=1, seed=1, moves=0)
    from_random = greedy.place(netlist, scattered, budget_s=1, seed=1, moves=70_000)
    told: list[Progress] = []
    from_start = greedy.place(
        netlist, start, budget_s=1, seed=1, moves=70_000, progress=told.append
    )
    costs = []
    for placed in (from_start, from_random, random):
        assert_legal(netlist, placed)
        costs.append(proxy_cost(netlist, placed).total)
    assert costs[0] < 0.70
    assert costs[1] < costs[2] - 0.3
    assert abs(robust_proxy_cost(netlist, from_start) - costs[0]) < 1e-3
    # Only in the descent is there a placement to tell a cost of, and there it only falls.
    descent = [report.cost for report in told if report.phase == "descent"]
    assert [report.cost for report in told if report.cost < np.inf] == descent
    assert descent == sorted(descent, reverse=True)
    assert descent[-1] == pytest.approx(costs[0], abs=1e-9)


def test_phases_follow_one_another_until_nothing_improves() -> None:
    netlist, start = toy_netlist()
    told: list[Progress] = []
    greedy.place(netlist, start, budget_s=60, seed=1, progress=told.append)
    phases = list(dict.fromkeys(report.phase for report in told))
    assert phases == ["legal start", "hard macros", "soft macros", "descent"]
    # It ends by itself, where no macro finds a cheaper place.
    assert told[-1].elapsed_s < 10
    again = greedy.place(netlist, start, budget_s=60, seed=1)
    assert told[-1].cost == pytest.approx(proxy_cost(netlist, again).total, abs=1e-12)


@pytest.mark.parametrize("phase", ["hard macros", "soft macros", "descent"])
def test_an_interrupt_in_any_phase_leaves_a_legal_placement(
    phase: str, ariane: tuple[Netlist, Placement]
) -> None:
    netlist, start = ariane

    def interrupt(report: Progress) -> None:
        if report.phase == phase:
            raise KeyboardInterrupt

    assert_legal(netlist, greedy.place(netlist, start, budget_s=300, seed=1, progress=interrupt))


@settings(max_examples=40, deadline=None)
@given(
    moved_and_partly_fixed(),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0, 50, 300, 3000]),
    st.booleans(),
)
def test_never_worse_than_the_legal_start(
    case: tuple[Netlist, Placement], seed: int, moves: int, from_nothing: bool
) -> None:
    netlist, start = case
    # Without a move, the annealer only makes the start legal.
    first = annealing.place(
        netlist, start, budget_s=1, seed=seed, moves=0, from_nothing=from_nothing
    )
    placed = greedy.place(
        netlist, start, budget_s=1, seed=seed, moves=moves, from_nothing=from_nothing
    )
    assert_legal(netlist, placed)
    assert_others_stay(netlist, start, placed)
    assert proxy_cost(netlist, placed).total <= proxy_cost(netlist, first).total + 1e-9


@settings(max_examples=30, deadline=None)
@given(moved_and_partly_fixed())
def test_in_the_end_no_soft_macro_is_cheaper_on_a_cell_nearby(
    case: tuple[Netlist, Placement],
) -> None:
    netlist, start = case
    placed = greedy.place(netlist, start, budget_s=60, seed=1)
    assert_legal(netlist, placed)
    cost = proxy_cost(netlist, placed).total
    canvas, grid = netlist.canvas, netlist.grid
    assert grid is not None
    cell_width, cell_height = canvas.width_um / grid.columns, canvas.height_um / grid.rows
    for node in netlist.nodes_of(NodeKind.SOFT_MACRO):
        column = (placed.x_um[node] - canvas.left_um) // cell_width
        row = (placed.y_um[node] - canvas.bottom_um) // cell_height
        for right, up in ((-1, 0), (0, 0), (1, 0), (0, -1), (0, 1), (2, 2)):
            x_um, y_um = placed.x_um.copy(), placed.y_um.copy()
            x_um[node] = canvas.left_um + (column + right + 0.5) * cell_width
            y_um[node] = canvas.bottom_um + (row + up + 0.5) * cell_height
            moved = replace(placed, x_um=x_um, y_um=y_um)
            # Macros lie on a lattice, near to the cell's centre.
            if node not in outside(netlist, moved):
                assert proxy_cost(netlist, moved).total > cost - 1e-3
