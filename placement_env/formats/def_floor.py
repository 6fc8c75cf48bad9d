"""The statements of DEF that stand alone: names, units, die, rows, tracks and routing grid."""

from __future__ import annotations

from placement_env.formats.def_design import DefGcells, DefRow, DefTracks
from placement_env.formats.def_statements import ORIENT, Notes
from placement_env.formats.lefdef_tokens import Tokens

#: More sites or tracks, or lines of sites, in one statement are taken for a slip.
_MOST_SITES, _MOST_LINES = 10_000_000, 100_000
_CHARACTERS = {"DIVIDERCHAR": 1, "BUSBITCHARS": 2}


def read_word(tokens: Tokens, statement: str) -> str:
    """The one word of DESIGN or VERSION."""
    word = tokens.take(statement)
    tokens.statement(statement)
    return word


def read_quoted(tokens: Tokens, statement: str) -> str:
    """The character or the two of DIVIDERCHAR or BUSBITCHARS, without quotes."""
    word = tokens.text(statement)
    if len(word) != _CHARACTERS[statement] or '"' in word:
        tokens.fail(f"expected {_CHARACTERS[statement]} characters in {statement}, found {word!r}")
    tokens.statement(statement)
    return word


def read_units(tokens: Tokens, statement: str) -> int:
    """Database units in a micrometre, from `DISTANCE MICRONS n ;`."""
    tokens.expect("DISTANCE", statement)
    tokens.expect("MICRONS", statement)
    dbu = tokens.integer(statement)
    if dbu <= 0:
        tokens.fail(f"UNITS DISTANCE MICRONS is {dbu}, expected a positive number")
    tokens.expect(";", statement)
    return dbu


def read_die_area(tokens: Tokens, statement: str) -> tuple[tuple[int, int], ...]:
    """The corners of the die."""
    corners: list[tuple[int, int]] = []
    while tokens.peek() == "(":
        tokens.take(statement)
        corners.append((tokens.integer(statement), tokens.integer(statement)))
        tokens.expect(")", statement)
    tokens.expect(";", statement)
    if len(corners) < 2:
        tokens.fail(f"DIEAREA has {len(corners)} corners, expected at least two")
    return tuple(corners)


def read_row(tokens: Tokens, notes: Notes) -> DefRow:
    """One ROW, whose first word has been taken."""
    name = tokens.take("ROW")
    inside = f"ROW {name}"
    site = tokens.take(inside)
    x, y = tokens.integer(inside), tokens.integer(inside)
    orient = ORIENT.get(word := tokens.take(inside))
    if orient is None:
        tokens.fail(f"expected an orientation (N, S, FN ...) in {inside}, found {word!r}")
    columns = rows = 1
    step_x = step_y = 0
    if tokens.peek() == "DO":
        tokens.take(inside)
        columns = tokens.integer(inside)
        tokens.expect("BY", inside)
        rows = tokens.integer(inside)
        if not 1 <= columns <= _MOST_SITES or not 1 <= rows <= _MOST_LINES:
            most = f"expected 1 to {_MOST_SITES} x {_MOST_LINES}"
            tokens.fail(f"{inside} has {columns} x {rows} sites, {most}")
        if tokens.peek() == "STEP":
            tokens.take(inside)
            step_x, step_y = tokens.integer(inside), tokens.integer(inside)
    notes.skipped["row PROPERTY"] += "PROPERTY" in tokens.statement(inside)
    return DefRow(name, site, x, y, orient, columns, rows, step_x, step_y)


def _read_lines(tokens: Tokens, inside: str) -> tuple[str, int, int, int]:
    """`X start DO count STEP step`."""
    axis = tokens.take(inside)
    if axis not in ("X", "Y"):
        tokens.fail(f"expected X or Y in {inside}, found {axis!r}")
    start = tokens.integer(inside)
    tokens.expect("DO", inside)
    count = tokens.integer(inside)
    if not 0 <= count <= _MOST_SITES:
        tokens.fail(f"{inside} has {count} lines, expected 0 to {_MOST_SITES}")
    tokens.expect("STEP", inside)
    return axis, start, count, tokens.integer(inside)


def read_tracks(tokens: Tokens, notes: Notes) -> DefTracks:
    """One TRACKS, whose first word has been taken."""
    axis, start, count, step = _read_lines(tokens, "TRACKS")
    words = tokens.statement("TRACKS")
    notes.skipped["tracks MASK"] += "MASK" in words
    layers = words[words.index("LAYER") + 1 :] if "LAYER" in words else []
    return DefTracks(axis, start, count, step, tuple(layers))


def read_gcells(tokens: Tokens, notes: Notes) -> DefGcells:
    """One GCELLGRID, whose first word has been taken; there is nothing to note about it."""
    lines = _read_lines(tokens, "GCELLGRID")
    tokens.expect(";", "GCELLGRID")
    return DefGcells(*lines)
