"""Global placement of nodes of a flat netlist: region, bins and fillers for the electrostatics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import scipy.fft

from agents.flat.charges import Bins, Domain, area_map
from agents.flat.electrostatic import Course, Schedule, spread
from agents.flat.problem import FlatProblem, flat_problem, with_fillers
from agents.flat.threads import Threads
from agents.flat.zones import Zone, zone_of_nodes, zones_of
from placement_env.netlist import (
    FloatArray,
    IntArray,
    Netlist,
    NodeKind,
    Placement,
    Rows,
    oriented_size,
)

#: From the middle of the region.
ANEW = Schedule(from_middle=True)
#: From where nodes are, which cells may leave for places nearby.
ONWARDS = Schedule(first_pressure=3e-2)
#: From where nodes are, which they keep for the most part.
SETTLE = Schedule(first_pressure=1e-1)
#: From where nodes are, in a hurry: for wirelengths that are compared, not for placements.
QUICK = Schedule(
    first_pressure=2e-2, growth=1.1, tolerated_rise=0.01, target_overflow=0.1, most_iterations=300
)

# Bins for each body, and the least and most of them along a side.
_BINS_PER_BODY, _FEWEST, _MOST = 2.0, 32, 1024
# Bodies begin at the middle of the region, scattered by this share of its sides.
_SCATTER = 1e-3
# Most fillers for each body, and for a netlist with few of them.
_FILLERS_PER_BODY, _FEW_FILLERS = 2.0, 5000
# Share of the narrowest and of the widest cells that fillers are not like.
_TAIL = 0.05


def place_globally(
    netlist: Netlist,
    start: Placement,
    moves: IntArray,
    *,
    schedule: Schedule,
    seed: int,
    threads: Threads,
    report: Callable[[Course, Callable[[], Placement]], None],
) -> Placement:
    """The nodes `moves` [M] where wires are short and no part of the rows is too full.

    Nodes may still overlap a little. All others stay; fixed cells and macros among them take room.

    Args:
        netlist: A flat netlist with rows.
        start: Where all nodes are.
        moves: Hard macros and cells to place.
        schedule: How they are spread, and whether they begin where `start` has them.
        seed: Seed of the fillers' places, and of the scatter around the middle.
        threads: Share the work.
        report: Is told each iteration, with a function that gives the placement at hand.
    """
    rows = netlist.rows
    assert rows is not None
    left, bottom = float(rows.x_um.min()), float(rows.y_um.min())
    right = float((rows.x_um + rows.sites * rows.site_width_um).max())
    top = float((rows.y_um + rows.height_um).max())
    zones = zones_of(netlist)
    moves, groups = _by_domain(moves, zones)
    side = _bins_a_side(len(moves))
    unit_um = (right - left) / side
    problem = flat_problem(
        netlist, start, moves, region_um=(left, bottom, right, top), unit_um=unit_um
    )
    problem = _bounded(problem, zones)
    rng = np.random.default_rng(seed)
    count = len(moves)
    if schedule.from_middle:
        size = np.array([[problem.region_width], [problem.region_height]])
        aside = (problem.low + problem.high) / 2 - size * 0.5
        places = [size * (0.5 + _SCATTER * rng.standard_normal((2, count))) + aside]
    else:
        places = [
            np.stack([start.x_um[moves] - left, start.y_um[moves] - bottom]) / unit_um,
        ]
    domains = []
    for zone, (first, last) in groups:
        bins = _bins(netlist, start, problem, zone.rows, side)
        before = problem.num_bodies
        problem = _filled(problem, bins, first, last)
        places.append(_places_of_fillers(bins, problem.num_bodies - before, rng))
        domains.append(Domain(bins, (first, last), (before, problem.num_bodies)))
    at = np.concatenate(places, axis=1)  # [2, B]

    def placement(at: FloatArray) -> Placement:
        x_um, y_um = start.x_um.copy(), start.y_um.copy()
        x_um[moves] = left + at[0, :count] * unit_um
        y_um[moves] = bottom + at[1, :count] * unit_um
        return replace(start, x_um=x_um, y_um=y_um)

    def tell(course: Course) -> None:
        in_um = replace(course, hpwl=course.hpwl * unit_um, step=course.step * unit_um)
        report(in_um, lambda: placement(course.at))

    return placement(spread(problem, domains, at, threads=threads, schedule=schedule, report=tell))


def _bins_a_side(bodies: int) -> int:
    side = int(np.clip(_BINS_PER_BODY * bodies, _FEWEST**2, _MOST**2) ** 0.5)
    return scipy.fft.next_fast_len(side, real=True) or side


def _bins(netlist: Netlist, start: Placement, problem: FlatProblem, rows: Rows, side: int) -> Bins:
    """`side` x `side` bins; what rows leave out, and nodes that stay, takes room."""
    width, height = problem.region_width / side, problem.region_height / side

    def area(x_um: FloatArray, y_um: FloatArray, w_um: FloatArray, h_um: FloatArray) -> FloatArray:
        centre = np.stack([x_um - problem.left_um, y_um - problem.bottom_um]) / problem.unit_um
        size = np.stack([w_um, h_um]) / problem.unit_um
        return area_map(centre, size, (side, side), (width, height))

    length = rows.sites * rows.site_width_um
    covered = area(rows.x_um + length / 2, rows.y_um + rows.height_um / 2, length, rows.height_um)
    solid = np.isin(netlist.node_kind, [NodeKind.HARD_MACRO, NodeKind.STANDARD_CELL])
    solid[problem.node] = False
    node = np.flatnonzero(solid)
    node_width, node_height = oriented_size(netlist, start)
    taken = area(start.x_um[node], start.y_um[node], node_width[node], node_height[node])
    whole = width * height
    return Bins(width, height, np.clip(whole - covered + taken, 0.0, whole))


def _filled(problem: FlatProblem, bins: Bins, first: int, last: int) -> FlatProblem:
    """The problem with fillers in all the room that its bodies from `first` to `last` leave."""
    body_width, body_height = problem.width[first:last], problem.height[first:last]
    is_macro = problem.is_macro[first:last]
    area = (bins.width * bins.height - bins.taken).sum() - (body_width * body_height).sum()
    cells = ~is_macro if not is_macro.all() else is_macro
    widths = np.sort(body_width[cells])
    tail = int(_TAIL * len(widths))
    width = float(widths[tail : len(widths) - tail].mean())
    height = float(np.median(body_height[cells]))
    most = max(_FILLERS_PER_BODY * (last - first), _FEW_FILLERS)
    larger = max(area / (width * height) / most, 1.0) ** 0.5
    count = int(max(area, 0.0) / (width * height * larger**2))
    low = problem.low[:, first:last].min(axis=1, keepdims=True)
    high = problem.high[:, first:last].max(axis=1, keepdims=True)
    return with_fillers(
        problem,
        np.full(count, width * larger),
        np.full(count, height * larger),
        np.tile(low, count),
        np.tile(high, count),
    )


def _places_of_fillers(bins: Bins, count: int, rng: np.random.Generator) -> FloatArray:
    """[2, count] anywhere where there is room, each free spot as likely as another."""
    columns, rows = bins.taken.shape
    free = (bins.width * bins.height - bins.taken).ravel()
    drawn = rng.choice(columns * rows, count, p=free / free.sum())
    place = np.stack([drawn // rows, drawn % rows]) + rng.random((2, count))
    return place * np.array([[bins.width], [bins.height]])


def _by_domain(
    moves: IntArray, zones: Sequence[Zone]
) -> tuple[IntArray, list[tuple[Zone, tuple[int, int]]]]:
    """The nodes `moves` domain by domain, and the zone whose rows each domain has, with its bounds.

    Fences that are closed to others are domains of their own.
    """
    number = zone_of_nodes(zones)[moves]
    closed = [k for k, zone in enumerate(zones) if zone.closed]
    members = [(zones[k], moves[number == k]) for k in closed]
    members.append((zones[-1], moves[~np.isin(number, closed)]))
    bounds = np.cumsum([0, *(len(nodes) for _, nodes in members)]).tolist()
    groups = [
        (zone, (first, last))
        for (zone, _), first, last in zip(members, bounds[:-1], bounds[1:], strict=True)
        if last > first
    ]
    return np.concatenate([nodes for _, nodes in members]), groups


def _bounded(problem: FlatProblem, zones: Sequence[Zone]) -> FlatProblem:
    """The problem with the bodies of each fence in the box around it."""
    number = zone_of_nodes(zones)[problem.node]
    low, high = problem.low.copy(), problem.high.copy()
    corner = np.array([problem.left_um, problem.bottom_um])
    for k, zone in enumerate(zones[:-1]):
        of_zone = number == k
        left_bottom, right_top = np.split((np.array(zone.box_um) - np.tile(corner, 2)), 2)
        low[:, of_zone] = np.maximum(low[:, of_zone], left_bottom[:, None] / problem.unit_um)
        high[:, of_zone] = np.minimum(high[:, of_zone], right_top[:, None] / problem.unit_um)
    return replace(problem, low=low, high=high)
