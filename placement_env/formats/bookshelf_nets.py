"""Bookshelf .nets: `NetDegree : d [name]`, then d lines `node [direction] [: dx dy ...]`.

Offsets are lengths from the cell's centre, or in floorplanning files percents of its size
(`%-50.0 %33.3` is on the left edge, a third of the height above the centre).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placement_env.did_you_mean import did_you_mean
from placement_env.formats.bookshelf_lines import BookshelfFile, header
from placement_env.formats.bookshelf_words import word_table
from placement_env.netlist import FloatArray, IntArray

#: Published files whose header is wrong: name, stated pins and the pins that they have.
_WRONG_PIN_COUNTS = {("ami33", 522, 520)}


@dataclass(frozen=True)
class BookshelfNets:
    """The E nets over P pins of a file, in its order.

    Attributes:
        name: [E] names; `net3` where the file gives none.
        start: [E + 1] first pin of each net.
        pin_node: [P] node of each pin.
        dx: [P] offset as the file has it, without its percent sign; 0 where there is none.
        dy: [P] as `dx`.
        has_offset: [P] whether the file gives an offset.
        percent: [P] whether it is in percent of the node's size.
        drives: [P] whether the pin's direction is O.
    """

    name: list[str]
    start: IntArray
    pin_node: IntArray
    dx: FloatArray
    dy: FloatArray
    has_offset: NDArray[np.bool_]
    percent: NDArray[np.bool_]
    drives: NDArray[np.bool_]


def read_nets(path: Path, node_names: Sequence[str], *, headed: bool = True) -> BookshelfNets:
    """Read a .nets file.

    Args:
        path: The file, plain or gzipped.
        node_names: The nodes that the pins may name.
        headed: The file must begin with `UCLA nets`.

    Raises:
        InputError: The file is missing, cut off or malformed, names an unknown node or a net twice,
            or has other counts than its header.
    """
    file = BookshelfFile.read(path, "nets", headed=headed)
    number_of = {name: index for index, name in enumerate(node_names)}
    return _read_table(file, number_of) or _read_lines(file, number_of)


def offsets(
    nets: BookshelfNets, width: FloatArray, height: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """[P], [P]: pin offsets as lengths, for nodes [N] of these sizes."""
    return (
        np.where(nets.percent, nets.dx / 100 * width[nets.pin_node], nets.dx),
        np.where(nets.percent, nets.dy / 100 * height[nets.pin_node], nets.dy),
    )


def _read_table(file: BookshelfFile, number_of: dict[str, int]) -> BookshelfNets | None:
    """The nets of a file that looks as usual and has no mistake; else None."""
    table = word_table(file.text) if "%" not in file.text else None
    if table is None or "NetDegree" in number_of:
        return None
    opens = np.flatnonzero(table.begin_with(np.arange(table.first.size), "NetDegree"))
    if not opens.size or not np.isin(table.length[opens], (3, 4)).all():
        return None
    is_pin = np.ones(table.first.size, dtype=bool)
    is_pin[: opens[0]] = is_pin[opens] = False
    pins = np.flatnonzero(is_pin)
    count = table.length[pins]
    has_offset = count >= 5
    with_offset = pins[has_offset]
    nodes = list(map(number_of.get, table.words(pins, 0)))
    degree = table.floats(opens, 2)
    dx, dy = table.floats(with_offset, 3), table.floats(with_offset, 4)
    start = np.append(opens - np.arange(opens.size), table.first.size - opens.size) - opens[0]
    head, stated = table.head(("numnets", "numpins"))
    found = {"numnets": str(opens.size), "numpins": str(pins.size)}
    usual = (
        None not in nodes
        and not np.isin(count, (3, 4)).any()
        and table.are(opens, 1, ":").all()
        and table.are(with_offset, 2, ":").all()
        and degree is not None
        and np.array_equal(degree, np.diff(start))
        and dx is not None
        and dy is not None
        and head == opens[0]
        and stated.items() <= found.items()
    )
    if not usual:
        return None
    full_dx, full_dy = np.zeros(pins.size), np.zeros(pins.size)
    full_dx[has_offset], full_dy[has_offset] = dx, dy
    drives = np.zeros(pins.size, dtype=bool)
    drives[count > 1] = table.are(pins[count > 1], 1, "O")
    named = iter(table.words(opens[table.length[opens] == 4], 3))
    name = [
        next(named) if words == 4 else f"net{net}"
        for net, words in enumerate(table.length[opens].tolist())
    ]
    if len(set(name)) != len(name):
        return None
    return BookshelfNets(
        name=name,
        start=start,
        pin_node=np.array(nodes, dtype=np.int64),
        dx=full_dx,
        dy=full_dy,
        has_offset=has_offset,
        percent=np.zeros(pins.size, dtype=bool),
        drives=drives,
    )


@dataclass
class _Pins:
    """What `_read_lines` has collected."""

    name: list[str] = field(default_factory=list)
    start: list[int] = field(default_factory=lambda: [0])
    pin_node: list[int] = field(default_factory=list)
    offset: list[tuple[float, float]] = field(default_factory=list)
    has_offset: list[bool] = field(default_factory=list)
    percent: list[bool] = field(default_factory=list)
    drives: list[bool] = field(default_factory=list)


def _read_lines(file: BookshelfFile, number_of: dict[str, int]) -> BookshelfNets:
    """The nets of any file, line by line, with the line of what is wrong."""
    nets = _Pins()
    seen: set[str] = set()
    expected: dict[str, tuple[int, int]] = {}
    open_line, open_degree = 0, 0
    for line, words in file.body():
        node = number_of.get(words[0])
        if node is not None and nets.name:
            _add_pin(file, line, words, node, nets)
            continue
        key = header(words)
        if key == "netdegree":
            if nets.name:
                _close_net(file, nets, open_line, open_degree)
            parts = [word for word in words[1:] if word != ":"]
            if not parts:
                file.fail(line, "NetDegree has no number")
            open_line, open_degree = line, file.count(line, parts[:1])
            nets.name.append(parts[1] if len(parts) > 1 else f"net{len(nets.name)}")
            if nets.name[-1] in seen:
                file.fail(line, f"net {nets.name[-1]} comes twice", "names must be unique")
            seen.add(nets.name[-1])
        elif key in ("numnets", "numpins"):
            expected[key] = line, file.count(line, words)
        elif node is not None:
            file.fail(line, f"pin {words[0]} comes before any NetDegree")
        else:
            near = did_you_mean(words[0], number_of) if len(number_of) < 5000 else ""
            file.fail(line, f"node {words[0]} is not one of the design", near)
    if not nets.name:
        file.fail(len(file.lines), "the file has no net")
    _close_net(file, nets, open_line, open_degree)
    found = {"numnets": len(nets.name), "numpins": len(nets.pin_node)}
    for key, (line, count) in expected.items():
        if (file.stem, count, found[key]) not in _WRONG_PIN_COUNTS:
            file.expect_count(line, key, count, found[key])
    offset = np.array(nets.offset, dtype=np.float64).reshape(-1, 2)
    return BookshelfNets(
        name=nets.name,
        start=np.array(nets.start, dtype=np.int64),
        pin_node=np.array(nets.pin_node, dtype=np.int64),
        dx=offset[:, 0].copy(),
        dy=offset[:, 1].copy(),
        has_offset=np.array(nets.has_offset, dtype=bool),
        percent=np.array(nets.percent, dtype=bool),
        drives=np.array(nets.drives, dtype=bool),
    )


def _add_pin(file: BookshelfFile, line: int, words: list[str], node: int, nets: _Pins) -> None:
    nets.pin_node.append(node)
    nets.drives.append(len(words) > 1 and words[1] == "O")
    if len(words) >= 5 and words[2] == ":":
        percent = [word.startswith("%") for word in words[3:5]]
        if percent[0] != percent[1]:
            file.fail(line, f"one offset of {' '.join(words)!r} is in percent, the other is not")
        x, y = (
            file.number(line, word.removeprefix("%"), f"the pin offset on {words[0]}")
            for word in words[3:5]
        )
        nets.offset.append((x, y))
        nets.has_offset.append(True)
        nets.percent.append(percent[0])
    elif len(words) <= 2:
        nets.offset.append((0.0, 0.0))
        nets.has_offset.append(False)
        nets.percent.append(False)
    else:
        file.fail(line, f"expected 'node direction : dx dy', found {' '.join(words)!r}")


def _close_net(file: BookshelfFile, nets: _Pins, line: int, degree: int) -> None:
    found = len(nets.pin_node) - nets.start[-1]
    if found != degree:
        file.fail(
            line,
            f"net {nets.name[-1]} has {found} pins, its NetDegree says {degree}",
            "the file was probably cut off or edited",
        )
    nets.start.append(len(nets.pin_node))
