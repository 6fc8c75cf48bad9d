"""Standard cells in groups: from a flat netlist to one of macros and soft macros, and back.

A group of cells becomes a soft macro, as in Circuit Training, so that macros can be placed on a
netlist of a few hundred nodes. A group is a number for each node: 0, 1, ... for cells, -1 for nodes
that stay alone (ports, macros and fixed cells).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import numpy as np

from placement_env import clustering, mt_kahypar
from placement_env.errors import InputError
from placement_env.gridding import default_grid
from placement_env.netlist import (
    FloatArray,
    IntArray,
    Netlist,
    NodeKind,
    Orient,
    Placement,
    check_netlist,
    pin_net,
)

__all__ = [
    "default_grid",
    "group_cells",
    "grouped_netlist",
    "grouped_placement",
    "ungrouped_placement",
]

Partitioner = Literal["built-in", "mt-kahypar"]

#: Without a target, groups have about this many cells, but there are no more than `_MOST_GROUPS`.
_CELLS_PER_GROUP, _MOST_GROUPS = 25, 800


def group_cells(
    netlist: Netlist,
    *,
    target_groups: int | None = None,
    seed: int = 0,
    partitioner: Partitioner | None = None,
) -> IntArray:
    """[N] the group of each movable standard cell, -1 for all other nodes.

    Cells that share small nets come together, in groups of nearly equal area.

    Args:
        netlist: A flat netlist.
        target_groups: Number of groups; by default one for 25 cells, at most 800.
        seed: Equal seeds give equal groups.
        partitioner: What forms the groups: our own (`placement_env.clustering`), or Mt-KaHyPar
            (`placement_env.mt_kahypar`). None takes Mt-KaHyPar where it is installed.

    Raises:
        InputError: `target_groups` is less than one.
        ToolMissing: Mt-KaHyPar was asked for and is not installed.
    """
    if target_groups is not None and target_groups < 1:
        raise InputError(f"{target_groups} groups were asked for, expected at least one")
    group = np.full(netlist.num_nodes, -1, dtype=np.int64)
    cells = np.flatnonzero((netlist.node_kind == NodeKind.STANDARD_CELL) & ~netlist.fixed)
    if not cells.size:
        return group
    if target_groups is None:
        target_groups = min(math.ceil(len(cells) / _CELLS_PER_GROUP), _MOST_GROUPS)
    number = np.full(netlist.num_nodes, -1, dtype=np.int64)
    number[cells] = np.arange(len(cells))
    node = number[netlist.pin_node]
    on_cell = node >= 0
    if partitioner is None:
        partitioner = "mt-kahypar" if mt_kahypar.is_installed() else "built-in"
    clusters = mt_kahypar.clusters if partitioner == "mt-kahypar" else clustering.clusters
    group[cells] = clusters(
        (netlist.width_um * netlist.height_um)[cells],
        pin_net(netlist)[on_cell],
        node[on_cell],
        netlist.net_weight,
        target=target_groups,
        seed=seed,
    )
    return group


def grouped_netlist(
    netlist: Netlist, group: IntArray, *, bloat: float = 1.0, largest_net: int = 500
) -> Netlist:
    """The netlist with each group k as a square soft macro `Grp_k` behind its other nodes.

    Pins of a soft macro are at its centre; other pins stay as they are. A net has one pin on a soft
    macro at most, and its first pin still drives. Nets within one group are left out. Nets with the
    same driver and the same sinks become one that has the sum of their weights. Larger nets than
    `largest_net` are left out: clocks and resets get trees of their own, and as stars they would
    drown the congestion of all others. So are fixed cells without a net (tap and filler cells).

    With TILOS MacroPlacement's groups and a bloat of 2 this gives the nets, weights and areas of
    its grouped netlists.

    Args:
        netlist: A flat netlist.
        group: [N] group of each node, -1 for nodes that stay alone.
        bloat: Area of a soft macro over the area of its cells.
        largest_net: Most pins of a net of `netlist` that is kept.

    Raises:
        InputError: `group` does not fit the netlist, or a name `Grp_k` is taken.
    """
    alone, numbers, node_of = _nodes(netlist, group)
    soft_area = bloat * _group_sum(netlist, group, netlist.width_um * netlist.height_um, numbers)
    side = np.sqrt(soft_area)
    soft = len(numbers)
    pin, net_start, first_net, weight = _nets(netlist, group, node_of, largest_net)
    on_soft = group[netlist.pin_node[pin]] >= 0
    grouped = replace(
        netlist,
        node_name=tuple(netlist.node_name[node] for node in alone.tolist())
        + tuple(f"Grp_{number}" for number in numbers.tolist()),
        node_kind=np.append(netlist.node_kind[alone], np.full(soft, NodeKind.SOFT_MACRO)),
        width_um=np.append(netlist.width_um[alone], side),
        height_um=np.append(netlist.height_um[alone], side),
        fixed=np.append(netlist.fixed[alone], np.zeros(soft, dtype=bool)),
        pin_node=node_of[netlist.pin_node[pin]],
        pin_dx_um=np.where(on_soft, 0.0, netlist.pin_dx_um[pin]),
        pin_dy_um=np.where(on_soft, 0.0, netlist.pin_dy_um[pin]),
        net_start=net_start,
        net_weight=weight,
        node_master=None,
        net_name=None,
        pin_name=None,
        source_index=None,
        fences=None,
    )
    if netlist.node_master is not None:
        masters = tuple(netlist.node_master[node] for node in alone.tolist())
        grouped = replace(grouped, node_master=masters + ("",) * soft)
    if netlist.net_name is not None:
        grouped = replace(
            grouped, net_name=tuple(netlist.net_name[net] for net in first_net.tolist())
        )
    if netlist.pin_name is not None:
        grouped = replace(grouped, pin_name=_pin_names(netlist.pin_name, pin, grouped))
    check_netlist(grouped, where=netlist.name)
    return grouped


def grouped_placement(netlist: Netlist, group: IntArray, placement: Placement) -> Placement:
    """A placement of `grouped_netlist(netlist, group)`: groups at their cells' centre of area."""
    alone, numbers, _ = _nodes(netlist, group)
    area = np.maximum(netlist.width_um * netlist.height_um, 1e-30)
    total = _group_sum(netlist, group, area, numbers)
    return Placement(
        x_um=np.append(
            placement.x_um[alone],
            _group_sum(netlist, group, area * placement.x_um, numbers) / total,
        ),
        y_um=np.append(
            placement.y_um[alone],
            _group_sum(netlist, group, area * placement.y_um, numbers) / total,
        ),
        orient=np.append(placement.orient[alone], np.full(len(numbers), Orient.N)),
    )


