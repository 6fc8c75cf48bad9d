"""Moves of hard macros that the search proposes; they must not overlap.

Beside steps and swaps: places beside another macro, and rows (or columns) in which they block the
fewest routes. Lining them up with the grid in both directions is no good: macros then fill whole
cells, and the density cannot fall any more.
"""

from __future__ import annotations

from enum import IntEnum
from math import floor

import numpy as np

from agents.lattice import Lattice, off_lines, snap
from agents.moves import Movers, RandomState, below, connected_point, drawn, pull, step_off, uniform
from placement_env.cost.model import GridShape, Nets, Nodes, Points, Rates
from placement_env.cost.move import Trial
from placement_env.cost.state import State
from placement_env.kernels import lean, pasted
from placement_env.netlist import FloatArray


class HardMove(IntEnum):
    """Kinds of moves of hard macros.

    Attributes:
        SWAP: Two of them exchange their centres.
        TOWARD: One goes a part of the way to a point that a net connects it to.
        ANYWHERE: One goes anywhere.
        ROUTES: One goes, along the wires that macros block most, to a row or column near by in
            which it covers the fewest cells from edge to edge.
        BESIDE: One goes beside another one, flush with it or not.
        FLIP: One is turned over in its place; where that is not allowed, STEP.
        STEP: One goes some way off.
        STRAIGHT: One goes some way off in its row or column.
        PULL: One goes where some of its nets pull it.
        NEAR_SWAP: It exchanges its centre with the nearest of a few others.
        PLANNED: One goes where a policy plans it, on the canvas or beside a node that a net
            connects it to; without a plan, STEP.
    """

    SWAP = 0
    TOWARD = 1
    ANYWHERE = 2
    ROUTES = 3
    BESIDE = 4
    FLIP = 5
    STEP = 6
    STRAIGHT = 7
    PULL = 8
    NEAR_SWAP = 9
    PLANNED = 10


# Numba takes plain integers as constants, members of an enumeration only as slow lookups.
_SWAP, _TOWARD, _ANYWHERE, _ROUTES, _BESIDE, _FLIP, _STRAIGHT, _PULL, _NEAR_SWAP, _PLANNED = (
    int(kind) for kind in HardMove if kind != HardMove.STEP
)
# Steps off a target, as a share of a usual step.
_NEAR = 0.15
# Among so many others the nearest one is looked for.
_LOOKED_AT = 4


@pasted
def propose_hard(
    nodes: Nodes,
    points: Points,
    nets: Nets,
    grid: GridShape,
    rates: Rates,
    state: State,
    lattice: Lattice,
    movers: Movers,
    spread: float,
    random: RandomState,
    trial: Trial,
) -> int:
    """Write a move of one hard macro, or a swap of two, to `trial`; its kind, -1 if not legal."""
    count = len(movers.hard)
    node: int = movers.hard[below(random, count)]
    box: int = movers.box_of[node]
    other_box = -1
    kind = drawn(movers.hard_shares, random)
    x: float = state.x[node]
    y: float = state.y[node]
    wide: float = nodes.half_width[node]
    tall: float = nodes.half_height[node]
    trial.node[0], trial.node[1] = node, -1
    trial.turn_x[0], trial.turn_y[0] = state.turn_x[node], state.turn_y[node]
    if kind in (_SWAP, _NEAR_SWAP):
        other: int = movers.hard[below(random, count)]
        if kind == _NEAR_SWAP:
            least = 1e300
            for _ in range(_LOOKED_AT):
                another: int = movers.hard[below(random, count)]
                far = abs(state.x[another] - x) + abs(state.y[another] - y)
                if another != node and far < least:
                    least, other = far, another
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
    elif kind == _TOWARD:
        point = connected_point(node, nets, random)
        if point >= 0:
            part = uniform(random)
            x += part * (state.point_x[point] - x)
            y += part * (state.point_y[point] - y)
    elif kind == _ANYWHERE:
        x = lattice.x_low[node] + uniform(random) * (lattice.x_high[node] - lattice.x_low[node])
        y = lattice.y_low[node] + uniform(random) * (lattice.y_high[node] - lattice.y_low[node])
    elif kind == _ROUTES:
        if rates.h_per_um * grid.cell_height >= rates.v_per_um * grid.cell_width:
            y = centred(y, tall, grid.cell_height, spread, random)
        else:
            x = centred(x, wide, grid.cell_width, spread, random)
    elif kind == _BESIDE:
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
    elif kind == _FLIP and movers.flips:
        if uniform(random) < 0.5:
            trial.turn_x[0] = -trial.turn_x[0]
        else:
            trial.turn_y[0] = -trial.turn_y[0]
    elif kind == _PULL:
        x = pull(node, points, nets, state.point_x, x, random)
        y = pull(node, points, nets, state.point_y, y, random)
        x, y = step_off(x, y, _NEAR * spread, False, random)
    elif kind == _PLANNED and len(movers.plan_x) > 0:
        x, y = movers.plan_x[node], movers.plan_y[node]
        point = connected_point(node, nets, random)
        if point >= 0 and uniform(random) < 0.5:
            mate: int = points.node[point]
            x += state.x[mate] - movers.plan_x[mate]
            y += state.y[mate] - movers.plan_y[mate]
        x, y = step_off(x, y, _NEAR * spread, False, random)
    else:
        x, y = step_off(x, y, spread, kind == _STRAIGHT, random)
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
    legal = (
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
    return kind if legal else -1


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
