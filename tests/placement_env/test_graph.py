"""Cliques and stars carry the weight of their nets into every view of the graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from placement_env import graph
from placement_env.errors import InputError
from placement_env.formats import ct_protobuf, plc
from placement_env.netlist import Canvas, Netlist, NodeKind, Placement


def netlist_of(nets: list[list[int]], nodes: int, weights: list[float] | None = None) -> Netlist:
    kinds = [NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO, NodeKind.PORT, NodeKind.STANDARD_CELL]
    pins = [node for net in nets for node in net]
    return Netlist(
        name="n",
        node_name=tuple(f"n{i}" for i in range(nodes)),
        node_kind=np.array([kinds[i % 4] for i in range(nodes)], dtype=np.int64),
        width_um=np.full(nodes, 2.0),
        height_um=np.full(nodes, 5.0),
        fixed=np.array([i % 4 == 2 for i in range(nodes)]),
        pin_node=np.array(pins, dtype=np.int64),
        pin_dx_um=np.zeros(len(pins)),
        pin_dy_um=np.zeros(len(pins)),
        net_start=np.cumsum([0, *(len(net) for net in nets)]),
        net_weight=np.array(weights or [1.0] * len(nets)),
        canvas=Canvas(10.0, 0.0, 30.0, 50.0),
    )


def test_small_nets_are_cliques_and_large_ones_stars() -> None:
    netlist = netlist_of([[0, 1], [2, 0, 1], [3, 0, 1, 2, 4]], 6, [1.0, 2.0, 3.0])
    expected = np.zeros((6, 6))
    for a, b, weight in (
        (0, 1, 1.0 + 1.0), (0, 2, 1.0), (1, 2, 1.0),
        (3, 0, 0.75), (3, 1, 0.75), (3, 2, 0.75), (3, 4, 0.75),
    ):  # fmt: skip
        expected[a, b] = expected[b, a] = weight
    assert np.allclose(graph.adjacency(netlist, max_clique=4).toarray(), expected)
    clique = graph.adjacency(netlist, max_clique=5).toarray()
    assert clique[0, 4] == clique[4, 0] == 0.75


def test_two_pins_on_one_node_count_once() -> None:
    matrix = graph.adjacency(netlist_of([[0, 0, 1], [1, 1]], 2)).toarray()
    assert np.array_equal(matrix, [[0, 1], [1, 0]])


def test_no_nets_no_edges() -> None:
    netlist = netlist_of([], 3)
    assert graph.adjacency(netlist).nnz == 0
    assert graph.to_pyg(netlist)["edge_index"].shape == (2, 0)
    assert graph.to_networkx(netlist).number_of_edges() == 0


@given(
    nets=st.lists(st.lists(st.integers(0, 7), min_size=1, max_size=9), max_size=12),
    max_clique=st.integers(2, 10),
)
def test_the_matrix_is_symmetric_and_nodes_feel_a_net_once(
    nets: list[list[int]], max_clique: int
) -> None:
    netlist = netlist_of(nets, 8)
    matrix = graph.adjacency(netlist, max_clique=max_clique).toarray()
    assert np.array_equal(matrix, matrix.T)
    assert not matrix.diagonal().any()
    if all(len(set(net)) <= max_clique for net in nets):
        felt = [sum(node in net and len(set(net)) > 1 for net in nets) for node in range(8)]
        assert np.allclose(matrix.sum(axis=1), felt)


def test_pyg_and_networkx_agree() -> None:
    netlist = netlist_of([[0, 1, 2], [3, 4], [1, 3]], 5)
    placement = Placement(np.full(5, 20.0), np.full(5, 10.0), np.zeros(5, dtype=np.int64))
    data, nx_graph = graph.to_pyg(netlist, placement), graph.to_networkx(netlist, placement)
    assert data["x"].shape == (5, len(graph.FEATURES))
    assert data.validate(raise_on_error=True)
    assert data.is_undirected()
    assert torch.equal(data["pos"], torch.tensor([[0.5, 0.2]]).expand(5, 2))
    assert data.movable.tolist() == [True, True, False, True, True]
    sources, targets = data["edge_index"].tolist()
    edges = {
        (f"n{a}", f"n{b}"): weight
        for a, b, weight in zip(sources, targets, data["edge_weight"].tolist(), strict=True)
    }
    assert len(edges) == 2 * nx_graph.number_of_edges()
    for a, b, weight in nx_graph.edges(data="weight"):
        assert edges[a, b] == edges[b, a] == weight
    assert nx_graph.nodes["n2"]["kind"] == "PORT"
    assert nx_graph.nodes["n0"]["x_um"] == 20.0


def test_a_real_netlist(data_file: Callable[[str], Path]) -> None:
    netlist, _ = ct_protobuf.read(data_file("tilos/ariane133_ng45/netlist.pb.txt.gz"))
    netlist, placement = plc.read(data_file("tilos/ariane133_ng45/initial.plc"), netlist)
    data = graph.to_pyg(netlist, placement)
    assert data.num_nodes == netlist.num_nodes
    assert data["edge_index"].shape[1] > netlist.num_nodes
    assert float(data["x"].min()) >= 0
    assert float(data["x"].max()) <= 1
    connected = set(data["edge_index"][0].tolist())
    assert connected >= set(netlist.nodes_of(NodeKind.HARD_MACRO).tolist())


def test_the_heterogeneous_view_has_nets_as_nodes() -> None:
    """Nets of the same nodes and driver are one; each pin of a node is one edge, both ways."""
    nets = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [3, 3], [4, 1]]
    netlist = netlist_of(nets, 6, [1.0, 2.0, 4.0, 8.0, 16.0])
    x = np.linspace(10, 30, 6)
    data = graph.to_hetero(netlist, Placement(x, x, np.zeros(6, np.int64)), places=(3, 2))
    assert data.validate()
    assert {kind: data[kind].node.tolist() for kind in ("macro", "soft", "port")} == {
        "macro": [0, 4],
        "soft": [1, 3, 5],
        "port": [2],
    }
    assert data["net"].x.shape == (3, 2)  # three of the nets have two nodes and differ
    weights = np.expm1(data["net"].x[:, 1].numpy())
    assert weights == pytest.approx([3.0, 4.0, 16.0], rel=1e-5)
    pins = data["macro", "pin", "net"]
    assert pins.edge_index.T.tolist() == [[0, 0], [0, 1], [1, 2]]
    assert pins.edge_attr[:, 0].tolist() == pytest.approx([3 / 3, 4 / 3, 16 / 2])
    assert pins.edge_attr[:, 1].tolist() == [1.0, 0.0, 1.0]  # who drives
    back = data["net", "rev_pin", "macro"]
    assert torch.equal(back.edge_index, pins.edge_index.flip(0))
    assert data["port"].movable.tolist() == [False]
    assert data["macro"].pos[0].tolist() == pytest.approx([0.0, 0.2])
    assert data["place"].pos[4].tolist() == pytest.approx([0.5, 0.75])
    beside = data["place", "beside", "place"].edge_index.T.tolist()
    assert len(beside) == 2 * 7
    assert [0, 3] in beside
    assert [3, 0] in beside
    assert [2, 3] not in beside


def test_the_heterogeneous_view_without_a_grid_asks_for_places() -> None:
    with pytest.raises(InputError, match="no grid") as caught:
        graph.to_hetero(netlist_of([[0, 1]], 2))
    assert "places" in caught.value.hint
    assert graph.to_hetero(netlist_of([], 2), places=(1, 1))["net"].x.shape == (0, 2)
