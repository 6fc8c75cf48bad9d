"""The benchmarks by name: which files they are, and how they are read.

`benchmarks/suites.py` says what there is.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks import files
from benchmarks.data import find, find_here
from benchmarks.fetch import origins
from benchmarks.files import Benchmark
from benchmarks.published import published
from benchmarks.suites import FILE_SETS, SUITES
from placement_env.did_you_mean import did_you_mean
from placement_env.errors import InputError
from placement_env.formats import plc
from placement_env.route_estimate import TrackSupply

#: Bookshelf coordinates of ICCAD04 in one micrometre of the .plc files that belong to it.
_UNITS_PER_UM = 100


def names() -> list[str]:
    """All benchmarks, suite by suite."""
    return [name for suite in SUITES.values() for name in suite.designs]


def designs_of(suite: str) -> tuple[str, ...]:
    """The benchmarks of a suite.

    Raises:
        InputError: There is no such suite.
    """
    if suite not in SUITES:
        raise InputError(
            f"there is no suite called {suite!r}",
            hint=did_you_mean(suite, SUITES) or f"suites: {', '.join(SUITES)}",
        )
    return SUITES[suite].designs


def files_of(name: str) -> list[str]:
    """Names in the data folder of a benchmark's files, the netlist first.

    Raises:
        InputError: There is no such benchmark.
    """
    suite = _suite_of(name)
    match SUITES[suite].kind:
        case "clustered":
            netlist = f"tilos/{name}/netlist.pb.txt.gz"
            if netlist in origins() or find_here(netlist):
                return [netlist, *_plc_files(name)]
            # Three of them are published only as what they were grouped from.
            return _files_to_group(name)
        case "grouped":
            return _files_to_group(name)
        case "floorplan":
            stem, _, soft = name.partition("_")
            folder = f"floorplan/{suite.removesuffix('_soft')}/{stem}"
            blocks = f"{soft or 'hard'}blocks" if suite != "mcnc" else "blocks"
            return [f"{folder}/{stem}.{kind}.gz" for kind in (blocks, "nets", "pl")]
        case "bookshelf":
            parts = [f"{name}.{kind}.gz" for kind in ("aux", "nodes", "nets", "wts", "pl", "scl")]
            start = f"{suite}/{name}/initial.plc.gz"
            return [f"{suite}/{name}/{part}" for part in parts] + [start] * (start in origins())
        case "lefdef":
            if suite == "ispd2015":
                return [
                    f"{suite}/{name}/{part}" for part in ("floorplan.def", "tech.lef", "cells.lef")
                ]
            folder = suite if name == "ispd18_test1" else f"{suite}/{name}"
            return [f"{folder}/{name}.input.{kind}.gz" for kind in ("def", "lef")]


def _files_to_group(name: str) -> list[str]:
    parts = ("full.pb.txt.gz", "groups.final.gz")
    return [f"tilos/{name}/{part}" for part in parts] + _plc_files(name)


def _plc_files(name: str) -> list[str]:
    return [f"tilos/{name}/{part}" for part in ("initial.plc", "legalized.plc")]


def files_of_set(name: str) -> list[str]:
    """Names in the data folder of all files of a set without netlists.

    Raises:
        InputError: Chipflow does not fetch it.
    """
    known = [file for file in origins() if file.startswith(f"{name}/")]
    if not known:
        raise InputError(
            f"chipflow does not fetch {name}",
            where=FILE_SETS[name].origin,
            hint=FILE_SETS[name].by_hand,
        )
    return known


def is_within_reach(name: str) -> bool:
    """Whether each file of a benchmark is on this machine or has an origin to be fetched from."""
    return all(file in origins() or find_here(file) for file in files_of(name))


def path_of(name: str, file: str) -> Path:
    """The local path of one of a benchmark's files, which is fetched where it is not here.

    Raises:
        InputError: It is not here and cannot be fetched; the message says what to do.
    """
    suite = SUITES[_suite_of(name)]
    if file not in origins() and not find_here(file) and suite.by_hand:
        raise InputError(
            f"{name} is not on this machine, and chipflow does not fetch it: {file} is missing",
            where=suite.origin,
            hint=suite.by_hand.replace("NAME", name),
        )
    return find(file)


def load(name: str) -> Benchmark:
    """Read a benchmark; files that are not on this machine are fetched.

    Raises:
        InputError: There is no such benchmark, or a file is missing or damaged.
    """
    paths = [path_of(name, file) for file in files_of(name)]
    placed = {"initial": paths[-2], "legalized": paths[-1]} if len(paths) > 1 else {}
    match SUITES[_suite_of(name)].kind:
        case "clustered" if len(paths) == 3:
            benchmark = files.clustered(paths[0], placed)
        case "clustered" | "grouped":
            benchmark = files.grouped(paths[0], paths[1], placed)
        case "floorplan":
            benchmark = files.floorplan_design(paths[0])
        case "bookshelf":
            benchmark = files.bookshelf_design(paths[0])
            if paths[-1].name.removesuffix(".gz") == "initial.plc":
                benchmark = _with_grid_of(benchmark, paths[-1])
        case "lefdef":
            benchmark = files.lefdef_design(paths[0], paths[1:])
    origin = next(iter(_origins_of(name)), SUITES[_suite_of(name)].origin)
    return replace(benchmark, name=name, published=published(name), source=origin)


def _suite_of(name: str) -> str:
    for suite, known in SUITES.items():
        if name in known.designs:
            return suite
    raise InputError(
        f"there is no benchmark called {name!r}",
        hint=did_you_mean(name, names()) or "chipflow bench list names them all",
    )


def _with_grid_of(benchmark: Benchmark, path: Path) -> Benchmark:
    """The flat netlist with the grid that Circuit Training's start for it states."""
    grid = plc.read_header(path).grid
    scaled = replace(
        grid,
        h_tracks_per_um=grid.h_tracks_per_um / _UNITS_PER_UM,
        v_tracks_per_um=grid.v_tracks_per_um / _UNITS_PER_UM,
        h_macro_tracks_per_um=grid.h_macro_tracks_per_um / _UNITS_PER_UM,
        v_macro_tracks_per_um=grid.v_macro_tracks_per_um / _UNITS_PER_UM,
    )
    tracks = TrackSupply(
        scaled.h_tracks_per_um,
        scaled.v_tracks_per_um,
        scaled.h_macro_tracks_per_um,
        scaled.v_macro_tracks_per_um,
    )
    return replace(benchmark, netlist=replace(benchmark.netlist, grid=scaled), tracks=tracks)


def _origins_of(name: str) -> list[str]:
    """Repository and commit of each file of a benchmark that has a public origin."""
    known = [origins()[file] for file in files_of(name) if file in origins()]
    return [f"{origin.repository}@{origin.commit[:8]}" for origin in known]
