"""The best places of the cells of a row, in the order that they have: exact, on whole sites.

With the order given, the leftmost pin of a net is on the first of its cells and the rightmost pin
on the last one. So the wirelength is a sum of functions of one cell's place each: convex, piecewise
linear, with a break where the cell's pin passes the box of the net's pins in other rows. Between
whole sites those functions can be drawn straight without changing the best whole sites.

Cells are added from left to right. Let F(y) be the least cost of the cells so far with the last one
at y or further left, y being counted without the cells' widths. F falls to the right and then stays
level, so that a heap of its breaks describes it: each cell adds breaks, and those where the sum
would rise again are taken off. Each break comes and goes once: n log n steps for a row.

References:
    A. B. Kahng, P. Tucker, A. Zelikovsky, Optimization of linear placements for wirelength
    minimization with free sites, ASP-DAC 1999.
"""

from __future__ import annotations

from math import floor
from typing import NamedTuple

import numpy as np

from agents.flat.detailed.board import FEW_PINS, Board
from agents.flat.detailed.trial import Trial, gain, keep, put, undo
from agents.flat.detailed.wires import Wires
from placement_env.kernels import lean
from placement_env.netlist import FloatArray, IntArray

#: Breaks that weigh less than this share of what they are taken from are rounding.
_ROUNDING = 1e-12


class RowScratch(NamedTuple):
    """Room for the row at hand.

    Attributes:
        stamp: [E] the last row in which each net was seen.
        first: [E, 2] the first cell of each net in this row and its last one, by their order.
        inner: [E, 2] how many pins in this row lie at the left and right edge of the net's box.
        cells: [C] the cells from left to right.
        low: [C] where the least cost of the cells up to each one begins, in sites.
        high: [C] where it ends.
        at: Heap: place of each break.
        weight: Heap: by how much the slope grows there.
        row: [1] number of the row at hand.
    """

    stamp: IntArray
    first: IntArray
    inner: IntArray
    cells: IntArray
    low: IntArray
    high: IntArray
    at: IntArray
    weight: FloatArray
    row: IntArray


def new_row_scratch(wires: Wires, board: Board) -> RowScratch:
    """Room for any row of a board."""
    cells, nets, pins = len(board.site), len(wires.net_weight), len(wires.cell_pin)
    return RowScratch(
        np.zeros(nets, np.int64),
        np.zeros((nets, 2), np.int64),
        np.zeros((nets, 2), np.int64),
        np.zeros(cells, np.int64),
        np.zeros(cells, np.int64),
        np.zeros(cells, np.int64),
        np.zeros(4 * pins + 4, np.int64),
        np.zeros(4 * pins + 4),
        np.zeros(1, np.int64),
    )


@lean
def shift_rows(wires: Wires, board: Board, trial: Trial, scratch: RowScratch) -> int:
    """Move the cells of each part of a row to their best places in order; how many moved."""
    moved = 0
    for part in range(len(board.part)):
        begin, end = board.part[part, 1], board.part[part, 2]
        count, slack, site = 0, end - begin, begin
        while site < end:
            cell = board.at[site]
            if cell < 0:
                site += 1
                continue
            scratch.cells[count] = cell
            count += 1
            slack -= board.sites[cell]
            site += board.sites[cell]
        if count == 0 or slack == 0:
            continue
        scratch.row[0] += 1
        _mark_nets(wires, board, scratch, count)
        _add_cells(wires, board, scratch, part, count, slack)
        limit, packed = slack, end - slack
        changed = 0
        for i in range(count - 1, -1, -1):
            cell = scratch.cells[i]
            packed -= board.sites[cell]
            place = min(max(board.site[cell] - packed, scratch.low[i]), scratch.high[i])
            limit = min(limit, place)
            if packed + limit != board.site[cell]:
                put(wires, board, trial, cell, packed + limit, 1.0)
                changed += 1
        if changed:
            if gain(wires, board, trial) > 0.0:
                keep(wires, board, trial)
                moved += changed
            else:
                undo(wires, board, trial)
    return moved


@lean
def _mark_nets(wires: Wires, board: Board, scratch: RowScratch, count: int) -> None:
    """First and last cell of each net of the row, and its pins there at the edges of its box."""
    row = scratch.row[0]
    for i in range(count):
        cell = scratch.cells[i]
        for k in range(wires.cell_start[cell], wires.cell_start[cell + 1]):
            pin = wires.cell_pin[k]
            net = wires.pin_net[pin]
            if scratch.stamp[net] != row:
                scratch.stamp[net] = row
                scratch.first[net, 0] = i
                scratch.inner[net] = 0
            scratch.first[net, 1] = i
            scratch.inner[net, 0] += board.pin[pin, 0] == board.box[net, 0]
            scratch.inner[net, 1] += board.pin[pin, 0] == board.box[net, 2]


