"""DEF 5.8: reads and writes floorplans and placements (LEF/DEF 5.8 Language Reference).

Rows, tracks, components, ports and nets are read in full. Vias, regions, blockages, special nets,
routing and properties are passed over and counted in `DefDesign.skipped`.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from placement_env.errors import InputError
from placement_env.formats.def_design import (
    DefComponents,
    DefDesign,
    DefGcells,
    DefNets,
    DefPin,
    DefRow,
    DefShape,
    DefTracks,
    Status,
)
from placement_env.formats.def_sections import (
    orientation,
    read_components,
    read_nets,
    read_pins,
)
from placement_env.formats.def_writer import write
from placement_env.formats.lefdef_tokens import Tokens

__all__ = [
    "DefComponents",
    "DefDesign",
    "DefGcells",
    "DefNets",
    "DefPin",
    "DefRow",
    "DefShape",
    "DefTracks",
    "Status",
    "read",
    "write",
]

_SKIPPED_SECTIONS = frozenset(
    {
        "VIAS",
        "STYLES",
        "NONDEFAULTRULES",
        "REGIONS",
        "BLOCKAGES",
        "SLOTS",
        "FILLS",
        "SPECIALNETS",
        "SCANCHAINS",
        "GROUPS",
        "PINPROPERTIES",
        "CONSTRAINTS",
        "ASSERTIONS",
        "IOTIMINGS",
        "PARTITIONS",
    }
)

#: More sites in a row are taken for a slip.
_MOST_SITES = 10_000_000


def read(path: Path | str) -> DefDesign:
    """Read a DEF file, plain or gzipped.

    Raises:
        InputError: The file is missing, cut off or malformed, a section has fewer
            entries than its header says, or a name comes twice.
    """
    tokens = Tokens.of_file(path)
    skipped: Counter[str] = Counter()
    remarks: list[str] = []
    version, divider, bus_bits, dbu = "5.8", "/", "[]", 100
    name: str | None = None
    die_area: tuple[tuple[int, int], ...] = ()
    rows: list[DefRow] = []
    tracks: list[DefTracks] = []
    gcells: list[DefGcells] = []
    components, nets = DefComponents(), DefNets()
    pins: tuple[DefPin, ...] = ()
    while True:
        word = tokens.take("the design (no END DESIGN)")
        if word == "END":
            tokens.expect("DESIGN", "the END of the design")
            break
        if word == "COMPONENTS":
            components = read_components(tokens, _count(tokens, word), skipped, remarks)
        elif word == "NETS":
            nets = read_nets(tokens, _count(tokens, word), skipped, remarks)
        elif word == "PINS":
            pins = read_pins(tokens, _count(tokens, word), skipped, remarks)
        elif word == "ROW":
            rows.append(_read_row(tokens))
        elif word == "TRACKS":
            tracks.append(_read_tracks(tokens))
        elif word == "GCELLGRID":
            gcells.append(_read_gcells(tokens))
        elif word == "DIEAREA":
            die_area = _read_die_area(tokens)
        elif word == "DESIGN":
            name = tokens.take("DESIGN")
            tokens.statement("DESIGN")
        elif word == "UNITS":
            tokens.expect("DISTANCE", "UNITS")
            tokens.expect("MICRONS", "UNITS")
            dbu = tokens.integer("UNITS")
            if dbu <= 0:
                tokens.fail(f"UNITS DISTANCE MICRONS is {dbu}, expected a positive number")
            tokens.expect(";", "UNITS")
        elif word == "VERSION":
            version = tokens.take("VERSION")
            tokens.statement("VERSION")
        elif word == "DIVIDERCHAR":
            divider = tokens.text("DIVIDERCHAR")
            tokens.statement("DIVIDERCHAR")
        elif word == "BUSBITCHARS":
            bus_bits = tokens.text("BUSBITCHARS")
            tokens.statement("BUSBITCHARS")
        elif word in _SKIPPED_SECTIONS:
            skipped[word] += _count(tokens, word)
            tokens.skip_to_end_of(word)
        elif word == "PROPERTYDEFINITIONS":
            tokens.skip_to_end_of(word)
        elif word == "BEGINEXT":
            skipped[word] += 1
            while tokens.take(word) != "ENDEXT":
                pass
        elif word.isupper():
            skipped[word] += 1
            tokens.statement(word)
        else:
            tokens.fail(
                f"expected a DEF statement, found {word!r}", hint="check that this is a DEF file"
            )
    if name is None:
        raise InputError("the file has no DESIGN statement", where=tokens.path)
    return DefDesign(
        name=name,
        dbu_per_um=dbu,
        die_area=die_area,
        rows=tuple(rows),
        tracks=tuple(tracks),
        gcells=tuple(gcells),
        components=components,
        pins=pins,
        nets=nets,
        version=version,
        divider=divider,
        bus_bits=bus_bits,
        skipped={kind: count for kind, count in sorted(skipped.items()) if count},
        remarks=tuple(remarks),
        source=tokens.path,
    )


def _count(tokens: Tokens, section: str) -> int:
    """The number of entries in a section's header."""
    count = tokens.integer(section)
    tokens.expect(";", section)
    if count < 0:
        tokens.fail(f"{section} has {count} entries, expected a number >= 0")
    return count


