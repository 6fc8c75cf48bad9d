"""Variants of a design: like it, each another one, and its placements carry over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agents import variants
from agents.training_netlists import load_netlists
from agents.variants import Family, Variant, family_of, vary
from placement_env.cost.proxy import proxy_cost
from placement_env.errors import InputError
from placement_env.netlist import NodeKind


@pytest.fixture(scope="module")
def family(data_file: Callable[[str], Path]) -> Family:
    data_file("tilos/ariane136_ng45/full.pb.txt.gz")
    return family_of("ariane136_ng45")


@pytest.fixture(scope="module")
def variants_of_it(family: Family) -> list[Variant]:
    return [vary(family, seed) for seed in range(2)]


def test_variants_are_like_the_design_and_unlike_each_other(
    family: Family, variants_of_it: list[Variant]
) -> None:
    one, other = (variant.netlist for variant in variants_of_it)
    assert (one.canvas, one.grid, one.num_nodes) != (other.canvas, other.grid, other.num_nodes)
    for netlist in (one, other):
        for kind in (NodeKind.HARD_MACRO, NodeKind.PORT):
            assert len(netlist.nodes_of(kind)) == len(family.netlist.nodes_of(kind))
        hard = netlist.nodes_of(NodeKind.HARD_MACRO)
        covered = (netlist.width_um * netlist.height_um)[hard].sum()
        canvas = netlist.canvas
        assert covered < 0.63 * canvas.width_um * canvas.height_um
        assert netlist.num_nets == pytest.approx(family.netlist.num_nets, rel=0.4)
    again = vary(family, 1)
    assert again.netlist.canvas == other.canvas
    assert np.array_equal(again.group, variants_of_it[1].group)


def test_a_placement_is_carried_over(
    family: Family, variants_of_it: list[Variant], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Macros keep their places relative to the canvas, and groups are where their cells were."""
    legal, upright = family.start, variants_of_it[0]
    monkeypatch.setattr(variants, "_TRANSPOSED", 1.0)
    transposed = vary(family, 0)
    assert transposed.netlist.canvas.width_um == upright.netlist.canvas.height_um
    node = family.netlist.nodes_of(NodeKind.HARD_MACRO)[5]
    old = family.netlist.canvas
    x, y = legal.x_um[node] / old.width_um, legal.y_um[node] / old.height_um
    for variant, (wanted_x, wanted_y) in ((upright, (x, y)), (transposed, (y, x))):
        carried, new = variant.carry(legal), variant.netlist.canvas
        there = variant.netlist.node_name.index(family.netlist.node_name[node])
        assert carried.x_um[there] / new.width_um == pytest.approx(wanted_x)
        assert carried.y_um[there] / new.height_um == pytest.approx(wanted_y)
        wires = proxy_cost(variant.netlist, carried).wirelength
        rng = np.random.default_rng(1)
        soft = variant.netlist.nodes_of(NodeKind.SOFT_MACRO)
        for places in (carried.x_um, carried.y_um):
            places[soft] = rng.permutation(places[soft])
        assert wires < 0.4 * proxy_cost(variant.netlist, carried).wirelength


def test_variants_are_netlists_to_train_on(data_file: Callable[[str], Path]) -> None:
    data_file("iccad04/ibm01/ibm01.aux.gz")
    one, other = load_netlists("variant:ibm01:0-1")
    assert [one.name, other.name] == ["variant:ibm01:0", "variant:ibm01:1"]
    assert one.parent is other.parent
    assert not one.is_placed
    assert one.parent is not None
    assert one.carry is not None
    carried = one.carry(one.parent.start)
    assert len(carried.x_um) == one.netlist.num_nodes


def test_a_design_that_is_published_grouped_alone_has_none() -> None:
    with pytest.raises(InputError, match="no benchmark called"):
        load_netlists("variant:nothing:0")
    with pytest.raises(InputError, match="no variants"):
        load_netlists("variant:n10:0")
