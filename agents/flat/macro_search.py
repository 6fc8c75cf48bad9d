"""Local search on legal macros by the exact wirelength: one moves, or two of a size change places.

Cells stay meanwhile, and must leave later where a macro comes to lie. So a move also pays for the
area of cells that it covers, and is paid for what it uncovers, as in the macro legalisation of
J. Lu et al., "ePlace-MS: electrostatics-based placement for mixed-size circuits", TCAD 2015. That
one anneals; here the order of macros is already a good one, and only moves that gain are made.
"""

from __future__ import annotations

import numpy as np

from agents.flat.charges import area_map
from agents.flat.macro_lattice import (
    MacroLattice,
    at_corners,
    macro_lattice,
    with_closed_fences,
)
from agents.flat.macro_wires import MacroWires, macro_wires, shortest_at_um, wirelength_um
from placement_env.kernels import jit, lean
from placement_env.netlist import (
    FloatArray,
    IntArray,
    Netlist,
    NodeKind,
    Placement,
    hpwl_um,
)

# Price of covering some area of cells: the wires that as much area has on average, so many times.
_PRICE = 3.0
# Bins along a side of the map of cells.
_BINS = 256
# Rounds over all macros at most; one without a gain is the last.
_ROUNDS = 20
# Places tried on the way to where a macro's wires are shortest: all of it, half of it, and so on.
_PARTS_OF_THE_WAY = 6
# Rows that a macro is moved by, also to the left and right.
_ROWS = (1, 2, 4, 8)
# Gains below this share of a macro's wires and of what its area costs are rounding.
_LEAST_GAIN = 1e-9


def search_macros(
    netlist: Netlist, legal: Placement, *, gap_um: float = 0.0, seed: int = 1
) -> Placement:
    """Movable hard macros where wires and the price of covered cells come to less, still legal.

    Args:
        netlist: A flat netlist with rows.
        legal: Where macros are legal and on rows and sites; cells may overlap.
        gap_um: Least distance between macros, and to fences that are closed to them.
        seed: Seed of the order in which macros are tried.
    """
    lattice = macro_lattice(*with_closed_fences(netlist, legal), gap_um)
    if not len(lattice.movable):
        return legal
    wires = macro_wires(netlist, legal, lattice.movable)
    total, bin_um = _cells_up_to(netlist, legal, lattice)
    price = _PRICE * hpwl_um(netlist, legal) / max(total[-1, -1], bin_um.prod())
    edge, length = np.rint(lattice.low).astype(np.int64), lattice.length.astype(np.int64)
    tries = _tries(lattice)
    rng = np.random.default_rng(seed)
    for _ in range(_ROUNDS):
        order = rng.permutation(len(lattice.movable))
        if not _one_round(wires, lattice, edge, length, total, bin_um, price, tries, order):
            break
    return at_corners(legal, lattice, edge[:, : len(lattice.movable)].astype(np.float64))


def _tries(lattice: MacroLattice) -> FloatArray:
    """[K, 4] places to try: parts of the way to the shortest wires in x and y, sites, and rows."""
    along = [
        (in_x * 0.5**k, in_y * 0.5**k, 0.0, 0.0)
        for k in range(_PARTS_OF_THE_WAY)
        for in_x, in_y in ((1, 1), (0, 1), (1, 0))
    ]
    row_in_sites = lattice.step_um[1] / lattice.step_um[0]
    aside = [
        (0.0, 0.0, x * rows * row_in_sites, y * rows)
        for rows in _ROWS
        for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1))
    ]
    return np.array(along + aside)


def _cells_up_to(
    netlist: Netlist, placement: Placement, lattice: MacroLattice
) -> tuple[FloatArray, FloatArray]:
    """[B + 1, B + 1] area of movable cells left of and below corners of bins; the size of bins."""
    cell = np.flatnonzero((netlist.node_kind == NodeKind.STANDARD_CELL) & ~netlist.fixed)
    bin_um = lattice.room * lattice.step_um / _BINS
    centre = np.stack([placement.x_um[cell], placement.y_um[cell]]) - lattice.origin_um[:, None]
    size = np.stack([netlist.width_um[cell], netlist.height_um[cell]])
    area = area_map(centre, size, (_BINS, _BINS), (bin_um[0], bin_um[1]))
    total = np.zeros((_BINS + 1, _BINS + 1))
    total[1:, 1:] = area.cumsum(axis=0).cumsum(axis=1)
    return total, bin_um


