"""PPO learns, repeats itself for a seed, and reports what it did."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from agents.policy import GraphPolicy, PolicySize
from agents.ppo import Episode, PpoSettings, Task, Update, judge, learn, play
from agents.training_netlists import TrainingNetlist
from agents.training_tasks import make_task, play_likeliest, play_randomly
from placement_env.cost.proxy import proxy_cost
from placement_env.errors import TrainingError
from placement_env.legality import hard_overlaps
from placement_env.synthetic import synthetic_netlist

CPU = torch.device("cpu")
LOSSES = ("policy_loss", "value_loss", "entropy", "old_approx_kl", "approx_kl", "clipfrac")
SMALL = {"macros": 3, "soft": 4, "ports": 8, "cells": 5}


def task_of(mode: str = "construct", seed: int = 0, **changes: int) -> Task:
    netlist, start = synthetic_netlist(**{**SMALL, **changes}, seed=seed)
    given = TrainingNetlist(netlist.name, netlist, start, False, lambda folder, placement: folder)
    return make_task(given, num_envs=4, episodes=32, seed=1, device=CPU, start=mode)[0]


def run(
    settings: PpoSettings, tasks: list[Task] | None = None
) -> tuple[GraphPolicy, list[Update], list[Task]]:
    torch.manual_seed(settings.seed)
    tasks = tasks or [task_of()]
    policy = GraphPolicy(PolicySize(width=16, cells=8, layers=2))
    optimizer = torch.optim.Adam(policy.parameters(), lr=settings.learning_rate, eps=1e-5)
    updates: list[Update] = []
    learn(tasks, policy, optimizer, settings, on_update=updates.append)
    return policy, updates, tasks


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("mode", ["construct", "improve"])
def test_a_seed_repeats_weights_and_episodes(mode: str) -> None:
    settings = PpoSettings(total_steps=48, episodes=4, seed=3)
    first, updates, _ = run(settings, [task_of(mode)])
    second, again, _ = run(settings, [task_of(mode)])
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    returns = [[e.episodic_return for e in update.episodes] for update in updates]
    assert returns == [[e.episodic_return for e in update.episodes] for update in again]
    other, *_ = run(replace(settings, seed=4), [task_of(mode)])
    assert any(
        not torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True)
    )


def test_updates_tell_steps_scalars_and_episodes() -> None:
    _, updates, tasks = run(PpoSettings(total_steps=48, episodes=8))
    assert [update.step for update in updates] == [24, 48]
    assert [update.number for update in updates] == [1, 2]
    assert updates[0].scalars.keys() >= {
        *("charts/SPS", "charts/learning_rate", "charts/episodic_return"),
        *("charts/episodic_length", "losses/policy_loss", "losses/value_loss", "losses/entropy"),
        *("losses/old_approx_kl", "losses/approx_kl", "losses/clipfrac"),
        "losses/explained_variance",
        "placement/proxy_cost",
    }
    assert all(np.isfinite(value) for value in updates[1].scalars.values())
    assert updates[1].scalars["charts/learning_rate"] == pytest.approx(5e-4)
    episodes: list[Episode] = [e for update in updates for e in update.episodes]
    assert len(episodes) == 16
    netlist = tasks[0].envs[0].netlist
    for episode in episodes:
        assert episode.length == 3
        assert episode.placement is not None
        assert hard_overlaps(netlist, episode.placement) == []
        cost = proxy_cost(netlist, episode.placement).total
        assert episode.cost == pytest.approx(cost, abs=1e-12)
        assert episode.objective == episode.cost


def test_it_plays_its_netlists_in_turn() -> None:
    tasks = [task_of(seed=seed) for seed in range(3)]
    _, updates, _ = run(PpoSettings(total_steps=60, episodes=4, tasks=2), tasks)
    played = [sorted({episode.task for episode in update.episodes}) for update in updates]
    assert played == [
        ["synthetic_0", "synthetic_1"],
        ["synthetic_0", "synthetic_2"],
        ["synthetic_1", "synthetic_2"],
    ]


def test_a_curriculum_begins_with_the_fewest_macros() -> None:
    tasks = [task_of(macros=macros) for macros in (5, 3, 4)]
    _, updates, _ = run(PpoSettings(total_steps=60, episodes=4, curriculum=1.0), tasks)
    macros = [update.episodes[0].length for update in updates]
    assert macros == [3, 3, 3, 4, 4]  # after 0, 20, 40, 60 and 87 % of the steps
    _, updates, _ = run(PpoSettings(total_steps=60, episodes=4), tasks)
    assert [update.episodes[0].length for update in updates][:3] == [5, 3, 4]


def test_going_on_gives_the_weights_of_an_unbroken_run() -> None:
    """The optimizer and the policy are all that an update depends on, beside its number."""
    settings = PpoSettings(total_steps=72, episodes=4, seed=5)
    whole, _, _ = run(settings)
    torch.manual_seed(settings.seed)
    policy = GraphPolicy(PolicySize(width=16, cells=8, layers=2))
    optimizer = torch.optim.Adam(policy.parameters(), lr=settings.learning_rate, eps=1e-5)

    class Stop(Exception):
        pass

    def stop(update: Update) -> None:
        if update.number == 3:
            raise Stop

    with pytest.raises(Stop):
        learn([task_of()], policy, optimizer, settings, on_update=stop)
    torch.rand(100)  # what else happens to the global random numbers does not count
    learn([task_of()], policy, optimizer, settings, first_update=3, first_step=36)
    for a, b in zip(whole.parameters(), policy.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("mode", ["construct", "improve"])
def test_it_learns_a_small_netlist_well_above_random(mode: str) -> None:
    settings = PpoSettings(total_steps=1440, episodes=16, learning_rate=3e-3)
    policy, updates, tasks = run(settings, [task_of(mode)])
    returns = np.array([e.episodic_return for update in updates for e in update.episodes])
    assert returns[-64:].mean() > returns[:64].mean() + 0.5 * returns[:64].std()
    if mode == "construct":
        reached, _ = play_likeliest(tasks[0], policy)
        costs = play_randomly(tasks[0].envs[0], seed=0, episodes=32).costs
        assert reached is not None
        assert reached < np.mean(costs) - np.std(costs)


def test_the_value_knows_nothing_of_the_macro_that_is_chosen() -> None:
    """A baseline that depends on the action would bias the gradient of its choice."""
    task = task_of("improve")
    torch.manual_seed(1)
    policy = GraphPolicy(PolicySize(width=16, cells=8, layers=2)).eval()
    first: dict[int, float] = {}
    memory, episodes = play(task, policy, PpoSettings(), seeds=list(range(12)))
    begins = np.cumsum([0, *(episode.length for episode in episodes[:-1])])
    assert memory.macro is not None
    for step in begins.tolist():
        first[int(memory.macro[step])] = float(memory.value[step])
    assert len(first) > 1
    assert len(set(first.values())) == 1
    pick = torch.arange(len(memory.reward))
    with torch.no_grad():
        log_prob, _, value = judge(policy, policy.encode(task.graph), memory, pick)
    assert torch.allclose(value, memory.value, atol=1e-5)
    assert torch.allclose(log_prob, memory.log_prob, atol=1e-5)


def test_fewer_steps_than_minibatches_give_sound_losses() -> None:
    _, updates, _ = run(PpoSettings(total_steps=6, episodes=1, num_minibatches=8))
    assert all(np.isfinite(updates[0].scalars[f"losses/{name}"]) for name in LOSSES)


def test_weights_that_overflow_are_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    policy = GraphPolicy(PolicySize(width=16, cells=8, layers=2))
    before: dict[str, Any] = {key: value.clone() for key, value in policy.state_dict().items()}
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-3)

    def blow_up() -> None:
        with torch.no_grad():
            policy.query.weight[0, 0] = float("inf")

    monkeypatch.setattr(optimizer, "step", blow_up)
    with pytest.raises(TrainingError, match="weights after update 1 are not finite"):
        learn([task_of()], policy, optimizer, PpoSettings(total_steps=48, episodes=4))
    for key, value in policy.state_dict().items():
        assert torch.equal(value, before[key])


@pytest.mark.parametrize("mode", ["construct", "improve"])
def test_a_policy_that_says_nothing_finite_stops_the_run(mode: str) -> None:
    policy = GraphPolicy(PolicySize(width=16, cells=8, layers=2))
    with torch.no_grad():
        policy.embed_net.weight.fill_(float("nan"))
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-3)
    with pytest.raises(TrainingError, match="is not finite") as caught:
        learn([task_of(mode)], policy, optimizer, PpoSettings(total_steps=48, episodes=4))
    assert caught.value.where == "synthetic_0"
    assert "learning-rate" in caught.value.hint


def test_a_loss_that_is_not_finite_stops_with_the_weights_before_it() -> None:
    task = task_of()
    broken = replace(task, scale=1e-300)  # rewards of 1e299 are not finite in float32
    torch.manual_seed(0)
    policy = GraphPolicy(PolicySize(width=16, cells=8, layers=2))
    before: dict[str, Any] = {key: value.clone() for key, value in policy.state_dict().items()}
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-3)
    with pytest.raises(TrainingError, match="not finite") as caught:
        learn([broken], policy, optimizer, PpoSettings(total_steps=48, episodes=4))
    assert caught.value.where == "synthetic_0"
    assert "learning-rate" in caught.value.hint
    for key, value in policy.state_dict().items():
        assert torch.equal(value, before[key])
