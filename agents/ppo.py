"""Proximal policy optimisation with action masks, top to bottom in one function.

References:
    J. Schulman et al., "Proximal policy optimization algorithms", arXiv 1707.06347.
    S. Huang, S. Ontañón, "A closer look at invalid action masking in policy gradient algorithms",
    FLAIRS 2022 (arXiv 2006.14171).
    S. Huang et al., "The 37 implementation details of proximal policy optimization", ICLR blog
    track 2022.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from agents.policy import GraphPolicy
from placement_env.env import MacroPlacementEnv
from placement_env.netlist import Placement


@dataclass(frozen=True)
class PpoSettings:
    """Hyperparameters, named as in the papers.

    Attributes:
        total_steps: Environment steps in all.
        num_steps: Steps of each environment between two updates.
        learning_rate: Adam's step size; falls to zero over the run.
        gamma: Discount; an episode's rewards sum to its cost, so none by default.
        gae_lambda: Trade of bias for variance in the advantage.
        num_minibatches: Parts that a batch is split into.
        update_epochs: Passes over a batch.
        clip_coef: Clip range of the probability ratio.
        ent_coef: Weight of the entropy bonus.
        vf_coef: Weight of the value loss.
        max_grad_norm: Norm that gradients are clipped to.
        seed: Seed of sampling and shuffling.
    """

    total_steps: int = 20_000
    num_steps: int = 32
    learning_rate: float = 1e-3
    gamma: float = 1.0
    gae_lambda: float = 0.95
    num_minibatches: int = 4
    update_epochs: int = 4
    clip_coef: float = 0.2
    ent_coef: float = 0.01
    vf_coef: float = 0.5
    max_grad_norm: float = 0.5
    seed: int = 1


@dataclass(frozen=True)
class Episode:
    """An episode that ended.

    Attributes:
        step: Environment steps taken when it ended, over all environments.
        episodic_return: Sum of its rewards.
        length: Its steps.
        cost: Final proxy cost; None at a dead end.
        placement: The final placement; None at a dead end.
    """

    step: int
    episodic_return: float
    length: int
    cost: float | None
    placement: Placement | None


@dataclass(frozen=True)
class Update:
    """One update of the policy.

    Attributes:
        step: Environment steps taken so far, over all environments.
        scalars: TensorBoard tags to numbers.
        episodes: Episodes that ended since the last update.
    """

    step: int
    scalars: Mapping[str, float]
    episodes: Sequence[Episode]


def learn(
    envs: Sequence[MacroPlacementEnv],
    policy: GraphPolicy,
    optimizer: torch.optim.Adam,
    settings: PpoSettings,
    *,
    first_step: int = 0,
    on_update: Callable[[Update], None] = lambda update: None,
) -> None:
    """Train `policy` in place. The same seed gives the same weights on the same machine.

    Args:
        envs: Environments of one netlist, stepped in turn.
        policy: The policy; its device is used.
        optimizer: Adam over the policy's parameters.
        settings: Hyperparameters.
        first_step: Steps that an earlier run has done.
        on_update: Called after each update.
    """
    device = next(policy.parameters()).device
    shuffle = np.random.default_rng(settings.seed + first_step)
    num_envs, num_steps = len(envs), settings.num_steps
    batch_size = num_envs * num_steps
    minibatch_size = max(1, batch_size // settings.num_minibatches)

    started = time.monotonic()
    step = first_step
    states = [env.reset(seed=settings.seed + i)[0] for i, env in enumerate(envs)]
    sums, lengths = np.zeros(num_envs), np.zeros(num_envs, dtype=int)

    while step < settings.total_steps:
        # Step size falls to zero over the run.
        rate = settings.learning_rate * max(0.0, 1.0 - step / settings.total_steps)
        optimizer.param_groups[0]["lr"] = rate

        # Roll out: T steps of B environments.
        seen: list[Mapping[str, Tensor]] = []
        actions = torch.zeros((num_steps, num_envs), dtype=torch.int64, device=device)  # (T, B)
        log_probs, values, rewards, ends = (
            torch.zeros((num_steps, num_envs), device=device) for _ in range(4)
        )
        episodes: list[Episode] = []
        policy.eval()
        for t in range(num_steps):
            observation = to_tensors(states, device)  # each (B, ...)
            with torch.no_grad():
                action, log_prob, _, value = policy.act(observation)
            seen.append(observation)
            actions[t], log_probs[t], values[t] = action, log_prob, value
            for i, (env, chosen) in enumerate(zip(envs, action.tolist(), strict=True)):
                states[i], reward, terminated, _, info = env.step(chosen)
                step += 1
                sums[i] += reward
                lengths[i] += 1
                rewards[t, i], ends[t, i] = reward, float(terminated)
                if terminated:
                    done = not info["dead_end"]
                    cost = info["reward_terms"]["cost"] if done else None
                    at = env.placement() if done else None
                    episodes.append(Episode(step, float(sums[i]), int(lengths[i]), cost, at))
                    sums[i], lengths[i] = 0.0, 0
                    states[i] = env.reset()[0]

        # Generalised advantage estimation, backwards in time.
        with torch.no_grad():
            _, next_value = policy(to_tensors(states, device))  # (B,)
        advantages = torch.zeros_like(rewards)  # (T, B)
        following = torch.zeros(num_envs, device=device)
        for t in reversed(range(num_steps)):
            going_on = 1.0 - ends[t]
            delta = rewards[t] + settings.gamma * next_value * going_on - values[t]
            following = delta + settings.gamma * settings.gae_lambda * going_on * following
            advantages[t], next_value = following, values[t]
        returns = advantages + values

        # Flatten the batch: (T * B, ...).
        batch = {key: torch.cat([observation[key] for observation in seen]) for key in seen[0]}
        b_actions, b_log_probs = actions.flatten(), log_probs.flatten()
        b_advantages, b_returns = advantages.flatten(), returns.flatten()

        policy.train()
        clip_fractions: list[float] = []
        losses: dict[str, float] = {}
        for _ in range(settings.update_epochs):
            order = shuffle.permutation(batch_size)
            for start in range(0, batch_size, minibatch_size):
                pick = torch.from_numpy(order[start : start + minibatch_size]).to(device)  # (M,)
                _, log_prob, entropy, value = policy.act(
                    {key: part[pick] for key, part in batch.items()}, b_actions[pick]
                )
                log_ratio = log_prob - b_log_probs[pick]
                ratio = log_ratio.exp()
                advantage = b_advantages[pick]
                if len(pick) > 1:
                    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)

                clipped = ratio.clamp(1 - settings.clip_coef, 1 + settings.clip_coef)
                policy_loss = -torch.min(advantage * ratio, advantage * clipped).mean()
                value_loss = 0.5 * (value - b_returns[pick]).square().mean()
                entropy_loss = entropy.mean()
                loss = (
                    policy_loss - settings.ent_coef * entropy_loss + settings.vf_coef * value_loss
                )
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(policy.parameters(), settings.max_grad_norm)
                optimizer.step()

                outside = (ratio.detach() - 1).abs() > settings.clip_coef
                clip_fractions.append(float(outside.float().mean()))
                losses = {
                    "losses/policy_loss": float(policy_loss.detach()),
                    "losses/value_loss": float(value_loss.detach()),
                    "losses/entropy": float(entropy_loss.detach()),
                    "losses/approx_kl": float((ratio.detach() - 1 - log_ratio.detach()).mean()),
                }

        variance = float(b_returns.var(correction=0))
        unexplained = float((returns - values).var(correction=0))
        scalars = {
            "charts/learning_rate": rate,
            "charts/SPS": (step - first_step) / (time.monotonic() - started),
            **losses,
            "losses/clipfrac": float(np.mean(clip_fractions)),
            "losses/explained_variance": 1 - unexplained / variance if variance else float("nan"),
        }
        if episodes:
            scalars["charts/episodic_return"] = _mean(e.episodic_return for e in episodes)
            scalars["charts/episodic_length"] = _mean(float(e.length) for e in episodes)
        if costs := [episode.cost for episode in episodes if episode.cost is not None]:
            scalars["placement/proxy_cost"] = _mean(costs)
        on_update(Update(step, scalars, episodes))


def to_tensors(states: Sequence[Mapping[str, Any]], device: torch.device) -> dict[str, Tensor]:
    """Observations as one batch: each value (B, ...)."""
    return {
        key: torch.from_numpy(np.stack([state[key] for state in states])).to(device)
        for key in states[0]
    }


def _mean(numbers: Any) -> float:
    return float(np.mean(list(numbers)))