@jit
def _one_round(
    wires: MacroWires,
    lattice: MacroLattice,
    edge: IntArray,
    length: IntArray,
    total: FloatArray,
    bin_um: FloatArray,
    price: float,
    tries: FloatArray,
    order: IntArray,
) -> int:
    """Try all macros in this order [H], and change `edge` [2, M]; how many moves were made."""
    corner = np.empty((2, len(order)))
    for m in order:
        _put(lattice, edge, corner, m, edge[0, m], edge[1, m])
    moves = 0
    for m in order:
        from_x, from_y = edge[0, m], edge[1, m]
        wish_x, wish_y = shortest_at_um(wires, corner, m, 0), shortest_at_um(wires, corner, m, 1)
        way_x = (wish_x - corner[0, m]) / lattice.step_um[0]
        way_y = (wish_y - corner[1, m]) / lattice.step_um[1]
        most_x = int(lattice.room[0]) - length[0, m]
        most_y = int(lattice.room[1]) - length[1, m]
        before = wirelength_um(wires, corner, m, -1)
        covered = _covered_um2(total, bin_um, lattice, edge, m)
        area = lattice.size_um[0, m] * lattice.size_um[1, m]
        best, best_x, best_y = _LEAST_GAIN * (before + price * area), from_x, from_y
        for k in range(len(tries)):
            to_x = from_x + int(np.rint(tries[k, 0] * way_x + tries[k, 2]))
            to_y = from_y + int(np.rint(tries[k, 1] * way_y + tries[k, 3]))
            to_x, to_y = min(max(to_x, 0), most_x), min(max(to_y, 0), most_y)
            if to_x == from_x and to_y == from_y:
                continue
            _put(lattice, edge, corner, m, to_x, to_y)
            if _is_free(lattice, edge, length, m):
                gain = before - wirelength_um(wires, corner, m, -1)
                gain += price * (covered - _covered_um2(total, bin_um, lattice, edge, m))
                if gain > best:
                    best, best_x, best_y = gain, to_x, to_y
        _put(lattice, edge, corner, m, best_x, best_y)
        moves += best_x != from_x or best_y != from_y
        for n in range(len(order)):
            # Only places nearer to the wish than the macro's own: the other one wishes for itself.
            far = abs(corner[0, m] - wish_x) + abs(corner[1, m] - wish_y)
            near = abs(corner[0, n] - wish_x) + abs(corner[1, n] - wish_y)
            if near < far and (lattice.size_um[:, n] == lattice.size_um[:, m]).all():
                moves += _swap(wires, lattice, edge, corner, m, n)
    return moves


@lean
def _put(
    lattice: MacroLattice, edge: IntArray, corner: FloatArray, macro: int, x: int, y: int
) -> None:
    edge[0, macro], edge[1, macro] = x, y
    corner[0, macro] = lattice.origin_um[0] + x * lattice.step_um[0]
    corner[1, macro] = lattice.origin_um[1] + y * lattice.step_um[1]


@lean
def _swap(
    wires: MacroWires,
    lattice: MacroLattice,
    edge: IntArray,
    corner: FloatArray,
    a: int,
    b: int,
) -> bool:
    """Exchange two macros if that shortens their wires."""
    before = wirelength_um(wires, corner, a, -1) + wirelength_um(wires, corner, b, a)
    a_x, a_y, b_x, b_y = edge[0, a], edge[1, a], edge[0, b], edge[1, b]
    _put(lattice, edge, corner, a, b_x, b_y)
    _put(lattice, edge, corner, b, a_x, a_y)
    after = wirelength_um(wires, corner, a, -1) + wirelength_um(wires, corner, b, a)
    if before - after > _LEAST_GAIN * before:
        return True
    _put(lattice, edge, corner, a, a_x, a_y)
    _put(lattice, edge, corner, b, b_x, b_y)
    return False


@lean
def _is_free(lattice: MacroLattice, edge: IntArray, length: IntArray, macro: int) -> bool:
    """Whether a macro lies inside the region and on nothing else."""
    left, bottom = edge[0, macro], edge[1, macro]
    right, top = left + length[0, macro], bottom + length[1, macro]
    if left < 0 or bottom < 0 or right > lattice.room[0] or top > lattice.room[1]:
        return False
    for other in range(edge.shape[1]):
        if (
            other != macro
            and left < edge[0, other] + length[0, other]
            and edge[0, other] < right
            and bottom < edge[1, other] + length[1, other]
            and edge[1, other] < top
        ):
            return False
    return True


@lean
def _covered_um2(
    total: FloatArray, bin_um: FloatArray, lattice: MacroLattice, edge: IntArray, macro: int
) -> float:
    """Area of the cells that a macro covers."""
    left = edge[0, macro] * lattice.step_um[0] / bin_um[0]
    bottom = edge[1, macro] * lattice.step_um[1] / bin_um[1]
    right = left + lattice.size_um[0, macro] / bin_um[0]
    top = bottom + lattice.size_um[1, macro] / bin_um[1]
    return (
        _up_to(total, right, top)
        - _up_to(total, left, top)
        - _up_to(total, right, bottom)
        + _up_to(total, left, bottom)
    )


@lean
def _up_to(total: FloatArray, x: float, y: float) -> float:
    """Area left of and below a point, given in bins."""
    last = len(total) - 1
    x, y = min(max(x, 0.0), float(last)), min(max(y, 0.0), float(last))
    i, j = min(int(x), last - 1), min(int(y), last - 1)
    u, v = x - i, y - j
    low = total[i, j] * (1 - u) + total[i + 1, j] * u
    high = total[i, j + 1] * (1 - u) + total[i + 1, j + 1] * u
    return low * (1 - v) + high * v
