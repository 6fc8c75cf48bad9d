"""What every placer of macros promises of its result, as assertions."""

from __future__ import annotations

import numpy as np

from placement_env.legality import hard_overlaps, outside
from placement_env.netlist import Netlist, NodeKind, Placement, oriented_size


def least_gap_um(netlist: Netlist, placement: Placement) -> float:
    """The least distance between two hard macros, in x or in y; infinite for fewer than two."""
    hard = netlist.nodes_of(NodeKind.HARD_MACRO)
    width, height = oriented_size(netlist, placement)
    gap = np.inf
    for i in range(len(hard)):
        a, b = hard[i], hard[i + 1 :]
        dx = abs(placement.x_um[a] - placement.x_um[b]) - (width[a] + width[b]) / 2
        dy = abs(placement.y_um[a] - placement.y_um[b]) - (height[a] + height[b]) / 2
        gap = min(gap, np.maximum(dx, dy).min(initial=np.inf))
    return gap


def assert_legal(netlist: Netlist, placement: Placement, *, gap_um: float = 0.0) -> None:
    """No overlap, nothing outside, in float32 as well, and the gap kept."""
    assert hard_overlaps(netlist, placement) == []
    assert outside(netlist, placement).size == 0
    assert least_gap_um(netlist, placement) >= gap_um + 0.9e-3


def assert_others_stay(netlist: Netlist, start: Placement, placement: Placement) -> None:
    """Nodes that are fixed or no macros are where they were, and all lie as they did."""
    macro = np.isin(netlist.node_kind, [NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO])
    still = netlist.fixed | ~macro
    assert np.array_equal(placement.x_um[still], start.x_um[still])
    assert np.array_equal(placement.y_um[still], start.y_um[still])
    assert np.array_equal(placement.orient, start.orient)


def assert_same(one: Placement, other: Placement) -> None:
    """The same places to the last bit."""
    assert np.array_equal(one.x_um, other.x_um)
    assert np.array_equal(one.y_um, other.y_um)
    assert np.array_equal(one.orient, other.orient)
