"""Exact wirelength of the nets on movable macros, for trying where else those might lie."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from placement_env.kernels import jit, lean
from placement_env.netlist import (
    FloatArray,
    IntArray,
    Netlist,
    Placement,
    node_boxes,
    pin_net,
    pin_positions,
)

#: Nets with more pins on macros are left out: clocks and resets, which no single move shortens.
MOST_PINS = 64


class MacroWires(NamedTuple):
    """E nets with P pins on H movable macros.

    Attributes:
        outer: [E, 4] left, bottom, right, top of each net's other pins; inside out where none are.
        weight: [E].
        net_start: [E + 1] first pin of each net.
        pin_macro: [P] macro of each pin.
        pin_net: [P].
        pin_offset: [P, 2] from the macro's lower left corner.
        macro_start: [H + 1] where each macro's pins begin in `macro_pin`.
        macro_pin: [P] pins by macro, and then by net.
    """

    outer: FloatArray
    weight: FloatArray
    net_start: IntArray
    pin_macro: IntArray
    pin_net: IntArray
    pin_offset: FloatArray
    macro_start: IntArray
    macro_pin: IntArray


def macro_wires(netlist: Netlist, placement: Placement, macros: IntArray) -> MacroWires:
    """The nets that movements of `macros` [H] change, but for those of very many macros."""
    number = np.full(netlist.num_nodes, -1)
    number[macros] = np.arange(len(macros))
    net_of = pin_net(netlist)
    on_macro = number[netlist.pin_node] >= 0
    used = np.bincount(net_of, on_macro, netlist.num_nets) > 0
    used &= (np.diff(netlist.net_start) > 1) & (netlist.net_weight > 0)
    used &= np.bincount(net_of, on_macro, netlist.num_nets) <= MOST_PINS
    place_of_net = np.cumsum(used) - 1
    pin = np.stack(pin_positions(netlist, placement), axis=1)  # [pins, 2]
    others = used[net_of] & ~on_macro
    outer = np.tile([np.inf, np.inf, -np.inf, -np.inf], (int(used.sum()), 1))
    np.minimum.at(outer[:, :2], place_of_net[net_of[others]], pin[others])
    np.maximum.at(outer[:, 2:], place_of_net[net_of[others]], pin[others])
    pins = np.flatnonzero(on_macro & used[net_of])
    corner = node_boxes(netlist, placement)[:, :2]
    macro, net = number[netlist.pin_node[pins]], place_of_net[net_of[pins]]
    by_macro = np.lexsort((net, macro))
    return MacroWires(
        outer=outer,
        weight=netlist.net_weight[used],
        net_start=np.searchsorted(net, np.arange(len(outer) + 1)),
        pin_macro=macro,
        pin_net=net,
        pin_offset=pin[pins] - corner[netlist.pin_node[pins]],
        macro_start=np.searchsorted(macro[by_macro], np.arange(len(macros) + 1)),
        macro_pin=by_macro,
    )


@lean
def wirelength_um(wires: MacroWires, corner: FloatArray, macro: int, without: int) -> float:
    """Of a macro's nets, with macros at `corner` [2, H]; nets of macro `without` do not count."""
    total = 0.0
    last = -1
    for k in range(wires.macro_start[macro], wires.macro_start[macro + 1]):
        net = wires.pin_net[wires.macro_pin[k]]
        if net == last:
            continue
        last = net
        left, bottom = wires.outer[net, 0], wires.outer[net, 1]
        right, top = wires.outer[net, 2], wires.outer[net, 3]
        counts = True
        for pin in range(wires.net_start[net], wires.net_start[net + 1]):
            on = wires.pin_macro[pin]
            counts = counts and on != without
            x = corner[0, on] + wires.pin_offset[pin, 0]
            y = corner[1, on] + wires.pin_offset[pin, 1]
            left, right = min(left, x), max(right, x)
            bottom, top = min(bottom, y), max(top, y)
        if counts:
            total += wires.weight[net] * (right - left + top - bottom)
    return total


@jit
def shortest_at_um(wires: MacroWires, corner: FloatArray, macro: int, axis: int) -> float:
    """The nearest place on an axis where a macro's wires are shortest, all else staying.

    Its nets count alike, and as if it had one pin on each.
    """
    here = corner[axis, macro]
    ends = np.empty(2 * (wires.macro_start[macro + 1] - wires.macro_start[macro]))
    count = 0
    last = -1
    for k in range(wires.macro_start[macro], wires.macro_start[macro + 1]):
        of_macro = wires.macro_pin[k]
        net = wires.pin_net[of_macro]
        if net == last:
            continue
        last = net
        low, high = wires.outer[net, axis], wires.outer[net, axis + 2]
        for pin in range(wires.net_start[net], wires.net_start[net + 1]):
            on = wires.pin_macro[pin]
            if on != macro:
                at = corner[axis, on] + wires.pin_offset[pin, axis]
                low, high = min(low, at), max(high, at)
        if low <= high:
            ends[count] = low - wires.pin_offset[of_macro, axis]
            ends[count + 1] = high - wires.pin_offset[of_macro, axis]
            count += 2
    if count == 0:
        return here
    ends = np.sort(ends[:count])
    return min(max(here, ends[count // 2 - 1]), ends[count // 2])
