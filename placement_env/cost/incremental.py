"""The proxy cost after a move, without evaluating it afresh; moves that cost too much end early.

A move takes the routes of the moved nodes' nets out of the differences of demand, puts the new ones
in, corrects the density and blockage of the cells concerned, and selects the largest cells again.

Exact early rejection: the largest k cells sum to at least what any k cells sum to. So the change of
the sum over the k cells that were largest some moves ago bounds the new cost from below, and that
change is cheap: running sums of the membership of those cells (`Bound.hot_before`) give a whole
piece of route at once. A move whose bound exceeds the threshold is refused without being made.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from placement_env.cost.congestion import (
    add_routes,
    blocked_cells,
    cell_congestion,
    packed_cell,
    route_nets,
)
from placement_env.cost.density import covered_cells, density_cost
from placement_env.cost.model import CostModel, GridShape, Int32Array, Nets, Nodes, Points, Rates
from placement_env.cost.proxy import ProxyCost
from placement_env.cost.state import State, fill_state, new_state
from placement_env.cost.top import top_sum
from placement_env.cost.wirelength import net_spans
from placement_env.kernels import jit
from placement_env.netlist import FloatArray, IntArray

# Elements of `Trial.cost`.
WIRELENGTH, DENSITY, CONGESTION = 0, 1, 2

# The bound is taken afresh after this many accepted moves.
_REFRESH = 8
# Sums drift by some 1e-16 a move; all is computed afresh after this many accepted ones.
_REBUILD = 20_000
# What rounding may add to a bound; far below any temperature of interest.
_SLACK = 1e-12


class Bound(NamedTuple):
    """Cells that were largest a few moves ago.

    Attributes:
        dense: [cells] 1 where the cell is among the densest.
        hot: [2 x cells] 1 where the cell is among the most congested.
        hot_before: As the differences of demand: congestion of all hot cells by one route from the
            start of the line to here, after smoothing.
        sums: Density of the dense cells, congestion of the hot cells, and the smallest density and
            congestion that made it in.
        age: [1] accepted moves since; [2] accepted moves since the state was filled.
    """

    dense: FloatArray
    hot: FloatArray
    hot_before: FloatArray
    sums: FloatArray
    age: IntArray


class Trial(NamedTuple):
    """Scratch of one move, and the cost so far.

    Attributes:
        cost: Wirelength, density and congestion of the state.
        node: [2] nodes to move; the second is -1 where one moves.
        x: [2] where to.
        y: [2] where to.
        listed: [E] nets of the moved nodes.
        stamp: [E + 1] marks nets that are listed.
        span: [E] their new wirelength costs.
        slot: [E] where their new pieces start in `begin`.
        begin: [segments] new pieces of routes.
        end: [segments] new pieces of routes.
        pieces: [E] how many of each.
        point_x: [Q] the points' old places.
        point_y: [Q] the points' old places.
        cell: [Q] the points' old cells.
        old: [8 x cells] old values of changed cells.
        blocked: [8 x cells] cells whose blockage changes.
        blocked_by: [8 x cells] by how much.
        work: [2 x cells] scratch of selections.
    """

    cost: FloatArray
    node: Int32Array
    x: FloatArray
    y: FloatArray
    listed: Int32Array
    stamp: IntArray
    span: FloatArray
    slot: Int32Array
    begin: Int32Array
    end: Int32Array
    pieces: Int32Array
    point_x: FloatArray
    point_y: FloatArray
    cell: Int32Array
    old: FloatArray
    blocked: Int32Array
    blocked_by: FloatArray
    work: FloatArray


class Tops(NamedTuple):
    """How many cells are averaged: densest ones (0: the occupied ones) and most congested ones."""

    density: int
    congestion: int


def new_bound(model: CostModel) -> Bound:
    """A bound to be filled by `fill`."""
    cells, grid = model.num_cells, model.grid
    return Bound(
        dense=np.zeros(cells),
        hot=np.zeros(2 * cells),
        hot_before=np.zeros(2 * cells + grid.columns + grid.rows),
        sums=np.zeros(4),
        age=np.zeros(2, np.int64),
    )


def new_trial(model: CostModel) -> Trial:
    """Scratch for `try_move`."""
    cells, points, nets = model.num_cells, len(model.points.node), len(model.nets.weight)
    segments = int(model.nets.segment_start[-1])
    return Trial(
        cost=np.zeros(3),
        node=np.full(2, -1, np.int32),
        x=np.zeros(2),
        y=np.zeros(2),
        listed=np.empty(nets, np.int32),
        stamp=np.zeros(nets + 1, np.int64),
        span=np.empty(nets),
        slot=np.empty(nets + 1, np.int32),
        begin=np.empty(segments, np.int32),
        end=np.empty(segments, np.int32),
        pieces=np.empty(nets, np.int32),
        point_x=np.empty(points),
        point_y=np.empty(points),
        cell=np.empty(points, np.int32),
        old=np.empty(8 * cells),
        blocked=np.empty(8 * cells, np.int32),
        blocked_by=np.empty(8 * cells),
        work=np.empty(2 * cells),
    )


@jit
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
    cells = grid.columns * grid.rows
    trial.cost[WIRELENGTH] = fill_state(nodes, points, nets, grid, rates, state)
    trial.cost[DENSITY] = density_cost(state.density, cells, tops.density, trial.work, np.inf)
    if tops.density > 0:
        bound.sums[2] = trial.work[tops.density - 1]
    total = top_sum(state.congestion, 2 * cells, tops.congestion, trial.work, np.inf)
    trial.cost[CONGESTION] = total / tops.congestion
    bound.sums[3] = trial.work[tops.congestion - 1]
    take_bound(grid, rates, tops, state, bound)
    bound.age[1] = 0


@jit
def mark_top(values: FloatArray, count: int, top: int, smallest: float, mark: FloatArray) -> float:
    """Mark the `top` largest of `values[:count]`, the last of which is `smallest`; their sum."""
    total = 0.0
    left = top
    for i in range(count):
        mark[i] = values[i] > smallest
        total += mark[i] * values[i]
        left -= values[i] > smallest
    for i in range(count):
        if left == 0:
            break
        if values[i] == smallest:
            mark[i] = 1.0
            total += smallest
            left -= 1
    return total


@jit
def take_bound(grid: GridShape, rates: Rates, tops: Tops, state: State, bound: Bound) -> None:
    """Take the currently largest cells for the bound; `bound.sums[2:]` must be up to date."""
    cells = grid.columns * grid.rows
    if tops.density > 0:
        bound.sums[0] = mark_top(state.density, cells, tops.density, bound.sums[2], bound.dense)
    bound.sums[1] = mark_top(state.congestion, 2 * cells, tops.congestion, bound.sums[3], bound.hot)
    bound.age[0] = 0
    offset = 0
    base = 0
    for direction in range(2):
        if direction == 0:
            outer, inner, rate = grid.columns, grid.rows, rates.h_per_route
        else:
            outer, inner, rate = grid.rows, grid.columns, rates.v_per_route
        bound.hot_before[base : base + inner] = 0.0
        for _ in range(outer):
            for i in range(inner):
                bound.hot_before[base + inner + i] = bound.hot[offset + i]
            if rates.smoothing > 0:
                line = bound.hot_before[base + inner : base + 2 * inner]
                gather(line, inner, rates.smoothing, state.running)
            for i in range(inner):
                bound.hot_before[base + inner + i] *= rate
                bound.hot_before[base + inner + i] += bound.hot_before[base + i]
            base += inner
            offset += inner
        base += inner


@jit
def gather(line: FloatArray, count: int, radius: int, work: FloatArray) -> None:
    """Replace each of `line[:count]` by the mean over the elements within `radius`.

    This is the adjoint of `congestion.smooth`.
    """
    work[0] = 0.0
    for i in range(count):
        work[i + 1] = work[i] + line[i]
    for i in range(count):
        low, high = max(i - radius, 0), min(i + radius, count - 1)
        line[i] = (work[high + 1] - work[low]) / (high - low + 1)


@jit
def passed(
    listed: Int32Array,
    count: int,
    nets: Nets,
    slot: Int32Array,
    begin: Int32Array,
    end: Int32Array,
    pieces: Int32Array,
    before: FloatArray,
) -> float:
    """Congestion of the hot cells by the routes of `listed[:count]`, see `Bound.hot_before`."""
    total = 0.0
    for i in range(count):
        share = 0.0
        for j in range(slot[i], slot[i] + pieces[i]):
            share += before[end[j]] - before[begin[j]]
        total += share * nets.demand[listed[i]]
    return total


@jit
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

    Returns:
        Whether the move was made. Where it was not, the state is as before.
    """
    cells = grid.columns * grid.rows
    count = 1 if trial.node[1] < 0 else 2
    hard = False

    # The nets concerned, each once.
    listed = trial.listed
    n = 0
    if count == 2:
        trial.stamp[-1] += 1
    for m in range(count):
        node = trial.node[m]
        hard |= nodes.is_hard[node]
        for j in range(nets.of_node_start[node], nets.of_node_start[node + 1]):
            net = nets.of_node[j]
            if count == 2:
                if trial.stamp[net] == trial.stamp[-1]:
                    continue
                trial.stamp[net] = trial.stamp[-1]
            listed[n] = net
            n += 1

    # Density and blockage that change.
    covered, amount = state.covered, state.amount
    found = 0
    blocks = 0
    for m in range(count):
        node = trial.node[m]
        wide, tall = nodes.half_width[node], nodes.half_height[node]
        if nodes.is_macro[node]:
            x, y = state.x[node], state.y[node]
            found = covered_cells(x, y, wide, tall, -1.0, grid, covered, amount, found)
            x, y = trial.x[m], trial.y[m]
            found = covered_cells(x, y, wide, tall, 1.0, grid, covered, amount, found)
    dense_change = 0.0
    for i in range(found):
        dense_change += amount[i] * bound.dense[covered[i]]

    # Move the points; `old_*` is what to go back to.
    rerouted = False
    k = 0
    for m in range(count):
        node = trial.node[m]
        for p in range(points.start[node], points.start[node + 1]):
            trial.point_x[k], trial.point_y[k] = state.point_x[p], state.point_y[p]
            trial.cell[k] = state.cell[p]
            state.point_x[p] = trial.x[m] + points.dx[p]
            state.point_y[p] = trial.y[m] + points.dy[p]
            state.cell[p] = packed_cell(state.point_x[p], state.point_y[p], grid)
            rerouted |= state.cell[p] != trial.cell[k]
            k += 1

    wirelength = net_spans(listed, n, nets, state.point_x, state.point_y, trial.span)
    for i in range(n):
        wirelength -= state.span[listed[i]]

    # Bounds, each a little dearer and tighter than the one before.
    density_factor = 0.25 / max(tops.density, 1)
    congestion_factor = 0.5 / tops.congestion
    new_density, new_congestion = trial.cost[DENSITY], trial.cost[CONGESTION]
    least = wirelength
    if tops.density > 0:
        least += density_factor * (bound.sums[0] + dense_change) - 0.5 * new_density
    else:
        least -= 0.5 * new_density
    changes_congestion = rerouted or hard
    limit = threshold + _SLACK
    refused = least > limit
    hot_change = 0.0
    if changes_congestion and not refused:
        least += congestion_factor * bound.sums[1] - 0.5 * new_congestion
        if hard:
            for m in range(count):
                node = trial.node[m]
                if nodes.is_hard[node]:
                    wide, tall = nodes.half_width[node], nodes.half_height[node]
                    for step in range(2):
                        x = state.x[node] if step == 0 else trial.x[m]
                        y = state.y[node] if step == 0 else trial.y[m]
                        blocks = blocked_cells(
                            x,
                            y,
                            wide,
                            tall,
                            2.0 * step - 1.0,
                            grid,
                            rates,
                            trial.blocked,
                            trial.blocked_by,
                            blocks,
                        )
            for i in range(blocks):
                hot_change += trial.blocked_by[i] * bound.hot[trial.blocked[i]]
        if rerouted:
            # Routes that go can only take congestion away, routes that come can only add.
            for i in range(n):
                net = listed[i]
                share = 0.0
                first = nets.segment_start[net]
                for j in range(first, first + state.pieces[net]):
                    share += bound.hot_before[state.end[j]] - bound.hot_before[state.begin[j]]
                hot_change -= share * nets.demand[net]
            refused = least + congestion_factor * hot_change > limit
            if not refused:
                trial.slot[0] = 0
                for i in range(n):
                    net = listed[i]
                    width = nets.segment_start[net + 1] - nets.segment_start[net]
                    trial.slot[i + 1] = trial.slot[i] + width
                route_nets(
                    listed,
                    n,
                    nets,
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
                    nets,
                    trial.slot,
                    trial.begin,
                    trial.end,
                    trial.pieces,
                    bound.hot_before,
                )
        refused = refused or least + congestion_factor * hot_change > limit

    # The exact density.
    if not refused:
        for i in range(found):
            trial.old[i] = state.density[covered[i]]
            state.density[covered[i]] += amount[i]
        guess = bound.sums[2] * 0.99
        new_density = density_cost(state.density, cells, tops.density, trial.work, guess)
        exact = wirelength + 0.5 * (new_density - trial.cost[DENSITY])
        least = exact
        if changes_congestion:
            least += congestion_factor * (bound.sums[1] + hot_change) - 0.5 * new_congestion
        refused = least > limit
        smallest_density = trial.work[tops.density - 1] if tops.density > 0 else 0.0

        # The exact congestion.
        smallest_congestion = bound.sums[3]
        if changes_congestion and not refused:
            if rerouted:
                for i in range(n):
                    net = listed[i]
                    demand = nets.demand[net]
                    first = nets.segment_start[net]
                    for j in range(first, first + state.pieces[net]):
                        state.difference[state.begin[j]] -= demand
                        state.difference[state.end[j]] += demand
                add_routes(
                    listed,
                    n,
                    nets,
                    1.0,
                    trial.slot,
                    trial.begin,
                    trial.end,
                    trial.pieces,
                    state.difference,
                )
            for i in range(blocks):
                trial.old[found + i] = state.blockage[trial.blocked[i]]
                state.blockage[trial.blocked[i]] += trial.blocked_by[i]
            cell_congestion(
                state.difference, state.blockage, grid, rates, state.running, state.congestion
            )
            guess = bound.sums[3] * 0.99
            new_congestion = (
                top_sum(state.congestion, 2 * cells, tops.congestion, trial.work, guess)
                / tops.congestion
            )
            smallest_congestion = trial.work[tops.congestion - 1]
            exact += 0.5 * (new_congestion - trial.cost[CONGESTION])
            if exact > threshold:
                refused = True
                for i in range(blocks - 1, -1, -1):
                    state.blockage[trial.blocked[i]] = trial.old[found + i]
                if rerouted:
                    add_routes(
                        listed,
                        n,
                        nets,
                        -1.0,
                        trial.slot,
                        trial.begin,
                        trial.end,
                        trial.pieces,
                        state.difference,
                    )
                    for i in range(n):
                        net = listed[i]
                        demand = nets.demand[net]
                        first = nets.segment_start[net]
                        for j in range(first, first + state.pieces[net]):
                            state.difference[state.begin[j]] += demand
                            state.difference[state.end[j]] -= demand
        elif exact > threshold:
            refused = True
        if refused:
            for i in range(found - 1, -1, -1):
                state.density[covered[i]] = trial.old[i]

    if refused:
        k = 0
        for m in range(count):
            node = trial.node[m]
            for p in range(points.start[node], points.start[node + 1]):
                state.point_x[p], state.point_y[p] = trial.point_x[k], trial.point_y[k]
                state.cell[p] = trial.cell[k]
                k += 1
        return False

    for m in range(count):
        state.x[trial.node[m]] = trial.x[m]
        state.y[trial.node[m]] = trial.y[m]
    for i in range(n):
        state.span[listed[i]] = trial.span[i]
    if rerouted:
        for i in range(n):
            net = listed[i]
            first = nets.segment_start[net]
            state.pieces[net] = trial.pieces[i]
            for j in range(trial.pieces[i]):
                state.begin[first + j] = trial.begin[trial.slot[i] + j]
                state.end[first + j] = trial.end[trial.slot[i] + j]
    trial.cost[WIRELENGTH] += wirelength
    trial.cost[DENSITY] = new_density
    trial.cost[CONGESTION] = new_congestion
    bound.sums[0] += dense_change
    bound.sums[1] += hot_change
    bound.age[0] += 1
    bound.age[1] += 1
    if bound.age[1] >= _REBUILD:
        fill(nodes, points, nets, grid, rates, tops, state, bound, trial)
    elif bound.age[0] >= _REFRESH and changes_congestion:
        bound.sums[2] = smallest_density
        bound.sums[3] = smallest_congestion
        take_bound(grid, rates, tops, state, bound)
    return True


