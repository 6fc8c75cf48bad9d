"""What an agent sees of a placement: maps of the canvas and the positions of all nodes.

References:
    Y. Lai, Y. Mu, P. Luo, "MaskPlace: fast chip placement via reinforced visual representation
    learning", NeurIPS 2022 (arXiv 2211.13382): the wire mask.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from placement_env.cost.model import GridShape, Nets, Points
from placement_env.cost.state import State
from placement_env.kernels import lean
from placement_env.netlist import FloatArray

#: Layers of the maps.
OCCUPANCY, WIRE, DENSITY, HORIZONTAL, VERTICAL = range(5)


@lean
def observe(
    points: Points,
    nets: Nets,
    grid: GridShape,
    state: State,
    node: int,
    x: FloatArray,
    y: FloatArray,
    scratch: FloatArray,
    occupancy: NDArray[np.float32],
    maps: NDArray[np.float32],
    position: NDArray[np.float32],
) -> None:
    """Write maps and positions, all of them in [0, 1].

    Args:
        points: The netlist's points.
        nets: Its merged nets.
        grid: The grid of the cost.
        state: Where everything is, relative to the canvas's corner.
        node: The node whose wirelength is mapped.
        x: [columns] centres that it could have, relative as well; NaN where there is none.
        y: [rows] centres that it could have.
        scratch: [columns + rows].
        occupancy: [rows, columns] share of each cell under macros.
        maps: [5, rows, columns] gets the maps that `MacroPlacementEnv` describes.
        position: [N, 2] gets the centres as shares of the canvas.
    """
    columns, rows = len(x), len(y)
    _wire(points, nets, state, node, x, y, scratch[:columns], scratch[columns:], maps[WIRE])
    cells = grid.columns * grid.rows
    for row in range(rows):
        grid_row = row * grid.rows // rows
        for column in range(columns):
            grid_column = column * grid.columns // columns
            maps[OCCUPANCY, row, column] = min(occupancy[row, column], np.float32(1.0))
            # Moves leave rounding errors, with which an empty cell can be just below zero.
            dense = max(state.density[grid_row * grid.columns + grid_column], 0.0)
            across = max(state.congestion[grid_column * grid.rows + grid_row], 0.0)
            along = max(state.congestion[cells + grid_row * grid.columns + grid_column], 0.0)
            maps[DENSITY, row, column] = dense / (1 + dense)
            maps[HORIZONTAL, row, column] = across / (1 + across)
            maps[VERTICAL, row, column] = along / (1 + along)
    for i in range(len(position)):
        position[i, 0] = min(max(state.x[i] / (grid.columns * grid.cell_width), 0.0), 1.0)
        position[i, 1] = min(max(state.y[i] / (grid.rows * grid.cell_height), 0.0), 1.0)


@lean
def _wire(
    points: Points,
    nets: Nets,
    state: State,
    node: int,
    x: FloatArray,
    y: FloatArray,
    along_x: FloatArray,
    along_y: FloatArray,
    wire: NDArray[np.float32],
) -> None:
    """Write the node's wirelength in each cell, from 0 (least) to 1 (most).

    Half perimeters are sums over the axes, so columns and rows are computed apart.
    """
    along_x[:] = 0.0
    along_y[:] = 0.0
    for j in range(nets.of_node_start[node], nets.of_node_start[node + 1]):
        net: int = nets.of_node[j]
        weight = nets.weight[net]
        left, right, bottom, top = 1e300, -1e300, 1e300, -1e300
        near_left, near_right, near_bottom, near_top = 1e300, -1e300, 1e300, -1e300
        for k in range(nets.start[net], nets.start[net + 1]):
            p: int = nets.point[k]
            if points.node[p] == node:
                dx, dy = state.turn_x[node] * points.dx[p], state.turn_y[node] * points.dy[p]
                near_left, near_right = min(near_left, dx), max(near_right, dx)
                near_bottom, near_top = min(near_bottom, dy), max(near_top, dy)
            else:
                left, right = min(left, state.point_x[p]), max(right, state.point_x[p])
                bottom, top = min(bottom, state.point_y[p]), max(top, state.point_y[p])
        if right < left:
            continue
        for column in range(len(x)):
            span = max(right, x[column] + near_right) - min(left, x[column] + near_left)
            along_x[column] += weight * span
        for row in range(len(y)):
            span = max(top, y[row] + near_top) - min(bottom, y[row] + near_bottom)
            along_y[row] += weight * span
    low = high = 0.0
    for axis in range(2):
        values = along_x if axis == 0 else along_y
        least, most = 1e300, -1e300
        for i in range(len(values)):
            if values[i] == values[i]:
                least, most = min(least, values[i]), max(most, values[i])
        low += least
        high += most
    scale = 1 / (high - low) if high - low > 1e-15 else 0.0
    for row in range(len(y)):
        for column in range(len(x)):
            value = (along_x[column] + along_y[row] - low) * scale
            wire[row, column] = min(max(value, 0.0), 1.0) if value == value else 1.0
