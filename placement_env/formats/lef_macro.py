"""The MACRO section of LEF: one cell or block with its pins and obstructions."""

from __future__ import annotations

from placement_env.formats.decimals import decimal
from placement_env.formats.lef_library import Macro, MacroPin, Shape
from placement_env.formats.lefdef_tokens import Tokens
from placement_env.netlist import LARGEST

#: More repetitions of one shape are taken for a slip.
_MOST_STEPS = 1_000_000


def read_macro(tokens: Tokens) -> Macro:
    """Read a macro; the word MACRO has been taken.

    Raises:
        InputError: The section is cut off or malformed, a pin comes twice, or SIZE is missing.
    """
    name = tokens.take("MACRO")
    inside = f"MACRO {name}"
    start = tokens.at - 1
    classes = ["CORE"]
    size: tuple[float, float] | None = None
    origin = (0.0, 0.0)
    symmetry: tuple[str, ...] = ()
    site = ""
    pins: dict[str, MacroPin] = {}
    obstructions: list[Shape] = []
    while (word := tokens.keyword(inside)) != "END":
        if word == "PIN":
            pin = _read_pin(tokens, inside)
            if pin.name in pins:
                tokens.fail(f"{inside} has two pins {pin.name}")
            pins[pin.name] = pin
        elif word == "OBS":
            obstructions += _read_shapes(tokens, f"OBS of {inside}")
        elif word == "CLASS":
            classes = [part.upper() for part in tokens.statement(inside)] or classes
        elif word == "SIZE":
            width = tokens.number(inside)
            tokens.expect_keyword("BY", inside)
            size = width, tokens.number(inside)
            tokens.statement(inside)
        elif word == "ORIGIN":
            origin = _point(tokens, inside)
            tokens.expect(";", inside)
        elif word == "SYMMETRY":
            symmetry = tuple(axis.upper() for axis in tokens.statement(inside))
        elif word == "SITE":
            # Those after the first are patterns of further sites that the cell takes.
            site = site or tokens.take(inside)
            tokens.statement(inside)
        elif word == "DENSITY":
            _skip_to_end(tokens, f"DENSITY of {inside}")
        elif word == "TIMING":  # Of old versions of LEF, and still found.
            tokens.skip_lef_block(word)
        else:
            tokens.statement(inside)
    tokens.expect(name, f"the END of {inside}")
    if size is None or not (size[0] > 0 and size[1] > 0):
        found = "no SIZE" if size is None else f"size {size[0]} x {size[1]} um"
        tokens.fail(f"{inside} has {found}, expected positive sizes", index=start)
    if origin != (0.0, 0.0):
        pins = {
            pin.name: MacroPin(pin.name, pin.direction, pin.use, _shifted(pin.shapes, origin))
            for pin in pins.values()
        }
        obstructions = list(_shifted(tuple(obstructions), origin))
    return Macro(
        name=name,
        macro_class=classes[0],
        sub_class=classes[1] if len(classes) > 1 else "",
        width_um=size[0],
        height_um=size[1],
        symmetry=symmetry,
        site=site,
        pins=pins,
        obstructions=tuple(obstructions),
    )


def _read_pin(tokens: Tokens, macro: str) -> MacroPin:
    name = tokens.take(macro)
    inside = f"PIN {name} of {macro}"
    direction, use = "INPUT", "SIGNAL"
    shapes: list[Shape] = []
    while (word := tokens.keyword(inside)) != "END":
        if word == "DIRECTION":
            direction = tokens.keyword(inside)
            tokens.statement(inside)
        elif word == "USE":
            use = tokens.keyword(inside)
            tokens.expect(";", inside)
        elif word == "PORT":
            shapes += _read_shapes(tokens, f"PORT of {inside}")
        else:
            tokens.statement(inside)
    tokens.expect(name, f"the END of {inside}")
    return MacroPin(name, direction, use, tuple(shapes))


