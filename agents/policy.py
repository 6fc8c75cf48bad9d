r"""The graph policy: where does the current macro go, given the netlist and what is placed?

Nodes get embeddings from graph layers over the netlist's weighted edges. The embedding of the
current macro and the mean of all embeddings then steer a small convolutional network over the
grid's maps, which gives one logit a cell; cells that are not legal get none.

References:
    A. Mirhoseini et al., "A graph placement methodology for fast chip design", Nature 594 (2021):
    node embeddings, and a masked distribution over grid cells.
    Y. Lai, Y. Mu, P. Luo, "MaskPlace", NeurIPS 2022 (arXiv 2211.13382): maps of position and
    wirelength as input of the policy.
    E. Perez et al., "FiLM", AAAI 2018 (arXiv 1709.07871): steering of the feature maps.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch.distributions import Categorical

from placement_env.env import MacroPlacementEnv

#: Logit of a cell that is not legal: its probability is exactly zero in float32.
_NEVER = -1e8


class GraphLayer(nn.Module):
    r"""One round of messages over a fixed weighted graph.

    .. math::
        h_i' = \mathrm{ReLU}\Big(\mathrm{LN}\big(W_1 h_i + W_2 \sum_j \hat a_{ij} h_j\big)\Big)

    with :math:`\hat A` the adjacency matrix whose rows sum to one. It is GraphSAGE's mean
    aggregation with weights (W. Hamilton, R. Ying, J. Leskovec, arXiv 1706.02216); all states of a
    batch share the graph, so the sum is one sparse product for the batch.

    Args:
        size: Features of a node, in and out.

    Shapes:
        - h: (B, N, size)
        - neighbours: sparse (N, N)
        - output: (B, N, size)
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.own = nn.Linear(size, size)
        self.near = nn.Linear(size, size, bias=False)
        self.norm = nn.LayerNorm(size)

    def forward(self, h: Tensor, neighbours: Tensor) -> Tensor:
        """(B, N, size) features after one round."""
        batch, nodes, size = h.shape
        flat = h.transpose(0, 1).reshape(nodes, batch * size)  # (N, B * size)
        mean = torch.sparse.mm(neighbours, flat).view(nodes, batch, size).transpose(0, 1)
        return torch.relu(self.norm(self.own(h) + self.near(mean)))


class GraphPolicy(nn.Module):
    """Actor and critic for one netlist's graph; the weights do not depend on the netlist.

    Args:
        edges: (N, N) connection weights (`MacroPlacementEnv.edges`).
        node_features: Features of a node in the observation.
        size: Width of all layers.
        layers: Rounds of messages.

    Shapes:
        Observations are those of `MacroPlacementEnv` with a batch dimension in front: nodes
        (B, N, F), current (B, 1), mask (B, R * C), occupancy and pull (B, R, C).
    """

    neighbours: Tensor

    def __init__(
        self, edges: sp.csr_array, node_features: int, *, size: int = 64, layers: int = 3
    ) -> None:
        super().__init__()
        self.register_buffer("neighbours", _row_normalised(edges), persistent=False)
        self.embed = nn.Linear(node_features, size)
        self.graph = nn.ModuleList(GraphLayer(size) for _ in range(layers))
        self.lift = nn.Conv2d(5, size, kernel_size=3, padding=1)
        self.film = nn.Linear(2 * size, 2 * size)
        self.mix = nn.Conv2d(size, size, kernel_size=3, padding=1)
        self.logit = nn.Conv2d(size, 1, kernel_size=1)
        self.critic = nn.Sequential(nn.Linear(3 * size, size), nn.Tanh(), nn.Linear(size, 1))
        # Small last layers: the first policy is near uniform over legal cells, the first value 0.
        nn.init.orthogonal_(self.logit.weight, 0.01)
        nn.init.zeros_(self.logit.bias if self.logit.bias is not None else torch.empty(0))
        last = self.critic[-1]
        assert isinstance(last, nn.Linear)
        nn.init.orthogonal_(last.weight, 0.1)
        nn.init.zeros_(last.bias)

    def forward(self, observation: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """(B, R * C) masked logits and (B,) values."""
        h = torch.relu(self.embed(observation["nodes"]))  # (B, N, D)
        for layer in self.graph:
            h = layer(h, self.neighbours)
        batch = torch.arange(len(h), device=h.device)
        context = torch.cat([h[batch, observation["current"][:, 0]], h.mean(dim=1)], dim=1)

        maps = self.lift(_maps(observation))  # (B, D, R, C)
        scale, shift = self.film(context)[:, :, None, None].chunk(2, dim=1)  # (B, D, 1, 1) each
        maps = torch.relu(maps * (1 + scale) + shift)
        maps = torch.relu(self.mix(maps))
        logits = self.logit(maps).flatten(1)  # (B, R * C)
        logits = logits.masked_fill(observation["mask"] == 0, _NEVER)
        value = self.critic(torch.cat([context, maps.mean(dim=(2, 3))], dim=1))[:, 0]
        return logits, value

    def act(
        self, observation: Mapping[str, Tensor], action: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Action, its log-probability, the entropy over legal cells, and the value; (B,) each.

        Args:
            observation: A batch of observations.
            action: (B,) actions to judge; drawn from the policy where None.
        """
        logits, value = self(observation)
        distribution = Categorical(logits=logits, validate_args=False)
        if action is None:
            action = distribution.sample()
        return action, distribution.log_prob(action), distribution.entropy(), value


def policy_for(env: MacroPlacementEnv, *, size: int = 64, layers: int = 3) -> GraphPolicy:
    """A fresh policy for the environment's netlist."""
    shape = env.observation_space["nodes"].shape  # type: ignore[index]
    return GraphPolicy(env.edges, shape[1], size=size, layers=layers)


def _maps(observation: Mapping[str, Tensor]) -> Tensor:
    """(B, 5, R, C): occupancy, legality, pull, and each cell's own place in x and y."""
    occupancy, pull = observation["occupancy"], observation["pull"]
    _, rows, columns = occupancy.shape
    legal = observation["mask"].view_as(occupancy).to(occupancy.dtype)
    y = torch.linspace(0, 1, rows, device=pull.device)[None, :, None].expand_as(pull)
    x = torch.linspace(0, 1, columns, device=pull.device)[None, None, :].expand_as(pull)
    return torch.stack([occupancy, legal, pull, x, y], dim=1)


def _row_normalised(edges: sp.csr_array) -> Tensor:
    """Sparse (N, N) float32 with rows that sum to one; rows of loose nodes stay empty."""
    coo = edges.tocoo()
    total = np.asarray(edges.sum(axis=1)).ravel()
    index = torch.from_numpy(np.stack([coo.row, coo.col]).astype(np.int64))
    weight = torch.from_numpy((coo.data / total[coo.row]).astype(np.float32))
    return torch.sparse_coo_tensor(index, weight, coo.shape, check_invariants=True).coalesce()
