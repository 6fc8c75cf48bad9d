"""Room for a cell between others, which are pushed aside if there is too little."""

from __future__ import annotations

from agents.flat.detailed.board import BLOCKED, FREE, Board
from agents.flat.detailed.trial import NUMBER, Trial, put
from agents.flat.detailed.wires import Wires
from placement_env.kernels import lean

#: So many cells are pushed at most to each side. In dense rows free sites are far apart.
MOST_PUSHED = 64
#: How the lacking room is shared: all pushed to the right, all to the left, half and half.
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
def open_slot(
    wires: Wires, board: Board, trial: Trial, low: int, high: int, wish: int, sites: int, push: int
) -> int:
    """Where a cell of so many sites can begin in [low, high), near `wish`; -1 for nowhere.

    Where the slot is too short, the trial pushes its neighbours aside, other than those that it has
    moved or holds. Free sites beside the slot must belong to it.
    """
    lack = sites - (high - low)
    if lack <= 0:
        return min(max(wish, low), high - sites) if push == RIGHT else -1
    to_left = 0 if push == RIGHT else lack if push == LEFT else lack // 2
    if push == BOTH and to_left == 0:
        return -1
    for go in (False, True):  # First see whether there is room at all.
        for step in (1, -1):
            need = lack - to_left if step > 0 else to_left
            edge = high if step > 0 else low
            pushed = 0
            while need > 0:
                # `edge` is where free sites begin, to the right, or end, to the left.
                free = free_right(board, edge, need) if step > 0 else free_left(board, edge, need)
                need -= free
                edge += step * free
                if need == 0:
                    break
                beside = edge if step > 0 else edge - 1
                cell = board.at[beside] if beside >= 0 else BLOCKED
                if not go:
                    held = cell < 0 or trial.cell_stamp[cell] == trial.tally[NUMBER]
                    if held or pushed == MOST_PUSHED:
                        return -1
                else:
                    site = board.site[cell] + step * need
                    put(wires, board, trial, cell, site, 1.0)
                edge += step * board.sites[cell]
                pushed += 1
    return low - to_left
