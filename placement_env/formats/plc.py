"""Circuit Training placements: `.plc`, a commented header and one line a node.

A line is `index x y orientation fixed`, the index counting the nodes of the netlist file in order
(pins included, `__metadata__` not). The header states the canvas, the grid and the routing capacity
that the costs were computed with; they are rounded, and the costs hold for the rounded ones.

Example files and the reader that defines them: TILOS-AI-Institute/MacroPlacement,
`CodeElements/Plc_client`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from placement_env.errors import InputError
from placement_env.formats.ct_protobuf_write import pin_names
from placement_env.formats.decimals import decimal
from placement_env.formats.text import read_text, write_text
from placement_env.netlist import (
    LARGEST,
    Canvas,
    Grid,
    IntArray,
    Netlist,
    NodeKind,
    Orient,
    Placement,
)

#: More grid cells, or a smoothing over more, are taken for a slip, before they fill the memory.
_MOST_CELLS = 10_000_000

_NUMBER = r"([-+]?[\d.]+(?:[eE][-+]?\d+)?)"
_HEADER_LINES = {
    "grid": re.compile(r"#\s*Columns\s*:\s*(\d+)\s+Rows\s*:\s*(\d+)"),
    "size": re.compile(rf"#\s*Width\s*:\s*{_NUMBER}\s+Height\s*:\s*{_NUMBER}"),
    "routes": re.compile(rf"#\s*Routes per micron, hor\s*:\s*{_NUMBER}\s+ver\s*:\s*{_NUMBER}"),
    "macro_routes": re.compile(
        rf"#\s*Routes used by macros, hor\s*:\s*{_NUMBER}\s+ver\s*:\s*{_NUMBER}"
    ),
    "smoothing": re.compile(r"#\s*Smoothing factor\s*:\s*(\d+)"),
    "wirelength": re.compile(rf"#\s*Wirelength cost\s*:\s*{_NUMBER}"),
    "congestion": re.compile(rf"#\s*Congestion cost\s*:\s*{_NUMBER}"),
    "density": re.compile(rf"#\s*Density cost\s*:\s*{_NUMBER}"),
}


@dataclass(frozen=True)
class PlcHeader:
    """What the header of a .plc states; costs are None where it is silent."""

    canvas: Canvas
    grid: Grid
    wirelength: float | None = None
    density: float | None = None
    congestion: float | None = None


def read_header(path: Path) -> PlcHeader:
    """The header of a .plc.

    Raises:
        InputError: The file is missing, or its header lacks the canvas, the grid or the routes.
    """
    return _header(read_text(path), path)


def read_indices(path: Path) -> IntArray:
    """The node indices that a .plc places, ascending.

    Raises:
        InputError: The file is missing, or a line does not begin with an index.
    """
    indices: list[int] = []
    for number, (word, *_) in _rows(read_text(path)):
        if not word.isdecimal() or len(word) > 12:
            raise InputError(
                f"expected the index of a node, found {word!r}", where=f"{path}:{number}"
            )
        indices.append(int(word))
    return np.array(sorted(indices), dtype=np.int64)


def read(path: Path, netlist: Netlist) -> tuple[Netlist, Placement]:
    """A placement, and the netlist with the canvas, the grid and the fixed flags of the file.

    Raises:
        InputError: The file is missing or damaged, or does not place exactly the netlist's nodes.
    """
    text = read_text(path)
    header = _header(text, path)
    if netlist.source_index is None:
        raise InputError(
            "the netlist's nodes have no indices, so a .plc cannot place them",
            where=str(path),
            hint="read the netlist from the .pb.txt that this .plc was written for",
        )
    row_of = {int(index): row for row, index in enumerate(netlist.source_index)}
    x = np.full(netlist.num_nodes, np.nan)
    y = np.full(netlist.num_nodes, np.nan)
    orient = np.zeros(netlist.num_nodes, dtype=np.int64)
    fixed = np.zeros(netlist.num_nodes, dtype=bool)
    for number, fields in _rows(text):
        row = _place(fields, x, y, orient, fixed, row_of)
        if isinstance(row, str):
            raise InputError(
                row,
                where=f"{path}:{number}",
                hint="expected `index x y orientation fixed` for a node of this netlist",
            )
    missing = np.flatnonzero(np.isnan(x))
    if missing.size:
        raise InputError(
            f"{missing.size} of {netlist.num_nodes} nodes have no line, the first is "
            f"{netlist.node_name[missing[0]]!r}",
            where=str(path),
            hint="the file may be truncated, or belong to another netlist",
        )
    fixed |= netlist.node_kind == NodeKind.PORT
    placed = replace(netlist, canvas=header.canvas, grid=header.grid, fixed=fixed)
    return placed, Placement(x, y, orient)


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Line number, from 1, and words of every line that is neither empty nor comment."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line and line[0] != "#" and not line.isspace():
            yield number, line.split()


def _place(
    fields: list[str],
    x: np.ndarray,
    y: np.ndarray,
    orient: np.ndarray,
    fixed: np.ndarray,
    row_of: dict[int, int],
) -> int | str:
    """Store one line; returns the row, or what is wrong with the line."""
    if len(fields) != 5:
        return f"the line has {len(fields)} fields"
    try:
        if not fields[0].isdecimal():
            raise ValueError
        index, at_x, at_y = int(fields[0]), decimal(fields[1]), decimal(fields[2])
    except ValueError:
        return f"{' '.join(fields[:3])!r} is not an index and two numbers"
    row = row_of.get(index)
    if row is None:
        return f"node {index} is not a port, macro or cell of the netlist"
    if not np.isnan(x[row]):
        return f"node {index} is placed a second time"
    if not (abs(at_x) <= LARGEST and abs(at_y) <= LARGEST):
        return f"node {index} is placed at {fields[1]}, {fields[2]}"
    turned = "N" if fields[3] == "-" else fields[3]
    if turned not in Orient.__members__:
        return f"node {index} has the orientation {fields[3]!r}"
    if fields[4] not in ("0", "1"):
        return f"node {index} has the fixed flag {fields[4]!r}"
    x[row], y[row], orient[row], fixed[row] = at_x, at_y, Orient[turned], fields[4] == "1"
    return row


def _header(text: str, path: Path) -> PlcHeader:
    found = _header_numbers(text, path)
    for key, words in (
        ("grid", "# Columns : …  Rows : …"),
        ("size", "# Width : …  Height : …"),
        ("routes", "# Routes per micron, hor : …  ver : …"),
        ("macro_routes", "# Routes used by macros, hor : …  ver : …"),
    ):
        if key not in found:
            raise InputError(
                f"the header has no line `{words}`", where=str(path), hint="is this a .plc file?"
            )
    columns, rows = map(int, found["grid"])
    width, height = found["size"]
    (h_routes, v_routes), (h_macro, v_macro) = found["routes"], found["macro_routes"]
    smoothing = int(found.get("smoothing", (0.0,))[0])
    if (
        min(columns, rows) < 1
        or max(columns * rows, smoothing) > _MOST_CELLS
        or min(width, height) <= 0
        or min(h_routes, v_routes, h_macro, v_macro) < 0
    ):
        raise InputError("the header states an impossible canvas or grid", where=str(path))
    cost = {key: found.get(key, (None,))[0] for key in ("wirelength", "density", "congestion")}
    return PlcHeader(
        Canvas(0.0, 0.0, width, height),
        Grid(columns, rows, h_routes, v_routes, h_macro, v_macro, smoothing),
        **cost,
    )


def _header_numbers(text: str, path: Path) -> dict[str, tuple[float, ...]]:
    """What the header states, by the keys of `_HEADER_LINES`."""
    found: dict[str, tuple[float, ...]] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.startswith("#"):
            if line.strip():
                break
            continue
        for key, pattern in _HEADER_LINES.items():
            if not (match := pattern.match(line)):
                continue
            where = f"{path}:{number}"
            try:
                values = tuple(decimal(word) for word in match.groups())
            except ValueError:
                raise InputError(f"not a number in {line!r}", where=where) from None
            if line[match.end() :].strip() or not max(map(abs, values)) <= LARGEST:
                raise InputError(f"not a usable line of the header: {line!r}", where=where)
            if found.setdefault(key, values) != values:
                raise InputError(f"the header says otherwise before: {line!r}", where=where)
    return found


def write(
    path: Path,
    netlist: Netlist,
    placement: Placement,
    *,
    costs: tuple[float, float, float] | None = None,
) -> None:
    """Write a placement with the shortest decimals that read back as the same numbers.

    Args:
        path: The file to write.
        netlist: A netlist with a grid, whose canvas starts at the origin.
        placement: Positions of all nodes.
        costs: Wirelength, density and congestion for the header.

    Raises:
        InputError: The netlist has no grid, or a canvas that a .plc cannot state.
    """
    grid, canvas = netlist.grid, netlist.canvas
    if grid is None:
        raise InputError("a .plc states a grid, and the netlist has none", where=netlist.name)
    if canvas.left_um or canvas.bottom_um:
        raise InputError(
            f"a .plc canvas starts at 0 0, this one at {canvas.left_um} {canvas.bottom_um}",
            where=netlist.name,
        )
    index = netlist.source_index
    if index is None:
        index = protobuf_indices(netlist)
    lines = [
        "# Placement file for Circuit Training",
        f"# Columns : {grid.columns}  Rows : {grid.rows}",
        f"# Width : {canvas.width_um!r}  Height : {canvas.height_um!r}",
    ]
    if costs is not None:
        wirelength, density, congestion = costs
        lines += [
            f"# Wirelength cost : {wirelength:.6f}",
            f"# Congestion cost : {congestion:.6f}",
            f"# Density cost : {density:.6f}",
        ]
    lines += [
        f"# Routes per micron, hor : {grid.h_tracks_per_um!r}  ver : {grid.v_tracks_per_um!r}",
        f"# Routes used by macros, hor : {grid.h_macro_tracks_per_um!r}"
        f"  ver : {grid.v_macro_tracks_per_um!r}",
        f"# Smoothing factor : {grid.smoothing}",
        "# node_index x y orientation fixed",
    ]
    for row, at in enumerate(index.tolist()):
        is_port = netlist.node_kind[row] == NodeKind.PORT
        turned = "-" if is_port else Orient(int(placement.orient[row])).name
        x, y = float(placement.x_um[row]), float(placement.y_um[row])
        lines.append(f"{at} {x!r} {y!r} {turned} {int(netlist.fixed[row])}")
    write_text(path, "\n".join(lines) + "\n")


def protobuf_indices(netlist: Netlist) -> np.ndarray:
    """[N] index that each node gets when `ct_protobuf_write.write` writes the netlist."""
    names = pin_names(netlist)
    pins: list[set[str]] = [set() for _ in range(netlist.num_nodes)]
    for pin, node in enumerate(netlist.pin_node.tolist()):
        if netlist.node_kind[node] in (NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO):
            pins[node].add(names[pin])
    taken = 1 + np.array([len(own) for own in pins], dtype=np.int64)
    return np.concatenate([[0], np.cumsum(taken)[:-1]]).astype(np.int64)
