"""`chipflow bench list`: which benchmarks there are."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def list_suites(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the public benchmark sets: designs, sizes, terms, origin, and what is here."""
    from benchmarks import registry
    from benchmarks.data import find_here
    from benchmarks.published import published
    from benchmarks.suites import FILE_SETS, SUITES

    def state(name: str) -> str:
        """Whether a benchmark is here, can be fetched or has to be brought by hand."""
        if all(find_here(file) for file in registry.files_of(name)):
            return "here"
        return "to fetch" if registry.is_within_reach(name) else "by hand"

    states = {name: state(name) for name in registry.names()}
    if as_json:
        suites = [
            {
                "suite": name,
                **vars(suite),
                "state": {design: states[design] for design in suite.designs},
                "published": {
                    design: [vars(entry) for entry in published(design)]
                    for design in suite.designs
                    if published(design)
                },
            }
            for name, suite in SUITES.items()
        ]
        others = [{"set": name, **vars(entry)} for name, entry in FILE_SETS.items()]
        typer.echo(json.dumps({"suites": suites, "sets": others}, indent=2))
        return
    for name, suite in SUITES.items():
        typer.echo(f"{name}: {suite.about}\n  {suite.sizes}; {suite.terms}; {suite.origin}")
        for what in ("here", "to fetch", "by hand"):
            if chosen := [design for design in suite.designs if states[design] == what]:
                typer.echo(f"  {what}: {', '.join(chosen)}")
        if suite.by_hand and "by hand" in {states[design] for design in suite.designs}:
            typer.echo(f"  by hand means: {suite.by_hand}")
    for name, entry in FILE_SETS.items():
        got = entry.by_hand or f"chipflow fetch {name}"
        typer.echo(f"{name}: {entry.about}\n  {entry.terms}; {entry.origin}; {got}")
