"""The section COMPONENTS of DEF: the instances of cells and blocks."""

from __future__ import annotations

import numpy as np

from placement_env.formats.def_area_sections import read_halo
from placement_env.formats.def_areas import DefHalo
from placement_env.formats.def_design import DefComponents, Status
from placement_env.formats.def_statements import (
    STATUS,
    Notes,
    options_of,
    read_integer,
    read_place,
    read_section,
)
from placement_env.formats.lefdef_tokens import Tokens
from placement_env.netlist import Orient


def read_components(tokens: Tokens, notes: Notes) -> DefComponents:
    """The section COMPONENTS, whose name has been taken.

    Raises:
        InputError: It is malformed, or a name comes twice.
    """
    section = read_section(tokens, "COMPONENTS", notes)
    names: list[str] = []
    masters: list[str] = []
    places: list[tuple[int, int, int, int]] = []
    source: list[str] = []
    halo: dict[str, DefHalo] = {}
    weight: dict[str, int] = {}
    region: dict[str, str] = {}
    for at, words in section.statements():
        if len(words) < 3:
            tokens.fail("a component needs a name and a cell", index=at)
        name = words[1]
        names.append(name)
        masters.append(words[2])
        place: tuple[int, int, int, int] = (Status.UNPLACED, 0, 0, Orient.N)
        source.append("")
        for key, values in options_of(tokens, words, 3, at):
            if key in STATUS:
                place = (STATUS[key], *read_place(tokens, values, at, name))
            elif key == "SOURCE" and values:
                source[-1] = values[0]
            elif key == "HALO":
                halo[name] = read_halo(tokens, values, at, name)
            elif key == "WEIGHT" and len(values) == 1:
                weight[name] = read_integer(tokens, values[0], at, f"the weight of {name}")
            elif key == "REGION" and len(values) == 1:
                region[name] = values[0]
            elif key != "UNPLACED":
                notes.skipped[f"component {key}"] += 1
        places.append(place)
    section.check_unique("component", names, range(len(names)))
    status, x, y, orient = np.array(places, dtype=np.int64).reshape(-1, 4).T.copy()
    return DefComponents(
        tuple(names), tuple(masters), status, x, y, orient, tuple(source), halo, weight, region
    )
