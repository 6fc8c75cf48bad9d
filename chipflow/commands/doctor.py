"""`chipflow doctor`: what is here, what is missing, and how to get it."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which tools, packages, PDKs and data are here, what for, and how to get the others.

    Exit code 3 where something is missing that nothing works without.
    """
    from dataclasses import asdict

    from chipflow.doctor import examine

    findings = examine()
    lacking = [finding.name for finding in findings if finding.required and not finding.found]
    if as_json:
        text = {"findings": [asdict(finding) for finding in findings], "lacking": lacking}
        typer.echo(json.dumps(text, indent=2))
    else:
        from rich.console import Console
        from rich.table import Table

        table = Table(box=None, pad_edge=False)
        for column in ("", "name", "version", "what for", "how to get it"):
            table.add_column(column, overflow="fold")
        for finding in findings:
            mark = "yes" if finding.found else "MISSING" if finding.required else "no"
            remedy = "" if finding.found else finding.remedy
            table.add_row(mark, finding.name, finding.version, finding.purpose, remedy)
        console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
        console.print(table, markup=False)
        console.print(
            f"missing: {', '.join(lacking)}" if lacking else "everything that is needed is here",
            markup=False,
        )
    if lacking:
        raise typer.Exit(3)
