"""Where a macro may go: one candidate place a grid cell, and which of them are legal, exactly.

The candidate of a cell is its centre, moved inwards just so far that the macro lies inside the
canvas; macros can therefore stand flush with the canvas's edges. Candidates are float32 numbers, as
`placement_env.legality` rounds them, so what is legal here is legal there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placement_env.netlist import Canvas, FloatArray


@dataclass(frozen=True)
class MacroGrid:
    """A grid of candidate places over a canvas.

    Attributes:
        canvas: The region to place in.
        columns: Cells from left to right.
        rows: Cells from bottom to top.
    """

    canvas: Canvas
    columns: int
    rows: int

    def candidates(self, width_um: float, height_um: float) -> tuple[FloatArray, FloatArray]:
        """[columns], [rows]: centres that a macro of this size can take; NaN if it does not fit."""
        canvas = self.canvas
        return (
            _inside(canvas.left_um, canvas.right_um, self.columns, width_um),
            _inside(canvas.bottom_um, canvas.top_um, self.rows, height_um),
        )

    def legal(self, width_um: float, height_um: float, obstacles: FloatArray) -> NDArray[np.bool_]:
        """[rows, columns] whether a macro overlaps nothing at each candidate; row 0 is the bottom.

        Args:
            width_um: Width of the macro as it lies.
            height_um: Height of the macro as it lies.
            obstacles: [K, 4] left, bottom, right and top of what is in the way.
        """
        x, y = self.candidates(width_um, height_um)
        fits = np.isfinite(y)[:, None] & np.isfinite(x)[None, :]
        if len(obstacles) == 0:
            return fits
        half_width, half_height = width_um / 2, height_um / 2
        left, bottom, right, top = obstacles.T[:, :, None]  # [K, 1] each
        in_x = (x + half_width > left) & (x - half_width < right)  # [K, columns]
        in_y = (y + half_height > bottom) & (y - half_height < top)  # [K, rows]
        clashes = in_y.T.astype(np.float32) @ in_x.astype(np.float32)  # [rows, columns]
        return fits & (clashes == 0)

    def covered(self, boxes: FloatArray) -> FloatArray:
        """[rows, columns] share of each cell that the boxes [K, 4] cover, at most 1."""
        canvas = self.canvas
        x = np.linspace(canvas.left_um, canvas.right_um, self.columns + 1)
        y = np.linspace(canvas.bottom_um, canvas.top_um, self.rows + 1)
        if len(boxes) == 0:
            return np.zeros((self.rows, self.columns))
        left, bottom, right, top = boxes.T[:, :, None]
        in_x = (np.minimum(x[1:], right) - np.maximum(x[:-1], left)).clip(0) / np.diff(x)
        in_y = (np.minimum(y[1:], top) - np.maximum(y[:-1], bottom)).clip(0) / np.diff(y)
        return (in_y.T @ in_x).clip(0.0, 1.0)


def _inside(low: float, high: float, cells: int, size: float) -> FloatArray:
    """[cells] cell centres moved into [low + size / 2, high - size / 2], as float32 numbers."""
    if size > high - low:
        return np.full(cells, np.nan)
    centres = low + (np.arange(cells) + 0.5) * ((high - low) / cells)
    centres = centres.clip(low + size / 2, high - size / 2).astype(np.float32)
    # Rounding may have pushed a macro out by a hair: take the next number inwards.
    up, down = np.float32(np.inf), np.float32(-np.inf)
    for _ in range(2):
        wide = centres.astype(np.float64)
        centres = np.where(wide - size / 2 < low, np.nextafter(centres, up), centres)
        centres = np.where(wide + size / 2 > high, np.nextafter(centres, down), centres)
    wide = centres.astype(np.float64)
    fits = (wide - size / 2 >= low) & (wide + size / 2 <= high)
    return np.where(fits, wide, np.nan)
