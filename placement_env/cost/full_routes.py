"""Routes of batches of nets, for a full evaluation; the rules are those of `cost.congestion`.

Everything is made of routes between two cells: horizontally on the first one's row, then vertically
in the second one's column. A star is one such route per sink; a net of three cells takes two.

Differences of demand in both directions share an integer of 64 bits per packed cell, horizontal
ones above the lower 32 bits: one addition changes both. Sums are exact, in any order. Loops are
short and branch-free so that the compiler can make them work on several nets at once; kernels are
few and long because each level of calls is compiled once more.
"""

from __future__ import annotations

import numpy as np

from placement_env.cost.batches import Int32Array
from placement_env.cost.model import GridShape
from placement_env.kernels import lean
from placement_env.netlist import FloatArray, IntArray

# Repeated cells of nets with more positions than this are found by stamps instead of by pairs.
_MOST_BY_PAIRS = 40


@lean
def add_batch_routes(
    positions: int,
    nets: int,
    cell: Int32Array,
    demand: IntArray,
    grid: GridShape,
    stamp: IntArray,
    work: Int32Array,
    star: IntArray,
    three: IntArray,
    packed: IntArray,
) -> None:
    """Add the routes of the nets of one batch to the differences of demand; changes `cell`.

    Args:
        positions: Points per net.
        nets: How many nets.
        cell: [positions, nets] packed cells of their points, the drivers' first.
        demand: [nets] routes.
        grid: The grid.
        stamp: [packed cells + 1] scratch, zero at first; `stamp[-1]` counts its uses.
        work: Scratch of 7 x nets elements.
        star: Scratch of as many elements as there are nets.
        three: Scratch of as many elements as there are nets.
        packed: [packed cells] the differences of demand.
    """
    source = cell[:nets]
    if positions > 2:
        # Take the cells that a net has had before to its first cell: no routes lead there.
        repeated = work[:nets]
        by_pairs = positions <= _MOST_BY_PAIRS and nets >= 8
        for j in range(2, positions if by_pairs else 0):
            sink = cell[j * nets : (j + 1) * nets]
            repeated.fill(0)
            for earlier in range(1, j, 2):
                also = min(earlier + 1, j - 1)
                one, other = cell[earlier * nets :], cell[also * nets :]
                for i in range(nets):
                    repeated[i] |= (one[i] == sink[i]) | (other[i] == sink[i])
            for i in range(nets):
                sink[i] = source[i] ^ ((source[i] ^ sink[i]) & (repeated[i] - 1))
        for i in range(0 if by_pairs else nets):
            stamp[-1] += 1
            for j in range(i, positions * nets, nets):
                if stamp[cell[j]] == stamp[-1]:
                    cell[j] = source[i]
                stamp[cell[j]] = stamp[-1]

    # Nets of three points are routed by the rules for three cells, which fit fewer cells as well;
    # of the others, those with three cells are picked.
    threes = nets if positions == 3 else 0
    one, other, third = cell, cell[nets:], cell[(positions - 1) * nets :]
    star_demand, three_demand = demand, demand
    if positions > 3:
        one, other, third = work, work[nets:], work[2 * nets :]
        star_demand, three_demand = star, three
        # Of all sinks: how many cells there are besides the source's, and two of them.
        found, either, largest = work[3 * nets :], work[4 * nets :], work[5 * nets :]
        for i in range(3 * nets):
            found[i] = 0
        for j in range(1, positions):
            sink = cell[j * nets : (j + 1) * nets]
            for i in range(nets):
                found[i] += source[i] != sink[i]
                either[i] ^= source[i] ^ sink[i]
            for i in range(nets):
                largest[i] = max(largest[i], source[i] ^ sink[i])
        for i in range(nets):
            star[i] = 0 if found[i] == 2 else demand[i]
        for i in range(nets):
            three[threes] = demand[i]
            one[threes] = source[i]
            other[threes] = source[i] ^ largest[i]
            third[threes] = source[i] ^ largest[i] ^ either[i]
            threes += found[i] == 2
    if threes > 0:
        ends = work[3 * nets :]
        three_cell_routes(threes, one, other, third, grid, ends)
        for j in range(0, 4, 2):
            for i in range(threes):
                one[i], other[i] = ends[4 * i + j], ends[4 * i + j + 1]
            add_two_cell_routes(threes, one, other, three_demand, grid, packed)
    if positions != 3:
        for j in range(1, positions):
            add_two_cell_routes(nets, source, cell[j * nets :], star_demand, grid, packed)


