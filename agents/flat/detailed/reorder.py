"""Local reordering: every order of a few neighbours in a row is tried.

A window slides along each row, cell by cell. The free sites between its cells stay where they are
among the first, the second and so on, or go to the right or to the left end of the window. Only x
changes, so that an order is judged by the widths of the window's nets alone.

References:
    M. Pan, N. Viswanathan, C. Chu, An efficient and effective detailed placement algorithm,
    ICCAD 2005.
"""

from __future__ import annotations

from itertools import permutations
from typing import NamedTuple

import numpy as np

from agents.flat.detailed.board import FEW_PINS, Board
from agents.flat.detailed.trial import LEAST_GAIN, Trial, gain, keep, put, undo
from agents.flat.detailed.wires import FIXED, Wires
from placement_env.kernels import lean
from placement_env.netlist import FloatArray, IntArray

#: How free sites of a window are dealt out.
_IN_PLACE, _AT_RIGHT, _AT_LEFT = 0, 1, 2


class Window(NamedTuple):
    """K neighbours in a row, their orders, and up to U uses of W nets by them.

    Attributes:
        orders: [K!, K] all orders; the first one is 0, 1, ...
        cells: [K] the cells from left to right.
        slot: [E] number of each net in the window, where it is one of `nets`.
        nets: [W] the nets.
        outer: [W, 2] left and right edge of their pins on other cells.
        edge: [W, 2] scratch: left and right edge under an order.
        use_cell: [U] place of the using cell in `cells`.
        use_net: [U] number of the used net in `nets`.
        use: [U, 2] leftmost and rightmost pin of that net on that cell, from the cell's left edge.
        place: [K] of cells: how many sites from the window's left edge.
        best: [K] the same in the best order so far.
    """

    orders: IntArray
    cells: IntArray
    slot: IntArray
    nets: IntArray
    outer: FloatArray
    edge: FloatArray
    use_cell: IntArray
    use_net: IntArray
    use: FloatArray
    place: IntArray
    best: IntArray


def new_window(wires: Wires, size: int) -> Window:
    """Room for windows of so many cells."""
    most = size * int(np.diff(wires.cell_start).max(initial=1))
    return Window(
        np.array(list(permutations(range(size)))),
        np.zeros(size, np.int64),
        np.full(len(wires.net_weight), -1),
        np.zeros(most, np.int64),
        np.zeros((most, 2)),
        np.zeros((most, 2)),
        np.zeros(most, np.int64),
        np.zeros(most, np.int64),
        np.zeros((most, 2)),
        np.zeros(size, np.int64),
        np.zeros(size, np.int64),
    )


@lean
def reorder_rows(wires: Wires, board: Board, trial: Trial, window: Window) -> int:
    """One pass over all rows; returns how many windows were put in another order."""
    size, changed = window.orders.shape[1], 0
    for part in range(len(board.part)):
        begin, end = board.part[part, 1], board.part[part, 2]
        low: int = begin
        site, filled = begin, 0
        while True:
            while site < end and board.at[site] < 0:
                site += 1
            # `site` is where the next cell begins, or the end of the part.
            if filled == size:
                if _reorder(wires, board, trial, window, low, site):
                    changed += 1
                left: int = window.cells[0]
                low = board.site[left] + board.sites[left]
                for i in range(size - 1):
                    window.cells[i] = window.cells[i + 1]
                filled -= 1
            if site == end:
                break
            window.cells[filled] = board.at[site]
            filled += 1
            site += board.sites[board.at[site]]
    return changed


