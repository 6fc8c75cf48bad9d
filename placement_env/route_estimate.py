"""A fast estimate of wiring: Steiner trees, pattern routes and the congestion that they cause.

The model is two-dimensional: all horizontal layers are one, all vertical layers are one. Hard
macros take the tracks of the layers that they fill. There are no vias and no pin access, and
detours are short, so the result says where wires crowd, not whether a router would finish.

References:
    L. McMurchie, C. Ebeling, PathFinder: a negotiation-based performance-driven router for FPGAs,
        FPGA 1995 (the history cost).
    R. Kastner, E. Bozorgzadeh, M. Sarrafzadeh, Pattern routing, IEEE Trans. CAD 21(7), 2002.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from placement_env.errors import InputError
from placement_env.kernels import compile_notice
from placement_env.netlist import (
    Canvas,
    FloatArray,
    IntArray,
    Netlist,
    NodeKind,
    Placement,
    oriented_size,
    pin_positions,
)
from placement_env.route_patterns import route_segments, total_overflow
from placement_env.steiner import SteinerTrees, steiner_trees, tree_node_positions

#: Side of a grid cell that scores, the flow and the flat placer estimate with, in row heights.
GRID_ROWS = 3
#: Largest number of grid cells on a side.
MAX_CELLS = 400


@dataclass(frozen=True)
class TrackSupply:
    """Routing tracks per micrometre, over all layers of a direction.

    Attributes:
        h_per_um: Horizontal tracks per micrometre of height.
        v_per_um: Vertical tracks per micrometre of width.
        h_macro_per_um: Horizontal tracks that a hard macro takes.
        v_macro_per_um: Vertical tracks that a hard macro takes.
        usable: Share of the tracks that signals can use; the rest is for power, vias and pins.
    """

    h_per_um: float
    v_per_um: float
    h_macro_per_um: float
    v_macro_per_um: float
    usable: float = 0.8


@dataclass(frozen=True)
class RouteEstimate:
    """Wires and congestion of a placement.

    Attributes:
        region: The rectangle that the grid covers.
        h_demand: [rows, columns - 1] wires from a grid cell to its right neighbour.
        v_demand: [rows - 1, columns] wires from a grid cell to its upper neighbour.
        h_capacity: As `h_demand`: the usable tracks.
        v_capacity: As `v_demand`.
        trees: The tree of each net.
        rounds: Rounds of rip-up that were needed.
    """

    region: Canvas
    h_demand: FloatArray
    v_demand: FloatArray
    h_capacity: FloatArray
    v_capacity: FloatArray
    trees: SteinerTrees
    rounds: int

    @property
    def wire_um(self) -> float:
        """Length of all wires, without detours."""
        return float(self.trees.edge_um.sum())

    @property
    def overflow(self) -> float:
        """Wires beyond the capacity, summed over all edges of the grid."""
        # Summed as the routing summed it: another order would round another way.
        return total_overflow(
            np.concatenate([self.h_demand.ravel(), self.v_demand.ravel()]),
            np.concatenate([self.h_capacity.ravel(), self.v_capacity.ravel()]),
        )

    @property
    def overfull_edges(self) -> int:
        """Edges of the grid with more wires than tracks."""
        return int(
            (self.h_demand > self.h_capacity).sum() + (self.v_demand > self.v_capacity).sum()
        )

    def ace(self, worst: float) -> float:
        """Average congestion of the edges (ACE): mean usage of the fullest ones.

        Args:
            worst: Share of the edges that counts; edges without a usable track do not.

        References:
            Y. Wei et al., "GLARE: global and local wiring aware routability evaluation", DAC 2012;
            the DAC 2012 contest averages this over the worst 0.5, 1, 2 and 5 %.
        """
        demand = np.concatenate([self.h_demand.ravel(), self.v_demand.ravel()])
        capacity = np.concatenate([self.h_capacity.ravel(), self.v_capacity.ravel()])
        usage = np.sort(demand[capacity > 0] / capacity[capacity > 0])[::-1]
        return float(usage[: max(1, round(worst * usage.size))].mean()) if usage.size else 0.0

    def usage_map(self) -> FloatArray:
        """[rows, columns]: demand over capacity on the fullest edge around each grid cell."""
        rows, columns = self.v_demand.shape[0] + 1, self.h_demand.shape[1] + 1
        usage = np.zeros((rows, columns))
        h = self.h_demand / np.maximum(self.h_capacity, 0.1)
        v = self.v_demand / np.maximum(self.v_capacity, 0.1)
        usage[:, :-1] = np.maximum(usage[:, :-1], h)
        usage[:, 1:] = np.maximum(usage[:, 1:], h)
        usage[:-1] = np.maximum(usage[:-1], v)
        usage[1:] = np.maximum(usage[1:], v)
        return usage

    def usage_at(self, x_um: FloatArray, y_um: FloatArray) -> FloatArray:
        """[K]: `usage_map` at points [K]; those outside count in the nearest grid cell."""
        usage, region = self.usage_map(), self.region
        rows, columns = usage.shape
        row = _cell_index(y_um, region.bottom_um, region.height_um, rows)
        return usage[row, _cell_index(x_um, region.left_um, region.width_um, columns)]


def estimate_routes(
    netlist: Netlist,
    placement: Placement,
    supply: TrackSupply,
    *,
    cell_um: float,
    region: Canvas | None = None,
    rounds: int = 12,
) -> RouteEstimate:
    """Estimate the wires of all nets.

    Args:
        netlist: A netlist, flat or grouped.
        placement: Positions of all its nodes.
        supply: The routing tracks.
        cell_um: Wished side of a grid cell; enlarged where the grid would have more than 400.
        region: The rectangle to route in, such as the die; the canvas when None. Pins outside
            count in the nearest grid cell.
        rounds: Most rounds of rip-up and reroute.

    Raises:
        InputError: A pin has no position, or `cell_um` is not positive.
    """
    if not cell_um > 0:
        raise InputError(f"the routing grid's cell is {cell_um} um, expected a positive size")
    region = region or netlist.canvas
    pin_x, pin_y = pin_positions(netlist, placement)
    lost = np.flatnonzero(~(np.isfinite(pin_x) & np.isfinite(pin_y)))
    if lost.size:
        raise InputError(
            f"node {netlist.node_name[netlist.pin_node[lost[0]]]} has no position",
            where=netlist.name,
            hint="place all nodes before estimating routes",
        )
    columns = _cells(region.width_um, cell_um)
    rows = _cells(region.height_um, cell_um)
    trees = steiner_trees(netlist.net_start, pin_x, pin_y)
    ends = np.zeros((len(trees.edge_from), 4), dtype=np.int64)
    for k, tree_node in enumerate((trees.edge_from, trees.edge_to)):
        x, y = tree_node_positions(trees, netlist.net_start, pin_x, pin_y, tree_node)
        ends[:, 2 * k] = _cell_index(x, region.left_um, region.width_um, columns)
        ends[:, 2 * k + 1] = _cell_index(y, region.bottom_um, region.height_um, rows)
    h_capacity, v_capacity = _capacities(netlist, placement, supply, region, columns, rows)
    # Short segments have the least choice, so they go first; ties keep the netlist's order.
    span = np.abs(ends[:, 0] - ends[:, 2]) + np.abs(ends[:, 1] - ends[:, 3])
    order = np.argsort(span, kind="stable")
    order = order[span[order] > 0]
    capacity = np.concatenate([h_capacity.ravel(), v_capacity.ravel()])
    demand, used = route_segments(ends, order, columns, capacity, rounds)
    h_demand = demand[: h_capacity.size].reshape(h_capacity.shape)
    v_demand = demand[h_capacity.size :].reshape(v_capacity.shape)
    return RouteEstimate(region, h_demand, v_demand, h_capacity, v_capacity, trees, used)


def _cells(side_um: float, cell_um: float) -> int:
    return int(np.clip(np.rint(side_um / cell_um), 1, MAX_CELLS))


def _cell_index(position: FloatArray, start_um: float, side_um: float, count: int) -> IntArray:
    return np.clip(
        np.floor((position - start_um) / (side_um / count)).astype(np.int64), 0, count - 1
    )


def _capacities(
    netlist: Netlist,
    placement: Placement,
    supply: TrackSupply,
    region: Canvas,
    columns: int,
    rows: int,
) -> tuple[FloatArray, FloatArray]:
    """[rows, columns - 1], [rows - 1, columns]: usable tracks across each edge of the grid.

    An edge crosses from the middle of one grid cell to the middle of the next; a macro takes its
    tracks in proportion to the area that it covers of that stretch.
    """
    covered = _macro_cover(netlist, placement, region, 2 * columns, 2 * rows)  # on half cells
    by_half = covered.reshape(rows, 2, 2 * columns).mean(axis=1)
    h_cover = (by_half[:, 1:-1:2] + by_half[:, 2::2]) / 2
    by_half = covered.reshape(2 * rows, columns, 2).mean(axis=2)
    v_cover = (by_half[1:-1:2] + by_half[2::2]) / 2
    tall, wide = region.height_um / rows, region.width_um / columns
    return (
        supply.usable * tall * (supply.h_per_um - supply.h_macro_per_um * h_cover).clip(0),
        supply.usable * wide * (supply.v_per_um - supply.v_macro_per_um * v_cover).clip(0),
    )


def _macro_cover(
    netlist: Netlist, placement: Placement, region: Canvas, columns: int, rows: int
) -> FloatArray:
    """[rows, columns]: share of each grid cell that hard macros cover."""
    cover = np.zeros((rows, columns))
    width, height = oriented_size(netlist, placement)
    wide, tall = region.width_um / columns, region.height_um / rows
    left = region.left_um + wide * np.arange(columns)
    bottom = region.bottom_um + tall * np.arange(rows)
    for node in netlist.nodes_of(NodeKind.HARD_MACRO).tolist():
        x, y = placement.x_um[node], placement.y_um[node]
        w, h = width[node] / 2, height[node] / 2
        in_x = (np.minimum(left + wide, x + w) - np.maximum(left, x - w)).clip(0) / wide
        in_y = (np.minimum(bottom + tall, y + h) - np.maximum(bottom, y - h)).clip(0) / tall
        cover += in_y[:, None] * in_x[None, :]
    return cover.clip(0, 1)


def compile_kernels(report: Callable[[str], None] | None = None) -> float:
    """Compile what `estimate_routes` needs, unless it is compiled; returns the seconds it took.

    `report` gets a line before and after the compilation, and nothing where there was none.
    """

    def toy() -> None:
        trees = steiner_trees(
            np.array([0, 3]), np.array([0.0, 1.0, 2.0]), np.array([0.0, 2.0, 1.0])
        )
        ends = np.zeros((len(trees.edge_from), 4), dtype=np.int64)
        ends[:, 2:] = 1
        route_segments(ends, np.arange(len(ends)), 2, np.zeros(4), 1)

    return compile_notice("routing estimate", toy, report)
