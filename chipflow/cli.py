"""The `chipflow` command: registers the commands, and prints every error in one way.

Command modules import what is heavy (torch, prefect, litellm) inside their functions, so that
`chipflow --help` stays instant.
"""

from __future__ import annotations

import os
import sys
import traceback
from types import TracebackType
from typing import Annotated

import typer

from chipflow.commands import (
    bench,
    doctor,
    explain,
    fetch,
    llm,
    place,
    review,
    run,
    score,
    server,
    train,
)
from llm_stages.errors import StageError
from placement_env.errors import ChipError

EPILOG = (
    "Exit codes: 0 done · 1 the flow or a check failed · 2 wrong input or usage · "
    "3 a tool is missing · 4 the LLM provider failed · 130 interrupted"
)
INTERRUPTED = 130

# The parent of BadParameter: every Typer release has it, some in a private module only.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="chipflow",
    help="From RTL or a specification to a placed, timed and drawn chip.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# The commands, one line each.
app.command("run")(run.run)
app.command("explain")(explain.explain)
app.command("review")(review.review)
app.command("hints")(review.hints)
app.command("doctor")(doctor.doctor)
app.command("place")(place.place)
app.command("score")(score.score)
app.command("train", context_settings=train.SETTINGS)(train.train)
app.add_typer(bench.bench, name="bench")
app.command("fetch")(fetch.fetch)
app.add_typer(llm.llm, name="llm")
app.add_typer(server.server, name="server")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"chipflow {version('chipflow-hybrid')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Print tracebacks; works after any command too.")
    ] = False,
) -> None:
    pass


def print_error(message: str, where: str = "", hint: str = "") -> None:
    """Prints an error as every command does: what is wrong, where, and what to try."""
    lines = [f"error: {message}"]
    if where:
        lines.append(f"  at:  {where}")
    if hint:
        lines.append(f"  try: {hint}")
    print("\n".join(lines), file=sys.stderr)


def _print_fault(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
    """The exception hook: what gets here is a fault of chipflow, not of its input."""
    frame = traceback.extract_tb(at)[-1] if at else None
    print_error(
        f"chipflow itself failed: {kind.__name__}: {error}",
        where=f"{frame.filename}:{frame.lineno}" if frame else "",
        hint="the same command with --debug shows the traceback; please report it",
    )


def _print_usage_error(error: Exception) -> int:
    message = getattr(error, "format_message", error.__str__)()
    context = getattr(error, "ctx", None)
    if message:  # it is empty where Typer has printed the help instead
        print_error(message, hint=f"{context.command_path if context else 'chipflow'} --help")
    return 2


def main() -> None:
    """Entry point of the `chipflow` command."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments or os.environ.get("CHIPFLOW_DEBUG", "") not in ("", "0")
    arguments = [argument for argument in arguments if argument != "--debug"]
    if not debug:
        sys.excepthook = _print_fault
    command = typer.main.get_command(app)
    try:
        code = command(arguments, prog_name="chipflow", standalone_mode=False) or 0
    except _UsageError as error:
        code = _print_usage_error(error)
    except (ChipError, StageError) as error:
        if debug:
            raise
        print_error(error.message, error.where, error.hint)
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        print_error("interrupted")
        code = INTERRUPTED
    sys.exit(code)


if __name__ == "__main__":
    main()
