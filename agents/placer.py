"""The agent in use: the graph policy and the exact search under one time budget.

The search anneals as the learned control says (`agents.search_control`). The policy proposes a
placement to begin with, where the time it takes is a small part of the budget. It competes with the
given placement, or with the one that nets pull to: both come down for some thousand moves, the
cheaper one is annealed, and in runs long enough for several anneals either gets one, and the better
one all others (`agents.annealing_run`). A bad policy costs the time of its proposal and no more.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch

from agents import search
from agents.build_up import build_up
from agents.checkpoint import load_policy
from agents.legal_places import LegalPlaces
from agents.netlist_graph import netlist_graph
from agents.policy import Encoding, GraphPolicy
from agents.progress import ProgressCallback
from agents.search_control import SearchControl, load_control
from placement_env.cost.incremental import IncrementalCost
from placement_env.cost.toy import toy_netlist
from placement_env.env import MacroPlacementEnv
from placement_env.errors import InputError
from placement_env.kernels import compile_notice
from placement_env.netlist import Netlist, NodeKind, Placement

_WEIGHTS = Path(__file__).with_name("weights")
#: Weights that chipflow comes with.
POLICY = _WEIGHTS / "graph_policy.safetensors"
CONTROL = _WEIGHTS / "search_control.safetensors"

# The policy gets this part of the budget.
_SHARE = 0.08
# What a proposal takes on a common machine: seconds at first, and for each macro of each rollout.
_AT_FIRST_S, _STEP_S = 0.4, 0.0025
# Moves that the search makes in the time of a step of the policy.
_MOVES_PER_STEP = 800
_MOST_ROLLOUTS = 8
# How often soft macros settle around the policy's hard ones, and around those of the best of its
# placements where nothing comes after it.
_SWEEPS, _LAST_SWEEPS = 2, 30


def place(
    netlist: Netlist,
    start: Placement | None,
    *,
    budget_s: float,
    seed: int,
    progress: ProgressCallback | None = None,
    gap_um: float = 0.0,
    grid_um: float | None = None,
    moves: int | None = None,
    from_nothing: bool = False,
    flips: bool = False,
    cores: int | None = None,
    policy: Path | None = POLICY,
    control: Path = CONTROL,
) -> Placement:
    """Place the movable hard and soft macros of `netlist`; all other nodes stay.

    Args and errors are those of `agents.search.place`, and there are the files of the weights, of
    which an `InputError` tells what is wrong with them: `policy`, also a folder of checkpoints, or
    None for no proposals, and `control`.
    """
    compile_kernels()
    chosen = policy and _policy(policy)

    def propose(at_first: Placement) -> Sequence[Placement]:
        if not chosen:
            return ()
        hard = netlist.nodes_of(NodeKind.HARD_MACRO).size
        count = rollouts(hard, budget_s if moves is None else None, moves)
        return proposals(chosen, netlist, at_first, count=count, seed=seed) if count else ()

    return search.place(
        netlist,
        start,
        budget_s=budget_s,
        seed=seed,
        progress=progress,
        gap_um=gap_um,
        grid_um=grid_um,
        moves=moves,
        from_nothing=from_nothing,
        flips=flips,
        cores=cores,
        control=_control(control),
        propose=propose,
    )


def rollouts(macros: int, budget_s: float | None, moves: int | None) -> int:
    """How many placements the policy may build up in its share of the budget."""
    if macros == 0:
        return 0
    if budget_s is not None:
        count = (_SHARE * budget_s - _AT_FIRST_S) / (_STEP_S * macros)
    else:
        count = _SHARE * (moves or 0) / (_MOVES_PER_STEP * macros)
    return max(0, min(int(count), _MOST_ROLLOUTS))


def proposals(
    policy: GraphPolicy, netlist: Netlist, at_first: Placement, *, count: int, seed: int
) -> list[Placement]:
    """The cheapest of `count` placements that the policy builds up.

    Where all come to dead ends, it is the one with the most macros placed; the others are where the
    policy's plan has them, and may overlap. None for a netlist that the policy cannot play.

    Args:
        policy: The policy.
        netlist: A netlist with a grid.
        at_first: Where ports and fixed macros are.
        count: How many; the first one takes the likeliest actions, the others draw them.
        seed: Seed of what is drawn.
    """
    try:
        first = MacroPlacementEnv(netlist, at_first, sweeps=_SWEEPS)
        envs = [first, *(first.twin() for _ in range(count - 1))]
        graph = netlist_graph(netlist, first.placement(), first.board.order)
        encoding, infos = build_up(policy, graph, envs, torch.Generator().manual_seed(seed))
    except InputError:  # The policy cannot play it, as its macros fit nowhere on the grid.
        return []
    missing = [int((~env.board.standing).sum()) for env in envs]
    _, _, best = min((missing[i], infos[i]["reward_terms"]["cost"], i) for i in range(count))
    return [_completed(envs[best], encoding) if missing[best] else envs[best].placement()]


def construct(
    policy: GraphPolicy, netlist: Netlist, at_first: Placement, *, count: int, seed: int
) -> Placement:
    """What the policy alone makes of a netlist: the cheapest of `count` placements, made legal.

    Soft macros settle around its hard ones; no hard macro is moved but for overlaps at dead ends.

    Raises:
        InputError: The policy cannot play the netlist, or its macros cannot be made legal.
    """
    proposed = proposals(policy, netlist, at_first, count=count, seed=seed)
    if not proposed:
        raise InputError("the policy cannot place this netlist", where=netlist.name)
    places = LegalPlaces(netlist, at_first, gap_um=0.0, seed=seed)
    places.settle(proposed[0].x_um, proposed[0].y_um)
    cost = IncrementalCost(places.model, places.x_um, places.y_um)
    cost.settle(places.soft.astype(np.int32), sweeps=_LAST_SWEEPS)
    return replace(places.placement(), x_um=cost.x_um, y_um=cost.y_um)


def _completed(env: MacroPlacementEnv, encoding: Encoding) -> Placement:
    """The placement at a dead end, with macros that do not stand where they were planned."""
    env.board.follow()
    env.board.settle(sweeps=_SWEEPS)
    placement, canvas = env.placement(), env.netlist.canvas
    missing = env.board.order[~env.board.standing]
    planned = encoding.plan[missing].double().numpy()  # (M, 2)
    placement.x_um[missing] = canvas.left_um + planned[:, 0] * canvas.width_um
    placement.y_um[missing] = canvas.bottom_um + planned[:, 1] * canvas.height_um
    return placement


def compile_kernels(report: Callable[[str], None] | None = None) -> float:
    """Compile what `place` needs and load the weights; returns the seconds of the compilation.

    `report` gets a line before and after a compilation, and nothing where there was none.
    """
    with contextlib.suppress(InputError):  # `place` tells of it.
        _policy(POLICY)
    return search.compile_kernels(report) + compile_notice("graph policy", _toy_proposal, report)


def _toy_proposal() -> None:
    proposals(GraphPolicy(), *toy_netlist(), count=1, seed=1)


@cache
def _policy(path: Path) -> GraphPolicy:
    return load_policy(path).eval()


@cache
def _control(path: Path) -> SearchControl:
    return load_control(path)