@lean
def _add_cells(
    wires: Wires, board: Board, scratch: RowScratch, part: int, count: int, slack: int
) -> None:
    """Where each cell may lie at least cost of the cells up to it: `scratch.low` and `high`."""
    line, begin = board.part[part, 0], board.part[part, 1]
    left_um = board.line[line, 0] + (begin - board.line_start[line]) * board.site_um
    breaks, packed = 0, 0
    for i in range(count):
        cell: int = scratch.cells[i]
        turn = board.line[line, 2] * board.mirror[cell]
        rise = 0.0
        k: int = wires.cell_start[cell]
        stop: int = wires.cell_start[cell + 1]
        while k < stop:
            pin: int = wires.cell_pin[k]
            net: int = wires.pin_net[pin]
            low, high = np.inf, -np.inf
            while k < stop and wires.pin_net[wires.cell_pin[k]] == net:
                offset = turn * wires.pin_offset[wires.cell_pin[k], 0]
                low, high = min(low, offset), max(high, offset)
                k += 1
            is_first, is_last = scratch.first[net, 0] == i, scratch.first[net, 1] == i
            if not (is_first or is_last):
                continue
            outer_left, outer_right = _outer_edges(wires, board, scratch, net, part)
            # From the net's edge to the cell's place, in sites, for its leftmost and last pin.
            to_place = left_um + packed * board.site_um + board.half_um[cell]
            weight: float = wires.net_weight[net]
            if is_first:
                edge = (outer_left - low - to_place) / board.site_um
                breaks, _ = _push_break(scratch, breaks, edge, slack, weight, False)
            if is_last:
                edge = (outer_right - high - to_place) / board.site_um
                breaks, slope = _push_break(scratch, breaks, edge, slack, weight, True)
                rise += slope
        packed += board.sites[cell]
        # Take off what rises to the right.
        scratch.high[i] = slack
        rounding = _ROUNDING * rise
        while rise > rounding and breaks > 0:
            scratch.high[i] = scratch.at[0]
            if scratch.weight[0] > rise + rounding:
                scratch.weight[0] -= rise
                break
            rise -= scratch.weight[0]
            breaks = _pop_break(scratch, breaks)
        scratch.low[i] = scratch.at[0] if breaks > 0 else 0


@lean
def _outer_edges(
    wires: Wires, board: Board, scratch: RowScratch, net: int, part: int
) -> tuple[float, float]:
    """Left and right edge of a net's pins that are not in this part of the row; inf where none."""
    begin, end = wires.net_start[net], wires.net_start[net + 1]
    if end - begin > FEW_PINS:
        spare_left = board.rim[net, 0] - scratch.inner[net, 0]
        spare_right = board.rim[net, 2] - scratch.inner[net, 1]
        if spare_left > 0 and spare_right > 0:
            return board.box[net, 0], board.box[net, 2]
    left, right = np.inf, -np.inf
    for pin in range(begin, end):
        cell = wires.pin_cell[pin]
        if cell < 0 or board.part_of[board.site[cell]] != part:
            left, right = min(left, board.pin[pin, 0]), max(right, board.pin[pin, 0])
    return left, right


@lean
def _push_break(
    scratch: RowScratch, breaks: int, edge: float, slack: int, weight: float, rises: bool
) -> tuple[int, float]:
    """Put a break onto the heap, split between the sites on both sides of it.

    A break where the cost stops falling counts only beyond 0, one where it begins to rise only
    before `slack`; further ones lie at the end of the row for all that matters.

    Returns:
        The number of breaks, and by how much the function rises to the right of all breaks.
    """
    if (rises and edge >= slack) or (not rises and edge <= 0):
        return breaks, 0.0
    edge = min(max(edge, 0.0), float(slack))
    site = floor(edge)
    after = weight * (edge - site)
    breaks = _push_one(scratch, breaks, site, weight - after)
    if after > 0:
        breaks = _push_one(scratch, breaks, site + 1, after)
    return breaks, weight if rises else 0.0


@lean
def _push_one(scratch: RowScratch, breaks: int, at: int, weight: float) -> int:
    hole = breaks
    while hole > 0 and scratch.at[(hole - 1) // 2] < at:
        above = (hole - 1) // 2
        scratch.at[hole], scratch.weight[hole] = scratch.at[above], scratch.weight[above]
        hole = above
    scratch.at[hole], scratch.weight[hole] = at, weight
    return breaks + 1


@lean
def _pop_break(scratch: RowScratch, breaks: int) -> int:
    """Take the rightmost break off the heap; returns how many are left."""
    breaks -= 1
    at, weight = scratch.at[breaks], scratch.weight[breaks]
    hole = 0
    while True:
        below = 2 * hole + 1
        if below >= breaks:
            break
        if below + 1 < breaks and scratch.at[below + 1] > scratch.at[below]:
            below += 1
        if scratch.at[below] <= at:
            break
        scratch.at[hole], scratch.weight[hole] = scratch.at[below], scratch.weight[below]
        hole = below
    scratch.at[hole], scratch.weight[hole] = at, weight
    return breaks
