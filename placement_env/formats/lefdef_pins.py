"""Resolves the nets of a DEF design to pins with offsets, by way of the LEF macros."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placement_env.did_you_mean import did_you_mean
from placement_env.errors import InputError
from placement_env.formats.def_design import DefDesign, DefPin
from placement_env.formats.lef_library import Macro
from placement_env.formats.text import read_text
from placement_env.netlist import FloatArray, IntArray

SUPPLY = ("POWER", "GROUND")


@dataclass(frozen=True)
class SignalPins:
    """The P pins of the E signal nets that have pins, net by net, drivers first.

    Attributes:
        node: [P] index among ports followed by components.
        dx_um: [P] offset from the node's centre at orientation N.
        dy_um: [P] as `dx_um`.
        name: [P] name of the pin on its component, or of the port.
        start: [E + 1] first pin of each net.
        net: [E] index of each net in the design.
    """

    node: IntArray
    dx_um: FloatArray
    dy_um: FloatArray
    name: tuple[str, ...]
    start: IntArray
    net: IntArray


def signal_ports(design: DefDesign) -> list[DefPin]:
    """The ports on signal nets, in file order; those on special nets are left out.

    Raises:
        InputError: A port names no net, or one that does not exist.
    """
    ports = [pin for pin in design.pins if pin.use not in SUPPLY]
    listed = {
        pin
        for component, pin in zip(design.nets.component, design.nets.pin, strict=True)
        if component == "PIN"
    }
    known = set(design.nets.name)
    loose = [pin for pin in ports if pin.name not in listed and pin.net not in known]
    special = {net.name for net in design.special_nets}
    special_ports = {
        pin for net in design.special_nets for owner, pin in net.connections if owner == "PIN"
    }
    for pin in loose:
        if pin.net not in special and pin.name not in special_ports:
            raise InputError(
                f"port {pin.name} is on net {pin.net}, which is neither in NETS nor in SPECIALNETS"
                if pin.net
                else f"port {pin.name} has no net",
                where=where_is(design, f"- {pin.name}"),
                hint=did_you_mean(pin.net, known) or "add the net, or take the port out",
            )
    lost = {pin.name for pin in loose}
    return [pin for pin in ports if pin.name not in lost]


def resolve_pins(
    design: DefDesign, ports: Sequence[DefPin], macros: Mapping[str, Macro]
) -> SignalPins:
    """All connections of the signal nets.

    Raises:
        InputError: A net connects to a component, pin or port that does not exist.
    """
    nets = design.nets
    net = np.repeat(np.arange(len(nets)), np.diff(nets.start))
    component, pin = nets.component, nets.pin
    net, component, pin = _with_implied_ports(design, ports, net, component, pin)
    node = _nodes(design, ports, net, component, pin)
    signal = np.array([use not in SUPPLY for use in nets.use], dtype=bool)
    kept = np.flatnonzero(signal[net] & (node >= 0))
    offset, drives = _offsets(design, ports, macros, net[kept], node[kept], [pin[i] for i in kept])
    # Within each net the first driver comes first; everything else keeps its order.
    order = np.lexsort((np.arange(len(kept)), ~_first_of_net(net[kept], drives), net[kept]))
    kept = kept[order]
    degree = np.bincount(net[kept], minlength=len(nets))
    filled = np.flatnonzero(degree)
    return SignalPins(
        node=node[kept],
        dx_um=offset[order, 0],
        dy_um=offset[order, 1],
        name=tuple(pin[at] for at in kept.tolist()),
        start=np.append(0, np.cumsum(degree[filled])),
        net=filled,
    )


def where_is(design: DefDesign, statement: str) -> str:
    """`file:line` of a statement's beginning; the file is searched only now, for a message."""
    place = f"{design.source or design.name} ({statement.removeprefix('- ')})"
    if not design.source:
        return place
    try:
        text = read_text(design.source)
    except InputError:
        return place
    words = r"\s+".join(re.escape(word) for word in statement.split())
    found = re.search(rf"(?m)^[^\S\n]*{words}(?=\s)", text)
    if found is None:
        return place
    line = text.count("\n", 0, text.index("-", found.start())) + 1
    return f"{design.source}:{line}"


