"""Bookshelf placement format (UCLA/UMich GSRC): .aux, .nodes, .nets, .pl, .scl, .wts and .shapes.

Reads the ICCAD04 mixed-size dialect and its older and newer relatives, up to that of the contests
of 2012. Bookshelf knows no unit: one "um" of the netlist is one unit of the files, and `unit_um` is
None.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placement_env.formats.bookshelf_lines import BookshelfFile, files_of
from placement_env.formats.bookshelf_nets import offsets, read_nets
from placement_env.formats.bookshelf_nodes import BookshelfNodes, read_nodes
from placement_env.formats.bookshelf_pl import centred, read_corners, read_pl, write_pl
from placement_env.formats.bookshelf_scl import read_rows
from placement_env.formats.bookshelf_shapes import read_shapes
from placement_env.formats.bookshelf_write import over_rows, taller_than_rows, write
from placement_env.netlist import (
    Canvas,
    FloatArray,
    IntArray,
    Netlist,
    NodeKind,
    Placement,
    check_netlist,
)

__all__ = ["read", "read_pl", "read_shapes", "write", "write_pl"]


def read(aux_path: Path | str, *, allow_unplaced: bool = False) -> tuple[Netlist, Placement]:
    """Read the files that an .aux file names, plain or gzipped.

    - A node that is taller than a row is a hard macro. A terminal is a port, unless it is taller
      than a row and overlaps the rows, which makes it a fixed hard macro. A terminal_NI, which
      others may cover, is always a port.
    - Terminals and nodes marked /FIXED are fixed, once they have a place.
    - Pin offsets are from the cell's centre. The files of 1999 give them from the lower left corner
      instead; they are recognised by offsets that mostly fit the cell only that way.
    - The first pin of direction O drives its net.
    - The canvas is the bounding box of the rows. Nodes without a place are at its centre.
    - A weight of the .wts file counts if its name is that of a net; most files list nodes there.
    - A .shapes file is checked and not used: nodes fill their whole boxes. `read_shapes` reads it.
    - A .route file (routing capacities) is passed over.

    Args:
        aux_path: The .aux file.
        allow_unplaced: Nodes may be missing from the .pl file.

    Raises:
        InputError: A file is missing, cut off or malformed, or has other counts than its header.
    """
    aux_path = Path(aux_path)
    files = files_of(aux_path)
    nodes = read_nodes(files["nodes"])
    nets = read_nets(files["nets"], nodes.name)
    rows = read_rows(files["scl"])
    canvas = Canvas(
        float(rows.x_um.min()),
        float(rows.y_um.min()),
        float((rows.x_um + rows.sites * rows.site_width_um).max()),
        float((rows.y_um + rows.height_um).max()),
    )
    corners = read_corners(files["pl"], nodes.name, allow_unplaced=allow_unplaced)
    placed = ~np.isnan(corners.left)
    dx, dy = offsets(nets, nodes.width, nodes.height)
    netlist = Netlist(
        name=aux_path.name.removesuffix(".gz").removesuffix(".aux"),
        node_name=tuple(nodes.name),
        node_kind=np.full(len(nodes.name), NodeKind.STANDARD_CELL, dtype=np.int64),
        width_um=nodes.width,
        height_um=nodes.height,
        fixed=(nodes.terminal | corners.fixed) & placed,
        pin_node=nets.pin_node,
        pin_dx_um=dx,
        pin_dy_um=dy,
        net_start=nets.start,
        net_weight=_read_weights(files.get("wts"), nets.name),
        canvas=canvas,
        rows=rows,
        unit_um=None,
        node_master=tuple(nodes.master) if any(nodes.master) else None,
        net_name=tuple(nets.name),
    )
    placement = centred(netlist, corners.left, corners.bottom, corners.orient)
    netlist = _driver_first(
        _offsets_from_centre(netlist, nets.has_offset & ~nets.percent), nets.drives
    )
    netlist = replace(netlist, node_kind=_kinds(netlist, placement, nodes))
    check_netlist(netlist, where=str(files["nodes"]))
    if "shapes" in files:
        read_shapes(files["shapes"], netlist, placement)
    return netlist, placement


def _read_weights(path: Path | None, names: list[str]) -> FloatArray:
    """[E] net weights; one for nets that the file does not name."""
    weight = np.ones(len(names))
    # A damaged name can be too long for the system; `Path.exists` would raise.
    if path is None or not os.path.exists(path):
        return weight
    file = BookshelfFile.read(path, "wts")
    number_of = {name: index for index, name in enumerate(names)}
    seen: set[str] = set()
    for line, words in file.body():
        if words[0] in seen:
            file.fail(line, f"{words[0]} comes twice")
        seen.add(words[0])
        net = number_of.get(words[0])
        if net is not None and len(words) > 1:
            weight[net] = file.number(line, words[-1], f"the weight of {words[0]}")
            if weight[net] < 0:
                file.fail(line, f"the weight of {words[0]} is {words[-1]}, expected at least 0")
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


def _driver_first(netlist: Netlist, drives: NDArray[np.bool_]) -> Netlist:
    """Moves the first driving pin of each net to the front; the others keep their order."""
    net = np.repeat(np.arange(netlist.num_nets), np.diff(netlist.net_start))
    driving = np.flatnonzero(drives)
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


def _kinds(netlist: Netlist, placement: Placement, nodes: BookshelfNodes) -> IntArray:
    """[N] node kinds from heights, rows and places."""
    tall = taller_than_rows(netlist)
    kind = np.where(tall, NodeKind.HARD_MACRO, NodeKind.STANDARD_CELL)
    covers = tall & over_rows(netlist, placement) & ~nodes.no_image
    return np.where(nodes.terminal & ~covers, NodeKind.PORT, kind).astype(np.int64)
