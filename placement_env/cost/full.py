"""The proxy costs of whole placements, at nearly the speed at which memory gives the netlist.

Where `cost.state` keeps every net's routes for moves to change, this keeps nothing but sums.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from placement_env.cost.batches import Batches, Int32Array
from placement_env.cost.congestion import blocked_cells, cell_congestion
from placement_env.cost.density import covered_cells
from placement_env.cost.full_routes import add_batch_routes, unpack_demand
from placement_env.cost.full_top import largest_sum
from placement_env.cost.model import CostModel, GridShape, Nodes, Rates
from placement_env.cost.top import occupied_mean
from placement_env.kernels import lean
from placement_env.netlist import FloatArray, IntArray


class NetScratch(NamedTuple):
    """What the evaluation of nets writes to; nothing of it matters to the next one.

    Attributes:
        place: [Q] the points as x + iy, which is moved about in one piece.
        cell: [Q] their packed cells.
        batch_place: The points of one batch of nets.
        batch_cell: Their packed cells.
        span: [3, 2 x nets of a batch] sums of wirelength by place in the batch, and scratch.
        work: Scratch of `full_routes`.
        demand: [2, nets of a batch] scratch of `full_routes`.
        stamp: Scratch of `full_routes`.
        packed: Differences of demand, see `full_routes`.
    """

    place: NDArray[np.complex128]
    cell: Int32Array
    batch_place: NDArray[np.complex128]
    batch_cell: Int32Array
    span: FloatArray
    work: Int32Array
    demand: IntArray
    stamp: IntArray
    packed: IntArray


class CellScratch(NamedTuple):
    """What the evaluation of cells and macros writes to.

    Attributes:
        difference: Differences of demand, see `placement_env.cost.congestion`.
        blockage: [2 x cells] congestion by hard macros.
        density: [cells] row by row.
        congestion: [2 x cells] congestion.
        running: Scratch of `congestion.cell_congestion`.
        covered: Cells that a macro covers or blocks.
        amount: How much of each.
        top: Scratch of selections.
    """

    difference: FloatArray
    blockage: FloatArray
    density: FloatArray
    congestion: FloatArray
    running: FloatArray
    covered: Int32Array
    amount: FloatArray
    top: FloatArray


def full_costs(
    model: CostModel, batches: Batches, x_um: FloatArray, y_um: FloatArray
) -> FloatArray:
    """[k, 3] wirelength, density and congestion costs of k placements.

    Threads may evaluate one model at the same time.

    Args:
        model: The cost model.
        batches: Its nets.
        x_um: [k, N] centres of nodes.
        y_um: [k, N] centres of nodes.
    """
    try:
        scratch = model.idle_scratch.pop()
    except IndexError:
        scratch = new_scratch(model, batches)
    cost = evaluate_into(model, batches, x_um, y_um, scratch)
    model.idle_scratch.append(scratch)
    return cost


def evaluate_into(
    model: CostModel,
    batches: Batches,
    x_um: FloatArray,
    y_um: FloatArray,
    scratch: tuple[NetScratch, CellScratch],
) -> FloatArray:
    """As `full_costs`, with scratch of one's own, which keeps the maps of the last placement."""
    of_nets, of_cells = scratch
    x = np.subtract(x_um, model.left_um, dtype=np.float64, order="C")
    y = np.subtract(y_um, model.bottom_um, dtype=np.float64, order="C")
    if x.shape != y.shape or x.shape[1:] != model.nodes.is_macro.shape:
        raise ValueError(f"centres {x.shape}, {y.shape} of {len(model.nodes.is_macro)} nodes")
    cost = np.empty((len(x), 3))
    tops = model.density_top, model.congestion_top
    for i in range(len(x)):
        _net_cost(batches, model.grid, of_nets, x[i], y[i], cost[i])
        _cell_costs(
            model.nodes,
            model.grid,
            model.rates,
            tops,
            of_nets.packed,
            batches.unit,
            of_cells,
            x[i],
            y[i],
            cost[i],
        )
    return cost


def new_scratch(model: CostModel, batches: Batches) -> tuple[NetScratch, CellScratch]:
    """Scratch for `evaluate_into`."""
    cells, grid = model.num_cells, model.grid
    points = len(batches.node)
    entries = int(batches.shape.prod(axis=1).max(initial=0))
    nets = int(batches.shape[:, 1].max(initial=0))
    return NetScratch(
        place=np.empty(points, np.complex128),
        cell=np.empty(points, np.int32),
        batch_place=np.empty(entries, np.complex128),
        batch_cell=np.empty(entries, np.int32),
        span=np.empty((3, 2 * nets)),
        work=np.empty(7 * nets, np.int32),
        demand=np.empty((2, nets), np.int64),
        stamp=np.zeros((grid.rows << grid.shift) + 1, np.int64),
        packed=np.empty(grid.rows << grid.shift, np.int64),
    ), CellScratch(
        difference=np.zeros(2 * cells + grid.columns + grid.rows),
        blockage=np.empty(2 * cells),
        density=np.empty(cells),
        congestion=np.empty(2 * cells),
        running=np.empty(3 * max(grid.columns, grid.rows) + 1),
        covered=np.empty(8 * cells, np.int32),
        amount=np.empty(8 * cells),
        top=np.empty(2 * cells + 1),
    )


