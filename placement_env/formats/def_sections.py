"""The long sections of DEF: COMPONENTS, PINS and NETS.

The usual statements are cut into their parts by slicing, which is what makes a design of 30,000
cells readable in half a second of plain Python; anything unusual takes the word-by-word path.
"""

from __future__ import annotations

from collections import Counter
from typing import NoReturn

import numpy as np

from placement_env.formats.def_design import DefComponents, DefNets, DefPin, DefShape, Status
from placement_env.formats.lefdef_tokens import Tokens, whole_number
from placement_env.netlist import Orient

_ORIENT = {orient.name: orient for orient in Orient}
_STATUS = {"PLACED": Status.PLACED, "FIXED": Status.FIXED, "COVER": Status.COVER}


def orientation(tokens: Tokens, inside: str) -> Orient:
    """The next word as an orientation."""
    word = tokens.take(inside)
    if word not in _ORIENT:
        tokens.fail(f"expected an orientation (N, S, FN ...) in {inside}, found {word!r}")
    return _ORIENT[word]


def read_components(
    tokens: Tokens, count: int, skipped: Counter[str], remarks: list[str]
) -> DefComponents:
    """The entries of COMPONENTS and the END of the section."""
    names: list[str] = []
    masters: list[str] = []
    status: list[int] = []
    x: list[int] = []
    y: list[int] = []
    orient: list[int] = []
    source: list[str] = []
    starts: list[int] = []
    while tokens.peek() == "-":
        at = tokens.at
        words = tokens.statement("COMPONENTS")
        if len(words) < 3:
            tokens.fail("a component needs a name and a cell", index=at)
        names.append(words[1])
        masters.append(words[2])
        starts.append(at)
        entry_status, entry_x, entry_y, entry_orient, entry_source = Status.UNPLACED, 0, 0, 0, ""
        for key, values in _options(tokens, words, 3, at):
            if key in _STATUS:
                entry_status = _STATUS[key]
                entry_x, entry_y, entry_orient = _placed(tokens, values, at, words[1])
            elif key == "SOURCE" and values:
                entry_source = values[0]
            elif key != "UNPLACED":
                skipped[f"component {key}"] += 1
        status.append(entry_status)
        x.append(entry_x)
        y.append(entry_y)
        orient.append(entry_orient)
        source.append(entry_source)
    _end_section(tokens, "COMPONENTS", count, len(names), remarks)
    _unique(tokens, "component", names, starts)
    return DefComponents(
        name=tuple(names),
        master=tuple(masters),
        status=np.array(status, dtype=np.int64),
        x=np.array(x, dtype=np.int64),
        y=np.array(y, dtype=np.int64),
        orient=np.array(orient, dtype=np.int64),
        source=tuple(source),
    )


def read_pins(
    tokens: Tokens, count: int, skipped: Counter[str], remarks: list[str]
) -> tuple[DefPin, ...]:
    """The entries of PINS and the END of the section."""
    pins: list[DefPin] = []
    starts: list[int] = []
    while tokens.peek() == "-":
        at = tokens.at
        words = tokens.statement("PINS")
        if len(words) < 2:
            tokens.fail("a pin needs a name", index=at)
        pins.append(_read_pin(tokens, words, at, skipped))
        starts.append(at)
    _end_section(tokens, "PINS", count, len(pins), remarks)
    _unique(tokens, "pin", [pin.name for pin in pins], starts)
    return tuple(pins)


def _read_pin(tokens: Tokens, words: list[str], at: int, skipped: Counter[str]) -> DefPin:
    name = words[1]
    net, direction, use = "", "", "SIGNAL"
    shapes: list[DefShape] = []
    status, x, y, orient = Status.UNPLACED, 0, 0, Orient.N
    ports = 0
    for key, values in _options(tokens, words, 2, at):
        if key == "PORT":
            ports += 1
            skipped["pin PORT"] += ports > 1
        elif key in ("NET", "DIRECTION", "USE"):
            if not values:
                tokens.fail(f"pin {name} has + {key} without a value", index=at)
            if key == "NET":
                net = values[0]
            elif key == "DIRECTION":
                direction = values[0].upper()
            else:
                use = values[0].upper()
        elif ports > 1:
            continue
        elif key == "LAYER":
            shapes.append(_read_shape(tokens, values, at, name))
        elif key in _STATUS:
            status = _STATUS[key]
            x, y, orient = _placed(tokens, values, at, name)
        elif key != "UNPLACED":
            skipped[f"pin {key}"] += 1
    return DefPin(name, net, direction, use, tuple(shapes), status, x, y, orient)


def _read_shape(tokens: Tokens, values: list[str], at: int, pin: str) -> DefShape:
    """`layer [MASK n] [SPACING n] ( x y ) ( x y )`."""
    box = values[values.index("(") :] if "(" in values else []
    try:
        if box[0::4] != ["(", "("] or box[3::4] != [")", ")"]:
            raise ValueError
        left, bottom, right, top = (whole_number(box[k]) for k in (1, 2, 5, 6))
    except ValueError:
        tokens.fail(
            f"expected LAYER name ( x y ) ( x y ) in pin {pin}, found {' '.join(values)}", index=at
        )
    return DefShape(
        values[0], min(left, right), min(bottom, top), max(left, right), max(bottom, top)
    )


