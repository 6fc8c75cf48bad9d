"""The sections NETS, SPECIALNETS and VIAS of DEF.

Of nets, the connections, use and weight are read; their routing is passed over and counted. The
wires of special nets are kept as words, and so are the vias, which the wires name: nothing here
looks at them, but the next tool needs the power rails of a design that is written again.
"""

from __future__ import annotations

import numpy as np

from placement_env.formats.def_design import DefNets, DefSpecialNet
from placement_env.formats.def_statements import (
    Notes,
    options_of,
    read_integer,
    read_section,
)
from placement_env.formats.lefdef_tokens import Tokens, as_written


def read_nets(tokens: Tokens, notes: Notes) -> DefNets:
    """The section NETS, whose name has been taken.

    Raises:
        InputError: It is malformed, or a name comes twice.
    """
    section = read_section(tokens, "NETS", notes)
    names: list[str] = []
    numbers: list[int] = []
    start = [0]
    components: list[str] = []
    pins: list[str] = []
    use: list[str] = []
    weight: list[int] = []
    for number, (at, words) in enumerate(section.statements()):
        if len(words) < 2:
            tokens.fail("a net needs a name", index=at)
        if words[1] == "MUSTJOIN":
            notes.skipped["net MUSTJOIN"] += 1
            continue
        names.append(words[1])
        numbers.append(number)
        owners, owned, plus = _connections(tokens, words, at, notes)
        components += owners
        pins += owned
        start.append(len(components))
        use.append("SIGNAL")
        weight.append(1)
        for key, values in options_of(tokens, words, plus, at):
            if key == "USE" and values:
                use[-1] = values[0].upper()
            elif key == "WEIGHT" and values:
                weight[-1] = read_integer(tokens, values[0], at, f"the weight of net {words[1]}")
            else:
                notes.skipped[f"net {key}"] += 1
    section.check_unique("net", names, numbers)
    return DefNets(
        name=tuple(names),
        start=np.array(start, dtype=np.int64),
        component=tuple(components),
        pin=tuple(pins),
        use=tuple(use),
        weight=np.array(weight, dtype=np.int64),
    )


def read_special_nets(tokens: Tokens, notes: Notes) -> tuple[DefSpecialNet, ...]:
    """The section SPECIALNETS, whose name has been taken.

    Raises:
        InputError: It is malformed, or a name comes twice.
    """
    section = read_section(tokens, "SPECIALNETS", notes)
    nets: list[DefSpecialNet] = []
    for at, words in section.statements():
        if len(words) < 2:
            tokens.fail("a net needs a name", index=at)
        owners, owned, plus = _connections(tokens, words, at, notes)
        use = "SIGNAL"
        options: list[str] = []
        for key, values in options_of(tokens, words, plus, at):
            if key == "USE" and len(values) == 1:
                use = values[0].upper()
            else:
                options.append(as_written([key, *values]))
        connections = tuple(zip(owners, owned, strict=True))
        nets.append(DefSpecialNet(words[1], connections, use, tuple(options)))
    names = [net.name for net in nets]
    section.check_unique("special net", names, range(len(names)))
    return tuple(nets)


def read_vias(tokens: Tokens, notes: Notes) -> tuple[str, ...]:
    """The section VIAS, whose name has been taken: each via as the file has it, without its `-`.

    Raises:
        InputError: It is malformed.
    """
    section = read_section(tokens, "VIAS", notes)
    for at, words in section.statements():
        if len(words) < 2:
            tokens.fail("a via needs a name", index=at)
    return tuple(as_written(words[1:]) for _, words in section.statements())


def _connections(
    tokens: Tokens, words: list[str], at: int, notes: Notes
) -> tuple[list[str], list[str], int]:
    """Components and pins of `( component pin [+ SYNTHESIZED] ) ...`, and where they end."""
    components: list[str] = []
    pins: list[str] = []
    index = 2
    while index < len(words) and words[index] != "+":
        close = index + 3
        if words[close : close + 2] == ["+", "SYNTHESIZED"]:
            notes.skipped["net SYNTHESIZED"] += 1
            close += 2
        if words[index] != "(" or words[close : close + 1] != [")"]:
            tokens.fail(
                f"expected connections ( component pin ) in net {words[1]}",
                index=at + (index if words[index] != "(" else min(close, len(words) - 1)),
            )
        components.append(words[index + 1])
        pins.append(words[index + 2])
        index = close + 1
    return components, pins, index
