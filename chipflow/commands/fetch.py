"""`chipflow fetch`: brings a benchmark's files to this machine."""

from __future__ import annotations

from typing import Annotated

import typer


def fetch(
    name: Annotated[str, typer.Argument(help="A benchmark or a suite.", metavar="NAME|SUITE")],
) -> None:
    """Fetch a benchmark, or a whole suite, from its public origin into the cache.

    Files that are here already stay as they are; their paths are printed.
    """
    from benchmarks import registry
    from benchmarks.data import find

    designs = registry.SUITES.get(name, (name,))
    for relative in [file for design in designs for file in registry.files_of(design)]:
        typer.echo(find(relative))
