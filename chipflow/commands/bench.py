"""`chipflow bench placement`: a placer on public benchmarks, beside the published numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chipflow.commands.bench_speed import speed

if TYPE_CHECKING:
    from benchmarks.files import Benchmark
    from benchmarks.placement import Result
    from chipflow.commands.macro_options import MacroOptions

bench = typer.Typer(
    no_args_is_help=True, help="Measure on public benchmarks, beside the published numbers."
)
bench.command()(speed)


@bench.command()
def placement(
    suite: Annotated[str, typer.Option(help="tilos, iccad04, ispd18, gsrc, mcnc, ...")] = "tilos",
    designs: Annotated[
        str, typer.Option(metavar="A,B,...", help="Only these (default: all of the suite).")
    ] = "",
    budget: Annotated[
        str, typer.Option(metavar="S,S,...", help="Seconds for the search, one run each.")
    ] = "60",
    seeds: Annotated[int, typer.Option(help="Runs with seeds 1 to N.", min=1)] = 1,
    agent: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What places the macros: search, annealing, greedy, quadratic, random, "
            "coloquinte, MODULE:FUNCTION or a command.",
        ),
    ] = "search",
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
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write results.json and results.md here; runs that are there already are kept.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Place the designs of a suite and print median, mean and best beside the published scores."""
    from benchmarks.kept_runs import read_runs
    from benchmarks.placement import run_suite
    from benchmarks.table import run_line, to_json, to_markdown
    from chipflow.commands.inputs import compile_for, designs_of, make_folder
    from chipflow.commands.interrupt import interrupts
    from chipflow.commands.macro_options import MacroOptions
    from chipflow.commands.progress_lines import ProgressLines

    chosen, budgets_s, numbers = designs_of(suite, designs), _budgets(budget), range(1, seeds + 1)
    options = MacroOptions(
        agent=agent, hard_only=hard_only, from_nothing=start == "none", flips=flips, cores=cores
    )
    made_with = _made_with(suite, start, options)
    show = ProgressLines(quiet=quiet)
    known: dict[tuple[str, float, int], Result] = {}
    if out:
        before = read_runs(make_folder(out) / "results.json", made_with)
        known = {result.key: result for result in before.results}
        asked = {(name, b, seed) for name in chosen for b in budgets_s for seed in numbers}
        if kept := len(asked & known.keys()):
            show.say(f"{kept} of {len(asked)} runs are kept from {out / 'results.json'}")
        if before.made_otherwise:
            show.say(
                f"{before.made_otherwise} runs in {out / 'results.json'} are replaced, since this "
                f"is not the same any more: {', '.join(before.changed)}"
            )

    def begin(benchmark: Benchmark, budget_s: float, seed: int) -> None:
        options.check(benchmark.netlist, benchmark.placements[first], budget_s)
        compile_for(benchmark.netlist, agent, show.say)
        show.say(f"{benchmark.name}: {budget_s:g} s, seed {seed}")

    first = "initial" if start == "none" else start
    results: list[Result] = []
    with interrupts() as ctrl_c, show:
        try:
            for result in run_suite(
                lambda netlist, start, *, budget_s, seed: options.place(
                    netlist, start, budget_s=budget_s, seed=seed, progress=show
                ),
                chosen,
                budgets_s=budgets_s,
                seeds=numbers,
                start=first,
                kept=known,
                begin=begin,
            ):
                if ctrl_c.seen:  # the placer has returned early what it had
                    break
                results.append(result)
                if result.key in known:
                    continue
                show.say(run_line(result))
                known[result.key] = result
                if out:
                    _write(out, list(known.values()), made_with)
        except KeyboardInterrupt:
            ctrl_c.seen = True
    if as_json:
        typer.echo(json.dumps(to_json(results, made_with), indent=2))
    elif results:
        typer.echo(to_markdown(results), nl=False)
    if ctrl_c.seen:
        typer.echo("interrupted: only the runs that were finished are kept", err=True)
        raise typer.Exit(130)
    if not all(result.legal for result in results):
        typer.echo("not all placements are legal: see the table", err=True)
        raise typer.Exit(1)


def _made_with(suite: str, start: str, options: MacroOptions) -> dict[str, Any]:
    """What runs depend on besides design, budget and seed; runs are kept where it is the same."""
    from importlib.metadata import version

    from chipflow.code_version import digest_behind

    return {
        "suite": suite,
        "start": start,
        **options.record(),
        "chipflow": version("chipflow-hybrid"),
        "code": digest_behind("agents.placers"),
    }


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


def _write(folder: Path, results: Sequence[Result], made_with: dict[str, Any]) -> None:
    """Write all runs in the order of design, budget and seed."""
    from benchmarks import registry
    from benchmarks.table import to_json, to_markdown
    from placement_env.formats.text import write_text

    place = {name: k for k, name in enumerate(registry.names())}
    ordered = sorted(results, key=lambda r: (place[r.design], r.budget_s, r.seed))
    write_text(folder / "results.json", json.dumps(to_json(ordered, made_with), indent=2) + "\n")
    write_text(folder / "results.md", to_markdown(ordered))
