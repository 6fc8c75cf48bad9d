"""The loop of the search: propose, check, decide on the exact cost, again."""

from __future__ import annotations

from math import log

from agents.lattice import Lattice
from agents.moves import Movers, RandomState, propose_hard, propose_soft, uniform
from placement_env.cost.bound import Bound
from placement_env.cost.model import GridShape, Nets, Nodes, Points, Rates
from placement_env.cost.move import Tops, Trial, try_move
from placement_env.cost.state import State
from placement_env.kernels import lean

# Share of moves that take a hard macro, where there are both kinds.
_HARD_SHARE = 0.25
# Proposals for one move of a hard macro before giving it up, since most hit another macro.
_TRIES = 6


@lean
def anneal(
    nodes: Nodes,
    points: Points,
    nets: Nets,
    grid: GridShape,
    rates: Rates,
    tops: Tops,
    state: State,
    bound: Bound,
    trial: Trial,
    lattice: Lattice,
    movers: Movers,
    random: RandomState,
    temperature: float,
    spread: float,
    moves: int,
) -> int:
    """Metropolis moves at one temperature; returns how many were accepted.

    Args:
        nodes: The netlist's nodes.
        points: Its points.
        nets: Its merged nets.
        grid: The grid.
        rates: Factors of the congestion cost.
        tops: How many cells the costs average.
        state: The placement; changes.
        bound: The bound of `state`.
        trial: Scratch and cost of `state`.
        lattice: Where macros may lie.
        movers: Which macros move.
        random: State of the random numbers.
        temperature: In units of the proxy cost.
        spread: Typical length of a step.
        moves: How many moves to try.
    """
    accepted = 0
    if len(movers.hard) == 0:
        hard_share = 0.0
    elif len(movers.soft) == 0:
        hard_share = 1.0
    else:
        hard_share = _HARD_SHARE
    for _ in range(moves):
        legal = True
        if uniform(random) < hard_share:
            legal = False
            tries = 0
            while not legal and tries < _TRIES:
                tries += 1
                legal = propose_hard(
                    nodes, nets, grid, rates, state, lattice, movers, spread, random, trial
                )
        else:
            propose_soft(nets, state, lattice, movers, spread, random, trial)
        if not legal:
            continue
        # The decision's random number first: then it is clear how much a move may cost.
        threshold = -temperature * log(1 - uniform(random))
        if try_move(nodes, points, nets, grid, rates, tops, state, bound, trial, threshold):
            accepted += 1
            for m in range(2):
                node: int = trial.node[m]
                if node >= 0 and nodes.is_hard[node]:
                    movers.box_x[movers.box_of[node]] = trial.x[m]
                    movers.box_y[movers.box_of[node]] = trial.y[m]
    return accepted
