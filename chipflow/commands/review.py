"""`chipflow review` and `chipflow hints`: a model looks at a run, the flow judges what it says."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chipflow.commands.asking_options import AskingOptions, say, with_asking_options
from chipflow.commands.interrupt import stop_as_by_ctrl_c

if TYPE_CHECKING:
    from chipflow.review.record import Judged, ReviewRecord


@with_asking_options
def review(
    options: AskingOptions,
    apply: Annotated[
        bool,
        typer.Option("--apply", help="Try each change: run the flow on a patched copy."),
    ] = False,
    accept_constraints: Annotated[
        bool,
        typer.Option(
            "--accept-constraints",
            help="With --apply: keep changes of constraints too; they change what is asked.",
        ),
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="For the review.  \\[default: RUN.review]")
    ] = None,
) -> None:
    """Have a model propose changes to RTL, constraints or floorplan from the results of a run.

    The design itself is not touched: patches, and with --apply a patched copy with its run, are in
    the folder of the review.
    """
    from chipflow.report.page import add_advice
    from chipflow.review.conduct import conduct, default_folder
    from chipflow.review.finished_run import find_run

    stop_as_by_ctrl_c()
    found = find_run(options.run, options.design)
    models = options.models(found.models)
    folder = (out or default_folder(found.run.folder)).absolute()
    result = conduct(
        found,
        folder,
        model=models.of("review"),
        asking=options.asking(models, found.run.folder, "review"),
        apply=apply,
        accept_constraints=accept_constraints,
        answers=options.store,
        log=say,
    )
    add_advice(found.run, "review", asdict(result) | _patches(result, folder))
    if options.as_json:
        typer.echo(json.dumps(asdict(result) | {"folder": str(folder)}, indent=2))
    else:
        typer.echo(_in_words(result, folder, applied=apply))


def _patches(result: ReviewRecord, folder: Path) -> dict[str, Any]:
    """Where the review is, and its patches, so that the report has them inside."""
    names = [judged.patch for judged in result.changes if judged.patch]
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in names}
    return {"folder": str(folder), "patches": texts}


def _in_words(result: ReviewRecord, folder: Path, *, applied: bool) -> str:
    lines = [line for n, each in enumerate(result.changes, 1) for line in _change(n, each)]
    lines += [f"left out: {reason}" for reason in result.refused]
    if not result.changes:
        lines.append("the model proposes no change")
    if result.patched_design:
        lines.append(f"patched design with its run: {result.patched_design}")
    elif applied and result.changes:
        lines.append("no change is kept: the design stays as it is")
    elif result.changes:
        lines.append("--apply tries them: it runs the flow on a patched copy, and measures")
    return "\n".join([*lines, f"patches and review.json: {folder}"])


def _change(number: int, judged: Judged) -> list[str]:
    change = judged.change
    lines = [f"{number}. {change['kind']} for {change['metric']}: {judged.status}"]
    lines.append(f"   {change['why']}")
    if change["expect"]:
        lines.append(f"   expected: {change['expect']}")
    if judged.measured:
        lines.append(f"   measured: {judged.measured}")
    if judged.passed:
        lines.append(f"   passed: {'; '.join(judged.passed)}")
    if judged.reason:
        lines.append(f"   {judged.reason}")
    if judged.patch:
        lines.append(f"   {judged.patch}")
    return lines


@with_asking_options
def hints(options: AskingOptions) -> None:
    """Have a model propose utilization, shape and macro gap, as lines for design.toml."""
    from chipflow.report.page import add_advice
    from chipflow.review import facts
    from chipflow.review.finished_run import find_run
    from llm_stages.floorplan_hints import FloorplanTask, floorplan_hints

    found = find_run(options.run, options.design)
    models = options.models(found.models)
    result = floorplan_hints(
        FloorplanTask(facts=facts.in_words(found.run), knobs=facts.knobs(found.design)),
        model=models.of("floorplan_hints"),
        log=say,
        **options.asking(models, found.run.folder, "floorplan_hints"),
    )
    add_advice(found.run, "floorplan_hints", result.model_dump(mode="json"))
    if options.as_json:
        typer.echo(result.model_dump_json(indent=2))
        return
    typer.echo("\n".join(f"# {line}" for line in result.why.splitlines()))
    for table in dict.fromkeys(hint.name.rpartition(".")[0] for hint in result.hints):
        typer.echo(f"[{table}]")
        for hint in result.hints:
            if hint.name.startswith(f"{table}."):
                typer.echo(f"{hint.name.removeprefix(f'{table}.')} = {hint.value:g}")
    if not result.hints:
        typer.echo("# nothing to change in design.toml")
