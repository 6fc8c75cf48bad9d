"""The policy keeps the mask, sees the graph, and fits any netlist."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from agents.netlist_graph import NODE_TYPES, NetlistGraph, netlist_graph
from agents.policy import GraphPolicy, NetLayer, PolicySize
from agents.ppo import to_tensors
from placement_env.env import MacroPlacementEnv
from placement_env.netlist import NodeKind, pin_net
from placement_env.synthetic import synthetic_netlist

CPU = torch.device("cpu")
SMALL = PolicySize(width=16, cells=8, layers=2)


def environment(**options: int) -> MacroPlacementEnv:
    return MacroPlacementEnv(*synthetic_netlist(**options))


def graph_of(env: MacroPlacementEnv) -> NetlistGraph:
    env.reset()
    return netlist_graph(env.netlist, env.placement(), env.board.order)


@pytest.fixture
def env() -> MacroPlacementEnv:
    return environment()


@pytest.fixture
def graph(env: MacroPlacementEnv) -> NetlistGraph:
    return graph_of(env)


@pytest.fixture
def policy() -> GraphPolicy:
    torch.manual_seed(0)
    return GraphPolicy(SMALL).eval()


def batch_of(env: MacroPlacementEnv, count: int) -> dict[str, Tensor]:
    """The first `count` observations of an episode of random legal actions."""
    env.action_space.seed(0)
    states = [env.reset(seed=0)[0]]
    while len(states) < count:
        states.append(env.step(env.action_space.sample(states[-1]["mask"]))[0])
    return to_tensors(states, CPU)


def test_shapes_and_the_mask(
    env: MacroPlacementEnv, graph: NetlistGraph, policy: GraphPolicy
) -> None:
    batch = batch_of(env, 5)
    encoding = policy.encode(graph)
    assert encoding.macro.shape == (8, 16)
    assert encoding.plan.shape == (env.netlist.num_nodes, 2)
    logits, value = policy.place(encoding, batch)
    assert logits.shape == (5, 100)
    assert value.shape == (5,)
    assert policy.macro(encoding, batch).shape == (5, 8)
    illegal = batch["mask"] == 0
    assert illegal.any()
    chance = torch.softmax(logits, dim=1)
    assert chance[illegal].max() == 0
    assert torch.allclose(chance.sum(dim=1), torch.ones(5))


def test_a_fresh_policy_is_nearly_uniform_and_plans_what_nets_pull(
    env: MacroPlacementEnv, graph: NetlistGraph, policy: GraphPolicy
) -> None:
    batch = batch_of(env, 5)
    encoding = policy.encode(graph)
    logits, _ = policy.place(encoding, batch)
    chance = torch.softmax(logits, dim=1)
    entropy = -(chance * chance.clamp_min(1e-30).log()).sum(dim=1)
    assert torch.allclose(entropy, batch["mask"].sum(dim=1).log(), rtol=0.02)
    env.reset()
    at_first = env.board.observe(0)[1]
    assert encoding.plan.detach().numpy() == pytest.approx(at_first, abs=0.05)
    fixed = env.netlist.fixed
    assert encoding.plan.detach().numpy()[fixed] == pytest.approx(at_first[fixed], abs=1e-6)


def test_an_observation_counts_alone_as_in_a_batch(
    env: MacroPlacementEnv, graph: NetlistGraph, policy: GraphPolicy
) -> None:
    batch = batch_of(env, 4)
    encoding = policy.encode(graph)
    logits, value = policy.place(encoding, batch)
    macros = policy.macro(encoding, batch)
    for i in range(4):
        one = {key: part[i : i + 1] for key, part in batch.items()}
        alone = policy.place(encoding, one)
        assert torch.allclose(alone[0][0], logits[i], atol=1e-5)
        assert torch.allclose(alone[1][0], value[i], atol=1e-5)
        assert torch.allclose(policy.macro(encoding, one)[0], macros[i], atol=1e-5)


def test_messages_travel_one_net_a_layer(
    env: MacroPlacementEnv, graph: NetlistGraph, policy: GraphPolicy
) -> None:
    """A change at one node is felt after k layers by the nodes within k nets, and by no others."""
    nets = pin_net(env.netlist)
    joined = np.zeros((env.netlist.num_nodes, env.netlist.num_nodes), dtype=bool)
    for net in range(env.netlist.num_nets):
        members = np.unique(env.netlist.pin_node[nets == net])
        if len(members) > 1:
            joined[np.ix_(members, members)] = True
    torch.manual_seed(1)
    h = {kind: torch.randn(len(graph.node[kind]), 16) for kind in NODE_TYPES}
    changed = {kind: part.clone() for kind, part in h.items()}
    changed["port"][3] += torch.randn(16)
    u = other = torch.randn(len(graph.net_x), 16)
    reached = np.zeros(env.netlist.num_nodes, dtype=bool)
    reached[graph.node["port"][3]] = True
    sizes = []
    for layer in policy.layers:
        assert isinstance(layer, NetLayer)
        h, u = layer(h, u, graph)
        changed, other = layer(changed, other, graph)
        reached = reached | joined[reached].any(axis=0)
        felt = np.zeros(env.netlist.num_nodes, dtype=bool)
        for kind in NODE_TYPES:
            felt[graph.node[kind][(h[kind] != changed[kind]).any(dim=1)]] = True
        assert np.array_equal(felt, reached)
        sizes.append(reached.sum())
    assert 1 < sizes[0] < sizes[1] < env.netlist.num_nodes


def test_a_graph_has_the_nets_and_nodes_of_the_netlist(
    env: MacroPlacementEnv, graph: NetlistGraph
) -> None:
    netlist = env.netlist
    assert sorted(torch.cat(list(graph.node.values())).tolist()) == list(range(netlist.num_nodes))
    kinds = {"macro": NodeKind.HARD_MACRO, "soft": NodeKind.SOFT_MACRO, "port": NodeKind.PORT}
    for name, kind in kinds.items():
        assert (netlist.node_kind[graph.node[name]] == kind).all()
    assert graph.node["macro"][graph.order].tolist() == env.board.order.tolist()
    ones = {kind: torch.ones(len(part), 1) for kind, part in graph.node.items()}
    means = [torch.sparse.mm(graph.to_net[kind], ones[kind]) for kind in NODE_TYPES]
    assert torch.allclose(torch.stack(means).sum(dim=0), torch.ones(len(graph.net_x), 1))
    for kind in NODE_TYPES:
        back = torch.sparse.mm(graph.from_net[kind], torch.ones(len(graph.net_x), 1))
        connected = back[:, 0] > 0
        assert torch.allclose(back[connected], torch.ones(int(connected.sum()), 1))


def test_weights_fit_another_netlist_and_grid(policy: GraphPolicy) -> None:
    other = environment(macros=5, soft=3, ports=4, cells=6, seed=2)
    logits, _ = policy.place(policy.encode(graph_of(other)), batch_of(other, 3))
    assert logits.shape == (3, 36)


def test_gradients_reach_every_weight(
    env: MacroPlacementEnv, graph: NetlistGraph, policy: GraphPolicy
) -> None:
    batch = batch_of(env, 3)
    encoding = policy.encode(graph)
    logits, value = policy.place(encoding, batch)
    legal = logits[batch["mask"] > 0]
    torch.manual_seed(0)
    total = (legal * torch.randn_like(legal)).sum() + value.sum()
    macros = policy.macro(encoding, batch)
    total = total + (macros * torch.randn_like(macros)).sum()
    total = total + (encoding.plan * torch.randn_like(encoding.plan)).sum()
    total.backward()
    for name, weight in policy.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


def test_a_mirrored_netlist_gets_mirrored_answers(policy: GraphPolicy) -> None:
    """Mirroring netlist, ports and maps mirrors logits and plan, and leaves the value."""
    netlist, start = synthetic_netlist()
    x_um = 100.0 - start.x_um
    mirrored = replace(netlist, pin_dx_um=-netlist.pin_dx_um), replace(start, x_um=x_um)
    answers = []
    for env in (MacroPlacementEnv(netlist, start), MacroPlacementEnv(*mirrored)):
        encoding = policy.encode(graph_of(env))
        observation = env.reset()[0]
        logits, value = policy.place(encoding, to_tensors([observation], CPU))
        answers.append((logits.view(10, 10), value, encoding.plan))
    (logits, value, plan), (other_logits, other_value, other_plan) = answers
    # Routes are not quite the same mirrored: they prefer a way round.
    assert torch.allclose(logits, other_logits.flip(1), atol=4e-4)
    assert not torch.allclose(logits, other_logits, atol=4e-3)
    assert torch.allclose(value, other_value, atol=4e-4)
    assert torch.allclose(plan[:, 0], 1 - other_plan[:, 0], atol=1e-4)
    assert torch.allclose(plan[:, 1], other_plan[:, 1], atol=1e-4)
