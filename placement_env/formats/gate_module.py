r"""A gate-level module as values: ports, nets and instances of library cells.

Names are spelled as DEF spells them, so that they can be written to DEF and SPEF unchanged: bit 3
of the bus `a` is `a[3]`, while the escaped identifier `\a[3] ` is `a\[3\]`, another net.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from placement_env.errors import InputError
from placement_env.formats.text import read_text
from placement_env.netlist import IntArray

#: Values in `GateModule.bit_net` for what is not a net.
CONSTANT_ZERO, CONSTANT_ONE, OPEN = -1, -2, -3

_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_SPECIAL = re.compile(r"[\[\]/\\]")


@dataclass(frozen=True)
class GatePort:
    """A port of the module.

    Attributes:
        name: Name of the port, without a range.
        direction: INPUT, OUTPUT or INOUT.
        bits: Names of its bits, most significant first; one bit of the same name for a scalar.
        nets: Net of each bit, or one of the negative constants.
    """

    name: str
    direction: str
    bits: tuple[str, ...]
    nets: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class GateModule:
    """I instances with C named connections of B bits in all, and E nets.

    Attributes:
        name: Name of the module.
        ports: Ports in the order of the module's header.
        net_name: [E] unique names; nets joined by `assign` are one net.
        instance_name: [I] unique names.
        instance_cell: [I] library cell of each.
        connection_start: [I + 1] first connection of each instance; the last element is C.
        connection_pin: [C] pin or bus of the cell.
        bit_start: [C + 1] first bit of each connection; the last element is B.
        bit_net: [B] net of each bit, most significant first, or one of the negative constants.
        source: The file that this was read from.
    """

    name: str
    ports: tuple[GatePort, ...]
    net_name: tuple[str, ...]
    instance_name: tuple[str, ...]
    instance_cell: tuple[str, ...]
    connection_start: IntArray
    connection_pin: tuple[str, ...]
    bit_start: IntArray
    bit_net: IntArray
    source: str = ""


def plain_name(token: str) -> str:
    """A Verilog identifier without the backslash of an escaped one."""
    return token[1:] if token.startswith("\\") else token


def canonical(token: str) -> str:
    """A Verilog identifier without a backslash that it does not need."""
    return token[1:] if token.startswith("\\") and _SIMPLE.fullmatch(token[1:]) else token


def def_name(token: str) -> str:
    """A Verilog identifier as DEF spells it.

    Inside an escaped identifier brackets are no bus bits and slashes no hierarchy, which DEF shows
    by a backslash before each.
    """
    if not token.startswith("\\"):
        return token
    body = token[1:]
    return body if _SIMPLE.fullmatch(body) else _SPECIAL.sub(r"\\\g<0>", body)


def where_is(module: GateModule, instance: str) -> str:
    """`file:line (instance)` for messages; the file is searched only now, when it is needed."""
    place = f"instance {instance}"
    if not module.source:
        return place
    verilog = re.sub(r"\\(.)", r"\1", instance)
    try:
        text = read_text(module.source)
    except InputError:
        return f"{module.source} ({place})"
    found = re.search(rf"(?<=[\s\\]){re.escape(verilog)}\s*\(", text)
    line = f":{text.count(chr(10), 0, found.start()) + 1}" if found else ""
    return f"{module.source}{line} ({place})"
