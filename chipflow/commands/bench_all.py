"""`chipflow bench all` and `scoreboard`: every suite, every placer, one page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from benchmarks.scoreboard import Board


def run_all(
    suites: Annotated[
        str, typer.Option(metavar="A,B,...", help="Only these (default: all within reach).")
    ] = "",
    agent: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Only this placer, where the suite is for it, or one of yours: MODULE:FUNCTION or "
            "a command; repeatable.",
        ),
    ] = None,
    budget: Annotated[
        str, typer.Option(metavar="S,S,...", help="Seconds for the search, one run each.")
    ] = "10",
    seeds: Annotated[int, typer.Option(help="Runs with seeds 1 to N.", min=1)] = 1,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Results and scoreboard go here; runs that are there already are kept, and all "
            "results below DIR come onto the scoreboard.",
        ),
    ] = Path("scoreboard"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Run all placers on all suites and write scoreboard.md and scoreboard.html."""
    from agents import placers
    from benchmarks import registry
    from benchmarks.registry import is_within_reach
    from chipflow.commands.inputs import designs_of, make_folder
    from chipflow.commands.interrupt import interrupts
    from chipflow.commands.macro_options import MacroOptions
    from chipflow.commands.progress_lines import ProgressLines
    from chipflow.commands.suite_placers import PLACERS
    from chipflow.commands.suite_runs import SuiteRuns, budgets, run_and_keep
    from placement_env.errors import ChipError, InputError

    for name in agent or ():
        placers.named(name)
    names = [name.strip() for name in suites.split(",") if name.strip()]
    names = names or [s for s in PLACERS if any(map(is_within_reach, registry.designs_of(s)))]
    designs = {suite: designs_of(suite, "") for suite in names}
    budgets_s = budgets(budget)
    plan = [
        (suite, placer)
        for suite in names
        for placer in agent or PLACERS[suite]
        if placer not in _known() or placer in PLACERS[suite]
    ]
    if not plan:
        raise InputError(
            f"none of the suites {', '.join(names)} is for {', '.join(agent or ())}",
            hint="; ".join(f"{suite}: {', '.join(PLACERS[suite])}" for suite in names),
        )
    make_folder(out)
    failed: dict[str, list[str]] = {}
    with interrupts() as ctrl_c, ProgressLines(quiet=quiet) as show:
        for suite, placer in plan:
            if ctrl_c.seen:
                break
            show.say(f"{suite}, {placer}")
            runs = SuiteRuns(
                suite,
                designs[suite],
                budgets_s,
                range(1, seeds + 1),
                "initial",
                MacroOptions(agent=placer),
            )
            try:
                folder = out / f"{suite}_{_file_name(placer)}"
                _, failures = run_and_keep(runs, folder, show, ctrl_c)
            except ChipError as error:
                failures = [error]
            for error in failures:
                failed.setdefault(str(error), []).append(placer)
    boards = _write_scoreboard(out) if any(out.rglob("results.json")) else []
    if ctrl_c.seen:
        typer.echo("interrupted: only the runs that were finished are kept", err=True)
        raise typer.Exit(130)
    for error, with_placers in failed.items():
        typer.echo(f"failed, {', '.join(dict.fromkeys(with_placers))}: {error}", err=True)
    if any(row.illegal for board in boards for row in board.standings):
        typer.echo("not all placements are legal: see †", err=True)
        raise typer.Exit(1)
    if failed:
        raise typer.Exit(1)


def show_scoreboard(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder with results.json files, at any depth.")
    ],
) -> None:
    """Write scoreboard.md and scoreboard.html from the results that are there, without any run."""
    _write_scoreboard(folder)


def _write_scoreboard(folder: Path) -> list[Board]:
    """The scoreboard of all results in a folder, written there and printed."""
    from benchmarks.scoreboard import read_records, scoreboard
    from benchmarks.scoreboard_table import to_markdown
    from chipflow.report.scoreboard_page import to_html
    from placement_env.formats.text import write_text

    boards = scoreboard(read_records(folder))
    write_text(folder / "scoreboard.md", to_markdown(boards))
    write_text(folder / "scoreboard.html", to_html(boards))
    typer.echo(to_markdown(boards), nl=False)
    return boards


def _known() -> set[str]:
    from chipflow.commands.suite_placers import PLACERS

    return {placer for placers in PLACERS.values() for placer in placers}


def _file_name(placer: str) -> str:
    return re.sub(r"\W+", "_", placer).strip("_")
