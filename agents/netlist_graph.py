"""A netlist as the tensors that the graph policy reads, prepared once and used at every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from placement_env.graph import FEATURES, to_hetero
from placement_env.netlist import Netlist, Placement

#: Node types of `graph.to_hetero` that are nodes of the netlist.
NODE_TYPES = ("macro", "soft", "port")
#: Features of a node: what it is, where it is at first from the canvas's centre, and whether it
#: moves.
NODE_FEATURES = len(FEATURES) + 3
#: Features of a net: logarithms of its size and its weight.
NET_FEATURES = 2


@dataclass(frozen=True)
class NetlistGraph:
    """Nodes of three types, joined by nets.

    Attributes:
        x: For each type, (n, NODE_FEATURES) features.
        net_x: (E, NET_FEATURES) features of nets.
        to_net: For each type, sparse (E, n): the mean over a net's nodes, all types together.
        from_net: For each type, sparse (n, E): the weighted mean over a node's nets.
        node: For each type, (n,) indices in the netlist.
        order: (M,) rows of `x["macro"]` of the movable hard macros, in the environment's order.
        moves: (N,) bool, the nodes of the netlist that move.
        frame: (2,) -1 along the axes that the policy sees mirrored, else 1: so that nets pull to
            the lower left, and a netlist and its mirror image are one.
    """

    x: dict[str, Tensor]
    net_x: Tensor
    to_net: dict[str, Tensor]
    from_net: dict[str, Tensor]
    node: dict[str, Tensor]
    order: Tensor
    moves: Tensor
    frame: Tensor

    def to(self, device: torch.device) -> NetlistGraph:
        """The same on another device."""

        def moved(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: part.to(device) for key, part in value.items()}
            return value.to(device)

        return NetlistGraph(**{key: moved(value) for key, value in vars(self).items()})


def netlist_graph(netlist: Netlist, at_first: Placement, order: np.ndarray) -> NetlistGraph:
    """Prepare a netlist.

    Args:
        netlist: The netlist.
        at_first: Where ports and fixed macros are, and where nets pull all other nodes.
        order: [M] nodes of the movable hard macros.
    """
    data = to_hetero(netlist, at_first, places=(1, 1))
    centre = np.concatenate([data[kind].pos.clamp(0, 1).numpy() for kind in NODE_TYPES])
    frame = torch.from_numpy(np.where(centre.mean(axis=0) > 0.5, -1.0, 1.0).astype(np.float32))
    x, to_net, from_net, node = {}, {}, {}, {}
    nets = len(data["net"].x)
    for kind in NODE_TYPES:
        part = data[kind]
        moves = part.movable[:, None].float()
        x[kind] = torch.cat([part.x, (part.pos.clamp(0, 1) - 0.5) * frame, moves], dim=1)
        edges = data[kind, "pin", "net"]
        ends, weight = edges.edge_index.numpy(), edges.edge_attr[:, 0].numpy()
        shape = (len(part.x), nets)
        from_net[kind] = sp.csr_array((weight, (ends[0], ends[1])), shape=shape)
        to_net[kind] = sp.csr_array((np.ones(len(weight)), (ends[1], ends[0])), shape=shape[::-1])
        node[kind] = part.node
    size = np.maximum(sum(np.asarray(part.sum(axis=1)) for part in to_net.values()), 1)
    row = np.zeros(netlist.num_nodes, dtype=np.int64)
    row[node["macro"].numpy()] = np.arange(len(node["macro"]))
    return NetlistGraph(
        x=x,
        net_x=data["net"].x,
        to_net={kind: _sparse(sp.diags_array(1 / size) @ part) for kind, part in to_net.items()},
        from_net={kind: _sparse(_row_normalised(part)) for kind, part in from_net.items()},
        node=node,
        order=torch.from_numpy(row[order]),
        moves=torch.from_numpy(~netlist.fixed),
        frame=frame,
    )


def _row_normalised(matrix: sp.csr_array) -> sp.csr_array:
    total = np.asarray(matrix.sum(axis=1))
    return sp.diags_array(1 / np.where(total > 0, total, 1)) @ matrix


def _sparse(matrix: Any) -> Tensor:
    """A SciPy matrix as a float32 tensor in COO format, whose products have gradients."""
    coo = sp.coo_array(matrix)
    index = torch.from_numpy(np.stack(coo.coords).astype(np.int64))
    value = torch.from_numpy(coo.data.astype(np.float32))
    return torch.sparse_coo_tensor(index, value, coo.shape, check_invariants=True).coalesce()
