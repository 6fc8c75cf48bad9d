"""What the policy builds up by itself, and dead ends on the way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from agents.checkpoint import load_policy
from agents.construct import construct, with_soft_searched
from agents.placer import POLICY
from agents.policy import GraphPolicy, PolicySize
from agents.without_search import place_random
from placement_env.cost.proxy import proxy_cost
from placement_env.errors import InputError
from placement_env.netlist import Netlist, NodeKind, Placement
from placement_env.synthetic import synthetic_netlist
from tests.agents.legality import assert_legal, assert_others_stay, assert_same


def stranger() -> GraphPolicy:
    torch.manual_seed(0)
    return GraphPolicy(PolicySize(width=8, cells=4, layers=1)).eval()


def test_placements_are_legal_and_the_same_for_a_seed(ariane: tuple[Netlist, Placement]) -> None:
    netlist, start = ariane
    three = construct(stranger(), netlist, start, count=3, seed=1)
    assert_legal(netlist, three)
    assert_others_stay(netlist, start, three)
    assert_same(three, construct(stranger(), netlist, start, count=3, seed=1))


def test_more_placements_of_the_policy_that_ships_are_no_worse(
    ariane: tuple[Netlist, Placement],
) -> None:
    netlist, start = ariane
    policy = load_policy(POLICY).eval()
    one, three = (
        proxy_cost(netlist, construct(policy, netlist, start, count=count, seed=1)).total
        for count in (1, 3)
    )
    assert three <= 1.01 * one


def test_the_policy_that_ships_is_a_quarter_below_random_placements(
    ariane: tuple[Netlist, Placement],
) -> None:
    netlist, start = ariane
    randoms = [place_random(netlist, start, budget_s=1, seed=seed) for seed in range(1, 9)]
    random = np.mean([proxy_cost(netlist, placed).total for placed in randoms])
    built = construct(load_policy(POLICY).eval(), netlist, start, count=2, seed=1)
    assert proxy_cost(netlist, built).total < 0.75 * random


def test_soft_macros_are_searched_around_hard_ones_that_stay(
    ariane: tuple[Netlist, Placement],
) -> None:
    netlist, start = ariane
    scattered = place_random(netlist, start, budget_s=1, seed=1)
    searched = with_soft_searched(netlist, scattered, seed=1)
    hard = netlist.nodes_of(NodeKind.HARD_MACRO)
    assert_legal(netlist, searched)
    np.testing.assert_array_equal(searched.x_um[hard], scattered.x_um[hard])
    np.testing.assert_array_equal(searched.y_um[hard], scattered.y_um[hard])
    assert proxy_cost(netlist, searched).total < 0.9 * proxy_cost(netlist, scattered).total


def test_dead_ends_are_completed() -> None:
    """Two side by side do not fit; only stacked do they all."""
    netlist, start = synthetic_netlist()
    hard = netlist.nodes_of(NodeKind.HARD_MACRO)
    width, height = netlist.width_um.copy(), netlist.height_um.copy()
    width[hard] = 0.52 * netlist.canvas.width_um
    height[hard] = 0.9 * netlist.canvas.height_um / len(hard)
    crowded = replace(netlist, width_um=width, height_um=height)
    assert_legal(crowded, construct(stranger(), crowded, start, count=2, seed=1))


def test_a_macro_that_fits_nowhere_is_named() -> None:
    netlist, start = synthetic_netlist()
    width = netlist.width_um.copy()
    widest = int(netlist.nodes_of(NodeKind.HARD_MACRO)[0])
    width[widest] = 1.1 * netlist.canvas.width_um
    with pytest.raises(InputError, match=netlist.node_name[widest]):
        construct(stranger(), replace(netlist, width_um=width), start, count=1, seed=1)
    fixed = np.ones(netlist.num_nodes, dtype=bool)
    with pytest.raises(InputError, match="macro"):
        construct(stranger(), replace(netlist, fixed=fixed), start, count=1, seed=1)
