"""A netlist's blocks as the floorplanner moves them, and its floorplan as a placement.

Where a block can be turned, or take another shape of its area, each way that makes a difference is
one of its shapes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agents.sequence_pair import Blocks
from placement_env.netlist import ORIENT_MATRIX, IntArray, Netlist, Orient, Placement

#: Shapes of a soft block, evenly over its range of proportions.
_SOFT_SHAPES = 9
#: Distance that blocks keep for rounding to float32, as a share of the outline's sides.
_ROUNDING = 2.0**-21
_TURNED = frozenset({Orient.W, Orient.E, Orient.FW, Orient.FE})


class Shape(NamedTuple):
    """One of the ways in which a block may lie.

    Attributes:
        orient: Its orientation.
        width_um: Its width at orientation N.
        height_um: Its height at orientation N.
    """

    orient: Orient
    width_um: float
    height_um: float

    def sides_um(self) -> tuple[float, float]:
        """Width and height as the block lies."""
        if self.orient in _TURNED:
            return self.height_um, self.width_um
        return self.width_um, self.height_um


def blocks_of(
    netlist: Netlist, fixed: Placement, nodes: IntArray, gap_um: float
) -> tuple[Blocks, list[list[Shape]]]:
    """The blocks in `nodes`, measured from the canvas's lower left corner, and their shapes.

    Args:
        netlist: The netlist.
        fixed: Where its other nodes are.
        nodes: [B] the blocks.
        gap_um: Least distance between blocks.

    Returns:
        The blocks, and of each the shapes in the order in which the blocks number them.
    """
    canvas = netlist.canvas
    number = np.full(netlist.num_nodes, -1, dtype=np.int64)
    number[nodes] = np.arange(len(nodes))
    pin_block = number[netlist.pin_node]
    off_centre = np.zeros(len(nodes), dtype=bool)
    off = (netlist.pin_dx_um != 0) | (netlist.pin_dy_um != 0)
    off_centre[pin_block[off & (pin_block >= 0)]] = True
    shapes = [
        _shapes(netlist, node, off_centre=uneven)
        for node, uneven in zip(nodes.tolist(), off_centre.tolist(), strict=True)
    ]
    most = max(map(len, shapes))
    apart = gap_um + _ROUNDING * max(canvas.width_um, canvas.height_um)
    width, height = np.zeros((len(nodes), most)), np.zeros((len(nodes), most))
    for block, those in enumerate(shapes):
        for k, shape in enumerate(those):
            width[block, k], height[block, k] = shape.sides_um()
    width += apart
    height += apart
    pin_x, pin_y = np.zeros((netlist.num_pins, most)), np.zeros((netlist.num_pins, most))
    pin_x[:] = (fixed.x_um[netlist.pin_node] + netlist.pin_dx_um - canvas.left_um)[:, None]
    pin_y[:] = (fixed.y_um[netlist.pin_node] + netlist.pin_dy_um - canvas.bottom_um)[:, None]
    for pin in np.flatnonzero(pin_block >= 0).tolist():
        block = int(pin_block[pin])
        offset = np.array([netlist.pin_dx_um[pin], netlist.pin_dy_um[pin]])
        for k, shape in enumerate(shapes[block]):
            dx, dy = ORIENT_MATRIX[shape.orient] @ offset
            pin_x[pin, k] = (width[block, k] - apart) / 2 + dx
            pin_y[pin, k] = (height[block, k] - apart) / 2 + dy
    # Half of what blocks keep apart would be lost at the outline; a rounding error is kept there.
    rounding = apart - gap_um
    outline = np.array([canvas.width_um + apart, canvas.height_um + apart]) - 2 * rounding
    blocks = Blocks(
        width,
        height,
        np.array([len(those) for those in shapes], dtype=np.int64),
        np.array([_is_soft(netlist, node) for node in nodes.tolist()]) & ~off_centre,
        netlist.net_start,
        pin_block,
        pin_x,
        pin_y,
        netlist.net_weight,
        outline,
    )
    return blocks, shapes


def _is_soft(netlist: Netlist, node: int) -> bool:
    """Whether a block may take other shapes of its area."""
    return netlist.aspect_range is not None and not np.isnan(netlist.aspect_range[node, 0])


def _shapes(netlist: Netlist, node: int, *, off_centre: bool) -> list[Shape]:
    """The shapes of a block that make a difference; `off_centre` if one of its pins is."""
    width, height = float(netlist.width_um[node]), float(netlist.height_um[node])
    if netlist.aspect_range is not None and _is_soft(netlist, node) and not off_centre:
        least, greatest = netlist.aspect_range[node].tolist()
        aspects = np.unique(np.geomspace(least, greatest, _SOFT_SHAPES))
        across = np.sqrt(width * height * aspects).tolist()
        return [Shape(Orient.N, wide, width * height / wide) for wide in across]
    orients = list(Orient) if off_centre else [Orient.N] + [Orient.W] * (width != height)
    return [Shape(orient, width, height) for orient in orients]


def placement_of(
    netlist: Netlist,
    fixed: Placement,
    nodes: IntArray,
    shapes: list[list[Shape]],
    chosen: IntArray,
    x: np.ndarray,
    y: np.ndarray,
) -> Placement:
    """A floorplan of `blocks_of` as a placement.

    Args:
        netlist: The netlist.
        fixed: Where its other nodes are.
        nodes: [B] the blocks.
        shapes: Their shapes, as `blocks_of` gave them.
        chosen: [B] the shape of each.
        x: [B] left edges.
        y: [B] bottom edges.
    """
    canvas = netlist.canvas
    rounding = _ROUNDING * max(canvas.width_um, canvas.height_um)
    x_um, y_um, orient = fixed.x_um.copy(), fixed.y_um.copy(), fixed.orient.copy()
    size = np.stack([netlist.width_um, netlist.height_um], axis=1)
    for block, node in enumerate(nodes.tolist()):
        shape = shapes[block][int(chosen[block])]
        width, height = shape.sides_um()
        x_um[node] = canvas.left_um + rounding + x[block] + width / 2
        y_um[node] = canvas.bottom_um + rounding + y[block] + height / 2
        orient[node] = shape.orient
        size[node] = shape.width_um, shape.height_um
    return Placement(x_um, y_um, orient, None if netlist.aspect_range is None else size)
