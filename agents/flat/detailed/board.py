"""The placement that detailed placement works on: sites, pins and the boxes of all nets.

A `Board` is always legal: `at` says which cell lies on each site, and agrees with `site`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from agents.flat.detailed.wires import Wires, wires_of
from agents.flat.row_legal import MIRRORED
from agents.flat.site_rows import SiteRows
from placement_env.errors import InputError
from placement_env.kernels import jit, lean
from placement_env.netlist import (
    ORIENT_MATRIX,
    FloatArray,
    IntArray,
    Netlist,
    Placement,
    pin_positions,
)
from placement_env.row_legality import TOLERANCE_UM

#: What `Board.at` holds where no cell lies.
FREE, BLOCKED = -1, -2
#: Nets of more pins keep count of the pins at their box's edges; others are gone through anew.
FEW_PINS = 12


class Board(NamedTuple):
    """C cells on T sites of L lines, with P pins and the boxes of E nets.

    Attributes:
        at: [T] cell on each site, `FREE` or `BLOCKED`.
        part_of: [T] part of each site; -1 where it is blocked.
        part: [S, 3] line, first site and end of each part.
        line_part: [L + 1] first part of each line.
        line_start: [L + 1] number of the first site of each line.
        line: [L, 4] left edge and middle of each line, and by what pin offsets in x and y are
            multiplied there for cells that are not mirrored.
        site_um: Width of a site.
        site: [C] first site of each cell.
        sites: [C] width in sites.
        half_um: [C] half of the width.
        mirror: [C] -1 for cells that are mirrored about y against their row, else 1.
        pin: [P, 2] where each pin lies.
        box: [E, 4] left, bottom, right and top of each net's pins.
        rim: [E, 4] how many pins lie at each of these edges; only for nets of many pins.
    """

    at: IntArray
    part_of: IntArray
    part: IntArray
    line_part: IntArray
    line_start: IntArray
    line: FloatArray
    site_um: float
    site: IntArray
    sites: IntArray
    half_um: FloatArray
    mirror: FloatArray
    pin: FloatArray
    box: FloatArray
    rim: IntArray


def make_board(netlist: Netlist, rows: SiteRows, legal: Placement) -> tuple[Wires, Board]:
    """The nets and the board of a legal placement.

    Raises:
        InputError: A cell is not on a free site of a row, upright as the row is or mirrored.
    """
    wires, pins = wires_of(netlist, rows.cells)
    lines, parts, cells = rows.lines, rows.parts, rows.cells
    total = int(lines.start[-1])
    part_of = np.full(total, -1)
    _number(part_of, parts.first, parts.sites, np.arange(len(parts.first)))
    left, bottom = (
        legal.x_um[cells] - netlist.width_um[cells] / 2,
        legal.y_um[cells] - netlist.height_um[cells] / 2,
    )
    site = _sites_of(rows, left, bottom)
    home = np.where(site >= 0, part_of[np.maximum(site, 0)], -1)
    ends = np.append(parts.first + parts.sites, -1)[home]
    line = np.append(parts.line, 0)[home]
    matrix = ORIENT_MATRIX[legal.orient[cells]]
    turned = ORIENT_MATRIX[lines.orient[line]]
    upright = (matrix[:, 1, 1] == turned[:, 1, 1]) & (matrix[:, 0, 1] == 0)
    misfit = np.flatnonzero((home < 0) | (site + rows.sites > ends) | ~upright)
    at = np.where(part_of < 0, BLOCKED, FREE)
    if misfit.size == 0:
        cover = np.repeat(site, rows.sites) + _counts_up(rows.sites)
        at[cover] = np.repeat(np.arange(len(cells)), rows.sites)
        taken = at[cover] == np.repeat(np.arange(len(cells)), rows.sites)
        misfit = np.repeat(np.arange(len(cells)), rows.sites)[~taken]
    if misfit.size:
        raise InputError(
            f"cell {netlist.node_name[cells[misfit[0]]]} does not lie on free sites of a row",
            where=netlist.name,
            hint="legalise the placement before it is refined",
        )
    board = Board(
        at=at,
        part_of=part_of,
        part=np.stack([parts.line, parts.first, parts.first + parts.sites], axis=1),
        line_part=parts.of_line,
        line_start=lines.start,
        line=np.stack(
            [
                lines.x_um,
                lines.y_um + rows.height_um / 2,
                ORIENT_MATRIX[lines.orient, 0, 0],
                ORIENT_MATRIX[lines.orient, 1, 1],
            ],
            axis=1,
        ),
        site_um=rows.site_um,
        site=site,
        sites=rows.sites.copy(),
        half_um=netlist.width_um[cells] / 2,
        mirror=matrix[:, 0, 0] * turned[:, 0, 0],
        pin=np.stack(pin_positions(netlist, legal), axis=1)[pins],
        box=np.zeros((len(wires.net_weight), 4)),
        rim=np.zeros((len(wires.net_weight), 4), np.int64),
    )
    for_all_cells(wires, board)
    return wires, board


def placement_of(board: Board, netlist: Netlist, rows: SiteRows, legal: Placement) -> Placement:
    """The board as a placement; whatever does not move is taken from `legal`."""
    lines, cells = rows.lines, rows.cells
    line = board.part[board.part_of[board.site], 0]
    x_um, y_um, orient = legal.x_um.copy(), legal.y_um.copy(), legal.orient.copy()
    left_um = lines.x_um[line] + (board.site - lines.start[line]) * rows.site_um
    x_um[cells] = left_um + netlist.width_um[cells] / 2
    y_um[cells] = lines.y_um[line] + netlist.height_um[cells] / 2
    turned = lines.orient[line]
    orient[cells] = np.where(board.mirror < 0, MIRRORED[turned], turned)
    return replace(legal, x_um=x_um, y_um=y_um, orient=orient)


def total_hpwl_um(wires: Wires, board: Board) -> float:
    """Weighted half-perimeter wirelength of the nets that can change."""
    span = board.box[:, 2] - board.box[:, 0] + board.box[:, 3] - board.box[:, 1]
    return float(np.dot(span, wires.net_weight))


def _counts_up(lengths: IntArray) -> IntArray:
    """0, 1, ... for each length, one after the other."""
    return np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)


def _number(target: IntArray, first: IntArray, length: IntArray, number: IntArray) -> None:
    """Write a number over each run of elements."""
    target[np.repeat(first, length) + _counts_up(length)] = np.repeat(number, length)


def _sites_of(rows: SiteRows, left: FloatArray, bottom: FloatArray) -> IntArray:
    """[C]: the site with each left bottom corner; -1 where there is none."""
    lines, parts = rows.lines, rows.parts
    if len(parts.line) == 0:
        return np.full(len(left), -1)
    slack = 2 * TOLERANCE_UM
    low = np.searchsorted(lines.y_um, bottom - slack)
    high = np.searchsorted(lines.y_um, bottom + slack, side="right")
    found = np.full(len(left), -1)
    for step in range(int((high - low).max(initial=0))):  # more than one where lines share a level
        line = np.minimum(low + step, len(lines.y_um) - 1)
        steps = (left - lines.x_um[line]) / rows.site_um
        whole = np.rint(steps)
        fits = (low + step < high) & (np.abs(steps - whole) * rows.site_um <= slack)
        fits &= (whole >= 0) & (whole < np.diff(lines.start)[line])
        site = lines.start[line] + np.where(fits, whole, 0).astype(np.int64)
        part = np.clip(np.searchsorted(parts.first, site, side="right") - 1, 0, None)
        fits &= (site >= parts.first[part]) & (site < parts.first[part] + parts.sites[part])
        found = np.where(fits, site, found)
    return found


@lean
def put_pins(wires: Wires, board: Board, cell: int) -> None:
    """Bring a cell's pins to where its site and its mirroring say."""
    line = board.part[board.part_of[board.site[cell]], 0]
    x = board.line[line, 0] + (board.site[cell] - board.line_start[line]) * board.site_um
    x += board.half_um[cell]
    y = board.line[line, 1]
    turn_x, turn_y = board.line[line, 2] * board.mirror[cell], board.line[line, 3]
    for i in range(wires.cell_start[cell], wires.cell_start[cell + 1]):
        pin = wires.cell_pin[i]
        board.pin[pin, 0] = x + turn_x * wires.pin_offset[pin, 0]
        board.pin[pin, 1] = y + turn_y * wires.pin_offset[pin, 1]


