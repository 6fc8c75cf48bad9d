"""What a netlist is like to play: random episodes, the scale of its rewards, likeliest actions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from agents.construct import build_up
from agents.netlist_graph import netlist_graph
from agents.policy import GraphPolicy
from agents.ppo import Task
from agents.training_netlists import TrainingNetlist
from placement_env.env import MacroPlacementEnv
from placement_env.netlist import Placement


@dataclass(frozen=True)
class RandomPlay:
    """Episodes of random legal actions.

    Attributes:
        costs: Final proxy costs of those that came to an end.
        returns: Sums of rewards of all.
    """

    costs: list[float]
    returns: list[float]


def make_task(
    given: TrainingNetlist,
    *,
    num_envs: int,
    episodes: int,
    seed: int,
    device: torch.device,
    **options: Any,
) -> tuple[Task, RandomPlay]:
    """A netlist to learn on, and how random legal actions do on it.

    Args:
        given: The netlist.
        num_envs: Environments to play side by side.
        episodes: Episodes of random actions, from whose returns the scale of rewards is taken.
        seed: Seed of the random actions.
        device: Where the policy is.
        options: Of the environments.

    Raises:
        InputError: An option is wrong, or a macro fits nowhere.
    """
    first = MacroPlacementEnv(given.netlist, given.start, **options)
    envs = [first, *(first.twin() for _ in range(num_envs - 1))]
    board = envs[0].board
    board.check_feasible()
    graph = netlist_graph(given.netlist, envs[0].placement(), board.order).to(device)
    random = play_randomly(envs[0], seed, episodes=episodes)
    scale = float(np.std(random.returns))
    return Task(given.name, envs, graph, scale if scale > 1e-9 else 1.0), random


def play_randomly(env: MacroPlacementEnv, seed: int, *, episodes: int) -> RandomPlay:
    """Some episodes of random legal actions."""
    rng = np.random.default_rng(seed)
    costs, returns = [], []
    for episode in range(episodes):
        info, over, total = env.reset(seed=seed + episode)[1], False, 0.0
        while not over:
            if env.improves:
                macro = int(rng.integers(len(env.board.order)))
                mask = env.place_mask(macro)
                cell = int(rng.choice(np.flatnonzero(mask))) if mask.any() else 0
                _, reward, terminated, truncated, info = env.step((macro, cell))
            else:
                action = int(rng.choice(np.flatnonzero(info["action_mask"])))
                _, reward, terminated, truncated, info = env.step(action)
            total += float(reward)
            over = terminated or truncated
        returns.append(total)
        if not info["dead_end"]:
            costs.append(info["reward_terms"]["cost"])
    return RandomPlay(costs, returns)


def play_likeliest(task: Task, policy: GraphPolicy) -> tuple[float, Placement] | tuple[None, None]:
    """Final proxy cost and placement of the policy's likeliest actions; None at a dead end."""
    _, (info,) = build_up(policy, task.graph, task.envs[:1])
    if info["dead_end"]:
        return None, None
    return info["reward_terms"]["cost"], task.envs[0].placement()
