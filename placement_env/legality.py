"""Whether macros lie inside the canvas and apart from each other.

Centres are rounded to float32 first, as the public macro placement challenge does, so that a
placement that is legal here is legal there. The test is strict: any overlap, however small, counts.
"""

from __future__ import annotations

import numpy as np

from placement_env.errors import InputError
from placement_env.netlist import FloatArray, IntArray, Netlist, NodeKind, Placement, oriented_size


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
