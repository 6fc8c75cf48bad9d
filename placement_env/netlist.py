"""The netlist and the placement: plain arrays that every format, cost and placer shares.

A `Netlist` never changes and holds no positions; a `Placement` holds positions and nothing else.
All lengths are micrometres, except for Bookshelf, which knows no unit: there one "um" is one unit
of the file, and `unit_um` says how long that is where it is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from placement_env.errors import InputError

if TYPE_CHECKING:
    from placement_env.fences import Fences

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


#: Larger sizes, offsets, places and weights are slips; arithmetic on those within cannot overflow.
LARGEST = 1e18


class NodeKind(IntEnum):
    """What a node is; the values are stored in `Netlist.node_kind`."""

    PORT = 0
    HARD_MACRO = 1
    SOFT_MACRO = 2
    STANDARD_CELL = 3


class Orient(IntEnum):
    """LEF/DEF orientations; the values are stored in `Placement.orient`.

    A pin at (dx, dy) from the node's centre at N lies at (see `ORIENT_MATRIX`):
    N (dx, dy), S (-dx, -dy), W (-dy, dx), E (dy, -dx), FN (-dx, dy), FS (dx, -dy),
    FW (dy, dx), FE (-dy, -dx).
    """

    N = 0
    S = 1
    W = 2
    E = 3
    FN = 4
    FS = 5
    FW = 6
    FE = 7


#: [8, 2, 2]: row vectors (x', y') = matrix @ (dx, dy) for each orientation.
ORIENT_MATRIX: FloatArray = np.array(
    [
        [[1, 0], [0, 1]],
        [[-1, 0], [0, -1]],
        [[0, -1], [1, 0]],
        [[0, 1], [-1, 0]],
        [[-1, 0], [0, 1]],
        [[1, 0], [0, -1]],
        [[0, 1], [1, 0]],
        [[0, -1], [-1, 0]],
    ],
    dtype=np.float64,
)


@dataclass(frozen=True)
class Grid:
    """The congestion and density grid of Circuit Training, with its routing capacities.

    Attributes:
        columns: Grid cells from left to right.
        rows: Grid cells from bottom to top.
        h_tracks_per_um: Horizontal routes per micrometre of height.
        v_tracks_per_um: Vertical routes per micrometre of width.
        h_macro_tracks_per_um: Horizontal routes that a hard macro takes.
        v_macro_tracks_per_um: Vertical routes that a hard macro takes.
        smoothing: Radius of the congestion smoothing, in grid cells.
    """

    columns: int
    rows: int
    h_tracks_per_um: float
    v_tracks_per_um: float
    h_macro_tracks_per_um: float
    v_macro_tracks_per_um: float
    smoothing: int = 0


@dataclass(frozen=True)
class Rows:
    """Standard cell rows, one array element a row.

    Attributes:
        x_um: [R] left edge of the first site.
        y_um: [R] bottom edge.
        height_um: [R] row height.
        site_width_um: [R] width of a site.
        sites: [R] number of sites.
        orient: [R] orientation of unflipped cells in the row (`Orient` values).
        site_name: Name of the site where the format has one.
    """

    x_um: FloatArray
    y_um: FloatArray
    height_um: FloatArray
    site_width_um: FloatArray
    sites: IntArray
    orient: IntArray
    site_name: str = ""


@dataclass(frozen=True)
class Canvas:
    """The rectangle that holds all movable nodes, in micrometres."""

    left_um: float
    bottom_um: float
    right_um: float
    top_um: float

    @property
    def width_um(self) -> float:
        """Width in micrometres."""
        return self.right_um - self.left_um

    @property
    def height_um(self) -> float:
        """Height in micrometres."""
        return self.top_um - self.bottom_um


@dataclass(frozen=True)
class Netlist:
    """N nodes and E nets over P pins, as a struct of arrays.

    Pins are stored net by net: the pins of net e are `net_start[e]:net_start[e + 1]`, and the first
    of them drives. Only pins that are on a net are stored. A physical pin on two nets is two pins.

    Attributes:
        name: Name of the design.
        node_name: [N] unique names.
        node_kind: [N] `NodeKind` values, int64.
        width_um: [N] width at orientation N.
        height_um: [N] height at orientation N.
        fixed: [N] bool: the node must stay where the placement has it.
        pin_node: [P] node of each pin.
        pin_dx_um: [P] offset from the node's centre at orientation N.
        pin_dy_um: [P] as `pin_dx_um`.
        net_start: [E + 1] first pin of each net; the last element is P.
        net_weight: [E] weight of each net.
        canvas: The placement region.
        grid: Congestion grid, where the source has one.
        rows: Standard cell rows, where the source has them.
        unit_um: Length of one coordinate unit in micrometres; None where the format has no unit.
        node_master: [N] library cell of each node, where the source has it.
        net_name: [E] names, where the source has them.
        pin_name: [P] name of the pin on its node, where the source has it.
        source_index: [N] index of the node in its source file, for placements that name nodes by
            index (.plc); -1 for nodes that the source does not number.
        aspect_range: [N, 2] least and greatest width over height of nodes that may take any shape
            of their area (soft blocks of floorplanning sets); NaN for those of fixed shape.
        fences: Regions that nodes are bound to, where the source has some.
    """

    name: str
    node_name: tuple[str, ...]
    node_kind: IntArray
    width_um: FloatArray
    height_um: FloatArray
    fixed: NDArray[np.bool_]
    pin_node: IntArray
    pin_dx_um: FloatArray
    pin_dy_um: FloatArray
    net_start: IntArray
    net_weight: FloatArray
    canvas: Canvas
    grid: Grid | None = None
    rows: Rows | None = None
    unit_um: float | None = 1.0
    node_master: tuple[str, ...] | None = None
    net_name: tuple[str, ...] | None = None
    pin_name: tuple[str, ...] | None = None
    source_index: IntArray | None = None
    aspect_range: FloatArray | None = None
    fences: Fences | None = None

    @property
    def num_nodes(self) -> int:
        """N."""
        return len(self.node_name)

    @property
    def num_nets(self) -> int:
        """E."""
        return len(self.net_start) - 1

    @property
    def num_pins(self) -> int:
        """P."""
        return len(self.pin_node)

    def nodes_of(self, *kinds: NodeKind) -> IntArray:
        """Indices of the nodes of the given kinds, ascending."""
        return np.flatnonzero(np.isin(self.node_kind, [int(kind) for kind in kinds]))


@dataclass(frozen=True)
class Placement:
    """Where every node of a netlist is.

    Attributes:
        x_um: [N] centres.
        y_um: [N] centres.
        orient: [N] `Orient` values, int64.
        size_um: [N, 2] width and height at orientation N where nodes with an `aspect_range` have
            taken other shapes than the netlist gives them; None where none has.
    """

    x_um: FloatArray
    y_um: FloatArray
    orient: IntArray
    size_um: FloatArray | None = None


def pin_net(netlist: Netlist) -> IntArray:
    """[P] net of each pin."""
    return np.repeat(np.arange(netlist.num_nets), np.diff(netlist.net_start))


def pin_positions(netlist: Netlist, placement: Placement) -> tuple[FloatArray, FloatArray]:
    """[P], [P]: where each pin lies under the placement's positions and orientations."""
    turn = ORIENT_MATRIX[placement.orient[netlist.pin_node]]  # [P, 2, 2]
    dx = turn[:, 0, 0] * netlist.pin_dx_um + turn[:, 0, 1] * netlist.pin_dy_um
    dy = turn[:, 1, 0] * netlist.pin_dx_um + turn[:, 1, 1] * netlist.pin_dy_um
    return placement.x_um[netlist.pin_node] + dx, placement.y_um[netlist.pin_node] + dy


