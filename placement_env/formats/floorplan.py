"""Floorplanning sets of GSRC and MCNC: .blocks (also .hardblocks, .softblocks), .nets and .pl.

    bk1 hardrectilinear 4 (0, 0) (0, 133) (336, 133) (336, 0)
    sb0 softrectilinear 1419 0.1 10          area, least and greatest width over height
    P13 terminal

GSRC's files have no first line `UCSC blocks 1.0` and name the terminals in the .pl file alone;
their pins are at the centres of the blocks. MCNC's give offsets in percent of the block's size.
The files know no unit and no outline.

Format document: http://vlsicad.eecs.umich.edu/BK/FPbench/ (GSRC floorplan benchmarks).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from placement_env.errors import InputError
from placement_env.formats.bookshelf_lines import BookshelfFile, header, with_or_without_gz
from placement_env.formats.bookshelf_nets import offsets, read_nets
from placement_env.formats.bookshelf_pl import Corners, centred, read_corners
from placement_env.formats.floorplan_write import write
from placement_env.legality import misshapen
from placement_env.netlist import (
    Canvas,
    Netlist,
    NodeKind,
    Orient,
    Placement,
    check_netlist,
)

__all__ = ["read", "read_pl", "write"]

#: Width over height of outlines, as floorplanners have been compared with.
_PROPORTIONS = (1, 1.5, 2, 3)
#: The least play of the longest block, as a share of the outline's width.
_PLAY = 1e-3

_CORNER = re.compile(r"\(\s*([^\s,()]+)\s*,\s*([^\s,()]+)\s*\)")
_COUNTS = ("numsoftrectangularblocks", "numsoftblocks", "numhardrectilinearblocks", "numterminals")


def read(path: Path | str, *, white_space: float = 0.15) -> tuple[Netlist, Placement]:
    """Read a .blocks file and the .nets and .pl files of the same name beside it.

    Blocks are hard macros, fixed where the .pl file says so; terminals are ports and fixed. A soft
    block is a square, and its `aspect_range` says which other shapes it may take. The canvas is the
    usual fixed outline at the origin, with the area of the blocks and the white space: a square, or
    1.5, 2 or 3 times as wide as it is high where a block is longer than the square (hp). Terminals
    may be outside.
    Blocks without a line in the .pl file are at its centre.

    Args:
        path: The file with the blocks, plain or gzipped.
        white_space: Area of the canvas beyond that of the blocks, as a share of the blocks' area.

    Raises:
        InputError: A file is missing, cut off or malformed, or has other counts than its header; a
            block is not a rectangle.
    """
    path = Path(path)
    if not (math.isfinite(white_space) and white_space >= 0):
        raise InputError(f"white space is {white_space}, expected a number of at least 0")
    file = BookshelfFile.read(path, "blocks", headed=False)
    blocks = _read_blocks(file)
    placed = with_or_without_gz(path.with_name(f"{file.stem}.pl"))
    terminals = blocks.terminals or _others(placed, blocks.name)
    _expect_counts(file, blocks, len(terminals))
    names = blocks.name + terminals
    corners = read_corners(placed, names, allow_unplaced=True, headed=False)
    for terminal, x in zip(terminals, corners.left[len(blocks.name) :], strict=True):
        if np.isnan(x):
            raise InputError(f"terminal {terminal} has no place", where=str(placed))
    size = np.array(blocks.size + [(0.0, 0.0)] * len(terminals)).reshape(-1, 2)
    aspect = np.array(blocks.aspect + [(np.nan, np.nan)] * len(terminals)).reshape(-1, 2)
    nets = read_nets(with_or_without_gz(path.with_name(f"{file.stem}.nets")), names, headed=False)
    dx, dy = offsets(nets, size[:, 0], size[:, 1])
    area = float((size[:, 0] * size[:, 1]).sum()) * (1 + white_space)
    is_terminal = np.arange(len(names)) >= len(blocks.name)
    netlist = Netlist(
        name=file.stem,
        node_name=tuple(names),
        node_kind=np.where(is_terminal, NodeKind.PORT, NodeKind.HARD_MACRO).astype(np.int64),
        width_um=size[:, 0].copy(),
        height_um=size[:, 1].copy(),
        fixed=is_terminal | (corners.fixed & ~np.isnan(corners.left)),
        pin_node=nets.pin_node,
        pin_dx_um=dx,
        pin_dy_um=dy,
        net_start=nets.start,
        net_weight=np.ones(len(nets.name)),
        canvas=_outline(area, float(size.max(initial=0.0))),
        unit_um=None,
        net_name=tuple(nets.name),
        aspect_range=None if np.isnan(aspect).all() else aspect,
    )
    check_netlist(netlist, where=str(path))
    return netlist, _placement(netlist, corners, placed)


def read_pl(path: Path | str, netlist: Netlist) -> Placement:
    """A placement of the blocks, with the shapes that soft ones have taken (DIMS).

    Blocks without a line are at the centre of the canvas.

    Raises:
        InputError: The file is malformed, names an unknown node, or has DIMS that a block cannot
            have.
    """
    path = Path(path)
    corners = read_corners(path, netlist.node_name, allow_unplaced=True, headed=False)
    return _placement(netlist, corners, path)


def _outline(area: float, longest: float) -> Canvas:
    """The outline of an area in which the longest block has some play."""
    widths = [math.sqrt(area * proportion) for proportion in _PROPORTIONS]
    width = next((width for width in widths if longest < width * (1 - _PLAY)), widths[-1])
    return Canvas(0.0, 0.0, width, width if width == widths[0] else area / width)


@dataclass
class _Blocks:
    """What a .blocks file lists, and the counts that it states with their lines."""

    name: list[str] = field(default_factory=list)
    size: list[tuple[float, float]] = field(default_factory=list)
    aspect: list[tuple[float, float]] = field(default_factory=list)
    terminals: list[str] = field(default_factory=list)
    stated: dict[str, tuple[int, int]] = field(default_factory=dict)


def _read_blocks(file: BookshelfFile) -> _Blocks:
    blocks = _Blocks()
    seen: set[str] = set()
    for line, words in file.body():
        if (key := header(words)) in _COUNTS:
            if key in blocks.stated:
                file.fail(line, f"{words[0]} comes twice")
            blocks.stated[key] = line, file.count(line, words)
            continue
        name, kind = words[0], words[1] if len(words) > 1 else ""
        if name in seen:
            file.fail(line, f"{name} comes twice", "names must be unique")
        seen.add(name)
        if kind == "terminal":
            blocks.terminals.append(name)
            continue
        if kind == "hardrectilinear":
            size, aspect = _rectangle(file, line, name), (math.nan, math.nan)
        elif kind in ("softrectangular", "softrectilinear"):
            size, aspect = _soft(file, line, words)
        else:
            known = "hardrectilinear, softrectangular, softrectilinear or terminal"
            file.fail(line, f"{name} is a {kind!r}, expected {known}")
        blocks.name.append(name)
        blocks.size.append(size)
        blocks.aspect.append(aspect)
    return blocks


def _rectangle(file: BookshelfFile, line: int, name: str) -> tuple[float, float]:
    """Width and height of `name hardrectilinear 4 (x, y) (x, y) (x, y) (x, y)`."""
    words = file.lines[line - 1].split(maxsplit=3)
    rest = words[3] if len(words) > 3 else ""
    corners = [
        (file.number(line, x, f"a corner of {name}"), file.number(line, y, f"a corner of {name}"))
        for x, y in _CORNER.findall(rest)
    ]
    if _CORNER.sub("", rest).strip():
        file.fail(line, f"expected corners '(x, y)' of {name}, found {rest.strip()!r}")
    if file.count(line, words[:3]) != len(corners):
        file.fail(line, f"{name} should have {words[2]} corners, it has {len(corners)}")
    x, y = sorted({corner[0] for corner in corners}), sorted({corner[1] for corner in corners})
    if len(corners) != 4 or len(x) != 2 or len(y) != 2 or len(set(corners)) != 4:
        file.fail(
            line,
            f"{name} is no rectangle with sides along the axes",
            "blocks of other shapes cannot be placed yet; split them into rectangles",
        )
    return x[1] - x[0], y[1] - y[0]


def _soft(
    file: BookshelfFile, line: int, words: list[str]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Size as a square, and least and greatest width over height of a soft block."""
    name = words[0]
    if len(words) != 5:
        file.fail(line, f"expected 'name kind area least greatest', found {' '.join(words)!r}")
    area = file.number(line, words[2], f"the area of {name}")
    least = file.number(line, words[3], f"the least width over height of {name}")
    greatest = file.number(line, words[4], f"the greatest width over height of {name}")
    if area <= 0:
        file.fail(line, f"the area of {name} is {words[2]}, expected more than 0")
    if not 0 < least <= greatest:
        shapes = f"{words[3]} to {words[4]}"
        file.fail(line, f"width over height of {name} is from {shapes}, expected 0 < least <= most")
    return (math.sqrt(area), math.sqrt(area)), (least, greatest)


