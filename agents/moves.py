"""What all moves of the search have in common: who moves, random numbers, where nets pull.

The moves themselves are in `agents.soft_moves` and `agents.hard_moves`. How often each kind of them
is proposed, `Movers.soft_shares` and `Movers.hard_shares` say.
"""

from __future__ import annotations

from math import cos, floor, log, pi, sin, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from placement_env.cost.model import Int32Array, Nets, Points
from placement_env.kernels import lean, pasted
from placement_env.netlist import FloatArray

RandomState = NDArray[np.uint64]

# Nets that are asked where they pull a node.
_NETS = 6


class Movers(NamedTuple):
    """The macros that move, and the hard macros that must not be hit.

    Attributes:
        hard: Hard macros that move.
        soft: Soft macros that move.
        box_of: [N] index of a hard macro in the boxes, which hold the fixed ones as well.
        box_x: Centres of hard macros, kept up to date by the search.
        box_y: Centres of hard macros.
        box_wide: Half widths.
        box_tall: Half heights.
        region: [4] left, right, bottom and top of where hard macros may be moved to.
        flips: Whether hard macros may be turned over.
        soft_shares: [kinds] running sums of the shares of the kinds of moves of soft macros.
        hard_shares: [kinds] the same of hard macros.
        plan_x: [N] centres that a policy plans for all nodes; empty where there is no plan.
        plan_y: The same.
    """

    hard: Int32Array
    soft: Int32Array
    box_of: Int32Array
    box_x: FloatArray
    box_y: FloatArray
    box_wide: FloatArray
    box_tall: FloatArray
    region: FloatArray
    flips: bool
    soft_shares: FloatArray
    hard_shares: FloatArray
    plan_x: FloatArray
    plan_y: FloatArray


@lean
def uniform(random: RandomState) -> float:
    """A number in [0, 1) from a splitmix64 generator, whose state is `random[0]`."""
    random[0] += np.uint64(0x9E3779B97F4A7C15)
    z = random[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return np.float64(z >> np.uint64(11)) * 2.0**-53


@lean
def below(random: RandomState, count: int) -> int:
    """An integer in [0, count)."""
    return int(uniform(random) * count)


@pasted
def connected_point(node: int, nets: Nets, random: RandomState) -> int:
    """A point of a random net of `node`; -1 where it has no net."""
    first: int = nets.of_node_start[node]
    count = nets.of_node_start[node + 1] - first
    point = -1
    if count > 0:
        net: int = nets.of_node[first + below(random, count)]
        degree: int = nets.start[net + 1] - nets.start[net]
        entry: int = nets.start[net] + below(random, degree)
        point = nets.point[entry]
    return point


@lean
def step_off(x: float, y: float, spread: float, axis: bool, random: RandomState) -> tuple:
    """A place at a random distance from (x, y), some `spread`; on the same row or column if so."""
    size = spread * sqrt(-2 * log(1 - uniform(random)))
    turn = 4 * uniform(random)
    if axis:
        turn = floor(turn)
    angle = 0.5 * pi * turn
    return x + size * cos(angle), y + size * sin(angle)


@lean
def drawn(shares: FloatArray, random: RandomState) -> int:
    """An index by its share, given their running sums."""
    number = uniform(random)
    index = 0
    while index < len(shares) - 1 and number >= shares[index]:
        index += 1
    return index


@lean
def pull(
    node: int, points: Points, nets: Nets, at: FloatArray, now: float, random: RandomState
) -> float:
    """Where along one axis some of a node's nets pull it.

    That is the weighted mean, over a few nets drawn at random, of the place nearest to `now` where
    the net is shortest.
    """
    first: int = nets.of_node_start[node]
    count = nets.of_node_start[node + 1] - first
    total = 0.0
    weight = 0.0
    for _ in range(min(count, _NETS)):
        net: int = nets.of_node[first + below(random, count)]
        low, high = 1e300, -1e300
        for k in range(nets.start[net], nets.start[net + 1]):
            p: int = nets.point[k]
            if points.node[p] != node:
                low, high = min(low, at[p]), max(high, at[p])
        if high >= low:
            total += nets.weight[net] * min(max(now, low), high)
            weight += nets.weight[net]
    return total / weight if weight > 0 else now
