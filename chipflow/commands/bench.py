"""`chipflow bench`, and `placement` of it: a placer beside the published numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chipflow.commands.bench_agent import agent as bench_agent
from chipflow.commands.bench_all import run_all, show_scoreboard
from chipflow.commands.bench_flat import flat
from chipflow.commands.bench_gate import gate
from chipflow.commands.bench_list import list_suites
from chipflow.commands.bench_optimum import optimum
from chipflow.commands.bench_routability import routability
from chipflow.commands.bench_speed import speed
from chipflow.commands.bench_verilog import verilog

if TYPE_CHECKING:
    from benchmarks.placement import Result
    from placement_env.errors import ChipError

bench = typer.Typer(
    no_args_is_help=True, help="Measure on public benchmarks, beside the published numbers."
)
bench.command()(speed)
bench.command("agent")(bench_agent)
bench.command("all")(run_all)
bench.command("scoreboard")(show_scoreboard)
bench.command()(gate)
bench.command()(optimum)
bench.command()(flat)
bench.command()(routability)
bench.command()(verilog)
bench.command("list")(list_suites)


@bench.command()
def placement(
    suite: Annotated[
        str, typer.Option(metavar="A,B,...", help="tilos, iccad04, ispd18, gsrc, mcnc, ...")
    ] = "tilos",
    designs: Annotated[
        str, typer.Option(metavar="A,B,...", help="Only these (default: all of the suite).")
    ] = "",
    budget: Annotated[
        str, typer.Option(metavar="S,S,...", help="Seconds for the search, one run each.")
    ] = "60",
    seeds: Annotated[int, typer.Option(help="Runs with seeds 1 to N.", min=1)] = 1,
    agent: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What places the macros: graph-rl, search, annealing, greedy, quadratic, random, "
            "flat, coloquinte, a checkpoint of `chipflow train`, MODULE:FUNCTION or a command "
            "(default: the first of the suite's own, flat or search).",
        ),
    ] = None,
    start: Annotated[
        str, typer.Option(metavar="NAME|none", help="initial, legalized or none.")
    ] = "initial",
    hard_only: Annotated[
        bool, typer.Option("--hard-only", help="Keep soft macros where the start has them.")
    ] = False,
    cores: Annotated[
        int | None, typer.Option(help="Processor cores to use (default: all).", min=1)
    ] = None,
    flips: Annotated[
        bool, typer.Option("--flips", help="Hard macros may be mirrored as well.")
    ] = False,
    moves: Annotated[
        int | None,
        typer.Option(
            help="Stop after so many moves, not by the clock: the same result on every machine.",
            min=0,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write results.json and results.md here, or for several suites in folders named "
            "after them; runs that are there already are kept.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Place the designs of suites and print median, mean and best beside the published scores."""
    from benchmarks.table import to_json, to_markdown
    from chipflow.commands.inputs import designs_of
    from chipflow.commands.interrupt import interrupts
    from chipflow.commands.macro_options import MacroOptions
    from chipflow.commands.progress_lines import ProgressLines
    from chipflow.commands.suite_placers import PLACERS
    from chipflow.commands.suite_runs import SuiteRuns, budgets, run_and_keep
    from placement_env.errors import ChipError, InputError

    suites = [name.strip() for name in suite.split(",") if name.strip()]
    if not suites:
        raise InputError(
            f"--suite is {suite!r}, expected names of suites",
            hint="`chipflow bench list` has them",
        )
    plan = [
        SuiteRuns(
            name,
            designs_of(name, designs),
            budgets(budget),
            range(1, seeds + 1),
            start,
            MacroOptions(
                agent=agent or PLACERS.get(name, ("search",))[0],
                hard_only=hard_only,
                from_nothing=start == "none",
                flips=flips,
                cores=cores,
                moves=moves,
            ),
        )
        for name in suites
    ]
    results: list[Result] = []
    failures: list[ChipError] = []
    records: list[dict] = []
    with interrupts() as ctrl_c, ProgressLines(quiet=quiet) as show:
        for runs in plan:
            folder = out / runs.suite if out and len(plan) > 1 else out
            try:
                done, failed = run_and_keep(runs, folder, show, ctrl_c)
            except ChipError as error:  # None of its designs could be placed; others may.
                failures.append(error)
                continue
            results += done
            failures += failed
            records.append(to_json(done, runs.made_with()))
            if ctrl_c.seen:
                break
    if failures and not results and not ctrl_c.seen:
        raise failures[0]
    if as_json:
        typer.echo(json.dumps(records[0] if len(plan) == 1 else records, indent=2))
    elif results:
        typer.echo(to_markdown(results), nl=False)
    if ctrl_c.seen:
        typer.echo("interrupted: only the runs that were finished are kept", err=True)
        raise typer.Exit(130)
    for error in failures:
        typer.echo(f"failed: {error}", err=True)
    if not all(result.legal for result in results):
        typer.echo("not all placements are legal: see the table", err=True)
        raise typer.Exit(1)
    if failures:
        raise typer.Exit(1)
