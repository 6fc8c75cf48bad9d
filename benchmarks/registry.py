"""The benchmarks by name, and the suites that they form.

| suite | designs | terms |
| --- | --- | --- |
| tilos | clustered netlists of TILOS MacroPlacement, made by Circuit Training | BSD-3-Clause |
| iccad04 | mixed-size netlists with macros and cells, from IBM's ISPD98 circuits | research use |
| tilos_sky130hd | as tilos, in SKY130HD; its full netlist is grouped here | BSD-3-Clause |
| ispd18, ispd19 | LEF/DEF designs without macros, from the routing contests | contest |
| gsrc, mcnc | blocks to be floorplanned, without cells | free, MIT-style |
| gsrc_soft | as gsrc with blocks that may take other shapes of their area | free, MIT-style |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from benchmarks import files
from benchmarks.data import find
from benchmarks.fetch import origins
from benchmarks.files import Benchmark
from benchmarks.published import published
from placement_env.did_you_mean import did_you_mean
from placement_env.errors import InputError
from placement_env.formats import plc
from placement_env.route_estimate import TrackSupply

SUITES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "tilos": ("ariane133_ng45", "ariane136_ng45", "nvdla_ng45", "ariane136_asap7"),
        "iccad04": ("ibm01", "ibm03", "ibm05", "ibm06", "ibm08", "ibm10", "ibm12"),
        "tilos_sky130hd": ("ariane133_sky130hd",),
        "ispd18": ("ispd18_test1",),
        "ispd19": ("ispd19_test1",),
        "gsrc": ("n10", "n30", "n50", "n100", "n200", "n300"),
        "gsrc_soft": ("n100_soft", "n200_soft", "n300_soft"),
        "mcnc": ("apte", "xerox", "hp", "ami33", "ami49"),
    }
)

#: Bookshelf coordinates of ICCAD04 in one micrometre of the .plc files that belong to it.
_UNITS_PER_UM = 100


def names() -> list[str]:
    """All benchmarks, suite by suite."""
    return [name for suite in SUITES.values() for name in suite]


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
    return SUITES[suite]


def files_of(name: str) -> list[str]:
    """Names in the data folder of a benchmark's files, the netlist first.

    Raises:
        InputError: There is no such benchmark.
    """
    match _suite_of(name):
        case "tilos":
            parts = ("netlist.pb.txt.gz", "initial.plc", "legalized.plc")
            return [f"tilos/{name}/{part}" for part in parts]
        case "tilos_sky130hd":
            parts = ("full.pb.txt.gz", "groups.final.gz", "initial.plc", "legalized.plc")
            return [f"tilos/{name}/{part}" for part in parts]
        case "gsrc" | "gsrc_soft" | "mcnc" as suite:
            stem, _, soft = name.partition("_")
            folder = f"floorplan/{suite.removesuffix('_soft')}/{stem}"
            blocks = f"{soft or 'hard'}blocks" if suite != "mcnc" else "blocks"
            return [f"{folder}/{stem}.{kind}.gz" for kind in (blocks, "nets", "pl")]
        case "iccad04":
            parts = [f"{name}.{kind}.gz" for kind in ("aux", "nodes", "nets", "wts", "pl", "scl")]
            start = f"iccad04/{name}/initial.plc.gz"
            return [f"iccad04/{name}/{part}" for part in parts] + [start] * (start in origins())
        case "ispd18":
            return [f"ispd18/{name}.input.{kind}.gz" for kind in ("def", "lef")]
        case suite:
            return [f"{suite}/{name}/{name}.input.{kind}.gz" for kind in ("def", "lef")]


def load(name: str) -> Benchmark:
    """Read a benchmark; files that are not on this machine are fetched.

    Raises:
        InputError: There is no such benchmark, or a file is missing or damaged.
    """
    paths = [find(relative) for relative in files_of(name)]
    match _suite_of(name):
        case "tilos":
            benchmark = files.clustered(paths[0], {"initial": paths[1], "legalized": paths[2]})
        case "tilos_sky130hd":
            placed = {"initial": paths[2], "legalized": paths[3]}
            benchmark = files.grouped(paths[0], paths[1], placed)
        case "gsrc" | "gsrc_soft" | "mcnc":
            benchmark = files.floorplan_design(paths[0])
        case "iccad04":
            benchmark = files.bookshelf_design(paths[0])
            if paths[-1].name == "initial.plc.gz":
                benchmark = _with_grid_of(benchmark, paths[-1])
        case _:
            benchmark = files.lefdef_design(paths[0], paths[1:])
    origin = next(iter(_origins_of(name)), "")
    return replace(benchmark, name=name, published=published(name), source=origin)


def _suite_of(name: str) -> str:
    for suite, designs in SUITES.items():
        if name in designs:
            return suite
    raise InputError(
        f"there is no benchmark called {name!r}",
        hint=did_you_mean(name, names()) or f"benchmarks: {', '.join(names())}",
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
