"""`chipflow run`: from a design to a placed, timed and drawn chip."""

from __future__ import annotations

import json
import os
import shlex
import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chipflow.commands.asking_options import answers
from chipflow.commands.interrupt import stop_as_by_ctrl_c

if TYPE_CHECKING:
    from chipflow.flow import RunResult
    from chipflow.progress import Progress


class EngineName(StrEnum):
    """Values of --engine."""

    prefect = "prefect"
    local = "local"


def run(
    design: Annotated[
        Path, typer.Argument(help="A folder that holds design.toml.", metavar="DESIGN")
    ],
    pdk: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="PDK to use in place of the design's own."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[STAGE=]MODEL",
            help="Model of all LLM stages, such as openai/gpt-5-mini, or of one. Again for others.",
        ),
    ] = None,
    api_base: Annotated[
        str, typer.Option(metavar="URL", help="Address of an OpenAI-compatible server.")
    ] = "",
    record: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Record what models answer there, not in the run folder."),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Ask no model: take the answers recorded in DIR."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Run folder.  \\[default: DESIGN/runs/PDK]")
    ] = None,
    engine: Annotated[EngineName, typer.Option(help="What conducts.")] = EngineName.prefect,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Stages at once.")] = 2,
    again_from: Annotated[
        str,
        typer.Option("--from", metavar="STAGE", help="Run again from this stage, changed or not."),
    ] = "",
    up_to: Annotated[
        str,
        typer.Option("--to", metavar="STAGE", help="Run this stage and what it needs, no more."),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Print what stages say, line by line.")
    ] = False,
) -> None:
    """Run the flow on a design; what is up to date is not done again.

    Results are in DESIGN/runs/PDK, one folder a stage, with report.html. A run that was stopped or
    killed goes on with the same command.
    """
    from chipflow.design import read_design
    from chipflow.flow import default_folder, run_flow
    from chipflow.model_choice import choose
    from chipflow.pdk import library

    stop_as_by_ctrl_c()
    read = read_design(design, pdk=pdk)
    models, _ = choose(read.models, flags=model or (), api_base=api_base, environ=os.environ)
    read = replace(read, models=models)
    process = library.load(read.pdk)
    result = run_flow(
        read,
        process,
        out or default_folder(read, process),
        engine=engine.value,
        jobs=jobs,
        again_from=again_from,
        up_to=up_to,
        answers=answers(record, replay),
        progress=_progress(as_json=as_json, quiet=quiet, verbose=verbose),
        command=shlex.join(["chipflow", *sys.argv[1:]]),
    )
    if as_json:
        typer.echo(json.dumps(_outcome(result), indent=2))
    elif not quiet:
        typer.echo(_last_lines(result))
    if result.error:
        raise result.error


def _progress(*, as_json: bool, quiet: bool, verbose: bool) -> Progress:
    from chipflow.progress import Lines, LiveTable, Progress

    if as_json:
        return Lines(verbose=True, stream=sys.stderr) if verbose else Progress()
    if quiet:
        return Progress()
    if verbose or not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        return Lines(verbose=verbose)
    return LiveTable()


def _last_lines(result: RunResult) -> str:
    report = f"report: {_short(result.report)}"
    if result.error:
        return f"{report}\nmore:   chipflow explain {_short(result.folder)}"
    if not result.ran:
        every = f"all {len(result.stages)} stages"
        which = f"{result.up_to} and what it needs" if result.up_to else every
        return f"nothing to do: {which} are up to date\n{report}"
    if result.up_to:
        return f"done up to {result.up_to}, {len(result.ran)} stages ran\n{report}"
    return f"done: {len(result.ran)} of {len(result.stages)} stages ran\n{report}"


def _short(path: Path) -> str:
    """The path relative to the working directory where it is below that."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _outcome(result: RunResult) -> dict[str, object]:
    error = result.error
    return {
        "run_folder": str(result.folder),
        "status": result.status,
        "engine": result.engine,
        "up_to": result.up_to,
        "report": str(result.report),
        "stages": [
            {
                "stage": record.stage,
                "status": record.status,
                "ran": record.stage in result.ran,
                "reason": record.reason,
                "note": record.note,
                "wall_s": record.wall_s,
                "metrics": dict(record.metrics),
                "models": dict(record.models),
            }
            for record in result.stages
        ],
        "metrics": result.metrics,
        "error": {
            "stage": error.stage,
            "message": error.message,
            "where": error.where,
            "hint": error.hint,
        }
        if error
        else None,
    }
