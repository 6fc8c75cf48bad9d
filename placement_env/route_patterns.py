"""Kernels of the pattern router: straight, L and Z routes on a grid, with rip-up.

A route from (c0, r0) to (c1, r1) is a bend kind and the grid line of its middle part:
kind 0 runs horizontally, vertically in column `mid`, horizontally; kind 1 runs vertically,
horizontally in row `mid`, vertically. L routes and straight ones are the cases where `mid` is an
end. Horizontal edge (r, c) joins grid cells (r, c) and (r, c + 1); vertical edge (r, c) joins
(r, c) and (r + 1, c).
"""

from __future__ import annotations

import numpy as np

from placement_env.kernels import jit

#: At most this many places of the middle part are tried in each direction.
_TRIED_BENDS = 32


@jit
def route_all(ends, order, h_capacity, v_capacity, rounds):
    """Route all segments and reroute those on overfull edges.

    Args:
        ends: [T, 4] int64: c0, r0, c1, r1 of each segment.
        order: [T] order in which segments are routed.
        h_capacity: [rows, columns - 1].
        v_capacity: [rows - 1, columns].
        rounds: Most rounds of rip-up and reroute.

    Returns:
        The demand on horizontal and vertical edges of the best round, and the rounds used.
    """
    h_demand, v_demand = np.zeros(h_capacity.shape), np.zeros(v_capacity.shape)
    h_history, v_history = np.zeros(h_capacity.shape), np.zeros(v_capacity.shape)
    kind = np.zeros(len(ends), dtype=np.int64)
    mid = np.zeros(len(ends), dtype=np.int64)
    for i in order:
        kind[i], mid[i] = _best_route(
            ends[i], h_demand, v_demand, h_capacity, v_capacity, h_history, v_history
        )
        _add_route(ends[i], kind[i], mid[i], 1.0, h_demand, v_demand)
    best_h, best_v = h_demand.copy(), v_demand.copy()
    best = _overflow(h_demand, h_capacity) + _overflow(v_demand, v_capacity)
    stale = 0
    done = 0
    while done < rounds and best > 0.0 and stale < 3:
        done += 1
        _remember(h_demand, h_capacity, h_history)
        _remember(v_demand, v_capacity, v_history)
        for i in order:
            if not _overfull(ends[i], kind[i], mid[i], h_demand, v_demand, h_capacity, v_capacity):
                continue
            _add_route(ends[i], kind[i], mid[i], -1.0, h_demand, v_demand)
            kind[i], mid[i] = _best_route(
                ends[i], h_demand, v_demand, h_capacity, v_capacity, h_history, v_history
            )
            _add_route(ends[i], kind[i], mid[i], 1.0, h_demand, v_demand)
        overflow = _overflow(h_demand, h_capacity) + _overflow(v_demand, v_capacity)
        if overflow < best:
            best, stale = overflow, 0
            best_h[:], best_v[:] = h_demand, v_demand
        else:
            stale += 1
    return best_h, best_v, done


@jit
def _best_route(end, h_demand, v_demand, h_capacity, v_capacity, h_history, v_history):
    """Kind and middle of the cheapest pattern; the first of equals."""
    c0, r0, c1, r1 = end[0], end[1], end[2], end[3]
    best_cost, best_kind, best_mid = np.inf, 0, c0
    for kind in range(2):
        low, high = (min(c0, c1), max(c0, c1)) if kind == 0 else (min(r0, r1), max(r0, r1))
        count = high - low + 1
        tried = min(count, _TRIED_BENDS)
        for k in range(tried):
            mid = low if tried == 1 else low + (k * (count - 1)) // (tried - 1)
            if kind == 0:
                cost = (
                    _h_cost(r0, c0, mid, h_demand, h_capacity, h_history)
                    + _v_cost(mid, r0, r1, v_demand, v_capacity, v_history)
                    + _h_cost(r1, mid, c1, h_demand, h_capacity, h_history)
                )
            else:
                cost = (
                    _v_cost(c0, r0, mid, v_demand, v_capacity, v_history)
                    + _h_cost(mid, c0, c1, h_demand, h_capacity, h_history)
                    + _v_cost(c1, mid, r1, v_demand, v_capacity, v_history)
                )
            if cost < best_cost - 1e-9:
                best_cost, best_kind, best_mid = cost, kind, mid
        if r0 == r1 or c0 == c1:
            break
    return best_kind, best_mid


@jit
def _edge_cost(demand, capacity, history):
    """One, more where one more wire fills the edge, much more where it overfills it."""
    fill = (demand + 1.0) / max(capacity, 0.1)
    return 1.0 + history + (0.5 * fill if fill <= 1.0 else 0.5 + 8.0 * (fill - 1.0))


@jit
def _h_cost(row, a, b, demand, capacity, history):
    cost = 0.0
    for c in range(min(a, b), max(a, b)):
        cost += _edge_cost(demand[row, c], capacity[row, c], history[row, c])
    return cost


@jit
def _v_cost(column, a, b, demand, capacity, history):
    cost = 0.0
    for r in range(min(a, b), max(a, b)):
        cost += _edge_cost(demand[r, column], capacity[r, column], history[r, column])
    return cost


@jit
def _add_route(end, kind, mid, amount, h_demand, v_demand):
    c0, r0, c1, r1 = end[0], end[1], end[2], end[3]
    if kind == 0:
        _add_h(r0, c0, mid, amount, h_demand)
        _add_v(mid, r0, r1, amount, v_demand)
        _add_h(r1, mid, c1, amount, h_demand)
    else:
        _add_v(c0, r0, mid, amount, v_demand)
        _add_h(mid, c0, c1, amount, h_demand)
        _add_v(c1, mid, r1, amount, v_demand)


@jit
def _add_h(row, a, b, amount, demand):
    for c in range(min(a, b), max(a, b)):
        demand[row, c] += amount


@jit
def _add_v(column, a, b, amount, demand):
    for r in range(min(a, b), max(a, b)):
        demand[r, column] += amount


@jit
def _overfull(end, kind, mid, h_demand, v_demand, h_capacity, v_capacity):
    """Whether the route crosses an edge with more demand than capacity."""
    c0, r0, c1, r1 = end[0], end[1], end[2], end[3]
    if kind == 0:
        return (
            _any_h(r0, c0, mid, h_demand, h_capacity)
            or _any_v(mid, r0, r1, v_demand, v_capacity)
            or _any_h(r1, mid, c1, h_demand, h_capacity)
        )
    return (
        _any_v(c0, r0, mid, v_demand, v_capacity)
        or _any_h(mid, c0, c1, h_demand, h_capacity)
        or _any_v(c1, mid, r1, v_demand, v_capacity)
    )


@jit
def _any_h(row, a, b, demand, capacity):
    low, high = min(a, b), max(a, b)
    return (demand[row, low:high] > capacity[row, low:high]).any()


@jit
def _any_v(column, a, b, demand, capacity):
    low, high = min(a, b), max(a, b)
    return (demand[low:high, column] > capacity[low:high, column]).any()


@jit
def _remember(demand, capacity, history):
    """Make edges that are overfull now dearer in all later rounds (negotiated congestion)."""
    for r in range(demand.shape[0]):
        for c in range(demand.shape[1]):
            if demand[r, c] > capacity[r, c]:
                history[r, c] += 1.0


@jit
def _overflow(demand, capacity):
    total = 0.0
    for r in range(demand.shape[0]):
        for c in range(demand.shape[1]):
            total += max(demand[r, c] - capacity[r, c], 0.0)
    return total
