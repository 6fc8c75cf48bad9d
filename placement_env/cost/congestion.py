"""Congestion of the proxy cost: routes of nets, blockage by hard macros, smoothing.

A net takes `demand` routes through the cells of a fixed pattern: an L for two cells, one of four
shapes for three, a star from the driver's cell for more. Cells are the *distinct* cells of its
points. Pins outside the canvas are taken to the nearest cell (the reference evaluator has no
defined answer for them). Routes are half open: the last cell of each piece gets nothing.

Demand is kept as differences: a piece of route adds its demand where it starts and subtracts it
where it ends, and one running sum along the direction of the wires gives the demand of all cells.
The differences of horizontal wires come first, [columns + 1][rows]; those of vertical wires follow,
[rows + 1][columns]. The congestion of cells is [columns][rows] for horizontal and then
[rows][columns] for vertical wires.

The cost is the mean of the most congested twentieth of all cells, horizontal and vertical together.
"""

from __future__ import annotations

from math import floor

from placement_env.cost.model import GridShape, IndexArray, Int32Array, Rates
from placement_env.kernels import lean
from placement_env.netlist import FloatArray, IntArray


@lean
def packed_cell(x: float, y: float, grid: GridShape) -> int:
    """The cell that holds (x, y), or the nearest one, as `row << shift | column`."""
    column = min(max(floor(x / grid.cell_width), 0), grid.columns - 1)
    row = min(max(floor(y / grid.cell_height), 0), grid.rows - 1)
    return row << grid.shift | column


