"""Options of the commands that ask a model about a run, and what they come to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from placement_env.errors import InputError

if TYPE_CHECKING:
    from chipflow.design import Models
    from llm_stages.store import Store

Run = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run folder, or a design that has one run.")
]
Design = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="The design, where the run folder is not inside it."),
]
Model = Annotated[
    list[str] | None, typer.Option(metavar="[STAGE=]MODEL", help="As for chipflow run.")
]
ApiBase = Annotated[
    str, typer.Option(metavar="URL", help="Address of an OpenAI-compatible server.")
]
Record = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Record answers there, not in the run folder.")
]
Replay = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Ask no model: take answers recorded in DIR.")
]
Again = Annotated[
    bool, typer.Option("--again", help="Ask again what was asked and answered before.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def chosen(models: Models, flags: list[str] | None, api_base: str) -> Models:
    """The models of a design after environment and command line.

    Raises:
        InputError: A model or an address cannot be used.
    """
    from chipflow.model_choice import choose

    return choose(models, flags=flags or (), api_base=api_base, environ=os.environ)[0]


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


def asking(
    models: Models, folder: Path, stage: str, *, again: bool, store: Store | None
) -> dict[str, Any]:
    """How a stage asks: limits and fallbacks of the design, budget and answers of the run."""
    from chipflow import asking

    return asking.arguments(models, folder, stage, anew=again, store=store)
