"""Many moves at once, whatever they cost: how a state catches up with another one."""

from __future__ import annotations

from typing import Any

import numpy as np

from placement_env.cost.congestion import (
    add_routes,
    blocked_cells,
    packed_cell,
    route_nets,
)
from placement_env.cost.density import covered_cells
from placement_env.cost.model import GridShape, Int32Array, Nets, Nodes, Points, Rates
from placement_env.cost.move import WIRELENGTH, Trial
from placement_env.cost.state import State
from placement_env.cost.wirelength import net_spans
from placement_env.kernels import lean
from placement_env.netlist import FloatArray


@lean
def move_many(
    nodes: Nodes,
    points: Points,
    nets: Nets,
    grid: GridShape,
    rates: Rates,
    state: State,
    trial: Trial,
    moved: Int32Array,
    count: int,
    x: FloatArray,
    y: FloatArray,
    turn_x: FloatArray,
    turn_y: FloatArray,
) -> None:
    """Put node `moved[i]` to `x[i]`, `y[i]` with turns `turn_x[i]`, `turn_y[i]`, for i < count.

    Density and congestion costs and the bound are left to `cell_congestion` and `fill_tops`, to be
    called after the last of several calls of this.
    """
    for m in range(count):
        node: int = moved[m]
        wide, tall = nodes.half_width[node], nodes.half_height[node]
        none: Any = np.int64(0)  # not a literal, for which Numba would compile once more
        covered = blocked = none
        for to in range(2 if nodes.is_macro[node] else 0):
            at_x, at_y, sign = state.x[node], state.y[node], -1.0
            if to == 1:
                at_x, at_y, sign = x[m], y[m], 1.0
            covered = covered_cells(
                at_x, at_y, wide, tall, sign, grid, trial.covered, trial.covered_by, covered
            )
            if nodes.is_hard[node]:
                blocked = blocked_cells(
                    at_x,
                    at_y,
                    wide,
                    tall,
                    sign,
                    grid,
                    rates,
                    trial.blocked,
                    trial.blocked_by,
                    blocked,
                )
        for i in range(covered):
            cell: int = trial.covered[i]
            state.density[cell] += trial.covered_by[i]
            state.macros[cell] += 1 if trial.covered_by[i] > 0 else -1
            if state.macros[cell] == 0:
                state.density[cell] = 0.0
        for i in range(blocked):
            state.blockage[trial.blocked[i]] += trial.blocked_by[i]
        state.x[node], state.y[node] = x[m], y[m]
        state.turn_x[node], state.turn_y[node] = turn_x[m], turn_y[m]

    # Nets of nodes with a point in another cell come first: only they have new routes.
    stamp, listed = trial.stamp, trial.listed
    stamp[-1] += 1
    now = stamp[-1]
    # Numba would compile what is called below for a literal 0 first.
    n: Any = np.int64(0)
    rerouted: Any = np.int64(0)
    for anywhere in range(2):
        for m in range(count):
            node = moved[m]
            taken = anywhere == 1
            if not taken:
                for p in range(points.start[node], points.start[node + 1]):
                    state.point_x[p] = x[m] + turn_x[m] * points.dx[p]
                    state.point_y[p] = y[m] + turn_y[m] * points.dy[p]
                    before = state.cell[p]
                    state.cell[p] = packed_cell(state.point_x[p], state.point_y[p], grid)
                    taken |= state.cell[p] != before
            if not taken:
                continue
            for j in range(nets.of_node_start[node], nets.of_node_start[node + 1]):
                net: int = nets.of_node[j]
                if stamp[net] != now:
                    stamp[net] = now
                    listed[n] = net
                    n += 1
        if anywhere == 0:
            rerouted = n

    for i in range(n):
        trial.cost[WIRELENGTH] -= state.span[listed[i]]
    trial.cost[WIRELENGTH] += net_spans(
        listed, n, nets.start, nets.point, nets.weight, state.point_x, state.point_y, trial.span
    )
    for i in range(n):
        state.span[listed[i]] = trial.span[i]
    for i in range(rerouted):
        trial.slot[i] = nets.segment_start[listed[i]]
        trial.pieces[i] = state.pieces[listed[i]]
    add_routes(
        listed,
        rerouted,
        nets.demand,
        -1.0,
        trial.slot,
        state.begin,
        state.end,
        trial.pieces,
        state.difference,
    )
    route_nets(
        listed,
        rerouted,
        nets.start,
        nets.point,
        state.cell,
        grid,
        state.stamp,
        trial.slot,
        state.begin,
        state.end,
        trial.pieces,
    )
    add_routes(
        listed,
        rerouted,
        nets.demand,
        1.0,
        trial.slot,
        state.begin,
        state.end,
        trial.pieces,
        state.difference,
    )
    for i in range(rerouted):
        state.pieces[listed[i]] = trial.pieces[i]