def _read_row(tokens: Tokens) -> DefRow:
    name = tokens.take("ROW")
    inside = f"ROW {name}"
    site = tokens.take(inside)
    x, y = tokens.integer(inside), tokens.integer(inside)
    orient = orientation(tokens, inside)
    columns = rows = 1
    step_x = step_y = 0
    if tokens.peek() == "DO":
        tokens.take(inside)
        columns = tokens.integer(inside)
        tokens.expect("BY", inside)
        rows = tokens.integer(inside)
        if not 1 <= columns <= _MOST_SITES or not 1 <= rows <= _MOST_SITES:
            tokens.fail(f"{inside} has {columns} x {rows} sites, expected 1 to {_MOST_SITES}")
        if tokens.peek() == "STEP":
            tokens.take(inside)
            step_x, step_y = tokens.integer(inside), tokens.integer(inside)
    tokens.statement(inside)
    return DefRow(name, site, x, y, orient, columns, rows, step_x, step_y)


def _read_lines(tokens: Tokens, inside: str) -> tuple[str, int, int, int]:
    """`X start DO count STEP step`."""
    axis = tokens.take(inside)
    if axis not in ("X", "Y"):
        tokens.fail(f"expected X or Y in {inside}, found {axis!r}")
    start = tokens.integer(inside)
    tokens.expect("DO", inside)
    count = tokens.integer(inside)
    tokens.expect("STEP", inside)
    return axis, start, count, tokens.integer(inside)


def _read_tracks(tokens: Tokens) -> DefTracks:
    axis, start, count, step = _read_lines(tokens, "TRACKS")
    words = tokens.statement("TRACKS")
    layers = words[words.index("LAYER") + 1 :] if "LAYER" in words else []
    return DefTracks(axis, start, count, step, tuple(layers))


def _read_gcells(tokens: Tokens) -> DefGcells:
    lines = _read_lines(tokens, "GCELLGRID")
    tokens.expect(";", "GCELLGRID")
    return DefGcells(*lines)


def _read_die_area(tokens: Tokens) -> tuple[tuple[int, int], ...]:
    corners: list[tuple[int, int]] = []
    while tokens.peek() == "(":
        tokens.take("DIEAREA")
        corners.append((tokens.integer("DIEAREA"), tokens.integer("DIEAREA")))
        tokens.expect(")", "DIEAREA")
    tokens.expect(";", "DIEAREA")
    if len(corners) < 2:
        tokens.fail(f"DIEAREA has {len(corners)} corners, expected at least two")
    return tuple(corners)
