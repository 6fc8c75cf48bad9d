"""Density of the proxy cost: how much of each grid cell macros cover.

Overlapping macros add up, so a cell can be more than full. Macros beyond the canvas count with the
part that is inside. The cost is half the mean of the densest tenth of the cells; a grid of fewer
than ten cells takes the mean of the occupied ones instead.
"""

from __future__ import annotations

from math import floor

from placement_env.cost.model import GridShape, Int32Array
from placement_env.cost.top import occupied_mean, top_sum
from placement_env.kernels import lean
from placement_env.netlist import FloatArray


@lean
def covered_cells(
    x: float,
    y: float,
    half_width: float,
    half_height: float,
    sign: float,
    grid: GridShape,
    cell: Int32Array,
    share: FloatArray,
    count: int,
) -> int:
    """Append the cells (row x columns + column) that a macro covers and sign x its share of each.

    Returns:
        The number of entries of `cell` and `share` in use, `count` of which were before.
    """
    left, right = x - half_width, x + half_width
    bottom, top = y - half_height, y + half_height
    last_column = floor(right / grid.cell_width)
    last_row = floor(top / grid.cell_height)
    if last_column < 0 or last_row < 0:
        return count
    first_column = max(floor(left / grid.cell_width), 0)
    first_row = max(floor(bottom / grid.cell_height), 0)
    scale = sign / (grid.cell_width * grid.cell_height)
    for row in range(first_row, min(last_row, grid.rows - 1) + 1):
        tall = min(top, (row + 1) * grid.cell_height) - max(bottom, row * grid.cell_height)
        for column in range(first_column, min(last_column, grid.columns - 1) + 1):
            wide = min(right, (column + 1) * grid.cell_width) - max(left, column * grid.cell_width)
            if wide > 0 and tall > 0:
                cell[count] = row * grid.columns + column
                share[count] = wide * tall * scale
                count += 1
    return count


@lean
def density_cost(
    density: FloatArray, count: int, top: int, work: FloatArray, guess: float
) -> float:
    """The density cost of a map of `count` cells, `top` of which are averaged (0: the occupied).

    See `top_sum` for what it leaves in `work` and for `guess`.
    """
    if top == 0:
        return 0.5 * occupied_mean(density, count)
    return 0.5 * top_sum(density, count, top, work, guess) / top
