"""Rows cut to where cells may lie: to the sites inside regions, or to those that nothing closes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from placement_env.netlist import FloatArray, Rows
from placement_env.row_legality import TOLERANCE_UM


def rows_without(rows: Rows, boxes_um: FloatArray) -> Rows:
    """The rows without the sites that boxes touch; a row that is cut in two becomes two rows.

    Args:
        rows: R rows.
        boxes_um: [B, 4] left, bottom, right and top of what is closed.
    """

    def open_sites(row: int, boxes: FloatArray) -> NDArray[np.bool_]:
        is_open = np.ones(rows.sites[row], dtype=bool)
        first = np.floor((boxes[:, 0] - rows.x_um[row] + TOLERANCE_UM) / rows.site_width_um[row])
        end = np.ceil((boxes[:, 2] - rows.x_um[row] - TOLERANCE_UM) / rows.site_width_um[row])
        for a, b in zip(first.tolist(), end.tolist(), strict=True):
            is_open[max(int(a), 0) : max(int(b), 0)] = False
        return is_open

    return _cut(rows, boxes_um, open_sites)


def rows_within(rows: Rows, boxes_um: FloatArray) -> Rows:
    """The sites of the rows that lie wholly in the union of boxes.

    Args:
        rows: R rows.
        boxes_um: [B, 4] left, bottom, right and top; boxes may touch and overlap.
    """

    def open_sites(row: int, boxes: FloatArray) -> NDArray[np.bool_]:
        bottom = float(rows.y_um[row])
        edges = np.unique(np.clip(boxes[:, [1, 3]], bottom, bottom + rows.height_um[row]))
        edges = np.concatenate([[bottom], edges, [bottom + rows.height_um[row]]])
        is_open = np.ones(rows.sites[row], dtype=bool)
        for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            if high - low <= TOLERANCE_UM:
                continue
            across = (boxes[:, 1] <= low + TOLERANCE_UM) & (boxes[:, 3] >= high - TOLERANCE_UM)
            inside = np.zeros_like(is_open)
            for left, right in _joined(boxes[across]):
                first = np.ceil((left - rows.x_um[row] - TOLERANCE_UM) / rows.site_width_um[row])
                end = np.floor((right - rows.x_um[row] + TOLERANCE_UM) / rows.site_width_um[row])
                inside[max(int(first), 0) : max(int(end), 0)] = True
            is_open &= inside
        return is_open

    return _cut(rows, boxes_um, open_sites, without_boxes=False)


def rows_area_um2(rows: Rows) -> float:
    """Area of all sites."""
    return float((rows.sites * rows.site_width_um * rows.height_um).sum())


def _joined(boxes: FloatArray) -> list[tuple[float, float]]:
    """The left and right ends of what boxes cover together, from left to right."""
    joined: list[tuple[float, float]] = []
    for left, _, right, _ in sorted(boxes.tolist()):
        if joined and left <= joined[-1][1] + TOLERANCE_UM:
            joined[-1] = (joined[-1][0], max(joined[-1][1], right))
        else:
            joined.append((left, right))
    return joined


def _cut(
    rows: Rows,
    boxes_um: FloatArray,
    open_sites: Callable[[int, FloatArray], NDArray[np.bool_]],
    *,
    without_boxes: bool = True,
) -> Rows:
    """The runs of open sites as rows.

    Args:
        rows: R rows.
        boxes_um: [B, 4] the boxes.
        open_sites: Gives the open sites of a row from its number and the boxes that touch it.
        without_boxes: Whether a row that no box touches is open.
    """
    boxes_um = np.asarray(boxes_um, dtype=np.float64).reshape(-1, 4)
    kept: list[int] = []
    first: list[int] = []
    sites: list[int] = []
    for row in range(len(rows.y_um)):
        bottom, top = rows.y_um[row], rows.y_um[row] + rows.height_um[row]
        right = rows.x_um[row] + rows.sites[row] * rows.site_width_um[row]
        touching = boxes_um[
            (boxes_um[:, 1] < top - TOLERANCE_UM)
            & (boxes_um[:, 3] > bottom + TOLERANCE_UM)
            & (boxes_um[:, 0] < right - TOLERANCE_UM)
            & (boxes_um[:, 2] > rows.x_um[row] + TOLERANCE_UM)
        ]
        if not len(touching):
            if without_boxes:
                kept.append(row)
                first.append(0)
                sites.append(int(rows.sites[row]))
            continue
        edges = np.flatnonzero(
            np.diff(open_sites(row, touching).astype(np.int8), prepend=0, append=0)
        )
        kept += [row] * (len(edges) // 2)
        first += edges[0::2].tolist()
        sites += (edges[1::2] - edges[0::2]).tolist()
    row = np.array(kept, dtype=np.int64)
    return replace(
        rows,
        x_um=rows.x_um[row] + np.array(first, dtype=np.float64) * rows.site_width_um[row],
        y_um=rows.y_um[row],
        height_um=rows.height_um[row],
        site_width_um=rows.site_width_um[row],
        sites=np.array(sites, dtype=np.int64),
        orient=rows.orient[row],
    )
