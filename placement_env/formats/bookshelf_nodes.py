"""Bookshelf .nodes: `name width height [terminal | terminal_NI | master] [: symmetry]`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placement_env.formats.bookshelf_lines import BookshelfFile, header
from placement_env.formats.bookshelf_words import word_table
from placement_env.netlist import FloatArray


@dataclass(frozen=True)
class BookshelfNodes:
    """The N nodes of a file, in its order.

    Attributes:
        name: [N] names.
        width: [N] widths.
        height: [N] heights.
        terminal: [N] whether the node is a terminal.
        no_image: [N] whether it is one that others may cover (terminal_NI).
        master: [N] library cells; empty where the file gives none.
    """

    name: list[str]
    width: FloatArray
    height: FloatArray
    terminal: NDArray[np.bool_]
    no_image: NDArray[np.bool_]
    master: list[str]


def read_nodes(path: Path) -> BookshelfNodes:
    """Read a .nodes file, plain or gzipped.

    Raises:
        InputError: The file is missing, cut off or malformed, names a node twice, or has other
            counts than its header.
    """
    file = BookshelfFile.read(path, "nodes")
    return _read_table(file) or _read_lines(file)


def _read_table(file: BookshelfFile) -> BookshelfNodes | None:
    """The nodes of a file that looks as usual and has no mistake; else None."""
    table = word_table(file.text)
    if table is None:
        return None
    head, stated = table.head(("numnodes", "numterminals"))
    lines = np.arange(head, table.first.size)
    count = table.length[lines]
    if not lines.size or not np.isin(count, (3, 4)).all():
        return None
    name = table.words(lines, 0)
    width, height = table.floats(lines, 1), table.floats(lines, 2)
    kind = np.full(lines.size, "", dtype=object)
    kind[count == 4] = table.words(lines[count == 4], 3)
    terminal, no_image = _terminals(kind.tolist())
    kind[terminal] = ""
    found = {"numnodes": str(lines.size), "numterminals": str(int(terminal.sum()))}
    usual = len(set(name)) == len(name) and ":" not in kind and stated.items() <= found.items()
    if width is None or height is None or not usual:
        return None
    return BookshelfNodes(name, width, height, terminal, no_image, kind.tolist())


def _read_lines(file: BookshelfFile) -> BookshelfNodes:
    """The nodes of any file, line by line, with the line of what is wrong."""
    expected: dict[str, tuple[int, int]] = {}
    names: list[str] = []
    sizes: list[tuple[float, float]] = []
    kinds: list[str] = []
    for line, words in file.body():
        if (key := header(words)) in ("numnodes", "numterminals"):
            expected[key] = line, file.count(line, words)
            continue
        if len(words) < 3:
            file.fail(line, f"expected 'name width height', found {' '.join(words)!r}")
        width = file.number(line, words[1], f"the width of {words[0]}")
        height = file.number(line, words[2], f"the height of {words[0]}")
        names.append(words[0])
        sizes.append((width, height))
        kinds.append(words[3] if len(words) > 3 and words[3] != ":" else "")
    if not names:
        file.fail(len(file.lines), "the file has no node")
    terminal, no_image = _terminals(kinds)
    found = {"numnodes": len(names), "numterminals": int(terminal.sum())}
    for key, (line, count) in expected.items():
        file.expect_count(line, key, count, found[key])
    if len(set(names)) != len(names):
        double = next(name for name, times in Counter(names).items() if times > 1)
        last = max(line for line, words in file.rows() if words[0] == double)
        file.fail(last, f"node {double} comes twice", "names must be unique")
    size = np.array(sizes)
    master = ["" if fixed else kind for kind, fixed in zip(kinds, terminal, strict=True)]
    return BookshelfNodes(names, size[:, 0].copy(), size[:, 1].copy(), terminal, no_image, master)


def _terminals(kinds: list[str]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """[N] whether each node is a terminal, and whether it is one that others may cover."""
    terminal = np.array([kind.startswith("terminal") for kind in kinds], dtype=bool)
    return terminal, np.array([kind == "terminal_NI" for kind in kinds], dtype=bool)
