"""How long the nets of a macro would be with it in each cell of a grid (MaskPlace's wire mask).

References:
    Y. Lai, Y. Mu, P. Luo, "MaskPlace: fast chip placement via reinforced visual representation
    learning", NeurIPS 2022 (arXiv 2211.13382).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from placement_env.cost.model import Nets, Points
from placement_env.cost.state import State
from placement_env.kernels import lean
from placement_env.netlist import FloatArray


@lean
def wire_map(
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
    """Write to [rows, columns] the node's wirelength in each cell, from 0 (least) to 1 (most).

    Half perimeters are sums over the axes, so columns and rows are computed apart.

    Args:
        points: The netlist's points.
        nets: Its merged nets.
        state: Where everything is, relative to the canvas's corner.
        node: The node.
        x: [columns] centres that it could have, relative as well; NaN where there is none.
        y: [rows] centres that it could have.
        along_x: [columns] scratch.
        along_y: [rows] scratch.
        wire: Gets the answer.
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
