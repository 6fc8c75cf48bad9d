"""`chipflow bench`: measures on public benchmarks, beside the published numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from benchmarks.files import Benchmark
    from benchmarks.placement import Result

bench = typer.Typer(
    no_args_is_help=True, help="Measure on public benchmarks, beside the published numbers."
)


@bench.callback()
def _group() -> None:
    pass


@bench.command()
def placement(
    suite: Annotated[str, typer.Option(help="tilos, iccad04, ispd18 or ispd19.")] = "tilos",
    designs: Annotated[
        str, typer.Option(metavar="A,B,...", help="Only these (default: all of the suite).")
    ] = "",
    budget: Annotated[
        str, typer.Option(metavar="S,S,...", help="Seconds for the search, one run each.")
    ] = "60",
    seeds: Annotated[int, typer.Option(help="Runs with seeds 1 to N.", min=1)] = 1,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write results.json and results.md here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Place the designs of a suite and print the scores beside the published ones."""
    from agents import mixed_size
    from benchmarks.placement import run_suite
    from benchmarks.table import to_json, to_markdown
    from chipflow.commands.inputs import compile_for, make_folder
    from chipflow.commands.interrupt import interrupts
    from chipflow.commands.progress_lines import ProgressLines

    chosen = _designs(suite, designs)
    budgets_s = _budgets(budget)
    if out:
        make_folder(out)
    show = ProgressLines(quiet=quiet)

    def begin(benchmark: Benchmark, budget_s: float, seed: int) -> None:
        compile_for(benchmark.netlist, show.say)
        show.say(f"{benchmark.name}: {budget_s:g} s, seed {seed}")

    results = []
    with interrupts() as ctrl_c, show:
        try:
            for result in run_suite(
                lambda netlist, start, *, budget_s, seed: mixed_size.place(
                    netlist, start, budget_s=budget_s, seed=seed, progress=show
                ),
                chosen,
                budgets_s=budgets_s,
                seeds=range(1, seeds + 1),
                begin=begin,
            ):
                if ctrl_c.seen:  # the placer has returned early what it had
                    break
                results.append(result)
                show.say(to_markdown([result]).splitlines()[2])
                if out:
                    _write(out, results)
        except KeyboardInterrupt:
            ctrl_c.seen = True
    if as_json:
        typer.echo(json.dumps({"suite": suite, "results": to_json(results)}, indent=2))
    elif results:
        typer.echo(to_markdown(results), nl=False)
    if ctrl_c.seen:
        typer.echo("interrupted: only the runs that were finished are kept", err=True)
        raise typer.Exit(130)
    if not all(result.legal for result in results):
        typer.echo("not all placements are legal: see the table", err=True)
        raise typer.Exit(1)


def _designs(suite: str, designs: str) -> list[str]:
    from benchmarks import registry
    from placement_env.did_you_mean import did_you_mean
    from placement_env.errors import InputError

    known = registry.designs_of(suite)
    chosen = [name.strip() for name in designs.split(",") if name.strip()] or list(known)
    for name in chosen:
        if name not in known:
            raise InputError(
                f"the suite {suite} has no design called {name!r}",
                hint=did_you_mean(name, known) or f"its designs: {', '.join(known)}",
            )
    return chosen


def _budgets(budget: str) -> list[float]:
    from placement_env.errors import InputError

    try:
        budgets_s = [float(part) for part in budget.split(",")]
    except ValueError:
        budgets_s = []
    if not budgets_s or not all(0 < budget_s < float("inf") for budget_s in budgets_s):
        raise InputError(
            f"--budget is {budget!r}, expected seconds above 0, separated by commas",
            hint="for example --budget 10,60",
        )
    return budgets_s


def _write(folder: Path, results: list[Result]) -> None:
    from benchmarks.table import to_json, to_markdown
    from placement_env.formats.text import write_text

    write_text(folder / "results.json", json.dumps(to_json(results), indent=2) + "\n")
    write_text(folder / "results.md", to_markdown(results))
