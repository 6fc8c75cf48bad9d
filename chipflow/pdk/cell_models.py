"""Verilog simulation models of standard cells, written from the functions in their Liberty.

For PDKs that come without models, such as NanGate45. Zero delay; a flip-flop or latch starts
unknown. Covers combinational and three-state outputs, `ff`, `latch` and integrated clock gates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from chipflow.pdk import boolean, liberty
from chipflow.pdk.liberty import Group
from placement_env.errors import InputError


def write(liberty_files: Sequence[Path], path: Path, label: str) -> None:
    """Write one file with a module for every cell.

    Args:
        liberty_files: Liberty files, plain or .gz; the first definition of a cell counts.
        path: The Verilog file.
        label: What the cells are, for the header.

    Raises:
        InputError: A file is not Liberty, or a cell has a function that cannot be modelled.
    """
    modules: dict[str, str] = {}
    for source in liberty_files:
        for cell in liberty.read(source).all("cell"):
            if cell.name not in modules:
                modules[cell.name] = _module(cell, source)
    sources = ", ".join(source.name for source in liberty_files)
    header = f"// {label}\n// Simulation models without delays, written from {sources}.\n"
    path.write_text(header + "`timescale 1ns/1ps\n\n" + "\n".join(modules.values()))


def _module(cell: Group, source: Path) -> str:
    pins = {name: pin for pin in cell.all("pin") for name in pin.args}
    ports = {
        name: pin.attributes["direction"]
        for name, pin in pins.items()
        if pin.attributes.get("direction") in ("input", "output", "inout")
    }
    try:
        body = [*_state(cell, pins), *_outputs(pins)]
    except ValueError as error:
        raise InputError(
            f"the cell {cell.name} has no usable model: {error}",
            where=str(source),
            hint="give the PDK's own models as cell_verilog",
        ) from error
    lines = [f"module {cell.name} ({', '.join(ports)});"]
    lines += [f"  {direction} {name};" for name, direction in ports.items()]
    lines += [f"  {line}" for line in body]
    return "\n".join([*lines, "endmodule\n"])


def _outputs(pins: dict[str, Group]) -> Iterator[str]:
    for name, pin in pins.items():
        function = pin.attributes.get("function", pin.attributes.get("state_function"))
        if pin.attributes.get("direction") != "output" or function is None:
            continue
        value = boolean.parse(function).verilog()
        if disabled := pin.attributes.get("three_state"):
            value = f"{boolean.parse(disabled).verilog()} ? 1'bz : {value}"
        yield f"assign {name} = {value};"


def _state(cell: Group, pins: dict[str, Group]) -> Iterator[str]:
    for group in cell.all("ff"):
        yield from _flip_flop(group)
    for group in cell.all("latch"):
        data = boolean.parse(group.attributes.get("data_in", "0")).verilog()
        enable = boolean.parse(group.attributes.get("enable", "0")).verilog()
        yield from _latch(group, data, enable)
    gate = cell.attributes.get("clock_gating_integrated_cell", "")
    if gate.startswith("latch_posedge"):
        yield from _clock_gate(pins)
    elif gate or any(cell.all("ff_bank", "latch_bank")):
        raise ValueError(f"{gate or 'banks of flip-flops'} cannot be modelled")


def _flip_flop(group: Group) -> Iterator[str]:
    clock = boolean.parse(group.attributes["clocked_on"]).verilog()
    state = boolean.parse(group.attributes["next_state"]).verilog()
    forces = _forces(group)
    yield from _declare(group, forces)
    yield f"wire clock_ = {clock};"
    events = "".join(f" or posedge {force.wire}" for force in forces)
    yield f"always @(posedge clock_{events})"
    yield from _statement(group, forces, f"{group.name} <= {state};", "<=")


def _latch(group: Group, data: str, enable: str) -> Iterator[str]:
    forces = _forces(group)
    yield from _declare(group, forces)
    yield "always @*"
    yield from _statement(group, forces, f"if ({enable}) {group.name} = {data};", "=")


class _Force(NamedTuple):
    """A condition that forces the state whatever the clock does."""

    wire: str
    condition: str
    value: str


def _forces(group: Group) -> list[_Force]:
    """Clear, preset and both at once, no two of them ever true together.

    So the end of one that leaves the other in force is an event of its own.
    """
    found = {
        kind: boolean.parse(group.attributes[kind]).verilog()
        for kind in ("clear", "preset")
        if kind in group.attributes
    }
    values = {"clear": "1'b0", "preset": "1'b1"}
    if len(found) < 2:
        return [_Force(f"{kind}_", text, values[kind]) for kind, text in found.items()]
    clear, preset = found["clear"], found["preset"]
    both = {"L": "1'b0", "H": "1'b1"}.get(group.attributes.get("clear_preset_var1", ""), "1'bx")
    return [
        _Force("clear_", f"{clear} & ~{preset}", "1'b0"),
        _Force("preset_", f"{preset} & ~{clear}", "1'b1"),
        _Force("both_", f"{clear} & {preset}", both),
    ]


def _declare(group: Group, forces: list[_Force]) -> Iterator[str]:
    yield f"reg {group.name};"
    if len(group.args) > 1:
        yield f"wire {group.args[1]} = ~{group.name};"
    for force in forces:
        yield f"wire {force.wire} = {force.condition};"


def _statement(group: Group, forces: list[_Force], otherwise: str, assign: str) -> Iterator[str]:
    """The statement of an always block: what is forced, else `otherwise`."""
    word = "  "
    for force in forces:
        yield f"{word}if ({force.wire}) {group.name} {assign} {force.value};"
        word = "  else "
    yield f"{word}{otherwise}"


def _clock_gate(pins: dict[str, Group]) -> Iterator[str]:
    """A latch that is open while the clock is low; the output's state_function does the AND."""

    def marked(attribute: str) -> list[str]:
        return [name for name, pin in pins.items() if pin.attributes.get(attribute) == "true"]

    states = [pin.attributes["internal_node"] for pin in pins.values() if _is_node(pin)]
    clocks, enables = marked("clock_gate_clock_pin"), marked("clock_gate_enable_pin")
    if len(states) != 1 or len(clocks) != 1 or not enables:
        raise ValueError("the clock gate needs one internal node, one clock and an enable pin")
    data = " | ".join(enables + marked("clock_gate_test_pin"))
    yield f"reg {states[0]};"
    yield f"always @* if (~{clocks[0]}) {states[0]} = {data};"


def _is_node(pin: Group) -> bool:
    return "internal_node" in pin.attributes
