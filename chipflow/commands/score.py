"""`chipflow score`: judges a placement."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def score(
    netlist: Annotated[
        str,
        typer.Argument(
            help="A benchmark, or a .pb.txt, .aux, .def or .blocks file.", metavar="NETLIST"
        ),
    ],
    placement: Annotated[
        str,
        typer.Argument(
            help="A .plc, .pl or .def file, or the name of a placement that comes with the "
            "benchmark: initial, legalized.",
            show_default=False,
        ),
    ],
    lef: Annotated[
        list[Path] | None, typer.Option("--lef", help="LEF file of a .def netlist; repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the proxy cost, wirelength and legality of a placement."""
    from benchmarks.placement import is_flat
    from benchmarks.placement import score as score_of
    from chipflow.commands.inputs import load_placed
    from chipflow.commands.score_table import score_lines
    from placement_env import route_estimate
    from placement_env.kernels import compile_notice

    def say(line: str) -> None:
        typer.echo(line, err=True)

    benchmark, at = load_placed(netlist, placement, lef or [])
    if is_flat(benchmark.netlist):
        if benchmark.tracks is not None:
            route_estimate.compile_kernels(say)
    elif benchmark.netlist.grid is not None:
        compile_notice("proxy cost", lambda: score_of(benchmark.netlist, at), say)
    came = benchmark.replaced or benchmark.placements.get("initial")
    scores = score_of(benchmark.netlist, at, benchmark.tracks, start=None if came is at else came)
    if as_json:
        typer.echo(json.dumps({"design": benchmark.name, **scores}, indent=2))
    else:
        typer.echo("\n".join(score_lines(benchmark, scores)))
