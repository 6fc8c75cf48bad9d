"""Overlaps and macros outside, in float32 arithmetic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from placement_env.cost.toy import toy_netlist
from placement_env.errors import InputError
from placement_env.legality import check_fixed, hard_overlaps, moved_fixed, outside
from placement_env.netlist import Canvas, Netlist, NodeKind, Orient, Placement
from tests.placement_env.random_netlists import clustered


def _at(placement: Placement, x: list[float], y: list[float]) -> Placement:
    return replace(placement, x_um=np.array(x), y_um=np.array(y))


def test_touching_macros_do_not_overlap_and_soft_ones_never_do() -> None:
    netlist, placement = toy_netlist()  # Three macros of 10 um, the last one soft.
    assert hard_overlaps(netlist, _at(placement, [10, 20, 10], [10, 10, 10])) == []
    assert hard_overlaps(netlist, _at(placement, [10, 20, 10], [10, 19, 10])) == []
    assert hard_overlaps(netlist, _at(placement, [20, 10.5, 10], [10, 19, 10])) == [(0, 1)]
    assert hard_overlaps(netlist, _at(placement, [20, 20, 10], [10, 10, 10])) == [(0, 1)]


def test_overlaps_that_float32_makes_count() -> None:
    netlist, placement = toy_netlist()
    # float32 positions near 1000 um are 6e-5 um apart.
    close = _at(placement, [1000.0, 1009.99999, 5], [10, 10, 5])
    assert hard_overlaps(netlist, close) == []
    closer = _at(placement, [1000.0, 1009.9999, 5], [10, 10, 5])
    assert hard_overlaps(netlist, closer) == [(0, 1)]


def test_quarter_turns_swap_the_sides() -> None:
    netlist, placement = toy_netlist()
    netlist = replace(netlist, height_um=np.array([30.0, 10.0, 10.0]))
    at = _at(placement, [20, 20, 5], [20, 38, 5])
    assert hard_overlaps(netlist, at) == [(0, 1)]
    turned = replace(at, orient=np.array([Orient.W, Orient.N, Orient.N], dtype=np.int64))
    assert hard_overlaps(netlist, turned) == []
    assert outside(netlist, turned).tolist() == [1]


def test_outside_counts_macros_of_both_kinds_but_not_ports() -> None:
    netlist, placement = toy_netlist()
    at = _at(placement, [4.9, 35, 20], [20, 35, 35.001])
    assert outside(netlist, at).tolist() == [0, 2]
    ports = replace(netlist, node_kind=np.full(3, NodeKind.PORT))
    assert outside(ports, at).tolist() == []
    shifted = replace(netlist, canvas=Canvas(-1.0, 0.0, 40.0, 41.0))
    assert outside(shifted, at).tolist() == []


def test_fixed_nodes_have_to_stay_and_keep_their_turn() -> None:
    netlist, start = toy_netlist()
    start = _at(start, [10, 20, 10], [10, 20, 30])
    fixed = replace(netlist, fixed=np.array([True, False, True]))
    moved = _at(start, [10.1, 25, 10], [10, 20, 30])
    assert moved_fixed(fixed, start, start).tolist() == []
    assert moved_fixed(fixed, moved, start).tolist() == [0]
    assert moved_fixed(netlist, moved, start).tolist() == []
    turned = replace(start, orient=np.array([Orient.N, Orient.S, Orient.FN], dtype=np.int64))
    assert moved_fixed(fixed, turned, start).tolist() == [2]
    rounded = _at(start, [10.0001, 20, 10], [10, 20, 30])
    assert moved_fixed(fixed, rounded, start).tolist() == []
    nowhere = _at(start, [float("nan"), 20, 10], [10, 20, 30])
    assert moved_fixed(fixed, moved, nowhere).tolist() == []


@settings(max_examples=100, deadline=None)
@given(clustered())
def test_overlaps_are_those_of_all_pairs(case: tuple[Netlist, Placement]) -> None:
    netlist, placement = case
    # Wider macros, so that overlaps are frequent.
    netlist = replace(netlist, width_um=netlist.width_um * 2)
    hard = netlist.nodes_of(NodeKind.HARD_MACRO)
    x = placement.x_um.astype(np.float32).astype(float)
    y = placement.y_um.astype(np.float32).astype(float)
    expected = [
        (int(i), int(j))
        for i in hard
        for j in hard
        if i < j
        and 2 * abs(x[i] - x[j]) < netlist.width_um[i] + netlist.width_um[j]
        and 2 * abs(y[i] - y[j]) < netlist.height_um[i] + netlist.height_um[j]
    ]
    assert hard_overlaps(netlist, placement) == expected


def test_fixed_macros_that_stand_in_the_way_of_any_placement_are_named() -> None:
    netlist, placement = toy_netlist()
    apart = _at(placement, [10, 10.0, 30], [10, 15, 3])  # a and b overlap, c sticks out
    check_fixed(netlist, apart)
    check_fixed(replace(netlist, fixed=np.array([True, False, False])), apart)
    with pytest.raises(InputError, match="'a' and 'b' overlap"):
        check_fixed(replace(netlist, fixed=np.array([True, True, False])), apart)
    with pytest.raises(InputError, match=r"'c' at \(30, 3\) um sticks out"):
        check_fixed(replace(netlist, fixed=np.array([False, False, True])), apart)
