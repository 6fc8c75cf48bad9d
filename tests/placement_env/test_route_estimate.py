from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_env.errors import InputError
from placement_env.netlist import Canvas, Netlist, NodeKind, Placement
from placement_env.route_estimate import TrackSupply, estimate_routes
from placement_env.steiner import steiner_trees, tree_node_positions

AMPLE = TrackSupply(100.0, 100.0, 0.0, 0.0)


def points_netlist(nets: list[list[tuple[float, float]]], side: float = 100.0):
    """Every pin is a port of its own."""
    points = [point for net in nets for point in net]
    n = len(points)
    netlist = Netlist(
        name="points",
        node_name=tuple(f"p{i}" for i in range(n)),
        node_kind=np.full(n, int(NodeKind.PORT)),
        width_um=np.zeros(n),
        height_um=np.zeros(n),
        fixed=np.ones(n, dtype=bool),
        pin_node=np.arange(n),
        pin_dx_um=np.zeros(n),
        pin_dy_um=np.zeros(n),
        net_start=np.concatenate([[0], np.cumsum([len(net) for net in nets])]).astype(np.int64),
        net_weight=np.ones(len(nets)),
        canvas=Canvas(0.0, 0.0, side, side),
    )
    x, y = np.array(points, dtype=np.float64).reshape(-1, 2).T
    return netlist, Placement(x, y, np.zeros(n, dtype=np.int64))


point = st.tuples(st.integers(0, 99), st.integers(0, 99))
some_nets = st.lists(st.lists(point, max_size=9), min_size=1, max_size=8)


def span(net: list[tuple[int, int]]) -> int:
    if not net:
        return 0
    x, y = zip(*net, strict=True)
    return max(x) - min(x) + max(y) - min(y)


def spanning_tree_length(net: list[tuple[int, int]]) -> int:
    reached, rest, total = net[:1], net[1:], 0
    while rest:
        length, nearest = min(
            (abs(a[0] - b[0]) + abs(a[1] - b[1]), b) for a in reached for b in rest
        )
        total += length
        reached.append(nearest)
        rest.remove(nearest)
    return total


@given(some_nets)
@settings(deadline=None)
def test_trees_join_all_pins_and_are_no_longer_than_spanning_trees(nets):
    netlist, placement = points_netlist(nets)
    trees = steiner_trees(netlist.net_start, placement.x_um, placement.y_um)
    for e, net in enumerate(nets):
        edges = slice(trees.edge_start[e], trees.edge_start[e + 1])
        count = len(net) + trees.steiner_start[e + 1] - trees.steiner_start[e]
        parent = list(range(count))

        def root(k: int, parent: list[int] = parent) -> int:
            while parent[k] != k:
                k = parent[k]
            return k

        for a, b in zip(trees.edge_from[edges], trees.edge_to[edges], strict=True):
            assert root(a) != root(b), "a cycle"
            parent[root(a)] = root(b)
        assert len({root(k) for k in range(count)}) == min(len(net), 1)
        length = trees.edge_um[edges].sum()
        assert length == pytest.approx(trees.net_length_um[e])
        assert span(net) <= length + 1e-9
        assert length <= spanning_tree_length(net) + 1e-9
        if len(net) <= 3:
            assert length == pytest.approx(span(net))


def test_four_corners_of_a_cross_meet_in_its_middle():
    netlist, placement = points_netlist([[(50, 0), (0, 50), (100, 50), (50, 100)]])
    trees = steiner_trees(netlist.net_start, placement.x_um, placement.y_um)
    assert trees.net_length_um[0] == pytest.approx(200)


def test_edges_point_away_from_the_driver():
    netlist, placement = points_netlist([[(0, 0), (10, 5), (10, -5), (20, 0)]])
    trees = steiner_trees(netlist.net_start, placement.x_um, placement.y_um)
    reached = {0}
    pending = list(zip(trees.edge_from.tolist(), trees.edge_to.tolist(), strict=True))
    while pending:
        ready = [edge for edge in pending if edge[0] in reached]
        assert ready, "an edge starts at a node that no edge from the driver reaches"
        reached |= {edge[1] for edge in ready}
        pending = [edge for edge in pending if edge not in ready]
    x, _ = tree_node_positions(
        trees, netlist.net_start, placement.x_um, placement.y_um, trees.edge_to
    )
    assert x.min() >= 0


@given(some_nets, st.sampled_from([3.0, 10.0, 60.0, 1000.0]), st.floats(0.0, 2.0))
@settings(deadline=None)
def test_every_segment_is_routed_once_and_detours_only_against_overflow(nets, cell_um, tracks):
    netlist, placement = points_netlist(nets)
    supply = TrackSupply(tracks, tracks, 0.0, 0.0)
    first = estimate_routes(netlist, placement, supply, cell_um=cell_um, rounds=0)
    count = first.v_demand.shape[1]
    ends = []
    for end in (first.trees.edge_from, first.trees.edge_to):
        x, y = tree_node_positions(
            first.trees, netlist.net_start, placement.x_um, placement.y_um, end
        )
        ends.append([np.minimum(np.floor(v / (100 / count)), count - 1) for v in (x, y)])
    (x0, y0), (x1, y1) = ends
    assert first.h_demand.sum() == np.abs(x1 - x0).sum()
    assert first.v_demand.sum() == np.abs(y1 - y0).sum()
    routed = estimate_routes(netlist, placement, supply, cell_um=cell_um)
    assert routed.overflow <= first.overflow
    assert (routed.overfull_edges == 0) == (routed.overflow == 0)
    # A detour goes out and back again.
    for detour in (routed.h_demand.sum() - first.h_demand.sum(),
                   routed.v_demand.sum() - first.v_demand.sum()):  # fmt: skip
        assert detour >= 0
        assert detour % 2 == 0
    if first.overflow == 0:
        assert np.array_equal(routed.h_demand, first.h_demand)


