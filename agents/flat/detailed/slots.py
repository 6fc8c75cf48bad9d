"""Room for a cell between others, which are pushed aside if there is too little."""

from __future__ import annotations

from agents.flat.detailed.board import FREE, Board
from agents.flat.detailed.trial import NUMBER, Trial, put
from agents.flat.detailed.wires import Wires
from placement_env.kernels import lean

#: So many cells are pushed at most to each side.
MOST_PUSHED = 4
#: How the lacking room is shared: pushed to the right, to the left, half and half.
RIGHT, LEFT, BOTH = 0, 1, 2
PUSHES = 3


@lean
def free_right(board: Board, site: int, most: int) -> int:
    """Free sites from `site` to the right, at most so many."""
    count = 0
    while count < most and board.at[site + count] == FREE:
        count += 1
    return count


@lean
def free_left(board: Board, site: int, most: int) -> int:
    """Free sites that end before `site`, at most so many."""
    count = 0
    while count < most and site - count > 0 and board.at[site - count - 1] == FREE:
        count += 1
    return count


@lean
def push_right(wires: Wires, board: Board, trial: Trial, site: int, need: int) -> bool:
    """Free `need` sites from `site` on by pushing cells; False where that cannot be done.

    Cells that the trial has moved or holds are not pushed, nor are their places given away.
    """
    pushed = 0
    while True:
        free = free_right(board, site, need)
        need -= free
        site += free
        if need == 0:
            return True
        cell = board.at[site]
        if cell < 0 or pushed == MOST_PUSHED or trial.cell_stamp[cell] == trial.count[NUMBER]:
            return False
        put(wires, board, trial, cell, site + need, board.mirror[cell])
        site += board.sites[cell]
        pushed += 1


@lean
def push_left(wires: Wires, board: Board, trial: Trial, site: int, need: int) -> bool:
    """As `push_right`, for the `need` sites that end before `site`."""
    pushed = 0
    while True:
        free = free_left(board, site, need)
        need -= free
        site -= free
        if need == 0:
            return True
        cell = board.at[site - 1] if site > 0 else FREE - 1
        if cell < 0 or pushed == MOST_PUSHED or trial.cell_stamp[cell] == trial.count[NUMBER]:
            return False
        site -= board.sites[cell]
        put(wires, board, trial, cell, site - need, board.mirror[cell])
        pushed += 1


@lean
def open_slot(
    wires: Wires, board: Board, trial: Trial, low: int, high: int, wish: int, sites: int, push: int
) -> int:
    """Where a cell of so many sites can begin in [low, high), near `wish`; -1 for nowhere.

    Where the slot is too short, the trial pushes its neighbours aside. Free sites beside the slot
    must belong to it.
    """
    lack = sites - (high - low)
    if lack <= 0:
        return min(max(wish, low), high - sites) if push == 0 else -1
    to_left = 0 if push == RIGHT else lack if push == LEFT else lack // 2
    if push == BOTH and to_left == 0:
        return -1
    if lack > to_left and not push_right(wires, board, trial, high, lack - to_left):
        return -1
    if to_left > 0 and not push_left(wires, board, trial, low, to_left):
        return -1
    return low - to_left
