"""`chipflow bench gate`: what got worse."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def gate(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="DIR...", help="Folders with results.json files, at any depth."),
    ],
    golden: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Golden scores (default: the project's).")
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Make the results the golden scores.")
    ] = False,
    tolerance: Annotated[
        float, typer.Option(help="With --update: of scores that are new, as a share.", min=0.0)
    ] = 0.015,
) -> None:
    """Hold results against golden scores; exit code 1 when one got worse by more than allowed."""
    from benchmarks.gate import GOLDEN, compare, read_golden, to_toml, updated
    from benchmarks.scoreboard import read_records
    from placement_env.errors import InputError
    from placement_env.formats.text import write_text

    file = golden or GOLDEN
    goldens = [] if update and not file.exists() else read_golden(file)
    records = [record for folder in folders for record in read_records(folder)]
    compared, absent = compare(records, goldens)
    for entry in compared:
        typer.echo(entry.line())
    if update:
        write_text(file, to_toml(updated(records, goldens, tolerance)))
        typer.echo(f"written: {file}")
        return
    worse = sum(entry.verdict == "worse" for entry in compared)
    typer.echo(f"{len(compared)} compared, {worse} worse; {len(absent)} golden scores not measured")
    if not compared:
        raise InputError(
            "no result has a golden score",
            where=str(file),
            hint="add them with chipflow bench gate DIR --update",
        )
    if worse:
        raise typer.Exit(1)
