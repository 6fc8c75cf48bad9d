"""Whether the clocks, ports, pins and cells that constraints name are in the design."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from llm_stages.errors import InputError
from llm_stages.sdc import Command, Objects, Value
from llm_stages.sdc_commands import COMMANDS, Kind

_BIT = re.compile(r"\[\d+\]$")
_WILDCARD = re.compile(r"[*?]")
_SHOWN = 12
_SEARCHED = 20000


@dataclass(frozen=True)
class DesignNames:
    """What constraints can name.

    Attributes:
        inputs: Bits of input ports, as `a[3]`; those of both directions are here and below.
        outputs: Bits of output ports.
        pins: Pins of cells, as `instance/pin`.
        cells: Instances.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    pins: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()


def clock_names(commands: Iterable[Command]) -> list[str]:
    """The clocks that constraints create, in order."""
    return [name for command in commands if (name := _clock_of(command))]


def ports_named(
    commands: Iterable[Command], names: Sequence[str], design: DesignNames
) -> frozenset[str]:
    """The bits of ports that the arguments of certain commands name, patterns and buses included.

    Args:
        commands: The constraints.
        names: Names of the commands that count.
        design: The design's ports.
    """
    bits_of: dict[str, set[str]] = {}
    for bit in (*design.inputs, *design.outputs):
        bits_of.setdefault(bit, set()).add(bit)
        bits_of.setdefault(_BIT.sub("", bit), set()).add(bit)
    plain = {"all_inputs": design.inputs, "all_outputs": design.outputs}
    found: set[str] = set()
    for command in commands:
        for value in command.values:
            if command.name not in names or not isinstance(value, Objects):
                continue
            found.update(plain.get(value.query, ()))
            for name in value.names:
                wild = _WILDCARD.search(name)
                fitting = [k for k in bits_of if _matches(name, {k})] if wild else [name]
                found.update(*(bits_of.get(known, ()) for known in fitting))
    return frozenset(found)


def check_names(
    commands: Sequence[Command], design: DesignNames, *, file: str = "constraints"
) -> None:
    """Check that all that constraints name exists, and that clocks are created before their use.

    Raises:
        InputError: A name is not in the design; the error says the line, and what is near.
    """
    known = {
        "port": _with_buses((*design.inputs, *design.outputs)),
        "input": _with_buses(design.inputs),
        "output": _with_buses(design.outputs),
        "pin": set(design.pins),
        "cell": set(design.cells),
        "clock": set[str](),
    }
    for command in commands:
        where = f"{file}:{command.line}" if command.line else file
        for objects, kind in _objects_of(command):
            kinds = _kinds_named(command.name, objects, kind)
            if not objects.names and kinds == ("clock",) and not known["clock"]:
                raise InputError(f"{command.name} needs a clock, and none is created", where=where)
            for name in objects.names:
                if not any(_matches(name, known[each]) for each in kinds):
                    raise _unknown(command.name, name, kinds, known, where)
        if command.name in ("create_clock", "create_generated_clock"):
            name = _clock_of(command)
            if not name:
                raise InputError(
                    f"{command.name} has neither a source nor a name",
                    where=where,
                    hint="add [get_ports clk], or -name for a clock that is not in the design",
                )
            if name in known["clock"]:
                raise InputError(
                    f"the clock {name!r} is created twice", where=where, hint="keep one"
                )
            known["clock"].add(name)


def _clock_of(command: Command) -> str:
    """The name of the clock that a command creates; empty if it creates none."""
    if command.name not in ("create_clock", "create_generated_clock"):
        return ""
    given = command.option("-name")
    if isinstance(given, str):
        return given
    source = command.values[0] if command.values else None
    return source.names[0] if isinstance(source, Objects) and source.names else ""


def _objects_of(command: Command) -> Iterator[tuple[Objects, Kind]]:
    syntax = COMMANDS[command.name]
    given: list[tuple[Value | None, Kind]] = [
        (value, syntax.options[option]) for option, value in command.options
    ]
    given += list(zip(command.values, syntax.values, strict=False))
    for value, kind in given:
        if isinstance(value, Objects):
            yield value, kind


def _kinds_named(command: str, objects: Objects, kind: Kind) -> tuple[str, ...]:
    """What the names of a query, or a plain list, can be."""
    port = {"set_input_delay": "input", "set_output_delay": "output"}.get(command, "port")
    by_query = {
        "get_ports": (port,),
        "get_pins": ("pin",),
        "get_cells": ("cell",),
        "get_clocks": ("clock",),
        "all_clocks": ("clock",),
    }
    by_kind = {
        "clocks": ("clock",),
        "ports": (port,),
        "design": ("port",),
        "pins": ("port", "pin"),
        "objects": ("clock", "port", "cell", "pin"),
    }
    return by_query.get(objects.query) or by_kind[kind]


def _with_buses(bits: Iterable[str]) -> set[str]:
    """Bits, and the buses that they belong to, which may be named as a whole."""
    bits = set(bits)
    return bits | {_BIT.sub("", bit) for bit in bits}


def _matches(name: str, known: set[str]) -> bool:
    if name in known:
        return True
    if not _WILDCARD.search(name):
        return False
    signs = {"*": ".*", "?": "."}
    parts = re.split(r"(\*+|\?)", name)
    pattern = re.compile("".join(signs.get(part[:1], re.escape(part)) for part in parts))
    return any(pattern.fullmatch(each) for each in known)


def _unknown(
    command: str, name: str, kinds: Sequence[str], known: dict[str, set[str]], where: str
) -> InputError:
    there = sorted(set().union(*(known[kind] for kind in kinds)))
    what = " or ".join(kinds)
    near = get_close_matches(name, there, n=1, cutoff=0.7) if len(there) <= _SEARCHED else []
    if near:
        hint = f"did you mean {near[0]}?"
    elif there:
        more = ", ..." if len(there) > _SHOWN else ""
        hint = f"there are: {', '.join(there[:_SHOWN])}{more}"
    elif kinds == ("clock",):
        hint = "create the clock before it is used"
    else:
        hint = f"the design has no {what}"
    return InputError(
        f"{command} names {name!r}, and there is no such {what}", where=where, hint=hint
    )
