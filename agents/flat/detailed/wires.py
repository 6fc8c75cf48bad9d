"""Nets and pins as detailed placement uses them: only what changes when cells move.

Cells are numbered among those that move. Nets that no movement changes are left out: nets without
weight, nets of one pin, and nets with no pin on a movable cell.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from placement_env.netlist import FloatArray, IntArray, Netlist

FIXED = -1


class Wires(NamedTuple):
    """E nets over P pins, of which those of C movable cells are known by cell as well.

    Attributes:
        net_start: [E + 1] first pin of each net.
        net_weight: [E].
        pin_cell: [P] cell of each pin, or `FIXED`.
        pin_net: [P] net of each pin.
        pin_offset: [P, 2] offset from the cell's centre at orientation N.
        cell_start: [C + 1] where each cell's pins begin in `cell_pin`.
        cell_pin: The movable cells' pins, by cell and then by net.
    """

    net_start: IntArray
    net_weight: FloatArray
    pin_cell: IntArray
    pin_net: IntArray
    pin_offset: FloatArray
    cell_start: IntArray
    cell_pin: IntArray


def wires_of(netlist: Netlist, cells: IntArray) -> tuple[Wires, IntArray]:
    """The nets that movements of `cells` [C] change, and [P] the netlist's number of each pin."""
    cell_of = np.full(netlist.num_nodes, FIXED)
    cell_of[cells] = np.arange(len(cells))
    degree = np.diff(netlist.net_start)
    net_of = np.repeat(np.arange(netlist.num_nets), degree)
    movable = np.bincount(net_of, cell_of[netlist.pin_node] >= 0, netlist.num_nets) > 0
    used = movable & (degree > 1) & (netlist.net_weight > 0)
    pins = np.flatnonzero(used[net_of])
    number = np.cumsum(used) - 1
    pin_cell, pin_net = cell_of[netlist.pin_node[pins]], number[net_of[pins]]
    on_cell = np.flatnonzero(pin_cell >= 0)
    by_cell = on_cell[np.lexsort((on_cell, pin_net[on_cell], pin_cell[on_cell]))]
    wires = Wires(
        net_start=np.concatenate([[0], np.cumsum(degree[used])]),
        net_weight=netlist.net_weight[used],
        pin_cell=pin_cell,
        pin_net=pin_net,
        pin_offset=np.stack([netlist.pin_dx_um[pins], netlist.pin_dy_um[pins]], axis=1),
        cell_start=np.searchsorted(pin_cell[by_cell], np.arange(len(cells) + 1)),
        cell_pin=by_cell,
    )
    return wires, pins
