"""Writing Circuit Training netlists; the reader and the format's rules are in `ct_protobuf`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from placement_env.errors import InputError
from placement_env.formats.text import write_text
from placement_env.netlist import (
    Canvas,
    Netlist,
    NodeKind,
    Orient,
    Placement,
    pin_net,
    pin_positions,
)

_TYPE_IN_GROUPED = {
    NodeKind.PORT: "PORT",
    NodeKind.HARD_MACRO: "MACRO",
    NodeKind.SOFT_MACRO: "macro",
    NodeKind.STANDARD_CELL: "STDCELL",
}


def write(path: Path, netlist: Netlist, placement: Placement) -> None:
    """Write a netlist with the placement's positions; reading it back gives the same arrays.

    Nodes keep their order, each macro followed by its pins. Pins without a name get one. Nets of a
    single pin cannot be stated and are left out.

    Raises:
        InputError: A pin, port or standard cell drives two nets (the format knows one net a
            driver), or a name cannot be written.
    """
    names = pin_names(netlist)
    net = pin_net(netlist)
    driver = np.zeros(netlist.num_pins, dtype=bool)
    driver[netlist.net_start[:-1]] = True
    pins_of_node: list[list[int]] = [[] for _ in range(netlist.num_nodes)]
    for pin, node in enumerate(netlist.pin_node.tolist()):
        pins_of_node[node].append(pin)
    x, y = pin_positions(netlist, placement)

    def full_name(pin: int) -> str:
        owner = netlist.node_name[netlist.pin_node[pin]]
        return f"{owner}/{names[pin]}" if names[pin] else owner

    out: list[str] = []
    if len(netlist.nodes_of(NodeKind.SOFT_MACRO)):
        _append(out, "__metadata__", [], [("soft_macro_area_bloating_ratio", 1.0)])
    for node, name in enumerate(netlist.node_name):
        if any(character in name for character in '"\\\n'):
            raise InputError(f"the node name {name!r} cannot be written to a protobuf")
        kind = NodeKind(int(netlist.node_kind[node]))
        has_pins = kind in (NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO)
        attributes: list[tuple[str, str | float]] = [
            ("type", _TYPE_IN_GROUPED[kind]),
            ("x", float(placement.x_um[node])),
            ("y", float(placement.y_um[node])),
        ]
        if kind == NodeKind.PORT:
            side = _side(netlist.canvas, placement.x_um[node], placement.y_um[node])
            attributes.append(("side", side))
        else:
            attributes.append(("width", float(netlist.width_um[node])))
            attributes.append(("height", float(netlist.height_um[node])))
        if kind in (NodeKind.HARD_MACRO, NodeKind.STANDARD_CELL):
            attributes.append(("orientation", Orient(int(placement.orient[node])).name))
        own_net = -1
        if not has_pins:
            own_net = _driven_net(netlist, pins_of_node[node], driver, net, name)
            if own_net >= 0 and kind != NodeKind.PORT:
                attributes.append(("weight", float(netlist.net_weight[own_net])))
        _append(out, name, _sinks(netlist, own_net, full_name), attributes)
        if not has_pins:
            continue
        by_name: dict[str, list[int]] = {}
        for pin in pins_of_node[node]:
            by_name.setdefault(names[pin], []).append(pin)
        for pin_name, pins in by_name.items():
            first = pins[0]
            driven = _driven_net(netlist, pins, driver, net, f"{name}/{pin_name}")
            pin_type = "MACRO_PIN" if kind == NodeKind.HARD_MACRO else "macro_pin"
            attributes = [
                ("type", pin_type),
                ("macro_name", name),
                ("x", float(x[first])),
                ("y", float(y[first])),
                ("x_offset", float(netlist.pin_dx_um[first])),
                ("y_offset", float(netlist.pin_dy_um[first])),
            ]
            if driven >= 0:
                attributes.append(("weight", float(netlist.net_weight[driven])))
            _append(out, f"{name}/{pin_name}", _sinks(netlist, driven, full_name), attributes)
    write_text(path, "".join(out))


def _append(
    out: list[str], name: str, inputs: list[str], attributes: list[tuple[str, str | float]]
) -> None:
    out.append(f'node {{\n  name: "{name}"\n')
    out.extend(f'  input: "{sink}"\n' for sink in inputs)
    for key, value in attributes:
        # TILOS's reader of numbers knows no exponents.
        text = (
            f'placeholder: "{value}"'
            if isinstance(value, str)
            else f"f: {np.format_float_positional(value, unique=True, trim='0')}"
        )
        out.append(f'  attr {{\n    key: "{key}"\n    value {{\n      {text}\n    }}\n  }}\n')
    out.append("}\n")


def _side(canvas: Canvas, x_um: float, y_um: float) -> str:
    """The side of the canvas that a port is nearest to; TILOS's reader expects one."""
    far = {
        "LEFT": abs(x_um - canvas.left_um),
        "RIGHT": abs(canvas.right_um - x_um),
        "BOTTOM": abs(y_um - canvas.bottom_um),
        "TOP": abs(canvas.top_um - y_um),
    }
    return min(far, key=lambda side: far[side])


def _sinks(netlist: Netlist, net: int, full_name) -> list[str]:
    if net < 0:
        return []
    return [full_name(pin) for pin in range(netlist.net_start[net] + 1, netlist.net_start[net + 1])]


def _driven_net(
    netlist: Netlist, pins: list[int], driver: np.ndarray, net: np.ndarray, what: str
) -> int:
    driven = [int(net[pin]) for pin in pins if driver[pin]]
    if len(driven) > 1:
        raise InputError(
            f"{what} drives {len(driven)} nets; a Circuit Training netlist has one net a driver",
            where=netlist.name,
            hint="group the standard cells into soft macros first",
        )
    return driven[0] if driven else -1


def pin_names(netlist: Netlist) -> list[str]:
    """[P] a name for every pin: given ones are kept, others are made from what the pin is.

    Ports and standard cells are their own pins in this format, and theirs are empty.
    Two pins of a macro share a name only where they are one physical pin.
    """
    if netlist.pin_name is not None:
        has_pins = np.isin(netlist.node_kind, (NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO))
        named = has_pins[netlist.pin_node]
        return [name if own else "" for name, own in zip(netlist.pin_name, named, strict=True)]
    names = [""] * netlist.num_pins
    drives = np.zeros(netlist.num_pins, dtype=bool)
    drives[netlist.net_start[:-1]] = True
    outputs = np.zeros(netlist.num_nodes, dtype=np.int64)
    places: dict[tuple[int, float, float], int] = {}
    for pin, node in enumerate(netlist.pin_node.tolist()):
        kind = netlist.node_kind[node]
        if kind not in (NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO):
            continue
        if drives[pin]:
            names[pin] = f"Poutput_{outputs[node]}"
            outputs[node] += 1
        elif kind == NodeKind.SOFT_MACRO:
            names[pin] = "Pinput"
        else:
            place = (node, float(netlist.pin_dx_um[pin]), float(netlist.pin_dy_um[pin]))
            names[pin] = f"Pinput_{places.setdefault(place, len(places))}"
    return names
