"""Writing whole designs as Bookshelf: .aux and, beside it, .nodes, .nets, .wts, .pl and .scl."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placement_env.errors import InputError
from placement_env.formats.bookshelf_pl import write_pl
from placement_env.formats.text import write_text
from placement_env.netlist import Netlist, NodeKind, Orient, Placement, Rows


def write(aux_path: Path | str, netlist: Netlist, placement: Placement) -> None:
    """Write an .aux file and the files that it names; all are gzipped if the name ends in .gz.

    Ports are terminals, and so are fixed hard macros over the rows, as in ISPD 2005; ports that
    would be taken for such macros are terminal_NI. Bookshelf tells macros from cells by their
    height alone, and has neither a grid nor pin names.

    Raises:
        InputError: The netlist has no rows, the name does not end in .aux, or a file cannot be
            written.
    """
    aux_path = Path(aux_path)
    gz = ".gz" if aux_path.name.endswith(".gz") else ""
    stem, _, ending = aux_path.name.removesuffix(gz).rpartition(".")
    if ending != "aux":
        raise InputError("the name must end in .aux", where=str(aux_path))
    if netlist.rows is None:
        raise InputError(
            "a Bookshelf design needs rows, and this netlist has none",
            where=str(aux_path),
            hint="write a clustered netlist as .pb.txt, or a floorplan as .blocks",
        )
    parts = {
        "nodes": _nodes(netlist, placement),
        "nets": _nets(netlist),
        "wts": _weights(netlist),
        "scl": _rows(netlist.rows),
    }
    for kind, lines in parts.items():
        write_text(aux_path.with_name(f"{stem}.{kind}{gz}"), "\n".join(lines) + "\n")
    write_pl(aux_path.with_name(f"{stem}.pl{gz}"), netlist, placement)
    named = " ".join(f"{stem}.{kind}{gz}" for kind in ("nodes", "nets", "wts", "pl", "scl"))
    write_text(aux_path, f"RowBasedPlacement : {named}\n")


def over_rows(netlist: Netlist, placement: Placement) -> NDArray[np.bool_]:
    """[N] whether each node, as it is at orientation N, overlaps the canvas."""
    canvas = netlist.canvas
    return (
        (placement.x_um + netlist.width_um / 2 > canvas.left_um)
        & (placement.x_um - netlist.width_um / 2 < canvas.right_um)
        & (placement.y_um + netlist.height_um / 2 > canvas.bottom_um)
        & (placement.y_um - netlist.height_um / 2 < canvas.top_um)
    )


def taller_than_rows(netlist: Netlist) -> NDArray[np.bool_]:
    """[N] whether each node is taller than most rows, which the netlist must have."""
    rows = netlist.rows
    assert rows is not None
    heights, times = np.unique(rows.height_um, return_counts=True)
    return netlist.height_um > heights[times.argmax()] * (1 + 1e-9)


def _nodes(netlist: Netlist, placement: Placement) -> Iterator[str]:
    port = netlist.node_kind == NodeKind.PORT
    macro = netlist.node_kind == NodeKind.HARD_MACRO
    over = over_rows(netlist, placement)
    terminal = port | (macro & netlist.fixed & over)
    no_image = port & over & taller_than_rows(netlist)
    masters = np.array(netlist.node_master or ("",) * netlist.num_nodes, dtype=object)
    yield "UCLA nodes 1.0"
    yield ""
    yield f"NumNodes : {netlist.num_nodes}"
    yield f"NumTerminals : {int(terminal.sum())}"
    words = np.where(no_image, "terminal_NI", np.where(terminal, "terminal", masters))
    for name, width, height, word in zip(
        netlist.node_name,
        netlist.width_um.tolist(),
        netlist.height_um.tolist(),
        words.tolist(),
        strict=True,
    ):
        yield f"{name}\t{width!r}\t{height!r}\t{word}".rstrip()


def _nets(netlist: Netlist) -> Iterator[str]:
    pins = zip(
        netlist.pin_node.tolist(),
        netlist.pin_dx_um.tolist(),
        netlist.pin_dy_um.tolist(),
        strict=True,
    )
    yield "UCLA nets 1.0"
    yield ""
    yield f"NumNets : {netlist.num_nets}"
    yield f"NumPins : {netlist.num_pins}"
    for name, degree in zip(_net_names(netlist), np.diff(netlist.net_start).tolist(), strict=True):
        yield f"NetDegree : {degree} {name}"
        for pin, (node, dx, dy) in enumerate(itertools.islice(pins, degree)):
            yield f"\t{netlist.node_name[node]} {'I' if pin else 'O'} : {dx!r} {dy!r}"


def _weights(netlist: Netlist) -> Iterator[str]:
    yield "UCLA wts 1.0"
    yield ""
    for name, weight in zip(_net_names(netlist), netlist.net_weight.tolist(), strict=True):
        if weight != 1:
            yield f"{name} {weight!r}"


def _net_names(netlist: Netlist) -> tuple[str, ...]:
    return netlist.net_name or tuple(f"net{net}" for net in range(netlist.num_nets))


def _rows(rows: Rows) -> Iterator[str]:
    yield "UCLA scl 1.0"
    yield ""
    yield f"NumRows : {len(rows.sites)}"
    for x, y, height, site, sites, orient in zip(
        rows.x_um.tolist(),
        rows.y_um.tolist(),
        rows.height_um.tolist(),
        rows.site_width_um.tolist(),
        rows.sites.tolist(),
        rows.orient.tolist(),
        strict=True,
    ):
        yield "CoreRow Horizontal"
        yield f" Coordinate : {y!r}"
        yield f" Height : {height!r}"
        yield f" Sitewidth : {site!r}"
        yield f" Sitespacing : {site!r}"
        yield f" Siteorient : {Orient(orient).name}"
        yield " Sitesymmetry : Y"
        yield f" SubrowOrigin : {x!r} NumSites : {sites}"
        yield "End"
