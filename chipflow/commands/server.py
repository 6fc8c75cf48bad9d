"""`chipflow server`: the Prefect server that runs share."""

from __future__ import annotations

import typer

server = typer.Typer(
    help="The Prefect server in the background that runs share.", no_args_is_help=True
)


@server.command()
def status() -> None:
    """Say whether the server is there, and where."""
    from chipflow.engine import server as background

    found = background.running()
    if found is None:
        typer.echo("no server; chipflow run starts one")
    else:
        state = "answers" if background.healthy(found.url) else "is starting"
        typer.echo(f"{found.ui_url} {state} (process {found.pid})")


@server.command()
def start() -> None:
    """Start the server and wait until it answers."""
    from chipflow.engine import server as background
    from placement_env.errors import ChipError

    found = background.start_and_wait()
    if found is None:
        raise ChipError(
            "the Prefect server does not answer",
            where=str(background.home() / "server.log"),
            hint="read this log; chipflow run --engine local needs no server",
        )
    typer.echo(f"{found.ui_url} answers (process {found.pid})")


@server.command()
def stop() -> None:
    """Stop the server."""
    from chipflow.engine import server as background

    stopped = background.stop()
    typer.echo(f"stopped process {stopped.pid}" if stopped else "no server")
