"""The section COMPONENTS of DEF: the instances of cells and blocks.

Nearly all statements are `- name cell [+ SOURCE source] [+ PLACED ( x y ) N] ;`, and these are read
all at once as columns of words. The others are read one by one.
"""

from __future__ import annotations

import numpy as np

from placement_env.formats.def_area_sections import read_halo
from placement_env.formats.def_areas import DefHalo
from placement_env.formats.def_design import DefComponents, Status
from placement_env.formats.def_statements import (
    ORIENT,
    STATUS,
    Notes,
    Section,
    options_of,
    read_integer,
    read_place,
    read_section,
)
from placement_env.formats.lefdef_tokens import Tokens
from placement_env.netlist import FloatArray, IntArray, Orient

#: Words of `+ SOURCE source` and of `+ PLACED ( x y ) N`.
_SOURCE_WORDS, _PLACE_WORDS = 3, 7


def read_components(tokens: Tokens, notes: Notes) -> DefComponents:
    """The section COMPONENTS, whose name has been taken.

    Raises:
        InputError: It is malformed, or a name comes twice.
    """
    section = read_section(tokens, "COMPONENTS", notes)
    words, first, plus = tokens.array, section.first, section.first_options()
    _check_heads(section, plus)
    names = words[first + 1].tolist()
    source = np.full(first.size, "", dtype=object)
    place = np.tile(np.array([Status.UNPLACED, 0, 0, Orient.N], dtype=np.int64), (first.size, 1))
    unread = section.end - plus
    sourced = np.flatnonzero(np.isin(unread, (_SOURCE_WORDS, _SOURCE_WORDS + _PLACE_WORDS)))
    sourced = sourced[words[plus[sourced] + 1] == "SOURCE"]
    source[sourced] = words[plus[sourced] + 2]
    unread[sourced] -= _SOURCE_WORDS
    placed, places = _places(section, np.flatnonzero(unread == _PLACE_WORDS))
    place[placed] = places
    unread[placed] = 0
    halo: dict[str, DefHalo] = {}
    weight: dict[str, int] = {}
    region: dict[str, str] = {}
    for number in np.flatnonzero(unread).tolist():
        at, statement = section.statement(number)
        name = names[number]
        for key, values in options_of(tokens, statement, 3, at):
            if key in STATUS:
                place[number] = (STATUS[key], *read_place(tokens, values, at, name))
            elif key == "SOURCE" and values:
                source[number] = values[0]
            elif key == "HALO":
                halo[name] = read_halo(tokens, values, at, name)
            elif key == "WEIGHT" and len(values) == 1:
                weight[name] = read_integer(tokens, values[0], at, f"the weight of {name}")
            elif key == "REGION" and len(values) == 1:
                region[name] = values[0]
            elif key != "UNPLACED":
                notes.skipped[f"component {key}"] += 1
    section.check_unique("component", names, range(len(names)))
    status, x, y, orient = place.T.copy()
    return DefComponents(
        name=tuple(names),
        master=tuple(words[first + 2].tolist()),
        status=status,
        x=x,
        y=y,
        orient=orient,
        source=tuple(source.tolist()),
        halo=halo,
        weight=weight,
        region=region,
    )


def _check_heads(section: Section, plus: IntArray) -> None:
    """Refuse statements that do not begin with `- name cell` and then a `+` or nothing."""
    strange = np.flatnonzero(plus - section.first != 3)
    if strange.size:
        at, words = section.statement(int(strange[0]))
        if len(words) < 3 or "+" in words[:3]:
            section.tokens.fail("a component needs a name and a cell", index=at)
        section.tokens.fail(f"expected + or ; in {words[1]}, found {words[3]!r}", index=at + 3)


def _places(section: Section, numbers: IntArray) -> tuple[IntArray, IntArray]:
    """Those of the statements that end in `+ PLACED ( x y ) N`, and their status, x, y, orient."""
    words, marks, end = section.tokens.array, section.tokens.marks, section.end[numbers]
    status = np.array([STATUS.get(word, -1) for word in words[end - 6]], dtype=np.int64)
    orient = np.array([ORIENT.get(word, -1) for word in words[end - 1]], dtype=np.int64)
    x, y = _whole_numbers(words[end - 4]), _whole_numbers(words[end - 3])
    fits = (
        (marks[end - 7] == ord("+")) & (marks[end - 5] == ord("(")) & (marks[end - 2] == ord(")"))
    )
    fits &= (status >= 0) & (orient >= 0) & ~np.isnan(x + y)
    return numbers[fits], np.stack((status, x, y, orient), axis=1)[fits].astype(np.int64)


def _whole_numbers(words: np.ndarray) -> FloatArray:
    """[n] the words as numbers; NaN where one is not whole, or larger than a double can count."""
    # Python's `float` takes 1_000 and the digits of all scripts as well.
    text = "".join(words.tolist())
    if "_" in text or not text.isascii():
        return np.full(words.size, np.nan)
    try:
        number = words.astype(np.float64)
    except ValueError:
        return np.full(words.size, np.nan)
    return np.where((number == np.rint(number)) & (abs(number) < 2**53), number, np.nan)
