"""Bookshelf .scl: the cell rows, as `CoreRow Horizontal ... End` blocks of keys and values."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from placement_env.formats.bookshelf_lines import BookshelfFile, header
from placement_env.netlist import Orient, Rows

#: More sites in a row are taken for a slip.
_MOST_SITES = 10_000_000
_ORIENT = {orient.name: int(orient) for orient in Orient}


def read_rows(path: Path) -> Rows:
    """The rows of a .scl file; a row of several subrows gives as many elements.

    Raises:
        InputError: The file is missing, cut off or malformed, or has another number of rows than
            its header says.
    """
    file = BookshelfFile.read(path, "scl")
    expected: tuple[int, int] | None = None
    core_rows = 0
    inside = False
    values: dict[str, str] = {}
    subrows: list[tuple[str, str]] = []
    found: list[tuple[float, float, float, float, int, int]] = []
    for line, words in file.body():
        key = header(words)
        if key == "numrows":
            expected = line, file.count(line, words)
        elif key == "corerow":
            if inside:
                file.fail(line, "a CoreRow begins before the last one has an End")
            inside, values, subrows = True, {}, []
            core_rows += 1
        elif key == "end":
            if not inside:
                file.fail(line, "an End without a CoreRow")
            found += _core_row(file, line, values, subrows)
            inside = False
        elif inside:
            parts = [part for word in words if (part := word.strip(":"))]
            pairs = dict(zip((part.lower() for part in parts[0::2]), parts[1::2], strict=False))
            if "subroworigin" in pairs:
                subrows.append((pairs["subroworigin"], pairs.get("numsites", "")))
            values |= pairs
        else:
            file.fail(line, f"expected CoreRow, found {words[0]!r}")
    if inside:
        file.fail(len(file.lines), "the file ends inside a CoreRow", "it was probably cut off")
    if expected is not None:
        file.expect_count(expected[0], "numrows", expected[1], core_rows)
    if not found:
        file.fail(len(file.lines), "the file has no row")
    x, y, height, spacing, sites, orient = zip(*found, strict=True)
    return Rows(
        x_um=np.array(x),
        y_um=np.array(y),
        height_um=np.array(height),
        site_width_um=np.array(spacing),
        sites=np.array(sites, dtype=np.int64),
        orient=np.array(orient, dtype=np.int64),
    )


def _core_row(
    file: BookshelfFile, line: int, values: dict[str, str], subrows: list[tuple[str, str]]
) -> list[tuple[float, float, float, float, int, int]]:
    """The subrows of one CoreRow: left, bottom, height, site spacing, sites, orientation."""
    for key in ("coordinate", "height"):
        if key not in values:
            file.fail(line, f"the row that ends here has no {key.capitalize()}")
    if not subrows:
        file.fail(line, "the row that ends here has no SubrowOrigin")
    bottom = file.number(line, values["coordinate"], "Coordinate")
    height = file.number(line, values["height"], "Height")
    spacing = file.number(
        line, values.get("sitespacing", values.get("sitewidth", "1")), "Sitespacing"
    )
    if height <= 0 or spacing <= 0:
        file.fail(line, f"the row has height {height} and site spacing {spacing}, expected > 0")
    # IBM-PLACE 2.0 and its relatives write a digit for an unflipped row.
    word = values.get("siteorient", "N")
    orient = int(Orient.N) if word in ("0", "1") else _ORIENT.get(word)
    if orient is None:
        file.fail(line, f"expected an orientation for Siteorient, found {word!r}")
    found: list[tuple[float, float, float, float, int, int]] = []
    for origin, words in subrows:
        left, sites = file.number(line, origin, "SubrowOrigin"), file.count(line, [words])
        if sites > _MOST_SITES:
            file.fail(line, f"the row has {sites} sites, expected at most {_MOST_SITES}")
        found.append((left, bottom, height, spacing, sites, orient))
    return found
