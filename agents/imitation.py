"""The policy learns from placements that the exact search found: a warm start for `ppo`.

A lesson is a netlist with a good placement. Its macros are put one by one where that has them; the
policy learns to take those cells (behaviour cloning), and its plan learns where every node ends up.

References:
    D. A. Pomerleau, "ALVINN: an autonomous land vehicle in a neural network", NeurIPS 1988.
    V. Lee et al., "Chip placement with diffusion models", ICML 2025 (arXiv 2407.12282): learning
    from synthetic netlists with known placements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from agents.netlist_graph import NetlistGraph, netlist_graph
from agents.policy import GraphPolicy
from agents.ppo import to_tensors
from agents.processes import average_gradients, rank_and_number
from placement_env.env import MacroPlacementEnv
from placement_env.errors import TrainingError
from placement_env.graph import relative_positions
from placement_env.netlist import Netlist, NodeKind, Placement

#: The wanted cell shares its probability with its neighbours, by a normal law of this width, as a
#: share of the canvas.
_SOFTNESS = 0.03
_MAX_GRAD_NORM = 1.0


@dataclass(frozen=True)
class ImitationSettings:
    """Hyperparameters of the imitation.

    Attributes:
        imitation_updates: Steps of the optimizer before PPO begins; 0 for none.
        imitation_batch: States of one netlist in each.
        imitation_rate: Adam's step size; falls to zero over the imitation.
        plan_coef: Weight of the plan's error against that of the cells.
    """

    imitation_updates: int = 0
    imitation_batch: int = 16
    imitation_rate: float = 1e-3
    plan_coef: float = 3.0


@dataclass(frozen=True)
class Lesson:
    """A netlist and what is to be learned of it.

    Attributes:
        name: Of the netlist.
        graph: The netlist as the policy reads it.
        observation: (S, ...) each, the states of a construction.
        wanted: (S, R * C) probabilities of cells.
        plan: (N, 2) where each node ends up, as shares of the canvas.
        hard: (N,) movable hard macros.
        soft: (N,) all else that moves.
    """

    name: str
    graph: NetlistGraph
    observation: dict[str, Tensor]
    wanted: Tensor
    plan: Tensor
    hard: Tensor
    soft: Tensor


def lesson(
    netlist: Netlist,
    placement: Placement,
    *,
    columns: int | None = None,
    rows: int | None = None,
) -> Lesson:
    """What a placement of a netlist teaches, up to a macro that finds no cell on the way.

    The cells are those of an environment with so many `columns` and `rows`.

    Raises:
        InputError: The netlist has no movable hard macro, or one that fits nowhere.
    """
    env = MacroPlacementEnv(netlist, placement, columns=columns, rows=rows, sweeps=0)
    states, wanted = [], []
    observation, info = env.reset()
    at_first = env.placement()
    width, height = netlist.canvas.width_um, netlist.canvas.height_um
    over = False
    while not over:
        macro = int(observation["current"][0])
        node = env.board.order[macro]
        x, y = env.board.places[macro]
        far = ((y - placement.y_um[node]) / height)[:, None] ** 2 + (
            (x - placement.x_um[node]) / width
        )[None, :] ** 2  # [R, C]
        far = np.where(info["action_mask"].reshape(far.shape), far, np.inf)
        near = np.exp(-(far - far.min()) / (2 * _SOFTNESS**2)).ravel()
        states.append({key: part for key, part in observation.items() if key != "position"})
        wanted.append((near / near.sum()).astype(np.float32))
        observation, _, over, _, info = env.step(int(far.argmin()))
    plan = np.column_stack(relative_positions(netlist, placement)).astype(np.float32)
    hard = (netlist.node_kind == NodeKind.HARD_MACRO) & ~netlist.fixed
    return Lesson(
        name=netlist.name,
        graph=netlist_graph(netlist, at_first, env.board.order),
        observation=to_tensors(states, torch.device("cpu")),
        wanted=torch.from_numpy(np.stack(wanted)),
        plan=torch.from_numpy(plan),
        hard=torch.from_numpy(hard),
        soft=torch.from_numpy(~hard & ~netlist.fixed),
    )


def imitate(
    lessons: Sequence[Lesson],
    policy: GraphPolicy,
    optimizer: torch.optim.Adam,
    settings: ImitationSettings,
    *,
    seed: int,
    first_update: int = 0,
    on_update: Callable[[int, Mapping[str, float]], None] = lambda update, scalars: None,
) -> None:
    """Train `policy` in place. What is random in an update follows from its number.

    Where `torch.distributed` runs, each process takes lessons of its own, and gradients are
    averaged.

    Args:
        lessons: What to learn.
        policy: The policy; its device is used.
        optimizer: Adam over the policy's parameters.
        settings: Hyperparameters.
        seed: Seed of the order.
        first_update: Updates that an earlier run has made.
        on_update: Called after each update, with TensorBoard tags.

    Raises:
        TrainingError: A loss is not finite.
    """
    device = next(policy.parameters()).device
    rank, _ = rank_and_number()
    policy.train()
    for update in range(first_update, settings.imitation_updates):
        rng = np.random.default_rng([seed, update, rank, 1])
        share = update / settings.imitation_updates
        optimizer.param_groups[0]["lr"] = settings.imitation_rate * (1 - share)
        drawn = lessons[int(rng.integers(len(lessons)))]
        pick = rng.permutation(len(drawn.wanted))[: settings.imitation_batch]
        cell_loss, plan_loss = losses(policy, drawn, torch.from_numpy(pick), device)
        loss = cell_loss + settings.plan_coef * plan_loss
        optimizer.zero_grad()
        loss.backward()
        average_gradients(policy)
        norm = nn.utils.clip_grad_norm_(policy.parameters(), _MAX_GRAD_NORM)
        if not bool(torch.isfinite(norm)):
            raise TrainingError(
                f"the loss of update {update + 1} of the imitation is not finite",
                where=drawn.name,
                hint="go on from the last checkpoint with a smaller --imitation-rate",
            )
        optimizer.step()
        scalars = {
            "imitation/cell_loss": float(cell_loss.detach()),
            "imitation/plan_loss": float(plan_loss.detach()),
        }
        on_update(update + 1, scalars)


def losses(
    policy: GraphPolicy, given: Lesson, pick: Tensor, device: torch.device
) -> tuple[Tensor, Tensor]:
    """What the policy gets wrong of some states of a lesson.

    Returns:
        Kullback-Leibler divergence of the wanted cells from the policy's, and the mean distance of
        its plan, over hard macros and all other nodes alike.
    """
    encoding = policy.encode(given.graph.to(device))
    observation = {key: part[pick].to(device) for key, part in given.observation.items()}
    logits, _ = policy.place(encoding, observation)
    wanted = given.wanted[pick].to(device)
    log_wanted = wanted.clamp_min(1e-12).log()
    cell_loss = (wanted * (log_wanted - logits.log_softmax(dim=1))).sum(dim=1).mean()
    error = (encoding.plan - given.plan.to(device)).abs().sum(dim=1)  # (N,)
    kinds = [kind.to(device) for kind in (given.hard, given.soft) if bool(kind.any())]
    plan_loss = torch.stack([error[kind].mean() for kind in kinds]).mean()
    return cell_loss, plan_loss