@lean
def measure_net(wires: Wires, board: Board, net: int, box: FloatArray, rim: IntArray) -> None:
    """The box of a net's pins, and, for nets of many pins, how many lie at its edges."""
    begin, end = wires.net_start[net], wires.net_start[net + 1]
    left, bottom = board.pin[begin, 0], board.pin[begin, 1]
    right, top = left, bottom
    for pin in range(begin + 1, end):
        x, y = board.pin[pin, 0], board.pin[pin, 1]
        left, right = min(left, x), max(right, x)
        bottom, top = min(bottom, y), max(top, y)
    box[net, 0], box[net, 1], box[net, 2], box[net, 3] = left, bottom, right, top
    if end - begin > FEW_PINS:
        rim[net] = 0
        for pin in range(begin, end):
            x, y = board.pin[pin, 0], board.pin[pin, 1]
            rim[net, 0] += x == left
            rim[net, 1] += y == bottom
            rim[net, 2] += x == right
            rim[net, 3] += y == top


@jit
def for_all_cells(wires: Wires, board: Board) -> None:
    """Bring all pins and boxes up to date with the cells' sites."""
    for cell in range(len(board.site)):
        put_pins(wires, board, cell)
    for net in range(len(wires.net_weight)):
        measure_net(wires, board, net, board.box, board.rim)
