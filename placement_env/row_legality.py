"""Exact legality of cells on rows and sites, and of cells and macros among one another.

Overlaps are found by a sweep: nodes are dealt into horizontal bands one row high, sorted by their
left edge inside each band, and compared with their followers until those start past their right
edge. On a legal placement that is one comparison a node.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from placement_env.fences import breaks_fence
from placement_env.legality import moved_fixed
from placement_env.netlist import (
    FloatArray,
    IntArray,
    Netlist,
    NodeKind,
    Orient,
    Placement,
    Rows,
    oriented_size,
)

#: Lengths that differ by less than this are equal: far below any database unit, far above the
#: rounding of sums of float64 coordinates.
TOLERANCE_UM = 1e-6

#: How many overlapping pairs are kept by name; all of them are counted.
KEPT_PAIRS = 1000

_MIRRORED = {
    int(Orient.N): int(Orient.FN),
    int(Orient.FN): int(Orient.N),
    int(Orient.S): int(Orient.FS),
    int(Orient.FS): int(Orient.S),
}


@dataclass(frozen=True)
class RowLegality:
    """What is wrong with a placement of cells and macros.

    Attributes:
        overlaps: Pairs of cells and macros that share area.
        off_site: Standard cells whose left edge is not on a site of their row.
        off_row: Standard cells that do not fill a row from its bottom edge, stick out of it, or
            lie in it upside down.
        outside: Cells and macros that stick out of the canvas.
        overlap_pairs: [min(overlaps, 1000), 2] the first overlapping pairs, ascending.
        off_site_nodes: [off_site] nodes, ascending.
        off_row_nodes: [off_row] nodes, ascending.
        outside_nodes: [outside] nodes, ascending.
        moved_nodes: Fixed nodes that are not where they were at first, ascending.
        off_fence_nodes: Movable nodes that leave their fence or touch a foreign one, ascending.
    """

    overlaps: int
    off_site: int
    off_row: int
    outside: int
    overlap_pairs: IntArray
    off_site_nodes: IntArray
    off_row_nodes: IntArray
    outside_nodes: IntArray
    moved_nodes: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    off_fence_nodes: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def legal(self) -> bool:
        """Nothing is wrong."""
        faults = self.overlaps + self.off_site + self.off_row + self.outside
        return faults + len(self.moved_nodes) + len(self.off_fence_nodes) == 0

    def describe(self, netlist: Netlist) -> str:
        """One line that counts what is wrong and names the first node of each sort."""
        name = netlist.node_name
        parts = []
        if self.overlaps:
            a, b = self.overlap_pairs[0]
            parts.append(f"{self.overlaps} overlaps (first: {name[a]} and {name[b]})")
        for what, nodes in (
            ("off site", self.off_site_nodes),
            ("off row", self.off_row_nodes),
            ("outside", self.outside_nodes),
            ("fixed but moved", self.moved_nodes),
            ("off fence", self.off_fence_nodes),
        ):
            if nodes.size:
                parts.append(f"{nodes.size} {what} (first: {name[nodes[0]]})")
        return ", ".join(parts) or "legal"


def check_rows(
    netlist: Netlist,
    placement: Placement,
    *,
    start: Placement | None = None,
) -> RowLegality:
    """Check cells and macros for overlaps and fences, and cells for their rows and sites.

    Ports and nodes without area never overlap. A netlist without rows has no cell off a row or a
    site. Soft macros are ignored: they stand for cells that are not placed yet.

    Args:
        netlist: The netlist.
        placement: The placement to check.
        start: Where fixed nodes have to be; not checked without it.
    """
    width, height = oriented_size(netlist, placement)
    left, right = placement.x_um - width / 2, placement.x_um + width / 2
    bottom, top = placement.y_um - height / 2, placement.y_um + height / 2
    solid = np.isin(netlist.node_kind, [NodeKind.HARD_MACRO, NodeKind.STANDARD_CELL])
    solid &= (width > 0) & (height > 0)
    nodes = np.flatnonzero(solid)
    canvas = netlist.canvas
    outside = nodes[
        (left[nodes] < canvas.left_um - TOLERANCE_UM)
        | (right[nodes] > canvas.right_um + TOLERANCE_UM)
        | (bottom[nodes] < canvas.bottom_um - TOLERANCE_UM)
        | (top[nodes] > canvas.top_um + TOLERANCE_UM)
    ]
    cells = nodes[netlist.node_kind[nodes] == NodeKind.STANDARD_CELL]
    if netlist.rows is not None and len(netlist.rows.y_um):
        band_um = float(netlist.rows.height_um.min())
        off_site, off_row = _off_rows(
            netlist.rows, left[cells], right[cells], bottom[cells], top[cells],
            placement.orient[cells],
        )  # fmt: skip
    else:
        band_um = float(np.median(height[nodes])) if nodes.size else 1.0
        off_site = off_row = np.zeros(len(cells), dtype=bool)
    count, pairs = overlapping_pairs(
        left[nodes], bottom[nodes], right[nodes], top[nodes], band_um=band_um
    )
    moved = np.zeros(0, dtype=np.int64)
    if start is not None:
        moved = moved_fixed(netlist, placement, start, tolerance_um=TOLERANCE_UM)
    return RowLegality(
        overlaps=count,
        off_site=int(off_site.sum()),
        off_row=int(off_row.sum()),
        outside=len(outside),
        overlap_pairs=nodes[pairs],
        off_site_nodes=cells[off_site],
        off_row_nodes=cells[off_row],
        outside_nodes=outside,
        moved_nodes=moved,
        off_fence_nodes=off_fence(netlist, placement, nodes),
    )


def off_fence(netlist: Netlist, placement: Placement, nodes: IntArray) -> IntArray:
    """Movable ones of `nodes` that are not where the fences have them."""
    if netlist.fences is None:
        return np.zeros(0, dtype=np.int64)
    nodes = nodes[~netlist.fixed[nodes]]
    half = np.stack(oriented_size(netlist, placement), axis=1)[nodes] / 2  # [M, 2]
    centre = np.stack([placement.x_um, placement.y_um], axis=1)[nodes]
    boxes_um = np.concatenate([centre - half, centre + half], axis=1)  # [M, 4]
    return nodes[breaks_fence(netlist.fences, nodes, boxes_um, tolerance_um=TOLERANCE_UM)]


def overlapping_pairs(
    left: FloatArray, bottom: FloatArray, right: FloatArray, top: FloatArray, *, band_um: float
) -> tuple[int, IntArray]:
    """Count the pairs of rectangles that share area.

    Args:
        left: [N] left edges; `bottom`, `right` and `top` likewise.
        bottom: [N].
        right: [N].
        top: [N].
        band_um: Height of the bands of the sweep; the answer does not depend on it.

    Returns:
        The number of pairs and the first `KEPT_PAIRS` of them, each (lower, higher) index.
    """
    if len(left) < 2:
        return 0, np.zeros((0, 2), dtype=np.int64)
    first = np.floor((bottom - bottom.min()) / band_um).astype(np.int64)
    last = np.floor((top - bottom.min()) / band_um).astype(np.int64)
    bands = last - first + 1
    item = np.repeat(np.arange(len(left)), bands)  # one entry for each band that a node touches
    band = np.repeat(first - np.concatenate([[0], np.cumsum(bands)[:-1]]), bands) + np.arange(
        len(item)
    )
    order = np.lexsort((left[item], band))
    item, band = item[order], band[order]

    count = 0
    kept: list[IntArray] = []
    kept_pairs = 0
    ahead = np.arange(len(item) - 1)  # entries whose follower at distance `step` may overlap
    step = 1
    while ahead.size:
        ahead = ahead[ahead + step < len(item)]
        a, b = item[ahead], item[ahead + step]
        near = (band[ahead] == band[ahead + step]) & (left[b] < right[a] - TOLERANCE_UM)
        ahead, a, b = ahead[near], a[near], b[near]
        shared = np.minimum(top[a], top[b]) - np.maximum(bottom[a], bottom[b]) > TOLERANCE_UM
        # A pair meets in every band that both touch; it counts in the lowest of them.
        shared &= band[ahead] == np.maximum(first[a], first[b])
        shared &= np.minimum(right[a], right[b]) - left[b] > TOLERANCE_UM
        count += int(shared.sum())
        if kept_pairs < KEPT_PAIRS and shared.any():
            kept.append(np.stack([np.minimum(a, b)[shared], np.maximum(a, b)[shared]], axis=1))
            kept_pairs += len(kept[-1])
        step += 1
    if not kept:
        return count, np.zeros((0, 2), dtype=np.int64)
    pairs = np.concatenate(kept)
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    return count, pairs[:KEPT_PAIRS]


def _off_rows(
    rows: Rows,
    left: FloatArray,
    right: FloatArray,
    bottom: FloatArray,
    top: FloatArray,
    orient: IntArray,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """[C], [C]: whether each cell is off its sites, and off its row.

    A cell's row is the one whose bottom edge it shares and that holds its left edge. Where no row
    does, the cell is off its row and its sites are not judged. Cells of several rows' height must
    find a row under each of their storeys.
    """
    off_site = np.zeros(len(left), dtype=bool)
    off_row = np.zeros(len(left), dtype=bool)
    storey_um = float(rows.height_um.min())
    storeys = np.maximum(np.rint((top - bottom) / storey_um).astype(np.int64), 1)
    finder = _RowFinder(rows)
    for storey in range(int(storeys.max(initial=0))):
        cells = np.flatnonzero(storeys > storey)
        row, span_right = finder.locate(left[cells], bottom[cells] + storey * storey_um)
        found = row >= 0
        off_row[cells[~found]] = True
        cells, row, span_right = cells[found], row[found], span_right[found]
        off_row[cells[right[cells] > span_right + TOLERANCE_UM]] = True
        if storey == 0:
            turned = rows.orient[row]
            mirrored = np.array([_MIRRORED.get(int(o), int(o)) for o in range(8)])[turned]
            off_row[cells[(orient[cells] != turned) & (orient[cells] != mirrored)]] = True
            site = (left[cells] - rows.x_um[row]) / rows.site_width_um[row]
            off_site[cells] = np.abs(site - np.rint(site)) * rows.site_width_um[row] > TOLERANCE_UM
    off_row |= np.abs(top - bottom - storeys * storey_um) > TOLERANCE_UM
    return off_site, off_row


class _RowFinder:
    """Finds the row under a point; rows that continue one another are one span."""

    def __init__(self, rows: Rows) -> None:
        right = rows.x_um + rows.sites * rows.site_width_um
        # Bottom edges within the tolerance of one another are one level.
        by_bottom = np.argsort(rows.y_um, kind="stable")
        steps = np.diff(rows.y_um[by_bottom]) > 2 * TOLERANCE_UM
        level = np.zeros(len(rows.y_um), dtype=np.int64)
        level[by_bottom[1:]] = np.cumsum(steps)
        self.level_y = rows.y_um[by_bottom[np.concatenate([[True], steps])]]
        self.order = np.lexsort((rows.x_um, level))
        self.left = rows.x_um[self.order]
        self.level = level[self.order]
        self.right = right[self.order]
        self.span_right = self.right.copy()
        for i in range(len(self.order) - 2, -1, -1):
            joined = (
                self.level[i] == self.level[i + 1]
                and rows.orient[self.order[i]] == rows.orient[self.order[i + 1]]
                and abs(self.right[i] - self.left[i + 1]) <= TOLERANCE_UM
            )
            if joined:
                self.span_right[i] = self.span_right[i + 1]

    def locate(self, x: FloatArray, y: FloatArray) -> tuple[IntArray, FloatArray]:
        """[C], [C]: row with bottom edge y that holds x (-1: none), and where its span ends."""
        level = np.clip(np.searchsorted(self.level_y, y - TOLERANCE_UM), 0, len(self.level_y) - 1)
        on_level = np.abs(self.level_y[level] - y) <= 2 * TOLERANCE_UM
        # The last row of this level that starts at or before x.
        extent = self.right.max() - self.left.min() + 1.0
        key = self.level * extent + (self.left - self.left.min())
        slot = np.searchsorted(
            key, level * extent + np.clip(x - self.left.min() + TOLERANCE_UM, -0.5, extent - 0.5),
            side="right",
        ) - 1  # fmt: skip
        slot = np.clip(slot, 0, len(key) - 1)
        inside = (
            on_level
            & (self.level[slot] == level)
            & (self.left[slot] <= x + TOLERANCE_UM)
            & (self.right[slot] > x + TOLERANCE_UM)
        )
        return np.where(inside, self.order[slot], -1), self.span_right[slot]
