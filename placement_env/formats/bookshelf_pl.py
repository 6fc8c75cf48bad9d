"""Bookshelf .pl: where the nodes are.

A line is `name x y : orient [/FIXED]` with the lower left corner of the oriented box; older files
leave the orientation out, or write `name x y / N / FIXED`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placement_env.did_you_mean import did_you_mean
from placement_env.formats.bookshelf_lines import BookshelfFile
from placement_env.formats.text import write_text
from placement_env.netlist import FloatArray, IntArray, Netlist, Orient, Placement, oriented_size

_ORIENT = {orient.name: int(orient) for orient in Orient}
#: Some tools write the largest double for a node without a place.
_NOWHERE = 1e300


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
    x, y, orient, _ = read_corners(Path(path), netlist.node_name, allow_unplaced=allow_unplaced)
    return centred(netlist, x, y, orient)


def centred(netlist: Netlist, left: FloatArray, bottom: FloatArray, orient: IntArray) -> Placement:
    """Lower left corners as centres; NaN as the centre of the canvas."""
    canvas = netlist.canvas
    width, height = oriented_size(netlist, Placement(left, bottom, orient))
    unplaced = np.isnan(left) | np.isnan(bottom)
    return Placement(
        x_um=np.where(unplaced, (canvas.left_um + canvas.right_um) / 2, left + width / 2),
        y_um=np.where(unplaced, (canvas.bottom_um + canvas.top_um) / 2, bottom + height / 2),
        orient=orient,
    )


def read_corners(
    path: Path, names: Sequence[str], *, allow_unplaced: bool
) -> tuple[FloatArray, FloatArray, IntArray, NDArray[np.bool_]]:
    """[N] left, [N] bottom (both NaN where unplaced), [N] orientation, [N] marked as fixed."""
    file = BookshelfFile.read(path, "pl")
    number_of = {name: index for index, name in enumerate(names)}
    left, bottom = np.full(len(names), np.nan), np.full(len(names), np.nan)
    orient = np.zeros(len(names), dtype=np.int64)
    fixed = np.zeros(len(names), dtype=bool)
    seen = np.zeros(len(names), dtype=bool)
    rows = file.rows()
    next(rows)
    for line, words in rows:
        node = number_of.get(words[0])
        if node is None:
            near = did_you_mean(words[0], names) if len(names) < 5000 else ""
            file.fail(line, f"node {words[0]} is not in the .nodes file", near)
        if len(words) < 3:
            file.fail(line, f"expected 'name x y', found {' '.join(words)!r}")
        if seen[node]:
            file.fail(line, f"node {words[0]} comes twice")
        seen[node] = True
        x = file.number(line, words[1], f"x of {words[0]}")
        y = file.number(line, words[2], f"y of {words[0]}")
        if abs(x) < _NOWHERE and abs(y) < _NOWHERE:
            left[node], bottom[node] = x, y
        for word in words[3:]:
            word = word.strip(":/")
            if word in _ORIENT:
                orient[node] = _ORIENT[word]
            elif word.startswith("FIXED"):
                fixed[node] = True
            elif word:
                file.fail(line, f"expected an orientation or /FIXED, found {word!r}")
    if not allow_unplaced and not seen.all():
        lost = np.flatnonzero(~seen)
        file.fail(
            len(file.lines),
            f"{len(lost)} of {len(names)} nodes have no line, the first is {names[lost[0]]}",
            "the file was probably cut off; fetch or write it again",
        )
    return left, bottom, orient, fixed


def write_pl(path: Path | str, netlist: Netlist, placement: Placement) -> None:
    """Write a placement as .pl, gzipped if the name ends in .gz; fixed nodes are marked /FIXED.

    Raises:
        InputError: The file cannot be written.
    """
    width, height = oriented_size(netlist, placement)
    lines = ["UCLA pl 1.0", ""]
    lines += [
        f"{name}\t{x!r}\t{y!r}\t: {Orient(orient).name}{' /FIXED' if fixed else ''}"
        for name, x, y, orient, fixed in zip(
            netlist.node_name,
            (placement.x_um - width / 2).tolist(),
            (placement.y_um - height / 2).tolist(),
            placement.orient.tolist(),
            netlist.fixed.tolist(),
            strict=True,
        )
    ]
    write_text(path, "\n".join(lines) + "\n")
