"""Where a macro may go: one candidate place a grid cell, and which of them are legal, exactly.

The candidate of a cell is its centre, moved inwards just so far that the macro lies inside the
canvas; macros can therefore stand flush with the canvas's edges. Candidates are float32 numbers, as
`placement_env.legality` rounds them, so what is legal here is legal there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placement_env.kernels import lean
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

    @property
    def cells(self) -> int:
        """The number of cells."""
        return self.columns * self.rows

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
        legal = np.empty((self.rows, self.columns), dtype=bool)
        free_cells(x, y, width_um / 2, height_um / 2, obstacles, -1, legal)
        return legal

    def cover(self, box: FloatArray, occupancy: NDArray[np.float32]) -> None:
        """Add to [rows, columns] the share of each cell that a box [4] covers."""
        canvas = self.canvas
        cover_cells(
            (box[0] - canvas.left_um) * self.columns / canvas.width_um,
            (box[1] - canvas.bottom_um) * self.rows / canvas.height_um,
            (box[2] - canvas.left_um) * self.columns / canvas.width_um,
            (box[3] - canvas.bottom_um) * self.rows / canvas.height_um,
            occupancy,
        )


@lean
def free_cells(
    x: FloatArray,
    y: FloatArray,
    half_width: float,
    half_height: float,
    obstacles: FloatArray,
    without: int,
    legal: NDArray[np.bool_],
) -> None:
    """Write to [rows, columns] whether a macro at (x[column], y[row]) overlaps no obstacle.

    Args:
        x: [columns] candidate centres, ascending; NaN where there is none.
        y: [rows] candidate centres.
        half_width: Half the width of the macro.
        half_height: Half its height.
        obstacles: [K, 4] left, bottom, right and top.
        without: An obstacle that does not count, or -1.
        legal: Gets the answer.
    """
    rows, columns = len(y), len(x)
    for row in range(rows):
        for column in range(columns):
            legal[row, column] = x[column] == x[column] and y[row] == y[row]
    for i in range(len(obstacles)):
        if i == without:
            continue
        left, bottom = obstacles[i, 0], obstacles[i, 1]
        right, top = obstacles[i, 2], obstacles[i, 3]
        first = 0
        while first < columns and not x[first] + half_width > left:
            first += 1
        last = first
        while last < columns and x[last] - half_width < right:
            last += 1
        if first == last:
            continue
        for row in range(rows):
            if y[row] + half_height > bottom and y[row] - half_height < top:
                for column in range(first, last):
                    legal[row, column] = False


@lean
def cover_cells(
    left: float, bottom: float, right: float, top: float, occupancy: NDArray[np.float32]
) -> None:
    """Add to [rows, columns] the share of each cell of size one that a box covers."""
    rows, columns = occupancy.shape
    for row in range(max(int(bottom), 0), min(int(top) + 1, rows)):
        tall = min(top, row + 1.0) - max(bottom, row * 1.0)
        for column in range(max(int(left), 0), min(int(right) + 1, columns)):
            wide = min(right, column + 1.0) - max(left, column * 1.0)
            if wide > 0 and tall > 0:
                occupancy[row, column] += wide * tall


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