@lean
def route_nets(
    listed: IndexArray,
    count: int,
    net_start: Int32Array,
    net_point: IndexArray,
    cell_of_point: Int32Array,
    grid: GridShape,
    stamp: IntArray,
    slot: Int32Array,
    begin: IndexArray,
    end: IndexArray,
    pieces: Int32Array,
) -> None:
    """Route `listed[i]` for i < count: write its pieces from slot `slot[i]` of `begin` and `end`.

    Args:
        listed: Nets to route.
        count: How many of them.
        net_start: `Nets.start`.
        net_point: `Nets.point`.
        cell_of_point: [Q] packed cell of each point.
        grid: The grid.
        stamp: [1 + packed cells] scratch, zero at first; `stamp[-1]` counts the nets routed.
        slot: First slot of each listed net; it needs `Nets.segment_start`'s number of them.
        begin: Where each piece starts, as an index into the differences of demand.
        end: Where it ends.
        pieces: Gets the number of pieces of each listed net.
    """
    rows, columns, shift = grid.rows, grid.columns, grid.shift
    mask = (1 << shift) - 1
    vertical = (columns + 1) * rows
    for i in range(count):
        net = listed[i]
        first, last = net_start[net], net_start[net + 1]
        source = cell_of_point[net_point[first]]
        n = slot[i]
        # The distinct cells besides the source: up to two by value, all of them as a star.
        sink = source
        third = source
        if last - first == 2:
            sink = cell_of_point[net_point[first + 1]]
        elif last - first == 3:
            sink = cell_of_point[net_point[first + 1]]
            third = cell_of_point[net_point[first + 2]]
            if sink == source:
                sink, third = third, source
            elif third == sink:
                third = source
        else:
            stamp[-1] += 1
            now = stamp[-1]
            stamp[source] = now
            source_row, source_column = source >> shift, source & mask
            found = 0
            for j in range(first + 1, last):
                cell = cell_of_point[net_point[j]]
                if stamp[cell] == now:
                    continue
                stamp[cell] = now
                found += 1
                if found == 1:
                    sink = cell
                elif found == 2:
                    third = cell
                row, column = cell >> shift, cell & mask
                begin[n] = min(column, source_column) * rows + source_row
                end[n] = max(column, source_column) * rows + source_row
                begin[n + 1] = vertical + min(row, source_row) * columns + column
                end[n + 1] = vertical + max(row, source_row) * columns + column
                n += 2
            if found > 2:
                pieces[i] = n - slot[i]
                continue
            n = slot[i]
        if sink == source:
            pieces[i] = 0
            continue
        if third == source:
            row, column = source >> shift, source & mask
            sink_row, sink_column = sink >> shift, sink & mask
            begin[n] = min(column, sink_column) * rows + row
            end[n] = max(column, sink_column) * rows + row
            begin[n + 1] = vertical + min(row, sink_row) * columns + sink_column
            end[n + 1] = vertical + max(row, sink_row) * columns + sink_column
            pieces[i] = 2
            continue

        # Three cells, ordered by (column, row).
        y1, x1 = source >> shift, source & mask
        y2, x2 = sink >> shift, sink & mask
        y3, x3 = third >> shift, third & mask
        if x2 < x1 or (x2 == x1 and y2 < y1):
            x1, y1, x2, y2 = x2, y2, x1, y1
        if x3 < x2 or (x3 == x2 and y3 < y2):
            x2, y2, x3, y3 = x3, y3, x2, y2
            if x2 < x1 or (x2 == x1 and y2 < y1):
                x1, y1, x2, y2 = x2, y2, x1, y1
        if x1 < x2 and x2 < x3 and min(y1, y3) < y2 and y2 < max(y1, y3):
            begin[n], end[n] = x1 * rows + y1, x2 * rows + y1
            begin[n + 1], end[n + 1] = x2 * rows + y2, x3 * rows + y2
            begin[n + 2] = vertical + min(y1, y2) * columns + x2
            end[n + 2] = vertical + max(y1, y2) * columns + x2
            begin[n + 3] = vertical + min(y2, y3) * columns + x3
            end[n + 3] = vertical + max(y2, y3) * columns + x3
            pieces[i] = 4
        elif x2 == x3 and x1 < x2 and y1 < min(y2, y3):
            begin[n], end[n] = x1 * rows + y1, x2 * rows + y1
            begin[n + 1] = vertical + y1 * columns + x2
            end[n + 1] = vertical + max(y2, y3) * columns + x2
            pieces[i] = 2
        elif y2 == y3:
            begin[n], end[n] = x1 * rows + y1, x2 * rows + y1
            begin[n + 1], end[n + 1] = x2 * rows + y2, x3 * rows + y2
            begin[n + 2] = vertical + min(y1, y2) * columns + x2
            end[n + 2] = vertical + max(y1, y2) * columns + x2
            pieces[i] = 3
        else:
            # A trunk along the middle row. Columns are ordered; order by (row, column) as well.
            left, right = x1, x3
            if y2 < y1 or (y2 == y1 and x2 < x1):
                x1, y1, x2, y2 = x2, y2, x1, y1
            if y3 < y2 or (y3 == y2 and x3 < x2):
                x2, y2, x3, y3 = x3, y3, x2, y2
                if y2 < y1 or (y2 == y1 and x2 < x1):
                    x1, y1, x2, y2 = x2, y2, x1, y1
            begin[n], end[n] = left * rows + y2, right * rows + y2
            begin[n + 1] = vertical + y1 * columns + x1
            end[n + 1] = vertical + y2 * columns + x1
            begin[n + 2] = vertical + y2 * columns + x3
            end[n + 2] = vertical + y3 * columns + x3
            pieces[i] = 3


@lean
def add_routes(
    listed: IndexArray,
    count: int,
    net_demand: FloatArray,
    sign: float,
    slot: Int32Array,
    begin: IndexArray,
    end: IndexArray,
    pieces: Int32Array,
    difference: FloatArray,
) -> None:
    """Add sign x demand of the routes of `listed[i]`, i < count, to the differences of demand."""
    for i in range(count):
        demand = sign * net_demand[listed[i]]
        for j in range(slot[i], slot[i] + pieces[i]):
            difference[begin[j]] += demand
            difference[end[j]] -= demand


