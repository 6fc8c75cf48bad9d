"""A legal placement of macros from any start, or from none, by moving each as little as possible.

Hard macros are placed one after another, large ones first, each at the free position nearest to
where it wants to be. That position lies on an edge of a placed macro's surroundings in x or y (or
is the wanted one), so few candidates have to be looked at. Where a macro finds no room, it goes
first and all start again; where that does not help, macros are packed from the bottom or the left.
"""

from __future__ import annotations

from math import ceil, floor, inf
from typing import Any

import numpy as np

from agents.lattice import Lattice, snap
from placement_env.cost.model import CostModel, Int32Array, cost_model
from placement_env.errors import InputError
from placement_env.kernels import jit
from placement_env.netlist import FloatArray, IntArray, Netlist, Placement
from placement_env.soft_rule import SoftRule

_RETRIES = 40


def legal_start(
    netlist: Netlist,
    model: CostModel,
    lattice: Lattice,
    x: FloatArray,
    y: FloatArray,
    *,
    hard: IntArray,
    soft: IntArray,
    seed: int,
    from_nothing: bool = False,
) -> tuple[FloatArray, FloatArray]:
    """Centres near (x, y) with which the macros in `hard` and `soft` are legal.

    Args:
        netlist: The netlist.
        model: Its cost model.
        lattice: Where macros may lie.
        x: [N] wanted centres, relative to the canvas's lower left corner.
        y: [N] wanted centres.
        hard: Hard macros to place; all others stay and are kept clear of.
        soft: Soft macros to place.
        seed: Seed of the orders tried.
        from_nothing: Ignore where macros want to be: they go where their nets pull them, spread
            over the canvas. Where no net ties them to another node, the hard ones are packed and
            the soft ones scattered.

    Raises:
        InputError: No legal placement was found.
    """
    x, y = x.copy(), y.copy()
    rng = np.random.default_rng(seed)
    if from_nothing:
        free = np.zeros(len(x), dtype=bool)
        free[hard] = free[soft] = True
        rule = SoftRule(netlist, free, spread=1.0)
        if rule.anchored:
            x_um, y_um = rule.place(x + model.left_um, y + model.bottom_um)
            x, y = x_um - model.left_um, y_um - model.bottom_um
            from_nothing = False
        else:
            x[soft] = rng.uniform(lattice.x_low[soft], lattice.x_high[soft])
            y[soft] = rng.uniform(lattice.y_low[soft], lattice.y_high[soft])
    x[soft] = _snapped(x, lattice.x, lattice.x_low, lattice.x_high, lattice.step)[soft]
    y[soft] = _snapped(y, lattice.y, lattice.y_low, lattice.y_high, lattice.step)[soft]
    if len(hard) == 0:
        return x, y
    obstacles = np.setdiff1d(np.flatnonzero(model.nodes.is_hard), hard)
    wide, tall = model.nodes.half_width, model.nodes.half_height
    blocked = np.empty(len(hard) + len(obstacles), np.int32)

    def place(order: IntArray, wanted_x: FloatArray, wanted_y: FloatArray, x_pull: float) -> int:
        blocked[: len(obstacles)] = obstacles
        return place_in_order(
            order.astype(np.int32),
            wanted_x,
            wanted_y,
            x_pull,
            lattice,
            wide,
            tall,
            blocked,
            len(obstacles),
            x,
            y,
        )

    if not from_nothing:
        wanted_x, wanted_y = x.copy(), y.copy()
        order = hard[np.argsort(-(wide * tall)[hard], kind="stable")]
        for _ in range(_RETRIES):
            stuck = place(order, wanted_x, wanted_y, 1.0)
            if stuck < 0:
                return x, y
            order = np.concatenate([order[stuck : stuck + 1], np.delete(order, stuck)])
    corner_x, corner_y = lattice.x_low, lattice.y_low
    orders = [rng.permutation(hard)] if from_nothing else []
    for size in (tall, wide, wide * tall, np.maximum(wide, tall)):
        orders.append(hard[np.argsort(-size[hard], kind="stable")])
    orders += [rng.permutation(hard) for _ in range(_RETRIES)]
    left_over = hard[0]
    for order in orders:
        for x_pull in (1e-4, 1e4):
            stuck = place(order, corner_x, corner_y, x_pull)
            if stuck < 0:
                return x, y
            left_over = order[stuck]
    raise InputError(
        f"found no legal placement of {len(hard)} hard macros, "
        f"which cover {_coverage(netlist, model, hard):.0%} of the canvas: "
        f"there was no room left for {netlist.node_name[left_over]!r}",
        where=netlist.name,
        hint="make the canvas larger or the gap between macros smaller",
    )


