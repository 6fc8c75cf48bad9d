"""`chipflow bench speed`: how fast costs, moves and reading are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def speed(
    designs: Annotated[
        str, typer.Option(metavar="A,B,...", help="Only these (default: all of the suite tilos).")
    ] = "",
    rounds: Annotated[
        int, typer.Option(help="How often all is measured, about 4 s each.", min=1)
    ] = 5,
    moves: Annotated[
        int, typer.Option(help="Moves of the search in a round.", min=10_000)
    ] = 200_000,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write speed.json and speed.md here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Time the proxy cost, full and incremental, the search's moves and reading.

    Beside them stands an implementation in plain Python, measured in turn with the others, so that
    the ratios hold on a busy machine as well.
    """
    from agents import search
    from benchmarks.speed import machine, measure
    from benchmarks.speed_table import to_json, to_markdown
    from chipflow.commands.inputs import designs_of, make_folder
    from chipflow.commands.progress_lines import ProgressLines
    from placement_env.formats.text import write_text
    from placement_env.netlist import Netlist, Placement

    chosen = designs_of("tilos", designs)
    if out:
        make_folder(out)

    def run_search(netlist: Netlist, start: Placement, moves: int, cores: int) -> None:
        search.place(netlist, start, budget_s=1.0, seed=1, moves=moves, cores=cores)

    show = ProgressLines(quiet=quiet)
    search.compile_kernels(show.say)
    speeds = []
    for name in chosen:
        show.say(f"{name}: {rounds} rounds")
        speeds.append(measure(name, run_search, rounds=rounds, moves=moves))
    record, table = to_json(speeds, machine()), to_markdown(speeds, machine())
    if out:
        write_text(out / "speed.json", json.dumps(record, indent=2) + "\n")
        write_text(out / "speed.md", table)
    typer.echo(json.dumps(record, indent=2) if as_json else table, nl=as_json)
