"""Timing constraints (SDC) of a design with one clock."""

from __future__ import annotations

from placement_env.errors import InputError

#: Part of the period that logic outside takes, before the inputs and after the outputs.
IO_SHARE = 0.2


def constraints(
    *,
    inputs: list[str],
    outputs: list[str],
    clock_port: str,
    period_ns: float,
    driving_cell: str,
    load_ff: float,
) -> str:
    """The constraints as SDC text, in ns and fF.

    A design without the clock port is timed from its inputs to its outputs, against a clock that
    is nowhere in the design.

    Args:
        inputs: Names of the input port bits, as `a[3]`.
        outputs: Names of the output port bits.
        clock_port: Name of the clock port.
        period_ns: Its period.
        driving_cell: Cell that drives each input but the clock.
        load_ff: Load on each output.

    Raises:
        InputError: A name cannot be written in SDC.
    """
    data_inputs = [name for name in inputs if name != clock_port]
    has_clock = len(data_inputs) < len(inputs)
    clock = clock_port if has_clock else "virtual_clock"
    source = f" [get_ports {_word(clock_port)}]" if has_clock else ""
    outside_ns = IO_SHARE * period_ns if has_clock else 0.0
    lines = [f"create_clock -name {_word(clock)} -period {period_ns:.6f}{source}"]
    if data_inputs:
        ports = _ports(data_inputs)
        lines.append(f"set_input_delay {outside_ns:.6f} -clock {_word(clock)} {ports}")
        lines.append(f"set_driving_cell -lib_cell {_word(driving_cell)} {ports}")
    if outputs:
        ports = _ports(outputs)
        lines.append(f"set_output_delay {outside_ns:.6f} -clock {_word(clock)} {ports}")
        lines.append(f"set_load {load_ff:.6f} {ports}")
    return "\n".join(lines) + "\n"


def _ports(names: list[str]) -> str:
    return f"[get_ports {{{' '.join(_pattern(name) for name in names)}}}]"


def _pattern(name: str) -> str:
    """A port name inside a braced list of patterns, where brackets are bus bits."""
    if any(character in name for character in '{}"\\ \t\n*?;$'):
        raise InputError(
            f"the port name {name!r} cannot be written in timing constraints",
            hint="rename the port to letters, digits and _",
        )
    return name


def _word(text: str) -> str:
    return f"{{{_pattern(text)}}}"
