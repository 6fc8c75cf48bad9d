"""Textbook simulated annealing of macros: a baseline that can be read from top to bottom.

The algorithm of S. Kirkpatrick, C. D. Gelatt and M. P. Vecchi, "Optimization by simulated
annealing", Science 220 (1983), with what every textbook on placement adds: a first temperature
measured on random moves (S. R. White, "Concepts of scale in simulated annealing", ICCD 1984), a
constant cooling rate, and steps that shrink as it gets colder (C. Sechen and
A. Sangiovanni-Vincentelli, "The TimberWolf placement and routing package", JSSC 20, 1985).

It makes the same kind of moves on the same exact cost as `agents.search`, one by one in Python and
with nothing that is peculiar to the proxy cost: compare the two to see what that is worth.
"""

from __future__ import annotations

import random
from contextlib import suppress
from math import log

import numpy as np

from agents.effort import Effort, check_effort
from agents.legal_places import LegalPlaces, compile_kernels
from agents.progress import ProgressCallback
from placement_env.cost.incremental import IncrementalCost
from placement_env.netlist import Netlist, Placement

# At first, a rise of the cost as large as the mean one is accepted this often.
_FIRST_ACCEPTANCE = 0.01
# The last temperature as a share of the first one.
_COOLING = 1e-3
# Typical length of a step at first and in the end, as a share of the canvas's longer side.
_WIDE, _NARROW = 0.25, 0.01
# Share of moves that exchange two macros.
_SWAPS = 0.2
# Moves on which the first temperature is measured.
_SAMPLES = 300


def place(
    netlist: Netlist,
    start: Placement | None,
    *,
    budget_s: float,
    seed: int,
    progress: ProgressCallback | None = None,
    gap_um: float = 0.0,
    from_nothing: bool = False,
    moves: int | None = None,
) -> Placement:
    """Place the movable hard and soft macros of `netlist`; all other nodes stay.

    Legal whenever it returns: movable macros inside the canvas, and apart by `gap_um` from every
    hard macro if hard, both in float32 as well. The best placement met is returned, also after a
    Ctrl-C. A netlist without movable macros gets its start back.

    Args:
        netlist: A netlist with a grid.
        start: Where its nodes are; overlaps and macros outside are repaired first. None where all
            nodes are movable macros: then they are placed from nothing.
        budget_s: Seconds that it may take; the compilation of kernels does not count.
        seed: The same seed and `moves` give the same placement.
        progress: Called a few times a second.
        gap_um: Least distance between hard macros.
        from_nothing: Ignore where the movable macros are in `start`.
        moves: Try that many moves, however long it takes, instead of watching the clock.

    Raises:
        InputError: The netlist has no grid, the start does not fit it or has a node without a
            position, a macro is larger than the canvas, or the macros cannot be made legal.
    """
    check_effort(budget_s=budget_s, seed=seed, moves=moves)
    places = LegalPlaces(netlist, start, gap_um=gap_um, seed=seed, from_nothing=from_nothing)
    # The macros that each movable one may change places with.
    peers = {node: kind for kind in (places.hard.tolist(), places.soft.tolist()) for node in kind}
    movable = list(peers)
    if not movable:
        return places.start
    compile_kernels()
    effort = Effort(budget_s=budget_s, moves=moves, progress=progress)
    effort.tell("legal start", np.inf)
    places.settle(places.start.x_um, places.start.y_um, from_nothing=places.from_nothing)

    rng = random.Random(seed)
    cost = IncrementalCost(places.model, places.x_um, places.y_um)
    total = best_total = cost.cost.total
    best = places.placement()
    side_um = max(netlist.canvas.width_um, netlist.canvas.height_um)
    with suppress(KeyboardInterrupt):
        rise = _mean_rise(places, cost, movable, side_um * _WIDE, rng)
        while (spent := effort.spent) < 1:
            effort.moves += 1
            temperature = rise / -log(_FIRST_ACCEPTANCE) * _COOLING**spent
            # Metropolis: a rise is accepted with probability exp(-rise / temperature). The random
            # number is drawn first, so that hopeless moves need not be evaluated to the end.
            at_most = -temperature * log(1 - rng.random())
            node = rng.choice(movable)
            if rng.random() < _SWAPS:
                other = rng.choice(peers[node])
                made = places.can_swap(node, other) and cost.swap(node, other, at_most=at_most)
                if made:
                    places.swap(node, other)
            else:
                step_um = side_um * _WIDE * (_NARROW / _WIDE) ** spent
                to = _nearby(places, node, step_um, rng)
                made = places.can_put(node, *to) and cost.move(node, *to, at_most=at_most)
                if made:
                    places.put(node, *to)
            if made:
                total = cost.cost.total
                if total < best_total:
                    best_total, best = total, places.placement()
            effort.tell("annealing", total, places.placement)
        effort.tell("annealing", total, places.placement, last=True)
    return best


def _nearby(
    places: LegalPlaces, node: int, step_um: float, rng: random.Random
) -> tuple[float, float]:
    """A random place at a typical distance of `step_um` from where the macro is."""
    x_um, y_um = float(places.x_um[node]), float(places.y_um[node])
    return places.nearest(node, rng.gauss(x_um, step_um), rng.gauss(y_um, step_um))


def _mean_rise(
    places: LegalPlaces,
    cost: IncrementalCost,
    movable: list[int],
    step_um: float,
    rng: random.Random,
) -> float:
    """How much the cost rises on average by random moves that raise it; 0 where none does."""
    before = cost.cost.total
    rises = []
    for _ in range(_SAMPLES):
        node = rng.choice(movable)
        to = _nearby(places, node, step_um, rng)
        if places.can_put(node, *to):
            cost.move(node, *to)
            rises.append(cost.cost.total - before)
            cost.move(node, float(places.x_um[node]), float(places.y_um[node]))
    rises = [rise for rise in rises if rise > 0]
    return sum(rises) / len(rises) if rises else 0.0
