"""`chipflow explain`: why a run failed, from its record, and from a model where one is named."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from chipflow.commands.asking_options import AskingOptions, say, with_asking_options
from placement_env.errors import ChipError

if TYPE_CHECKING:
    from chipflow.design import Models
    from chipflow.report.record import StageOnDisk
    from llm_stages.explain import Explanation, Failure

_READ_BYTES = 65536
_SHOWN_LINES = 12
_TIME = re.compile(r"^\d\d:\d\d:\d\d ", re.MULTILINE)
_NO_MODEL = (
    "no model is named, so this is what the flow itself knows; "
    "--model PROVIDER/NAME has one look at the log"
)


@with_asking_options
def explain(options: AskingOptions) -> None:
    """Explain why a stage failed: cause, evidence from its log, and what to try.

    Without a model it says what the flow itself knows.
    """
    from chipflow.report.page import add_advice
    from chipflow.report.record import read_run
    from chipflow.review.finished_run import run_folder
    from llm_stages.errors import StageError
    from llm_stages.explain import explain as ask

    folder = run_folder(options.run)
    on_disk = read_run(folder)
    failed = next((s for s in on_disk.stages if s.state == "failed"), None)
    if failed is None:
        typer.echo("null" if options.as_json else "no stage of this run failed")
        return
    failure = _failure(failed)
    models = options.models(_models(folder, options.design))
    found: Explanation | None = None
    refused: StageError | None = None
    if named := models.of("explain"):
        asking = options.asking(models, folder, "explain")
        try:
            found = ask(failure, model=named, log=say, **asking)
        except StageError as error:  # what the flow knows is of use all the same
            refused = error
        else:
            add_advice(on_disk, "explain", found.model_dump(mode="json"))
    if options.as_json:
        typer.echo(json.dumps(_as_json(failure, found), indent=2))
    else:
        typer.echo(_in_words(failure, found, asked=bool(named)))
    if refused:
        raise refused


def _failure(stage: StageOnDisk) -> Failure:
    from llm_stages.explain import Failure

    error = stage.record.error
    return Failure(
        stage=stage.record.stage,
        message=str(error.get("message") or stage.record.note),
        where=str(error.get("where", "")),
        hint=str(error.get("hint", "")),
        # Times of day would make another question of the same failure.
        log=_TIME.sub("", _end_of(stage.folder / "log.txt")),
    )


def _end_of(log: Path) -> str:
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - _READ_BYTES))
            return stream.read().decode(errors="replace")
    except OSError:
        return ""


def _models(folder: Path, design: Path | None) -> Models:
    """The models of the design; none where it cannot be read, which may be why the run failed."""
    from chipflow.design import Models, read_design
    from chipflow.review.finished_run import design_folder

    try:
        return read_design(design_folder(folder, design)).models
    except ChipError:
        if design is not None:
            raise
        return Models()


def _in_words(failure: Failure, found: Explanation | None, *, asked: bool) -> str:
    from llm_stages.untrusted_text import cleaned

    lines = [f"{failure.stage} failed: {failure.message.removeprefix(f'{failure.stage}: ')}"]
    if failure.where:
        lines.append(f"  at:  {failure.where}")
    if failure.hint:
        lines.append(f"  try: {failure.hint}")
    if found:
        lines += ["", f"cause: {found.cause}"]
        lines += [f"evidence: {line}" for line in found.evidence]
        lines += [f"try: {line}" for line in found.tries]
        lines.append(f"({' and '.join(found.asked.answered_by)}; the evidence is in the log)")
    else:
        log = cleaned(failure.log, most_bytes=_READ_BYTES, keep="end").splitlines()
        lines += ["", "last lines of its log:", *(f"  {line}" for line in log[-_SHOWN_LINES:])]
        if not asked:
            lines += ["", _NO_MODEL]
    return "\n".join(lines)


def _as_json(failure: Failure, found: Explanation | None) -> dict[str, Any]:
    told = failure.model_dump(mode="json", exclude={"log"})
    return told | {"explanation": found.model_dump(mode="json") if found else None}
