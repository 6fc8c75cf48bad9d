"""A review from the question to the patched design: what `chipflow review` does.

Changes are tried in the model's order, each on top of those kept before it. One is kept when it
passes all checks and the flow, and real runs show that the metric it aims at got better.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chipflow.review import facts
from chipflow.review.checks import Refusal
from chipflow.review.design_copy import difference, sources_of
from chipflow.review.finished_run import FinishedRun
from chipflow.review.record import FILE_NAME, Judged, ReviewRecord, Status
from chipflow.review.trial import Attempt, Bench, verdict
from chipflow.tools import sdc
from llm_stages.review import Change, Review, ReviewTask, review
from llm_stages.sdc import parse
from llm_stages.sdc_names import DesignNames
from llm_stages.store import Store
from placement_env.errors import InputError
from placement_env.formats import gates

_WORK, _PATCHED = "work", "design"
_RELAXES = "it changes what is asked of the chip, not the chip"


def default_folder(run: Path) -> Path:
    """Where a review goes unless the user names another folder: beside the run."""
    return run.with_name(f"{run.name}.review")


def conduct(
    found: FinishedRun,
    folder: Path,
    *,
    model: str,
    asking: Mapping[str, Any],
    apply: bool = False,
    accept_constraints: bool = False,
    answers: Store | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> ReviewRecord:
    """Ask for changes, and try them where wanted.

    Args:
        found: The run.
        folder: For patches, `review.json` and the patched design; an older review is replaced.
        model: The model string of the stage `review`.
        asking: How models are asked (`chipflow.asking.arguments`).
        apply: Try the changes; else they are only checked and written as patches.
        accept_constraints: Keep changes of constraints too where the metric gets better.
        answers: Where stages of trial runs record or replay answers; None for the run folders.
        log: Gets a line for each step.

    Raises:
        InputError: The run or the folder cannot be used.
        ChipError: The flow fails on the design as it is.
        llm_stages.errors.StageError: The model cannot be asked, or gave nothing that can be used.
    """
    if found.run.summary.get("status") != "done":
        raise InputError(
            "the run has not come to its end, so there is nothing to review",
            where=str(found.run.folder),
            hint="chipflow explain says why it failed; chipflow run goes on with it",
        )
    new = _begin(folder)
    bench = Bench(found.pdk, found.design.models, answers, log)
    try:
        current = bench.begin(found.design, found.run, new / _WORK / "0")
        answer = _ask(found, current, model, asking, log)
        judged: list[Judged] = []
        kept = False
        for number, change in enumerate(answer.changes, start=1):
            log(f"change {number}: {change.kind}, for {change.metric}")
            outcome, tried = _try(
                bench, current, change, new / _WORK / str(number),
                new / f"{number}-{change.kind}.patch",
                measure=apply, accept_constraints=accept_constraints,
            )  # fmt: skip
            judged.append(outcome)
            log(f"change {number}: {outcome.status}{f': {outcome.reason}' * bool(outcome.reason)}")
            if tried is not None:
                current, kept = tried, True
        if kept:
            shutil.move(current.design.folder, new / _PATCHED)
        record = ReviewRecord(
            design=found.design.name,
            run=str(found.run.folder),
            asked=answer.asked.model_dump(mode="json"),
            changes=tuple(judged),
            refused=answer.refused,
            patched_design=str(folder / _PATCHED) if kept else "",
        )
        record.write(new)
        shutil.rmtree(new / _WORK)
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return record


def _begin(folder: Path) -> Path:
    """A new folder beside the one for the review, which an older review keeps to the end."""
    is_ours = (folder / FILE_NAME).is_file()
    if folder.exists() and not is_ours and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(
            "the folder for the review holds something else",
            where=str(folder),
            hint="--out DIR names another one",
        )
    new = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(new, ignore_errors=True)
    try:
        new.mkdir(parents=True)
    except OSError as error:
        raise InputError(
            f"cannot write the review: {error.strerror}", where=str(folder), hint="--out DIR"
        ) from error
    return new


def _ask(
    found: FinishedRun,
    current: Attempt,
    model: str,
    asking: Mapping[str, Any],
    log: Callable[[str], None],
) -> Review:
    run, design = current.run, current.design
    sources = sources_of(design.folder, run)
    given = parse(sources.sdc)
    gates_file, written = run.file("gates_verilog"), run.file("sdc")
    around = sdc.Surroundings(
        clock_port=design.clock.port,
        period_ns=design.clock.period_ns,
        driving_cell=found.pdk.driving_cell,
        load_ff=found.pdk.output_load_ff,
    )
    names = DesignNames((), ())
    if gates_file is not None:
        names = sdc.names_in(gates.read(gates_file, design.top))
    metrics = facts.improvable(run.metrics)
    if not metrics:
        raise InputError(
            "the run has no metric that could be improved",
            where=str(found.run.folder),
            hint="chipflow run DESIGN brings it to its end",
        )
    task = ReviewTask(
        facts=facts.in_words(run, without=[metric.name for metric in metrics]),
        metrics=metrics,
        sources=sources.rtl,
        constraints=written.read_text(encoding="utf-8") if written else "",
        knobs=facts.knobs(design),
    )
    return review(
        task,
        model=model,
        check_sdc=lambda more: sdc.complete((*given, *more), names, around),
        log=log,
        **asking,
    )


def _try(
    bench: Bench,
    current: Attempt,
    change: Change,
    target: Path,
    patch: Path,
    *,
    measure: bool,
    accept_constraints: bool,
) -> tuple[Judged, Attempt | None]:
    """What becomes of a change, and the design with it where it is kept."""
    said = change.model_dump(mode="json")
    gates: list[str] = []

    def judged(status: Status, reason: str = "", *measured: Mapping[str, float]) -> Judged:
        written = patch.name if patch.exists() else ""
        return Judged(said, status, reason, written, tuple(gates), *measured)

    try:
        bench.prepare(current, change, target, passed=gates.append)
    except Refusal as refusal:
        return judged("rejected", refusal.reason), None
    patch.write_text(difference(current.design.folder, target), encoding="utf-8")
    if not measure:
        return judged("proposed"), None
    before = current.run.metrics
    try:
        tried = bench.measure(current, change, target, passed=gates.append)
    except Refusal as refusal:
        return judged("rejected", refusal.reason, before), None
    after = tried.run.metrics
    if reason := verdict(change, current, tried):
        return judged("rejected", reason, before, after), None
    gates.append(f"{change.metric} got better, and nothing else went bad")
    if change.kind == "constraints" and not accept_constraints:
        return judged("your decision", _RELAXES, before, after), None
    return judged("kept", "", before, after), tried
