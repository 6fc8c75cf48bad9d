"""The readers under test, each with valid documents to damage.

What a reader gives is written and read again where its format can be written: what a file says must
survive that as well.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.files import grouped
from benchmarks.fuzz_readers.invariants import Broken, check, same_design
from placement_env.errors import InputError
from placement_env.formats import (
    bookshelf,
    ct_protobuf,
    def_file,
    floorplan,
    gates,
    hmetis,
    lef,
    lefdef,
    plc,
)
from placement_env.formats.def_design import DefDesign
from placement_env.netlist import Netlist, Placement

DOCUMENTS = Path(__file__).parent / "documents"

#: Reads the files of a folder.
Read = Callable[[Path], tuple[Netlist, Placement | None]]


@dataclass(frozen=True)
class Document:
    """A valid file among the valid files that are read with it.

    Attributes:
        folder: Where they are.
        name: The file that is damaged.
        read: Reads them.
        check: Raises an error where what was read cannot be.
    """

    folder: Path
    name: str
    read: Callable[[Path], Any]
    check: Callable[[Any], None] = check

    @property
    def text(self) -> bytes:
        """The file as it is."""
        return (self.folder / self.name).read_bytes()

    def copy_to(self, folder: Path) -> Path:
        """Copies all files of the document into a folder, and returns the one to damage."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return folder / self.name


def _bookshelf(aux: str) -> Read:
    def read(folder: Path) -> tuple[Netlist, Placement]:
        netlist, placement = bookshelf.read(folder / aux)
        bookshelf.write(folder / "again.aux", netlist, placement)
        same_design(bookshelf.read(folder / "again.aux")[0], netlist)
        return netlist, placement

    return read


def _floorplan(blocks: str) -> Read:
    def read(folder: Path) -> tuple[Netlist, Placement]:
        netlist, placement = floorplan.read(folder / blocks)
        floorplan.write(folder / "again.blocks", netlist, placement)
        same_design(floorplan.read(folder / "again.blocks")[0], netlist)
        return netlist, placement

    return read


def _hypergraph(name: str) -> Read:
    def read(folder: Path) -> tuple[Netlist, None]:
        netlist, _ = hmetis.read(folder / name)
        # Weights of 0 are read, but become 1 when written.
        if netlist.net_weight.all() and netlist.width_um.all():
            hmetis.write(folder / "again.hgr", netlist)
            same_design(hmetis.read(folder / "again.hgr")[0], netlist)
        return netlist, None

    return read


def _protobuf(name: str) -> Read:
    def read(folder: Path) -> tuple[Netlist, Placement]:
        netlist, placement = ct_protobuf.read(folder / name)
        try:
            ct_protobuf.write(folder / "again.pb.txt", netlist, placement)
        except InputError:  # Not every name that can be read can be written.
            return netlist, placement
        again, _ = ct_protobuf.read(folder / "again.pb.txt")
        if again.node_name != netlist.node_name:
            raise Broken("nodes are not the same once written and read again")
        return netlist, placement

    return read


def _plc(folder: Path) -> tuple[Netlist, Placement]:
    unplaced, _ = ct_protobuf.read(folder / "netlist.pb.txt")
    netlist, placement = plc.read(folder / "netlist.plc", unplaced)
    plc.write(folder / "again.plc", netlist, placement)
    again, _ = plc.read(folder / "again.plc", unplaced)
    if (again.canvas, again.grid) != (netlist.canvas, netlist.grid):
        raise Broken("canvas or grid are not the same once written and read again")
    return netlist, placement


def _groups(folder: Path) -> tuple[Netlist, Placement]:
    placed = {"initial": folder / "grouped.plc"}
    benchmark = grouped(folder / "full.pb.txt", folder / "full.groups", placed)
    return benchmark.netlist, benchmark.placements["initial"]


def _lef_def(folder: Path) -> tuple[Netlist, Placement]:
    library = lef.read([folder / "technology.lef", folder / "cells.lef"])
    design = def_file.read(folder / "top.def")
    _write_again(folder, design)
    netlist, placement = lefdef.to_netlist(design, library)
    lefdef.with_placement(design, netlist, placement)
    return netlist, placement


def _verilog(name: str) -> Read:
    def read(folder: Path) -> tuple[Netlist, None]:
        library = lef.read([folder / "technology.lef", folder / "cells.lef"])
        module = gates.read(folder / name)
        _write_again(folder, gates.to_def(module, library))
        return gates.to_netlist(module, library), None

    return read


def _write_again(folder: Path, design: DefDesign) -> None:
    try:
        def_file.write(folder / "again.def", design)
    except InputError:  # Not every name that can be read can be written.
        return
    if def_file.read(folder / "again.def") != design:
        raise Broken("the DEF design is not the same once written and read again")


def _documents(folder: str, names: str, read: Read) -> dict[str, Document]:
    """Documents of one folder that are read the same way, by their endings."""
    return {
        name.partition(".")[2]: Document(DOCUMENTS / folder, name, read) for name in names.split()
    }


_ICCAD04 = _documents(
    "bookshelf",
    "small.aux small.nodes small.nets small.wts small.pl small.scl small.shapes",
    _bookshelf("small.aux"),
)
_OLD = _documents(
    "bookshelf_old", "old.aux old.nodes old.nets old.wts old.pl old.scl", _bookshelf("old.aux")
)
_MCNC = _documents("mcnc", "blocks.blocks blocks.nets blocks.pl", _floorplan("blocks.blocks"))
_GSRC = _documents("gsrc", "n3.blocks n3.nets n3.pl", _floorplan("n3.blocks"))
_LEF_DEF = DOCUMENTS / "lefdef"
_CIRCUIT_TRAINING = DOCUMENTS / "circuit_training"

#: The documents of each reader, by its name.
READERS: dict[str, tuple[Document, ...]] = {
    **{kind: (_ICCAD04[kind], _OLD[kind]) for kind in _OLD},
    "shapes": (_ICCAD04["shapes"],),
    **{f"floorplan-{kind}": (_MCNC[kind], _GSRC[kind]) for kind in _MCNC},
    "hgr": tuple(
        Document(DOCUMENTS / "hmetis", name, _hypergraph(name))
        for name in ("small.hgr", "plain.hgr", "net_weights.hgr")
    ),
    "lef": (
        Document(_LEF_DEF, "technology.lef", _lef_def),
        Document(_LEF_DEF, "cells.lef", _lef_def),
    ),
    "def": (Document(_LEF_DEF, "top.def", _lef_def),),
    "verilog": tuple(Document(_LEF_DEF, name, _verilog(name)) for name in ("top.v", "ansi.v")),
    "pb": tuple(
        Document(_CIRCUIT_TRAINING, name, _protobuf(name))
        for name in ("netlist.pb.txt", "one_line.pb.txt", "full.pb.txt")
    ),
    "plc": (Document(_CIRCUIT_TRAINING, "netlist.plc", _plc),),
    "groups": (Document(_CIRCUIT_TRAINING, "full.groups", _groups),),
}
