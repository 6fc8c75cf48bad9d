"""A placement problem from files: a netlist, the placements that come with it, and a way back.

What a netlist is is told by its name: .pb.txt (Circuit Training, with a .plc), .aux (Bookshelf),
.def (with the LEF files of its cells) or .blocks (floorplanning); each may be gzipped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.published import Published
from placement_env.cost.proxy import proxy_cost
from placement_env.errors import InputError
from placement_env.formats import bookshelf, ct_protobuf, def_file, floorplan, lef, lefdef, plc
from placement_env.formats.lefdef_tracks import track_supply
from placement_env.formats.text import read_text
from placement_env.grouping import grouped_netlist
from placement_env.netlist import IntArray, Netlist, NodeKind, Placement
from placement_env.route_estimate import TrackSupply

#: TILOS's soft macros have twice the area of their cells.
SOFT_MACRO_BLOAT = 2.0
#: Digits of the longest number of a group that is read.
_MOST_DIGITS = 12


@dataclass(frozen=True)
class Benchmark:
    """A netlist to place, with what is known about it.

    Attributes:
        name: Name of the design.
        netlist: Clustered (hard and soft macros on a grid) or flat (standard cells on rows).
        placements: Placements that come with it, by name; "initial" is the start.
        replaced: The start that came with it, where another file's is in its place.
        remarks: What its user should know: what is odd about its files, and what is not read.
        read: Reads a placement in the format that the netlist came in, and the netlist as that
            file has it (a .plc states the grid).
        write: Writes a placement into a folder in that format and returns the file.
        published: What others have reached.
        source: Where the netlist comes from.
        tracks: The routing tracks, where the files state some.
    """

    name: str
    netlist: Netlist
    placements: Mapping[str, Placement]
    read: Callable[[Path], tuple[Netlist, Placement]]
    write: Callable[[Path, Placement], Path]
    published: tuple[Published, ...] = ()
    source: str = ""
    tracks: TrackSupply | None = None
    replaced: Placement | None = None
    remarks: tuple[str, ...] = ()


def load_files(netlist: Path, *, start: Path | None = None, lefs: Sequence[Path] = ()) -> Benchmark:
    """Read a netlist and its placements.

    Args:
        netlist: A .pb.txt, .aux, .def or .blocks file, or any of them with .gz.
        start: The placement to start from, in place of the one that comes with the netlist: a
            .plc, .pl or .def, as the netlist is.
        lefs: For a .def: the LEF files with its technology and its cells.

    Raises:
        InputError: A file is missing, malformed or of an unknown kind, or does not fit the others.
    """
    name = netlist.name.removesuffix(".gz")
    if name.endswith(".pb.txt"):
        return clustered(netlist, {"initial": start} if start else _plc_beside(netlist))
    if name.endswith(".aux"):
        benchmark = bookshelf_design(netlist)
    elif name.endswith(".def"):
        benchmark = lefdef_design(netlist, lefs)
    elif name.endswith("blocks"):
        benchmark = floorplan_design(netlist)
    else:
        raise InputError(
            f"cannot tell from its name what {netlist.name} is",
            where=str(netlist),
            hint="give a .pb.txt, .aux, .def or .blocks file (also with .gz), or the name of a "
            "benchmark",
        )
    return with_start(benchmark, start) if start else benchmark


def with_start(benchmark: Benchmark, start: Path) -> Benchmark:
    """The benchmark with a placement from a file as its "initial" one.

    Raises:
        InputError: The file is missing or malformed, or places another netlist.
    """
    netlist, placement = benchmark.read(start)
    placements = {**benchmark.placements, "initial": placement}
    before = benchmark.placements.get("initial")
    return replace(benchmark, netlist=netlist, placements=placements, replaced=before)


def clustered(path: Path, plc_files: Mapping[str, Path]) -> Benchmark:
    """A Circuit Training netlist; canvas and grid are those of the first of its .plc files.

    Raises:
        InputError: A file is missing or malformed, there is no .plc, or one places another netlist.
    """
    netlist, _ = ct_protobuf.read(path)
    return _with_plc(netlist, plc_files, path)


def grouped(path: Path, groups: Path, plc_files: Mapping[str, Path]) -> Benchmark:
    """A Circuit Training netlist before grouping, with its cells grouped as a file says.

    Raises:
        InputError: As `clustered`, or `groups` does not give every node a group.
    """
    flat, _, group = flat_with_groups(path, groups)
    netlist = grouped_netlist(flat, group, bloat=SOFT_MACRO_BLOAT)
    if plc_files:
        netlist = _as_in_circuit_training(netlist, next(iter(plc_files.values())))
    return _with_plc(netlist, plc_files, path)


def flat_with_groups(path: Path, groups: Path) -> tuple[Netlist, Placement, IntArray]:
    """A Circuit Training netlist before grouping, its placement, and the groups of its cells.

    The groups are [N], by number, -1 for nodes that are not cells.

    Raises:
        InputError: As `ct_protobuf.read`, or `groups` does not give every node a group.
    """
    flat, placement = ct_protobuf.read(path)
    assert flat.source_index is not None
    number = _group_numbers(groups, path)[flat.source_index]
    return flat, placement, np.where(flat.node_kind == NodeKind.STANDARD_CELL, number, -1)


def _group_numbers(groups: Path, netlist: Path) -> IntArray:
    """The number that a file of groups gives each node of the netlist's file, pins included.

    Raises:
        InputError: It does not give each of them one.
    """
    words = read_text(groups).split()
    for at, word in enumerate(words):
        if not word.isdecimal() or len(word) > _MOST_DIGITS:
            raise InputError(
                f"expected the number of a group as word {at + 1}, found {word!r}",
                where=str(groups),
            )
    nodes = ct_protobuf.count_nodes(netlist)
    if len(words) != nodes:
        raise InputError(
            f"expected a number for each of the {nodes} nodes of {netlist.name}, "
            f"found {len(words)}",
            where=str(groups),
            hint="is it the grouping of another netlist, or was it cut off?",
        )
    return np.array(words, dtype=np.int64)


def _as_in_circuit_training(netlist: Netlist, placed: Path) -> Netlist:
    """The grouped netlist with the indices of a .plc and soft macros one grid column wide."""
    header, indices = plc.read_header(placed), plc.read_indices(placed)
    if len(indices) != netlist.num_nodes:
        raise InputError(
            f"the file places {len(indices)} nodes, the grouped netlist has {netlist.num_nodes}",
            where=str(placed),
        )
    column_um = header.canvas.width_um / header.grid.columns
    return replace(with_soft_macros_as_wide(netlist, column_um), source_index=indices)


def with_soft_macros_as_wide(netlist: Netlist, width_um: float) -> Netlist:
    """The netlist with soft macros of that width and the area that they have."""
    soft = netlist.nodes_of(NodeKind.SOFT_MACRO)
    width, height = netlist.width_um.copy(), netlist.height_um.copy()
    width[soft] = width_um
    height[soft] = netlist.width_um[soft] * netlist.height_um[soft] / width[soft]
    return replace(netlist, width_um=width, height_um=height)


def _with_plc(without_grid: Netlist, plc_files: Mapping[str, Path], path: Path) -> Benchmark:
    """The netlist with canvas and grid of the first placement, and with all placements."""
    if not plc_files:
        raise InputError(
            "a Circuit Training netlist states neither canvas nor grid, and beside it is no "
            "initial.plc that does",
            where=str(path),
            hint="give a placement of this netlist with --start FILE.plc",
        )
    placed = {name: plc.read(file, without_grid) for name, file in plc_files.items()}
    netlist = next(iter(placed.values()))[0]

    return Benchmark(
        name=netlist.name,
        netlist=netlist,
        placements={name: placement for name, (_, placement) in placed.items()},
        read=lambda file: plc.read(file, without_grid),
        write=partial(write_plc, netlist),
        source=str(path),
    )


def write_plc(netlist: Netlist, folder: Path, placement: Placement) -> Path:
    """Write a placement with its cost into a folder, as Circuit Training does; the file."""
    cost = proxy_cost(netlist, placement)
    target = folder / "placement.plc"
    costs = (cost.wirelength, cost.density, cost.congestion)
    plc.write(target, netlist, placement, costs=costs)
    return target


def lefdef_design(path: Path, lefs: Sequence[Path]) -> Benchmark:
    """A DEF with the LEF files of its technology and its cells.

    Raises:
        InputError: A file is missing or malformed, or a cell is in no LEF.
    """
    if not lefs:
        raise InputError(
            "a .def needs the LEF files that describe its cells",
            where=str(path),
            hint="add --lef TECHNOLOGY.lef --lef CELLS.lef",
        )
    library = lef.read(lefs)
    design = def_file.read(path)
    netlist, initial = lefdef.to_netlist(design, library)

    def read(file: Path) -> tuple[Netlist, Placement]:
        other, placement = lefdef.to_netlist(def_file.read(file), library)
        return netlist, _by_name(other, placement, netlist, file)

    def write(folder: Path, placement: Placement) -> Path:
        target = folder / "placement.def"
        def_file.write(target, lefdef.with_placement(design, netlist, placement))
        return target

    return Benchmark(
        netlist.name,
        netlist,
        {"initial": initial},
        read,
        write,
        source=str(path),
        tracks=track_supply(design, library),
        remarks=(*design.remarks, *_skipped(design), *_unplaced_ports(netlist)),
    )


def bookshelf_design(path: Path) -> Benchmark:
    """A Bookshelf design by its .aux file.

    Raises:
        InputError: One of the files that the .aux names is missing or malformed.
    """
    netlist, initial = bookshelf.read(path)
    return _with_pl(netlist, initial, path, bookshelf.read_pl)


def floorplan_design(path: Path) -> Benchmark:
    """A floorplanning set by its file of blocks.

    Raises:
        InputError: One of its files is missing or malformed.
    """
    netlist, initial = floorplan.read(path)
    return _with_pl(netlist, initial, path, floorplan.read_pl)


def _with_pl(
    netlist: Netlist,
    initial: Placement,
    path: Path,
    read_pl: Callable[[Path, Netlist], Placement],
) -> Benchmark:
    """A design whose placements are .pl files."""

    def read(file: Path) -> tuple[Netlist, Placement]:
        return netlist, read_pl(file, netlist)

    def write(folder: Path, placement: Placement) -> Path:
        target = folder / "placement.pl"
        bookshelf.write_pl(target, netlist, placement)
        return target

    return Benchmark(
        netlist.name,
        netlist,
        {"initial": initial},
        read,
        write,
        source=str(path),
        remarks=_unplaced_ports(netlist),
    )


def _skipped(design: def_file.DefDesign) -> tuple[str, ...]:
    """A remark on what was not read of a DEF, if anything was not."""
    if not design.skipped:
        return ()
    kinds = ", ".join(f"{count} {kind}" for kind, count in design.skipped.items())
    return (f"passed over, and missing from what is written: {kinds}",)


def _unplaced_ports(netlist: Netlist) -> tuple[str, ...]:
    """A remark on ports that nobody has placed, if there are any."""
    ports = netlist.nodes_of(NodeKind.PORT)
    unplaced = ports[~netlist.fixed[ports]]
    if not unplaced.size:
        return ()
    first = netlist.node_name[unplaced[0]]
    return (
        f"{unplaced.size} of {ports.size} ports have no place, the first is {first!r}: their wires "
        "lead to the middle of the canvas",
    )


def _by_name(other: Netlist, placement: Placement, netlist: Netlist, file: Path) -> Placement:
    """The placement of `other` for the nodes of `netlist`, which must have the same names."""
    node_of = {name: node for node, name in enumerate(other.node_name)}
    missing = [name for name in netlist.node_name if name not in node_of]
    if missing:
        raise InputError(
            f"{len(missing)} of {netlist.num_nodes} nodes are not in the placement, the first is "
            f"{missing[0]!r}",
            where=str(file),
            hint="is it the placement of another design?",
        )
    order = np.array([node_of[name] for name in netlist.node_name])
    return Placement(placement.x_um[order], placement.y_um[order], placement.orient[order])


def _plc_beside(netlist: Path) -> dict[str, Path]:
    return {
        name: file
        for name in ("initial", "legalized")
        for suffix in (".plc", ".plc.gz")
        if (file := netlist.parent / (name + suffix)).exists()
    }
