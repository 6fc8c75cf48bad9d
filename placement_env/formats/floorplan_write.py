"""Writing floorplanning sets in the dialect of MCNC's: .blocks, .nets and .pl."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from placement_env.errors import InputError
from placement_env.formats.bookshelf_pl import write_pl
from placement_env.formats.text import write_text
from placement_env.netlist import Netlist, NodeKind, Placement

_ENDINGS = (".blocks", ".hardblocks", ".softblocks")


def write(path: Path | str, netlist: Netlist, placement: Placement) -> None:
    """Write blocks, and beside them nets and places; all are gzipped if the name ends in .gz.

    Macros are blocks and come first, ports are terminals. Of a node with an `aspect_range` the
    area and that range are written, of others the shape. The format has no net weights.

    Raises:
        InputError: The netlist has standard cells, the name does not end in .blocks, .hardblocks
            or .softblocks, or a file cannot be written.
    """
    path = Path(path)
    gz = ".gz" if path.name.endswith(".gz") else ""
    stem, dot, ending = path.name.removesuffix(gz).rpartition(".")
    if dot + ending not in _ENDINGS:
        known = ", ".join(_ENDINGS)
        raise InputError(f"a file of blocks ends in one of {known}", where=str(path))
    if netlist.nodes_of(NodeKind.STANDARD_CELL).size:
        raise InputError(
            "a floorplan has no standard cells",
            where=str(path),
            hint="group them into soft macros first",
        )
    write_text(path, "\n".join(_blocks(netlist)) + "\n")
    write_text(path.with_name(f"{stem}.nets{gz}"), "\n".join(_nets(netlist)) + "\n")
    write_pl(path.with_name(f"{stem}.pl{gz}"), netlist, placement)


def _blocks(netlist: Netlist) -> Iterator[str]:
    blocks = netlist.nodes_of(NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO).tolist()
    terminals = netlist.nodes_of(NodeKind.PORT).tolist()
    shapes = netlist.aspect_range
    soft = set() if shapes is None else set(np.flatnonzero(~np.isnan(shapes[:, 0])).tolist())
    yield "UCSC blocks 1.0"
    yield ""
    yield f"NumSoftRectangularBlocks : {len(soft)}"
    yield f"NumHardRectilinearBlocks : {len(blocks) - len(soft)}"
    yield f"NumTerminals : {len(terminals)}"
    yield ""
    for node in blocks:
        name = netlist.node_name[node]
        width, height = float(netlist.width_um[node]), float(netlist.height_um[node])
        if shapes is not None and node in soft:
            least, greatest = (_text(float(shape)) for shape in shapes[node])
            yield f"{name} softrectangular {_text(width * height)} {least} {greatest}"
        else:
            x, y = _text(width), _text(height)
            yield f"{name} hardrectilinear 4 (0, 0) (0, {y}) ({x}, {y}) ({x}, 0)"
    yield ""
    for node in terminals:
        yield f"{netlist.node_name[node]} terminal"


def _nets(netlist: Netlist) -> Iterator[str]:
    names = netlist.net_name or tuple(f"net{net}" for net in range(netlist.num_nets))
    pins = zip(
        netlist.pin_node.tolist(),
        netlist.pin_dx_um.tolist(),
        netlist.pin_dy_um.tolist(),
        netlist.width_um[netlist.pin_node].tolist(),
        netlist.height_um[netlist.pin_node].tolist(),
        strict=True,
    )
    yield "UCLA nets 1.0"
    yield ""
    yield f"NumNets : {netlist.num_nets}"
    yield f"NumPins : {netlist.num_pins}"
    yield ""
    for name, degree in zip(names, np.diff(netlist.net_start).tolist(), strict=True):
        yield f"NetDegree : {degree} {name}"
        for node, dx, dy, width, height in itertools.islice(pins, degree):
            if dx == 0 and dy == 0:
                yield f"{netlist.node_name[node]} B"
            else:
                x, y = _percent(dx, width), _percent(dy, height)
                yield f"{netlist.node_name[node]} B : %{x} %{y}"


def _percent(offset: float, size: float) -> str:
    """The offset in percent of the size, such that it reads back as it is wherever that exists."""
    if size == 0:
        return "0.0"
    exact = offset / size * 100
    near = [round(exact, digits) for digits in (1, 4, 8)] + [exact]
    for away in (-math.inf, math.inf):
        step = exact
        for _ in range(4):
            near.append(step := math.nextafter(step, away))
    return repr(next((percent for percent in near if percent / 100 * size == offset), exact))


def _text(number: float) -> str:
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