@lean
def _net_cost(
    batches: Batches,
    grid: GridShape,
    scratch: NetScratch,
    x: FloatArray,
    y: FloatArray,
    cost: FloatArray,
) -> None:
    """Differences of demand of all nets to `scratch.packed`, the wirelength cost to `cost[0]`."""
    place, cell, node = scratch.place, scratch.cell, batches.node
    at = place.view(np.float64)
    for p in range(len(node)):
        # Both before the first is stored: the compiler takes it for granted that arrays overlap.
        point_x = x[node[p]] + batches.offset[2 * p]
        point_y = y[node[p]] + batches.offset[2 * p + 1]
        at[2 * p], at[2 * p + 1] = point_x, point_y
    last_column, last_row = grid.columns - 0.5, grid.rows - 0.5
    for p in range(len(node)):
        column, row = at[2 * p] / grid.cell_width, at[2 * p + 1] / grid.cell_height
        # In this order, what is no number comes to the first cell as well.
        column = column if column > 0.5 else 0.5
        column = column if column < last_column else last_column
        row = row if row > 0.5 else 0.5
        row = row if row < last_row else last_row
        cell[p] = np.int32(row) << grid.shift | np.int32(column)

    span, low, high = scratch.span[0], scratch.span[1], scratch.span[2]
    span.fill(0.0)
    scratch.packed.fill(0)
    batch_place, batch_cell = scratch.batch_place, scratch.batch_cell
    at = batch_place.view(np.float64)
    entry = net = 0
    for batch in range(len(batches.shape)):
        positions, nets = batches.shape[batch]
        point = batches.point[entry : entry + positions * nets]
        for i in range(len(point)):
            batch_place[i] = place[point[i]]
        for i in range(len(point)):
            batch_cell[i] = cell[point[i]]

        # Extents in x and in y are the same computation.
        weight = batches.weight[2 * net :]
        step = 2 * nets
        a, b = at, at[step:]
        if positions == 2:
            for i in range(step):
                span[i] += weight[i] * abs(a[i] - b[i])
        else:
            c = at[2 * step :]
            for i in range(step):
                low[i] = min(min(a[i], b[i]), c[i])
                high[i] = max(max(a[i], b[i]), c[i])
            for j in range(3, positions, 2):
                also = min(j + 1, positions - 1)
                a, b = at[j * step :], at[also * step :]
                for i in range(step):
                    low[i] = min(min(a[i], b[i]), low[i])
                    high[i] = max(max(a[i], b[i]), high[i])
            for i in range(step):
                span[i] += weight[i] * (high[i] - low[i])

        add_batch_routes(
            positions,
            nets,
            batch_cell,
            batches.demand[net:],
            grid,
            scratch.stamp,
            scratch.work,
            scratch.demand[0],
            scratch.demand[1],
            scratch.packed,
        )
        entry += positions * nets
        net += nets
    cost[0] = 0.0
    for i in range(len(span)):
        cost[0] += span[i]


@lean
def _cell_costs(
    nodes: Nodes,
    grid: GridShape,
    rates: Rates,
    tops: tuple[int, int],
    packed: IntArray,
    unit: float,
    scratch: CellScratch,
    x: FloatArray,
    y: FloatArray,
    cost: FloatArray,
) -> None:
    """Density and congestion costs to `cost[1]` and `cost[2]`."""
    density, blockage, congestion = scratch.density, scratch.blockage, scratch.congestion
    density.fill(0.0)
    blockage.fill(0.0)
    covered, amount = scratch.covered, scratch.amount
    none: Any = np.int64(0)  # not a literal, for which Numba would compile once more
    for node in range(len(x)):
        if not nodes.is_macro[node]:
            continue
        half_width, half_height = nodes.half_width[node], nodes.half_height[node]
        found = covered_cells(
            x[node], y[node], half_width, half_height, 1.0, grid, covered, amount, none
        )
        for i in range(found):
            density[covered[i]] += amount[i]
        if nodes.is_hard[node]:
            found = blocked_cells(
                x[node], y[node], half_width, half_height, 1.0, grid, rates, covered, amount, none
            )
            for i in range(found):
                blockage[covered[i]] += amount[i]
    unpack_demand(packed, unit, grid, scratch.difference)
    cell_congestion(scratch.difference, blockage, grid, rates, scratch.running, congestion)
    cells = grid.columns * grid.rows
    if tops[0] == 0:
        cost[1] = 0.5 * occupied_mean(density, cells)
    else:
        cost[1] = 0.5 * largest_sum(density, cells, tops[0], scratch.top) / tops[0]
    cost[2] = largest_sum(congestion, 2 * cells, tops[1], scratch.top) / tops[1]