@lean
def _reorder(wires: Wires, board: Board, trial: Trial, window: Window, low: int, high: int) -> bool:
    """Put the window's cells, which may take the sites from `low` to `high`, in the best order."""
    size, cells = len(window.cells), window.cells
    nets, uses = _collect(wires, board, trial, window)
    line = board.part[board.part_of[board.site[cells[0]]], 0]
    low_um = board.line[line, 0] + (low - board.line_start[line]) * board.site_um
    first, last = board.site[cells[0]], board.site[cells[size - 1]] + board.sites[cells[size - 1]]
    gaps = last - first
    for i in range(size):
        gaps -= board.sites[cells[i]]
    best, found = np.inf, False
    for number in range(len(window.orders)):
        order = window.orders[number]
        for way in range(3 if gaps > 0 else 1):
            at = first - low
            if way == _AT_LEFT:
                at += gaps
            for i in range(size):
                window.place[order[i]] = at
                at += board.sites[cells[order[i]]]
                if way == _IN_PLACE and i < size - 1:
                    at += board.site[cells[i + 1]] - board.site[cells[i]] - board.sites[cells[i]]
            cost = 0.0
            for i in range(nets):
                window.edge[i, 0], window.edge[i, 1] = window.outer[i, 0], window.outer[i, 1]
            for i in range(uses):
                left = low_um + window.place[window.use_cell[i]] * board.site_um
                net = window.use_net[i]
                window.edge[net, 0] = min(window.edge[net, 0], left + window.use[i, 0])
                window.edge[net, 1] = max(window.edge[net, 1], left + window.use[i, 1])
            for i in range(nets):
                width = window.edge[i, 1] - window.edge[i, 0]
                cost += wires.net_weight[window.nets[i]] * width
            if cost < best - LEAST_GAIN:
                best, found = cost, number > 0 or way > 0
                for i in range(size):
                    window.best[i] = window.place[i]
    if not found:
        return False
    for i in range(size):
        if low + window.best[i] != board.site[cells[i]]:
            put(wires, board, trial, cells[i], low + window.best[i], 1.0)
    if gain(wires, board, trial) > LEAST_GAIN:
        keep(wires, board, trial)
        for i in range(1, size):  # By their places now.
            cell, at = cells[i], i
            while at > 0 and board.site[cells[at - 1]] > board.site[cell]:
                cells[at] = cells[at - 1]
                at -= 1
            cells[at] = cell
        return True
    undo(wires, board, trial)
    return False


@lean
def _collect(wires: Wires, board: Board, trial: Trial, window: Window) -> tuple[int, int]:
    """The window's nets, without its own pins, and how its cells use them; how many of both."""
    nets = uses = 0
    line = board.part[board.part_of[board.site[window.cells[0]]], 0]
    for i in range(len(window.cells)):
        cell = window.cells[i]
        turn = board.line[line, 2] * board.mirror[cell]
        k, stop = wires.cell_start[cell], wires.cell_start[cell + 1]
        while k < stop:
            net = wires.pin_net[wires.cell_pin[k]]
            slot = window.slot[net]
            if not (0 <= slot < nets and window.nets[slot] == net):
                slot = nets
                window.slot[net], window.nets[slot] = slot, net
                nets += 1
            low, high = np.inf, -np.inf
            while k < stop and wires.pin_net[wires.cell_pin[k]] == net:
                offset = board.half_um[cell] + turn * wires.pin_offset[wires.cell_pin[k], 0]
                low, high = min(low, offset), max(high, offset)
                k += 1
            window.use_cell[uses], window.use_net[uses] = i, slot
            window.use[uses, 0], window.use[uses, 1] = low, high
            uses += 1
    for slot in range(nets):
        _outer_edges(wires, board, window, slot)
    return nets, uses


@lean
def _outer_edges(wires: Wires, board: Board, window: Window, slot: int) -> None:
    """Left and right edge of a net's pins on cells outside the window."""
    net, cells = window.nets[slot], window.cells
    begin, end = wires.net_start[net], wires.net_start[net + 1]
    if end - begin > FEW_PINS:
        left, right = board.rim[net, 0], board.rim[net, 2]
        for i in range(len(cells)):
            for k in range(wires.cell_start[cells[i]], wires.cell_start[cells[i] + 1]):
                pin = wires.cell_pin[k]
                if wires.pin_net[pin] == net:
                    left -= board.pin[pin, 0] == board.box[net, 0]
                    right -= board.pin[pin, 0] == board.box[net, 2]
        if left > 0 and right > 0:
            window.outer[slot, 0], window.outer[slot, 1] = board.box[net, 0], board.box[net, 2]
            return
    left_um, right_um = np.inf, -np.inf
    for pin in range(begin, end):
        cell, inside = wires.pin_cell[pin], False
        if cell != FIXED:
            for i in range(len(cells)):
                inside |= cells[i] == cell
        if not inside:
            left_um, right_um = min(left_um, board.pin[pin, 0]), max(right_um, board.pin[pin, 0])
    window.outer[slot, 0], window.outer[slot, 1] = left_um, right_um
