"""`chipflow place`: places a netlist within a time budget."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from agents.history import CostHistory, Frame
    from benchmarks.files import Benchmark
    from placement_env.netlist import Placement

#: Pictures of an animation.
_PICTURES = 60
#: Files of the search's course.
_OF_THE_COURSE = ("history.json", "cost_over_time.svg", "placement.gif")


def place(
    netlist: Annotated[
        str,
        typer.Argument(
            help="A benchmark, or a .pb.txt, .aux, .def or .blocks file.", metavar="NETLIST"
        ),
    ],
    start: Annotated[
        str,
        typer.Option(
            metavar="FILE|NAME|none",
            help="A .plc, .pl or .def to start from, or a placement that comes with the benchmark; "
            "none ignores where macros are.",
        ),
    ] = "initial",
    budget: Annotated[
        float,
        typer.Option(help="Seconds for the search of macros; the agent flat takes its own time."),
    ] = 60.0,
    moves: Annotated[
        int | None,
        typer.Option(
            help="Try so many moves instead: with equal --seed and --cores the result is the same.",
            min=0,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the search.", min=0)] = 1,
    agent: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What places the macros: graph-rl, search, annealing, greedy, quadratic, random, "
            "a checkpoint of `chipflow train`, MODULE:FUNCTION or a command; flat and coloquinte "
            "place macros and cells together (default: flat for netlists with cells, graph-rl for "
            "others).",
        ),
    ] = None,
    cores: Annotated[
        int | None, typer.Option(help="Processor cores to use (default: all).", min=1)
    ] = None,
    device: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Where the flat placer spreads macros and cells: cpu, cuda, cuda:1 or another "
            "device of PyTorch, or auto for a GPU where there is one.",
        ),
    ] = "cpu",
    fix: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME,NAME,...", help="Keep these where the start has them; repeatable."
        ),
    ] = None,
    hard_only: Annotated[
        bool, typer.Option("--hard-only", help="Keep soft macros where the start has them.")
    ] = False,
    gap: Annotated[
        float, typer.Option(help="Least distance between hard macros, in um.", min=0.0)
    ] = 0.0,
    grid: Annotated[
        float | None,
        typer.Option(metavar="UM", help="Lower left corners of macros on multiples of this."),
    ] = None,
    flips: Annotated[
        bool, typer.Option("--flips", help="Hard macros may be mirrored as well.")
    ] = False,
    routability: Annotated[
        bool,
        typer.Option(
            "--routability", help="Spread cells out where wires would be more than the tracks."
        ),
    ] = False,
    animate: Annotated[
        bool, typer.Option("--animate", help="Write placement.gif, the search as it went.")
    ] = False,
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

    Writes the placement in the netlist's format, placement.png, scores.json and the course of the
    search: history.json, cost_over_time.svg. Ctrl-C ends the search early; the best placement so
    far is kept.
    """
    from agents import placers
    from agents.history import CostHistory, Snapshots
    from agents.progress import Progress
    from benchmarks.placement import is_legal, score
    from chipflow.commands.inputs import compile_for, load_placed, make_folder
    from chipflow.commands.interrupt import interrupts
    from chipflow.commands.macro_options import MacroOptions
    from chipflow.commands.progress_lines import ProgressLines
    from chipflow.commands.score_table import score_lines

    show = ProgressLines(quiet=quiet)
    benchmark, begin_at = load_placed(netlist, "initial" if start == "none" else start, lef or [])
    agent = agent or placers.default_for(benchmark.netlist)
    options = MacroOptions(
        agent=agent,
        fixed=[name.strip() for names in fix or () for name in names.split(",") if name.strip()],
        hard_only=hard_only,
        from_nothing=start == "none",
        gap_um=gap,
        grid_um=grid,
        flips=flips,
        cores=cores,
        moves=moves,
        device=device,
        routability=routability,
    )
    options.check(benchmark.netlist, begin_at, budget, benchmark.tracks)
    folder = make_folder(out or Path("placements", benchmark.name))
    for remark in benchmark.remarks:
        typer.echo(f"note: {netlist}: {remark}", err=True)
    compile_for(benchmark, agent, show.say)
    history, snapshots = CostHistory(), Snapshots(_PICTURES)

    def report(progress: Progress) -> None:
        # Each placer of a run has a clock of its own.
        of_run = replace(progress, elapsed_s=time.perf_counter() - started)
        history.add(of_run)
        if animate:
            snapshots.add(of_run)
        show(progress)

    with interrupts() as ctrl_c, show:
        started = time.perf_counter()
        placement = options.place(
            benchmark.netlist,
            begin_at,
            budget_s=budget,
            seed=seed,
            progress=report,
            tracks=benchmark.tracks,
        )
        wall_s = time.perf_counter() - started
    placed = benchmark.write(folder, placement)  # before anything that can fail or be interrupted
    for name in _OF_THE_COURSE:  # those of an earlier run do not fit this placement
        (folder / name).unlink(missing_ok=True)
    scores = score(benchmark.netlist, placement, benchmark.tracks, start=begin_at)
    scores["time__wall_s"] = wall_s
    record = {"design": benchmark.name, "budget_s": budget, "seed": seed, **scores}
    record["options"] = options.record()
    files = _write_history(folder, history)
    if animate:
        files.append(_animate(folder, benchmark, placement, snapshots.frames, scores))
    files = [placed, *_write(folder, benchmark, placement, files, record)]
    record["files"] = [str(path) for path in files]
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


def _write(
    folder: Path, benchmark: Benchmark, placement: Placement, others: list[Path], record: dict
) -> list[Path]:
    """Write picture and scores; returns these files and the others."""
    from placement_env.formats.text import write_text
    from placement_env.render import draw_placement

    picture = draw_placement(
        benchmark.netlist, placement, folder / "placement.png", title=benchmark.name
    )
    scores = folder / "scores.json"
    files = [picture, scores, *others]
    write_text(scores, json.dumps(record, indent=2) + "\n")
    return files


def _write_history(folder: Path, history: CostHistory) -> list[Path]:
    """Write the course of the search and its chart, if it told of one."""
    from chipflow.report.cost_over_time import cost_over_time, svg_file
    from placement_env.formats.text import write_text

    drawn = cost_over_time(vars(history))
    if drawn is None:
        return []
    chart = folder / "cost_over_time.svg"
    write_text(chart, svg_file(drawn[0]))
    return [history.write(folder / "history.json"), chart]


def _animate(
    folder: Path,
    benchmark: Benchmark,
    placement: Placement,
    frames: list[Frame],
    scores: dict[str, float],
) -> Path:
    """Draw the kept placements and the result as an animation."""
    from agents.progress import PROXY_COST, WIRELENGTH
    from benchmarks.table import number
    from placement_env.animation import Picture, draw_animation

    words = {PROXY_COST: "cost", WIRELENGTH: "HPWL"}
    name = benchmark.name
    pictures = [
        Picture(
            frame.placement,
            f"{name}  {frame.elapsed_s:.1f} s  {words[frame.measure]} {number(frame.cost)}",
        )
        for frame in frames
    ]
    metric = "placement__proxy__cost"
    word = words[PROXY_COST if metric in scores else WIRELENGTH]
    value = scores.get(metric, scores["placement__wirelength__hpwl_um"])
    title = f"{name}  {scores['time__wall_s']:.1f} s  {word} {number(value)}"
    pictures.append(Picture(placement, title))
    return draw_animation(benchmark.netlist, pictures, folder / "placement.gif")
