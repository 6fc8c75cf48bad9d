"""Relative positions of macros that overlap: of each pair, which one is left of or below the other.

Every pair is held apart in x or in y, in the order that their centres have on that axis; so both
constraint graphs are free of circles, and macros placed by longest paths do not overlap. Each pair
begins with the axis on which it overlaps least. Where a longest path exceeds the region, pairs on
it change to the other axis, those first that need the least room there.

References:
    The constraint graphs of X. Tang, R. Tian, M. D. F. Wong, "Optimal redistribution of white space
    for wire length minimization", ASP-DAC 2005, and T.-C. Chen et al., "Constraint graph-based
    macro placement for modern mixed-size circuit designs", ICCAD 2008.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from placement_env.kernels import jit
from placement_env.netlist import FloatArray, IntArray

# Changes of axis tried for each macro before giving up.
_CHANGES_PER_MACRO = 200
# Looks at a pair of macros in all of these changes, about a minute of them.
_MOST_STEPS = 20_000_000_000


def order_macros(
    centre: FloatArray,
    size: FloatArray,
    low: FloatArray,
    high: FloatArray,
    stays: NDArray[np.bool_],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
    """[M, M] a is left of b, and [M, M] a is below b: one of the four for each pair.

    Args:
        centre: [2, M] x and y of the centres.
        size: [2, M] widths and heights.
        low: [2, M] the least coordinates of each macro's left and bottom edge.
        high: [2, M] the largest of its right and top edge.
        stays: [M] the macro has no slack; such macros may overlap one another.

    Returns:
        None where no such order was found to fit.
    """
    count = centre.shape[1]
    space = (
        np.abs(centre[:, :, None] - centre[:, None, :]) - (size[:, :, None] + size[:, None, :]) / 2
    )
    in_y = space[1] > space[0]  # [M, M]
    rank = np.stack([np.lexsort((np.arange(count), axis)) for axis in centre])
    changes = min(_CHANGES_PER_MACRO * count, _MOST_STEPS // max(count, 1) ** 2)
    if not _repair(rank, size, low, high, stays, space, in_y, changes):
        return None
    place = np.empty_like(rank)
    place[0, rank[0]] = place[1, rank[1]] = np.arange(count)
    before = place[:, :, None] < place[:, None, :]  # [2, M, M]
    free = ~(stays[:, None] & stays[None, :])
    return before[0] & ~in_y & free, before[1] & in_y & free


@jit
def _paths(
    rank: IntArray,
    size: FloatArray,
    low: FloatArray,
    high: FloatArray,
    stays: NDArray[np.bool_],
    in_y: NDArray[np.bool_],
    axis: int,
    start: FloatArray,
    end: FloatArray,
    behind: IntArray,
    ahead: IntArray,
) -> int:
    """Least start and greatest end of each macro on an axis; the macro that misses its end most.

    `behind` and `ahead` receive the neighbour that decides, or -1 for the region's edge.
    """
    count = len(start)
    for k in range(count):
        b = rank[axis, k]
        start[b] = low[axis, b]
        behind[b] = -1
        for i in range(k):
            a = rank[axis, i]
            if stays[a] and stays[b]:
                continue
            if in_y[a, b] == (axis == 1) and start[a] + size[axis, a] > start[b]:
                start[b] = start[a] + size[axis, a]
                behind[b] = a
    for k in range(count - 1, -1, -1):
        a = rank[axis, k]
        end[a] = high[axis, a]
        ahead[a] = -1
        for i in range(k + 1, count):
            b = rank[axis, i]
            if stays[a] and stays[b]:
                continue
            if in_y[a, b] == (axis == 1) and end[b] - size[axis, b] < end[a]:
                end[a] = end[b] - size[axis, b]
                ahead[a] = b
    worst, miss = -1, 1e-9
    for m in range(count):
        if start[m] + size[axis, m] - end[m] > miss:
            miss = start[m] + size[axis, m] - end[m]
            worst = m
    return worst


@jit
def _repair(
    rank: IntArray,
    size: FloatArray,
    low: FloatArray,
    high: FloatArray,
    stays: NDArray[np.bool_],
    space: FloatArray,
    in_y: NDArray[np.bool_],
    changes: int,
) -> bool:
    count = rank.shape[1]
    start, end = np.zeros((2, count)), np.zeros((2, count))
    behind, ahead = np.zeros((2, count), np.int64), np.zeros((2, count), np.int64)
    place = np.zeros((2, count), np.int64)
    times = np.zeros((count, count), np.int64)
    for axis in range(2):
        for k in range(count):
            place[axis, rank[axis, k]] = k
    for _ in range(changes):
        worst_x = _paths(
            rank, size, low, high, stays, in_y, 0, start[0], end[0], behind[0], ahead[0]
        )
        worst_y = _paths(
            rank, size, low, high, stays, in_y, 1, start[1], end[1], behind[1], ahead[1]
        )
        if worst_x < 0 and worst_y < 0:
            return True
        axis = 0
        if worst_x < 0 or (
            worst_y >= 0
            and start[1, worst_y] + size[1, worst_y] - end[1, worst_y]
            > start[0, worst_x] + size[0, worst_x] - end[0, worst_x]
        ):
            axis = 1
        worst = worst_x if axis == 0 else worst_y
        other = 1 - axis
        best, best_a, best_b = np.inf, -1, -1
        # Along the path through the worst macro, back to one edge and then on to the other.
        for direction in range(2):
            at = worst
            while True:
                near = behind[axis, at] if direction == 0 else ahead[axis, at]
                if near < 0:
                    break
                a, b = near, at
                if place[other, a] > place[other, b]:
                    a, b = b, a
                # How far the pair would exceed the region on the other axis, then how far it must
                # be pushed there; pairs that have changed before come last.
                excess = start[other, a] + size[other, a] + size[other, b] - end[other, b]
                price = max(excess, 0.0) * 100.0 - space[other, a, b]
                price *= 1.0 + times[a, b] if price > 0 else 1.0
                price += times[a, b] * (size[other, a] + size[other, b])
                if price < best:
                    best, best_a, best_b = price, a, b
                at = near
        if best_a < 0:
            return False
        in_y[best_a, best_b] = in_y[best_b, best_a] = other == 1
        times[best_a, best_b] += 1
        times[best_b, best_a] += 1
    return False