def _snapped(
    values: FloatArray, one: FloatArray, low: FloatArray, high: FloatArray, step: float
) -> FloatArray:
    """`snap` for all nodes."""
    return np.clip(one + np.floor((values - one) / step + 0.5) * step, low, high)


def _coverage(netlist: Netlist, model: CostModel, hard: IntArray) -> float:
    """The share of the canvas that hard macros cover."""
    area = 4 * (model.nodes.half_width * model.nodes.half_height)[hard].sum()
    return float(area / (netlist.canvas.width_um * netlist.canvas.height_um))


def check_fits(netlist: Netlist, model: CostModel, *, hard: IntArray, soft: IntArray) -> None:
    """Raise `InputError` where the macros cannot be legal, whatever is done.

    That is, where one of `hard` and `soft` is larger than the canvas, or all hard macros together.
    """
    canvas = netlist.canvas
    for node in np.concatenate([hard, soft]):
        for side, half, room in (
            ("width", model.nodes.half_width[node], canvas.width_um),
            ("height", model.nodes.half_height[node], canvas.height_um),
        ):
            if 2 * half > room:
                raise InputError(
                    f"macro {netlist.node_name[node]!r} has a {side} of {2 * half:g} um, "
                    f"the canvas one of {room:g} um",
                    where=netlist.name,
                    hint="make the canvas larger",
                )
    if _coverage(netlist, model, hard) > 1:
        raise InputError(
            f"the hard macros cover {_coverage(netlist, model, hard):.0%} of the canvas, "
            "expected at most 100%",
            where=netlist.name,
            hint="make the canvas larger",
        )


def movable(netlist: Netlist, model: CostModel) -> tuple[IntArray, IntArray]:
    """Hard and soft macros that are not fixed."""
    free = model.nodes.is_macro & ~netlist.fixed
    hard = model.nodes.is_hard
    return np.flatnonzero(free & hard), np.flatnonzero(free & ~hard)


def nowhere(netlist: Netlist) -> Placement:
    """All nodes at the canvas's corner, for a netlist whose nodes can all be placed."""
    n = netlist.num_nodes
    macros = cost_model(netlist, np.zeros(n, np.int64)).nodes.is_macro
    stuck = np.flatnonzero(~macros | netlist.fixed)
    if stuck.size:
        raise InputError(
            f"there is no start, and node {netlist.node_name[stuck[0]]!r} cannot be moved",
            where=netlist.name,
            hint="give a start with the positions of ports and fixed nodes and from_nothing=True",
        )
    return Placement(
        np.full(n, netlist.canvas.left_um),
        np.full(n, netlist.canvas.bottom_um),
        np.zeros(n, np.int64),
    )


