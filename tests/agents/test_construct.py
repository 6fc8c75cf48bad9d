"""What the policy builds up by itself, and dead ends on the way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from agents.construct import construct
from agents.policy import GraphPolicy, PolicySize
from placement_env.cost.proxy import proxy_cost
from placement_env.errors import InputError
from placement_env.netlist import Netlist, NodeKind, Placement
from placement_env.synthetic import synthetic_netlist
from tests.agents.legality import assert_legal, assert_others_stay, assert_same


def stranger() -> GraphPolicy:
    torch.manual_seed(0)
    return GraphPolicy(PolicySize(width=8, cells=4, layers=1)).eval()


def test_placements_are_legal_and_more_of_them_are_no_worse(
    ariane: tuple[Netlist, Placement],
) -> None:
    netlist, start = ariane
    three = construct(stranger(), netlist, start, count=3, seed=1)
    assert_legal(netlist, three)
    assert_others_stay(netlist, start, three)
    assert_same(three, construct(stranger(), netlist, start, count=3, seed=1))
    one = construct(stranger(), netlist, start, count=1, seed=1)
    assert proxy_cost(netlist, three).total <= 1.01 * proxy_cost(netlist, one).total


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
