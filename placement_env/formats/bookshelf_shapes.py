"""Bookshelf .shapes: the boxes of fixed nodes that are no rectangles.

The contests DAC 2012 and ICCAD 2012 (superblue) have `name : k`, then k lines `Shape_0 left bottom
width height` in coordinates of the chip. In .nodes such a node has the size of all its boxes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from placement_env.did_you_mean import did_you_mean
from placement_env.formats.bookshelf_lines import BookshelfFile, header
from placement_env.netlist import FloatArray, Netlist, Placement, oriented_size

#: How far a box may stick out of its node, in units of the files.
_SLACK = 1e-3


def read_shapes(path: Path | str, netlist: Netlist, placement: Placement) -> dict[str, FloatArray]:
    """Read a .shapes file, plain or gzipped.

    Args:
        path: The file.
        netlist: Its nodes, found by name.
        placement: Where the fixed ones are, which their boxes must not leave.

    Returns:
        For each node of the file, by name, [boxes, 4] left, bottom, right and top in um.

    Raises:
        InputError: The file is missing, cut off or malformed, has other counts than it says, names
            an unknown node or one twice, or has a box without area or outside its fixed node.
    """
    file = BookshelfFile.read(Path(path), "shapes", headed=False)
    number_of = {name: index for index, name in enumerate(netlist.node_name)}
    outlines = _outlines(netlist, placement)
    stated: tuple[int, int] | None = None
    shapes: dict[str, list[list[float]]] = {}
    name, expected = "", 0
    for line, words in file.body():
        key = header(words)
        if key == "numnonrectangularnodes":
            stated = line, file.count(line, words)
        elif len(words) == 3 and words[1] == ":":
            _check_whole(file, line, name, expected, shapes)
            name, expected = words[0], file.count(line, words)
            if name not in number_of:
                near = did_you_mean(name, number_of) if len(number_of) < 5000 else ""
                file.fail(line, f"node {name} is not one of the design", near)
            if name in shapes:
                file.fail(line, f"node {name} comes twice")
            shapes[name] = []
        elif len(words) == 5 and name:
            box = _box(file, line, words, name)
            left, bottom, right, top = outlines[number_of[name]]
            inside = left <= box[0] and bottom <= box[1] and box[2] <= right and box[3] <= top
            if netlist.fixed[number_of[name]] and not inside:
                file.fail(
                    line,
                    f"{words[0]} sticks out of node {name}",
                    "boxes are given in coordinates of the chip",
                )
            shapes[name].append(box)
        elif key != "shapes":
            found = " ".join(words)
            file.fail(line, f"expected 'node : boxes' or 'box x y width height', found {found!r}")
    _check_whole(file, len(file.lines), name, expected, shapes)
    if stated is not None:
        file.expect_count(stated[0], "numnon-rectangular nodes", stated[1], len(shapes))
    return {name: np.array(boxes).reshape(-1, 4) for name, boxes in shapes.items()}


def _outlines(netlist: Netlist, placement: Placement) -> list[list[float]]:
    """[N, 4] what the boxes of each node must not leave: left, bottom, right, top."""
    width, height = oriented_size(netlist, placement)
    x, y = placement.x_um, placement.y_um
    edges = x - width / 2 - _SLACK, y - height / 2 - _SLACK, x + width / 2 + _SLACK
    return np.stack((*edges, y + height / 2 + _SLACK), axis=1).tolist()


def _box(file: BookshelfFile, line: int, words: list[str], node: str) -> list[float]:
    """Left, bottom, right and top of `box x y width height`."""
    x, y, width, height = (
        file.number(line, word, f"{side} of {words[0]} of {node}")
        for word, side in zip(words[1:], ("x", "y", "the width", "the height"), strict=True)
    )
    if width <= 0 or height <= 0:
        file.fail(line, f"{words[0]} of {node} is {width} x {height}, expected sizes > 0")
    return [x, y, x + width, y + height]


def _check_whole(
    file: BookshelfFile, line: int, name: str, expected: int, shapes: dict[str, list[list[float]]]
) -> None:
    """Refuse a node that has ended before `line` with another number of boxes than it said."""
    if name and len(shapes[name]) != expected:
        file.fail(
            line,
            f"node {name} has {len(shapes[name])} boxes, its line says {expected}",
            "the file was probably cut off or edited",
        )