@jit
def place_in_order(
    order: Int32Array,
    wanted_x: FloatArray,
    wanted_y: FloatArray,
    x_pull: float,
    lattice: Lattice,
    wide: FloatArray,
    tall: FloatArray,
    blocked: Int32Array,
    count: int,
    x: FloatArray,
    y: FloatArray,
) -> int:
    """Place the macros of `order` one by one at the free position nearest to the wanted one.

    Args:
        order: Macros to place.
        wanted_x: [N] where they want to be.
        wanted_y: [N] where they want to be.
        x_pull: How much a distance in x counts against one in y.
        lattice: Where macros may lie.
        wide: [N] half widths.
        tall: [N] half heights.
        blocked: Macros to keep clear of, `count` at first; gets the placed ones.
        count: How many of them there are.
        x: [N] gets the centres.
        y: [N] gets the centres.

    Returns:
        -1, or the first element of `order` for which there is no room.
    """
    candidates = np.empty(2 * (count + len(order)) + 3)
    near_y = np.empty(count + len(order))
    near_reach = np.empty(count + len(order))
    for turn in range(len(order)):
        node: int = order[turn]
        low, high = lattice.x_low[node], lattice.x_high[node]
        goal_x = snap(wanted_x[node], lattice.x[node], lattice.step, low, high)
        goal_y = snap(
            wanted_y[node], lattice.y[node], lattice.step, lattice.y_low[node], lattice.y_high[node]
        )
        # The wanted x, the outermost ones, and those beside a placed macro, by their distance.
        candidates[0], candidates[1], candidates[2] = goal_x, low, high
        tries = 3
        for i in range(count):
            other: int = blocked[i]
            reach = wide[other] + wide[node] + lattice.apart
            for side in range(2):
                if side == 0:
                    beside = before(x[other] - reach, lattice.x[node], lattice.step)
                else:
                    beside = beyond(x[other] + reach, lattice.x[node], lattice.step)
                if low <= beside <= high:
                    candidates[tries] = beside
                    tries += 1
        candidates[:tries].sort()
        right = 0
        while candidates[right] < goal_x:
            right += 1
        left = right - 1
        best = inf
        best_x = best_y = 0.0
        while left >= 0 or right < tries:
            if left < 0 or (
                right < tries and candidates[right] - goal_x < goal_x - candidates[left]
            ):
                try_x = candidates[right]
                right += 1
                if right < tries and candidates[right] == try_x:
                    continue
            else:
                try_x = candidates[left]
                left -= 1
                if left >= 0 and candidates[left] == try_x:
                    continue
            across = (x_pull * (try_x - goal_x)) ** 2
            if across >= best:
                break
            near: Any = np.int64(0)  # not a literal, for which Numba would compile once more
            for i in range(count):
                other = blocked[i]
                # Rounding must not make a macro beside another one look as if they overlapped.
                if abs(x[other] - try_x) < wide[other] + wide[node] + lattice.apart - 1e-9:
                    near_y[near] = y[other]
                    near_reach[near] = tall[other] + tall[node] + lattice.apart
                    near += 1
            for upwards in range(2):
                try_y, distance = nearest_free_y(
                    goal_y,
                    upwards == 1,
                    best - across,
                    near_y,
                    near_reach,
                    near,
                    lattice.y[node],
                    lattice.step,
                    lattice.y_low[node],
                    lattice.y_high[node],
                )
                if across + distance < best:
                    best = across + distance
                    best_x, best_y = try_x, try_y
        if best == inf:
            return turn
        x[node], y[node] = best_x, best_y
        blocked[count] = node
        count += 1
    return -1


@jit
def nearest_free_y(
    goal: float,
    upwards: bool,
    limit: float,
    near_y: FloatArray,
    near_reach: FloatArray,
    near: int,
    one: float,
    step: float,
    low: float,
    high: float,
) -> tuple[float, float]:
    """The position nearest to `goal` in one direction that keeps `near_reach` from each `near_y`.

    Returns:
        The position and its squared distance, inf where that is not less than `limit`.
    """
    place = goal
    while True:
        moved = False
        for i in range(near):
            if abs(near_y[i] - place) < near_reach[i] - 1e-9:
                if upwards:
                    place = beyond(near_y[i] + near_reach[i], one, step)
                else:
                    place = before(near_y[i] - near_reach[i], one, step)
                moved = True
                if not low <= place <= high or (place - goal) ** 2 >= limit:
                    return place, inf
        if not moved:
            return place, (place - goal) ** 2


@jit
def beyond(value: float, one: float, step: float) -> float:
    """The first position at or above `value`."""
    place = one + ceil((value - one) / step) * step
    return place if place >= value else place + step


@jit
def before(value: float, one: float, step: float) -> float:
    """The last position at or below `value`."""
    place = one + floor((value - one) / step) * step
    return place if place <= value else place - step
