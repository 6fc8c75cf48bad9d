"""Moves that the search proposes: where a macro, or two, might go.

The mix is that of evaluator-guided annealers for this cost: small steps, places of connected pins,
swaps, and for hard macros places where their edges or centres line up with the grid or with another
macro, where density and blockage are least.
"""

from __future__ import annotations

from math import cos, floor, log, pi, sin, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.lattice import Lattice, off_lines, snap
from placement_env.cost.incremental import Trial
from placement_env.cost.model import GridShape, Int32Array, Nets, Nodes
from placement_env.cost.state import State
from placement_env.kernels import jit
from placement_env.netlist import FloatArray

RandomState = NDArray[np.uint64]


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
    """

    hard: Int32Array
    soft: Int32Array
    box_of: Int32Array
    box_x: FloatArray
    box_y: FloatArray
    box_wide: FloatArray
    box_tall: FloatArray


@jit
def uniform(random: RandomState) -> float:
    """A number in [0, 1) from a splitmix64 generator, whose state is `random[0]`."""
    random[0] += np.uint64(0x9E3779B97F4A7C15)
    z = random[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return np.float64(z >> np.uint64(11)) * 2.0**-53


@jit
def below(random: RandomState, count: int) -> int:
    """An integer in [0, count)."""
    return int(uniform(random) * count)


@jit
def connected_point(node: int, nets: Nets, random: RandomState) -> int:
    """A point of a random net of `node`; -1 where it has no net."""
    first = nets.of_node_start[node]
    count = nets.of_node_start[node + 1] - first
    if count == 0:
        return -1
    net = nets.of_node[first + below(random, count)]
    return nets.point[nets.start[net] + below(random, nets.start[net + 1] - nets.start[net])]


@jit
def propose_soft(
    nets: Nets,
    state: State,
    lattice: Lattice,
    movers: Movers,
    spread: float,
    random: RandomState,
    trial: Trial,
) -> None:
    """Write a move of one soft macro, or a swap of two, to `trial`."""
    soft = movers.soft
    node = soft[below(random, len(soft))]
    kind = uniform(random)
    x, y = state.x[node], state.y[node]
    trial.node[0], trial.node[1] = node, -1
    if kind < 0.08 and len(soft) > 1:
        other = soft[below(random, len(soft))]
        if other != node:
            trial.node[1] = other
            trial.x[1] = snap(
                x, lattice.x[other], lattice.step, lattice.x_low[other], lattice.x_high[other]
            )
            trial.y[1] = snap(
                y, lattice.y[other], lattice.step, lattice.y_low[other], lattice.y_high[other]
            )
        x, y = state.x[other], state.y[other]
    elif kind < 0.30:
        point = connected_point(node, nets, random)
        if point >= 0:
            x, y = state.point_x[point], state.point_y[point]
    elif kind < 0.33:
        x = lattice.x_low[node] + uniform(random) * (lattice.x_high[node] - lattice.x_low[node])
        y = lattice.y_low[node] + uniform(random) * (lattice.y_high[node] - lattice.y_low[node])
    if kind >= 0.33 or (kind >= 0.08 and kind < 0.30):
        size = spread * sqrt(-2 * log(1 - uniform(random)))
        if kind < 0.30:
            size *= 0.3
        angle = 2 * pi * uniform(random)
        if kind > 0.80:
            angle = floor(4 * uniform(random)) * (0.5 * pi)
        x += size * cos(angle)
        y += size * sin(angle)
    trial.x[0] = snap(x, lattice.x[node], lattice.step, lattice.x_low[node], lattice.x_high[node])
    trial.y[0] = snap(y, lattice.y[node], lattice.step, lattice.y_low[node], lattice.y_high[node])


@jit
def propose_hard(
    nodes: Nodes,
    nets: Nets,
    grid: GridShape,
    state: State,
    lattice: Lattice,
    movers: Movers,
    spread: float,
    random: RandomState,
    trial: Trial,
) -> bool:
    """Write a move of one hard macro, or a swap of two, to `trial`; whether it is legal."""
    hard = movers.hard
    node = hard[below(random, len(hard))]
    kind = uniform(random)
    x, y = state.x[node], state.y[node]
    wide, tall = nodes.half_width[node], nodes.half_height[node]
    trial.node[0], trial.node[1] = node, -1
    if kind < 0.15 and len(hard) > 1:
        other = hard[below(random, len(hard))]
        if other == node:
            return False
        trial.node[1] = other
        x, y = state.x[other], state.y[other]
    elif kind < 0.25:
        point = connected_point(node, nets, random)
        if point < 0:
            return False
        part = uniform(random)
        x += part * (state.point_x[point] - x)
        y += part * (state.point_y[point] - y)
    elif kind < 0.30:
        x = lattice.x_low[node] + uniform(random) * (lattice.x_high[node] - lattice.x_low[node])
        y = lattice.y_low[node] + uniform(random) * (lattice.y_high[node] - lattice.y_low[node])
    elif kind < 0.45:
        axes = below(random, 3)
        if axes != 1:
            x = lined_up(x, wide, grid.cell_width, lattice.clearance, spread, random)
        if axes != 0:
            y = lined_up(y, tall, grid.cell_height, lattice.clearance, spread, random)
    elif kind < 0.55:
        # Beside another macro, flush with it or not.
        box = below(random, len(movers.box_x))
        if box == movers.box_of[node]:
            return False
        side = 1.0 if uniform(random) < 0.5 else -1.0
        if uniform(random) < 0.5:
            x = movers.box_x[box] + side * (movers.box_wide[box] + wide + lattice.apart)
            x += side * lattice.step
            if uniform(random) < 0.5:
                y = movers.box_y[box]
        else:
            y = movers.box_y[box] + side * (movers.box_tall[box] + tall + lattice.apart)
            y += side * lattice.step
            if uniform(random) < 0.5:
                x = movers.box_x[box]
    else:
        size = spread * sqrt(-2 * log(1 - uniform(random)))
        angle = 2 * pi * uniform(random)
        if kind > 0.80:
            angle = floor(4 * uniform(random)) * (0.5 * pi)
        x += size * cos(angle)
        y += size * sin(angle)
    settle(node, x, y, wide, tall, grid, lattice, trial, 0)
    other = trial.node[1]
    if other >= 0:
        settle(
            other,
            state.x[node],
            state.y[node],
            nodes.half_width[other],
            nodes.half_height[other],
            grid,
            lattice,
            trial,
            1,
        )
    return not hits(node, other, nodes, lattice.apart, movers, trial)


@jit
def lined_up(
    place: float,
    half: float,
    cell: float,
    clearance: float,
    spread: float,
    random: RandomState,
) -> float:
    """A centre near `place` whose left or right edge or centre lines up with the grid."""
    kind = below(random, 4)
    place += spread * (2 * uniform(random) - 1)
    if kind == 0:
        return floor((place - half) / cell + 0.5) * cell + half + clearance
    if kind == 1:
        return floor((place + half) / cell + 0.5) * cell - half - clearance
    if kind == 2:
        return floor(place / cell + 0.5) * cell
    return (floor(place / cell) + 0.5) * cell


@jit
def settle(
    node: int,
    x: float,
    y: float,
    wide: float,
    tall: float,
    grid: GridShape,
    lattice: Lattice,
    trial: Trial,
    slot: int,
) -> None:
    """Write the usable position nearest to (x, y) to `trial`."""
    step = lattice.step
    low, high = lattice.x_low[node], lattice.x_high[node]
    x = snap(x, lattice.x[node], step, low, high)
    trial.x[slot] = off_lines(x, wide, grid.cell_width, lattice.clearance, step, low, high)
    low, high = lattice.y_low[node], lattice.y_high[node]
    y = snap(y, lattice.y[node], step, low, high)
    trial.y[slot] = off_lines(y, tall, grid.cell_height, lattice.clearance, step, low, high)


@jit
def hits(node: int, other: int, nodes: Nodes, apart: float, movers: Movers, trial: Trial) -> bool:
    """Whether a hard macro in its new place is too near to another one."""
    box_x = movers.box_x
    first, second = movers.box_of[node], -1
    kept_x, kept_y = box_x[first], 0.0
    box_x[first] = np.inf
    if other >= 0:
        second = movers.box_of[other]
        kept_y = box_x[second]
        box_x[second] = np.inf
    hit = False
    for m in range(1 if other < 0 else 2):
        mover = node if m == 0 else other
        wide, tall = nodes.half_width[mover] + apart, nodes.half_height[mover] + apart
        x, y = trial.x[m], trial.y[m]
        clashes = 0
        for i in range(len(box_x)):
            clashes += (abs(box_x[i] - x) < movers.box_wide[i] + wide) & (
                abs(movers.box_y[i] - y) < movers.box_tall[i] + tall
            )
        if clashes > 0:
            hit = True
            break
    box_x[first] = kept_x
    if other >= 0:
        box_x[second] = kept_y
        hit = hit or (
            abs(trial.x[0] - trial.x[1]) < nodes.half_width[node] + nodes.half_width[other] + apart
            and abs(trial.y[0] - trial.y[1])
            < nodes.half_height[node] + nodes.half_height[other] + apart
        )
    return hit
