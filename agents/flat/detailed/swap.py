"""Global and vertical swap: cells go towards their optimal regions, into gaps or in place of others.

A cell outside its optimal region tries what lies at the nearest place of that region (global swap),
or, for smaller steps that more often find a partner, in the line above or below (vertical swap):
free sites, seams between cells, and cells to change places with. Where there is too little room,
neighbours are pushed aside. The exact gain decides, of all cells that move.

References:
    M. Pan, N. Viswanathan, C. Chu, An efficient and effective detailed placement algorithm,
    ICCAD 2005.
"""

from __future__ import annotations

import numpy as np

from agents.flat.detailed.board import FREE, Board
from agents.flat.detailed.reach import Reach, best_interval, look_around, span_x, span_y
from agents.flat.detailed.slots import PUSHES, free_left, free_right, open_slot
from agents.flat.detailed.trial import Trial, gain, hold, keep, put, undo
from agents.flat.detailed.wires import Wires
from placement_env.kernels import lean
from placement_env.netlist import IntArray

#: Gains of less than this are rounding.
LEAST_GAIN = 1e-7
_NONE = -1


@lean
def swap_cells(
    wires: Wires,
    board: Board,
    trial: Trial,
    reach: Reach,
    order: IntArray,
    vertical: bool,
    lines: int,
    candidates: int,
) -> int:
    """One pass over all cells; returns how many moved.

    Args:
        wires: The nets.
        board: The placement; changes.
        trial: Empty.
        reach: Scratch.
        order: [C] the cells in the order in which they are tried.
        vertical: Try only the next line towards the optimal region.
        lines: Otherwise, so many lines above and below the best one are tried as well.
        candidates: So many gaps, seams and cells are tried on each side in each line.
    """
    moved = 0
    line_count = len(board.line)
    for cell in order:
        nets = look_around(wires, board, reach, cell)
        if nets == 0:
            continue
        here = board.part[board.part_of[board.site[cell]], 0]
        x = board.line[here, 0] + (board.site[cell] - board.line_start[here]) * board.site_um
        x += board.half_um[cell]
        y = board.line[here, 1]
        x_low, x_high = best_interval(wires, reach, nets, 0)
        y_low, y_high = best_interval(wires, reach, nets, 1)
        if x_low <= x <= x_high and y_low <= y <= y_high:
            continue
        now = span_x(wires, reach, nets, x) + span_y(wires, reach, nets, y, board.line[here, 3])
        wish_x, wish_y = min(max(x, x_low), x_high), min(max(y, y_low), y_high)
        if vertical:
            first = last = here + 1 if wish_y > y else here - 1
            if wish_y == y:
                continue
        else:
            middle = _nearest_line(board, wish_y)
            first, last = middle - lines, middle + lines
        best, best_slot = LEAST_GAIN, (_NONE, 0, 0, 0, 0)
        for line in range(max(first, 0), min(last, line_count - 1) + 1):
            turn = board.line[line, 3]
            up = now - span_y(wires, reach, nets, board.line[line, 1], turn)
            if up - span_x(wires, reach, nets, wish_x) <= best:
                continue  # Not even at the best place of this line.
            wish = _site_at(board, line, wish_x - board.half_um[cell])
            if wish == _NONE:
                continue
            best, best_slot = _try_line(
                wires, board, trial, reach, nets, cell, line, wish, up, candidates, best, best_slot
            )
        if best_slot[0] != _NONE:
            low, high, other, wish, push = best_slot
            if _attempt(wires, board, trial, cell, low, high, other, wish, push):
                if gain(wires, board, trial) > LEAST_GAIN:
                    keep(board, trial)
                    moved += 1
                    continue
            undo(wires, board, trial)
    return moved


