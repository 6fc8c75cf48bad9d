"""Global and vertical swap: cells go towards their optimal regions, into gaps or to others' places.

A cell outside its optimal region tries what lies at the nearest place of that region (global swap),
or, for smaller steps that more often find a partner, in the line above or below (vertical swap):
free sites, seams between cells, and cells to change places with. Where there is too little room,
neighbours are pushed aside. The exact gain decides, of all cells that move.

References:
    M. Pan, N. Viswanathan, C. Chu, An efficient and effective detailed placement algorithm,
    ICCAD 2005.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agents.flat.detailed.board import FREE, Board
from agents.flat.detailed.reach import Reach, best_interval, look_around, span_x, span_y
from agents.flat.detailed.slots import PUSHES, RIGHT, free_left, free_right, open_slot
from agents.flat.detailed.trial import LEAST_GAIN, Trial, gain, hold, keep, put, undo
from agents.flat.detailed.wires import Wires
from placement_env.kernels import lean
from placement_env.netlist import FloatArray, IntArray

_NONE = -1


class Slots(NamedTuple):
    """Up to K places that a cell may go to.

    Attributes:
        low: [K] first site.
        high: [K] end; the sites are free, or a cell's and free ones beside it.
        other: [K] the cell to change places with, or `FREE`.
        wish: [K] where to begin.
        alone: [K] what the cell gains there if nothing else has to move.
    """

    low: IntArray
    high: IntArray
    other: IntArray
    wish: IntArray
    alone: FloatArray


def new_slots(lines: int, places: int) -> Slots:
    """Room for all slots in so many lines above and below, so many places to each side."""
    most = (2 * lines + 1) * 2 * places * 2
    return Slots(
        np.zeros(most, np.int64),
        np.zeros(most, np.int64),
        np.zeros(most, np.int64),
        np.zeros(most, np.int64),
        np.zeros(most),
    )


@lean
def swap_cells(
    wires: Wires,
    board: Board,
    trial: Trial,
    reach: Reach,
    slots: Slots,
    order: IntArray,
    vertical: bool,
    lines: int,
    places: int,
) -> int:
    """One pass over all cells that may gain something; returns how many moved.

    Global swap leaves out cells that found nothing before and whose nets have not changed since.

    Args:
        wires: The nets.
        board: The placement; changes.
        trial: Empty.
        reach: Scratch.
        slots: Scratch, with room for `lines` and `places`.
        order: [C] the cells in the order in which they are tried.
        vertical: Try only the next line towards the optimal region.
        lines: Otherwise, so many lines above and below the best one are tried as well.
        places: So many gaps and cells are tried on each side in each line.
    """
    moved = 0
    for cell in order:
        if not vertical:
            if not trial.stirred[cell]:
                continue
            trial.stirred[cell] = False
        nets = look_around(wires, board, reach, cell)
        if nets == 0:
            continue
        count = _list_slots(wires, board, reach, slots, nets, cell, vertical, lines, places)
        # All ways to take all slots, and then the best of them for good.
        best, best_way, ways = LEAST_GAIN, _NONE, count * PUSHES
        for number in range(ways + 1):
            way = number if number < ways else best_way
            if way == _NONE:
                break
            slot, push = way // PUSHES, way % PUSHES
            if number < ways and _is_idle(board, slots, slot, push, cell, best):
                continue
            found = -np.inf
            if _attempt(wires, board, trial, slots, slot, push, cell):
                found = gain(wires, board, trial)
            if number == ways and found > LEAST_GAIN:
                keep(wires, board, trial)
                moved += 1
                break
            undo(wires, board, trial)
            if found > best:
                best, best_way = found, way
    return moved


@lean
def _list_slots(
    wires: Wires,
    board: Board,
    reach: Reach,
    slots: Slots,
    nets: int,
    cell: int,
    vertical: bool,
    lines: int,
    places: int,
) -> int:
    """Fill `slots` with the places where a cell alone would gain; returns how many there are."""
    here = board.part[board.part_of[board.site[cell]], 0]
    x = board.line[here, 0] + (board.site[cell] - board.line_start[here]) * board.site_um
    x += board.half_um[cell]
    y = board.line[here, 1]
    x_low, x_high = best_interval(wires, reach, nets, 0)
    y_low, y_high = best_interval(wires, reach, nets, 1)
    wish_x, wish_y = min(max(x, x_low), x_high), min(max(y, y_low), y_high)
    if (wish_x == x or vertical) and wish_y == y:
        return 0
    now = span_x(wires, reach, nets, x) + span_y(wires, reach, nets, y, board.line[here, 3])
    if vertical:
        first = last = here + 1 if wish_y > y else here - 1
    else:
        middle = _nearest_line(board, wish_y)
        first, last = middle - lines, middle + lines
    count = 0
    for line in range(max(first, 0), min(last, len(board.line) - 1) + 1):
        up = now - span_y(wires, reach, nets, board.line[line, 1], board.line[line, 3])
        if up - span_x(wires, reach, nets, wish_x) <= LEAST_GAIN:
            continue  # Not even at the best place of this line.
        wish = _site_at(board, line, wish_x - board.half_um[cell])
        if wish != _NONE:
            count = _list_line(
                wires, board, reach, slots, nets, cell, line, wish, up, places, count
            )
    return count


@lean
def _list_line(
    wires: Wires,
    board: Board,
    reach: Reach,
    slots: Slots,
    nets: int,
    cell: int,
    line: int,
    wish: int,
    up: float,
    places: int,
    count: int,
) -> int:
    """Add the slots of a line around site `wish`; returns how many there are then.

    `up` is what the width of the cell's nets must stay below for a gain.
    """
    sites: int = board.sites[cell]
    to_centre = board.line[line, 0] + board.half_um[cell]
    start = board.line_start[line]
    at: int = wish
    leftmost = wish
    for side in range(2):
        if side == 1:
            at = leftmost - 1
        for step in range(places):
            if at < 0 or board.part_of[at] < 0:
                break
            other: int = board.at[at]
            if other == FREE:
                low, high = at - free_left(board, at, sites), at + free_right(board, at, sites)
            else:
                low = board.site[other]
                high = low + board.sites[other]
            seam = low if side == 0 else high
            at = high if side == 0 else low - 1
            if side == 0 and step == 0:
                leftmost = low
            if other == cell:
                continue
            if other != FREE and board.sites[other] < sites:
                low -= free_left(board, low, sites)
                high += free_right(board, high, sites)
            near = max(min(max(wish, low), high - sites), low)
            alone = up - span_x(wires, reach, nets, to_centre + (near - start) * board.site_um)
            if alone <= LEAST_GAIN:
                if (low > wish) if side == 0 else (high < wish):
                    break  # It gets worse from here on.
                continue
            slots.low[count], slots.high[count], slots.other[count] = low, high, other
            slots.wish[count], slots.alone[count] = near, alone
            count += 1
            if other != FREE and board.at[seam] != FREE and board.at[seam - 1] != FREE:
                slots.low[count] = slots.high[count] = slots.wish[count] = seam
                slots.other[count], slots.alone[count] = FREE, alone
                count += 1
    return count


@lean
def _is_idle(board: Board, slots: Slots, slot: int, push: int, cell: int, best: float) -> bool:
    """Whether a way to take a slot need not be tried: it equals another one or cannot be best."""
    other = slots.other[slot]
    if other == FREE:
        fits = slots.high[slot] - slots.low[slot] >= board.sites[cell]
        return slots.alone[slot] <= best or (fits and push != RIGHT)
    return board.sites[other] == board.sites[cell] and push != RIGHT


@lean
def _attempt(
    wires: Wires, board: Board, trial: Trial, slots: Slots, slot: int, push: int, cell: int
) -> bool:
    """Put a cell into a slot and the cell there in its place; False where there is no room.

    The narrower of the two lies within the place of the wider one, so that only one of both needs
    room beside its place.
    """
    home: int = board.site[cell]
    sites: int = board.sites[cell]
    other: int = slots.other[slot]
    low, high, wish, wide = slots.low[slot], slots.high[slot], slots.wish[slot], sites
    hold(trial, cell)
    room: int = 0
    there = wish
    if other != FREE:
        hold(trial, other)
        room = board.sites[other]
        there = board.site[other]
        if room > sites:
            low = home - free_left(board, home, room)
            high = home + sites + free_right(board, home + sites, room)
            wish, wide = home - (room - sites) // 2, room
    opened = open_slot(wires, board, trial, low, high, wish, wide, push)
    if opened < 0:
        return False
    site, other_site = opened, home + (sites - room) // 2
    if room > sites:
        site, other_site = min(max(slots.wish[slot], there), there + room - sites), opened
    for mover in (cell, other):
        if mover != FREE:
            to = site if mover == cell else other_site
            put(wires, board, trial, mover, to, 1.0)
    return True


@lean
def _nearest_line(board: Board, y: float) -> int:
    """The line whose middle is nearest to y."""
    low, high = 0, len(board.line) - 1
    while low < high:
        middle = (low + high) // 2
        if board.line[middle, 1] < y:
            low = middle + 1
        else:
            high = middle
    if low > 0 and y - board.line[low - 1, 1] < board.line[low, 1] - y:
        low -= 1
    return low


@lean
def _site_at(board: Board, line: int, left: float) -> int:
    """The site of a line that is nearest to begin at `left`; `_NONE` where all are blocked."""
    site = board.line_start[line] + round((left - board.line[line, 0]) / board.site_um)
    best, nearest = _NONE, 0
    for part in range(board.line_part[line], board.line_part[line + 1]):
        inside = min(max(site, board.part[part, 1]), board.part[part, 2] - 1)
        if best == _NONE or abs(inside - site) < nearest:
            best, nearest = inside, abs(inside - site)
        elif board.part[part, 1] > site:
            break
    return best
