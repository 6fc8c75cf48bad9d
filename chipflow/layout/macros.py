"""Macros of a flow's DEF on the canvas of the core, as macro placement sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from chipflow.layout.core import core_canvas
from placement_env.errors import InputError
from placement_env.netlist import Canvas, FloatArray, Netlist, NodeKind, Placement, oriented_size


def on_core(netlist: Netlist, placement: Placement) -> tuple[Netlist, Placement]:
    """The design with the core as its canvas, whose lower left corner becomes the origin.

    Circuit Training's files know no other origin, and no backslash in a name: nodes lose theirs
    (`plain_names`). Ports, which lie on the edge of the die, move to the nearest point of the core.

    Raises:
        InputError: The design has no rows.
    """
    core = _core(netlist)
    x, y = placement.x_um - core.left_um, placement.y_um - core.bottom_um
    port = netlist.nodes_of(NodeKind.PORT)
    x[port] = np.clip(x[port], 0.0, core.width_um)
    y[port] = np.clip(y[port], 0.0, core.height_um)
    return (
        replace(
            netlist,
            node_name=plain_names(netlist.node_name),
            canvas=Canvas(0.0, 0.0, core.width_um, core.height_um),
        ),
        replace(placement, x_um=x, y_um=y),
    )


def plain_names(names: Sequence[str]) -> tuple[str, ...]:
    """DEF names without their escapes; names that would become equal get a number."""
    plain = [name.replace("\\", "") for name in names]
    taken = set(names)
    used: set[str] = set()
    result = []
    for name, bare in zip(names, plain, strict=True):
        chosen, number = bare, 2
        while chosen in used or (chosen != name and chosen in taken):
            chosen, number = f"{bare}~{number}", number + 1
        used.add(chosen)
        result.append(chosen)
    return tuple(result)


def from_core(
    netlist: Netlist, placement: Placement, macros: Netlist, found: Placement
) -> Placement:
    """The placement of `netlist` with hard macros where a placement on the core has them.

    Args:
        netlist: The design as its DEF has it.
        placement: Its placement.
        macros: A netlist on the core (`on_core`), grouped or not, with the same macros.
        found: Where they are.
    """
    core = _core(netlist)
    at = {name: node for node, name in enumerate(macros.node_name)}
    names = plain_names(netlist.node_name)
    x, y, orient = placement.x_um.copy(), placement.y_um.copy(), placement.orient.copy()
    for node in netlist.nodes_of(NodeKind.HARD_MACRO).tolist():
        other = at[names[node]]
        x[node] = found.x_um[other] + core.left_um
        y[node] = found.y_um[other] + core.bottom_um
        orient[node] = found.orient[other]
    return Placement(x, y, orient)


def least_gap_um(netlist: Netlist, placement: Placement) -> float:
    """The least distance of two hard macros, in x or y whichever is larger; inf for fewer than two.

    Negative where they overlap.
    """
    macros = netlist.nodes_of(NodeKind.HARD_MACRO)
    width, height = oriented_size(netlist, placement)
    gap_x = _apart(placement.x_um[macros], width[macros])
    gap_y = _apart(placement.y_um[macros], height[macros])
    gap = np.maximum(gap_x, gap_y)
    np.fill_diagonal(gap, np.inf)
    return float(gap.min(initial=np.inf))


def _apart(centre: FloatArray, size: FloatArray) -> FloatArray:
    """[M, M] room between each two intervals of that centre and size."""
    return np.abs(centre[:, None] - centre[None]) - (size[:, None] + size[None]) / 2


def _core(netlist: Netlist) -> Canvas:
    if netlist.rows is None:
        raise InputError("the design has no rows", where=netlist.name, hint="floorplan it first")
    return core_canvas(netlist.rows)
