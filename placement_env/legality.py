"""Whether macros lie inside the canvas and apart, in shapes they may have, fixed ones in place.

Centres are rounded to float32 first, as the public macro placement challenge does, so that a
placement that is legal here is legal there. The test is strict: any overlap, however small, counts.
"""

from __future__ import annotations

import numpy as np

from placement_env.errors import InputError
from placement_env.netlist import FloatArray, IntArray, Netlist, NodeKind, Placement, oriented_size

#: What shapes may be off by, as a share.
_ROUNDED = 1e-6
#: What fixed nodes may be off by, as a share of the canvas's longer side.
_ROUNDED_PLACE = 1e-5


def hard_overlaps(netlist: Netlist, placement: Placement) -> list[tuple[int, int]]:
    """Pairs of hard macros (fixed ones included) that overlap, as node indices, ascending."""
    hard = netlist.nodes_of(NodeKind.HARD_MACRO)
    left, bottom, right, top = (side[hard] for side in _sides(netlist, placement))
    order = np.argsort(left, kind="stable")
    pairs = []
    for position, i in enumerate(order):
        # Later macros start further right; those that start beyond this one's end cannot overlap.
        end = np.searchsorted(left[order], right[i], side="left")
        others = order[position + 1 : end]
        clash = (right[others] > left[i]) & (top[others] > bottom[i]) & (bottom[others] < top[i])
        for j in others[clash]:
            first, second = sorted((int(hard[i]), int(hard[j])))
            pairs.append((first, second))
    return sorted(pairs)


def outside(netlist: Netlist, placement: Placement) -> IntArray:
    """Hard and soft macros (fixed ones included) that stick out of the canvas, ascending."""
    left, bottom, right, top = _sides(netlist, placement)
    canvas = netlist.canvas
    out = (
        (left < canvas.left_um)
        | (bottom < canvas.bottom_um)
        | (right > canvas.right_um)
        | (top > canvas.top_um)
    )
    macros = netlist.nodes_of(NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO)
    return macros[out[macros]]


def misshapen(netlist: Netlist, placement: Placement) -> IntArray:
    """Nodes whose size is not the netlist's, nor a shape of its area that it may take; ascending.

    Areas and proportions may be off by a millionth, for files that round.
    """
    if placement.size_um is None:
        return np.empty(0, np.int64)
    width, height = placement.size_um.T
    same = (width == netlist.width_um) & (height == netlist.height_um)
    allowed = same
    if netlist.aspect_range is not None:
        least, greatest = netlist.aspect_range.T
        area = netlist.width_um * netlist.height_um
        # A side next to nothing makes an infinite proportion, which is out of any range.
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            aspect = width / height
            fits = (aspect >= least * (1 - _ROUNDED)) & (aspect <= greatest * (1 + _ROUNDED))
        allowed = same | (fits & (abs(width * height - area) <= _ROUNDED * area))
    return np.flatnonzero(~allowed)


def moved_fixed(netlist: Netlist, placement: Placement, start: Placement) -> IntArray:
    """Fixed nodes that are not where `start` has them, or not turned as there; ascending.

    Positions may be off by 1e-5 of the canvas's longer side, for files that round. Nodes without a
    position in `start` may be anywhere.
    """
    least_um = _ROUNDED_PLACE * max(netlist.canvas.width_um, netlist.canvas.height_um)
    moved_um = np.maximum(abs(placement.x_um - start.x_um), abs(placement.y_um - start.y_um))
    moved = (moved_um > least_um) | (placement.orient != start.orient)
    return np.flatnonzero(netlist.fixed & moved & ~np.isnan(moved_um))


def check_fixed(netlist: Netlist, placement: Placement) -> None:
    """Raise `InputError` where fixed macros alone keep any placement from being legal."""
    astray = outside(netlist, placement)
    for node in astray[netlist.fixed[astray]][:1]:
        raise InputError(
            f"the fixed macro {netlist.node_name[node]!r} at ({placement.x_um[node]:g}, "
            f"{placement.y_um[node]:g}) um sticks out of the canvas",
            where=netlist.name,
            hint="do not fix it, or start from a placement that has it inside",
        )
    for first, second in hard_overlaps(netlist, placement):
        if netlist.fixed[first] and netlist.fixed[second]:
            raise InputError(
                f"the fixed macros {netlist.node_name[first]!r} and "
                f"{netlist.node_name[second]!r} overlap",
                where=netlist.name,
                hint="do not fix both of them, or start from a placement that has them apart",
            )


def _sides(
    netlist: Netlist, placement: Placement
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """[N] left, bottom, right, top of every node, centres rounded to float32."""
    x = placement.x_um.astype(np.float32).astype(np.float64)
    y = placement.y_um.astype(np.float32).astype(np.float64)
    width, height = oriented_size(netlist, placement)
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2
