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
    from placement_env.errors import ChipError, InputError

    try:
        found = background.start_and_wait()
    except OSError as error:
        raise InputError(
            f"cannot write the server's folder: {error.strerror}",
            where=str(background.home()),
            hint="set CHIPFLOW_CACHE to a folder that you may write to",
        ) from error
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
