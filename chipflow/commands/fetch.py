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
    """Fetch a benchmark, or a whole suite, from its public origin into the cache.

    Files that are here already stay as they are; their paths are printed. A download that broke off
    goes on where it did.
    """
    from benchmarks import registry
    from benchmarks.data import find
    from benchmarks.suites import FILE_SETS

    if name in FILE_SETS:
        for relative in registry.files_of_set(name):
            typer.echo(find(relative))
        return
    for design in registry.SUITES[name].designs if name in registry.SUITES else (name,):
        for relative in registry.files_of(design):
            typer.echo(registry.path_of(design, relative))
