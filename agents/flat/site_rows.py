"""Free sites of the rows, and the cells that are to lie on them, in the form that kernels use.

Rows that continue one another on the same sites make a line. The sites of all lines are numbered
through, from the bottom line up and from left to right, so that one number says where a cell lies.
A part is a run of free sites between what is fixed; cells move from part to part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from placement_env.errors import InputError
from placement_env.netlist import (
    FloatArray,
    IntArray,
    Netlist,
    NodeKind,
    Orient,
    Placement,
    oriented_size,
)
from placement_env.row_legality import TOLERANCE_UM

#: More sites in all rows together are refused: they would take gigabytes.
MOST_SITES = 500_000_000
_UPRIGHT = (int(Orient.N), int(Orient.S), int(Orient.FN), int(Orient.FS))


class Lines(NamedTuple):
    """L lines of sites by bottom edge, then by left edge.

    Attributes:
        x_um: [L] left edge of the first site.
        y_um: [L] bottom edge.
        orient: [L] orientation of cells that are not mirrored.
        start: [L + 1] number of the first site of each line; the last element is the number of
            sites. Between two lines is always a blocked site.
    """

    x_um: FloatArray
    y_um: FloatArray
    orient: IntArray
    start: IntArray


class Parts(NamedTuple):
    """S runs of free sites by line, then from left to right.

    Attributes:
        line: [S] line of each part.
        first: [S] number of the first site.
        sites: [S] how many sites.
        x_um: [S] left edge.
        y_um: [S] bottom edge.
        of_line: [L + 1] first part of each line.
    """

    line: IntArray
    first: IntArray
    sites: IntArray
    x_um: FloatArray
    y_um: FloatArray
    of_line: IntArray


@dataclass(frozen=True)
class SiteRows:
    """What there is to place on rows, and where.

    Attributes:
        cells: [C] nodes that move: the movable standard cells, ascending.
        sites: [C] their widths in sites, rounded up.
        lines: The lines of sites.
        parts: Their free runs.
        site_um: Width of a site.
        height_um: Height of a line.
    """

    cells: IntArray
    sites: IntArray
    lines: Lines
    parts: Parts
    site_um: float
    height_um: float

    @property
    def fill(self) -> float:
        """Sites that the cells need over the sites that are free."""
        free = int(self.parts.sites.sum())
        return float(self.sites.sum()) / free if free else float("inf")


def site_rows(netlist: Netlist, placement: Placement) -> SiteRows:
    """The free sites of a netlist's rows beside macros and fixed cells.

    Args:
        netlist: A flat netlist with rows.
        placement: Where macros and fixed cells are.

    Raises:
        InputError: There are no rows, or rows of different heights or sites, rows that overlap or
            lie on their side; cells of another height than the rows; soft macros; macros or fixed
            cells without a place; or more cells than sites.
    """
    site_um, height_um = row_size(netlist)
    cells, sites = movable_cells(netlist, site_um, height_um)
    lines, open_sites = _lines_of_rows(netlist, site_um, height_um)
    _block(lines, open_sites, _obstacles(netlist, placement), site_um, height_um)
    found = SiteRows(cells, sites, lines, _parts(lines, open_sites, site_um), site_um, height_um)
    _check_room(netlist, found)
    return found


def row_size(netlist: Netlist) -> tuple[float, float]:
    """Width of a site and height of a row, which must be the same in all rows.

    Raises:
        InputError: They are not, or there are no rows, too many sites, or rows on their side.
    """
    rows, where = netlist.rows, netlist.name
    if rows is None or len(rows.y_um) == 0:
        raise InputError(
            "the netlist has no rows to place cells on",
            where=where,
            hint="use a DEF with ROW statements or a Bookshelf design with a .scl file",
        )
    if np.ptp(rows.height_um) > TOLERANCE_UM or np.ptp(rows.site_width_um) > TOLERANCE_UM:
        raise InputError("rows of different heights or sites are not supported", where=where)
    lying = np.flatnonzero(~np.isin(rows.orient, _UPRIGHT))
    if lying.size:
        raise InputError(
            f"row {lying[0]} has the orientation {Orient(int(rows.orient[lying[0]])).name}, "
            "expected N, S, FN or FS",
            where=where,
        )
    if rows.sites.sum() > MOST_SITES:
        raise InputError(
            f"the rows have {rows.sites.sum()} sites, expected at most {MOST_SITES}", where=where
        )
    return float(rows.site_width_um[0]), float(rows.height_um[0])


def movable_cells(netlist: Netlist, site_um: float, height_um: float) -> tuple[IntArray, IntArray]:
    """[C], [C]: the cells that move, and their widths in sites.

    Raises:
        InputError: Soft macros move, or a cell is not as high as the rows.
    """
    movable = ~netlist.fixed
    soft = np.flatnonzero((netlist.node_kind == NodeKind.SOFT_MACRO) & movable)
    if soft.size:
        raise InputError(
            f"{netlist.node_name[soft[0]]} is a soft macro: this is a grouped netlist",
            where=netlist.name,
            hint="place the cells of the flat netlist",
        )
    cells = np.flatnonzero((netlist.node_kind == NodeKind.STANDARD_CELL) & movable)
    misfit = cells[np.abs(netlist.height_um[cells] - height_um) > TOLERANCE_UM]
    if misfit.size:
        node = int(misfit[0])
        raise InputError(
            f"cell {netlist.node_name[node]} is {netlist.height_um[node]:g} um high, but rows are "
            f"{height_um:g} um: only cells of one row's height can be placed",
            where=netlist.name,
        )
    sites = np.ceil((netlist.width_um[cells] - TOLERANCE_UM) / site_um).astype(np.int64)
    return cells, np.maximum(sites, 1)


def _lines_of_rows(
    netlist: Netlist, site_um: float, height_um: float
) -> tuple[Lines, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """The lines, and for each of their sites whether a row has it."""
    rows = netlist.rows
    assert rows is not None
    order = np.lexsort((rows.x_um, rows.y_um))
    y = rows.y_um[order]
    level = np.concatenate([[0], np.cumsum(np.diff(y) > 2 * TOLERANCE_UM)])
    bottoms = y[np.concatenate([[True], np.diff(level) > 0])]
    crossing = np.flatnonzero(np.diff(bottoms) < height_um - TOLERANCE_UM)
    if crossing.size:
        raise InputError(
            f"the rows at y = {bottoms[crossing[0]]:g} and {bottoms[crossing[0] + 1]:g} um are "
            f"{height_um:g} um high, so that they overlap",
            where=netlist.name,
        )
    phase = np.mod(rows.x_um[order] / site_um, 1.0)
    phase = np.where(phase > 1 - TOLERANCE_UM / site_um, 0.0, phase)
    # Rows at one level share a line where their sites and orientations agree.
    keys: dict[tuple[int, int, int], list[int]] = {}
    for row, at, turned, shift in zip(
        order.tolist(), level.tolist(), rows.orient[order].tolist(), phase.tolist(), strict=True
    ):
        keys.setdefault((at, turned, round(shift * site_um / TOLERANCE_UM / 4)), []).append(row)
    x_um, y_um, orient, start = [], [], [], [0]
    spans: list[tuple[int, int]] = []
    for (at, turned, _), members in sorted(keys.items(), key=lambda item: item[0][0]):
        left = float(rows.x_um[members].min())
        first = np.rint((rows.x_um[members] - left) / site_um).astype(np.int64)
        end = first + rows.sites[members]
        spans += zip((start[-1] + first).tolist(), (start[-1] + end).tolist(), strict=True)
        x_um.append(left)
        y_um.append(float(bottoms[at]))
        orient.append(turned)
        start.append(start[-1] + int(end.max()) + 1)
    if start[-1] > MOST_SITES:
        raise InputError(f"the rows span {start[-1]} sites, expected at most {MOST_SITES}")
    has_row = np.zeros(start[-1], dtype=bool)
    for first, end in spans:
        has_row[first:end] = True
    return Lines(np.array(x_um), np.array(y_um), np.array(orient), np.array(start)), has_row


def _obstacles(netlist: Netlist, placement: Placement) -> FloatArray:
    """[B, 4]: boxes of macros and of fixed cells."""
    solid = np.isin(netlist.node_kind, [NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO])
    solid |= (netlist.node_kind == NodeKind.STANDARD_CELL) & netlist.fixed
    width, height = oriented_size(netlist, placement)
    box = np.flatnonzero(solid & (width > 0) & (height > 0))
    x, y, w, h = placement.x_um[box], placement.y_um[box], width[box] / 2, height[box] / 2
    lost = box[~(np.isfinite(x) & np.isfinite(y))]
    if lost.size:
        kind = NodeKind(int(netlist.node_kind[lost[0]])).name.lower().replace("_", " ")
        raise InputError(
            f"{kind} {netlist.node_name[lost[0]]} has no position ({lost.size} nodes have none)",
            where=netlist.name,
            hint="place macros before cells",
        )
    return np.stack([x - w, y - h, x + w, y + h], axis=1)


def _block(
    lines: Lines,
    open_sites: np.ndarray[tuple[int], np.dtype[np.bool_]],
    boxes_um: FloatArray,
    site_um: float,
    height_um: float,
) -> None:
    """Close the sites that boxes touch."""
    low = np.searchsorted(lines.y_um + height_um, boxes_um[:, 1] + TOLERANCE_UM, side="right")
    high = np.searchsorted(lines.y_um, boxes_um[:, 3] - TOLERANCE_UM, side="left")
    length = np.diff(lines.start) - 1
    for (x0, _, x1, _), bottom, top in zip(
        boxes_um.tolist(), low.tolist(), high.tolist(), strict=True
    ):
        touched = np.arange(bottom, top)
        first = np.floor((x0 - lines.x_um[touched] + TOLERANCE_UM) / site_um)
        end = np.ceil((x1 - lines.x_um[touched] - TOLERANCE_UM) / site_um)
        first = np.clip(first, 0, length[touched]).astype(np.int64) + lines.start[touched]
        end = np.clip(end, 0, length[touched]).astype(np.int64) + lines.start[touched]
        for a, b in zip(first.tolist(), end.tolist(), strict=True):
            open_sites[a:b] = False


def _parts(
    lines: Lines, open_sites: np.ndarray[tuple[int], np.dtype[np.bool_]], site_um: float
) -> Parts:
    """The runs of open sites; a line's last site is closed, so that no run crosses lines."""
    edges = np.flatnonzero(np.diff(open_sites.astype(np.int8), prepend=0, append=0))
    first, end = edges[0::2], edges[1::2]
    line = np.searchsorted(lines.start, first, side="right") - 1
    return Parts(
        line=line,
        first=first,
        sites=end - first,
        x_um=lines.x_um[line] + (first - lines.start[line]) * site_um,
        y_um=lines.y_um[line],
        of_line=np.searchsorted(line, np.arange(len(lines.y_um) + 1)),
    )


def _check_room(netlist: Netlist, found: SiteRows) -> None:
    """Raise `InputError` where the cells cannot fit, however they are put."""
    if len(found.cells) == 0:
        return
    need, have = int(found.sites.sum()), int(found.parts.sites.sum())
    if need > have:
        area = found.site_um * found.height_um
        fill = f"{need / have:.3f}" if have else "infinite"
        raise InputError(
            f"the cells need {need * area:.1f} um2, but the rows have {have * area:.1f} um2 free "
            f"(utilisation {fill})",
            where=netlist.name,
            hint="lower the utilisation of the floorplan",
        )
    widest, longest = int(np.argmax(found.sites)), int(found.parts.sites.max())
    if found.sites[widest] > longest:
        raise InputError(
            f"cell {netlist.node_name[found.cells[widest]]} is {found.sites[widest]} sites wide, "
            f"but the longest free stretch of a row has {longest}",
            where=netlist.name,
            hint="enlarge the core",
        )