def turned_over(orient: IntArray, turn_x: FloatArray, turn_y: FloatArray) -> IntArray:
    """[N] orientations of nodes that lay as `orient` [N] says, once they are turned over.

    Args:
        orient: [N] orientations before.
        turn_x: [N] -1 where left and right are exchanged, else 1.
        turn_y: [N] -1 where bottom and top are exchanged, else 1.
    """
    matrix = ORIENT_MATRIX[orient] * np.stack([turn_x, turn_y], axis=-1)[:, :, None]  # [N, 2, 2]
    same = (matrix[:, None] == ORIENT_MATRIX).all(axis=(2, 3))  # [N, 8]
    return same.argmax(axis=1)


def oriented_size(netlist: Netlist, placement: Placement) -> tuple[FloatArray, FloatArray]:
    """[N], [N]: width and height of each node as it lies (W, E, FW and FE swap them)."""
    swapped = np.isin(placement.orient, [Orient.W, Orient.E, Orient.FW, Orient.FE])
    width, height = netlist.width_um, netlist.height_um
    if placement.size_um is not None:
        width, height = placement.size_um.T
    return np.where(swapped, height, width), np.where(swapped, width, height)


def node_boxes(netlist: Netlist, placement: Placement) -> FloatArray:
    """[N, 4]: left, bottom, right and top of each node as it lies."""
    width, height = oriented_size(netlist, placement)
    return np.stack(
        [
            placement.x_um - width / 2,
            placement.y_um - height / 2,
            placement.x_um + width / 2,
            placement.y_um + height / 2,
        ],
        axis=1,
    )


