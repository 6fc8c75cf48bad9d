"""Moves of soft macros that the search proposes; they may overlap anything."""

from __future__ import annotations

from enum import IntEnum
from math import floor

from agents.lattice import Lattice, snap
from agents.moves import Movers, RandomState, below, connected_point, drawn, pull, step_off, uniform
from placement_env.cost.model import GridShape, Nets, Points
from placement_env.cost.move import Trial
from placement_env.cost.state import State
from placement_env.kernels import lean, pasted


class SoftMove(IntEnum):
    """Kinds of moves of soft macros.

    Attributes:
        SWAP: Two of them exchange their centres.
        PIN: One goes to a point that a net connects it to.
        ANYWHERE: One goes anywhere.
        STEP: One goes some way off.
        STRAIGHT: One goes some way off in its row or column.
        PULL: One goes where some of its nets pull it.
        RELIEF: The one of three in the fullest cell goes to the emptiest of three places near by.
        TOWARD: One goes a part of the way to a point that a net connects it to.
    """

    SWAP = 0
    PIN = 1
    ANYWHERE = 2
    STEP = 3
    STRAIGHT = 4
    PULL = 5
    RELIEF = 6
    TOWARD = 7


# Numba takes plain integers as constants, members of an enumeration only as slow lookups.
_SWAP, _PIN, _ANYWHERE, _STRAIGHT, _PULL, _RELIEF, _TOWARD = (
    int(kind) for kind in SoftMove if kind != SoftMove.STEP
)
# Steps off a target, as a share of a usual step.
_NEAR = 0.15
# How many macros, and places, are looked at for relief.
_LOOKED_AT = 3


@pasted
def propose_soft(
    points: Points,
    nets: Nets,
    grid: GridShape,
    state: State,
    lattice: Lattice,
    movers: Movers,
    spread: float,
    random: RandomState,
    trial: Trial,
) -> int:
    """Write a move of one soft macro, or a swap of two, to `trial`; its kind."""
    count = len(movers.soft)
    node: int = movers.soft[below(random, count)]
    kind = drawn(movers.soft_shares, random)
    if kind == _RELIEF:
        for _ in range(_LOOKED_AT - 1):
            another: int = movers.soft[below(random, count)]
            if _fullness(state.x[another], state.y[another], grid, state) > _fullness(
                state.x[node], state.y[node], grid, state
            ):
                node = another
    x: float = state.x[node]
    y: float = state.y[node]
    step = lattice.step
    trial.node[0], trial.node[1] = node, -1
    trial.turn_x[0], trial.turn_y[0] = state.turn_x[node], state.turn_y[node]
    if kind == _SWAP:
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
    elif kind == _PIN:
        point = connected_point(node, nets, random)
        if point >= 0:
            x, y = state.point_x[point], state.point_y[point]
        x, y = step_off(x, y, _NEAR * spread, False, random)
    elif kind == _ANYWHERE:
        x = lattice.x_low[node] + uniform(random) * (lattice.x_high[node] - lattice.x_low[node])
        y = lattice.y_low[node] + uniform(random) * (lattice.y_high[node] - lattice.y_low[node])
    elif kind == _PULL:
        x = pull(node, points, nets, state.point_x, x, random)
        y = pull(node, points, nets, state.point_y, y, random)
        x, y = step_off(x, y, _NEAR * spread, False, random)
    elif kind == _RELIEF:
        from_x, from_y = x, y
        least = 1e300
        for _ in range(_LOOKED_AT):
            to_x, to_y = step_off(from_x, from_y, spread, False, random)
            full = _fullness(to_x, to_y, grid, state)
            if full < least:
                least, x, y = full, to_x, to_y
    elif kind == _TOWARD:
        point = connected_point(node, nets, random)
        if point >= 0:
            part = uniform(random)
            x += part * (state.point_x[point] - x)
            y += part * (state.point_y[point] - y)
    else:
        x, y = step_off(x, y, spread, kind == _STRAIGHT, random)
    trial.x[0] = snap(x, lattice.x[node], step, lattice.x_low[node], lattice.x_high[node])
    trial.y[0] = snap(y, lattice.y[node], step, lattice.y_low[node], lattice.y_high[node])
    return kind


@lean
def _fullness(x: float, y: float, grid: GridShape, state: State) -> float:
    """The density of the cell at (x, y)."""
    column = min(max(floor(x / grid.cell_width), 0), grid.columns - 1)
    row = min(max(floor(y / grid.cell_height), 0), grid.rows - 1)
    return state.density[row * grid.columns + column]
