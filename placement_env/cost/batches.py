"""Merged nets once more, in batches of one size, as a full evaluation goes through them.

A full evaluation takes every net, so that it can work on many nets at once: the points of a batch
lie one position after the other, the drivers of all its nets first, then the second points of all,
and so on. Where no batch of a net's exact size is wanted, its driver is repeated, which changes
neither its half perimeter nor its cells.

Nets next to each other in a netlist often join the same places, and a processor waits when it adds
to the same cell of a map twice in a row. Nets of one size are therefore scattered. Points are
numbered in the order of their use.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from placement_env.netlist import FloatArray, IntArray

Int32Array = NDArray[np.int32]
#: Values that are used as indices as they are; Numba need not look for negative ones.
IndexArray = NDArray[np.uint32]

#: Points of a batch at most, where its nets have fewer: they stay in the processor's first cache.
_BATCH_POINTS = 2048
_BATCH_NETS = 512
# Differences of demand in both directions share 64 bits, see `full_routes`.
_MOST_DEMAND = 1 << 30


class Batches(NamedTuple):
    """Nets in batches of one size.

    Attributes:
        shape: [B, 2] positions per net and nets of each batch.
        point: Points of batch after batch, [positions, nets] each; the drivers come first.
        weight: [2 E] weight of each net in the wirelength, twice.
        demand: [E] routes of each net, as whole multiples of `unit`.
        node: [Q] the points' nodes.
        offset: [2 Q] the points' offsets in x and y.
        unit: A power of two.
    """

    shape: IntArray
    point: IndexArray
    weight: FloatArray
    demand: IntArray
    node: IndexArray
    offset: FloatArray
    unit: float


def net_batches(
    net_start: Int32Array,
    net_point: IndexArray,
    weight: FloatArray,
    demand: FloatArray,
    point_node: Int32Array,
    dx: FloatArray,
    dy: FloatArray,
) -> Batches | None:
    """The nets of `cost.model.Nets` in batches.

    None where routes are not whole multiples of a power of two, or too many for exact sums.
    """
    degree = np.diff(net_start).astype(np.int64)
    unit = _unit(demand, degree)
    if unit is None:
        return None
    size = _sizes(int(degree.max(initial=2)))
    size_of = size[np.searchsorted(size, degree)]
    scattered = np.arange(len(degree), dtype=np.uint32) * np.uint32(2654435761)
    order = np.lexsort((scattered, size_of))

    shape: list[tuple[int, int]] = []
    pieces: list[NDArray[np.uint32]] = []
    for positions in np.unique(size_of).tolist():
        of_size = order[np.searchsorted(size_of[order], [positions])[0] :]
        of_size = of_size[: np.count_nonzero(size_of == positions)]
        step = max(1, min(_BATCH_NETS, _BATCH_POINTS // positions))
        for start in range(0, len(of_size), step):
            batch = of_size[start : start + step]
            position = np.arange(positions)[:, None]
            position = np.where(position < degree[batch], position, 0)
            pieces.append(net_point[net_start[batch] + position].ravel())
            shape.append((positions, len(batch)))
    point = np.concatenate([np.zeros(0, np.uint32), *pieces])
    used, first_use, number = np.unique(point, return_index=True, return_inverse=True)
    by_use = np.argsort(first_use)
    new_number = np.empty(len(used), np.uint32)
    new_number[by_use] = np.arange(len(used), dtype=np.uint32)
    used = used[by_use]
    return Batches(
        shape=np.array(shape, np.int64).reshape(-1, 2),
        point=new_number[number],
        weight=np.repeat(weight[order], 2),
        demand=(demand[order] / unit).astype(np.int64),
        node=point_node[used].astype(np.uint32),
        offset=np.stack([dx[used], dy[used]], axis=1).ravel(),
        unit=unit,
    )


def _sizes(most: int) -> IntArray:
    """Sizes of nets that get batches of their own, up to one of at least `most`."""
    size = [2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 32]
    while size[-1] < most:
        size.append(size[-1] * 5 // 4)
    return np.array(size)


def _unit(demand: FloatArray, degree: IntArray) -> float | None:
    """The largest power of two, up to 1, that divides all demands."""
    for halvings in range(11):
        unit = 0.5**halvings
        scaled = demand / unit
        if np.array_equal(scaled, np.round(scaled)):
            return unit if 2 * np.dot(scaled, degree) < _MOST_DEMAND else None
    return None
