"""`chipflow place`: places a netlist within a time budget."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from benchmarks.files import Benchmark
    from placement_env.netlist import Placement


def place(
    netlist: Annotated[
        str, typer.Argument(help="A benchmark, or a .pb.txt, .aux or .def file.", metavar="NETLIST")
    ],
    start: Annotated[
        str,
        typer.Option(
            metavar="FILE|NAME|none",
            help="A .plc, .pl or .def to start from, or a placement that comes with the benchmark; "
            "none ignores where macros are.",
        ),
    ] = "initial",
    budget: Annotated[float, typer.Option(help="Seconds for the search of macros.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Seed of the search.", min=0)] = 1,
    gap: Annotated[float, typer.Option(help="Least distance between macros, in um.")] = 0.0,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write (default: placements/NAME).")
    ] = None,
    lef: Annotated[
        list[Path] | None,
        typer.Option("--lef", metavar="FILE", help="LEF file of a .def netlist; repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Place a netlist: macros of a clustered one, macros and cells of a flat one.

    Writes the placement in the netlist's format, placement.png and scores.json. Ctrl-C ends the
    search early; the best placement so far is kept.
    """
    from agents import mixed_size
    from benchmarks.placement import is_legal, score
    from chipflow.commands.inputs import compile_for, load_placed, make_folder
    from chipflow.commands.interrupt import interrupts
    from chipflow.commands.progress_lines import ProgressLines
    from chipflow.commands.score_table import score_lines

    show = ProgressLines(quiet=quiet)
    benchmark, begin_at = load_placed(netlist, "initial" if start == "none" else start, lef or [])
    folder = make_folder(out or Path("placements", benchmark.name))
    compile_for(benchmark.netlist, show.say)
    with interrupts() as ctrl_c, show:
        started = time.perf_counter()
        placement = mixed_size.place(
            benchmark.netlist,
            begin_at,
            budget_s=budget,
            seed=seed,
            progress=show,
            gap_um=gap,
            from_nothing=start == "none",
        )
        wall_s = time.perf_counter() - started
    scores = score(benchmark.netlist, placement) | {"time__wall_s": wall_s}
    record = {"design": benchmark.name, "budget_s": budget, "seed": seed, **scores}
    record["files"] = [str(path) for path in _write(folder, benchmark, placement, record)]
    if as_json:
        typer.echo(json.dumps(record, indent=2))
    else:
        lines = score_lines(benchmark, scores) + [f"  wrote {path}" for path in record["files"]]
        typer.echo("\n".join(lines))
    if ctrl_c.seen:
        typer.echo("interrupted: this is the best placement so far", err=True)
        raise typer.Exit(130)
    if not is_legal(scores):
        typer.echo("the placement is not legal: see its scores", err=True)
        raise typer.Exit(1)


def _write(folder: Path, benchmark: Benchmark, placement: Placement, record: dict) -> list[Path]:
    """Write placement, picture and scores; returns the files."""
    from placement_env.formats.text import write_text
    from placement_env.render import draw_placement

    placed = benchmark.write(folder, placement)
    picture = draw_placement(
        benchmark.netlist, placement, folder / "placement.png", title=benchmark.name
    )
    scores = folder / "scores.json"
    write_text(scores, json.dumps(record, indent=2) + "\n")
    return [placed, picture, scores]
