"""LEF 5.8: reads the technology and the libraries that placement needs.

Layers, sites and macros are read; rules, vias and properties are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from placement_env.errors import InputError
from placement_env.formats.lef_library import (
    Layer,
    LefLibrary,
    Macro,
    MacroPin,
    Shape,
    Site,
)
from placement_env.formats.lef_macro import read_macro
from placement_env.formats.lefdef_tokens import Tokens

__all__ = ["Layer", "LefLibrary", "Macro", "MacroPin", "Shape", "Site", "read"]

_Named = TypeVar("_Named", Layer, Site, Macro)

#: Statements that are passed over, of LEF 5.8 and earlier versions. Other words in capitals count
#: as such too; any others show that this is no LEF.
_STATEMENTS = frozenset(
    (
        *("VERSION", "BUSBITCHARS", "DIVIDERCHAR", "NAMESCASESENSITIVE", "FIXEDMASK"),
        *("CLEARANCEMEASURE", "USEMINSPACING", "MAXVIASTACK", "NOWIREEXTENSIONATPIN"),
        *("INPUTPINANTENNASIZE", "OUTPUTPINANTENNASIZE", "INOUTPINANTENNASIZE"),
        *("ANTENNAINPUTGATEAREA", "ANTENNAINOUTDIFFAREA", "ANTENNAOUTPUTDIFFAREA"),
        *("MINFEATURE", "DIELECTRIC", "UNIVERSALNOISEMARGIN", "EDGERATETHRESHOLD1"),
        *("EDGERATETHRESHOLD2", "EDGERATESCALEFACTOR"),
    )
)


def read(paths: Path | str | Iterable[Path | str]) -> LefLibrary:
    """Read LEF files, technology first, into one library.

    A name that comes twice must mean the same thing both times.

    Raises:
        InputError: A file is missing, cut off or malformed, or two files contradict each other.
    """
    if isinstance(paths, str | Path):
        paths = [paths]
    library = LefLibrary()
    for path in paths:
        library = _read_file(Tokens.of_file(path), library)
    if not library.files:
        raise InputError("no LEF file was given", hint="name a technology LEF and a cell LEF")
    return library


def _read_file(tokens: Tokens, known: LefLibrary) -> LefLibrary:
    """`known` with what one file adds to it."""
    dbu, grid = known.dbu_per_um, known.manufacturing_grid_um
    states_units = known.states_units
    layers, sites, macros = dict(known.layers), dict(known.sites), dict(known.macros)
    found_any = False
    while tokens.more():
        start = tokens.at
        word = tokens.keyword()
        if word == "MACRO":
            _add(tokens, start, macros, read_macro(tokens))
        elif word == "LAYER":
            _add(tokens, start, layers, _read_layer(tokens))
        elif word == "SITE":
            _add(tokens, start, sites, _read_site(tokens))
        elif word == "UNITS":
            stated = _read_units(tokens)
            # Those of the technology, which comes first, whatever later files state.
            if stated and not states_units:
                dbu, states_units = stated, True
        elif word == "MANUFACTURINGGRID":
            stated_um = tokens.number("MANUFACTURINGGRID")
            grid = grid or stated_um
            tokens.expect(";", "MANUFACTURINGGRID")
        elif word == "END" and tokens.peek().upper() == "LIBRARY":
            found_any = True
            break
        elif word in ("VIA", "VIARULE", "NONDEFAULTRULE", "ARRAY"):
            tokens.skip_lef_block(tokens.take(word), is_name=True)
        elif word in ("SPACING", "PROPERTYDEFINITIONS", "IRDROP", "NOISETABLE"):
            tokens.skip_lef_block(word)
        elif word == "BEGINEXT":
            while tokens.keyword("BEGINEXT") != "ENDEXT":
                pass
        elif word in _STATEMENTS or tokens.words[start].isupper():
            tokens.statement(word)
        else:
            tokens.fail(
                f"expected a LEF statement, found {tokens.words[start]!r}",
                hint="check that this is a LEF file",
            )
        found_any = True
    if not found_any:
        raise InputError("the file is empty", where=tokens.path, hint="expected LEF")
    return LefLibrary(
        files=(*known.files, tokens.path),
        dbu_per_um=dbu,
        states_units=states_units,
        manufacturing_grid_um=grid,
        layers=layers,
        sites=sites,
        macros=macros,
    )


def _add(tokens: Tokens, start: int, known: dict[str, _Named], new: _Named) -> None:
    if known.setdefault(new.name, new) != new:
        kind = type(new).__name__.lower()
        tokens.fail(
            f"{kind} {new.name} is defined twice, differently",
            index=start,
            hint="leave out one of the files, or make the two definitions equal",
        )


def _read_units(tokens: Tokens) -> int:
    """DATABASE MICRONS; 0 where it is not stated."""
    dbu_per_um = 0
    while (word := tokens.keyword("UNITS")) != "END":
        if word == "DATABASE":
            tokens.expect_keyword("MICRONS", "UNITS")
            dbu_per_um = tokens.integer("DATABASE MICRONS")
            if dbu_per_um <= 0:
                tokens.fail(f"DATABASE MICRONS is {dbu_per_um}, expected a positive number")
        tokens.statement("UNITS")
    tokens.expect_keyword("UNITS", "UNITS")
    return dbu_per_um


def _read_site(tokens: Tokens) -> Site:
    name = tokens.take("SITE")
    inside = f"SITE {name}"
    width = height = 0.0
    site_class, symmetry = "CORE", ()
    while (word := tokens.keyword(inside)) != "END":
        if word == "SIZE":
            width = tokens.number(inside)
            tokens.expect_keyword("BY", inside)
            height = tokens.number(inside)
            tokens.expect(";", inside)
        elif word == "CLASS":
            site_class = tokens.keyword(inside)
            tokens.expect(";", inside)
        elif word == "SYMMETRY":
            symmetry = tuple(axis.upper() for axis in tokens.statement(inside))
        else:
            tokens.statement(inside)
    tokens.expect(name, inside)
    if not (width > 0 and height > 0):
        tokens.fail(f"{inside} has size {width} x {height} um, expected positive sizes")
    return Site(name, width, height, site_class, symmetry)


def _read_layer(tokens: Tokens) -> Layer:
    name = tokens.take("LAYER")
    inside = f"LAYER {name}"
    kind = direction = ""
    pitch = offset = (0.0, 0.0)
    width = 0.0
    while True:
        word = tokens.keyword(inside)
        if word == "END" and tokens.peek() == name:
            tokens.at += 1
            break
        if word == "TYPE":
            kind = tokens.keyword(inside)
            tokens.statement(inside)
        elif word == "DIRECTION":
            direction = tokens.keyword(inside)
            tokens.expect(";", inside)
        elif word == "PITCH":
            pitch = _one_or_two(tokens, inside)
        elif word == "OFFSET":
            offset = _one_or_two(tokens, inside)
        elif word == "WIDTH":
            width = tokens.number(inside)
            tokens.expect(";", inside)
        else:
            tokens.statement(inside)
    if not kind:
        tokens.fail(f"{inside} has no TYPE")
    if min(width, *pitch) < 0:
        tokens.fail(f"{inside} has width {width} and pitch {pitch}, expected at least 0")
    return Layer(name, kind, direction, pitch, offset, width)


def _one_or_two(tokens: Tokens, inside: str) -> tuple[float, float]:
    """One number for both axes, or one for x and one for y."""
    first = tokens.number(inside)
    second = first if tokens.peek() == ";" else tokens.number(inside)
    tokens.expect(";", inside)
    return first, second