def test_a_wall_of_macros_is_passed_around():
    nets = [[(45.0, 5.0 + k / 10), (45.0, 95.0 + k / 10)] for k in range(4)]
    netlist, placement = points_netlist(nets)
    wall = replace(
        netlist,
        node_name=(*netlist.node_name, "wall"),
        node_kind=np.append(netlist.node_kind, NodeKind.HARD_MACRO),
        width_um=np.append(netlist.width_um, 30.0),
        height_um=np.append(netlist.height_um, 40.0),
        fixed=np.append(netlist.fixed, True),
    )
    placed = Placement(
        np.append(placement.x_um, 45.0), np.append(placement.y_um, 50.0), np.zeros(9, dtype=int)
    )
    supply = TrackSupply(1.0, 1.0, 1.0, 1.0, usable=1.0)
    first = estimate_routes(wall, placed, supply, cell_um=10.0, rounds=0)
    routed = estimate_routes(wall, placed, supply, cell_um=10.0)
    assert first.overflow > 0
    assert routed.overflow == 0
    assert routed.h_demand.sum() > first.h_demand.sum()


def test_crowded_wires_spread_over_the_free_rows():
    # Four diagonals over one another, one track an edge: at either end four wires leave over two
    # edges, which costs 2 + 2; everything else can be avoided, but not on first sight.
    nets = [[(5.0, 5.0 + k / 100), (95.0, 95.0)] for k in range(4)]
    netlist, placement = points_netlist(nets)
    narrow = TrackSupply(0.1, 0.1, 0.0, 0.0, usable=1.0)
    first = estimate_routes(netlist, placement, narrow, cell_um=10.0, rounds=0)
    routed = estimate_routes(netlist, placement, narrow, cell_um=10.0)
    assert routed.h_capacity == pytest.approx(1.0)
    assert first.overflow > 4.0
    assert routed.overflow == pytest.approx(4.0)
    again = estimate_routes(netlist, placement, narrow, cell_um=10.0)
    assert np.array_equal(routed.h_demand, again.h_demand)


def test_average_congestion_of_the_fullest_edges():
    # Two wires over five of the 90 horizontal edges that each hold one, one wire over two others.
    nets = [[(5.0, 5.0 + k / 10), (55.0, 5.0 + k / 10)] for k in range(2)]
    netlist, placement = points_netlist([*nets, [(5.0, 85.0), (25.0, 85.0)]])
    narrow = TrackSupply(0.1, 0.1, 0.0, 0.0, usable=1.0)
    routed = estimate_routes(netlist, placement, narrow, cell_um=10.0, rounds=0)
    edges = 180
    assert routed.ace(5 / edges) == pytest.approx(2.0)
    assert routed.ace(7 / edges) == pytest.approx(12 / 7)
    assert routed.ace(1.0) == pytest.approx(12 / edges)
    assert routed.ace(1e-9) == pytest.approx(2.0)
    # edges without a track do not count
    no_tracks = TrackSupply(0.0, 0.0, 0.0, 0.0)
    assert estimate_routes(netlist, placement, no_tracks, cell_um=10.0).ace(0.5) == 0.0


def test_macros_take_the_tracks_that_they_cover():
    netlist, placement = points_netlist([[(0, 0), (99, 99)]])
    macro = replace(
        netlist,
        node_name=(*netlist.node_name, "m"),
        node_kind=np.append(netlist.node_kind, NodeKind.HARD_MACRO),
        width_um=np.append(netlist.width_um, 50.0),
        height_um=np.append(netlist.height_um, 100.0),
        fixed=np.append(netlist.fixed, True),
    )
    placed = Placement(
        np.append(placement.x_um, 25.0), np.append(placement.y_um, 50.0), np.zeros(3, dtype=int)
    )
    supply = TrackSupply(10.0, 8.0, 7.0, 9.0, usable=0.5)
    routed = estimate_routes(macro, placed, supply, cell_um=10.0)
    assert routed.h_capacity[:, :4] == pytest.approx(0.5 * 10 * 3)
    assert routed.h_capacity[:, 4] == pytest.approx(0.5 * 10 * 6.5)
    assert routed.h_capacity[:, 5:] == pytest.approx(0.5 * 10 * 10)
    assert routed.v_capacity[:, :5] == pytest.approx(0.0)
    assert routed.v_capacity[:, 5:] == pytest.approx(0.5 * 10 * 8)
    usage = routed.usage_map()
    assert usage.shape == (10, 10)
    assert usage.max() > 0
    x_um, y_um = np.array([5.0, 95.0, -3.0, 107.0]), np.array([15.0, 5.0, 15.0, 5.0])
    assert routed.usage_at(x_um, y_um).tolist() == [usage[1, 0], usage[0, 9]] * 2


def test_bad_input_is_refused():
    netlist, placement = points_netlist([[(0, 0), (9, 9)]])
    with pytest.raises(InputError, match="expected a positive size"):
        estimate_routes(netlist, placement, AMPLE, cell_um=0.0)
    lost = replace(placement, x_um=np.array([0.0, np.nan]))
    with pytest.raises(InputError, match="node p1 has no position"):
        estimate_routes(netlist, lost, AMPLE, cell_um=5.0)
