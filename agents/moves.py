"""Moves that the search proposes: where a macro, or two, might go.

Small steps, places of connected pins, swaps; for hard macros also places beside another macro, and
rows (or columns) in which they block the fewest routes. Lining them up with the grid in both
directions is no good: macros then fill whole cells, and the density cannot fall any more.
"""

from __future__ import annotations

from math import cos, floor, log, pi, sin, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.lattice import Lattice, off_lines, snap
from placement_env.cost.model import GridShape, Int32Array, Nets, Nodes, Rates
from placement_env.cost.move import Trial
from placement_env.cost.state import State
from placement_env.kernels import lean, pasted
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
        region: [4] left, right, bottom and top of where hard macros may be moved to.
        flips: Whether hard macros may be turned over.
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


@pasted
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
    count = len(movers.soft)
    node: int = movers.soft[below(random, count)]
    kind = uniform(random)
    x: float = state.x[node]
    y: float = state.y[node]
    step = lattice.step
    trial.node[0], trial.node[1] = node, -1
    trial.turn_x[0], trial.turn_y[0] = state.turn_x[node], state.turn_y[node]
    if kind < 0.05:
        other: int = movers.soft[below(random, count)]
        if other != node:
            trial.node[1] = other
            trial.turn_x[1], trial.turn_y[1] = state.turn_x[other], state.turn_y[other]
            trial.x[1] = snap(
                x, lattice.x[other], step, lattice.x_low[other], lattice.x_high[other]
            )
            trial.y[1] = snap(
                y, lattice.y[other], step, lattice.y_low[other], lattice.y_high[other]
            )
            x, y = state.x[other], state.y[other]
    elif kind < 0.60:
        point = connected_point(node, nets, random)
        if point >= 0:
            x, y = state.point_x[point], state.point_y[point]
        x, y = step_off(x, y, 0.15 * spread, False, random)
    elif kind < 0.62:
        x = lattice.x_low[node] + uniform(random) * (lattice.x_high[node] - lattice.x_low[node])
        y = lattice.y_low[node] + uniform(random) * (lattice.y_high[node] - lattice.y_low[node])
    else:
        x, y = step_off(x, y, spread, kind > 0.84, random)
    trial.x[0] = snap(x, lattice.x[node], step, lattice.x_low[node], lattice.x_high[node])
    trial.y[0] = snap(y, lattice.y[node], step, lattice.y_low[node], lattice.y_high[node])