@lean
def _try_line(
    wires: Wires,
    board: Board,
    trial: Trial,
    reach: Reach,
    nets: int,
    cell: int,
    line: int,
    wish: int,
    up: float,
    candidates: int,
    best: float,
    best_slot: tuple[int, int, int, int, int],
) -> tuple[float, tuple[int, int, int, int, int]]:
    """The best of the slots around a site, if better than `best`.

    A slot is its first site and its end, the cell there, the site to begin at, and how to push.


    Args:
        wires: The nets.
        board: The placement.
        trial: Empty.
        reach: The cell's nets.
        nets: How many.
        cell: The cell to move.
        line: The line.
        wish: Site of the line where it would best begin.
        up: What it gains by the line alone, less the width of its nets where it is.
        candidates: So many slots are tried on each side.
        best: Gain of the best slot so far.
        best_slot: That slot.
    """
    sites = board.sites[cell]
    to_centre = board.line[line, 0] + board.half_um[cell]
    start = board.line_start[line]
    at, leftmost = wish, wish
    for side in range(2):
        if side == 1:
            at = leftmost - 1
        for step in range(candidates):
            if at < 0 or board.part_of[at] < 0:
                break
            other = board.at[at]
            low, high = at, at + 1
            if other == FREE:
                low -= free_left(board, at, sites)
                high += free_right(board, at + 1, sites)
            else:
                low, high = board.site[other], board.site[other] + board.sites[other]
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
            if other == FREE and high - low >= sites:
                if alone > best:
                    best, best_slot = alone, (low, high, FREE, near, 0)
            elif other != FREE or alone > best:
                best, best_slot = _try_pushes(
                    wires, board, trial, cell, low, high, other, near, best, best_slot
                )
            if other != FREE and alone > best:
                # The seam before a cell on the right, behind a cell on the left.
                seam = board.site[other] + (0 if side == 0 else board.sites[other])
                if board.at[seam - 1] != FREE and board.at[seam] != FREE:
                    best, best_slot = _try_pushes(
                        wires, board, trial, cell, seam, seam, FREE, seam, best, best_slot
                    )
    return best, best_slot


@lean
def _try_pushes(
    wires: Wires,
    board: Board,
    trial: Trial,
    cell: int,
    low: int,
    high: int,
    other: int,
    wish: int,
    best: float,
    best_slot: tuple[int, int, int, int, int],
) -> tuple[float, tuple[int, int, int, int, int]]:
    """A slot with each way to push neighbours aside; the better of the best of them and `best`."""
    for push in range(PUSHES):
        if push > 0 and other != FREE and board.sites[other] == board.sites[cell]:
            break  # They change places, and nothing is pushed.
        found = -np.inf
        if _attempt(wires, board, trial, cell, low, high, other, wish, push):
            found = gain(wires, board, trial)
        undo(wires, board, trial)
        if found > best:
            best, best_slot = found, (low, high, other, wish, push)
    return best, best_slot


@lean
def _attempt(
    wires: Wires,
    board: Board,
    trial: Trial,
    cell: int,
    low: int,
    high: int,
    other: int,
    wish: int,
    push: int,
) -> bool:
    """Put a cell into a slot and the cell there in its place; False where there is no room.

    The narrower of the two lies within the place of the wider one, so that only one of both needs
    room beside its place.
    """
    home, sites = board.site[cell], board.sites[cell]
    hold(trial, cell)
    if other == FREE:
        site = open_slot(wires, board, trial, low, high, wish, sites, push)
        if site < 0:
            return False
        put(wires, board, trial, cell, site, board.mirror[cell])
        return True
    hold(trial, other)
    there, room = board.site[other], board.sites[other]
    if room <= sites:
        site = open_slot(wires, board, trial, low, high, wish, sites, push)
        if site < 0:
            return False
        other_site = home + (sites - room) // 2
    else:
        left = home - free_left(board, home, room)
        right = home + sites + free_right(board, home + sites, room)
        middle = home - (room - sites) // 2
        other_site = open_slot(wires, board, trial, left, right, middle, room, push)
        if other_site < 0:
            return False
        site = min(max(wish, there), there + room - sites)
    put(wires, board, trial, cell, site, board.mirror[cell])
    put(wires, board, trial, other, other_site, board.mirror[other])
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