def ungrouped_placement(
    netlist: Netlist, group: IntArray, start: Placement, grouped: Placement
) -> Placement:
    """A placement of the flat netlist: cells at the centre of their group, other nodes as grouped.

    Args:
        netlist: The flat netlist.
        group: [N] its groups.
        start: Where nodes are that the grouped netlist leaves out; its orientation of cells stays.
        grouped: A placement of `grouped_netlist(netlist, group)`.
    """
    _, _, node_of = _nodes(netlist, group)
    there = node_of >= 0
    alone = there & (group < 0)
    return Placement(
        x_um=np.where(there, grouped.x_um[node_of], start.x_um),
        y_um=np.where(there, grouped.y_um[node_of], start.y_um),
        orient=np.where(alone, grouped.orient[node_of], start.orient),
    )


def _nodes(netlist: Netlist, group: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Nodes that stay alone, the groups in ascending order, and [N] the node that each becomes.

    A node that is left out becomes -1.
    """
    group = np.asarray(group)
    if group.shape != (netlist.num_nodes,):
        raise InputError(
            f"there are groups for {group.size} nodes, the netlist has {netlist.num_nodes}",
            where=netlist.name,
        )
    wrong = np.flatnonzero((group >= 0) & (netlist.node_kind != NodeKind.STANDARD_CELL))
    if wrong.size:
        raise InputError(
            f"{netlist.node_name[wrong[0]]} is in a group, but is no standard cell",
            where=netlist.name,
        )
    connected = np.zeros(netlist.num_nodes, dtype=bool)
    connected[netlist.pin_node] = True
    idle = (netlist.node_kind == NodeKind.STANDARD_CELL) & netlist.fixed & ~connected
    alone = np.flatnonzero((group < 0) & ~idle)
    numbers = np.unique(group[group >= 0])
    node_of = np.full(netlist.num_nodes, -1, dtype=np.int64)
    node_of[alone] = np.arange(len(alone))
    node_of[group >= 0] = len(alone) + np.searchsorted(numbers, group[group >= 0])
    return alone, numbers, node_of


def _group_sum(
    netlist: Netlist, group: IntArray, value: FloatArray, numbers: IntArray
) -> FloatArray:
    """[groups] sum of a value over the cells of each group."""
    grouped = group >= 0
    index = np.searchsorted(numbers, group[grouped])
    return np.bincount(index, value[grouped], minlength=len(numbers)).astype(np.float64)


def _nets(
    netlist: Netlist, group: IntArray, node_of: IntArray, largest_net: int
) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
    """Pins that are kept, net by net; the nets' starts, an original net of each, and weights."""
    net = pin_net(netlist)
    node = node_of[netlist.pin_node]
    on_soft = group[netlist.pin_node] >= 0
    # What a pin is to a merged net: its soft macro, or its node and offset.
    dx = np.where(on_soft, 0.0, netlist.pin_dx_um)
    dy = np.where(on_soft, 0.0, netlist.pin_dy_um)
    order = np.lexsort((dy, dx, node))
    differs = np.zeros(len(order), dtype=bool)
    for value in (node, dx, dy):
        differs[1:] |= value[order[1:]] != value[order[:-1]]
    what = np.empty(len(order), dtype=np.int64)
    what[order] = np.cumsum(differs)
    kept = np.ones(netlist.num_pins, dtype=bool)
    soft = np.flatnonzero(on_soft)
    _, first = np.unique(net[soft] * netlist.num_nodes + node[soft], return_index=True)
    kept[soft] = False
    kept[soft[first]] = True
    pins = np.flatnonzero(kept)
    degree = np.bincount(net[pins], minlength=netlist.num_nets)
    keeps = (degree > 1) & (np.diff(netlist.net_start) <= largest_net)
    pins = pins[keeps[net[pins]]]
    nets, begin = np.unique(net[pins], return_index=True)
    begin = np.append(begin, len(pins))
    leads = np.zeros(len(pins), dtype=bool)
    leads[begin[:-1]] = True
    # Sinks in the order of what they are: equal nets have equal keys then.
    key = what[pins[np.lexsort((what[pins], ~leads, net[pins]))]]
    same: dict[bytes, int] = {}
    merged = np.empty(len(nets), dtype=np.int64)
    for index in range(len(nets)):
        merged[index] = same.setdefault(key[begin[index] : begin[index + 1]].tobytes(), len(same))
    _, leader = np.unique(merged, return_index=True)
    weight = np.bincount(merged, netlist.net_weight[nets], minlength=len(same)).astype(np.float64)
    chosen = np.zeros(netlist.num_nets, dtype=bool)
    chosen[nets[leader]] = True
    pins = pins[chosen[net[pins]]]
    size = (begin[1:] - begin[:-1])[leader]
    return pins, np.append(0, np.cumsum(size)), nets[leader], weight


def _pin_names(names: tuple[str, ...], pins: IntArray, grouped: Netlist) -> tuple[str, ...]:
    """Macro pins keep their names; soft macros drive `Poutput_0`, `Poutput_1`; others have none."""
    drives = np.zeros(grouped.num_pins, dtype=bool)
    drives[grouped.net_start[:-1]] = True
    outputs = np.zeros(grouped.num_nodes, dtype=np.int64)
    kinds = grouped.node_kind[grouped.pin_node].tolist()
    result: list[str] = []
    for pin, node, kind, driving in zip(
        pins.tolist(), grouped.pin_node.tolist(), kinds, drives.tolist(), strict=True
    ):
        if kind == NodeKind.SOFT_MACRO:
            result.append(f"Poutput_{outputs[node]}" if driving else "Pinput")
            outputs[node] += driving
        else:
            result.append(names[pin] if kind == NodeKind.HARD_MACRO else "")
    return tuple(result)
