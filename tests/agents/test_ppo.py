"""PPO learns, repeats itself for a seed, and reports what it did."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agents.policy import GraphPolicy, policy_for
from agents.ppo import Episode, PpoSettings, Update, learn
from agents.train import greedy, random_cost
from placement_env.cost.proxy import proxy_cost
from placement_env.env import MacroPlacementEnv
from placement_env.legality import hard_overlaps
from placement_env.synthetic import synthetic_netlist

SMALL = {"macros": 3, "soft": 4, "ports": 8, "cells": 5}


def run(settings: PpoSettings, envs: int = 4) -> tuple[GraphPolicy, list[Update], list]:
    torch.manual_seed(settings.seed)
    made = [MacroPlacementEnv(*synthetic_netlist(**SMALL)) for _ in range(envs)]
    policy = policy_for(made[0], size=16, layers=2)
    optimizer = torch.optim.Adam(policy.parameters(), lr=settings.learning_rate, eps=1e-5)
    updates: list[Update] = []
    learn(made, policy, optimizer, settings, on_update=updates.append)
    return policy, updates, made


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_a_seed_repeats_weights_and_episodes() -> None:
    settings = PpoSettings(total_steps=96, num_steps=12, seed=3)
    first, updates, _ = run(settings)
    second, again, _ = run(settings)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    returns = [[e.episodic_return for e in update.episodes] for update in updates]
    assert returns == [[e.episodic_return for e in update.episodes] for update in again]
    other, *_ = run(PpoSettings(total_steps=96, num_steps=12, seed=4))
    assert any(
        not torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True)
    )


def test_updates_tell_steps_scalars_and_episodes() -> None:
    _, updates, envs = run(PpoSettings(total_steps=96, num_steps=12))
    assert [update.step for update in updates] == [48, 96]
    assert updates[0].scalars.keys() >= {
        *("charts/SPS", "charts/learning_rate", "charts/episodic_return"),
        *("charts/episodic_length", "losses/policy_loss", "losses/value_loss", "losses/entropy"),
        *("losses/approx_kl", "losses/clipfrac", "losses/explained_variance"),
        "placement/proxy_cost",
    }
    assert all(np.isfinite(value) for value in updates[1].scalars.values())
    assert updates[1].scalars["charts/learning_rate"] == pytest.approx(5e-4)
    episodes: list[Episode] = [e for update in updates for e in update.episodes]
    assert len(episodes) == 96 // 3
    for episode in episodes:
        assert episode.length == 3
        assert episode.placement is not None
        assert hard_overlaps(envs[0].netlist, episode.placement) == []
        cost = proxy_cost(envs[0].netlist, episode.placement).total
        assert episode.cost == pytest.approx(cost, abs=1e-12)


def test_it_learns_a_small_netlist_well_above_random() -> None:
    policy, updates, envs = run(PpoSettings(total_steps=1440, num_steps=24, learning_rate=3e-3))
    costs = np.array([e.cost for update in updates for e in update.episodes], dtype=float)
    spread = costs[:64].std()
    assert costs[-64:].mean() < costs[:64].mean() - 0.5 * spread
    reached, _ = greedy(envs[0], policy)
    assert reached is not None
    assert reached < random_cost(envs[0], seed=0) - spread
