"""The agent in use: the graph policy and the exact search under one time budget.

The search anneals as the learned control says (`agents.search_control`). In a run from nothing the
policy plans all macros at a glance: one pass of the graph network, which takes a fraction of a
second. The search begins there where that costs less than where nets pull macros. While it anneals,
taking a macro to where the plan has it, on the canvas or beside a neighbour, is one of the kinds of
moves, to which a bandit gives as much time as they earn (`agents.move_shares`). What the policy
builds up macro by macro (`construct`) takes longer and is no better to begin with.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from agents import search
from agents.checkpoint import load_policy, newest
from agents.plan import planned
from agents.policy import GraphPolicy
from agents.progress import ProgressCallback
from agents.search_control import load_control
from placement_env.cost.toy import toy_netlist
from placement_env.errors import InputError
from placement_env.kernels import compile_notice
from placement_env.netlist import Netlist, Placement

_WEIGHTS = Path(__file__).with_name("weights")
#: Weights that chipflow comes with.
POLICY = _WEIGHTS / "graph_policy.safetensors"
CONTROL = _WEIGHTS / "search_control.safetensors"

# The policy's plan is asked for where it takes no more than this part of the budget.
_SHARE = 0.2
# What it takes on a common machine: seconds at first and for each pin, and as many moves of the
# search.
_AT_FIRST_S, _PIN_S = 0.02, 3e-6
_MOVES_PER_S = 200_000


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
    None for none, and `control`.
    """
    compile_kernels()
    chosen = policy and _policy(newest(policy) if policy.is_dir() else policy)
    time_s = budget_s if moves is None else moves / _MOVES_PER_S

    def propose(at_first: Placement) -> Placement | None:
        if not chosen or _AT_FIRST_S + _PIN_S * netlist.num_pins > _SHARE * time_s:
            return None
        return planned(chosen, netlist, at_first)

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
        control=load_control(control),
        propose=propose,
    )


def compile_kernels(report: Callable[[str], None] | None = None) -> float:
    """Compile what `place` needs and load the weights; returns the seconds of the compilation.

    `report` gets a line before and after a compilation, and nothing where there was none.
    """
    with contextlib.suppress(InputError):  # `place` tells of it.
        _policy(POLICY)
    return search.compile_kernels(report) + compile_notice("graph policy", _toy_proposal, report)


def _toy_proposal() -> None:
    netlist, start = toy_netlist()
    planned(GraphPolicy(), netlist, start)
    search.place(
        netlist, start, budget_s=1, seed=1, moves=0, from_nothing=True, propose=lambda at: at
    )


@cache
def _policy(path: Path) -> GraphPolicy:
    return load_policy(path).eval()
