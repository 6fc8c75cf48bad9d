"""A lower bound of the density and congestion after a move, much cheaper than the costs themselves.

The largest k cells sum to at least what any k cells sum to. So the change of the sum over the k
cells that were largest some moves ago bounds the new cost from below. Running sums of those cells'
membership (`Bound.hot_before`) give the congestion that a whole piece of route puts on them at
once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from placement_env.cost.model import CostModel, GridShape, IndexArray, Int32Array, Rates
from placement_env.kernels import lean
from placement_env.netlist import FloatArray, IntArray


class Bound(NamedTuple):
    """Cells that were largest a few moves ago.

    Attributes:
        dense: [cells] 1 where the cell is among the densest.
        hot: [2 x cells] 1 where the cell is among the most congested.
        hot_before: As the differences of demand: congestion of all hot cells by one route from the
            start of the line to here, after smoothing.
        sums: See the constants below.
        age: [1] moves made since the hot cells were taken.
    """

    dense: FloatArray
    hot: FloatArray
    hot_before: FloatArray
    sums: FloatArray
    age: IntArray


# Elements of `Bound.sums`: the density of the dense cells and the congestion of the hot cells as
# they are now; at most the least density among the dense cells, and at least the largest among the
# others; the least congestion of the cells that the congestion cost now averages.
DENSE, HOT, LEAST_DENSE, NEXT_DENSE, LEAST_HOT = 0, 1, 2, 3, 4


def new_bound(model: CostModel) -> Bound:
    """A bound still to be taken."""
    cells, grid = model.num_cells, model.grid
    return Bound(
        dense=np.zeros(cells),
        hot=np.zeros(2 * cells),
        hot_before=np.zeros(2 * cells + grid.columns + grid.rows),
        sums=np.zeros(5),
        age=np.zeros(1, np.int64),
    )


@lean
def mark_top(values: FloatArray, count: int, top: int, least: float, mark: FloatArray) -> float:
    """Mark the `top` largest of `values[:count]`, the last of which is `least`; their sum."""
    total = 0.0
    left = top
    for i in range(count):
        above = values[i] > least
        mark[i] = above
        left -= above
        total += values[i] * above
    for i in range(count):
        if left <= 0:
            break
        if values[i] == least:
            mark[i] = 1.0
            total += least
            left -= 1
    return total


@lean
def largest_unmarked(values: FloatArray, count: int, mark: FloatArray) -> float:
    """The largest of `values[:count]`, none of which is negative, whose mark is 0."""
    largest = 0.0
    for i in range(count):
        largest = max(largest, values[i] * (1.0 - mark[i]))
    return largest


@lean
def take_hot(
    congestion: FloatArray,
    top: int,
    least: float,
    grid: GridShape,
    rates: Rates,
    hot: FloatArray,
    hot_before: FloatArray,
    work: FloatArray,
) -> float:
    """Take the `top` most congested cells, the last of which has `least`; their congestion.

    `work` is scratch of max(columns, rows) + 1 elements.
    """
    total = mark_top(congestion, 2 * grid.columns * grid.rows, top, least, hot)
    offset = 0
    base = 0
    for direction in range(2):
        if direction == 0:
            outer, inner, rate = grid.columns, grid.rows, rates.h_per_route
        else:
            outer, inner, rate = grid.rows, grid.columns, rates.v_per_route
        for i in range(inner):
            hot_before[base + i] = 0.0
        for _ in range(outer):
            line = hot_before[base + inner : base + 2 * inner]
            for i in range(inner):
                line[i] = hot[offset + i]
            if rates.smoothing > 0:
                gather(line, inner, rates.smoothing, work)
            for i in range(inner):
                line[i] = line[i] * rate + hot_before[base + i]
            base += inner
            offset += inner
        base += inner
    return total


@lean
def gather(line: FloatArray, count: int, radius: int, work: FloatArray) -> None:
    """Replace each of `line[:count]` by the mean of the elements within `radius` of it.

    This is the adjoint of `congestion.smooth`: what a cell passes on to marked cells.
    """
    work[0] = 0.0
    for i in range(count):
        work[i + 1] = work[i] + line[i]
    for i in range(count):
        low, high = max(i - radius, 0), min(i + radius, count - 1)
        line[i] = (work[high + 1] - work[low]) / (high - low + 1)


@lean
def passed(
    listed: IndexArray,
    count: int,
    net_demand: FloatArray,
    slot: Int32Array,
    begin: IndexArray,
    end: IndexArray,
    pieces: Int32Array,
    hot_before: FloatArray,
) -> float:
    """Congestion of the hot cells by the routes of `listed[:count]`."""
    total = 0.0
    for i in range(count):
        share = 0.0
        for j in range(slot[i], slot[i] + pieces[i]):
            first: int = begin[j]
            last: int = end[j]
            share += hot_before[last] - hot_before[first]
        net: int = listed[i]
        total += share * net_demand[net]
    return total
