"""The sections of DEF that say where components may lie: REGIONS, GROUPS and BLOCKAGES."""

from __future__ import annotations

from placement_env.formats.decimals import decimal
from placement_env.formats.def_areas import DefBlockage, DefBox, DefGroup, DefHalo, DefRegion
from placement_env.formats.def_statements import (
    Notes,
    options_of,
    read_integer,
    read_points,
    read_section,
)
from placement_env.formats.lefdef_tokens import Tokens, as_written

_REGION_KINDS = ("FENCE", "GUIDE")


def read_regions(tokens: Tokens, notes: Notes) -> tuple[DefRegion, ...]:
    """The section REGIONS, whose name has been taken.

    Raises:
        InputError: It is malformed, a region has no box, or a name comes twice.
    """
    section = read_section(tokens, "REGIONS", notes)
    regions: list[DefRegion] = []
    for at, words in section.statements():
        if len(words) < 2:
            tokens.fail("a region needs a name and boxes", index=at)
        inside = f"region {words[1]}"
        plus = words.index("+") if "+" in words else len(words)
        boxes = _boxes(tokens, words[2:plus], at, inside)
        if not boxes:
            tokens.fail(f"{inside} has no box", index=at)
        kind = ""
        for key, values in options_of(tokens, words, plus, at):
            if key == "TYPE":
                kind = values[0] if values else ""
                if kind not in _REGION_KINDS:
                    tokens.fail(
                        f"expected TYPE FENCE or GUIDE in {inside}, found {kind!r}", index=at
                    )
            else:
                notes.skipped[f"region {key}"] += 1
        regions.append(DefRegion(words[1], boxes, kind))
    names = [region.name for region in regions]
    section.check_unique("region", names, range(len(names)))
    return tuple(regions)


def read_groups(tokens: Tokens, notes: Notes) -> tuple[DefGroup, ...]:
    """The section GROUPS, whose name has been taken.

    Raises:
        InputError: It is malformed, or a name comes twice.
    """
    section = read_section(tokens, "GROUPS", notes)
    groups: list[DefGroup] = []
    for at, words in section.statements():
        if len(words) < 2:
            tokens.fail("a group needs a name", index=at)
        plus = words.index("+") if "+" in words else len(words)
        region = ""
        for key, values in options_of(tokens, words, plus, at):
            if key == "REGION" and len(values) == 1:
                region = values[0]
            else:
                notes.skipped[f"group {key}"] += 1
        groups.append(DefGroup(words[1], tuple(words[2:plus]), region))
    names = [group.name for group in groups]
    section.check_unique("group", names, range(len(names)))
    return tuple(groups)


def read_blockages(tokens: Tokens, notes: Notes) -> tuple[DefBlockage, ...]:
    """The section BLOCKAGES, whose name has been taken.

    Raises:
        InputError: It is malformed.
    """
    section = read_section(tokens, "BLOCKAGES", notes)
    return tuple(_read_blockage(tokens, words, at) for at, words in section.statements())


def read_halo(tokens: Tokens, values: list[str], at: int, component: str) -> DefHalo:
    """`[SOFT] left bottom right top`, the value of HALO of the component at `at`."""
    inside = f"the HALO of {component}"
    soft = values[:1] == ["SOFT"]
    sides = values[1:] if soft else values
    if len(sides) != 4:
        tokens.fail(
            f"expected [SOFT] left bottom right top in {inside}, found {' '.join(values)!r}",
            index=at,
        )
    left, bottom, right, top = (read_integer(tokens, side, at, inside) for side in sides)
    return DefHalo(left, bottom, right, top, soft)


def _read_blockage(tokens: Tokens, words: list[str], at: int) -> DefBlockage:
    """`- PLACEMENT ...` or `- LAYER name ...`: options, then RECTs and POLYGONs."""
    kind = words[1] if len(words) > 1 else ""
    first = {"PLACEMENT": 2, "LAYER": 3}.get(kind, 0)
    if not first or len(words) < first:
        tokens.fail(f"expected PLACEMENT or LAYER name in BLOCKAGES, found {kind!r}", index=at)
    layer = words[2] if kind == "LAYER" else ""
    inside = f"the blockage of {layer or 'PLACEMENT'}"
    boxes: list[DefBox] = []
    polygons: list[tuple[tuple[int, int], ...]] = []
    options: list[str] = []
    soft, density, component = False, None, ""
    starts = [k for k in range(first, len(words)) if words[k] in ("+", "RECT", "POLYGON")]
    if starts[:1] != [first]:
        tokens.fail(f"expected +, RECT or POLYGON in {inside}", index=at + first)
    for start, end in zip(starts, [*starts[1:], len(words)], strict=True):
        values = words[start + 1 : end]
        if words[start] == "RECT":
            boxes += _boxes(tokens, values, at + start, inside)
        elif words[start] == "POLYGON":
            corners = read_points(tokens, values, at + start, inside)
            if len(corners) < 3:
                tokens.fail(f"POLYGON in {inside} has {len(corners)} corners", index=at + start)
            polygons.append(tuple(corners))
        elif values == ["SOFT"]:
            soft = True
        elif len(values) == 2 and values[0] == "PARTIAL":
            density = _percent(tokens, values[1], at + start, inside)
        elif len(values) == 2 and values[0] == "COMPONENT":
            component = values[1]
        elif values:
            options.append(as_written(values))
        else:
            tokens.fail(f"a + without an option in {inside}", index=at + start)
    if not boxes and not polygons:
        tokens.fail(f"{inside} has neither RECT nor POLYGON", index=at)
    return DefBlockage(
        layer, tuple(boxes), tuple(polygons), soft, density, component, tuple(options)
    )


def _boxes(tokens: Tokens, words: list[str], at: int, inside: str) -> tuple[DefBox, ...]:
    """Boxes from pairs of opposite corners."""
    corners = read_points(tokens, words, at, inside)
    if len(corners) % 2:
        tokens.fail(f"{inside} has {len(corners)} corners, expected two for each box", index=at)
    return tuple(
        DefBox(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
        for (x0, y0), (x1, y1) in zip(corners[0::2], corners[1::2], strict=True)
    )


def _percent(tokens: Tokens, word: str, at: int, inside: str) -> float:
    try:
        value = decimal(word)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        tokens.fail(f"expected 0 to 100 for PARTIAL in {inside}, found {word[:40]!r}", index=at)
    return value
