"""Bookshelf .pl: where the nodes are.

A line is `name x y : orient [/FIXED | /FIXED_NI]` with the lower left corner of the oriented box;
older files leave the orientation out, or write `name x y / N / FIXED` or `name x y DIMS = (width,
height) : N`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from placement_env.did_you_mean import did_you_mean
from placement_env.formats.bookshelf_lines import BookshelfFile
from placement_env.formats.bookshelf_words import word_table
from placement_env.formats.text import write_text
from placement_env.netlist import (
    LARGEST,
    FloatArray,
    IntArray,
    Netlist,
    NodeKind,
    Orient,
    Placement,
    oriented_size,
)

_ORIENT = {orient.name: int(orient) for orient in Orient}
#: Some tools write the largest double for a node without a place.
_NOWHERE, _LARGEST_DOUBLE = 1e300, sys.float_info.max


def read_pl(path: Path | str, netlist: Netlist, *, allow_unplaced: bool = False) -> Placement:
    """A placement of the netlist's nodes.

    Nodes with coordinates of 1.79769e+308 are unplaced and go to the centre of the canvas.

    Args:
        path: The .pl file, plain or gzipped.
        netlist: Its nodes, found by name.
        allow_unplaced: Nodes without a line are unplaced as well, instead of an error.

    Raises:
        InputError: The file is malformed, names an unknown node or leaves one out.
    """
    corners = read_corners(Path(path), netlist.node_name, allow_unplaced=allow_unplaced)
    return centred(netlist, corners.left, corners.bottom, corners.orient)


def centred(
    netlist: Netlist,
    left: FloatArray,
    bottom: FloatArray,
    orient: IntArray,
    size_um: FloatArray | None = None,
) -> Placement:
    """Lower left corners as centres; NaN as the centre of the canvas."""
    canvas = netlist.canvas
    width, height = oriented_size(netlist, Placement(left, bottom, orient, size_um))
    unplaced = np.isnan(left) | np.isnan(bottom)
    return Placement(
        x_um=np.where(unplaced, (canvas.left_um + canvas.right_um) / 2, left + width / 2),
        y_um=np.where(unplaced, (canvas.bottom_um + canvas.top_um) / 2, bottom + height / 2),
        orient=orient,
        size_um=size_um,
    )


class Corners(NamedTuple):
    """What a .pl file says of N nodes.

    Attributes:
        left: [N] left edges; NaN where unplaced.
        bottom: [N] bottom edges; NaN where unplaced.
        orient: [N] orientations.
        fixed: [N] whether the node is marked as fixed.
        size: [N, 2] width and height as the node lies, where the file states them; else NaN.
    """

    left: FloatArray
    bottom: FloatArray
    orient: IntArray
    fixed: NDArray[np.bool_]
    size: FloatArray


def read_corners(
    path: Path, names: Sequence[str], *, allow_unplaced: bool, headed: bool = True
) -> Corners:
    """Read a .pl file; with `headed` False it may do without the first line `UCLA pl 1.0`.

    Raises:
        InputError: The file is malformed, names an unknown node or leaves one out.
    """
    file = BookshelfFile.read(path, "pl", headed=headed)
    number_of = {name: index for index, name in enumerate(names)}
    corners = _read_table(file, number_of)
    if corners is None or (np.isnan(corners.left).any() and not allow_unplaced):
        corners = _read_lines(file, number_of, allow_unplaced=allow_unplaced)
    return corners


def _nowhere(nodes: int) -> Corners:
    """Corners of nodes of which nothing is known yet."""
    return Corners(
        np.full(nodes, np.nan),
        np.full(nodes, np.nan),
        np.zeros(nodes, dtype=np.int64),
        np.zeros(nodes, dtype=bool),
        np.full((nodes, 2), np.nan),
    )


def _read_table(file: BookshelfFile, number_of: dict[str, int]) -> Corners | None:
    """The corners of a file that looks as usual and has no mistake; else None."""
    table = word_table(file.text)
    if table is None:
        return None
    head, _ = table.head(())
    lines = np.arange(head, table.first.size)
    count = table.length[lines]
    if not np.isin(count, (3, 5, 6)).all():
        return None
    node = list(map(number_of.get, table.words(lines, 0)))
    x, y = (table.floats(lines, column, largest=_LARGEST_DOUBLE) for column in (1, 2))
    turned, marked = lines[count >= 5], lines[count == 6]
    orient = list(map(_ORIENT.get, table.words(turned, 4)))
    usual = (
        None not in node
        and None not in orient
        and len(set(node)) == len(node)
        and table.are(turned, 3, ":").all()
        and set(table.words(marked, 5)) <= {"/FIXED", "/FIXED_NI"}
    )
    if x is None or y is None or not usual:
        return None
    corners = _nowhere(len(number_of))
    index = np.array(node, dtype=np.int64)
    placed = (abs(x) < _NOWHERE) & (abs(y) < _NOWHERE)
    if max(abs(x[placed]).max(initial=0), abs(y[placed]).max(initial=0)) > LARGEST:
        return None
    corners.left[index[placed]], corners.bottom[index[placed]] = x[placed], y[placed]
    corners.orient[index[count >= 5]] = np.array(orient, dtype=np.int64)
    corners.fixed[index[count == 6]] = True
    return corners


def _read_lines(file: BookshelfFile, number_of: dict[str, int], *, allow_unplaced: bool) -> Corners:
    """The corners of any file, line by line, with the line of what is wrong."""
    corners = _nowhere(len(number_of))
    seen = np.zeros(len(number_of), dtype=bool)
    for line, words in file.body():
        node = number_of.get(words[0])
        if node is None:
            near = did_you_mean(words[0], number_of) if len(number_of) < 5000 else ""
            file.fail(line, f"node {words[0]} is not one of the design", near)
        if len(words) < 3:
            file.fail(line, f"expected 'name x y', found {' '.join(words)!r}")
        if seen[node]:
            file.fail(line, f"node {words[0]} comes twice")
        seen[node] = True
        place = _place(file, line, words)
        if place is not None:
            corners.left[node], corners.bottom[node] = place
        rest = words[3:]
        if rest[:2] == ["DIMS", "="] and len(rest) >= 4:
            sides = rest[2].strip("(,"), rest[3].strip(",)")
            corners.size[node] = [file.number(line, side, f"DIMS of {words[0]}") for side in sides]
            if corners.size[node].min() < 0:
                file.fail(line, f"{words[0]} has DIMS {' '.join(rest[2:4])}, expected at least 0")
            rest = rest[4:]
        for word in rest:
            word = word.strip(":/")
            if word in _ORIENT:
                corners.orient[node] = _ORIENT[word]
            elif word.startswith("FIXED"):
                corners.fixed[node] = True
            elif word:
                file.fail(line, f"expected an orientation or /FIXED, found {word!r}")
    if not allow_unplaced and not seen.all():
        lost = np.flatnonzero(~seen)
        file.fail(
            len(file.lines),
            f"{len(lost)} of {len(seen)} nodes have no line, the first is "
            f"{list(number_of)[lost[0]]}",
            "the file was probably cut off; fetch or write it again",
        )
    return corners


def _place(file: BookshelfFile, line: int, words: list[str]) -> tuple[float, float] | None:
    """The corner that a line states; None for a node without a place."""
    named = [(words[1], f"x of {words[0]}"), (words[2], f"y of {words[0]}")]
    x, y = (file.number(line, word, what, largest=_LARGEST_DOUBLE) for word, what in named)
    if max(abs(x), abs(y)) >= _NOWHERE:
        return None
    for word, what in named:
        file.number(line, word, what)
    return x, y


def write_pl(path: Path | str, netlist: Netlist, placement: Placement) -> None:
    """Write a placement as .pl, gzipped if the name ends in .gz; fixed nodes are marked /FIXED.

    Ports that are not fixed have no place yet, and get coordinates that say so. Nodes that have
    taken another shape get DIMS, their size as they lie.

    Raises:
        InputError: The file cannot be written.
    """
    width, height = oriented_size(netlist, placement)
    nowhere = (netlist.node_kind == NodeKind.PORT) & ~netlist.fixed
    left = np.where(nowhere, np.finfo(np.float64).max, _corner(placement.x_um, width / 2))
    bottom = np.where(nowhere, np.finfo(np.float64).max, _corner(placement.y_um, height / 2))
    lines = ["UCLA pl 1.0", ""]
    lines += [
        f"{name}\t{x!r}\t{y!r}{shape}\t: {Orient(orient).name}{' /FIXED' if fixed else ''}"
        for name, x, y, shape, orient, fixed in zip(
            netlist.node_name,
            left.tolist(),
            bottom.tolist(),
            _dims(netlist, placement),
            placement.orient.tolist(),
            netlist.fixed.tolist(),
            strict=True,
        )
    ]
    write_text(path, "\n".join(lines) + "\n")


def _dims(netlist: Netlist, placement: Placement) -> list[str]:
    """[N] ` DIMS = (width, height)` of nodes that have taken another shape."""
    if placement.size_um is None:
        return [""] * netlist.num_nodes
    own = np.stack([netlist.width_um, netlist.height_um], axis=1)
    reshaped = (placement.size_um != own).any(axis=1)
    return [
        f"\tDIMS = ({width!r}, {height!r})" if is_reshaped else ""
        for width, height, is_reshaped in zip(
            *(side.tolist() for side in oriented_size(netlist, placement)),
            reshaped.tolist(),
            strict=True,
        )
    ]


def _corner(centre: FloatArray, half: FloatArray) -> FloatArray:
    """[N] the corner that gives back the centre to the last bit, wherever one does."""
    corner = centre - half
    for away in (np.inf, -np.inf):
        near = np.nextafter(corner, away)
        corner = np.where((corner + half != centre) & (near + half == centre), near, corner)
    return corner