@lean
def add_two_cell_routes(
    count: int,
    one: Int32Array,
    other: Int32Array,
    demand: IntArray,
    grid: GridShape,
    packed: IntArray,
) -> None:
    """Add routes from the cells `one` [count] to the cells `other` [count]."""
    mask = (1 << grid.shift) - 1
    for i in range(count):
        begin, end = np.int64(one[i]), np.int64(other[i])
        corner = (begin & ~mask) | (end & mask)
        vertical = demand[i]
        horizontal = vertical << 32
        # Signs by arithmetic: jumps would often be mispredicted.
        left = (begin - corner) >> 63
        down = (end - corner) >> 63
        horizontal = (horizontal ^ left) - left
        vertical = (vertical ^ down) - down
        packed[np.uint64(begin)] -= horizontal
        packed[np.uint64(corner)] += horizontal + vertical
        packed[np.uint64(end)] -= vertical


@lean
def three_cell_routes(
    count: int,
    one: Int32Array,
    other: Int32Array,
    third: Int32Array,
    grid: GridShape,
    ends: Int32Array,
) -> None:
    """Find the two routes of nets with three cells each, or with fewer and the first one repeated.

    By (column, row) the cells are 1, 2, 3. They are chained, 1 to 2 to 3, where the reference rules
    have an L and two related shapes. Else there is a trunk along the row of the middle cell by
    (row, column), which the two routes share: from the middle column to the low cell, and from the
    middle cell to the high one.

    Args:
        count: How many nets.
        one: [count] packed cells.
        other: [count] packed cells.
        third: [count] packed cells.
        grid: The grid.
        ends: [count, 4] gets the cells where the first route begins and ends, and the second one.
    """
    shift = grid.shift
    mask = (1 << shift) - 1
    for i in range(count):
        a, b, c = np.int64(one[i]), np.int64(other[i]), np.int64(third[i])
        low, high = min(min(a, b), c), max(max(a, b), c)
        middle = a ^ b ^ c ^ low ^ high
        # By (column, row), as column << 16 | row.
        a = (a & mask) << 16 | a >> shift
        b = (b & mask) << 16 | b >> shift
        c = (c & mask) << 16 | c >> shift
        first, last = min(min(a, b), c), max(max(a, b), c)
        second = a ^ b ^ c ^ first ^ last
        x1, x2, x3 = first >> 16, second >> 16, last >> 16
        y1, y2, y3 = first & 0xFFFF, second & 0xFFFF, last & 0xFFFF
        rises = (x1 < x2) & (y1 < y2) & (y2 < y3)
        falls = (x1 < x2) & (x2 < x3) & (y1 > y2) & (y2 > y3)
        flat = (x2 < x3) & (y2 == y3) & (first != second)
        chained = rises | falls | flat
        ends[4 * i] = y1 << shift | x1 if chained else (middle & ~mask) | x2
        ends[4 * i + 1] = y2 << shift | x2 if chained else low
        ends[4 * i + 2] = y2 << shift | x2 if chained else middle
        ends[4 * i + 3] = y3 << shift | x3 if chained else high


@lean
def unpack_demand(packed: IntArray, unit: float, grid: GridShape, difference: FloatArray) -> None:
    """Differences of demand as `cost.congestion` has them, from packed ones in `unit`s."""
    columns, rows = grid.columns, grid.rows
    vertical = (columns + 1) * rows
    for row in range(rows):
        for column in range(columns):
            both = packed[row << grid.shift | column]
            up = np.int64(np.int32(both))
            difference[column * rows + row] = unit * ((both - up) >> 32)
            difference[vertical + row * columns + column] = unit * up
