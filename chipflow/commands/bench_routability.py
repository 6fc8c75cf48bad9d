"""`chipflow bench routability`: what wider cells where wires crowd do for them, and their price."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.progress import ProgressCallback
    from benchmarks.files import Benchmark
    from placement_env.route_estimate import TrackSupply


@dataclass(frozen=True)
class Routed:
    """A placement by the flat placer, and the wires that it would have.

    Attributes:
        design: The design.
        inflated: Whether cells were made wider where wires crowd.
        hpwl_um: Half-perimeter wirelength.
        wire_um: Estimated length of all wires.
        overflow: Estimated wires beyond the tracks.
        overfull_edges: Edges of the routing grid with more wires than tracks.
        ace: Mean usage of the fullest 1 % of its edges.
        legal: Whether the placement is legal.
        wall_s: Time that it took.
    """

    design: str
    inflated: bool
    hpwl_um: float
    wire_um: float
    overflow: float
    overfull_edges: int
    ace: float
    legal: bool
    wall_s: float


def routability(
    designs: Annotated[
        str,
        typer.Option(
            metavar="A,B,...", help="Benchmarks with cells and routing tracks, or files of such."
        ),
    ] = "ibm01,ibm03,ispd18_test1,ispd19_test1",
    lef: Annotated[
        list[Path] | None,
        typer.Option("--lef", metavar="FILE", help="LEF file of .def netlists; repeatable."),
    ] = None,
    density: Annotated[
        float, typer.Option(help="The fullest that rows shall become, up to 1.")
    ] = 1.0,
    usable: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Share of the tracks that wires can use, such as 0.2 to see what scarce ones do "
            "(default: the estimate's own).",
            min=0.0,
            max=1.0,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the placer.", min=0)] = 1,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write routability.json and routability.md here."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Place designs with the flat placer, with and without wider cells where wires crowd."""
    from agents.flat.placer import compile_kernels
    from chipflow.commands.inputs import load_netlist, make_folder
    from chipflow.commands.macro_options import MacroOptions
    from chipflow.commands.progress_lines import ProgressLines
    from placement_env import route_estimate
    from placement_env.formats.text import write_text

    names = filter(None, map(str.strip, designs.split(",")))
    benchmarks = [load_netlist(name, lef or []) for name in names]
    options = MacroOptions(agent="flat", routability=True)
    for benchmark in benchmarks:
        start = benchmark.placements["initial"]
        options.check(benchmark.netlist, start, budget_s=1.0, tracks=benchmark.tracks)
    supplies = [benchmark.tracks for benchmark in benchmarks if benchmark.tracks]
    if usable is not None:
        supplies = [replace(tracks, usable=usable) for tracks in supplies]
    folder = make_folder(out) if out else None
    found: list[Routed] = []
    with ProgressLines(quiet=quiet) as show:
        compile_kernels(show.say)
        route_estimate.compile_kernels(show.say)
        for benchmark, tracks in zip(benchmarks, supplies, strict=True):
            for inflated in (False, True):
                found.append(_routed(benchmark, tracks, inflated, density, seed, show))
                show.say(str(found[-1]))
    text = _markdown(found)
    typer.echo(text, nl=False)
    if folder:
        runs = [asdict(routed) for routed in found]
        record = {"seed": seed, "density": density, "usable": usable, "runs": runs}
        write_text(folder / "routability.json", json.dumps(record, indent=2) + "\n")
        write_text(folder / "routability.md", text)


def _routed(
    benchmark: Benchmark,
    tracks: TrackSupply,
    inflated: bool,
    density: float,
    seed: int,
    progress: ProgressCallback,
) -> Routed:
    from agents.flat.placer import place
    from placement_env.netlist import hpwl_um
    from placement_env.route_estimate import GRID_ROWS, estimate_routes
    from placement_env.row_legality import check_rows

    netlist, start = benchmark.netlist, benchmark.placements["initial"]
    assert netlist.rows is not None
    began = time.perf_counter()
    placed = place(
        netlist,
        start,
        seed=seed,
        progress=progress,
        density=density,
        tracks=tracks if inflated else None,
    )
    wall_s = time.perf_counter() - began
    cell_um = GRID_ROWS * float(netlist.rows.height_um[0])
    routes = estimate_routes(netlist, placed, tracks, cell_um=cell_um)
    return Routed(
        design=benchmark.name,
        inflated=inflated,
        hpwl_um=hpwl_um(netlist, placed),
        wire_um=routes.wire_um,
        overflow=routes.overflow,
        overfull_edges=routes.overfull_edges,
        ace=routes.ace(0.01),
        legal=check_rows(netlist, placed, start=start).legal,
        wall_s=wall_s,
    )


def _markdown(found: Sequence[Routed]) -> str:
    from benchmarks.table import markdown_table

    titles = "design, cells, HPWL, longer by, estimated wires, overflow, overfull edges"
    rows = [[*titles.split(", "), "ACE, worst 1 %", "seconds"]]
    plain = {routed.design: routed.hpwl_um for routed in found if not routed.inflated}
    for routed in found:
        longer = routed.hpwl_um / plain[routed.design] - 1
        rows.append(
            [
                routed.design,
                "wider where wires crowd" if routed.inflated else "as they are",
                f"{routed.hpwl_um:,.0f}" + ("" if routed.legal else " †"),
                f"{longer:+.1%}" if routed.inflated else "",
                f"{routed.wire_um:,.0f}",
                f"{routed.overflow:,.1f}",
                f"{routed.overfull_edges:,}",
                f"{routed.ace:.3f}",
                f"{routed.wall_s:.1f}",
            ]
        )
    lines = markdown_table(rows)
    if not all(routed.legal for routed in found):
        lines += ["", "† not legal"]
    return "\n".join(lines) + "\n"
