"""One move: its exact cost, whether to make it, and making it.

A move takes the routes of the moved nodes' nets out of the differences of demand, puts the new ones
in, corrects the density and blockage of the cells concerned, and selects the largest cells again.
Bounds refuse most of the moves that cost too much before that; they never refuse another.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from placement_env.cost.bound import (
    DENSE,
    HOT,
    LEAST_DENSE,
    LEAST_HOT,
    NEXT_DENSE,
    Bound,
    largest_unmarked,
    mark_top,
    passed,
    take_hot,
)
from placement_env.cost.congestion import (
    add_routes,
    blocked_cells,
    cell_congestion,
    packed_cell,
    route_nets,
)
from placement_env.cost.density import covered_cells, density_cost
from placement_env.cost.model import (
    CostModel,
    GridShape,
    IndexArray,
    Int32Array,
    Nets,
    Nodes,
    Points,
    Rates,
)
from placement_env.cost.state import State, fill_state
from placement_env.cost.top import top_sum
from placement_env.cost.wirelength import net_spans
from placement_env.kernels import lean, pasted
from placement_env.netlist import FloatArray, IntArray

# Elements of `Trial.cost`.
WIRELENGTH, DENSITY, CONGESTION = 0, 1, 2

# The hot cells are taken afresh after this many moves made.
_REFRESH = 8
# What rounding may add to a bound; far below any temperature of interest.
_SLACK = 1e-12


class Tops(NamedTuple):
    """How many cells are averaged: densest ones (0: the occupied ones) and most congested ones."""

    density: int
    congestion: int


class Trial(NamedTuple):
    """The cost so far, a move to be tried, and scratch.

    Attributes:
        cost: Wirelength, density and congestion of the state.
        node: [2] nodes to move; the second is -1 where one moves.
        x: [2] where to.
        y: [2] where to.
        turn_x: [2] `State.turn_x` of the nodes after the move.
        turn_y: [2] `State.turn_y` of the nodes after the move.
        listed: [E] nets of the moved nodes.
        stamp: [E + 1] marks nets that are listed.
        span: [E] their new wirelength costs.
        old_slot: [E] where their pieces of routes are in `State.begin`.
        old_pieces: [E] how many of each.
        slot: [E] where their new pieces start in `begin`.
        begin: [segments] new pieces of routes.
        end: [segments] new pieces of routes.
        pieces: [E] how many of each.
        point_x: [Q] the points' old places.
        point_y: [Q] the points' old places.
        cell: [Q] the points' old cells.
        covered: [4 x cells] cells whose density changes.
        covered_by: [4 x cells] by how much.
        covered_old: [4 x cells] from what.
        blocked: [8 x cells] cells whose blockage changes.
        blocked_by: [8 x cells] by how much.
        blocked_old: [8 x cells] from what.
        work: [2 x cells] scratch of selections.
    """

    cost: FloatArray
    node: Int32Array
    x: FloatArray
    y: FloatArray
    turn_x: FloatArray
    turn_y: FloatArray
    listed: IndexArray
    stamp: IntArray
    span: FloatArray
    old_slot: Int32Array
    old_pieces: Int32Array
    slot: Int32Array
    begin: IndexArray
    end: IndexArray
    pieces: Int32Array
    point_x: FloatArray
    point_y: FloatArray
    cell: Int32Array
    covered: Int32Array
    covered_by: FloatArray
    covered_old: FloatArray
    blocked: Int32Array
    blocked_by: FloatArray
    blocked_old: FloatArray
    work: FloatArray


def new_trial(model: CostModel) -> Trial:
    """Scratch for `try_move`."""
    cells, points, nets = model.num_cells, len(model.points.node), len(model.nets.weight)
    segments = int(model.nets.segment_start[-1])
    return Trial(
        cost=np.zeros(3),
        node=np.full(2, -1, np.int32),
        x=np.zeros(2),
        y=np.zeros(2),
        turn_x=np.ones(2),
        turn_y=np.ones(2),
        listed=np.empty(nets, np.uint32),
        stamp=np.zeros(nets + 1, np.int64),
        span=np.empty(nets),
        old_slot=np.empty(nets, np.int32),
        old_pieces=np.empty(nets, np.int32),
        slot=np.empty(nets, np.int32),
        begin=np.empty(segments, np.uint32),
        end=np.empty(segments, np.uint32),
        pieces=np.empty(nets, np.int32),
        point_x=np.empty(points),
        point_y=np.empty(points),
        cell=np.empty(points, np.int32),
        covered=np.empty(4 * cells, np.int32),
        covered_by=np.empty(4 * cells),
        covered_old=np.empty(4 * cells),
        blocked=np.empty(8 * cells, np.int32),
        blocked_by=np.empty(8 * cells),
        blocked_old=np.empty(8 * cells),
        work=np.empty(2 * cells),
    )


@lean
def fill(
    nodes: Nodes,
    points: Points,
    nets: Nets,
    grid: GridShape,
    rates: Rates,
    tops: Tops,
    state: State,
    bound: Bound,
    trial: Trial,
) -> None:
    """Compute state, cost and bound from `state.x` and `state.y`."""
    trial.cost[WIRELENGTH] = fill_state(nodes, points, nets, grid, rates, state)
    fill_tops(grid, rates, tops, state, bound, trial)


@lean
def fill_tops(
    grid: GridShape, rates: Rates, tops: Tops, state: State, bound: Bound, trial: Trial
) -> None:
    """Compute density, congestion and bound from the maps of `state`."""
    cells = grid.columns * grid.rows
    cost, sums, work = trial.cost, bound.sums, trial.work
    cost[DENSITY] = density_cost(state.density, cells, tops.density, work, np.inf)
    if tops.density > 0:
        sums[LEAST_DENSE] = work[tops.density - 1]
        sums[DENSE] = mark_top(state.density, cells, tops.density, sums[LEAST_DENSE], bound.dense)
        sums[NEXT_DENSE] = largest_unmarked(state.density, cells, bound.dense)
    total = top_sum(state.congestion, 2 * cells, tops.congestion, work, np.inf)
    cost[CONGESTION] = total / tops.congestion
    sums[LEAST_HOT] = work[tops.congestion - 1]
    sums[HOT] = take_hot(
        state.congestion,
        tops.congestion,
        sums[LEAST_HOT],
        grid,
        rates,
        bound.hot,
        bound.hot_before,
        state.running,
    )
    bound.age[0] = 0


@pasted
def try_move(
    nodes: Nodes,
    points: Points,
    nets: Nets,
    grid: GridShape,
    rates: Rates,
    tops: Tops,
    state: State,
    bound: Bound,
    trial: Trial,
    threshold: float,
) -> bool:
    """Move `trial.node` to `trial.x`, `trial.y` unless the cost rises by more than `threshold`.

    `trial.turn_x` and `trial.turn_y` say how the nodes lie afterwards.

    Returns:
        Whether the move was made. Where it was not, the state is as before.
    """
    cells = grid.columns * grid.rows
    cost, sums = trial.cost, bound.sums
    listed = trial.listed
    count = 1 if trial.node[1] < 0 else 2
    hard = nodes.is_hard[trial.node[0]] or (count == 2 and nodes.is_hard[trial.node[1]])
    limit = threshold + _SLACK

    # Wirelength exactly, density from below.
    n = list_nets(count, trial.node, nets.of_node_start, nets.of_node, trial.stamp, listed)
    rerouted = False
    moved = 0
    none: Any = np.int64(0)  # not a literal, for which Numba would compile once more
    covered = blocked = none
    for m in range(count):
        node: int = trial.node[m]
        for p in range(points.start[node], points.start[node + 1]):
            trial.point_x[moved], trial.point_y[moved] = state.point_x[p], state.point_y[p]
            trial.cell[moved] = state.cell[p]
            state.point_x[p] = trial.x[m] + trial.turn_x[m] * points.dx[p]
            state.point_y[p] = trial.y[m] + trial.turn_y[m] * points.dy[p]
            state.cell[p] = packed_cell(state.point_x[p], state.point_y[p], grid)
            rerouted |= state.cell[p] != trial.cell[moved]
            moved += 1
        wide, tall = nodes.half_width[node], nodes.half_height[node]
        if nodes.is_macro[node]:
            for to in range(2):
                x, y, sign = state.x[node], state.y[node], -1.0
                if to == 1:
                    x, y, sign = trial.x[m], trial.y[m], 1.0
                covered = covered_cells(
                    x, y, wide, tall, sign, grid, trial.covered, trial.covered_by, covered
                )
                if nodes.is_hard[node]:
                    blocked = blocked_cells(
                        x,
                        y,
                        wide,
                        tall,
                        sign,
                        grid,
                        rates,
                        trial.blocked,
                        trial.blocked_by,
                        blocked,
                    )
    wirelength = net_spans(
        listed,
        n,
        nets.start,
        nets.point,
        nets.weight,
        state.point_x,
        state.point_y,
        trial.span,
    )
    for i in range(n):
        wirelength -= state.span[listed[i]]
    dense_change = 0.0
    for i in range(covered):
        dense_change += trial.covered_by[i] * bound.dense[trial.covered[i]]
    least = wirelength - 0.5 * cost[DENSITY]
    if tops.density > 0:
        least += 0.25 * (sums[DENSE] + dense_change) / tops.density

    # Congestion from below, first without the new routes: they can only add to it.
    congests = rerouted or hard
    hot_change = 0.0
    congestion_gap = 0.5 * (sums[HOT] / tops.congestion - cost[CONGESTION])
    if congests:
        for i in range(blocked):
            hot_change += trial.blocked_by[i] * bound.hot[trial.blocked[i]]
        if rerouted:
            for i in range(n):
                trial.old_slot[i] = nets.segment_start[listed[i]]
                trial.old_pieces[i] = state.pieces[listed[i]]
            hot_change -= passed(
                listed,
                n,
                nets.demand,
                trial.old_slot,
                state.begin,
                state.end,
                trial.old_pieces,
                bound.hot_before,
            )
        least += congestion_gap
    refused = least + 0.5 * hot_change / tops.congestion > limit
    if rerouted and not refused:
        slot = 0
        for i in range(n):
            net: int = listed[i]
            trial.slot[i] = slot
            slot += nets.segment_start[net + 1] - nets.segment_start[net]
        route_nets(
            listed,
            n,
            nets.start,
            nets.point,
            state.cell,
            grid,
            state.stamp,
            trial.slot,
            trial.begin,
            trial.end,
            trial.pieces,
        )
        hot_change += passed(
            listed,
            n,
            nets.demand,
            trial.slot,
            trial.begin,
            trial.end,
            trial.pieces,
            bound.hot_before,
        )
        refused = least + 0.5 * hot_change / tops.congestion > limit

    # Density exactly. Where no dense cell falls below another one, the dense ones stay the same.
    new_density, least_dense, next_dense = cost[DENSITY], sums[LEAST_DENSE], sums[NEXT_DENSE]
    new_congestion, least_hot = cost[CONGESTION], sums[LEAST_HOT]
    same_dense = tops.density > 0
    if not refused:
        for i in range(covered):
            cell: int = trial.covered[i]
            trial.covered_old[i] = state.density[cell]
            state.density[cell] += trial.covered_by[i]
            state.macros[cell] += 1 if trial.covered_by[i] > 0 else -1
            if state.macros[cell] == 0:
                state.density[cell] = 0.0
        for i in range(covered):
            cell = trial.covered[i]
            if bound.dense[cell] > 0:
                least_dense = min(least_dense, state.density[cell])
            else:
                next_dense = max(next_dense, state.density[cell])
        same_dense &= least_dense >= next_dense
        if same_dense:
            new_density = 0.5 * (sums[DENSE] + dense_change) / tops.density
        else:
            new_density = density_cost(
                state.density, cells, tops.density, trial.work, sums[NEXT_DENSE]
            )
            if tops.density > 0:
                least_dense = trial.work[tops.density - 1]
        change = wirelength + 0.5 * (new_density - cost[DENSITY])
        if congests:
            refused = change + congestion_gap + 0.5 * hot_change / tops.congestion > limit
        else:
            refused = change > threshold

        # Congestion exactly.
        if congests and not refused:
            if rerouted:
                exchange_routes(nets.demand, n, state, trial, 1.0)
            for i in range(blocked):
                trial.blocked_old[i] = state.blockage[trial.blocked[i]]
                state.blockage[trial.blocked[i]] += trial.blocked_by[i]
            cell_congestion(
                state.difference, state.blockage, grid, rates, state.running, state.congestion
            )
            total = top_sum(state.congestion, 2 * cells, tops.congestion, trial.work, least_hot)
            new_congestion = total / tops.congestion
            least_hot = trial.work[tops.congestion - 1]
            refused = change + 0.5 * (new_congestion - cost[CONGESTION]) > threshold
            if refused:
                if rerouted:
                    exchange_routes(nets.demand, n, state, trial, -1.0)
                for i in range(blocked - 1, -1, -1):
                    state.blockage[trial.blocked[i]] = trial.blocked_old[i]
        if refused:
            for i in range(covered - 1, -1, -1):
                state.density[trial.covered[i]] = trial.covered_old[i]
                state.macros[trial.covered[i]] -= 1 if trial.covered_by[i] > 0 else -1

    if refused:
        moved = 0
        for m in range(count):
            for p in range(points.start[trial.node[m]], points.start[trial.node[m] + 1]):
                state.point_x[p], state.point_y[p] = trial.point_x[moved], trial.point_y[moved]
                state.cell[p] = trial.cell[moved]
                moved += 1
    else:
        for m in range(count):
            state.x[trial.node[m]] = trial.x[m]
            state.y[trial.node[m]] = trial.y[m]
            state.turn_x[trial.node[m]] = trial.turn_x[m]
            state.turn_y[trial.node[m]] = trial.turn_y[m]
        for i in range(n):
            state.span[listed[i]] = trial.span[i]
        if rerouted:
            for i in range(n):
                state.pieces[listed[i]] = trial.pieces[i]
                for j in range(trial.pieces[i]):
                    state.begin[trial.old_slot[i] + j] = trial.begin[trial.slot[i] + j]
                    state.end[trial.old_slot[i] + j] = trial.end[trial.slot[i] + j]
        cost[WIRELENGTH] += wirelength
        cost[DENSITY] = new_density
        cost[CONGESTION] = new_congestion
        sums[LEAST_DENSE] = least_dense
        sums[NEXT_DENSE] = next_dense
        if same_dense:
            sums[DENSE] += dense_change
        elif tops.density > 0:
            sums[DENSE] = mark_top(state.density, cells, tops.density, least_dense, bound.dense)
            sums[NEXT_DENSE] = largest_unmarked(state.density, cells, bound.dense)
        sums[HOT] += hot_change
        sums[LEAST_HOT] = least_hot
        bound.age[0] += 1
        if congests and bound.age[0] >= _REFRESH:
            bound.age[0] = 0
            sums[HOT] = take_hot(
                state.congestion,
                tops.congestion,
                least_hot,
                grid,
                rates,
                bound.hot,
                bound.hot_before,
                state.running,
            )
    return not refused


@lean
def list_nets(
    count: int,
    nodes: Int32Array,
    of_node_start: Int32Array,
    of_node: IndexArray,
    stamp: IntArray,
    listed: IndexArray,
) -> int:
    """Write the nets of `nodes[:count]` to `listed`, each once; returns how many there are."""
    n = 0
    if count == 2:
        stamp[-1] += 1
    now = stamp[-1]
    for m in range(count):
        for j in range(of_node_start[nodes[m]], of_node_start[nodes[m] + 1]):
            net: int = of_node[j]
            if count == 2:
                if stamp[net] == now:
                    continue
                stamp[net] = now
            listed[n] = net
            n += 1
    return n


@pasted
def exchange_routes(
    net_demand: FloatArray, count: int, state: State, trial: Trial, sign: float
) -> None:
    """Replace the routes of the listed nets by the new ones, or (sign -1) the other way round."""
    add_routes(
        trial.listed,
        count,
        net_demand,
        -sign,
        trial.old_slot,
        state.begin,
        state.end,
        trial.old_pieces,
        state.difference,
    )
    add_routes(
        trial.listed,
        count,
        net_demand,
        sign,
        trial.slot,
        trial.begin,
        trial.end,
        trial.pieces,
        state.difference,
    )