class IncrementalCost:
    """The proxy cost of a placement that changes by single moves.

    Args:
        model: The netlist's cost model.
        x_um: [N] centres at first.
        y_um: [N] centres at first.
    """

    def __init__(self, model: CostModel, x_um: FloatArray, y_um: FloatArray) -> None:
        self.model = model
        self._state = new_state(model, x_um, y_um)
        self._bound = new_bound(model)
        self._trial = new_trial(model)
        self._fixed_arguments = (
            model.nodes,
            model.points,
            model.nets,
            model.grid,
            model.rates,
            Tops(model.density_top, model.congestion_top),
            self._state,
            self._bound,
            self._trial,
        )
        fill(*self._fixed_arguments)

    @property
    def cost(self) -> ProxyCost:
        """The cost of the placement as it is now."""
        wirelength, density, congestion = self._trial.cost.tolist()
        return ProxyCost(wirelength, density, congestion)

    @property
    def x_um(self) -> FloatArray:
        """[N] centres, a copy."""
        return self._state.x + self.model.left_um

    @property
    def y_um(self) -> FloatArray:
        """[N] centres, a copy."""
        return self._state.y + self.model.bottom_um

    def move(self, node: int, x_um: float, y_um: float, *, at_most: float = np.inf) -> bool:
        """Move a node unless the cost would rise by more than `at_most`; whether it moved."""
        trial = self._trial
        trial.node[:] = node, -1
        trial.x[0], trial.y[0] = x_um - self.model.left_um, y_um - self.model.bottom_um
        return try_move(*self._fixed_arguments, at_most)

    def swap(self, first: int, second: int, *, at_most: float = np.inf) -> bool:
        """Exchange the centres of two different nodes unless the cost would rise by more."""
        trial, state = self._trial, self._state
        trial.node[:] = first, second
        trial.x[:] = state.x[second], state.x[first]
        trial.y[:] = state.y[second], state.y[first]
        return try_move(*self._fixed_arguments, at_most)
