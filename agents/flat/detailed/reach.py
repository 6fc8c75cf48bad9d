"""What pulls a single cell: its nets' boxes without it, and the region where it would lie best.

The wirelength of a cell's nets is, with all other cells in place, a sum of convex functions of its
place, one of x and one of y. Where both are least is a rectangle, bounded by weighted medians of
the boxes' edges: the cell's optimal region.

References:
    M. Pan, N. Viswanathan, C. Chu, An efficient and effective detailed placement algorithm,
    ICCAD 2005.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agents.flat.detailed.board import FEW_PINS, Board
from agents.flat.detailed.wires import Wires
from placement_env.kernels import lean
from placement_env.netlist import FloatArray, IntArray


class Reach(NamedTuple):
    """Up to K nets of one cell.

    Attributes:
        net: [K] the nets.
        outer: [K, 4] box of the pins of other cells.
        own: [K, 4] box of the cell's own pins from its centre, in a line that turns nothing over
            and with the mirroring that it has.
        edge: [2 K] scratch: edges of boxes.
        weight: [2 K] scratch: their weights.
    """

    net: IntArray
    outer: FloatArray
    own: FloatArray
    edge: FloatArray
    weight: FloatArray


def new_reach(wires: Wires) -> Reach:
    """Room for the nets of any one cell."""
    most = int(np.diff(wires.cell_start).max(initial=1))
    return Reach(
        np.zeros(most, np.int64),
        np.zeros((most, 4)),
        np.zeros((most, 4)),
        np.zeros(2 * most),
        np.zeros(2 * most),
    )


@lean
def look_around(wires: Wires, board: Board, reach: Reach, cell: int) -> int:
    """Fill `reach` for a cell; returns how many of its nets have pins on other cells."""
    count = 0
    mirror = board.mirror[cell]
    i: int = wires.cell_start[cell]
    end: int = wires.cell_start[cell + 1]
    while i < end:
        pin: int = wires.cell_pin[i]
        net: int = wires.pin_net[pin]
        first = i
        own = reach.own[count]
        own[0] = own[1] = np.inf
        own[2] = own[3] = -np.inf
        while i < end and wires.pin_net[wires.cell_pin[i]] == net:
            pin = wires.cell_pin[i]
            dx, dy = mirror * wires.pin_offset[pin, 0], wires.pin_offset[pin, 1]
            own[0], own[2] = min(own[0], dx), max(own[2], dx)
            own[1], own[3] = min(own[1], dy), max(own[3], dy)
            i += 1
        if _without(wires, board, net, cell, first, i, reach.outer[count]):
            reach.net[count] = net
            count += 1
    return count


@lean
def _without(
    wires: Wires, board: Board, net: int, cell: int, first: int, end: int, outer: FloatArray
) -> bool:
    """The box of a net's pins on other cells than one, into `outer`; False where it has none."""
    begin, stop = wires.net_start[net], wires.net_start[net + 1]
    if stop - begin == end - first:
        return False
    if stop - begin > FEW_PINS:
        box, rim = board.box[net], board.rim[net]
        left, bottom, right, top = rim[0], rim[1], rim[2], rim[3]
        for i in range(first, end):
            x, y = board.pin[wires.cell_pin[i], 0], board.pin[wires.cell_pin[i], 1]
            left -= x == box[0]
            bottom -= y == box[1]
            right -= x == box[2]
            top -= y == box[3]
        if left > 0 and bottom > 0 and right > 0 and top > 0:
            for edge in range(4):
                outer[edge] = box[edge]
            return True
    x0 = y0 = np.inf
    x1 = y1 = -np.inf
    for pin in range(begin, stop):
        if wires.pin_cell[pin] != cell:
            x, y = board.pin[pin, 0], board.pin[pin, 1]
            x0, x1 = min(x0, x), max(x1, x)
            y0, y1 = min(y0, y), max(y1, y)
    outer[0], outer[1], outer[2], outer[3] = x0, y0, x1, y1
    return True


@lean
def best_interval(wires: Wires, reach: Reach, nets: int, axis: int) -> tuple[float, float]:
    """Between which centres a cell's wirelength is least, in x (axis 0) or y (1).

    The cell's pins count with their offsets in x, and as in its middle in y, which depends on the
    line.
    """
    count, total = 0, 0.0
    for i in range(nets):
        weight = wires.net_weight[reach.net[i]]
        low, high = reach.outer[i, axis], reach.outer[i, axis + 2]
        if axis == 0:
            low, high = low - reach.own[i, 0], high - reach.own[i, 2]
        for edge in (low, high):
            at = count
            while at > 0 and reach.edge[at - 1] > edge:
                reach.edge[at], reach.weight[at] = reach.edge[at - 1], reach.weight[at - 1]
                at -= 1
            reach.edge[at], reach.weight[at] = edge, weight
            count += 1
            total += weight
    # The slope is -total / 2 at the far left and grows by each edge's weight.
    slope = -total / 2
    for i in range(count):
        slope += reach.weight[i]
        if slope > 1e-9 * total:
            return reach.edge[i], reach.edge[i]
        if slope >= -1e-9 * total:
            return reach.edge[i], reach.edge[i + 1]
    return reach.edge[count - 1], reach.edge[count - 1]


@lean
def span_x(wires: Wires, reach: Reach, nets: int, x: float) -> float:
    """Weighted width of a cell's nets with its centre at x."""
    total = 0.0
    for i in range(nets):
        left = min(reach.outer[i, 0], x + reach.own[i, 0])
        right = max(reach.outer[i, 2], x + reach.own[i, 2])
        total += wires.net_weight[reach.net[i]] * (right - left)
    return total


@lean
def span_y(wires: Wires, reach: Reach, nets: int, y: float, turn: float) -> float:
    """Weighted height of a cell's nets with its centre at y, pin offsets multiplied by `turn`."""
    total = 0.0
    for i in range(nets):
        low, high = reach.own[i, 1], reach.own[i, 3]
        if turn < 0:
            low, high = -high, -low
        bottom, top = min(reach.outer[i, 1], y + low), max(reach.outer[i, 3], y + high)
        total += wires.net_weight[reach.net[i]] * (top - bottom)
    return total
