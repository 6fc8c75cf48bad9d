"""The netlists that a training run is given by name: public ones, files, and generated ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from agents.flat.inputs import on_one_point
from agents.mixed_size import grouped_problem
from agents.placers import is_floorplan
from agents.variants import family_of, vary
from benchmarks import files, registry
from benchmarks.generated import generate, random_recipe
from benchmarks.known_optimum import known_optimum
from placement_env.errors import InputError
from placement_env.gridding import default_grid
from placement_env.grouping import group_cells
from placement_env.netlist import Canvas, Netlist, NodeKind, Placement
from placement_env.synthetic import synthetic_netlist

#: Routes across the canvas each way, for floorplans: their files state none, and wires may pass
#: over blocks.
_FLOORPLAN_ROUTES = 1000.0
_GENERATED = re.compile(r"generated:(\d+)(?:-(\d+))?(?:x(\d+\.?\d*|\.\d+))?")
_OPTIMUM = re.compile(r"optimum:(\d+):(\d+)(?:-(\d+))?")
_VARIANTS = re.compile(r"variant:(\w+):(\d+)(?:-(\d+))?")

#: Writes a placement into a folder and returns the file.
Writer = Callable[[Path, Placement], Path]


@dataclass(frozen=True)
class TrainingNetlist:
    """A netlist to learn on.

    Attributes:
        name: Its name, as it was asked for.
        netlist: Clustered, with a grid.
        start: Where ports and fixed macros are.
        is_placed: Whether `start` says where macros are as well.
        write: Writes a placement of it.
        parent: The design that it is a variant of.
        carry: Carries a placement of that over to this one.
    """

    name: str
    netlist: Netlist
    start: Placement
    is_placed: bool
    write: Writer
    parent: TrainingNetlist | None = None
    carry: Callable[[Placement], Placement] | None = None


def load_netlists(names: str, start: str = "") -> list[TrainingNetlist]:
    """Netlists by their names, separated by commas.

    A name is "toy"; a benchmark; a netlist file; "generated:7", "generated:0-99" or, at a tenth of
    the size, "generated:0-99x0.1", for netlists of `benchmarks.generated` by their seeds; or
    "variant:NAME:0-19" for variants of a benchmark (`agents.variants`); or "optimum:8:0-19" for
    netlists of 8 x 8 macros whose least wirelength is known (`benchmarks.known_optimum`). Cells of
    flat netlists are grouped, and their rows begin at (0, 0) then. Floorplans, which have no grid,
    get one to place on.

    Args:
        names: The names.
        start: A placement of a benchmark or file, in its format, in place of its own.

    Raises:
        InputError: There is no such benchmark or file, or it is malformed, or says nothing about
            where its ports are.
    """
    found: list[TrainingNetlist] = []
    for name in (word.strip() for word in names.split(",")):
        if start and (name == "toy" or re.match("(generated|variant|optimum):", name)):
            raise InputError(
                f"{name!r} brings its own placement",
                where=start,
                hint="--start is for a benchmark or a netlist file",
            )
        if match := _GENERATED.fullmatch(name):
            first, last = int(match[1]), int(match[2] or match[1])
            size = float(match[3] or 1)
            if last < first or not 0 < size <= 10:
                raise InputError(
                    f"{name!r} names no netlist",
                    hint="expected generated:FIRST-LAST, with xSIZE behind it from 0 to 10",
                )
            found += [_generated(seed, size) for seed in range(first, last + 1)]
        elif match := _VARIANTS.fullmatch(name):
            first, last = int(match[2]), int(match[3] or match[2])
            if last < first:
                raise InputError(
                    f"{name!r} names no netlist", hint="expected variant:NAME:FIRST-LAST"
                )
            found += _variants(match[1], range(first, last + 1))
        elif match := _OPTIMUM.fullmatch(name):
            side, first, last = int(match[1]), int(match[2]), int(match[3] or match[2])
            if side < 2 or last < first:
                raise InputError(
                    f"{name!r} names no netlist",
                    hint="expected optimum:SIDE:FIRST-LAST, with a side of 2 macros or more",
                )
            found += [_with_optimum(side, seed) for seed in range(first, last + 1)]
        elif name == "toy":
            netlist, placement = synthetic_netlist()
            found.append(
                TrainingNetlist(name, netlist, placement, False, partial(files.write_plc, netlist))
            )
        else:
            found.append(_benchmark(name, start))
    return found


def _generated(seed: int, size: float) -> TrainingNetlist:
    netlist, hidden = generate(random_recipe(seed, size=size), seed)
    name = f"generated:{seed}" + (f"x{size:g}" if size != 1 else "")
    return TrainingNetlist(name, netlist, hidden, True, partial(files.write_plc, netlist))


def _with_optimum(side: int, seed: int) -> TrainingNetlist:
    netlist, hidden, _ = known_optimum(side, seed=seed)
    name = f"optimum:{side}:{seed}"
    return TrainingNetlist(name, netlist, hidden, True, partial(files.write_plc, netlist))


def _variants(name: str, numbers: range) -> list[TrainingNetlist]:
    family = family_of(name)
    netlist, start = family.netlist, family.start
    parent = TrainingNetlist(
        name, netlist, start, _is_placed(netlist, start), partial(files.write_plc, netlist)
    )
    found = []
    for number in numbers:
        one = vary(family, number)
        found.append(
            TrainingNetlist(
                f"variant:{name}:{number}",
                one.netlist,
                one.carry(start),
                parent.is_placed,
                partial(files.write_plc, one.netlist),
                parent=parent,
                carry=one.carry,
            )
        )
    return found


def _is_placed(netlist: Netlist, placement: Placement) -> bool:
    """Whether hard macros are anywhere, and not all on one point."""
    macros = netlist.nodes_of(NodeKind.HARD_MACRO)
    return bool(macros.size) and not on_one_point(netlist, placement, macros)


def _at_origin(netlist: Netlist, placement: Placement) -> tuple[Netlist, Placement]:
    """A grouped netlist and a placement of it with the canvas at (0, 0), where a .plc has it."""
    canvas = netlist.canvas
    moved = replace(
        placement,
        x_um=placement.x_um - canvas.left_um,
        y_um=placement.y_um - canvas.bottom_um,
    )
    at_origin = Canvas(0.0, 0.0, canvas.width_um, canvas.height_um)
    return replace(netlist, canvas=at_origin, rows=None), moved


def _benchmark(name: str, start: str) -> TrainingNetlist:
    file = Path(start) if start else None
    if Path(name).suffix or "/" in name:
        benchmark = files.load_files(Path(name), start=file)
    else:
        benchmark = registry.load(name)
        benchmark = files.with_start(benchmark, file) if file else benchmark
    netlist, placement = benchmark.netlist, benchmark.placements.get("initial")
    if placement is None:
        raise InputError(
            "the netlist comes without positions of its ports",
            where=name,
            hint="give a placement of this netlist with --start",
        )
    if (netlist.node_kind == NodeKind.STANDARD_CELL).any():
        group = group_cells(netlist)
        netlist, placement = _at_origin(*grouped_problem(netlist, group, placement))
        return TrainingNetlist(name, netlist, placement, False, partial(files.write_plc, netlist))
    if is_floorplan(netlist):
        per_um = _FLOORPLAN_ROUTES / max(netlist.canvas.width_um, netlist.canvas.height_um)
        grid = default_grid(
            netlist,
            h_tracks_per_um=per_um,
            v_tracks_per_um=per_um,
            h_macro_tracks_per_um=0.0,
            v_macro_tracks_per_um=0.0,
        )
        netlist = replace(netlist, grid=grid)
    return TrainingNetlist(
        name, netlist, placement, _is_placed(netlist, placement), benchmark.write
    )
