"""DEF 5.8: reads and writes floorplans and placements (LEF/DEF 5.8 Language Reference).

Rows, tracks, components, ports, nets and what bounds a placement (regions, groups, blockages,
halos) are read as values. Special nets, and the vias that they are wired with, keep their words, so
that power rails survive. Routing of other nets, rules, fills, scan chains, properties and the like
are passed over and counted in `DefDesign.skipped`: a file that is written lacks what that counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from placement_env.errors import InputError
from placement_env.formats.def_area_sections import read_blockages, read_groups, read_regions
from placement_env.formats.def_areas import DefBlockage, DefBox, DefGroup, DefHalo, DefRegion
from placement_env.formats.def_components import read_components
from placement_env.formats.def_design import (
    DefComponents,
    DefDesign,
    DefGcells,
    DefNets,
    DefPin,
    DefRow,
    DefShape,
    DefSpecialNet,
    DefTracks,
    Status,
)
from placement_env.formats.def_floor import (
    read_die_area,
    read_gcells,
    read_quoted,
    read_row,
    read_tracks,
    read_units,
    read_word,
)
from placement_env.formats.def_nets import read_nets, read_special_nets, read_vias
from placement_env.formats.def_pins import read_pins
from placement_env.formats.def_statements import Notes, read_count
from placement_env.formats.def_writer import write
from placement_env.formats.lefdef_tokens import Tokens

__all__ = [
    "DefBlockage",
    "DefBox",
    "DefComponents",
    "DefDesign",
    "DefGcells",
    "DefGroup",
    "DefHalo",
    "DefNets",
    "DefPin",
    "DefRegion",
    "DefRow",
    "DefShape",
    "DefSpecialNet",
    "DefTracks",
    "Status",
    "read",
    "write",
]

_SKIPPED_SECTIONS = frozenset(
    {
        "STYLES",
        "NONDEFAULTRULES",
        "SLOTS",
        "FILLS",
        "SCANCHAINS",
        "PINPROPERTIES",
        "CONSTRAINTS",
        "ASSERTIONS",
        "IOTIMINGS",
        "PARTITIONS",
    }
)

#: Statements that come once: the field of `DefDesign` that they fill, and what reads them.
_VALUES: Mapping[str, tuple[str, Callable[[Tokens, str], Any]]] = {
    "VERSION": ("version", read_word),
    "DIVIDERCHAR": ("divider", read_quoted),
    "BUSBITCHARS": ("bus_bits", read_quoted),
    "DESIGN": ("name", read_word),
    "UNITS": ("dbu_per_um", read_units),
    "DIEAREA": ("die_area", read_die_area),
}
#: Statements of which each gives one element of a field.
_ELEMENTS: Mapping[str, tuple[str, Callable[[Tokens, Notes], Any]]] = {
    "ROW": ("rows", read_row),
    "TRACKS": ("tracks", read_tracks),
    "GCELLGRID": ("gcells", read_gcells),
}
_SECTIONS: Mapping[str, tuple[str, Callable[[Tokens, Notes], Any]]] = {
    "VIAS": ("vias", read_vias),
    "REGIONS": ("regions", read_regions),
    "COMPONENTS": ("components", read_components),
    "PINS": ("pins", read_pins),
    "BLOCKAGES": ("blockages", read_blockages),
    "SPECIALNETS": ("special_nets", read_special_nets),
    "NETS": ("nets", read_nets),
    "GROUPS": ("groups", read_groups),
}


def read(path: Path | str) -> DefDesign:
    """Read a DEF file, plain or gzipped.

    Raises:
        InputError: The file is missing, cut off or malformed, a section has fewer
            entries than its header says, or a name comes twice.
    """
    tokens = Tokens.of_file(path)
    notes = Notes()
    fields: dict[str, Any] = {}
    elements: dict[str, list[Any]] = {field: [] for field, _ in _ELEMENTS.values()}
    while True:
        word = tokens.take("the design (no END DESIGN)")
        if word == "END":
            tokens.expect("DESIGN", "the END of the design")
            break
        if word in _SECTIONS:
            field, read_section = _SECTIONS[word]
            fields[field] = read_section(tokens, notes)
        elif word in _ELEMENTS:
            field, read_element = _ELEMENTS[word]
            elements[field].append(read_element(tokens, notes))
        elif word in _VALUES:
            field, read_value = _VALUES[word]
            fields[field] = read_value(tokens, word)
        elif word in _SKIPPED_SECTIONS:
            notes.skipped[word] += read_count(tokens, word)
            tokens.skip_to_end_of(word)
        elif word == "PROPERTYDEFINITIONS":
            start = tokens.at
            tokens.skip_to_end_of(word)
            notes.skipped[word] += tokens.words[start : tokens.at].count(";")
        elif word == "BEGINEXT":
            notes.skipped[word] += 1
            while tokens.take(word) != "ENDEXT":
                pass
        elif word.isupper():
            notes.skipped[word] += 1
            tokens.statement(word)
        else:
            tokens.fail(
                f"expected a DEF statement, found {word!r}", hint="check that this is a DEF file"
            )
    if "name" not in fields:
        raise InputError("the file has no DESIGN statement", where=tokens.path)
    fields |= {field: tuple(found) for field, found in elements.items()}
    return DefDesign(
        **fields,
        skipped={kind: count for kind, count in sorted(notes.skipped.items()) if count},
        remarks=tuple(notes.remarks),
        source=tokens.path,
    )
