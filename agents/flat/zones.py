"""Zones: the movable cells that share rows, which are those of a fence or those that are free.

A netlist without fences is one zone. Cells of a fence lie in the rows inside it. Fences that are
closed to others have their rows for themselves; the others' cells share their rows with free cells,
and get their places first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from placement_env.cut_rows import rows_area_um2, rows_within, rows_without
from placement_env.errors import InputError
from placement_env.fences import Fences
from placement_env.netlist import FloatArray, IntArray, Netlist, NodeKind, Rows


@dataclass(frozen=True)
class Zone:
    """Movable nodes that share rows.

    Attributes:
        name: Name of the fence; empty for the free nodes.
        bound: [N] bool: the nodes of the zone, fixed ones too.
        rows: The rows that are open to them.
        closed: Whether nobody else may use these rows.
        box_um: Left, bottom, right and top of the fence; infinite for the free nodes.
    """

    name: str
    bound: NDArray[np.bool_]
    rows: Rows
    closed: bool
    box_um: tuple[float, float, float, float]


_EVERYWHERE = (-np.inf, -np.inf, np.inf, np.inf)


def zones_of(netlist: Netlist) -> tuple[Zone, ...]:
    """The zones of a netlist with rows, the free nodes' last.

    Fences without movable cells have none.

    Raises:
        InputError: Cells have no room in the rows of their fence, or a movable macro is bound to
            one.
    """
    assert netlist.rows is not None
    fences, rows = netlist.fences, netlist.rows
    everyone = np.ones(netlist.num_nodes, dtype=bool)
    if fences is None:
        return (Zone("", everyone, rows, closed=False, box_um=_EVERYWHERE),)
    _refuse_macros(netlist, fences)
    cell = (netlist.node_kind == NodeKind.STANDARD_CELL) & ~netlist.fixed
    zones = []
    for number, name in enumerate(fences.name):
        bound = fences.node_fence == number
        if not (bound & cell).any():
            continue
        own = fences.box_fence == number
        boxes = fences.box_um[own]
        inside = rows_without(
            rows_within(rows, boxes), fences.box_um[~own & fences.exclusive[fences.box_fence]]
        )
        box = (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
        zones.append(Zone(name, bound, inside, bool(fences.exclusive[number]), box))
    # Shared rows: who is bound chooses before who is free.
    zones.append(
        Zone(
            "",
            fences.node_fence < 0,
            rows_without(rows, closed_boxes_um(netlist)),
            closed=False,
            box_um=_EVERYWHERE,
        )
    )
    for zone in zones:
        _check_room(netlist, zone, cell & zone.bound)
    return tuple(zones)


def zones_with_cells(netlist: Netlist) -> tuple[Zone, ...]:
    """The zones that have movable cells, the free nodes' last; only these need rows.

    Raises:
        InputError: As `zones_of`.
    """
    cell = (netlist.node_kind == NodeKind.STANDARD_CELL) & ~netlist.fixed
    return tuple(zone for zone in zones_of(netlist) if (zone.bound & cell).any())


def closed_boxes_um(netlist: Netlist) -> FloatArray:
    """[B, 4] left, bottom, right and top of the fences that are closed to free nodes."""
    fences = netlist.fences
    if fences is None:
        return np.zeros((0, 4))
    return fences.box_um[fences.exclusive[fences.box_fence]]


def zone_netlist(
    netlist: Netlist, zone: Zone, unplaced: NDArray[np.bool_] | None = None
) -> Netlist:
    """The netlist with the zone's cells on its rows, while all other cells stay.

    Args:
        netlist: The netlist.
        zone: One of its zones.
        unplaced: [N] bool: cells that have no place yet; those of other zones are not in the way.
    """
    if netlist.fences is None:
        return netlist
    kind = netlist.node_kind.copy()
    if unplaced is not None:
        kind[unplaced & ~zone.bound] = NodeKind.PORT
    return replace(
        netlist,
        rows=zone.rows,
        node_kind=kind,
        fixed=netlist.fixed | ~zone.bound,
        fences=None,
    )


def _refuse_macros(netlist: Netlist, fences: Fences) -> None:
    macro = (netlist.node_kind == NodeKind.HARD_MACRO) & ~netlist.fixed
    for node in np.flatnonzero(macro & (fences.node_fence >= 0))[:1].tolist():
        raise InputError(
            f"macro {netlist.node_name[node]!r} is bound to the fence "
            f"{fences.name[fences.node_fence[node]]!r}: only cells are placed in fences",
            where=netlist.name,
            hint="place the macro by hand and fix it there, or take it out of the fence",
        )


def _check_room(netlist: Netlist, zone: Zone, cells: NDArray[np.bool_]) -> None:
    area, room = float((netlist.width_um * netlist.height_um)[cells].sum()), 0.0
    if len(zone.rows.y_um):
        room = rows_area_um2(zone.rows)
    if area > room * (1 + 1e-9):
        where = f"inside the fence {zone.name!r}" if zone.name else "outside of all closed fences"
        first = netlist.node_name[int(np.flatnonzero(cells)[0])]
        raise InputError(
            f"the cells {where} have {area:.1f} um2 (the first is {first!r}), and its rows have "
            f"{room:.1f} um2",
            where=netlist.name,
            hint="make the fence larger, or bind other cells to it",
        )


def zone_of_nodes(zones: Sequence[Zone]) -> IntArray:
    """[N] the zone of each node; nodes of fences without a zone belong to the last one."""
    number = np.full(len(zones[0].bound), len(zones) - 1)
    for k, zone in enumerate(zones):
        number[zone.bound] = k
    return number
