"""The policy keeps the mask, sees the graph, and fits any netlist."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch import Tensor

from agents.policy import GraphLayer, GraphPolicy, policy_for
from agents.ppo import to_tensors
from placement_env.env import MacroPlacementEnv
from placement_env.synthetic import synthetic_netlist

CPU = torch.device("cpu")


def environment(**options: int) -> MacroPlacementEnv:
    return MacroPlacementEnv(*synthetic_netlist(**options))


@pytest.fixture
def env() -> MacroPlacementEnv:
    return environment()


@pytest.fixture
def policy(env: MacroPlacementEnv) -> GraphPolicy:
    torch.manual_seed(0)
    return policy_for(env, size=16, layers=2).eval()


def batch_of(env: MacroPlacementEnv, count: int) -> dict[str, Tensor]:
    """The first `count` observations of an episode of random legal actions."""
    env.action_space.seed(0)
    states = [env.reset(seed=0)[0]]
    while len(states) < count:
        states.append(env.step(env.action_space.sample(states[-1]["mask"]))[0])
    return to_tensors(states, CPU)


def test_shapes_and_the_mask(env: MacroPlacementEnv, policy: GraphPolicy) -> None:
    batch = batch_of(env, 5)
    logits, value = policy(batch)
    assert logits.shape == (5, 100)
    assert value.shape == (5,)
    illegal = batch["mask"] == 0
    assert illegal.any()
    assert torch.softmax(logits, dim=1)[illegal].max() == 0
    action, log_prob, _, _ = policy.act(batch)
    for _ in range(20):
        action, log_prob, entropy, _ = policy.act(batch)
        assert not illegal[torch.arange(5), action].any()
        assert torch.isfinite(log_prob).all()
        assert (entropy <= batch["mask"].sum(dim=1).log() + 1e-5).all()
    again = policy.act(batch, action)
    assert torch.equal(again[0], action)
    assert torch.allclose(again[1], log_prob)


def test_the_first_policy_is_nearly_uniform_over_legal_cells(
    env: MacroPlacementEnv, policy: GraphPolicy
) -> None:
    batch = batch_of(env, 5)
    *_, entropy, _ = policy.act(batch)
    assert torch.allclose(entropy, batch["mask"].sum(dim=1).log(), rtol=0.02)


def test_an_observation_counts_alone_as_in_a_batch(
    env: MacroPlacementEnv, policy: GraphPolicy
) -> None:
    batch = batch_of(env, 4)
    logits, value = policy(batch)
    for i in range(4):
        alone = policy({key: part[i : i + 1] for key, part in batch.items()})
        assert torch.allclose(alone[0][0], logits[i], atol=1e-5)
        assert torch.allclose(alone[1][0], value[i], atol=1e-5)


def test_messages_travel_one_edge_a_layer() -> None:
    torch.manual_seed(0)
    chain = sp.csr_array(np.diag([2.0, 1.0, 3.0], 1) + np.diag([2.0, 1.0, 3.0], -1))
    policy = GraphPolicy(chain, 4, size=8)
    h = torch.randn(1, 4, 8)
    changed = h.clone()
    changed[0, 0] += torch.randn(8)
    layers = [module for module in policy.graph if isinstance(module, GraphLayer)]
    for reach in (1, 2, 3):
        h, changed = (layers[reach - 1](state, policy.neighbours) for state in (h, changed))
        moved = (h != changed).any(dim=2)[0]
        assert moved.tolist() == [node <= reach for node in range(4)]


def test_a_layer_is_its_equation() -> None:
    torch.manual_seed(0)
    edges = sp.csr_array(np.array([[0.0, 1.0, 3.0], [1.0, 0.0, 0.0], [3.0, 0.0, 0.0]]))
    policy = GraphPolicy(edges, 4, size=8)
    rows = torch.tensor([[0.0, 0.25, 0.75], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    assert torch.allclose(policy.neighbours.to_dense(), rows)
    layer, h = policy.graph[0], torch.randn(2, 3, 8)
    assert isinstance(layer, GraphLayer)
    expected = torch.relu(layer.norm(layer.own(h) + layer.near(rows @ h)))
    assert torch.allclose(layer(h, policy.neighbours), expected, atol=1e-6)


def test_weights_fit_another_netlist_and_grid(policy: GraphPolicy) -> None:
    other = environment(macros=5, soft=3, ports=4, cells=6, seed=2)
    moved = policy_for(other, size=16, layers=2)
    moved.load_state_dict(policy.state_dict())
    logits, _ = moved(batch_of(other, 3))
    assert logits.shape == (3, 36)


def test_gradients_reach_every_weight(env: MacroPlacementEnv, policy: GraphPolicy) -> None:
    _, log_prob, entropy, value = policy.act(batch_of(env, 3))
    (log_prob.sum() + entropy.sum() + value.sum()).backward()
    for name, weight in policy.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name