def _read_shapes(tokens: Tokens, inside: str) -> list[Shape]:
    """The geometries of a PORT or OBS, up to and including its END; vias are passed over."""
    layer = ""
    width = 0.0
    shapes: list[Shape] = []
    while (word := tokens.keyword(inside)) != "END":
        if word == "LAYER":
            layer = tokens.take(inside)
            width = 0.0
            tokens.statement(inside)
        elif word == "WIDTH":
            width = tokens.number(inside)
            tokens.expect(";", inside)
        elif word in ("RECT", "POLYGON", "PATH"):
            if not layer:
                tokens.fail(f"{word} before any LAYER in {inside}")
            shapes += _read_geometry(tokens, word, layer, width if word == "PATH" else 0.0, inside)
        else:
            tokens.statement(inside)
    return shapes


def _read_geometry(
    tokens: Tokens, kind: str, layer: str, width_um: float, inside: str
) -> list[Shape]:
    """One RECT, POLYGON or PATH as bounding boxes, one for each step of an ITERATE."""
    start = tokens.at
    words = [word.upper() for word in tokens.statement(inside)]
    numbers: list[float] = []
    repeat = (1, 1, 0.0, 0.0)
    for index, word in enumerate(words):
        if word == "DO":
            repeat = _read_steps(tokens, words[index:], start + index, inside)
            break
        if word in ("MASK", "ITERATE", "(", ")") or (index and words[index - 1] == "MASK"):
            continue
        try:
            numbers.append(decimal(word))
        except ValueError:
            tokens.fail(f"expected a number in {inside}, found {word!r}", index=start + index)
        if not abs(numbers[-1]) <= LARGEST:
            tokens.fail(f"{word} in {inside} is not a finite number", index=start + index)
    x, y = numbers[0::2], numbers[1::2]
    if len(x) != len(y) or len(x) < 2 or (kind == "RECT" and len(x) != 2):
        tokens.fail(f"{kind} in {inside} has {len(numbers)} coordinates", index=start)
    left, right = min(x) - width_um / 2, max(x) + width_um / 2
    bottom, top = min(y) - width_um / 2, max(y) + width_um / 2
    columns, rows, step_x, step_y = repeat
    if not (abs(step_x) <= LARGEST and abs(step_y) <= LARGEST):
        tokens.fail(f"steps of {step_x} and {step_y} in {inside} are not usable", index=start)
    if not (0 <= columns <= _MOST_STEPS and 0 <= rows <= _MOST_STEPS // max(columns, 1)):
        tokens.fail(f"{columns} x {rows} repetitions in {inside} are too many", index=start)
    return [
        Shape(
            layer,
            left + column * step_x,
            bottom + row * step_y,
            right + column * step_x,
            top + row * step_y,
        )
        for column in range(columns)
        for row in range(rows)
    ]


def _read_steps(
    tokens: Tokens, words: list[str], at: int, inside: str
) -> tuple[int, int, float, float]:
    """`DO columns BY rows STEP dx dy`."""
    try:
        if len(words) == 7 and words[2] == "BY" and words[4] == "STEP":
            return int(words[1]), int(words[3]), decimal(words[5]), decimal(words[6])
    except ValueError:
        pass
    tokens.fail(f"expected DO n BY m STEP dx dy in {inside}, found {' '.join(words)}", index=at)


def _skip_to_end(tokens: Tokens, inside: str) -> None:
    while tokens.keyword(inside) != "END":
        pass


def _point(tokens: Tokens, inside: str) -> tuple[float, float]:
    """Two numbers, with or without parentheses."""
    braced = tokens.peek() == "("
    if braced:
        tokens.take(inside)
    point = tokens.number(inside), tokens.number(inside)
    if braced:
        tokens.expect(")", inside)
    return point


def _shifted(shapes: tuple[Shape, ...], origin: tuple[float, float]) -> tuple[Shape, ...]:
    dx, dy = origin
    return tuple(
        Shape(s.layer, s.left_um + dx, s.bottom_um + dy, s.right_um + dx, s.top_um + dy)
        for s in shapes
    )
