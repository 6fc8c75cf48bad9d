"""The policy builds up placements, macro by macro."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from agents import search
from agents.legal_places import LegalPlaces
from agents.netlist_graph import NetlistGraph, netlist_graph
from agents.plan import as_planned
from agents.policy import Encoding, GraphPolicy
from agents.ppo import to_tensors
from placement_env.env import MacroPlacementEnv
from placement_env.netlist import Netlist, NodeKind, Placement

# How often soft macros settle around the hard ones of each placement.
_SWEEPS = 2
# Moves of the search for each soft macro around the hard ones of the best. Settled ones alone cover
# each other, and no step of a single one lowers the density: searched ones end 10 to 16 % cheaper.
_SOFT_MOVES = 500


def construct(
    policy: GraphPolicy, netlist: Netlist, at_first: Placement, *, count: int, seed: int
) -> Placement:
    """What the policy alone makes of a netlist: the cheapest of `count` placements, made legal.

    The search then places soft macros around its hard ones, of which none is moved but for overlaps
    at dead ends. Where all come to dead ends, it is the one with the most macros placed; the others
    go to where they were planned, or near by.

    Args:
        policy: The policy.
        netlist: A netlist with a grid.
        at_first: Where ports and fixed macros are.
        count: How many; the first one takes the likeliest actions, the others draw them.
        seed: Seed of what is drawn.

    Raises:
        InputError: A macro fits nowhere on the grid, or no macro moves, or the macros cannot be
            made legal.
    """
    first = MacroPlacementEnv(netlist, at_first, sweeps=_SWEEPS)
    envs = [first, *(first.twin() for _ in range(count - 1))]
    device = next(policy.parameters()).device
    graph = netlist_graph(netlist, first.placement(), first.board.order).to(device)
    encoding, infos = build_up(policy, graph, envs, torch.Generator().manual_seed(seed))
    missing = [int((~env.board.standing).sum()) for env in envs]
    _, _, best = min((missing[i], infos[i]["reward_terms"]["cost"], i) for i in range(count))
    built = _completed(envs[best], encoding) if missing[best] else envs[best].placement()
    places = LegalPlaces(netlist, at_first, gap_um=0.0, seed=seed)
    places.settle(built.x_um, built.y_um)
    return with_soft_searched(netlist, places.placement(), seed=seed)


def with_soft_searched(netlist: Netlist, placement: Placement, *, seed: int) -> Placement:
    """The placement with soft macros where a short search has them; all other nodes stay.

    Args:
        netlist: A netlist with a grid.
        placement: Legal.
        seed: Seed of the search.
    """
    kinds = netlist.node_kind
    around = replace(netlist, fixed=netlist.fixed | (kinds == NodeKind.HARD_MACRO))
    moves = _SOFT_MOVES * int((~netlist.fixed & (kinds == NodeKind.SOFT_MACRO)).sum())
    return search.place(around, placement, budget_s=np.inf, moves=moves, seed=seed)


def build_up(
    policy: GraphPolicy,
    graph: NetlistGraph,
    envs: Sequence[MacroPlacementEnv],
    generator: torch.Generator | None = None,
) -> tuple[Encoding, list[dict[str, Any]]]:
    """Play an episode of each environment to its end.

    Args:
        policy: The policy; its device is used.
        graph: The environments' netlist.
        envs: In construct mode. The first one takes the likeliest actions, the others draw them.
        generator: What they draw with; on the CPU.

    Returns:
        The policy's encoding of the netlist, and what the last step of each environment told.

    Raises:
        InputError: A macro fits nowhere.
    """
    device = next(policy.parameters()).device
    going = list(range(len(envs)))
    states = [env.reset()[0] for env in envs]
    infos: list[dict[str, Any]] = [{} for _ in envs]
    policy.eval()
    with torch.inference_mode():
        encoding = policy.encode(graph)
        while going:
            logits, _ = policy.place(encoding, to_tensors([states[i] for i in going], device))
            likeliest = logits.argmax(dim=1).cpu()  # (going,)
            chances = logits.softmax(dim=1).cpu()  # (going, R * C)
            drawn = torch.multinomial(chances, 1, generator=generator)[:, 0]
            for i, best, other in zip(list(going), likeliest, drawn, strict=True):
                action = int(best if i == 0 else other)
                states[i], _, terminated, truncated, infos[i] = envs[i].step(action)
                if terminated or truncated:
                    going.remove(i)
    return encoding, infos


def _completed(env: MacroPlacementEnv, encoding: Encoding) -> Placement:
    """The placement at a dead end, with macros that do not stand where they were planned."""
    env.board.follow()
    env.board.settle(sweeps=_SWEEPS)
    missing = env.board.order[~env.board.standing]
    return as_planned(env.netlist, env.placement(), encoding.plan.double().cpu().numpy(), missing)
