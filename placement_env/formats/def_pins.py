"""The section PINS of DEF: the ports of the design."""

from __future__ import annotations

from placement_env.formats.def_design import DefPin, DefShape, Status
from placement_env.formats.def_statements import (
    STATUS,
    Notes,
    options_of,
    read_place,
    read_section,
)
from placement_env.formats.lefdef_tokens import Tokens, whole_number
from placement_env.netlist import Orient


def read_pins(tokens: Tokens, notes: Notes) -> tuple[DefPin, ...]:
    """The section PINS, whose name has been taken.

    Raises:
        InputError: It is malformed, or a name comes twice.
    """
    section = read_section(tokens, "PINS", notes)
    pins: list[DefPin] = []
    for at, words in section.statements():
        if len(words) < 2:
            tokens.fail("a pin needs a name", index=at)
        pins.append(_read_pin(tokens, words, at, notes))
    names = [pin.name for pin in pins]
    section.check_unique("pin", names, range(len(names)))
    return tuple(pins)


def _read_pin(tokens: Tokens, words: list[str], at: int, notes: Notes) -> DefPin:
    name = words[1]
    net, direction, use = "", "", "SIGNAL"
    shapes: list[DefShape] = []
    status, x, y, orient = Status.UNPLACED, 0, 0, Orient.N
    ports = 0
    for key, values in options_of(tokens, words, 2, at):
        if key == "PORT":
            ports += 1
            notes.skipped["pin PORT"] += ports > 1
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
            shapes.append(_read_shape(tokens, values, at, name, notes))
        elif key in STATUS:
            status = STATUS[key]
            x, y, orient = read_place(tokens, values, at, name)
        elif key != "UNPLACED":
            notes.skipped[f"pin {key}"] += 1
    return DefPin(name, net, direction, use, tuple(shapes), status, x, y, orient)


def _read_shape(tokens: Tokens, values: list[str], at: int, pin: str, notes: Notes) -> DefShape:
    """`layer [MASK n] [SPACING n] ( x y ) ( x y )`."""
    for key in ("MASK", "SPACING", "DESIGNRULEWIDTH"):
        notes.skipped[f"pin {key}"] += key in values
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
