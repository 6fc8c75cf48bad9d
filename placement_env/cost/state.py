"""All that the proxy cost of one placement is made of, net by net and cell by cell.

A full evaluation fills a `State` from nothing; a move changes parts of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from placement_env.cost.congestion import (
    add_routes,
    blocked_cells,
    cell_congestion,
    packed_cell,
    route_nets,
)
from placement_env.cost.density import covered_cells
from placement_env.cost.model import (
    CostModel,
    GridShape,
    IndexArray,
    Int32Array,
    Nets,
    Nodes,
    Points,
    Rates,
)
from placement_env.cost.wirelength import net_spans
from placement_env.kernels import lean, pasted
from placement_env.netlist import FloatArray, IntArray


class State(NamedTuple):
    """A placement and its maps; coordinates are relative to the canvas's lower left corner.

    Attributes:
        x: [N] centres of nodes.
        y: [N] centres of nodes.
        turn_x: [N] -1 where a node is mirrored, left for right, as compared with the model; else 1.
        turn_y: [N] -1 where it is upside down as compared with the model; else 1.
        point_x: [Q] points.
        point_y: [Q] points.
        cell: [Q] packed cell of each point.
        span: [E] wirelength cost of each merged net.
        begin: [segments] where pieces of routes begin, see `congestion.route_nets`.
        end: [segments] where they end.
        pieces: [E] number of pieces of each net.
        difference: Differences of demand, see `placement_env.cost.congestion`.
        blockage: [2 x cells] congestion by hard macros.
        density: [cells] row by row.
        macros: [cells] how many macros cover a part of each.
        congestion: [2 x cells] scratch of the last evaluation.
        all_nets: [E] all nets.
        stamp: Scratch of `congestion.route_nets`.
        covered: Scratch: cells that a macro covers or blocks.
        amount: Scratch: how much of each.
        running: Scratch of `congestion.cell_congestion`.
    """

    x: FloatArray
    y: FloatArray
    turn_x: FloatArray
    turn_y: FloatArray
    point_x: FloatArray
    point_y: FloatArray
    cell: Int32Array
    span: FloatArray
    begin: IndexArray
    end: IndexArray
    pieces: Int32Array
    difference: FloatArray
    blockage: FloatArray
    density: FloatArray
    macros: IntArray
    congestion: FloatArray
    all_nets: IndexArray
    stamp: IntArray
    covered: Int32Array
    amount: FloatArray
    running: FloatArray


def new_state(model: CostModel, x_um: FloatArray, y_um: FloatArray) -> State:
    """A state with the given centres and everything else still to be filled by `fill_state`."""
    cells, grid = model.num_cells, model.grid
    points, nets = len(model.points.node), len(model.nets.weight)
    segments = int(model.nets.segment_start[-1])
    return State(
        x=np.asarray(x_um - model.left_um, dtype=np.float64),
        y=np.asarray(y_um - model.bottom_um, dtype=np.float64),
        turn_x=np.ones(len(x_um)),
        turn_y=np.ones(len(x_um)),
        point_x=np.empty(points),
        point_y=np.empty(points),
        cell=np.empty(points, np.int32),
        span=np.empty(nets),
        begin=np.empty(segments, np.uint32),
        end=np.empty(segments, np.uint32),
        pieces=np.empty(nets, np.int32),
        difference=np.empty(2 * cells + grid.columns + grid.rows),
        blockage=np.empty(2 * cells),
        density=np.empty(cells),
        macros=np.empty(cells, np.int64),
        congestion=np.empty(2 * cells),
        all_nets=np.arange(nets, dtype=np.uint32),
        stamp=np.zeros((grid.rows << grid.shift) + 1, np.int64),
        covered=np.empty(8 * cells, np.int32),
        amount=np.empty(8 * cells),
        running=np.empty(3 * max(grid.columns, grid.rows) + 1),
    )


@pasted
def take_room(nodes: Nodes, grid: GridShape, rates: Rates, state: State, node: int) -> None:
    """Add the cells that a macro covers and blocks to the maps."""
    covered, amount = state.covered, state.amount
    none: Any = 0 * node  # not a literal, for which Numba would compile once more
    x, y = state.x[node], state.y[node]
    wide, tall = nodes.half_width[node], nodes.half_height[node]
    found = covered_cells(x, y, wide, tall, 1.0, grid, covered, amount, none)
    for i in range(found):
        state.density[covered[i]] += amount[i]
        state.macros[covered[i]] += 1
    if nodes.is_hard[node]:
        found = blocked_cells(x, y, wide, tall, 1.0, grid, rates, covered, amount, none)
        for i in range(found):
            state.blockage[covered[i]] += amount[i]


@lean
def fill_state(
    nodes: Nodes, points: Points, nets: Nets, grid: GridShape, rates: Rates, state: State
) -> float:
    """Compute everything from `state.x` and `state.y`; returns the wirelength cost."""
    for p in range(len(points.node)):
        node = points.node[p]
        state.point_x[p] = state.x[node] + state.turn_x[node] * points.dx[p]
        state.point_y[p] = state.y[node] + state.turn_y[node] * points.dy[p]
        state.cell[p] = packed_cell(state.point_x[p], state.point_y[p], grid)
    count = len(nets.weight)
    listed = state.all_nets
    wirelength = net_spans(
        listed, count, nets.start, nets.point, nets.weight, state.point_x, state.point_y, state.span
    )

    slot, begin, end, pieces = nets.segment_start, state.begin, state.end, state.pieces
    route_nets(
        listed,
        count,
        nets.start,
        nets.point,
        state.cell,
        grid,
        state.stamp,
        slot,
        begin,
        end,
        pieces,
    )
    state.difference.fill(0.0)
    add_routes(listed, count, nets.demand, 1.0, slot, begin, end, pieces, state.difference)

    state.density.fill(0.0)
    state.macros.fill(0)
    state.blockage.fill(0.0)
    for node in range(len(state.x)):
        if nodes.is_macro[node]:
            take_room(nodes, grid, rates, state, node)
    cell_congestion(state.difference, state.blockage, grid, rates, state.running, state.congestion)
    return wirelength
