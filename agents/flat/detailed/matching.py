"""Independent-set matching: cells that share no net take each other's places, all at once.

The cells of a window of the core that are equally wide, and that share no net, can be dealt out
over their places and the gaps between them at exactly known cost: what each cell costs at each
place does not depend on the others. The best dealing out is an assignment problem.

References:
    T.-C. Chen, Z.-W. Jiang, T.-C. Hsu, H.-C. Chen, Y.-W. Chang, NTUplace3: an analytical placer for
    large-scale mixed-size designs with preplaced blocks and density constraints, IEEE Transactions
    on CAD 27, 2008 (cell matching).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agents.flat.detailed.assignment import Assignment, assign, new_assignment
from agents.flat.detailed.board import FREE, Board
from agents.flat.detailed.reach import Reach, look_around, span_x, span_y
from agents.flat.detailed.trial import LEAST_GAIN, Trial, gain, keep, put, undo
from agents.flat.detailed.wires import Wires
from placement_env.kernels import lean
from placement_env.netlist import IntArray

#: Most cells in one problem, and most places.
MOST_CELLS, MOST_PLACES = 48, 72
#: Nets of more pins do not keep cells apart: what they cost is only roughly known then.
_LARGE_NET = 32


class Matching(NamedTuple):
    """Room for a window.

    Attributes:
        cells: [C] cells of the window that have not been tried yet.
        chosen: [MOST_CELLS] cells of the problem.
        places: [MOST_PLACES] sites that they may begin at; their own first.
        stamp: [E] number of the last problem that each net belongs to.
        number: [1] number of the problem.
        problem: The costs.
    """

    cells: IntArray
    chosen: IntArray
    places: IntArray
    stamp: IntArray
    number: IntArray
    problem: Assignment


def new_matching(wires: Wires, board: Board) -> Matching:
    """Room for any window of a board."""
    return Matching(
        np.zeros(len(board.site), np.int64),
        np.zeros(MOST_CELLS, np.int64),
        np.zeros(MOST_PLACES, np.int64),
        np.zeros(len(wires.net_weight), np.int64),
        np.zeros(1, np.int64),
        new_assignment(MOST_CELLS, MOST_PLACES),
    )


@lean
def match_cells(
    wires: Wires,
    board: Board,
    trial: Trial,
    reach: Reach,
    matching: Matching,
    lines: int,
    columns: int,
    down: int,
    aside: int,
) -> int:
    """One pass over windows of so many lines and sites; returns how many cells moved.

    Args:
        wires: The nets.
        board: The placement; changes.
        trial: Empty.
        reach: Scratch.
        matching: Scratch.
        lines: Lines in a window.
        columns: Sites in a window's line.
        down: So many lines below the core the first windows begin.
        aside: So many sites to the left of it.
    """
    moved = 0
    left_um, right_um = np.inf, -np.inf
    for line in range(len(board.line)):
        length = board.line_start[line + 1] - board.line_start[line]
        left_um = min(left_um, board.line[line, 0])
        right_um = max(right_um, board.line[line, 0] + length * board.site_um)
    width_um = columns * board.site_um
    for bottom in range(-down, len(board.line), lines):
        for step in range(int((right_um - left_um) / width_um) + 2):
            left = left_um - aside * board.site_um + step * width_um
            moved += _match_window(
                wires, board, trial, reach, matching, bottom, bottom + lines, left, left + width_um
            )
    return moved


@lean
def _match_window(
    wires: Wires,
    board: Board,
    trial: Trial,
    reach: Reach,
    matching: Matching,
    bottom: int,
    top: int,
    left: float,
    right: float,
) -> int:
    """Match the cells of one window, width by width; how many moved."""
    count = 0
    for line in range(max(bottom, 0), min(top, len(board.line))):
        site, end = _span(board, line, left, right)
        while site < end:
            cell = board.at[site]
            if cell < 0:
                site += 1
                continue
            if board.site[cell] == site:
                matching.cells[count] = cell
                count += 1
            site = board.site[cell] + board.sites[cell]
    moved = 0
    while count > 1:
        model: int = matching.cells[0]
        wide: int = board.sites[model]
        chosen, left_over = 0, 0
        matching.number[0] += 1
        for i in range(count):
            cell = matching.cells[i]
            fits = board.sites[cell] == wide and chosen < MOST_CELLS
            if fits and _stands_alone(wires, matching, cell):
                matching.chosen[chosen] = cell
                chosen += 1
            else:
                matching.cells[left_over] = cell
                left_over += 1
        count = left_over
        places = chosen
        for i in range(chosen):
            matching.places[i] = board.site[matching.chosen[i]]
        places = _add_gaps(board, matching, places, wide, bottom, top, left, right)
        if places > 1:
            moved += _deal_out(wires, board, trial, reach, matching, chosen, places)
    return moved


@lean
def _span(board: Board, line: int, left: float, right: float) -> tuple[int, int]:
    """First site and end of a line between two x."""
    start, end = board.line_start[line], board.line_start[line + 1]
    first = start + int(np.ceil((left - board.line[line, 0]) / board.site_um))
    stop = start + int(np.ceil((right - board.line[line, 0]) / board.site_um))
    return min(max(first, start), end), min(max(stop, start), end)


@lean
def _stands_alone(wires: Wires, matching: Matching, cell: int) -> bool:
    """Whether a cell shares no net with those chosen so far; its nets are marked if so."""
    now = matching.number[0]
    for k in range(wires.cell_start[cell], wires.cell_start[cell + 1]):
        net = wires.pin_net[wires.cell_pin[k]]
        if matching.stamp[net] == now:
            return False
    for k in range(wires.cell_start[cell], wires.cell_start[cell + 1]):
        net = wires.pin_net[wires.cell_pin[k]]
        if wires.net_start[net + 1] - wires.net_start[net] <= _LARGE_NET:
            matching.stamp[net] = now
    return True


@lean
def _add_gaps(
    board: Board,
    matching: Matching,
    places: int,
    wide: int,
    bottom: int,
    top: int,
    left: float,
    right: float,
) -> int:
    """Add free places in the window, one or two for each gap; returns how many places there are."""
    for line in range(max(bottom, 0), min(top, len(board.line))):
        site, end = _span(board, line, left, right)
        while site < end:
            cell = board.at[site]
            if cell >= 0:
                site = board.site[cell] + board.sites[cell]
                continue
            first = site
            while site < end and board.at[site] == FREE:
                site += 1
            if site - first >= wide:
                if places == MOST_PLACES:
                    return places
                matching.places[places] = first
                places += 1
                if site - first >= 2 * wide and places < MOST_PLACES:
                    matching.places[places] = site - wide
                    places += 1
            if site == first:
                site += 1
    return places


@lean
def _deal_out(
    wires: Wires,
    board: Board,
    trial: Trial,
    reach: Reach,
    matching: Matching,
    chosen: int,
    places: int,
) -> int:
    """Give the chosen cells the places where they cost least together; how many moved."""
    cost = matching.problem.cost
    for i in range(chosen):
        cell = matching.chosen[i]
        nets = look_around(wires, board, reach, cell)
        for j in range(places):
            site = matching.places[j]
            line = board.part[board.part_of[site], 0]
            x = board.line[line, 0] + (site - board.line_start[line]) * board.site_um
            cost[i, j] = span_x(wires, reach, nets, x + board.half_um[cell])
            cost[i, j] += span_y(wires, reach, nets, board.line[line, 1], board.line[line, 3])
    if not assign(matching.problem, chosen, places):
        return 0
    moved = 0
    for j in range(places):
        i: int = matching.problem.row_of[j]
        if i >= 0 and matching.places[j] != board.site[matching.chosen[i]]:
            cell: int = matching.chosen[i]
            put(wires, board, trial, cell, matching.places[j], 1.0)
            moved += 1
    if moved and gain(wires, board, trial) > LEAST_GAIN:
        keep(wires, board, trial)
        return moved
    undo(wires, board, trial)
    return 0
