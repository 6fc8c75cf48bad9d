"""A netlist as a graph: weighted edges between nodes, for PyTorch Geometric, networkx and SciPy.

A net of k nodes becomes a clique whose edges share its weight, 1 / (k - 1) each, so that every node
feels a net once whatever its size. A net of more than `max_clique` nodes becomes a star around its
driver instead, with the same weights. Nets between the same two nodes add up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from placement_env.errors import InputError
from placement_env.netlist import FloatArray, IntArray, Netlist, NodeKind, Placement, pin_net

if TYPE_CHECKING:
    import networkx as nx
    from torch_geometric.data import Data, HeteroData

FEATURES = (
    "port",
    "hard_macro",
    "soft_macro",
    "standard_cell",
    "width",
    "height",
    "area",
    "degree",
)


def adjacency(netlist: Netlist, *, max_clique: int = 32) -> sp.csr_array:
    """[N, N] symmetric connection weights without self loops.

    Args:
        netlist: The netlist.
        max_clique: Nets of more nodes than this become stars.
    """
    first, second, weight = [], [], []
    nodes_by_net, size = _distinct_nodes(netlist)
    starts = np.concatenate([[0], np.cumsum(size)])
    for degree in np.unique(size[size >= 2]):
        nets = np.flatnonzero(size == degree)
        members = nodes_by_net[starts[nets][:, None] + np.arange(degree)]  # [nets, degree]
        share = netlist.net_weight[nets] / (degree - 1)
        if degree <= max_clique:
            a, b = np.triu_indices(int(degree), k=1)
        else:
            a, b = np.zeros(degree - 1, dtype=np.int64), np.arange(1, degree)
        first.append(members[:, a].ravel())
        second.append(members[:, b].ravel())
        weight.append(np.repeat(share, len(a)))
    shape = (netlist.num_nodes, netlist.num_nodes)
    if not first:
        return sp.csr_array(shape, dtype=np.float64)
    rows, columns = np.concatenate(first), np.concatenate(second)
    half = sp.coo_array((np.concatenate(weight), (rows, columns)), shape=shape).tocsr()
    return sp.csr_array(half + half.T)


def node_features(netlist: Netlist) -> FloatArray:
    """[N, 8] what a node is, in the order of `FEATURES`, each in [0, 1].

    Kinds are one-hot; width, height and area are shares of the canvas (square root of the area);
    degree is the number of pins relative to the largest, on a logarithmic scale.
    """
    kinds = np.eye(len(NodeKind))[netlist.node_kind]  # [N, 4]
    width = netlist.width_um / netlist.canvas.width_um
    height = netlist.height_um / netlist.canvas.height_um
    pins = np.log1p(np.bincount(netlist.pin_node, minlength=netlist.num_nodes))
    degree = pins / max(float(pins.max(initial=0.0)), 1.0)
    shape = np.column_stack([width, height, np.sqrt(width * height), degree])
    return np.concatenate([kinds, shape.clip(0.0, 1.0)], axis=1)


def to_pyg(netlist: Netlist, placement: Placement | None = None, *, max_clique: int = 32) -> Data:
    """The netlist as PyTorch Geometric data.

    Returns:
        `Data` with `x` [N, 8] float32 (`node_features`), `edge_index` [2, M] int64 with both
        directions of every edge, `edge_weight` [M] float32, `movable` [N] bool, and `pos` [N, 2]
        float32, the centres as shares of the canvas, where a placement is given.
    """
    import torch
    from torch_geometric.data import Data

    edges = adjacency(netlist, max_clique=max_clique).tocoo()
    data = Data(
        x=torch.from_numpy(node_features(netlist).astype(np.float32)),
        edge_index=torch.from_numpy(np.stack([edges.row, edges.col]).astype(np.int64)),
        edge_weight=torch.from_numpy(edges.data.astype(np.float32)),
        num_nodes=netlist.num_nodes,
    )
    data.movable = torch.from_numpy(~netlist.fixed)
    if placement is not None:
        pos = np.column_stack(relative_positions(netlist, placement))
        data.pos = torch.from_numpy(pos.astype(np.float32))
    return data


def to_hetero(
    netlist: Netlist, placement: Placement | None = None, *, places: tuple[int, int] | None = None
) -> HeteroData:
    """The netlist as heterogeneous PyTorch Geometric data: its nodes, nets, and canvas cells.

    Node types are `macro` (hard macros), `soft` (soft macros and standard cells), `port`, `net` and
    `place` (cells of a grid over the canvas, row by row from the bottom). Each node is of one type;
    nets of the same nodes are one, with the sum of their weights; nets of one node are left out.

    Args:
        netlist: The netlist.
        placement: Where its nodes are; gives `pos`.
        places: Columns and rows of the places; by default those of the netlist's grid.

    Returns:
        `HeteroData` with, for `macro`, `soft` and `port`: `x` [n, 8] float32 (`node_features`),
        `node` [n] int64, the index in the netlist, `movable` [n] bool, and `pos` [n, 2] float32 as
        in `to_pyg`; for `net`: `x` [n, 2] float32, logarithms of the number of nodes and of the
        weight; for `place`: `pos`. Edges with both directions stored: `pin` and `rev_pin` between
        nodes and nets, with `edge_attr` [m, 2] float32, the weight of the net over the number of
        its nodes, and whether the node drives it; `beside` between neighbouring places.

    Raises:
        InputError: The netlist has no grid, and `places` is missing.
    """
    import torch
    from torch_geometric.data import HeteroData

    if places is None and netlist.grid is None:
        raise InputError(
            "the netlist has no grid whose cells could be places",
            where=netlist.name,
            hint="pass places=(columns, rows)",
        )
    columns, rows = places or (netlist.grid.columns, netlist.grid.rows)  # type: ignore[union-attr]
    data = HeteroData()
    features = node_features(netlist).astype(np.float32)
    position = None
    if placement is not None:
        position = np.column_stack(relative_positions(netlist, placement)).astype(np.float32)
    number = np.zeros(netlist.num_nodes, dtype=np.int64)
    kind = netlist.node_kind
    types = {
        "macro": kind == NodeKind.HARD_MACRO,
        "soft": (kind == NodeKind.SOFT_MACRO) | (kind == NodeKind.STANDARD_CELL),
        "port": kind == NodeKind.PORT,
    }
    for name, chosen in types.items():
        nodes = np.flatnonzero(chosen)
        number[nodes] = np.arange(len(nodes))
        data[name].x = torch.from_numpy(features[nodes])
        data[name].node = torch.from_numpy(nodes)
        data[name].movable = torch.from_numpy(~netlist.fixed[nodes])
        if position is not None:
            data[name].pos = torch.from_numpy(position[nodes])

    member, net, drives, weight = _merged_nets(netlist)
    degree = np.bincount(net, minlength=len(weight))
    about = np.column_stack([np.log(np.maximum(degree, 1)), np.log1p(weight)])
    data["net"].x = torch.from_numpy(about.astype(np.float32))
    share = np.column_stack([weight[net] / degree[net], drives]).astype(np.float32)
    for name, chosen in types.items():
        pins = chosen[member]
        ends = torch.from_numpy(np.stack([number[member[pins]], net[pins]]))
        for edge, index in (((name, "pin", "net"), ends), (("net", "rev_pin", name), ends.flip(0))):
            data[edge].edge_index = index
            data[edge].edge_attr = torch.from_numpy(share[pins])

    row, column = np.divmod(np.arange(rows * columns), columns)
    data["place"].pos = torch.from_numpy(
        np.column_stack([(column + 0.5) / columns, (row + 0.5) / rows]).astype(np.float32)
    )
    east, north = np.flatnonzero(column < columns - 1), np.flatnonzero(row < rows - 1)
    pairs = np.hstack([np.stack([east, east + 1]), np.stack([north, north + columns])])
    data["place", "beside", "place"].edge_index = torch.from_numpy(np.hstack([pairs, pairs[::-1]]))
    return data


def to_networkx(
    netlist: Netlist, placement: Placement | None = None, *, max_clique: int = 32
) -> nx.Graph:
    """The netlist as an undirected networkx graph.

    Nodes are named as in the netlist and carry `kind`, `width_um`, `height_um`, `fixed`, and `x_um`
    and `y_um` where a placement is given; edges carry `weight`.
    """
    import networkx as nx

    graph = nx.Graph(name=netlist.name)
    for node, name in enumerate(netlist.node_name):
        attributes: dict[str, object] = {
            "kind": NodeKind(int(netlist.node_kind[node])).name,
            "width_um": float(netlist.width_um[node]),
            "height_um": float(netlist.height_um[node]),
            "fixed": bool(netlist.fixed[node]),
        }
        if placement is not None:
            attributes["x_um"] = float(placement.x_um[node])
            attributes["y_um"] = float(placement.y_um[node])
        graph.add_node(name, **attributes)
    edges = sp.triu(adjacency(netlist, max_clique=max_clique)).tocoo()
    names = netlist.node_name
    for a, b, weight in zip(edges.row, edges.col, edges.data, strict=True):
        graph.add_edge(names[a], names[b], weight=float(weight))
    return graph


def relative_positions(netlist: Netlist, placement: Placement) -> tuple[FloatArray, FloatArray]:
    """[N], [N]: centres as shares of the canvas, (0, 0) at the lower left."""
    canvas = netlist.canvas
    return (
        (placement.x_um - canvas.left_um) / canvas.width_um,
        (placement.y_um - canvas.bottom_um) / canvas.height_um,
    )


def _merged_nets(
    netlist: Netlist,
) -> tuple[IntArray, IntArray, NDArray[np.bool_], FloatArray]:
    """Nets of two nodes and more, those of the same nodes and driver merged.

    Returns:
        For each pair of a node and a net: the node, the net, and whether it drives; and the weight
        of each net.
    """
    nodes, size = _distinct_nodes(netlist)
    start = np.concatenate([[0], np.cumsum(size)])
    found: dict[bytes, int] = {}
    weight: list[float] = []
    kept: list[IntArray] = []
    for net in np.flatnonzero(size >= 2):
        members = nodes[start[net] : start[net + 1]].copy()
        members[1:].sort()
        key = members.tobytes()
        if key not in found:
            found[key] = len(weight)
            weight.append(0.0)
            kept.append(members)
        weight[found[key]] += float(netlist.net_weight[net])
    if not kept:
        none = np.empty(0, dtype=np.int64)
        return none, none, none.astype(bool), np.empty(0)
    degree = np.array([len(members) for members in kept])
    first = np.zeros(int(degree.sum()), dtype=bool)
    first[np.cumsum(degree) - degree] = True
    net = np.repeat(np.arange(len(kept)), degree)
    return np.concatenate(kept), net, first, np.array(weight)


def _distinct_nodes(netlist: Netlist) -> tuple[IntArray, NDArray[np.int64]]:
    """The distinct nodes net by net, the driver first, and how many each net has ([E])."""
    nets = pin_net(netlist)
    key = nets * netlist.num_nodes + netlist.pin_node
    _, first = np.unique(key, return_index=True)
    kept = np.sort(first)  # in order of pins, so that the driver stays in front
    return netlist.pin_node[kept], np.bincount(nets[kept], minlength=netlist.num_nets)
