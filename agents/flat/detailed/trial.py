"""Moves on trial: cells are put elsewhere, and this is kept or undone, as the exact gain says.

A net of few pins is gone through again when one of its cells moves. A net of many pins knows how
many of its pins lie at each edge of its box, and is only gone through when the last one leaves.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.flat.detailed.board import FEW_PINS, FREE, Board, measure_net, put_pins
from agents.flat.detailed.wires import FIXED, Wires
from placement_env.kernels import lean
from placement_env.netlist import FloatArray, IntArray

#: Elements of `Trial.tally`: cells moved, nets touched, and the number of the trial.
MOVED, TOUCHED, NUMBER = 0, 1, 2
#: Gains of less than this are rounding.
LEAST_GAIN = 1e-7


class Trial(NamedTuple):
    """Moves that are neither kept nor undone yet.

    Attributes:
        tally: [3] see the constants above.
        moved: [C, 2] cells that were put elsewhere, and their sites before.
        mirror: [C] their mirroring before.
        cell_stamp: [C] number of the last trial that moved or held each cell.
        stirred: [C] whether a cell on one of the cell's small nets moved since this was last reset.
        net_stamp: [E] number of the last trial that touched each net.
        touched: [E] nets whose cells were moved.
        box: [E, 4] boxes of the touched nets after the moves.
        rim: [E, 4] pins at their edges.
    """

    tally: IntArray
    moved: IntArray
    mirror: FloatArray
    cell_stamp: IntArray
    stirred: NDArray[np.bool_]
    net_stamp: IntArray
    touched: IntArray
    box: FloatArray
    rim: IntArray


def new_trial(wires: Wires, board: Board) -> Trial:
    """No moves yet."""
    cells, nets = len(board.site), len(wires.net_weight)
    return Trial(
        tally=np.array([0, 0, 1]),
        moved=np.zeros((cells, 2), np.int64),
        mirror=np.zeros(cells),
        cell_stamp=np.zeros(cells, np.int64),
        stirred=np.ones(cells, dtype=bool),
        net_stamp=np.zeros(nets, np.int64),
        touched=np.zeros(nets, np.int64),
        box=np.zeros((nets, 4)),
        rim=np.zeros((nets, 4), np.int64),
    )


@lean
def put(wires: Wires, board: Board, trial: Trial, cell: int, site: int, turn: float) -> None:
    """Put a cell elsewhere, once in a trial, and mirror it if `turn` is -1 rather than 1.

    `Board.at` stays as it was until the trial is kept.
    """
    count, now = trial.tally, trial.tally[NUMBER]
    trial.moved[count[MOVED], 0] = cell
    trial.moved[count[MOVED], 1] = board.site[cell]
    trial.mirror[count[MOVED]] = board.mirror[cell]
    trial.cell_stamp[cell] = now
    count[MOVED] += 1
    board.site[cell] = site
    board.mirror[cell] *= turn
    line = board.part[board.part_of[site], 0]
    centre = board.line[line, 0] + (site - board.line_start[line]) * board.site_um
    centre += board.half_um[cell]
    middle = board.line[line, 1]
    turn_x, turn_y = board.line[line, 2] * board.mirror[cell], board.line[line, 3]
    first: int = wires.cell_start[cell]
    end: int = wires.cell_start[cell + 1]
    for i in range(first, end):
        pin: int = wires.cell_pin[i]
        net: int = wires.pin_net[pin]
        many = wires.net_start[net + 1] - wires.net_start[net] > FEW_PINS
        if trial.net_stamp[net] != now:
            trial.net_stamp[net] = now
            trial.touched[count[TOUCHED]] = net
            count[TOUCHED] += 1
            if many:
                for edge in range(4):
                    trial.box[net, edge] = board.box[net, edge]
                    trial.rim[net, edge] = board.rim[net, edge]
        x = centre + turn_x * wires.pin_offset[pin, 0]
        y = middle + turn_y * wires.pin_offset[pin, 1]
        if many:
            _move_pin(trial.box, trial.rim, net, 0, board.pin[pin, 0], x)
            _move_pin(trial.box, trial.rim, net, 1, board.pin[pin, 1], y)
        board.pin[pin, 0], board.pin[pin, 1] = x, y


@lean
def hold(trial: Trial, cell: int) -> None:
    """Keep a cell from being pushed aside in this trial."""
    trial.cell_stamp[cell] = trial.tally[NUMBER]


@lean
def _move_pin(
    box: FloatArray, rim: IntArray, net: int, axis: int, before: float, after: float
) -> None:
    """Take a pin from the edges of a box and add it at its new place.

    An edge that no pin is left at keeps its place, from which all pins lie inwards.
    """
    rim[net, axis] -= before <= box[net, axis]
    rim[net, axis + 2] -= before >= box[net, axis + 2]
    if after < box[net, axis]:
        box[net, axis], rim[net, axis] = after, 1
    elif after == box[net, axis]:
        rim[net, axis] += 1
    if after > box[net, axis + 2]:
        box[net, axis + 2], rim[net, axis + 2] = after, 1
    elif after == box[net, axis + 2]:
        rim[net, axis + 2] += 1


@lean
def gain(wires: Wires, board: Board, trial: Trial) -> float:
    """By how much the trial's moves shorten the weighted wirelength."""
    total = 0.0
    for i in range(trial.tally[TOUCHED]):
        net = trial.touched[i]
        rim, box, old = trial.rim[net], trial.box[net], board.box[net]
        few = wires.net_start[net + 1] - wires.net_start[net] <= FEW_PINS
        if few or rim[0] <= 0 or rim[1] <= 0 or rim[2] <= 0 or rim[3] <= 0:
            measure_net(wires, board, net, trial.box, trial.rim)
        shrinks = (old[2] - old[0] - box[2] + box[0]) + (old[3] - old[1] - box[3] + box[1])
        total += wires.net_weight[net] * shrinks
    return total


@lean
def keep(wires: Wires, board: Board, trial: Trial) -> None:
    """Make the trial's moves for good; `gain` must have been asked for after the last of them."""
    for i in range(trial.tally[TOUCHED]):
        net = trial.touched[i]
        for edge in range(4):
            board.box[net, edge] = trial.box[net, edge]
            board.rim[net, edge] = trial.rim[net, edge]
        if wires.net_start[net + 1] - wires.net_start[net] <= FEW_PINS:
            for pin in range(wires.net_start[net], wires.net_start[net + 1]):
                if wires.pin_cell[pin] != FIXED:
                    trial.stirred[wires.pin_cell[pin]] = True
    for i in range(trial.tally[MOVED]):
        cell, site = trial.moved[i, 0], trial.moved[i, 1]
        for k in range(site, site + board.sites[cell]):
            board.at[k] = FREE
    for i in range(trial.tally[MOVED]):
        cell = trial.moved[i, 0]
        for k in range(board.site[cell], board.site[cell] + board.sites[cell]):
            board.at[k] = cell
    _begin(trial)


@lean
def undo(wires: Wires, board: Board, trial: Trial) -> None:
    """Put all cells back."""
    for i in range(trial.tally[MOVED]):
        cell = trial.moved[i, 0]
        board.site[cell] = trial.moved[i, 1]
        board.mirror[cell] = trial.mirror[i]
        put_pins(wires, board, cell)
    _begin(trial)


@lean
def _begin(trial: Trial) -> None:
    """An empty trial."""
    trial.tally[MOVED] = 0
    trial.tally[TOUCHED] = 0
    trial.tally[NUMBER] += 1
