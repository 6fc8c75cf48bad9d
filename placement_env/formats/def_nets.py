"""The sections NETS, SPECIALNETS and VIAS of DEF.

Of nets, the connections, use and weight are read; their routing is passed over and counted. The
wires of special nets are kept as words, and so are the vias, which the wires name: nothing here
looks at them, but the next tool needs the power rails of a design that is written again.

Nearly all nets are `- name ( component pin ) ... [+ USE use] ;`, and these are read all at once as
columns of words. The others are read one by one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from placement_env.formats.def_design import DefNets, DefSpecialNet
from placement_env.formats.def_statements import (
    Notes,
    Section,
    options_of,
    read_integer,
    read_section,
)
from placement_env.formats.lefdef_tokens import Tokens, as_written
from placement_env.netlist import IntArray


def read_nets(tokens: Tokens, notes: Notes) -> DefNets:
    """The section NETS, whose name has been taken.

    Raises:
        InputError: It is malformed, or a name comes twice.
    """
    section = read_section(tokens, "NETS", notes)
    words, first, plus = tokens.array, section.first, section.first_options()
    nameless = np.flatnonzero(plus - first < 2)
    if nameless.size:
        tokens.fail("a net needs a name", index=section.statement(int(nameless[0]))[0])
    joins = words[first + 1] == "MUSTJOIN"
    notes.skipped["net MUSTJOIN"] += int(joins.sum())
    numbers = np.flatnonzero(~joins)
    begin, degree = first + 2, (plus - first - 2) // 4
    # Connections of another spelling are appended in the usual one, and read there.
    respelled: list[str] = []
    for number in numbers[_is_unusual(tokens.marks, begin, plus)[numbers]].tolist():
        at, statement = section.statement(number)
        owners, owned, after = _connections(tokens, statement, at, notes)
        plus[number] = first[number] + after
        begin[number], degree[number] = words.size + len(respelled), len(owners)
        for pair in zip(owners, owned, strict=True):
            respelled += ("(", *pair, ")")
    if respelled:
        words = np.append(words, np.array(respelled, dtype=object))
    opening, start = _openings(begin[numbers], degree[numbers])
    use, weight = _options(section, numbers, plus[numbers], notes)
    names = words[first[numbers] + 1].tolist()
    section.check_unique("net", names, numbers.tolist())
    return DefNets(
        name=tuple(names),
        start=start,
        component=tuple(words[opening + 1].tolist()),
        pin=tuple(words[opening + 2].tolist()),
        use=tuple(use),
        weight=weight,
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


def _options(
    section: Section, numbers: IntArray, plus: IntArray, notes: Notes
) -> tuple[list[str], IntArray]:
    """Use and weight of the nets of some statements, whose options begin at `plus`."""
    words, first, end = section.tokens.array, section.first[numbers], section.end[numbers]
    use = np.full(numbers.size, "SIGNAL", dtype=object)
    weight = np.ones(numbers.size, dtype=np.int64)
    only_use = end - plus == 3
    only_use[only_use] = words[plus[only_use] + 1] == "USE"
    use[only_use] = [word.upper() for word in words[plus[only_use] + 2]]
    for net in np.flatnonzero((plus < end) & ~only_use).tolist():
        at, statement = section.statement(numbers[net])
        for key, values in options_of(section.tokens, statement, int(plus[net] - first[net]), at):
            if key == "USE" and values:
                use[net] = values[0].upper()
            elif key == "WEIGHT" and values:
                inside = f"the weight of net {statement[1]}"
                weight[net] = read_integer(section.tokens, values[0], at, inside)
            else:
                notes.skipped[f"net {key}"] += 1
    return use.tolist(), weight


def _is_unusual(marks: NDArray[np.uint8], begin: IntArray, end: IntArray) -> NDArray[np.bool_]:
    """[S] whether the words from `begin` to `end` are anything but `( component pin ) ...`."""
    degree = (end - begin) // 4
    opening, _ = _openings(begin, degree)
    wrong = (marks[opening] != ord("(")) | (marks[opening + 3] != ord(")"))
    unusual = (end - begin) % 4 != 0
    unusual[np.repeat(np.arange(begin.size), degree)[wrong]] = True
    return unusual


def _openings(begin: IntArray, degree: IntArray) -> tuple[IntArray, IntArray]:
    """[P] index of the `(` of every connection, and [S + 1] the first connection of every net."""
    start = np.append(0, np.cumsum(degree))
    within = np.arange(start[-1]) - np.repeat(start[:-1], degree)
    return np.repeat(begin, degree) + 4 * within, start


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
