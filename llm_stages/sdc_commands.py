"""The SDC commands that are allowed, with their arguments, as one table.

SDC is Tcl, so a constraints file is a program. Ours is data: what this table does not hold is not
constraints. Times are in ns, capacitances in fF.

References:
    Synopsys Design Constraints, version 2.1: names and options of the commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

#: What an argument is. "flag" is an option without a value.
Kind = Literal[
    "flag",
    "number",  # finite
    "positive",  # a number above 0
    "count",  # a whole number of at least 0
    "numbers",  # a list of numbers
    "logic",  # 0 or 1
    "name",  # a name of the constraints' own, or of a library cell; no pattern
    "clocks",
    "ports",
    "pins",  # ports or pins
    "objects",  # clocks, cells, ports or pins
    "design",  # ports, or the design as a whole
]

#: Queries that find objects by name, and the kinds of arguments that they may stand in.
NAMED_QUERIES: Mapping[str, frozenset[Kind]] = {
    "get_ports": frozenset({"ports", "pins", "objects", "design"}),
    "get_pins": frozenset({"pins", "objects"}),
    "get_cells": frozenset({"objects"}),
    "get_clocks": frozenset({"clocks", "objects"}),
}
#: Queries that take no names.
PLAIN_QUERIES: Mapping[str, frozenset[Kind]] = {
    "all_inputs": frozenset({"ports", "pins", "objects", "design"}),
    "all_outputs": frozenset({"ports", "pins", "objects", "design"}),
    "all_clocks": frozenset({"clocks", "objects"}),
    "all_registers": frozenset({"objects"}),
    "current_design": frozenset({"design"}),
}


@dataclass(frozen=True)
class Syntax:
    """What a command takes.

    Attributes:
        values: Kinds of the arguments without an option, in order.
        optional: How many of the last ones may be left out.
        options: Options to the kinds of their values.
        required: Options that must be there.
        repeated: Options that may be there more than once.
    """

    values: tuple[Kind, ...]
    optional: int = 0
    options: Mapping[str, Kind] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()


def _flags(*names: str) -> dict[str, Kind]:
    return dict.fromkeys((f"-{name}" for name in names), "flag")


_PATHS: dict[str, Kind] = {
    f"-{edge}{end}": "objects"
    for end in ("from", "to", "through")
    for edge in ("", "rise_", "fall_")
}
_THROUGH = ("-through", "-rise_through", "-fall_through")
_CORNERS = _flags("min", "max", "rise", "fall")
_IO_DELAY = Syntax(
    ("number", "ports"),
    options={"-clock": "clocks", **_CORNERS, **_flags("clock_fall", "add_delay")},
)

COMMANDS: Mapping[str, Syntax] = {
    "create_clock": Syntax(
        ("pins",),
        optional=1,
        options={"-name": "name", "-period": "positive", "-waveform": "numbers", **_flags("add")},
        required=("-period",),
    ),
    "create_generated_clock": Syntax(
        ("pins",),
        options={
            "-name": "name",
            "-source": "pins",
            "-master_clock": "clocks",
            "-divide_by": "count",
            "-multiply_by": "count",
            "-duty_cycle": "number",
            **_flags("invert", "add"),
        },
        required=("-source",),
    ),
    "set_clock_uncertainty": Syntax(
        ("number", "clocks"),
        optional=1,
        options={"-from": "clocks", "-to": "clocks", **_flags("setup", "hold")},
    ),
    "set_clock_latency": Syntax(
        ("number", "clocks"), options={**_CORNERS, **_flags("source", "early", "late")}
    ),
    "set_clock_transition": Syntax(("number", "clocks"), options=_CORNERS),
    "set_clock_groups": Syntax(
        (),
        options={
            "-group": "clocks",
            "-name": "name",
            **_flags("asynchronous", "logically_exclusive", "physically_exclusive"),
        },
        required=("-group",),
        repeated=("-group",),
    ),
    "set_input_delay": _IO_DELAY,
    "set_output_delay": _IO_DELAY,
    "set_false_path": Syntax(
        (), options={**_PATHS, **_flags("setup", "hold", "rise", "fall")}, repeated=_THROUGH
    ),
    "set_multicycle_path": Syntax(
        ("count",),
        options={**_PATHS, **_flags("setup", "hold", "rise", "fall", "start", "end")},
        repeated=_THROUGH,
    ),
    "set_max_delay": Syntax(("number",), options={**_PATHS, **_flags("rise", "fall")}),
    "set_min_delay": Syntax(("number",), options={**_PATHS, **_flags("rise", "fall")}),
    "set_max_fanout": Syntax(("positive", "design")),
    "set_max_transition": Syntax(("positive", "design")),
    "set_max_capacitance": Syntax(("positive", "design")),
    "set_load": Syntax(("number", "ports"), options=_flags("pin_load", *("min", "max"))),
    "set_driving_cell": Syntax(
        ("ports",),
        options={"-lib_cell": "name", "-pin": "name", **_CORNERS},
        required=("-lib_cell",),
    ),
    "set_input_transition": Syntax(("number", "ports"), options=_CORNERS),
    "set_case_analysis": Syntax(("logic", "pins")),
}

#: What people and models write in SDC and cannot be had here, and what to write in its place.
REMEDIES: Mapping[str, str] = {
    "expr": "write the number that comes out",
    "set": "write the value in each place where it is used",
    "list": "name all of them in one query: [get_ports {a b}]",
    "concat": "name all of them in one query: [get_ports {a b}]",
    "remove_from_collection": "name the ports that remain: [get_ports {a b}]",
    "set_units": "leave it out: times are in ns and capacitances in fF",
    "set_propagated_clock": "leave it out: the flow has no clock tree, so clocks are ideal",
    "set_wire_load_model": "leave it out: wires are estimated from the placement",
    "set_operating_conditions": "leave it out: the PDK has one corner",
    "source": "copy the constraints into this file",
    "foreach": "write one command for each",
    "if": "write the commands that are to hold",
}
