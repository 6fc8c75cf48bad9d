"""Repairs on a gate-level netlist in Yosys's JSON form that Yosys and ABC do not do.

ABC bounds the fan-out of logic. It does not see nets that run straight from a port or register to
registers and macros, such as an asynchronous reset, so those get trees of buffers here.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from chipflow.pdk import boolean, liberty
from chipflow.pdk.description import Pdk

# A buffer of the tree should be able to drive this many times the input pins below it; the rest is
# for wires and for the pins of macros.
_RESERVE = 4.0


@dataclass(frozen=True)
class Buffer:
    """A buffer of the library.

    Attributes:
        cell: Name of the cell.
        input: Its input pin.
        output: Its output pin.
        input_ff: Capacitance of the input in library units.
        most_load_ff: Load that the output may drive, in library units.
    """

    cell: str
    input: str
    output: str
    input_ff: float
    most_load_ff: float


def tree_buffer(pdk: Pdk) -> Buffer:
    """The smallest allowed buffer that drives `max_fanout` buffers with a reserve for wires.

    The PDK's own buffer where the library states no loads.
    """
    buffers = []
    for path in pdk.liberty:
        for cell in liberty.read(path).all("cell"):
            avoided = any(fnmatchcase(cell.name, pattern) for pattern in pdk.dont_use)
            if not avoided and (found := _as_buffer(cell)):
                buffers.append(found)
    buffers.sort(key=lambda buffer: (buffer.most_load_ff, buffer.cell))
    for buffer in buffers:
        if buffer.most_load_ff >= _RESERVE * pdk.max_fanout * buffers[0].input_ff:
            return buffer
    return Buffer(*pdk.buffer, input_ff=0.0, most_load_ff=0.0)


def _as_buffer(cell: liberty.Group) -> Buffer | None:
    pins = {pin.name: pin.attributes for pin in cell.all("pin")}
    inputs = [name for name, pin in pins.items() if pin.get("direction") == "input"]
    outputs = [name for name, pin in pins.items() if pin.get("direction") == "output"]
    if len(inputs) != 1 or len(outputs) != 1 or "function" not in pins[outputs[0]]:
        return None
    function = boolean.parse(pins[outputs[0]]["function"])
    if function.op != "name" or function.name != inputs[0]:
        return None
    return Buffer(
        cell=cell.name,
        input=inputs[0],
        output=outputs[0],
        input_ff=float(pins[inputs[0]].get("capacitance", 0)),
        most_load_ff=float(pins[outputs[0]].get("max_capacitance", 0)),
    )


def has_large_net(module: Mapping[str, Any], max_fanout: int, keep: Collection[str]) -> bool:
    """Whether `bound_fanout` would change anything."""
    kept = _bits_of_ports(module, keep)
    return any(len(s) > max_fanout for bit, s in _sinks(module).items() if bit not in kept)


def bound_fanout(
    module: dict[str, Any], buffer: Buffer, max_fanout: int, keep: Collection[str]
) -> int:
    """Puts balanced trees of buffers into all nets with more than `max_fanout` sinks, in place.

    Sinks that are neighbours in the netlist share a buffer.

    Args:
        module: A module of a Yosys JSON netlist.
        buffer: The cell to use.
        max_fanout: Most sinks of a net.
        keep: Ports whose nets stay as they are: the clock.

    Returns:
        The number of buffers.
    """
    kept = _bits_of_ports(module, keep)
    names = _names_of_bits(module)
    fresh_bits = itertools.count(1 + max(names, default=0))
    count = 0
    for bit, all_sinks in sorted(_sinks(module).items()):
        sinks = [] if bit in kept else all_sinks
        while len(sinks) > max_fanout:
            share = math.ceil(len(sinks) / math.ceil(len(sinks) / max_fanout))
            inputs = []
            for first in range(0, len(sinks), share):
                output = next(fresh_bits)
                cell = _add_buffer(module, buffer, bit, output, names[bit])
                for sink_cell, port, position in sinks[first : first + share]:
                    module["cells"][sink_cell]["connections"][port][position] = output
                inputs.append((cell, buffer.input, 0))
                count += 1
            sinks = inputs
    return count


def drop_open_outputs(module: dict[str, Any]) -> None:
    """Disconnects outputs of cells from nets that lead nowhere, in place."""
    uses = Counter(bit for port in module["ports"].values() for bit in port["bits"])
    for cell in module["cells"].values():
        for bits in cell["connections"].values():
            uses.update(bits)
    for cell in module["cells"].values():
        for port, bits in list(cell["connections"].items()):
            if cell["port_directions"][port] == "output" and all(uses[bit] == 1 for bit in bits):
                del cell["connections"][port]


def order_ports(module: dict[str, Any], order: Sequence[str]) -> None:
    """Puts the ports into the given order, in place; those without a place come last."""
    place = {name: index for index, name in enumerate(order)}
    ports = sorted(module["ports"].items(), key=lambda port: place.get(port[0], len(place)))
    module["ports"] = dict(ports)


def _add_buffer(
    module: dict[str, Any], buffer: Buffer, source: int, target: int, net_name: str
) -> str:
    """Adds a buffer and the net that it drives; gives the buffer's name."""
    name = f"{re.sub(r'[^A-Za-z0-9_]', '_', net_name)}_fanout_{target}"
    while name in module["cells"] or name in module["netnames"]:
        name += "_"
    module["cells"][name] = {
        "hide_name": 0,
        "type": buffer.cell,
        "parameters": {},
        "attributes": {},
        "port_directions": {buffer.input: "input", buffer.output: "output"},
        "connections": {buffer.input: [source], buffer.output: [target]},
    }
    module["netnames"][f"{name}_net"] = {"hide_name": 0, "bits": [target], "attributes": {}}
    return name


def _bits_of_ports(module: Mapping[str, Any], ports: Collection[str]) -> set[int]:
    return {bit for name in ports for bit in module["ports"].get(name, {}).get("bits", ())}


def _names_of_bits(module: Mapping[str, Any]) -> dict[int, str]:
    """The first name of each net bit, with its index where it is one of several."""
    names: dict[int, str] = {}
    for name, net in module["netnames"].items():
        for index, bit in enumerate(net["bits"]):
            if isinstance(bit, int):
                names.setdefault(bit, f"{name}_{index}" if len(net["bits"]) > 1 else name)
    return names


def _sinks(module: Mapping[str, Any]) -> dict[int, list[tuple[str, str, int]]]:
    """Cell, port and position of each cell input on each net bit, in netlist order."""
    sinks: dict[int, list[tuple[str, str, int]]] = defaultdict(list)
    for name, cell in module["cells"].items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] != "output":
                for position, bit in enumerate(bits):
                    if isinstance(bit, int):
                        sinks[bit].append((name, port, position))
    return sinks
