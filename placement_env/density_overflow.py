"""How much of the movable area lies where there is no room for it, on a grid of bins."""

from __future__ import annotations

import numpy as np

from placement_env.errors import InputError
from placement_env.netlist import Canvas, FloatArray, Netlist, NodeKind, Placement, node_boxes

#: Side of a bin in row heights, as in the ISPD 2006 contest.
_ROWS_IN_BIN = 10
#: Rectangles that touch more bins than this on a side are added one by one.
_FEW_BINS = 4


def density_overflow(netlist: Netlist, placement: Placement, *, target: float = 1.0) -> float:
    """Movable area beyond what the bins can hold, as a share of all movable area.

    A bin holds `target` of the area that fixed nodes leave free in it. Bins are squares of about
    ten row heights; what lies outside the canvas is in no bin and does not count as overflow.

    Args:
        netlist: A netlist with rows.
        placement: Where its nodes are.
        target: The density that is aimed at, above 0 and at most 1.

    Raises:
        InputError: The netlist has no rows, or the target is not in its range.

    References:
        G.-J. Nam, "ISPD 2006 placement contest: benchmark suite and results", ISPD 2006.
    """
    if netlist.rows is None:
        raise InputError("the bins are made from the rows, and there are none", where=netlist.name)
    if not 0 < target <= 1:
        raise InputError(f"the target density is {target}, expected more than 0 and at most 1")
    canvas = netlist.canvas
    side = _ROWS_IN_BIN * float(np.median(netlist.rows.height_um))
    columns, rows = (max(1, round(length / side)) for length in (canvas.width_um, canvas.height_um))
    boxes = node_boxes(netlist, placement)
    solid = netlist.node_kind != NodeKind.PORT
    movable, fixed = solid & ~netlist.fixed, solid & netlist.fixed
    area = float((netlist.width_um * netlist.height_um)[movable].sum())
    if area == 0:
        return 0.0
    bin_area = canvas.width_um / columns * (canvas.height_um / rows)
    free = bin_area - covered_area(boxes[fixed], canvas, columns, rows)
    taken = covered_area(boxes[movable], canvas, columns, rows)
    return float(np.maximum(taken - target * free.clip(0), 0).sum() / area)


def covered_area(boxes: FloatArray, canvas: Canvas, columns: int, rows: int) -> FloatArray:
    """[rows, columns] area that boxes [K, 4] (left, bottom, right, top) cover of each bin.

    Areas of boxes that overlap add up; what is outside the canvas counts nowhere.
    """
    wide, tall = canvas.width_um / columns, canvas.height_um / rows
    left, right = ((boxes[:, k] - canvas.left_um).clip(0, canvas.width_um) for k in (0, 2))
    bottom, top = ((boxes[:, k] - canvas.bottom_um).clip(0, canvas.height_um) for k in (1, 3))
    column = np.minimum((left / wide).astype(np.int64), columns - 1)
    row = np.minimum((bottom / tall).astype(np.int64), rows - 1)
    columns_touched = np.ceil(right / wide).astype(np.int64) - column
    rows_touched = np.ceil(top / tall).astype(np.int64) - row
    few = np.maximum(columns_touched, rows_touched) <= _FEW_BINS

    area = np.zeros(rows * columns)
    for j in range(_FEW_BINS):
        in_row = np.minimum(top, (row + j + 1) * tall) - np.maximum(bottom, (row + j) * tall)
        for k in range(_FEW_BINS):
            at = column + k
            in_column = np.minimum(right, (at + 1) * wide) - np.maximum(left, at * wide)
            hit = few & (in_row > 0) & (in_column > 0) & (row + j < rows) & (at < columns)
            area += np.bincount(
                ((row + j) * columns + at)[hit],
                weights=(in_row * in_column)[hit],
                minlength=rows * columns,
            )
    area = area.reshape(rows, columns)
    starts_x, starts_y = wide * np.arange(columns), tall * np.arange(rows)
    for box in np.flatnonzero(~few).tolist():
        in_x = np.minimum(starts_x + wide, right[box]) - np.maximum(starts_x, left[box])
        in_y = np.minimum(starts_y + tall, top[box]) - np.maximum(starts_y, bottom[box])
        area += in_y.clip(0)[:, None] * in_x.clip(0)[None, :]
    return area
