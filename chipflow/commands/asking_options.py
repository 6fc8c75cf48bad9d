"""What the commands that ask a model about a run have in common: their options, declared once."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from placement_env.errors import InputError

if TYPE_CHECKING:
    from chipflow.design import Models
    from llm_stages.store import Store


@dataclass(frozen=True)
class AskingOptions:
    """The options, as the command line has them."""

    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run folder, or a design that has one run.")
    ]
    design: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The design, where the run folder is not inside it."),
    ] = None
    model: Annotated[
        list[str] | None, typer.Option(metavar="[STAGE=]MODEL", help="As for chipflow run.")
    ] = None
    api_base: Annotated[
        str, typer.Option(metavar="URL", help="Address of an OpenAI-compatible server.")
    ] = ""
    record: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Record answers there, not in the run folder."),
    ] = None
    replay: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Ask no model: take answers recorded in DIR."),
    ] = None
    again: Annotated[
        bool, typer.Option("--again", help="Ask again what was asked and answered before.")
    ] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False

    def models(self, of_design: Models) -> Models:
        """The models of a design after environment and command line.

        Raises:
            InputError: A model or an address cannot be used.
        """
        from chipflow.model_choice import choose

        flags = self.model or ()
        return choose(of_design, flags=flags, api_base=self.api_base, environ=os.environ)[0]

    @property
    def store(self) -> Store | None:
        """Where answers are recorded or replayed; None for the run folder.

        Raises:
            InputError: Both are named, or there is nothing to replay.
        """
        return answers(self.record, self.replay)

    def asking(self, models: Models, folder: Path, stage: str) -> dict[str, Any]:
        """How a stage asks: limits and fallbacks of the design, budget and answers of the run.

        Raises:
            InputError: As for `store`.
        """
        from chipflow import asking

        return asking.arguments(models, folder, stage, anew=self.again, store=self.store)


def with_asking_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command, whose first argument is `AskingOptions`, with them among its options.

    Typer makes options of a function's parameters, so the function is given theirs.
    """
    hints = get_type_hints(AskingOptions, include_extras=True)
    run, *shared = [
        inspect.Parameter(
            option.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=getattr(AskingOptions, option.name, inspect.Parameter.empty),
            annotation=hints[option.name],
        )
        for option in fields(AskingOptions)
    ]
    _, *own = inspect.signature(command, eval_str=True).parameters.values()
    parameters = [run, *(each.replace(kind=each.KEYWORD_ONLY) for each in own), *shared]

    @functools.wraps(command)
    def on_the_command_line(**values: Any) -> None:
        given = {each.name: values.pop(each.name) for each in (run, *shared)}
        command(AskingOptions(**given), **values)

    del on_the_command_line.__wrapped__
    on_the_command_line.__signature__ = inspect.Signature(parameters)  # pyright: ignore
    on_the_command_line.__annotations__ = {each.name: each.annotation for each in parameters}
    return on_the_command_line


def answers(
    record: Path | None, replay: Path | None, *, mode: Literal["record", "resume"] = "record"
) -> Store | None:
    """Where answers are recorded or replayed; None where neither is asked for.

    Args:
        record: Where to record.
        replay: What to replay.
        mode: Whether what is recorded there already is asked again ("record") or not.

    Raises:
        InputError: Both are named, or there is nothing to replay.
    """
    from llm_stages.store import Store

    if record and replay:
        raise InputError("--record and --replay exclude each other", hint="keep one of them")
    if replay:
        if not replay.is_dir():
            raise InputError(
                "there is no such folder of recorded answers",
                where=str(replay),
                hint="a run leaves its own in RUN_FOLDER/llm_answers",
            )
        return Store(replay.absolute(), "replay")
    return Store(record.absolute(), mode) if record else None


def say(line: str) -> None:
    """Print a line of progress, beside what the command prints for programs."""
    print(line, file=sys.stderr, flush=True)
