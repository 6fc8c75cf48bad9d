"""A flat netlist as the electrostatic placer sees it: bodies that move, and pins that stay.

Lengths are in widths of a bin, counted from the lower left corner of the region, so that the
schedules of the placer mean the same on every design.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agents.flat.threads import chunks
from placement_env.netlist import (
    FloatArray,
    IntArray,
    Netlist,
    NodeKind,
    Placement,
    oriented_size,
    pin_positions,
)


@dataclass(frozen=True)
class FlatProblem:
    """B bodies that move (nodes of the netlist, then fillers), E nets over P pins.

    Attributes:
        node: [B - F] node of each body that is one.
        width: [B] widths of bodies as they lie.
        height: [B] heights.
        is_macro: [B - F] whether it is a hard macro.
        low: [2, B] left and bottom edge of the box that each body stays in.
        high: [2, B] its right and top edge.
        net_start: [E + 1] first pin of each net; nets with one pin or no weight are left out.
        net_weight: [E] weights.
        pin_body: [P] body of each pin; -1 for pins on nodes that stay.
        pin_dx: [P] offset from the body's centre, or the place of a pin that stays.
        pin_dy: [P] as `pin_dx`.
        body_start: [B + 1] first of each body's pins in `body_pin`.
        body_pin: [<= P] pins, body by body.
        net_chunks: Bounds of chunks of nets of equal work.
        body_chunks: Bounds of chunks of bodies of equal work.
        left_um: Lower left corner of the region.
        bottom_um: As `left_um`.
        unit_um: Length of one unit.
        region_width: Size of the region.
        region_height: As `region_width`.
    """

    node: IntArray
    width: FloatArray
    height: FloatArray
    is_macro: NDArray[np.bool_]
    low: FloatArray
    high: FloatArray
    net_start: IntArray
    net_weight: FloatArray
    pin_body: IntArray
    pin_dx: FloatArray
    pin_dy: FloatArray
    body_start: IntArray
    body_pin: IntArray
    net_chunks: IntArray
    body_chunks: IntArray
    left_um: float
    bottom_um: float
    unit_um: float
    region_width: float
    region_height: float

    @property
    def num_bodies(self) -> int:
        """B."""
        return len(self.width)

    @property
    def num_fillers(self) -> int:
        """F."""
        return len(self.width) - len(self.node)


def flat_problem(
    netlist: Netlist,
    start: Placement,
    moves: IntArray,
    *,
    region_um: tuple[float, float, float, float],
    unit_um: float,
) -> FlatProblem:
    """The problem of placing the nodes `moves` [M], while all others stay at `start`."""
    left, bottom, right, top = region_um
    n = netlist.num_nodes
    body = np.full(n, -1)
    body[moves] = np.arange(len(moves))
    degree = np.diff(netlist.net_start)
    used = (degree > 1) & (netlist.net_weight > 0)
    pins = np.flatnonzero(np.repeat(used, degree))
    node = netlist.pin_node[pins]
    here = replace(
        start,
        x_um=np.where(body >= 0, 0.0, start.x_um - left),
        y_um=np.where(body >= 0, 0.0, start.y_um - bottom),
    )
    dx, dy = pin_positions(netlist, here)
    width, height = oriented_size(netlist, start)
    net_start = np.concatenate([[0], np.cumsum(degree[used])])
    pin_body = body[node]
    moving = np.flatnonzero(pin_body >= 0)
    order = moving[np.argsort(pin_body[moving], kind="stable")]
    counts = np.bincount(pin_body[moving], minlength=len(moves))
    return FlatProblem(
        node=moves,
        width=width[moves] / unit_um,
        height=height[moves] / unit_um,
        is_macro=netlist.node_kind[moves] == NodeKind.HARD_MACRO,
        low=np.zeros((2, len(moves))),
        high=np.tile(np.array([[right - left], [top - bottom]]) / unit_um, len(moves)),
        net_start=net_start,
        net_weight=netlist.net_weight[used],
        pin_body=pin_body,
        pin_dx=dx[pins] / unit_um,
        pin_dy=dy[pins] / unit_um,
        body_start=np.concatenate([[0], np.cumsum(counts)]),
        body_pin=order,
        net_chunks=chunks(degree[used]),
        body_chunks=chunks(counts + 1),
        left_um=left,
        bottom_um=bottom,
        unit_um=unit_um,
        region_width=(right - left) / unit_um,
        region_height=(top - bottom) / unit_um,
    )


def with_fillers(
    problem: FlatProblem,
    width: FloatArray,
    height: FloatArray,
    low: FloatArray,
    high: FloatArray,
) -> FlatProblem:
    """The problem with F further bodies, [F] wide and high, that have no pins.

    They stay in boxes with the lower left corners `low` and the upper right ones `high`, [2, F].
    """
    count = len(width)
    body_start = np.concatenate([problem.body_start, np.full(count, problem.body_start[-1])])
    return replace(
        problem,
        width=np.concatenate([problem.width, width]),
        height=np.concatenate([problem.height, height]),
        low=np.concatenate([problem.low, low], axis=1),
        high=np.concatenate([problem.high, high], axis=1),
        body_start=body_start,
        body_chunks=chunks(np.diff(body_start) + 1),
    )
