"""The textbook annealer; what it shares with other placers is in test_placers."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import annealing
from agents.progress import Progress
from placement_env.cost.proxy import proxy_cost, robust_proxy_cost
from placement_env.legality import outside
from placement_env.netlist import Netlist, Placement
from tests.agents.hard_cases import moved_and_partly_fixed
from tests.agents.legality import assert_legal, assert_others_stay


def test_it_improves_far_on_a_start_with_macros_outside(ariane: tuple[Netlist, Placement]) -> None:
    netlist, start = ariane
    assert outside(netlist, start).size
    first = annealing.place(netlist, start, budget_s=1, seed=1, moves=0)
    placed = annealing.place(netlist, start, budget_s=1, seed=1, moves=60_000)
    assert_legal(netlist, placed)
    cost = proxy_cost(netlist, placed).total
    assert cost < 0.715
    assert cost < proxy_cost(netlist, first).total - 0.04
    # No knife edges: the cost survives a nudge of all macros.
    assert abs(robust_proxy_cost(netlist, placed) - cost) < 1e-3


def test_another_seed_gives_another_placement(ariane: tuple[Netlist, Placement]) -> None:
    netlist, start = ariane
    one, other = (
        annealing.place(netlist, start, budget_s=1, seed=seed, moves=2000) for seed in (1, 2)
    )
    assert not np.array_equal(one.x_um, other.x_um)


def test_an_interrupt_returns_the_best_met_and_not_the_last(
    ariane: tuple[Netlist, Placement],
) -> None:
    netlist, start = ariane
    costs: list[float] = []

    def interrupt(report: Progress) -> None:
        costs.append(report.cost)
        if report.moves > 2000:
            raise KeyboardInterrupt

    good = annealing.place(netlist, start, budget_s=1, seed=1, moves=20_000)
    placed = annealing.place(netlist, good, budget_s=300, seed=1, progress=interrupt)
    # While it is hot, the cost rises above that of a good start.
    assert costs[-1] > proxy_cost(netlist, good).total + 0.005
    assert proxy_cost(netlist, placed).total <= proxy_cost(netlist, good).total + 1e-9


@settings(max_examples=40, deadline=None)
@given(moved_and_partly_fixed(), st.integers(0, 2**32 - 1), st.booleans())
def test_never_worse_than_the_legal_start(
    case: tuple[Netlist, Placement], seed: int, from_nothing: bool
) -> None:
    netlist, start = case
    first, placed = (
        annealing.place(
            netlist, start, budget_s=1, seed=seed, moves=moves, from_nothing=from_nothing
        )
        for moves in (0, 300)
    )
    assert_legal(netlist, placed)
    assert_others_stay(netlist, start, placed)
    assert proxy_cost(netlist, placed).total <= proxy_cost(netlist, first).total + 1e-9
