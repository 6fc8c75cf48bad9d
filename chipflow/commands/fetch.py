"""`chipflow fetch`: brings a benchmark's files to this machine."""

from __future__ import annotations

from typing import Annotated

import typer


def fetch(
    name: Annotated[
        str,
        typer.Argument(
            help="A benchmark, a suite or a set of files: chipflow bench list names them.",
            metavar="NAME|SUITE",
        ),
    ],
) -> None:
    """Fetch a benchmark, or what chipflow can of a suite, from its public origin into the cache.

    Files that are here already stay as they are; their paths are printed. A download that broke off
    goes on where it did.
    """
    from benchmarks import registry
    from benchmarks.data import find
    from benchmarks.suites import FILE_SETS, SUITES
    from chipflow.commands.inputs import designs_of

    if name in FILE_SETS:
        for relative in registry.files_of_set(name):
            typer.echo(find(relative))
        return
    designs = designs_of(name, "") if name in SUITES else [name]
    for design in designs:
        for relative in registry.files_of(design):
            typer.echo(registry.path_of(design, relative))
    if name in SUITES and (others := [d for d in SUITES[name].designs if d not in designs]):
        typer.echo(
            f"not fetched: {', '.join(others)}; {SUITES[name].by_hand}, see {SUITES[name].origin}",
            err=True,
        )