def hpwl_um(netlist: Netlist, placement: Placement, *, weighted: bool = True) -> float:
    """Half-perimeter wirelength: the sum over nets of weight times (width + height) of the pins.

    Nets of fewer than two pins add nothing. With `weighted` False every weight counts as one.
    """
    if netlist.num_pins == 0:
        return 0.0
    x, y = pin_positions(netlist, placement)
    starts = netlist.net_start[:-1]
    filled = np.diff(netlist.net_start) > 0
    starts = starts[filled]
    span = (
        np.maximum.reduceat(x, starts)
        - np.minimum.reduceat(x, starts)
        + np.maximum.reduceat(y, starts)
        - np.minimum.reduceat(y, starts)
    )
    return float(np.dot(span, netlist.net_weight[filled]) if weighted else span.sum())


def check_netlist(netlist: Netlist, *, where: str = "") -> None:
    """Raise `InputError` unless the arrays fit together and every number is usable.

    Readers call it last, so that a damaged file is refused whatever part of it was damaged.
    """

    def refuse(message: str, hint: str = "") -> None:
        raise InputError(message, where=where or netlist.name, hint=hint)

    n, p = netlist.num_nodes, netlist.num_pins
    if n == 0:
        refuse("the netlist has no nodes", "check that this is the file you meant")
    lengths: dict[str, tuple[int, int]] = {
        "node_kind": (len(netlist.node_kind), n),
        "width_um": (len(netlist.width_um), n),
        "height_um": (len(netlist.height_um), n),
        "fixed": (len(netlist.fixed), n),
        "pin_dx_um": (len(netlist.pin_dx_um), p),
        "pin_dy_um": (len(netlist.pin_dy_um), p),
        "net_weight": (len(netlist.net_weight), netlist.num_nets),
    }
    if netlist.fences is not None:
        lengths["fences.node_fence"] = (len(netlist.fences.node_fence), n)
    for field, (found, expected) in lengths.items():
        if found != expected:
            refuse(f"{field} has {found} elements, expected {expected}")
    if len(set(netlist.node_name)) != n:
        seen: set[str] = set()
        double = next(name for name in netlist.node_name if name in seen or seen.add(name))
        refuse(f"two nodes are called {double!r}", "names must be unique")
    if p and (netlist.pin_node.min() < 0 or netlist.pin_node.max() >= n):
        refuse("a pin belongs to a node that does not exist")
    start = netlist.net_start
    if start[0] != 0 or start[-1] != p or np.any(np.diff(start) < 0):
        refuse("net_start does not divide the pins into nets")
    for field in ("width_um", "height_um"):
        size = getattr(netlist, field)
        bad = np.flatnonzero(~((size >= 0) & (size <= LARGEST)))
        if bad.size:
            node = int(bad[0])
            name, found = netlist.node_name[node], size[node]
            refuse(f"node {name!r} has {field} {found}, expected 0 to {LARGEST:g}")
    for field in ("pin_dx_um", "pin_dy_um", "net_weight"):
        values = getattr(netlist, field)
        bad = np.flatnonzero(~(abs(values) <= LARGEST))
        if bad.size:
            refuse(f"{field} holds {values[bad[0]]}, expected at most {LARGEST:g}")
    negative = np.flatnonzero(netlist.net_weight < 0)
    if negative.size:
        net = int(negative[0])
        name = netlist.net_name[net] if netlist.net_name else f"number {net}"
        refuse(f"net {name} has the weight {netlist.net_weight[net]}, expected at least 0")
    width, height = netlist.canvas.width_um, netlist.canvas.height_um
    if not (0 < width <= LARGEST and 0 < height <= LARGEST):
        refuse(f"the canvas is {width} x {height} um, expected positive sizes up to {LARGEST:g}")


def largest_misfit(netlist: Netlist) -> tuple[int, Literal["width", "height"]] | None:
    """A movable macro that is larger than the canvas, and the side that does not fit."""
    macros = netlist.nodes_of(NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO)
    macros = macros[~netlist.fixed[macros]]
    for node in macros:
        if netlist.width_um[node] > netlist.canvas.width_um:
            return int(node), "width"
        if netlist.height_um[node] > netlist.canvas.height_um:
            return int(node), "height"
    return None