def read_nets(tokens: Tokens, count: int, skipped: Counter[str], remarks: list[str]) -> DefNets:
    """The entries of NETS and the END of the section; routing is passed over."""
    names: list[str] = []
    start: list[int] = [0]
    components: list[str] = []
    pins: list[str] = []
    use: list[str] = []
    weight: list[int] = []
    starts: list[int] = []
    entries = 0
    while tokens.peek() == "-":
        at = tokens.at
        words = tokens.statement("NETS")
        entries += 1
        if len(words) < 2:
            tokens.fail("a net needs a name", index=at)
        if words[1] == "MUSTJOIN":
            skipped["net MUSTJOIN"] += 1
            continue
        if "SYNTHESIZED" in words:
            words = _without_synthesized(words)
        end = words.index("+") if "+" in words else len(words)
        ends = (end - 2) // 4
        if words[2:end:4].count("(") != ends or words[5:end:4].count(")") != ends or (end - 2) % 4:
            tokens.fail(
                f"expected connections ( component pin ) in net {words[1]}",
                index=_first_misfit(words, end) + at,
            )
        names.append(words[1])
        starts.append(at)
        components += words[3:end:4]
        pins += words[4:end:4]
        start.append(len(components))
        net_use, net_weight = "SIGNAL", 1
        if end < len(words):
            for key, values in _options(tokens, words, end, at):
                if key == "USE" and values:
                    net_use = values[0].upper()
                elif key == "WEIGHT" and values:
                    net_weight = _integer(tokens, values[0], at, f"the weight of net {words[1]}")
                elif key != "SOURCE":
                    skipped[f"net {key}"] += 1
        use.append(net_use)
        weight.append(net_weight)
    _end_section(tokens, "NETS", count, entries, remarks)
    _unique(tokens, "net", names, starts)
    return DefNets(
        name=tuple(names),
        start=np.array(start, dtype=np.int64),
        component=tuple(components),
        pin=tuple(pins),
        use=tuple(use),
        weight=np.array(weight, dtype=np.int64),
    )


def _options(tokens: Tokens, words: list[str], first: int, at: int) -> list[tuple[str, list[str]]]:
    """The `+ KEY value ...` parts of a statement from word `first` on."""
    if first >= len(words):
        return []
    if words[first] != "+":
        tokens.fail(f"expected + or ; in {words[1]}, found {words[first]!r}", index=at + first)
    options: list[tuple[str, list[str]]] = []
    plus = first
    while plus < len(words):
        try:
            after = words.index("+", plus + 1)
        except ValueError:
            after = len(words)
        if after == plus + 1:
            tokens.fail(f"a + without an option in {words[1]}", index=at + plus)
        options.append((words[plus + 1], words[plus + 2 : after]))
        plus = after
    return options


def _placed(tokens: Tokens, values: list[str], at: int, name: str) -> tuple[int, int, Orient]:
    """`( x y ) orient`."""
    if len(values) == 5 and values[0] == "(" and values[3] == ")" and values[4] in _ORIENT:
        inside = f"the placement of {name}"
        return (
            _integer(tokens, values[1], at, inside),
            _integer(tokens, values[2], at, inside),
            _ORIENT[values[4]],
        )
    tokens.fail(
        f"expected ( x y ) orientation in the placement of {name}, found {' '.join(values)}",
        index=at,
    )


def _integer(tokens: Tokens, word: str, at: int, inside: str) -> int:
    try:
        return whole_number(word)
    except ValueError:
        tokens.fail(f"expected an integer in {inside}, found {word[:40]!r}", index=at)


def _without_synthesized(words: list[str]) -> list[str]:
    """A net statement with `+ SYNTHESIZED` taken out of its connections."""
    kept: list[str] = []
    for word in words:
        if word == "SYNTHESIZED" and kept[-1:] == ["+"]:
            kept.pop()
        else:
            kept.append(word)
    return kept


def _first_misfit(words: list[str], end: int) -> int:
    """Index of the first word of a net that does not fit `( component pin )`."""
    for index in range(2, end):
        place = (index - 2) % 4
        if (place == 0 and words[index] != "(") or (place == 3 and words[index] != ")"):
            return index
    return end - 1


def _end_section(
    tokens: Tokens, section: str, expected: int, found: int, remarks: list[str]
) -> None:
    word = tokens.take(section)
    if word != "END":
        tokens.fail(f"expected - or END in {section}, found {word!r}")
    tokens.expect(section, f"the END of {section}")
    # More entries than announced are usual: tools that add tap cells leave the header as it was.
    if found > expected:
        remarks.append(f"{section} has {found} entries, its header says {expected}")
    if found < expected:
        tokens.fail(
            f"{section} has {found} entries, its header says {expected}",
            hint="entries are missing; correct the header or fetch the file again",
        )


def _unique(tokens: Tokens, what: str, names: list[str], starts: list[int]) -> None:
    if len(set(names)) == len(names):
        return
    seen: set[str] = set()
    for name, at in zip(names, starts, strict=True):
        if name in seen:
            _double(tokens, what, name, at)
        seen.add(name)


def _double(tokens: Tokens, what: str, name: str, at: int) -> NoReturn:
    tokens.fail(f"{what} {name} comes twice", index=at, hint="names must be unique")
