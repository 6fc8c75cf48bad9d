"""Cells mirrored about y where that shortens the wires."""

from __future__ import annotations

from agents.flat.detailed.board import Board
from agents.flat.detailed.trial import LEAST_GAIN, Trial, gain, keep, put, undo
from agents.flat.detailed.wires import Wires
from placement_env.kernels import lean


@lean
def flip_cells(wires: Wires, board: Board, trial: Trial) -> int:
    """Mirror each cell that gains by it, one after the other; returns how many."""
    flipped = 0
    for cell in range(len(board.site)):
        put(wires, board, trial, cell, board.site[cell], -1.0)
        if gain(wires, board, trial) > LEAST_GAIN:
            keep(wires, board, trial)
            flipped += 1
        else:
            undo(wires, board, trial)
    return flipped
