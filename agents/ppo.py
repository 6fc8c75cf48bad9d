"""Proximal policy optimisation with action masks, top to bottom in one function.

An update plays whole episodes, so it depends on weights, optimizer, seed and its number alone: a
run that goes on from a checkpoint gives the weights of a run that was never interrupted, bit for
bit on the same machine.

References:
    J. Schulman et al., "Proximal policy optimization algorithms", arXiv 1707.06347.
    S. Huang, S. Ontañón, "A closer look at invalid action masking in policy gradient algorithms",
    FLAIRS 2022 (arXiv 2006.14171).
    S. Huang et al., "The 37 implementation details of proximal policy optimization", ICLR blog
    track 2022.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Categorical

from agents.netlist_graph import NetlistGraph
from agents.policy import GraphPolicy
from agents.processes import average_gradients, over_all, rank_and_number
from placement_env.env import MacroPlacementEnv
from placement_env.errors import InputError, TrainingError
from placement_env.netlist import IntArray, Placement

_SMALLER = "go on from the last checkpoint, or begin again, with a smaller --learning-rate"


@dataclass(frozen=True)
class PpoSettings:
    """Hyperparameters, named as in the papers.

    Attributes:
        total_steps: Environment steps in all, over all processes; 0 after an imitation for that
            alone.
        episodes: Episodes of each netlist between two updates, shared among all processes.
        tasks: Netlists that are played between two updates, in turn.
        curriculum: Part of the steps in which netlists come in, those with the fewest macros first;
            0: all of them from the beginning.
        learning_rate: Adam's step size; falls to zero over the run.
        gamma: Discount; an episode's rewards sum to its cost, so none by default.
        gae_lambda: Trade of bias for variance in the advantage.
        num_minibatches: Parts that a netlist's steps are split into.
        update_epochs: Passes over the steps.
        clip_coef: Clip range of the probability ratio.
        ent_coef: Weight of the entropy bonus.
        vf_coef: Weight of the value loss.
        max_grad_norm: Norm that gradients are clipped to.
        seed: Seed of sampling and shuffling.
    """

    total_steps: int = 20_000
    episodes: int = 16
    tasks: int = 1
    curriculum: float = 0.0
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
class Task:
    """A netlist to learn on.

    Attributes:
        name: Of the netlist.
        envs: Its environments, played side by side.
        graph: The netlist as the policy reads it.
        scale: What rewards are divided by, so that all netlists count alike.
    """

    name: str
    envs: Sequence[MacroPlacementEnv]
    graph: NetlistGraph
    scale: float


@dataclass(frozen=True)
class Episode:
    """An episode that ended.

    Attributes:
        task: Name of its netlist.
        episodic_return: Sum of its rewards.
        length: Its steps.
        cost: Final proxy cost; None at a dead end.
        objective: Final value of what the rewards are about; None at a dead end.
        placement: The final placement; None at a dead end.
    """

    task: str
    episodic_return: float
    length: int
    cost: float | None
    objective: float | None
    placement: Placement | None


@dataclass(frozen=True)
class Update:
    """One update of the policy.

    Attributes:
        number: Which one, from 1.
        step: Environment steps taken so far, over all environments and processes.
        scalars: TensorBoard tags to numbers.
        episodes: Episodes played for it, of this process; so are the means among the scalars.
    """

    number: int
    step: int
    scalars: Mapping[str, float]
    episodes: Sequence[Episode]


def learn(
    tasks: Sequence[Task],
    policy: GraphPolicy,
    optimizer: torch.optim.Adam,
    settings: PpoSettings,
    *,
    first_update: int = 0,
    first_step: int = 0,
    on_update: Callable[[Update], None] = lambda update: None,
    time_is_up: Callable[[], bool] = lambda: False,
) -> None:
    """Train `policy` in place. The same seed gives the same weights on the same machine.

    Where `torch.distributed` runs, each process plays its share of the episodes, and gradients are
    averaged.

    Args:
        tasks: Netlists; `settings.tasks` of them are played for each update, in turn.
        policy: The policy; its device is used.
        optimizer: Adam over the policy's parameters.
        settings: Hyperparameters.
        first_update: Updates that an earlier run has made.
        first_step: Environment steps that it took.
        on_update: Called after each update.
        time_is_up: Asked before each update whether to end early; all processes end with the first.

    Raises:
        InputError: There are more processes than episodes.
        TrainingError: A loss or a weight is not finite; the policy is as it was before that
            update. What it says of a netlist is not finite, and no action can be drawn.
    """
    device = next(policy.parameters()).device
    rank, world = rank_and_number()
    if settings.episodes < world:
        raise InputError(
            f"{settings.episodes} episodes cannot be shared among {world} processes",
            hint="give more --episodes, or start fewer processes",
        )
    share = settings.episodes // world + (rank < settings.episodes % world)
    started = time.monotonic()
    step, update = first_step, first_update

    while step < settings.total_steps and not over_all(int(time_is_up()), device):
        # All that is random in an update follows from its number.
        torch.manual_seed(hash_of(settings.seed, update, rank))
        shuffle = np.random.default_rng([settings.seed, update, rank])
        # Step size falls to zero over the run.
        rate = settings.learning_rate * max(0.0, 1.0 - step / settings.total_steps)
        optimizer.param_groups[0]["lr"] = rate

        # Roll out whole episodes.
        known = _curriculum(tasks, settings, step / settings.total_steps)
        chosen = [
            known[(update * settings.tasks + i) % len(known)]
            for i in range(min(settings.tasks, len(known)))
        ]
        policy.eval()
        seeds = shuffle.integers(2**31, size=(len(chosen), share))
        played = [
            play(task, policy, settings, task_seeds.tolist())
            for task, task_seeds in zip(chosen, seeds, strict=True)
        ]
        step += over_all(sum(len(memory.reward) for memory, _ in played), device)

        # Optimise. Minibatches are of one netlist, whose encoding they share.
        policy.train()
        before = {name: value.clone() for name, value in policy.state_dict().items()}
        minibatches = [
            (task, memory, part)
            for _ in range(settings.update_epochs)
            for task, (memory, _) in zip(chosen, played, strict=True)
            for part in _parts(len(memory.reward), settings.num_minibatches, shuffle)
        ]
        losses: dict[str, list[float]] = {}
        for task, memory, part in minibatches:
            pick = torch.from_numpy(part).to(device)  # (M,)
            encoding = policy.encode(task.graph)
            log_prob, entropy, value = judge(policy, encoding, memory, pick)
            log_ratio = log_prob - memory.log_prob[pick]
            ratio = log_ratio.exp()
            advantage = memory.advantage[pick]
            if len(pick) > 1:
                advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)

            clipped = ratio.clamp(1 - settings.clip_coef, 1 + settings.clip_coef)
            policy_loss = -torch.min(advantage * ratio, advantage * clipped).mean()
            value_loss = 0.5 * (value - memory.returns[pick]).square().mean()
            entropy_loss = entropy.mean()
            loss = policy_loss - settings.ent_coef * entropy_loss + settings.vf_coef * value_loss
            optimizer.zero_grad()
            loss.backward()
            average_gradients(policy)
            norm = nn.utils.clip_grad_norm_(policy.parameters(), settings.max_grad_norm)
            if not bool(torch.isfinite(norm)):
                policy.load_state_dict(before)
                raise TrainingError(
                    f"the loss of update {update + 1} is not finite ({float(loss.detach())}, its "
                    f"gradient {float(norm)})",
                    where=task.name,
                    hint=_SMALLER,
                )
            optimizer.step()
            if not bool(torch.stack([w.isfinite().all() for w in policy.parameters()]).all()):
                policy.load_state_dict(before)
                raise TrainingError(
                    f"the weights after update {update + 1} are not finite",
                    where=task.name,
                    hint=_SMALLER,
                )

            for tag, number in (
                ("losses/policy_loss", policy_loss),
                ("losses/value_loss", value_loss),
                ("losses/entropy", entropy_loss),
                ("losses/old_approx_kl", -log_ratio.mean()),
                ("losses/approx_kl", (ratio - 1 - log_ratio).mean()),
                ("losses/clipfrac", ((ratio - 1).abs() > settings.clip_coef).float().mean()),
            ):
                losses.setdefault(tag, []).append(float(number.detach()))

        update += 1
        values = torch.cat([memory.value for memory, _ in played])
        returns = torch.cat([memory.returns for memory, _ in played])
        variance = float(returns.var(correction=0))
        unexplained = float((returns - values).var(correction=0))
        episodes = [episode for _, ended in played for episode in ended]
        scalars = {
            "charts/learning_rate": rate,
            "charts/SPS": (step - first_step) / (time.monotonic() - started),
            **{tag: float(np.mean(numbers)) for tag, numbers in losses.items()},
            "losses/explained_variance": 1 - unexplained / variance if variance else float("nan"),
            "charts/episodic_return": float(np.mean([e.episodic_return for e in episodes])),
            "charts/episodic_length": float(np.mean([e.length for e in episodes])),
        }
        if costs := [episode.cost for episode in episodes if episode.cost is not None]:
            scalars["placement/proxy_cost"] = float(np.mean(costs))
        on_update(Update(update, step, scalars, episodes))


def _parts(steps: int, count: int, rng: np.random.Generator) -> list[IntArray]:
    """Steps in random order, in so many parts; some come twice where there are fewer steps.

    All processes have to make as many parts, and the mean over an empty one is not a number.
    """
    return np.array_split(np.resize(rng.permutation(steps), max(steps, count)), count)


def _curriculum(tasks: Sequence[Task], settings: PpoSettings, passed: float) -> Sequence[Task]:
    """The netlists that are played after a part of the steps, of all of them."""
    if passed >= settings.curriculum:
        return tasks
    by_size = sorted(tasks, key=lambda task: len(task.envs[0].board.order))
    count = max(settings.tasks, math.ceil(len(tasks) * passed / settings.curriculum))
    return by_size[:count]


@dataclass(frozen=True)
class Memory:
    """The steps of some episodes of one netlist, one after the other.

    Attributes:
        observation: (S, ...) each; of improve also `maps_before` and `current_before`, seen when
            choosing a macro.
        macro: (S,) chosen macros; of construct None.
        cell: (S,) chosen cells.
        log_prob: (S,) of the actions when they were chosen.
        value: (S,) when they were chosen.
        reward: (S,) over the task's scale.
        advantage: (S,) generalised advantage estimates.
        returns: (S,) advantage + value.
    """

    observation: dict[str, Tensor]
    macro: Tensor | None
    cell: Tensor
    log_prob: Tensor
    value: Tensor
    reward: Tensor
    advantage: Tensor
    returns: Tensor


def play(
    task: Task, policy: GraphPolicy, settings: PpoSettings, seeds: Sequence[int]
) -> tuple[Memory, list[Episode]]:
    """Play an episode for each seed, as many at a time as the task has environments.

    Raises:
        TrainingError: What the policy says is not finite.
    """
    device = next(policy.parameters()).device
    with torch.no_grad():
        encoding = policy.encode(task.graph)
    steps: list[list[dict[str, Any]]] = []
    episodes: list[Episode] = []
    for first in range(0, len(seeds), len(task.envs)):
        envs = task.envs[: len(seeds) - first]
        states = [env.reset(seed=seeds[first + i])[0] for i, env in enumerate(envs)]
        courses: list[list[dict[str, Any]]] = [[] for _ in envs]
        going = list(range(len(envs)))
        while going:
            batch = to_tensors([states[i] for i in going], device)  # each (B, ...)
            macros, macro_log_prob = None, torch.zeros(len(going), device=device)
            if envs[0].improves:
                with torch.no_grad():
                    distribution = _categorical(_finite(policy.macro(encoding, batch), task))
                    macros = distribution.sample()  # (B,)
                    macro_log_prob = distribution.log_prob(macros)
                seen = [envs[i].look(m) for i, m in zip(going, macros.tolist(), strict=True)]
                batch = to_tensors(seen, device) | {
                    "maps_before": batch["maps"],
                    "current_before": batch["current"],
                }
            with torch.no_grad():
                logits, value = policy.place(encoding, batch)
                if envs[0].improves:
                    value = policy.place(encoding, _before_macro(batch))[1]
                distribution = _categorical(_finite(logits, task))
                cells = distribution.sample()  # (B,)
                log_prob = distribution.log_prob(cells) + macro_log_prob
            for j, i in enumerate(list(going)):
                cell = int(cells[j])
                action = cell if macros is None else (int(macros[j]), cell)
                states[i], reward, terminated, truncated, info = envs[i].step(action)
                courses[i].append(
                    {
                        "observation": {key: part[j] for key, part in batch.items()},
                        "macro": None if macros is None else macros[j],
                        "cell": cells[j],
                        "log_prob": log_prob[j],
                        "value": value[j],
                        "reward": float(reward) / task.scale,
                    }
                )
                if terminated or truncated:
                    going.remove(i)
                    whole = not info["dead_end"]
                    episodes.append(
                        Episode(
                            task=task.name,
                            episodic_return=sum(s["reward"] for s in courses[i]) * task.scale,
                            length=len(courses[i]),
                            cost=info["reward_terms"]["cost"] if whole else None,
                            objective=envs[i].objective() if whole else None,
                            placement=envs[i].placement() if whole else None,
                        )
                    )
        steps += courses

    # Generalised advantage estimation, backwards in time; each episode has come to its end.
    advantages: list[float] = []
    for course in steps:
        following, next_value, backwards = 0.0, 0.0, []
        for s in reversed(course):
            delta = s["reward"] + settings.gamma * next_value - float(s["value"])
            following = delta + settings.gamma * settings.gae_lambda * following
            next_value = float(s["value"])
            backwards.append(following)
        advantages += reversed(backwards)

    flat = [s for course in steps for s in course]
    value = torch.stack([s["value"] for s in flat])
    advantage = torch.tensor(advantages, device=device)
    memory = Memory(
        observation={
            key: torch.stack([s["observation"][key] for s in flat])
            for key in flat[0]["observation"]
        },
        macro=torch.stack([s["macro"] for s in flat]) if flat[0]["macro"] is not None else None,
        cell=torch.stack([s["cell"] for s in flat]),
        log_prob=torch.stack([s["log_prob"] for s in flat]),
        value=value,
        reward=torch.tensor([s["reward"] for s in flat], device=device),
        advantage=advantage,
        returns=advantage + value,
    )
    return memory, episodes


def judge(
    policy: GraphPolicy, encoding: Any, memory: Memory, pick: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """(M,) log-probabilities, entropies and values of remembered steps by the policy as it is."""
    observation = {key: part[pick] for key, part in memory.observation.items()}
    logits, value = policy.place(encoding, observation)
    distribution = _categorical(logits)
    log_prob, entropy = distribution.log_prob(memory.cell[pick]), distribution.entropy()
    if memory.macro is not None:
        before = _before_macro(observation)
        # A baseline must not depend on the action: it is that of the state before the choice.
        value = policy.place(encoding, before)[1]
        distribution = _categorical(policy.macro(encoding, before))
        log_prob = log_prob + distribution.log_prob(memory.macro[pick])
        entropy = entropy + distribution.entropy()
    return log_prob, entropy, value


def _before_macro(observation: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What improve saw when it chose the macro: every action was allowed."""
    return {
        **observation,
        "maps": observation["maps_before"],
        "current": observation["current_before"],
        "mask": torch.ones_like(observation["mask"]),
    }


def hash_of(*numbers: int) -> int:
    """A seed that follows from some numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def to_tensors(states: Sequence[Mapping[str, Any]], device: torch.device) -> dict[str, Tensor]:
    """Observations as one batch: each value (B, ...)."""
    return {
        key: torch.from_numpy(np.stack([state[key] for state in states])).to(device)
        for key in states[0]
    }


def _finite(logits: Tensor, task: Task) -> Tensor:
    """The logits, unless some are not finite: actions could not be drawn."""
    if not bool(torch.isfinite(logits).all()):
        raise TrainingError(
            "what the policy says of a placement is not finite", where=task.name, hint=_SMALLER
        )
    return logits


def _categorical(logits: Tensor) -> Categorical:
    return Categorical(logits=logits, validate_args=False)
