"""What timing constraints (SDC) leave out, filled in from the design and the PDK."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llm_stages.errors import InputError
from llm_stages.sdc import Command, Objects, parse, write
from llm_stages.sdc_names import DesignNames, check_names, clock_names, ports_named
from placement_env.formats.gate_module import GateModule

#: Part of the period that logic outside takes, before the inputs and after the outputs.
IO_SHARE = 0.2
#: A clock that is nowhere in the design, for designs without the clock port.
VIRTUAL_CLOCK = "virtual_clock"


@dataclass(frozen=True)
class Surroundings:
    """What a design is timed with where its constraints do not say.

    Attributes:
        clock_port: Name of the clock port.
        period_ns: Its period.
        driving_cell: Cell that drives each input but the clock.
        load_ff: Load on each output.
    """

    clock_port: str
    period_ns: float
    driving_cell: str
    load_ff: float


def names_in(module: GateModule) -> DesignNames:
    """What constraints can name of a gate-level module."""
    bits = {
        direction: tuple(
            bit
            for port in module.ports
            if port.direction in (direction, "INOUT")
            for bit in port.bits
        )
        for direction in ("INPUT", "OUTPUT")
    }
    starts = module.connection_start
    pins = tuple(
        f"{instance}/{module.connection_pin[c]}"
        for i, instance in enumerate(module.instance_name)
        for c in range(starts[i], starts[i + 1])
    )
    return DesignNames(bits["INPUT"], bits["OUTPUT"], pins, tuple(module.instance_name))


def complete(
    given: Sequence[Command], names: DesignNames, around: Surroundings, *, file: str = "constraints"
) -> tuple[tuple[Command, ...], tuple[str, ...]]:
    """The constraints with what they leave out, and what was filled in, in words.

    Where no clock is created, it is the design's; and each port of which no delay, driving cell or
    load is said gets one, so that no path is left out in silence. A design without the clock port
    is timed from its inputs to its outputs, against a clock that is nowhere in the design.

    Args:
        given: Constraints as they were read; may be none.
        names: The design's ports and cells.
        around: What to fill in.
        file: What to call the constraints in errors.

    Raises:
        InputError: The clock has another period than in design.toml, or a name is not in the
            design or cannot be written in SDC.
    """
    _check_period(given, names, around, file)
    has_clock = around.clock_port in names.inputs
    before: list[Command] = []
    filled: list[str] = []
    if not any(command.name == "create_clock" for command in given):
        before.append(_clock(around, names))
        filled.append("the clock")
    check_names([*before, *given], names, file=file)
    clock = clock_names([*before, *given])[0]
    sources = ports_named([*before, *given], ("create_clock", "create_generated_clock"), names)
    inputs = [name for name in names.inputs if name not in sources]
    outside_ns = IO_SHARE * around.period_ns if has_clock else 0.0
    on_clock = (("-clock", Objects("", (clock,))),)
    cell = (("-lib_cell", around.driving_cell),)
    after: list[Command] = []
    for what, said, bits, options, value in (
        ("input delays", ("set_input_delay",), inputs, on_clock, (outside_ns,)),
        ("driving cells", ("set_driving_cell", "set_input_transition"), inputs, cell, ()),
        ("output delays", ("set_output_delay",), names.outputs, on_clock, (outside_ns,)),
        ("loads", ("set_load",), names.outputs, (), (around.load_ff,)),
    ):
        known = ports_named(given, said, names)
        if left := tuple(bit for bit in bits if bit not in known):
            after.append(Command(said[0], options, (*value, Objects("get_ports", left))))
            filled.append(f"{what} of {len(left)} port{'s' if len(left) > 1 else ''}")
    # Exceptions may name clocks, so the clock that is filled in goes first.
    commands = (*before, *given, *after)
    check_names(commands, names, file=file)
    return parse(write(commands), file=file), tuple(filled)


def clock_name(names: DesignNames, around: Surroundings) -> str:
    """The name of the clock that is filled in where the constraints create none."""
    return around.clock_port if around.clock_port in names.inputs else VIRTUAL_CLOCK


def _clock(around: Surroundings, names: DesignNames) -> Command:
    has_clock = around.clock_port in names.inputs
    options = (("-name", clock_name(names, around)), ("-period", around.period_ns))
    source = (Objects("get_ports", (around.clock_port,)),) if has_clock else ()
    return Command("create_clock", options, source)


def _check_period(
    given: Sequence[Command], names: DesignNames, around: Surroundings, file: str
) -> None:
    """The synthesis aims at the period of design.toml, so there must be only one truth."""
    for command in given:
        period_ns = command.option("-period")
        on_ports = ports_named([command], ("create_clock",), names)
        if around.clock_port in on_ports and period_ns != around.period_ns:
            raise InputError(
                f"the clock on {around.clock_port!r} has a period of {period_ns:g} ns here and of "
                f"{around.period_ns:g} ns in design.toml",
                where=f"{file}:{command.line}" if command.line else file,
                hint="write the same in both: the synthesis aims at the one in design.toml",
            )