def _placement(netlist: Netlist, corners: Corners, placed: Path) -> Placement:
    """The corners as a placement; where a size is stated it counts.

    Ami49's letters contradict its sizes, so a hard block that lies as its size says is turned or
    not whatever its letter is.

    Raises:
        InputError: A stated size is none that the block can have.
    """
    own = np.stack([netlist.width_um, netlist.height_um], axis=1)
    stated = ~np.isnan(corners.size).any(axis=1)
    as_is, turned = (corners.size == own).all(axis=1), (corners.size == own[:, ::-1]).all(axis=1)
    orient = np.where(stated & as_is, Orient.N, np.where(stated & turned, Orient.W, corners.orient))
    reshaped = stated & ~as_is & ~turned
    size = np.where(reshaped[:, None], corners.size, own)
    on_side = reshaped & np.isin(orient, [Orient.W, Orient.E, Orient.FW, Orient.FE])
    size[on_side] = size[on_side, ::-1]
    placement = centred(
        netlist, corners.left, corners.bottom, orient, size if reshaped.any() else None
    )
    for node in misshapen(netlist, placement)[:1]:
        raise InputError(
            f"block {netlist.node_name[node]} has DIMS {corners.size[node].tolist()}, and is "
            f"{own[node].tolist()} in the file of blocks",
            where=str(placed),
            hint="a soft block keeps its area and its range of width over height",
        )
    return placement


def _others(placed: Path, blocks: list[str]) -> list[str]:
    """The names in a .pl file that are not blocks."""
    known = set(blocks)
    rows = BookshelfFile.read(placed, "pl", headed=False).body()
    return list(dict.fromkeys(words[0] for _, words in rows if words[0] not in known))


def _expect_counts(file: BookshelfFile, blocks: _Blocks, terminals: int) -> None:
    """Refuse a file that has other counts than it states, or states none."""
    soft = sum(not math.isnan(least) for least, _ in blocks.aspect)
    found = {
        "numsoftrectangularblocks": soft,
        "numsoftblocks": soft,
        "numhardrectilinearblocks": len(blocks.name) - soft,
        "numterminals": terminals,
    }
    for key, (line, count) in blocks.stated.items():
        file.expect_count(line, key, count, found[key])
    covered = {key.removeprefix("num")[:4] for key in blocks.stated}
    needed = ["term"] + ["soft"] * (soft > 0) + ["hard"] * (soft < len(blocks.name))
    if not covered.issuperset(needed):
        file.fail(
            1,
            "the file does not say how many blocks and terminals it has",
            "expected 'NumHardRectilinearBlocks : 12' (or NumSoftBlocks) and 'NumTerminals : 5'",
        )