def _with_implied_ports(
    design: DefDesign,
    ports: Sequence[DefPin],
    net: IntArray,
    component: tuple[str, ...],
    pin: tuple[str, ...],
) -> tuple[IntArray, tuple[str, ...], tuple[str, ...]]:
    """Adds the ports that name their net in PINS without being listed in NETS."""
    listed = {name for owner, name in zip(component, pin, strict=True) if owner == "PIN"}
    implied = [port for port in ports if port.name not in listed]
    if not implied:
        return net, component, pin
    number = {name: index for index, name in enumerate(design.nets.name)}
    return (
        np.append(net, [number[port.net] for port in implied]),
        component + ("PIN",) * len(implied),
        pin + tuple(port.name for port in implied),
    )


def _nodes(
    design: DefDesign,
    ports: Sequence[DefPin],
    net: IntArray,
    component: Sequence[str],
    pin: Sequence[str],
) -> IntArray:
    """[connections] node of each; -1 for supply ports."""
    number = {name: len(ports) + at for at, name in enumerate(design.components.name)}
    port = dict.fromkeys((pin.name for pin in design.pins), -1)
    port |= {pin.name: at for at, pin in enumerate(ports)}
    unknown = -2
    node = np.array(
        [
            port.get(name, unknown) if owner == "PIN" else number.get(owner, unknown)
            for owner, name in zip(component, pin, strict=True)
        ],
        dtype=np.int64,
    )
    lost = np.flatnonzero(node == unknown)
    if lost.size:
        at = int(lost[0])
        name = design.nets.name[net[at]]
        if component[at] == "PIN":
            what, wrong, known = "port", pin[at], list(port)
        else:
            what, wrong, known = "component", component[at], list(number)
        raise InputError(
            f"net {name} connects to {what} {wrong}, which does not exist",
            where=where_is(design, f"- {name}"),
            hint=did_you_mean(wrong, known) if len(known) < 5000 else "",
        )
    return node


def _offsets(
    design: DefDesign,
    ports: Sequence[DefPin],
    macros: Mapping[str, Macro],
    net: IntArray,
    node: IntArray,
    pin: Sequence[str],
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """[P, 2] offsets from the node's centre, and [P] whether the pin drives its net."""
    # Many connections share few (cell, pin) pairs: look each pair up once.
    master = [""] * len(ports) + list(design.components.master)
    pair: dict[tuple[str, str], int] = {}
    pair_of_port = {port.name: ("", port.direction) for port in ports}
    index = np.array(
        [
            pair.setdefault(
                (master[at], name) if at >= len(ports) else pair_of_port[name], len(pair)
            )
            for at, name in zip(node.tolist(), pin, strict=True)
        ],
        dtype=np.int64,
    )
    offset = np.zeros((len(pair), 2))
    drives = np.zeros(len(pair), dtype=bool)
    for (cell, name), at in pair.items():
        if not cell:
            drives[at] = name == "INPUT"
            continue
        macro = macros[cell]
        found = macro.pins.get(name)
        if found is None:
            first = int(np.flatnonzero(index == at)[0])
            instance = design.components.name[node[first] - len(ports)]
            on = design.nets.name[net[first]]
            raise InputError(
                f"net {on} connects to {instance}.{name}, but cell {cell} has no pin {name} in "
                "its LEF",
                where=where_is(design, f"- {on}"),
                hint=did_you_mean(name, macro.pins),
            )
        drives[at] = found.direction == "OUTPUT"
        if found.position_um is not None:
            x, y = found.position_um
            offset[at] = x - macro.width_um / 2, y - macro.height_um / 2
    return offset[index], drives[index]


def _first_of_net(net: IntArray, drives: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[P] True for the first driving connection of each net."""
    first = np.zeros(len(net), dtype=bool)
    driving = np.flatnonzero(drives)
    _, at = np.unique(net[driving], return_index=True)
    first[driving[at]] = True
    return first
