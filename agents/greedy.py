"""Greedy placement of macros, each in turn where the exact proxy cost is least: a baseline.

1. Hard macros, large ones first (then those with many pins): each goes to the cheapest free cell of
   the cost's grid. So do policies that are trained to place macros (A. Mirhoseini et al., "A graph
   placement methodology for fast chip design", Nature 594, 2021); here the exact cost decides.
2. Soft macros likewise, each to the cheapest of the cells near to where it is and near to the
   median of its neighbours (of all cells, where macros have no start).
   What has not had its turn takes no room, and pulls on nets from where the start has it.
3. Descent, from there or from the repaired start if that is cheaper: all macros again and again,
   each to the cheapest of the cells near to it and to its neighbours' median, until none finds a
   cheaper one.

Nothing is taken back and no rise of the cost accepted: `agents.annealing`, which moves macros about
on the same cost, shows what accepting some is worth.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from agents.effort import Effort, check_effort
from agents.legal_places import LegalPlaces, compile_kernels
from agents.progress import ProgressCallback
from placement_env.cost.incremental import IncrementalCost
from placement_env.cost.model import CostModel
from placement_env.cost.proxy import evaluate
from placement_env.errors import InputError
from placement_env.netlist import IntArray, Netlist, Placement

# Cells to each side that are near.
_NEAR = 2
# A fall of the cost below this is rounding, for which no macro moves.
_WORTH_MOVING = 1e-9

_Point = tuple[float, float]


def place(
    netlist: Netlist,
    start: Placement | None,
    *,
    budget_s: float,
    seed: int,
    progress: ProgressCallback | None = None,
    gap_um: float = 0.0,
    from_nothing: bool = False,
    moves: int | None = None,
) -> Placement:
    """Place the movable hard and soft macros of `netlist`; all other nodes stay.

    Legal whenever it returns: movable macros inside the canvas, and apart by `gap_um` from every
    hard macro if hard, both in float32 as well. It returns early where no macro finds a cheaper
    place. Where the budget ends before every macro had its turn, the others go to the legal places
    nearest to where `start` has them. Interrupted by Ctrl-C it returns the placement so far; before
    the descent that is the repaired start. It never returns anything worse than that. A netlist
    without movable macros gets its start back.

    Args:
        netlist: A netlist with a grid.
        start: Where its nodes are. None where all nodes are movable macros: then they are placed
            from nothing.
        budget_s: Seconds that it may take; the compilation of kernels does not count.
        seed: Seed of the repair of the start, the only thing that is random.
        progress: Called a few times a second.
        gap_um: Least distance between hard macros.
        from_nothing: Ignore where the movable macros are in `start`: they wait for their turn at
            the centre of the canvas.
        moves: Stop after the macro with which that many places were tried, however long it takes,
            instead of watching the clock.

    Raises:
        InputError: The netlist has no grid, the start does not fit it or has a node without a
            position, a macro is larger than the canvas, or the macros cannot be made legal.
    """
    check_effort(budget_s=budget_s, seed=seed, moves=moves)
    places = LegalPlaces(netlist, start, gap_um=gap_um, seed=seed, from_nothing=from_nothing)
    if len(places.hard) + len(places.soft) == 0:
        return places.start
    compile_kernels()
    effort = Effort(budget_s=budget_s, moves=moves, progress=progress)
    effort.tell("legal start", np.inf)
    places.settle(places.start.x_um, places.start.y_um, from_nothing=places.from_nothing)
    best = places.placement()
    with suppress(KeyboardInterrupt):
        start_cost = evaluate(places.model, best.x_um, best.y_um).total
        _construct(places, effort)
        if _settled_cost(places) > start_cost:
            places.settle(best.x_um, best.y_um)
        best = places.placement()
        for _ in _descend(places, effort):
            best = places.placement()
    return best


def _settled_cost(places: LegalPlaces) -> float:
    """The cost after overlaps are repaired; inf where they cannot be."""
    try:
        places.settle(places.x_um, places.y_um)
    except InputError:  # Macros on cells can leave gaps that are of no use to the last ones.
        return np.inf
    return evaluate(places.model, places.x_um, places.y_um).total


def _construct(places: LegalPlaces, effort: Effort) -> None:
    """Give each macro its turn; a hard macro without a free cell ends up on top of others."""
    model, grid = places.model, places.model.grid
    placed = np.ones(len(places.x_um), dtype=bool)
    placed[places.hard] = placed[places.soft] = False
    if places.from_nothing:
        centre = (
            model.left_um + grid.columns * grid.cell_width / 2,
            model.bottom_um + grid.rows * grid.cell_height / 2,
        )
        for node in np.flatnonzero(~placed).tolist():
            places.put(node, *places.nearest(node, *centre))
    every_cell = [(c, r) for c in range(grid.columns) for r in range(grid.rows)]
    for phase, macros in (("hard macros", places.hard), ("soft macros", places.soft)):
        for node in _large_first(model, macros):
            if effort.spent >= 1:
                return
            placed[node] = True
            cost = IncrementalCost(_with_room_for(model, placed), places.x_um, places.y_um)
            if phase == "hard macros" or places.from_nothing:
                candidates = _centres(places, node, every_cell)
            else:
                candidates = _near(places, node, _neighbours(model, node))
            free = _free(places, node, candidates, placed[places.obstacle])
            to = _go_to_cheapest(cost, node, free or candidates, np.inf, effort)
            if to:
                places.put(node, *to)
            effort.tell(phase, np.inf)


def _descend(places: LegalPlaces, effort: Effort) -> Iterator[None]:
    """Move macros to cheaper places while there are any; yields after each move."""
    cost = IncrementalCost(places.model, places.x_um, places.y_um)
    order = [
        node for macros in (places.hard, places.soft) for node in _large_first(places.model, macros)
    ]
    neighbours = {node: _neighbours(places.model, node) for node in order}
    every_obstacle = np.ones(len(places.obstacle), dtype=bool)
    improved = True
    while improved and effort.spent < 1:
        improved = False
        for node in order:
            if effort.spent >= 1:
                break
            candidates = _near(places, node, neighbours[node])
            free = _free(places, node, candidates, every_obstacle)
            to = _go_to_cheapest(cost, node, free, -_WORTH_MOVING, effort)
            if to:
                places.put(node, *to)
                improved = True
                yield
            effort.tell("descent", cost.cost.total, places.placement)
    effort.tell("descent", cost.cost.total, places.placement, last=True)


def _go_to_cheapest(
    cost: IncrementalCost, node: int, candidates: list[_Point], at_most: float, effort: Effort
) -> _Point | None:
    """Move a node to the cheapest of some places; None where the cost would rise too much."""
    if not candidates:
        return None
    effort.moves += len(candidates)
    x_um, y_um = np.array(candidates).T
    to = candidates[int(cost.costs_at(node, x_um, y_um).argmin())]
    return to if cost.move(node, *to, at_most=at_most) else None


def _near(places: LegalPlaces, node: int, neighbours: IntArray) -> list[_Point]:
    """The places of the cells near to a macro and near to the median of its neighbours."""
    model, grid = places.model, places.model.grid
    points = [(places.x_um[node], places.y_um[node])]
    if neighbours.size:
        points.append((np.median(places.x_um[neighbours]), np.median(places.y_um[neighbours])))
    cells = []
    for x_um, y_um in points:
        column = int((x_um - model.left_um) / grid.cell_width)
        row = int((y_um - model.bottom_um) / grid.cell_height)
        cells += [
            (column + right, row + up)
            for right in range(-_NEAR, _NEAR + 1)
            for up in range(-_NEAR, _NEAR + 1)
        ]
    return _centres(places, node, cells)


def _centres(places: LegalPlaces, node: int, cells: list[tuple[int, int]]) -> list[_Point]:
    """The places nearest to the centres of cells (column, row), each once."""
    model, grid = places.model, places.model.grid
    found = (
        places.nearest(
            node,
            model.left_um + (column + 0.5) * grid.cell_width,
            model.bottom_um + (row + 0.5) * grid.cell_height,
        )
        for column, row in cells
    )
    return list(dict.fromkeys(found))


def _free(
    places: LegalPlaces, node: int, candidates: list[_Point], obstacles: NDArray[np.bool_]
) -> list[_Point]:
    """The places at which the macro hits none of the obstacles that count, [H] bool."""
    x_um, y_um = np.array(candidates).T
    hit = (places.hits(node, x_um, y_um) & obstacles).any(axis=-1)
    return [candidates[i] for i in np.flatnonzero(~hit)]


def _large_first(model: CostModel, macros: IntArray) -> list[int]:
    area = (model.nodes.half_width * model.nodes.half_height)[macros]
    pins = np.diff(model.points.start)[macros]
    return macros[np.lexsort((-pins, -area))].tolist()


def _neighbours(model: CostModel, node: int) -> IntArray:
    """The other nodes on a node's nets, once for each point of them."""
    nets = model.nets
    points = [
        nets.point[nets.start[net] : nets.start[net + 1]]
        for net in nets.of_node[nets.of_node_start[node] : nets.of_node_start[node + 1]]
    ]
    if not points:
        return np.empty(0, np.int64)
    nodes = model.points.node[np.concatenate(points)].astype(np.int64)
    return nodes[nodes != node]


def _with_room_for(model: CostModel, placed: NDArray[np.bool_]) -> CostModel:
    """The cost model in which only macros that are placed take room."""
    nodes = model.nodes
    return replace(
        model,
        nodes=nodes._replace(is_macro=nodes.is_macro & placed, is_hard=nodes.is_hard & placed),
    )
