r"""The graph policy: which macro goes where, given the netlist and what stands.

The netlist is encoded once an episode: macros, soft macros, ports and nets exchange messages. Three
heads then answer at every step from the embeddings and the maps of the canvas, cheaply:

- a pointer from a macro to the cells of the canvas (`place`),
- a pointer to the macro to move next (`macro`, for improving a placement),
- the value of the state.

A fourth one, the *plan*, says for every node where it would end up, before anything is placed.

References:
    A. Mirhoseini et al., "A graph placement methodology for fast chip design", Nature 594 (2021):
    node embeddings, and a masked distribution over grid cells.
    Y. Lai, Y. Mu, P. Luo, "MaskPlace", NeurIPS 2022 (arXiv 2211.13382): maps of position and
    wirelength as input of the policy.
    O. Vinyals, M. Fortunato, N. Jaitly, "Pointer networks", NeurIPS 2015 (arXiv 1506.03134).
    E. Perez et al., "FiLM", AAAI 2018 (arXiv 1709.07871): steering of the feature maps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch_geometric.nn import HeteroDictLinear

from agents.netlist_graph import NET_FEATURES, NODE_FEATURES, NODE_TYPES, NetlistGraph

#: Logit of what is not legal: its probability is exactly zero in float32.
_NEVER = -1e8
#: Maps of an observation, and those added here: legal cells, and waves of each cell's place.
_MAPS = 5
_WAVES = (1.0, 2.0, 4.0)
_PLACE_FEATURES = 4 + 4 * len(_WAVES)


@dataclass(frozen=True)
class PolicySize:
    """What a checkpoint's weights have to fit.

    Attributes:
        width: Features of a node and a net.
        cells: Features of a cell of the canvas.
        layers: Rounds of messages.
        version: Of this file's architecture; weights of another one cannot be used.
    """

    width: int = 64
    cells: int = 24
    layers: int = 4
    version: int = 1


@dataclass(frozen=True)
class Encoding:
    """What the heads need of a netlist.

    Attributes:
        macro: (M, D) embeddings of the movable hard macros, in the environment's order.
        whole: (D,) mean of the embeddings of all nodes.
        plan: (N, 2) where each node would end up, as shares of the canvas.
        node: (M,) indices in the netlist of those macros.
        frame: (2,) `NetlistGraph.frame`.
    """

    macro: Tensor
    whole: Tensor
    plan: Tensor
    node: Tensor
    frame: Tensor


class NetLayer(nn.Module):
    r"""One round of messages from nodes to their nets and back.

    .. math::
        u_e' = u_e + \phi\Big(\mathrm{mean}_{i \in e} W_{t(i)} \bar h_i + W \bar u_e\Big)
        \qquad
        h_i' = h_i + \psi_{t(i)}\Big(\bar h_i, \sum_{e \ni i} \hat w_{ie} u_e'\Big)

    with t(i) the type of node i, :math:`\hat w` weights of its nets that sum to one, and a bar for
    layer normalisation. This is message passing on a hypergraph (S. Bai, F. Zhang, P. H. S. Torr,
    "Hypergraph convolution and hypergraph attention", arXiv 1901.08150) with types of nodes.

    Args:
        width: Features of a node and of a net, in and out.

    Shapes:
        - h: for each type (n, width)
        - u: (E, width)
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.ModuleDict({kind: nn.LayerNorm(width) for kind in NODE_TYPES})
        self.net_norm = nn.LayerNorm(width)
        self.send = HeteroDictLinear(width, width, list(NODE_TYPES))
        self.net = nn.Linear(width, width)
        self.own = HeteroDictLinear(2 * width, width, list(NODE_TYPES))
        self.out = HeteroDictLinear(width, width, list(NODE_TYPES))

    def forward(
        self, h: dict[str, Tensor], u: Tensor, graph: NetlistGraph
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Features of nodes and nets after one round."""
        bar = {kind: self.norm[kind](part) for kind, part in h.items()}  # (n, D) each
        sent = self.send(bar)
        heard = self.net(self.net_norm(u))  # (E, D)
        for kind in NODE_TYPES:
            heard = heard + torch.sparse.mm(graph.to_net[kind], sent[kind])
        u = u + torch.relu(heard)
        both = {
            kind: torch.cat([bar[kind], torch.sparse.mm(graph.from_net[kind], u)], dim=1)
            for kind in NODE_TYPES
        }  # (n, 2 D) each
        change = self.out({kind: torch.relu(part) for kind, part in self.own(both).items()})
        return {kind: h[kind] + change[kind] for kind in NODE_TYPES}, u


class GraphPolicy(nn.Module):
    """Actor and critic for any netlist.

    Args:
        size: Width and number of layers.

    Shapes:
        Observations are those of `MacroPlacementEnv` with a batch dimension in front: current
        (B, 1), maps (B, 5, R, C), mask, passed (B, 1), position (B, N, 2). A batch is of one
        netlist.
    """

    def __init__(self, size: PolicySize | None = None) -> None:
        super().__init__()
        self.size = size = size or PolicySize()
        width = size.width
        self.embed = HeteroDictLinear(NODE_FEATURES, width, list(NODE_TYPES))
        self.embed_net = nn.Linear(NET_FEATURES, width)
        self.layers = nn.ModuleList(NetLayer(width) for _ in range(size.layers))
        self.norm = nn.ModuleDict({kind: nn.LayerNorm(width) for kind in NODE_TYPES})
        self.to_plan = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 2))

        self.query = nn.Linear(width, width)
        self.key = nn.Sequential(
            nn.Linear(_PLACE_FEATURES, width), nn.ReLU(), nn.Linear(width, width)
        )
        cells = size.cells
        self.lift = nn.Conv2d(_MAPS + 2 + _PLACE_FEATURES, cells, kernel_size=3, padding=1)
        self.film = nn.Linear(2 * width, 2 * cells)
        self.mix = nn.Conv2d(cells, cells, kernel_size=3, padding=1)
        self.logit = nn.Conv2d(cells, 1, kernel_size=1)
        self.choose = nn.Sequential(
            nn.Linear(2 * width + _MAPS, width), nn.ReLU(), nn.Linear(width, 1)
        )
        self.critic = nn.Sequential(
            nn.Linear(2 * width + cells + 1, width), nn.Tanh(), nn.Linear(width, 1)
        )
        # Small last layers: the first policy is near uniform over legal actions, the first value
        # is 0, and the first plan is where nets pull.
        for last, gain in (
            (self.query, 0.1),
            (self.logit, 0.01),
            (self.choose[-1], 0.01),
            (self.critic[-1], 0.1),
            (self.to_plan[-1], 0.01),
        ):
            assert isinstance(last, (nn.Linear, nn.Conv2d))
            nn.init.orthogonal_(last.weight, gain)
            if last.bias is not None:
                nn.init.zeros_(last.bias)

    def encode(self, graph: NetlistGraph) -> Encoding:
        """Embeddings of a netlist; they serve a whole episode."""
        h = {kind: torch.relu(part) for kind, part in self.embed(graph.x).items()}  # (n, D) each
        u = torch.relu(self.embed_net(graph.net_x))  # (E, D)
        for layer in self.layers:
            h, u = layer(h, u, graph)
        h = {kind: self.norm[kind](part) for kind, part in h.items()}
        plan = u.new_zeros(len(graph.moves), 2)  # (N, 2)
        for kind in NODE_TYPES:
            at_first, moves = graph.x[kind][:, -3:-1], graph.x[kind][:, -1:]  # (n, 2), (n, 1)
            seen = at_first + moves * self.to_plan(h[kind])
            plan = plan.index_copy(0, graph.node[kind], seen * graph.frame + 0.5)
        return Encoding(
            macro=h["macro"][graph.order],
            whole=torch.cat(list(h.values())).mean(dim=0),
            plan=plan.clamp(0.0, 1.0),
            node=graph.node["macro"][graph.order],
            frame=graph.frame,
        )

    def place(self, encoding: Encoding, observation: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """(B, R * C) masked logits of the current macro's cell, and (B,) values."""
        mirrored = [axis for axis, side in ((3, 0), (2, 1)) if encoding.frame[side] < 0]
        maps = observation["maps"].flip(mirrored)  # (B, 5, R, C)
        batch, _, rows, columns = maps.shape
        current = observation["current"][:, 0]
        macro = encoding.macro[current]  # (B, D)
        whole = encoding.whole.expand(batch, -1)
        context = torch.cat([macro, whole], dim=1)  # (B, 2 D)
        where = _places(rows, columns, maps)  # (R * C, P)

        pointer = self.query(macro) @ self.key(where).T / self.size.width**0.5  # (B, R * C)
        mask = observation["mask"][:, -rows * columns :]
        legal = mask.view(batch, 1, rows, columns).flip(mirrored).to(maps.dtype)
        passed = observation["passed"][:, :, None, None].expand(-1, -1, rows, columns)
        waves = where.T.view(1, -1, rows, columns).expand(batch, -1, -1, -1)
        cells = self.lift(torch.cat([maps, legal, passed, waves], dim=1))  # (B, K, R, C)
        scale, shift = self.film(context)[:, :, None, None].chunk(2, dim=1)  # (B, K, 1, 1) each
        cells = torch.relu(cells * (1 + scale) + shift)
        cells = torch.relu(self.mix(cells))
        logits = pointer.view(batch, 1, rows, columns) + self.logit(cells)  # (B, 1, R, C)
        logits = logits.flip(mirrored).flatten(1)  # (B, R * C), as the observation has them
        logits = logits.masked_fill(mask == 0, _NEVER)
        seen = torch.cat([context, cells.mean(dim=(2, 3)), observation["passed"]], dim=1)
        return logits, self.critic(seen)[:, 0]

    def macro(self, encoding: Encoding, observation: Mapping[str, Tensor]) -> Tensor:
        """(B, M) logits of the macro to move next, from embeddings and the maps where they are."""
        maps = observation["maps"]  # (B, 5, R, C)
        batch, _, rows, columns = maps.shape
        x, y = observation["position"][:, encoding.node].unbind(dim=2)  # (B, M) each
        column, row = (x * columns).long(), (y * rows).long()
        at = row.clamp(max=rows - 1) * columns + column.clamp(max=columns - 1)  # (B, M)
        count = at.shape[1]
        here = maps.flatten(2).gather(2, at[:, None].expand(-1, _MAPS, -1))  # (B, 5, M)
        embedded = encoding.macro.expand(batch, -1, -1)  # (B, M, D)
        whole = encoding.whole.expand(batch, count, -1)
        return self.choose(torch.cat([embedded, whole, here.transpose(1, 2)], dim=2))[:, :, 0]


def _places(rows: int, columns: int, like: Tensor) -> Tensor:
    """(R * C, P): for each cell x, y, their squares, and waves of both."""
    y, x = torch.meshgrid(
        (torch.arange(rows) + 0.5) / rows, (torch.arange(columns) + 0.5) / columns, indexing="ij"
    )
    at = torch.stack([x, y], dim=-1).to(like).view(-1, 2)  # (R * C, 2)
    waves = [at, at.square()]
    for wave in _WAVES:
        waves += [(torch.pi * wave * at).sin(), (torch.pi * wave * at).cos()]
    return torch.cat(waves, dim=1)
