"""Where macros may lie: positions that survive being written, float32, and a nudge.

Centres are multiples of a power of two (or lower left corners multiples of a placement grid), so
that what is evaluated is what is written. Hard macros keep a clear distance to each other and,
where they can, their edges keep off the grid lines of the cost, where it jumps.
"""

from __future__ import annotations

from math import ceil, floor, log2
from typing import NamedTuple

import numpy as np

from placement_env.cost.model import CostModel
from placement_env.errors import InputError
from placement_env.kernels import lean
from placement_env.netlist import FloatArray, Netlist

# Distance that is kept in float32 arithmetic to the canvas and between hard macros.
MARGIN_UM = 1e-3
# Edges of hard macros keep this far from grid lines of the cost: beyond the 0.01 um within which
# the robust cost moves them.
CLEARANCE_UM = 0.0115


class Lattice(NamedTuple):
    """Positions of centres, relative to the canvas's lower left corner.

    Attributes:
        step: Distance of neighbouring positions.
        x: [N] one position.
        y: [N] one position.
        x_low: [N] first position inside the canvas.
        x_high: [N] last position inside the canvas.
        y_low: [N] first position inside the canvas.
        y_high: [N] last position inside the canvas.
        apart: Least distance between hard macros.
        clearance: Least distance of a hard macro's edges to grid lines, where possible.
    """

    step: float
    x: FloatArray
    y: FloatArray
    x_low: FloatArray
    x_high: FloatArray
    y_low: FloatArray
    y_high: FloatArray
    apart: float
    clearance: float


def make_lattice(
    netlist: Netlist, model: CostModel, *, gap_um: float, grid_um: float | None
) -> Lattice:
    """The lattice of a netlist whose hard macros keep `gap_um` apart.

    With `grid_um`, lower left corners are multiples of it from the canvas's lower left corner.

    Raises:
        InputError: The gap is negative or the grid not positive.
    """
    if not gap_um >= 0:
        raise InputError(f"the gap between macros is {gap_um} um, expected 0 or more")
    if grid_um is not None and not (np.isfinite(grid_um) and grid_um > 0):
        raise InputError(f"the placement grid is {grid_um} um, expected more than 0")
    canvas = netlist.canvas
    sides = np.array([canvas.left_um, canvas.bottom_um, canvas.right_um, canvas.top_um])
    reach = float(np.abs(sides).max())
    # A float32 has 24 digits; one is left for the halves of sizes.
    exact = 2.0 ** (ceil(log2(reach)) - 23)
    margin = max(MARGIN_UM, 4 * exact)
    cell = min(model.grid.cell_width, model.grid.cell_height)
    wide, tall = model.nodes.half_width, model.nodes.half_height
    if grid_um is None:
        step = max(exact, min(2.0**-10, 2.0 ** floor(log2(cell / 256))))
        x = np.full(netlist.num_nodes, -canvas.left_um)
        y = np.full(netlist.num_nodes, -canvas.bottom_um)
    else:
        step = grid_um
        x, y = wide.copy(), tall.copy()
    lows, highs = [], []
    for one, half, side in ((x, wide, canvas.width_um), (y, tall, canvas.height_um)):
        low = one + np.ceil((half + margin - one) / step) * step
        high = one + np.floor((side - half - margin - one) / step) * step
        # A macro that just fits takes the middle.
        squeezed = low > high
        low[squeezed] = high[squeezed] = side / 2
        lows.append(low)
        highs.append(high)
    clearance = CLEARANCE_UM if cell > 8 * CLEARANCE_UM else 0.0
    return Lattice(step, x, y, lows[0], highs[0], lows[1], highs[1], gap_um + margin, clearance)


@lean
def snap(value: float, one: float, step: float, low: float, high: float) -> float:
    """The position nearest to `value` between two of them, `low` and `high`."""
    return min(max(one + floor((value - one) / step + 0.5) * step, low), high)


@lean
def off_lines(
    value: float, half: float, cell: float, clearance: float, step: float, low: float, high: float
) -> float:
    """The position nearest to position `value` whose edges, `half` away, are clear of grid lines.

    `value` itself where none is clear within a few clearances.
    """
    reach = int(4 * clearance / step) + 1
    for k in range(reach):
        for side in range(-1, 2, 2):
            tried = value + side * k * step
            if low <= tried <= high:
                left = (tried - half) / cell
                right = (tried + half) / cell
                near = min(abs(left - floor(left + 0.5)), abs(right - floor(right + 0.5)))
                if near * cell >= clearance:
                    return tried
    return value
