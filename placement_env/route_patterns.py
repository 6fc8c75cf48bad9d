"""The pattern router: straight, L and Z routes on a grid, with rip-up.

A route from (c0, r0) to (c1, r1) is a bend kind and the grid line of its middle part:
kind 0 runs horizontally, vertically in column `mid`, horizontally; kind 1 runs vertically,
horizontally in row `mid`, vertically. L routes and straight ones are the cases where `mid` is an
end; beyond the ends lie detours. Either is three runs over edges of the grid, each run a first
edge, a stride and a count.

All edges are in one array. With C columns, edge r (C - 1) + c joins grid cells (r, c) and
(r, c + 1); behind the H horizontal edges, edge H + r C + c joins (r, c) and (r + 1, c).
"""

from __future__ import annotations

import numpy as np

from placement_env.kernels import jit
from placement_env.netlist import FloatArray, IntArray

#: At most this many places of the middle part are tried in each direction.
_TRIED_BENDS = 32

#: How many grid cells beyond its ends a rerouted segment may go.
_DETOUR = 6

#: Rounds without improvement after which rerouting stops.
_PATIENCE = 3


def route_segments(
    ends: IntArray, order: IntArray, columns: int, capacity: FloatArray, rounds: int
) -> tuple[FloatArray, int]:
    """Route all segments, then again and again those on overfull edges.

    Args:
        ends: [T, 4] c0, r0, c1, r1 of each segment.
        order: Indices of the segments to route, in the order in which they are routed.
        columns: Columns of the grid.
        capacity: [edges] wires that each edge can take.
        rounds: Most rounds of rip-up and reroute.

    Returns:
        [edges] the wires on each edge in the best round, and the number of rounds.
    """
    demand, history = np.zeros(len(capacity)), np.zeros(len(capacity))
    kind, mid = np.full(len(ends), -1), np.zeros(len(ends), dtype=np.int64)
    rows = (len(capacity) + columns) // (2 * columns - 1)
    route_once(ends, order, rows, columns, 0, kind, mid, demand, capacity, history)
    best, best_overflow = demand.copy(), total_overflow(demand, capacity)
    done = stale = 0
    while done < rounds and best_overflow > 0 and stale < _PATIENCE:
        # Negotiated congestion: what is overfull now is dearer in all later rounds.
        history += demand > capacity
        route_once(ends, order, rows, columns, _DETOUR, kind, mid, demand, capacity, history)
        done, stale = done + 1, stale + 1
        if (overflow := total_overflow(demand, capacity)) < best_overflow:
            best, best_overflow, stale = demand.copy(), overflow, 0
    return best, done


def total_overflow(demand: FloatArray, capacity: FloatArray) -> float:
    """Wires beyond the capacity, summed over all edges [edges]."""
    return float(np.maximum(demand - capacity, 0.0).sum())


@jit
def route_once(ends, order, rows, columns, detour, kind, mid, demand, capacity, history):
    """Route what has no route yet (kind -1), and anew what crosses an overfull edge."""
    horizontal = rows * (columns - 1)
    runs = np.zeros((3, 3), dtype=np.int64)
    for i in order:
        if kind[i] >= 0:
            _set_runs(ends[i], kind[i], mid[i], columns, horizontal, runs)
            if not _overfull(runs, demand, capacity):
                continue
            _add(runs, -1.0, demand)
        kind[i], mid[i] = _best_route(
            ends[i], rows, columns, detour, runs, demand, capacity, history
        )
        _set_runs(ends[i], kind[i], mid[i], columns, horizontal, runs)
        _add(runs, 1.0, demand)


@jit
def _best_route(end, rows, columns, detour, runs, demand, capacity, history):
    """Kind and middle of the cheapest route; the first of equals."""
    horizontal = rows * (columns - 1)
    best_cost, best_kind, best_mid = np.inf, 0, end[0]
    for kind in range(2):
        last = columns - 1 if kind == 0 else rows - 1
        low = max(min(end[kind], end[kind + 2]) - detour, 0)
        high = min(max(end[kind], end[kind + 2]) + detour, last)
        tried = min(high - low + 1, _TRIED_BENDS)
        for k in range(tried):
            mid = low if tried == 1 else low + (k * (high - low)) // (tried - 1)
            _set_runs(end, kind, mid, columns, horizontal, runs)
            cost = 0.0
            for run in range(3):
                first, stride, count = runs[run]
                for edge in range(first, first + stride * count, stride):
                    # One, more where one more wire fills the edge, much more where it overfills.
                    fill = (demand[edge] + 1.0) / max(capacity[edge], 0.1)
                    cost += 1.0 + history[edge]
                    cost += 0.5 * fill if fill <= 1.0 else 0.5 + 8.0 * (fill - 1.0)
            if cost < best_cost - 1e-9:
                best_cost, best_kind, best_mid = cost, kind, mid
        if detour == 0 and (end[0] == end[2] or end[1] == end[3]):
            break  # a straight segment has one route without detour
    return best_kind, best_mid


@jit
def _set_runs(end, kind, mid, columns, horizontal, runs):
    """The three runs of a route; a run of no edges has count 0 and stride 1."""
    c0, r0, c1, r1 = end[0], end[1], end[2], end[3]
    for run in range(3):
        along_x = (run == 1) == (kind == 1)
        if along_x:
            row = mid if kind == 1 else (r0 if run == 0 else r1)
            a, b = (c0, c1) if kind == 1 else ((c0, mid) if run == 0 else (mid, c1))
            runs[run, 0] = row * (columns - 1) + min(a, b)
            runs[run, 1] = 1
        else:
            column = mid if kind == 0 else (c0 if run == 0 else c1)
            a, b = (r0, r1) if kind == 0 else ((r0, mid) if run == 0 else (mid, r1))
            runs[run, 0] = horizontal + min(a, b) * columns + column
            runs[run, 1] = columns
        runs[run, 2] = abs(a - b)


@jit
def _add(runs, amount, demand):
    for run in range(3):
        first, stride, count = runs[run]
        for k in range(count):
            demand[first + k * stride] += amount


@jit
def _overfull(runs, demand, capacity):
    """Whether a run crosses an edge with more wires than it can take."""
    for run in range(3):
        first, stride, count = runs[run]
        for k in range(count):
            if demand[first + k * stride] > capacity[first + k * stride]:
                return True
    return False