@lean
def blocked_cells(
    x: float,
    y: float,
    half_width: float,
    half_height: float,
    sign: float,
    grid: GridShape,
    rates: Rates,
    cell: Int32Array,
    blockage: FloatArray,
    count: int,
) -> int:
    """Append the cells that a hard macro blocks and sign x how much of their routes it takes.

    It takes vertical routes over the width and horizontal routes over the height that it has in a
    cell. Where it spans several rows and the outer ones are not both fully covered, the top row
    keeps its vertical routes; with columns, the right one keeps its horizontal routes. A top edge
    exactly on a grid line makes the row above, which it does not cover at all, the outer row.

    Returns:
        The number of entries of `cell` and `blockage` in use, `count` of which were before.
    """
    left, right = x - half_width, x + half_width
    bottom, top = y - half_height, y + half_height
    width, height = grid.cell_width, grid.cell_height
    last_column, last_row = floor(right / width), floor(top / height)
    if last_column < 0 or last_row < 0:
        return count
    first_column, first_row = max(floor(left / width), 0), max(floor(bottom / height), 0)
    last_column, last_row = min(last_column, grid.columns - 1), min(last_row, grid.rows - 1)
    if first_column > last_column or first_row > last_row:
        return count
    wide_first = min(right, (first_column + 1) * width) - max(left, first_column * width)
    wide_last = min(right, (last_column + 1) * width) - max(left, last_column * width)
    tall_first = min(top, (first_row + 1) * height) - max(bottom, first_row * height)
    tall_last = min(top, (last_row + 1) * height) - max(bottom, last_row * height)
    # A cell that is missed in one direction counts as missed in both.
    missed_column = wide_first <= 0 or wide_last <= 0
    missed_row = tall_first <= 0 or tall_last <= 0
    spares_top = last_row != first_row and (
        missed_column or abs(tall_first - height) > 1e-5 or abs(tall_last - height) > 1e-5
    )
    spares_right = last_column != first_column and (
        missed_row or abs(wide_first - width) > 1e-5 or abs(wide_last - width) > 1e-5
    )
    vertical = grid.columns * grid.rows
    for column in range(first_column, last_column + 1):
        wide = min(right, (column + 1) * width) - max(left, column * width)
        if wide <= 0:
            continue
        for row in range(first_row, last_row + 1):
            tall = min(top, (row + 1) * height) - max(bottom, row * height)
            if tall <= 0:
                continue
            if not (spares_right and column == last_column):
                cell[count] = column * grid.rows + row
                blockage[count] = sign * tall * rates.h_per_um
                count += 1
            if not (spares_top and row == last_row):
                cell[count] = vertical + row * grid.columns + column
                blockage[count] = sign * wide * rates.v_per_um
                count += 1
    return count


@lean
def cell_congestion(
    difference: FloatArray,
    blockage: FloatArray,
    grid: GridShape,
    rates: Rates,
    running: FloatArray,
    congestion: FloatArray,
) -> None:
    """Congestion of all cells from the differences of demand and from the blockage.

    `running` is scratch of 3 x max(columns, rows) + 1 elements.
    """
    offset = 0
    base = 0
    for direction in range(2):
        if direction == 0:
            outer, inner, rate = grid.columns, grid.rows, rates.h_per_route
        else:
            outer, inner, rate = grid.rows, grid.columns, rates.v_per_route
        for i in range(inner):
            running[i] = 0.0
        for _ in range(outer):
            if rates.smoothing == 0:
                for i in range(inner):
                    running[i] += difference[base + i]
                    congestion[offset + i] = running[i] * rate + blockage[offset + i]
            else:
                for i in range(inner):
                    running[i] += difference[base + i]
                    congestion[offset + i] = running[i] * rate
                line = congestion[offset : offset + inner]
                smooth(line, inner, rates.smoothing, running[inner:])
                for i in range(inner):
                    congestion[offset + i] += blockage[offset + i]
            base += inner
            offset += inner
        base += inner


@lean
def smooth(line: FloatArray, count: int, radius: int, work: FloatArray) -> None:
    """Spread each of `line[:count]` evenly over the elements within `radius`, itself included.

    `work` is scratch of count + 1 elements.
    """
    work[0] = 0.0
    for i in range(count):
        within = min(i + radius, count - 1) - max(i - radius, 0) + 1
        work[i + 1] = work[i] + line[i] / within
    for i in range(count):
        line[i] = work[min(i + radius, count - 1) + 1] - work[max(i - radius, 0)]
