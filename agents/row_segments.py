"""Free stretches of standard cell rows, and cells put on the sites of them.

A segment is a run of free sites in one row, between what is fixed. `fit_cells` takes cells that
are nearly legal, such as a placer's result before site rounding, to legal sites with little
movement: what is legal already does not move.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from placement_env.errors import InputError
from placement_env.netlist import FloatArray, IntArray, Rows
from placement_env.row_legality import TOLERANCE_UM


@dataclass(frozen=True)
class Segments:
    """S runs of free sites, by row and from left to right.

    Attributes:
        row: [S] row of each segment.
        first_site: [S] first free site, counted from the row's left edge.
        sites: [S] number of free sites.
    """

    row: IntArray
    first_site: IntArray
    sites: IntArray


def free_segments(
    rows: Rows, left: FloatArray, bottom: FloatArray, right: FloatArray, top: FloatArray
) -> Segments:
    """The free sites of all rows between B obstacles.

    Args:
        rows: The rows.
        left: [B] left edges of the obstacles; `bottom`, `right` and `top` likewise.
        bottom: [B].
        right: [B].
        top: [B].
    """
    blocked: list[list[tuple[int, int]]] = [[] for _ in rows.y_um]
    row_top = rows.y_um + rows.height_um
    for x0, y0, x1, y1 in zip(left, bottom, right, top, strict=True):
        touched = np.flatnonzero((y0 < row_top - TOLERANCE_UM) & (y1 > rows.y_um + TOLERANCE_UM))
        for row in touched.tolist():
            site, origin = rows.site_width_um[row], rows.x_um[row]
            first = int(np.floor((x0 - origin + TOLERANCE_UM) / site))
            end = int(np.ceil((x1 - origin - TOLERANCE_UM) / site))
            blocked[row].append((first, end))
    found: list[tuple[int, int, int]] = []
    for row, spans in enumerate(blocked):
        free_from = 0
        for first, end in sorted(spans):
            if first > free_from:
                found.append((row, free_from, min(first, int(rows.sites[row])) - free_from))
            free_from = max(free_from, end)
        if free_from < rows.sites[row]:
            found.append((row, free_from, int(rows.sites[row]) - free_from))
    table = np.array([item for item in found if item[2] > 0], dtype=np.int64).reshape(-1, 3)
    return Segments(row=table[:, 0], first_site=table[:, 1], sites=table[:, 2])


def fit_cells(
    rows: Rows, segments: Segments, sites: IntArray, left_um: FloatArray, bottom_um: FloatArray
) -> tuple[IntArray, IntArray]:
    """Put C cells on free sites near where they are.

    Each cell goes to the nearest segment of its row; segments that are then too full give their
    last cells to the nearest segments with room. Inside a segment the cells keep their order from
    left to right and move only as far as they must.

    Args:
        rows: The rows.
        segments: Their free stretches.
        sites: [C] width of each cell in sites.
        left_um: [C] wished left edges.
        bottom_um: [C] wished bottom edges.

    Returns:
        [C] row and [C] first site of each cell.

    Raises:
        InputError: Some cell finds no segment with room.
    """
    if len(sites) == 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    if len(segments.row) == 0:
        raise InputError("no free site is left for cells", hint="enlarge the core")
    first_um = rows.x_um[segments.row] + segments.first_site * rows.site_width_um[segments.row]
    end_um = first_um + segments.sites * rows.site_width_um[segments.row]
    width_um = (sites * rows.site_width_um[0]).astype(np.float64)
    home = _nearest_segments(rows, segments, first_um, end_um, left_um, width_um, bottom_um)
    room = segments.sites - np.bincount(home, weights=sites, minlength=len(segments.row)).astype(
        np.int64
    )
    segment_y = rows.y_um[segments.row]
    # Narrow cells leave first: they find room most easily.
    for segment in np.flatnonzero(room < 0).tolist():
        members = np.flatnonzero(home == segment)
        for cell in members[np.lexsort((members, sites[members]))].tolist():
            if room[segment] >= 0:
                break
            nearest_x = np.clip(left_um[cell], first_um, end_um - width_um[cell])
            distance = np.abs(nearest_x - left_um[cell]) + np.abs(segment_y - bottom_um[cell])
            distance[room < sites[cell]] = np.inf
            target = int(np.argmin(distance))
            if not np.isfinite(distance[target]):
                raise InputError(
                    f"no gap of {sites[cell]} sites is left in any row",
                    hint="enlarge the core (a lower utilisation) or spread the macros less",
                )
            home[cell] = target
            room[segment] += sites[cell]
            room[target] -= sites[cell]
    wish = (left_um - rows.x_um[segments.row[home]]) / rows.site_width_um[segments.row[home]]
    site = _spread(segments, home, sites, wish)
    return segments.row[home], site


def _nearest_segments(
    rows: Rows,
    segments: Segments,
    first_um: FloatArray,
    end_um: FloatArray,
    left_um: FloatArray,
    width_um: FloatArray,
    bottom_um: FloatArray,
) -> IntArray:
    """[C]: for each cell the nearest segment among those of the nearest row level."""
    segment_y = rows.y_um[segments.row]
    levels = np.unique(segment_y)
    above = np.clip(np.searchsorted(levels, bottom_um), 0, len(levels) - 1)
    below = np.maximum(above - 1, 0)
    level = np.where(bottom_um - levels[below] < levels[above] - bottom_um, below, above)
    home = np.empty(len(left_um), dtype=np.int64)
    for k in np.unique(level).tolist():
        here = np.flatnonzero(segment_y == levels[k])
        cells = np.flatnonzero(level == k)
        centre = left_um[cells, None] + width_um[cells, None] / 2
        distance = np.maximum(first_um[None, here] - centre, centre - end_um[None, here])
        home[cells] = here[np.argmin(distance, axis=1)]
    return home


def _spread(segments: Segments, home: IntArray, sites: IntArray, wish: FloatArray) -> IntArray:
    """[C]: first site of each cell, given its segment and its wished (fractional) site.

    Cells that would overlap form a cluster, which lies at the mean of its cells' wishes; clusters
    that meet are joined (P. Spindler, U. Schlichtmann, F. M. Johannes, Abacus: fast legalization of
    standard cell circuits with minimal movement, ISPD 2008).
    """
    wish = np.floor(wish + 1e-4)  # a placer's whole site stays that site
    order = np.lexsort((np.arange(len(home)), wish + sites / 2, home))
    placed = np.empty(len(home), dtype=np.int64)
    bounds = np.flatnonzero(np.diff(home[order], prepend=-1, append=-1))
    for begin, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        members = order[begin:stop]
        low = int(segments.first_site[home[members[0]]])
        high = low + int(segments.sites[home[members[0]]])
        # A cluster: cells, sites, and the sum of its cells' wishes for its left edge.
        clusters: list[tuple[int, int, float]] = []
        edges: list[float] = []
        for want, width in zip(wish[members].tolist(), sites[members].tolist(), strict=True):
            count, total, wishes = 1, width, want
            edge = min(max(want, low), high - width)
            while clusters and edges[-1] + clusters[-1][1] > edge:
                before = clusters.pop()
                edges.pop()
                wishes = before[2] + wishes - count * before[1]
                count, total = before[0] + count, before[1] + total
                edge = min(max(wishes / count, low), high - total)
            clusters.append((count, total, wishes))
            edges.append(edge)
        at = 0
        for (count, _, _), edge in zip(clusters, edges, strict=True):
            inside = members[at : at + count]
            # Rounding all edges down keeps clusters apart: their widths are whole sites.
            first = int(np.floor(edge + 1e-9))
            placed[inside] = first + np.cumsum(sites[inside]) - sites[inside]
            at += count
    return placed
