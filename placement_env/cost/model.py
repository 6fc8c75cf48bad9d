"""A netlist as the cost kernels want it: unique points, merged nets, the grid.

Two exact reductions make the cost several times cheaper to evaluate:

- Points: pins of one node with one offset share a point. All pins of a soft macro do, since the
  proxy cost puts them at its centre.
- Merged nets: nets with the same driving point and the same set of points become one net with the
  sum of their weights. Nets on a single point cost nothing and are left out; their weights still
  count in the normalisation of the wirelength.

Coordinates in kernels are relative to the canvas's lower left corner.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from placement_env.cost.batches import Batches, IndexArray, Int32Array, net_batches
from placement_env.errors import InputError
from placement_env.netlist import (
    ORIENT_MATRIX,
    FloatArray,
    Grid,
    IntArray,
    Netlist,
    NodeKind,
    Placement,
    oriented_size,
)


class GridShape(NamedTuple):
    """The grid in the kernels' terms.

    A cell is packed as `row << shift | column`. Maps of horizontal demand are stored column by
    column and maps of vertical demand row by row, so that running sums along a wire's direction
    work on contiguous arrays.
    """

    columns: int
    rows: int
    cell_width: float
    cell_height: float
    shift: int


class Nodes(NamedTuple):
    """[N] arrays: half sizes as the node lies, and whether it is a macro and a hard macro."""

    half_width: FloatArray
    half_height: FloatArray
    is_macro: NDArray[np.bool_]
    is_hard: NDArray[np.bool_]


class Points(NamedTuple):
    """Q points, node by node: those of node n are `start[n]:start[n + 1]`."""

    start: Int32Array
    node: Int32Array
    dx: FloatArray
    dy: FloatArray


class Nets(NamedTuple):
    """Merged nets. The points of net e are `point[start[e]:start[e + 1]]`, the driver first.

    Attributes:
        start: [E + 1] first entry of each net in `point`.
        point: Points of the nets, distinct within a net.
        weight: [E] weight in the wirelength, scaled so that the sum over nets of weight times half
            perimeter is the wirelength cost.
        demand: [E] routes that the net takes wherever it passes.
        segment_start: [E + 1] first slot of each net where its route segments are stored.
        of_node_start: [N + 1] first entry of each node in `of_node`.
        of_node: Nets with a point on the node.
    """

    start: Int32Array
    point: IndexArray
    weight: FloatArray
    demand: FloatArray
    segment_start: Int32Array
    of_node_start: Int32Array
    of_node: IndexArray


class Rates(NamedTuple):
    """Factors of the congestion cost.

    Attributes:
        h_per_route: Congestion of a cell by one horizontal route: 1 / (cell height x tracks).
        v_per_route: Congestion of a cell by one vertical route.
        h_per_um: Horizontal congestion by one micrometre of a hard macro's height in the cell.
        v_per_um: Vertical congestion by one micrometre of a hard macro's width in the cell.
        smoothing: Radius of the smoothing in cells.
    """

    h_per_route: float
    v_per_route: float
    h_per_um: float
    v_per_um: float
    smoothing: int


@dataclass(frozen=True)
class CostModel:
    """Everything of a netlist and of its nodes' orientations that the proxy cost depends on."""

    grid: GridShape
    nodes: Nodes
    points: Points
    nets: Nets
    rates: Rates
    left_um: float
    bottom_um: float

    @property
    def num_cells(self) -> int:
        """Grid cells."""
        return self.grid.columns * self.grid.rows

    @property
    def congestion_top(self) -> int:
        """How many of the most congested cells (horizontal and vertical ones) are averaged."""
        return max(1, self.num_cells // 10)

    @property
    def density_top(self) -> int:
        """How many of the densest cells are averaged; 0: all that are occupied."""
        return self.num_cells // 10

    @cached_property
    def batches(self) -> Batches | None:
        """The nets in batches for full evaluations; None where they cannot be, see there."""
        nets, points = self.nets, self.points
        return net_batches(
            nets.start, nets.point, nets.weight, nets.demand, points.node, points.dx, points.dy
        )

    @cached_property
    def idle_scratch(self) -> list[Any]:
        """Scratch of full evaluations of this model that no thread uses at the moment."""
        return []


def cost_model(netlist: Netlist, orient: IntArray) -> CostModel:
    """Prepare the proxy cost of `netlist` with its nodes oriented as `orient` [N] says.

    Raises:
        InputError: The netlist has no grid, or one that cannot be used.
    """
    grid = _checked_grid(netlist)
    width, height = netlist.canvas.width_um, netlist.canvas.height_um
    cell_width, cell_height = width / grid.columns, height / grid.rows
    points, point_of_pin = _points(netlist, orient)
    h_tracks = cell_height * grid.h_tracks_per_um
    v_tracks = cell_width * grid.v_tracks_per_um
    position = np.zeros(netlist.num_nodes)
    lying_width, lying_height = oriented_size(netlist, Placement(position, position, orient))
    return CostModel(
        grid=GridShape(
            grid.columns,
            grid.rows,
            cell_width,
            cell_height,
            max(1, int(grid.columns - 1).bit_length()),
        ),
        nodes=Nodes(
            lying_width / 2,
            lying_height / 2,
            np.isin(netlist.node_kind, [NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO]),
            netlist.node_kind == NodeKind.HARD_MACRO,
        ),
        points=points,
        nets=_nets(netlist, points, point_of_pin),
        rates=Rates(
            1 / h_tracks,
            1 / v_tracks,
            grid.h_macro_tracks_per_um / h_tracks,
            grid.v_macro_tracks_per_um / v_tracks,
            int(grid.smoothing),
        ),
        left_um=netlist.canvas.left_um,
        bottom_um=netlist.canvas.bottom_um,
    )


def _checked_grid(netlist: Netlist) -> Grid:
    grid = netlist.grid
    if grid is None:
        raise InputError(
            "the netlist has no congestion grid, which the proxy cost needs",
            where=netlist.name,
            hint="give a .plc, whose header holds the grid, or use "
            "placement_env.grouping.default_grid",
        )
    limit = 1 << 15
    if not (0 < grid.columns < limit and 0 < grid.rows < limit):
        raise InputError(
            f"the grid has {grid.columns} columns and {grid.rows} rows, expected 1 to {limit - 1}",
            where=netlist.name,
        )
    tracks = (grid.h_tracks_per_um, grid.v_tracks_per_um)
    taken = (grid.h_macro_tracks_per_um, grid.v_macro_tracks_per_um)
    if not (np.isfinite(tracks).all() and min(tracks) > 0):
        raise InputError(
            f"the grid has {tracks[0]} horizontal and {tracks[1]} vertical tracks per um, "
            "expected more than 0",
            where=netlist.name,
        )
    if not (np.isfinite(taken).all() and min(taken) >= 0) or grid.smoothing < 0:
        raise InputError(
            f"the grid has a negative number of tracks taken by macros {taken} or a negative "
            f"smoothing radius {grid.smoothing}",
            where=netlist.name,
        )
    return grid


def _points(netlist: Netlist, orient: IntArray) -> tuple[Points, IntArray]:
    """The unique points, and the point of each pin."""
    node = netlist.pin_node
    at_centre = netlist.node_kind[node] == NodeKind.SOFT_MACRO
    dx = np.where(at_centre, 0.0, netlist.pin_dx_um)
    dy = np.where(at_centre, 0.0, netlist.pin_dy_um)
    order = np.lexsort((dy, dx, node))
    first = np.ones(len(order), dtype=bool)
    for values in (node, dx, dy):
        first[1:] &= values[order[1:]] == values[order[:-1]]
    first[1:] = ~first[1:]
    point_of_pin = np.empty(len(order), dtype=np.int64)
    point_of_pin[order] = np.cumsum(first) - 1
    pin = order[first]
    turn = ORIENT_MATRIX[orient[node[pin]]]  # [Q, 2, 2]
    start = np.searchsorted(node[pin], np.arange(netlist.num_nodes + 1))
    return Points(
        start.astype(np.int32),
        node[pin].astype(np.int32),
        turn[:, 0, 0] * dx[pin] + turn[:, 0, 1] * dy[pin],
        turn[:, 1, 0] * dx[pin] + turn[:, 1, 1] * dy[pin],
    ), point_of_pin


def _nets(netlist: Netlist, points: Points, point_of_pin: IntArray) -> Nets:
    pins = np.diff(netlist.net_start)
    routed = pins >= 2
    driver = np.zeros(netlist.num_nets, dtype=np.int64)
    driver[routed] = netlist.net_start[:-1][routed]
    by_port = np.zeros(netlist.num_nets, dtype=bool)
    if netlist.num_pins:
        by_port = netlist.node_kind[netlist.pin_node[driver]] == NodeKind.PORT
        driver = point_of_pin[driver]
    weight = np.where(by_port, 1.0, netlist.net_weight)
    demand = np.where(by_port, 1.0, np.maximum(netlist.net_weight, 1.0))
    total_weight = float(weight[routed].sum())

    # Sort the pins of each net by point, the driver's point first, and drop the repeated ones.
    net_of_pin = np.repeat(np.arange(netlist.num_nets), pins)
    keep = routed[net_of_pin]
    net_of_pin, point = net_of_pin[keep], point_of_pin[keep]
    order = np.lexsort((point, point != driver[net_of_pin], net_of_pin))
    net_of_pin, point = net_of_pin[order], point[order]
    new = np.ones(len(point), dtype=bool)
    new[1:] = (net_of_pin[1:] != net_of_pin[:-1]) | (point[1:] != point[:-1])
    net_of_pin, point = net_of_pin[new], point[new].astype(np.uint32)
    bounds = np.searchsorted(net_of_pin, np.arange(netlist.num_nets + 1))

    merged: dict[bytes, int] = {}
    merged_net = np.full(netlist.num_nets, -1, dtype=np.int64)
    for net in np.flatnonzero(np.diff(bounds) >= 2):
        key = point[bounds[net] : bounds[net + 1]].tobytes()
        merged_net[net] = merged.setdefault(key, len(merged))
    count = len(merged)
    degree = np.array([len(key) // 4 for key in merged], dtype=np.int64)
    net_point = np.frombuffer(bytearray().join(merged), dtype=np.uint32)
    kept = merged_net >= 0

    def summed(values: FloatArray) -> FloatArray:
        total = np.zeros(count)
        np.add.at(total, merged_net[kept], values[kept])
        return total

    half_perimeter = netlist.canvas.width_um + netlist.canvas.height_um
    scale = 1 / (half_perimeter * total_weight) if total_weight > 0 else 0.0
    segments = np.where(degree == 3, 4, 2 * (degree - 1))

    node_of_entry = points.node[net_point].astype(np.int64)
    pairs = np.unique(node_of_entry * max(count, 1) + np.repeat(np.arange(count), degree))
    pair_node, pair_net = pairs // max(count, 1), pairs % max(count, 1)
    return Nets(
        start=_offsets(degree),
        point=net_point,
        weight=summed(weight) * scale,
        demand=summed(demand),
        segment_start=_offsets(segments),
        of_node_start=np.searchsorted(pair_node, np.arange(netlist.num_nodes + 1)).astype(np.int32),
        of_node=pair_net.astype(np.uint32),
    )


def _offsets(counts: IntArray) -> Int32Array:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
