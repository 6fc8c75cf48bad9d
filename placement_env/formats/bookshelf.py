"""Bookshelf placement format (UCLA/UMich GSRC): .aux, .nodes, .nets, .pl, .scl and .wts.

Reads the ICCAD04 mixed-size dialect and its older and newer relatives. Bookshelf knows no unit: one
"um" of the netlist is one unit of the files, and `unit_um` is None.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placement_env.did_you_mean import did_you_mean
from placement_env.formats.bookshelf_lines import BookshelfFile, files_of, header
from placement_env.formats.bookshelf_pl import centred, read_corners, read_pl, write_pl
from placement_env.formats.bookshelf_scl import read_rows
from placement_env.netlist import (
    Canvas,
    FloatArray,
    IntArray,
    Netlist,
    NodeKind,
    Placement,
    check_netlist,
)

__all__ = ["read", "read_pl", "write_pl"]


def read(aux_path: Path | str, *, allow_unplaced: bool = False) -> tuple[Netlist, Placement]:
    """Read the files that an .aux file names, plain or gzipped.

    - A node that is taller than a row is a hard macro. A terminal is a port, unless it is taller
      than a row and overlaps the rows, which makes it a fixed hard macro.
    - Terminals and nodes marked /FIXED are fixed, once they have a place.
    - Pin offsets are from the cell's centre. The files of 1999 give them from the lower left corner
      instead; they are recognised by offsets that mostly fit the cell only that way.
    - The first pin of direction O drives its net.
    - The canvas is the bounding box of the rows. Nodes without a place are at its centre.
    - A weight of the .wts file counts if its name is that of a net; most files list nodes there.

    Args:
        aux_path: The .aux file.
        allow_unplaced: Nodes may be missing from the .pl file.

    Raises:
        InputError: A file is missing, cut off or malformed, or has other counts than its header.
    """
    aux_path = Path(aux_path)
    files = files_of(aux_path)
    nodes = _read_nodes(files["nodes"])
    nets = _read_nets(files["nets"], nodes)
    rows = read_rows(files["scl"])
    canvas = Canvas(
        float(rows.x_um.min()),
        float(rows.y_um.min()),
        float((rows.x_um + rows.sites * rows.site_width_um).max()),
        float((rows.y_um + rows.height_um).max()),
    )
    left, bottom, orient, marked = read_corners(
        files["pl"], nodes.name, allow_unplaced=allow_unplaced
    )
    placed = ~np.isnan(left)
    netlist = Netlist(
        name=aux_path.name.removesuffix(".gz").removesuffix(".aux"),
        node_name=tuple(nodes.name),
        node_kind=np.full(len(nodes.name), NodeKind.STANDARD_CELL, dtype=np.int64),
        width_um=np.array(nodes.width),
        height_um=np.array(nodes.height),
        fixed=(np.array(nodes.terminal) | marked) & placed,
        pin_node=np.array(nets.pin_node, dtype=np.int64),
        pin_dx_um=np.array(nets.dx),
        pin_dy_um=np.array(nets.dy),
        net_start=np.array(nets.start, dtype=np.int64),
        net_weight=_read_weights(files.get("wts"), nets.name),
        canvas=canvas,
        rows=rows,
        unit_um=None,
        node_master=tuple(nodes.master) if any(nodes.master) else None,
        net_name=tuple(nets.name),
    )
    placement = centred(netlist, left, bottom, orient)
    netlist = _driver_first(_offsets_from_centre(netlist, np.array(nets.has_offset)), nets.drives)
    netlist = replace(netlist, node_kind=_kinds(netlist, placement, np.array(nodes.terminal)))
    check_netlist(netlist, where=str(files["nodes"]))
    return netlist, placement


@dataclass
class _Nodes:
    name: list[str] = field(default_factory=list)
    width: list[float] = field(default_factory=list)
    height: list[float] = field(default_factory=list)
    terminal: list[bool] = field(default_factory=list)
    master: list[str] = field(default_factory=list)


@dataclass
class _Nets:
    name: list[str] = field(default_factory=list)
    start: list[int] = field(default_factory=lambda: [0])
    pin_node: list[int] = field(default_factory=list)
    dx: list[float] = field(default_factory=list)
    dy: list[float] = field(default_factory=list)
    has_offset: list[bool] = field(default_factory=list)
    drives: list[bool] = field(default_factory=list)


def _read_nodes(path: Path) -> _Nodes:
    """`name width height [terminal | terminal_NI | master] [: symmetry]`."""
    file = BookshelfFile.read(path, "nodes")
    nodes = _Nodes()
    expected: dict[str, tuple[int, int]] = {}
    rows = file.rows()
    next(rows)
    for line, words in rows:
        if (key := header(words)) in ("numnodes", "numterminals"):
            expected[key] = line, file.count(line, words)
            continue
        if len(words) < 3:
            file.fail(line, f"expected 'name width height', found {' '.join(words)!r}")
        kind = words[3] if len(words) > 3 and words[3] != ":" else ""
        nodes.name.append(words[0])
        nodes.width.append(file.number(line, words[1], f"the width of {words[0]}"))
        nodes.height.append(file.number(line, words[2], f"the height of {words[0]}"))
        nodes.terminal.append(kind.startswith("terminal"))
        nodes.master.append("" if kind.startswith("terminal") else kind)
    if not nodes.name:
        file.fail(len(file.lines), "the file has no node")
    found = {"numnodes": len(nodes.name), "numterminals": sum(nodes.terminal)}
    for key, (line, count) in expected.items():
        file.expect_count(line, key, count, found[key])
    if len(set(nodes.name)) != len(nodes.name):
        double = next(name for name, times in Counter(nodes.name).items() if times > 1)
        last = max(line for line, words in file.rows() if words[0] == double)
        file.fail(last, f"node {double} comes twice", "names must be unique")
    return nodes


def _read_nets(path: Path, nodes: _Nodes) -> _Nets:
    """`NetDegree : d [name]`, then d lines `node [direction] [: dx dy ...]`."""
    file = BookshelfFile.read(path, "nets")
    nets = _Nets()
    number_of = {name: index for index, name in enumerate(nodes.name)}
    expected: dict[str, tuple[int, int]] = {}
    open_line, open_degree = 0, 0
    rows = file.rows()
    next(rows)
    for line, words in rows:
        node = number_of.get(words[0])
        if node is not None and len(nets.name):
            nets.pin_node.append(node)
            nets.drives.append(len(words) > 1 and words[1] == "O")
            if len(words) >= 5 and words[2] == ":":
                nets.dx.append(file.number(line, words[3], f"the pin offset on {words[0]}"))
                nets.dy.append(file.number(line, words[4], f"the pin offset on {words[0]}"))
                nets.has_offset.append(True)
            elif len(words) <= 2:
                nets.dx.append(0.0)
                nets.dy.append(0.0)
                nets.has_offset.append(False)
            else:
                file.fail(line, f"expected 'node direction : dx dy', found {' '.join(words)!r}")
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
        elif key in ("numnets", "numpins"):
            expected[key] = line, file.count(line, words)
        elif node is not None:
            file.fail(line, f"pin {words[0]} comes before any NetDegree")
        else:
            near = did_you_mean(words[0], nodes.name) if len(nodes.name) < 5000 else ""
            file.fail(line, f"node {words[0]} is not in the .nodes file", near)
    if not nets.name:
        file.fail(len(file.lines), "the file has no net")
    _close_net(file, nets, open_line, open_degree)
    found = {"numnets": len(nets.name), "numpins": len(nets.pin_node)}
    for key, (line, count) in expected.items():
        file.expect_count(line, key, count, found[key])
    return nets


def _close_net(file: BookshelfFile, nets: _Nets, line: int, degree: int) -> None:
    found = len(nets.pin_node) - nets.start[-1]
    if found != degree:
        file.fail(
            line,
            f"net {nets.name[-1]} has {found} pins, its NetDegree says {degree}",
            "the file was probably cut off or edited",
        )
    nets.start.append(len(nets.pin_node))


def _read_weights(path: Path | None, names: list[str]) -> FloatArray:
    """[E] net weights; one for nets that the file does not name."""
    weight = np.ones(len(names))
    if path is None or not path.exists():
        return weight
    file = BookshelfFile.read(path, "wts")
    number_of = {name: index for index, name in enumerate(names)}
    rows = file.rows()
    next(rows)
    for line, words in rows:
        net = number_of.get(words[0])
        if net is not None and len(words) > 1:
            weight[net] = file.number(line, words[-1], f"the weight of {words[0]}")
    return weight


def _offsets_from_centre(netlist: Netlist, given: NDArray[np.bool_]) -> Netlist:
    """Moves offsets that the files give from the lower left corner to the centre."""
    width = netlist.width_um[netlist.pin_node][given]
    height = netlist.height_um[netlist.pin_node][given]
    dx, dy = netlist.pin_dx_um[given], netlist.pin_dy_um[given]
    slack = 1e-6 * (1 + width + height)
    fits_centre = (abs(dx) <= width / 2 + slack) & (abs(dy) <= height / 2 + slack)
    fits_corner = (np.minimum(dx, dy) >= -slack) & (dx <= width + slack) & (dy <= height + slack)
    if fits_corner.sum() <= fits_centre.sum():
        return netlist
    pin_dx, pin_dy = netlist.pin_dx_um.copy(), netlist.pin_dy_um.copy()
    pin_dx[given] -= width / 2
    pin_dy[given] -= height / 2
    return replace(netlist, pin_dx_um=pin_dx, pin_dy_um=pin_dy)


def _driver_first(netlist: Netlist, drives: list[bool]) -> Netlist:
    """Moves the first driving pin of each net to the front; the others keep their order."""
    net = np.repeat(np.arange(netlist.num_nets), np.diff(netlist.net_start))
    driving = np.flatnonzero(np.array(drives, dtype=bool))
    _, first = np.unique(net[driving], return_index=True)
    later = np.ones(len(net), dtype=bool)
    later[driving[first]] = False
    order = np.lexsort((np.arange(len(net)), later, net))
    return replace(
        netlist,
        pin_node=netlist.pin_node[order],
        pin_dx_um=netlist.pin_dx_um[order],
        pin_dy_um=netlist.pin_dy_um[order],
    )


def _kinds(netlist: Netlist, placement: Placement, terminal: NDArray[np.bool_]) -> IntArray:
    """[N] node kinds from heights, rows and places."""
    rows, canvas = netlist.rows, netlist.canvas
    assert rows is not None
    heights, times = np.unique(rows.height_um, return_counts=True)
    tall = netlist.height_um > heights[times.argmax()] * (1 + 1e-9)
    over_rows = (
        (placement.x_um + netlist.width_um / 2 > canvas.left_um)
        & (placement.x_um - netlist.width_um / 2 < canvas.right_um)
        & (placement.y_um + netlist.height_um / 2 > canvas.bottom_um)
        & (placement.y_um - netlist.height_um / 2 < canvas.top_um)
    )
    kind = np.where(tall, NodeKind.HARD_MACRO, NodeKind.STANDARD_CELL)
    return np.where(terminal & ~(tall & over_rows), NodeKind.PORT, kind).astype(np.int64)