@pasted
def propose_hard(
    nodes: Nodes,
    nets: Nets,
    grid: GridShape,
    rates: Rates,
    state: State,
    lattice: Lattice,
    movers: Movers,
    spread: float,
    random: RandomState,
    trial: Trial,
) -> bool:
    """Write a move of one hard macro, or a swap of two, to `trial`; whether it is legal."""
    count = len(movers.hard)
    node: int = movers.hard[below(random, count)]
    box: int = movers.box_of[node]
    other_box = -1
    kind = uniform(random)
    x: float = state.x[node]
    y: float = state.y[node]
    wide: float = nodes.half_width[node]
    tall: float = nodes.half_height[node]
    trial.node[0], trial.node[1] = node, -1
    trial.turn_x[0], trial.turn_y[0] = state.turn_x[node], state.turn_y[node]
    if kind < 0.15:
        other: int = movers.hard[below(random, count)]
        if other != node:
            trial.node[1] = other
            trial.turn_x[1], trial.turn_y[1] = state.turn_x[other], state.turn_y[other]
            other_box = movers.box_of[other]
            trial.x[1] = settled(
                x,
                nodes.half_width[other],
                grid.cell_width,
                lattice.clearance,
                lattice.x[other],
                lattice.step,
                lattice.x_low[other],
                lattice.x_high[other],
            )
            trial.y[1] = settled(
                y,
                nodes.half_height[other],
                grid.cell_height,
                lattice.clearance,
                lattice.y[other],
                lattice.step,
                lattice.y_low[other],
                lattice.y_high[other],
            )
            x, y = state.x[other], state.y[other]
    elif kind < 0.25:
        point = connected_point(node, nets, random)
        if point >= 0:
            part = uniform(random)
            x += part * (state.point_x[point] - x)
            y += part * (state.point_y[point] - y)
    elif kind < 0.30:
        x = lattice.x_low[node] + uniform(random) * (lattice.x_high[node] - lattice.x_low[node])
        y = lattice.y_low[node] + uniform(random) * (lattice.y_high[node] - lattice.y_low[node])
    elif kind < 0.40:
        # Along the wires that macros block most.
        if rates.h_per_um * grid.cell_height >= rates.v_per_um * grid.cell_width:
            y = centred(y, tall, grid.cell_height, spread, random)
        else:
            x = centred(x, wide, grid.cell_width, spread, random)
    elif kind < 0.50:
        # Beside another macro, flush with it or not.
        beside = below(random, len(movers.box_x))
        side = 1.0 if uniform(random) < 0.5 else -1.0
        reach = lattice.apart + lattice.step
        flush = uniform(random) < 0.5
        if uniform(random) < 0.5:
            x = movers.box_x[beside] + side * (movers.box_wide[beside] + wide + reach)
            if flush:
                y = movers.box_y[beside]
        else:
            y = movers.box_y[beside] + side * (movers.box_tall[beside] + tall + reach)
            if flush:
                x = movers.box_x[beside]
    elif movers.flips and kind < 0.55:
        if uniform(random) < 0.5:
            trial.turn_x[0] = -trial.turn_x[0]
        else:
            trial.turn_y[0] = -trial.turn_y[0]
    else:
        x, y = step_off(x, y, spread, kind > 0.80, random)
    trial.x[0] = settled(
        x,
        wide,
        grid.cell_width,
        lattice.clearance,
        lattice.x[node],
        lattice.step,
        lattice.x_low[node],
        lattice.x_high[node],
    )
    trial.y[0] = settled(
        y,
        tall,
        grid.cell_height,
        lattice.clearance,
        lattice.y[node],
        lattice.step,
        lattice.y_low[node],
        lattice.y_high[node],
    )
    region = movers.region
    inside = within(trial.x[0], trial.y[0], wide, tall, region)
    second: int = trial.node[1]
    if second >= 0:
        wide, tall = nodes.half_width[second], nodes.half_height[second]
        inside &= within(trial.x[1], trial.y[1], wide, tall, region)
    still = second < 0 and trial.x[0] == state.x[node] and trial.y[0] == state.y[node]
    still &= (trial.turn_x[0] == state.turn_x[node]) & (trial.turn_y[0] == state.turn_y[node])
    return (
        (not still)
        and inside
        and apart(
            box,
            other_box,
            trial.x[0],
            trial.y[0],
            trial.x[1],
            trial.y[1],
            lattice.apart,
            movers.box_x,
            movers.box_y,
            movers.box_wide,
            movers.box_tall,
        )
    )


@lean
def centred(place: float, half: float, cell: float, spread: float, random: RandomState) -> float:
    """A centre near `place` with which a macro covers the fewest grid cells from edge to edge."""
    place += spread * (2 * uniform(random) - 1)
    if floor(2 * half / cell) & 1:
        return floor(place / cell + 0.5) * cell
    return (floor(place / cell) + 0.5) * cell


@lean
def settled(
    value: float,
    half: float,
    cell: float,
    clearance: float,
    one: float,
    step: float,
    low: float,
    high: float,
) -> float:
    """The usable position of a hard macro nearest to `value`."""
    return off_lines(snap(value, one, step, low, high), half, cell, clearance, step, low, high)


@lean
def within(x: float, y: float, wide: float, tall: float, region: FloatArray) -> bool:
    """Whether a macro at (x, y) is inside the region."""
    return (
        x - wide >= region[0]
        and x + wide <= region[1]
        and y - tall >= region[2]
        and y + tall <= region[3]
    )


@lean
def apart(
    first: int,
    second: int,
    x0: float,
    y0: float,
    x1: float,
    y1: float,
    distance: float,
    box_x: FloatArray,
    box_y: FloatArray,
    box_wide: FloatArray,
    box_tall: FloatArray,
) -> bool:
    """Whether box `first` at (x0, y0) keeps its distance, and `second`, if any, at (x1, y1)."""
    # Infinitely far away, the moved boxes do not hit themselves; the loop stays free of branches.
    first_x = box_x[first]
    box_x[first] = np.inf
    second_x = box_x[second]
    hits = 0
    if second >= 0:
        box_x[second] = np.inf
        wide = box_wide[first] + box_wide[second] + distance
        tall = box_tall[first] + box_tall[second] + distance
        hits += abs(x0 - x1) < wide and abs(y0 - y1) < tall
    x, y, box = x0, y0, first
    for _ in range(1 if second < 0 else 2):
        wide, tall = box_wide[box] + distance, box_tall[box] + distance
        for i in range(len(box_x)):
            hits += (abs(box_x[i] - x) < box_wide[i] + wide) & (
                abs(box_y[i] - y) < box_tall[i] + tall
            )
        x, y, box = x1, y1, second
    if second >= 0:
        box_x[second] = second_x
    box_x[first] = first_x
    return hits == 0
