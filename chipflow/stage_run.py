"""Decides whether a stage's earlier result stands, and makes a new one where it does not."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chipflow import asking
from chipflow.design import Design
from chipflow.engine.child import Children, Usage
from chipflow.engine.worker import Job
from chipflow.errors import StageFailed
from chipflow.keys import ABSENT, InputReader, StageInputs, explain
from chipflow.pdk.description import Pdk
from chipflow.progress import Progress
from chipflow.run import RunFolder
from chipflow.stage import Stage, StageContext, StageResult
from chipflow.stage_record import LOG_NAME, StageRecord
from chipflow.tools.versions import version_of
from llm_stages.errors import DraftRejected
from llm_stages.store import Store

_REFUSED = f"exit code {DraftRejected.exit_code}"


@dataclass
class StageRunner:
    """The stages of one run.

    Attributes:
        design: The design.
        pdk: The PDK.
        stages: All stages in flow order.
        folder: Where results are.
        reader: Reads what stages depend on.
        children: The processes that do the work.
        progress: Told what happens.
        forced: Stages to run again although nothing has changed, to the reason.
        answers: Where answers of models are recorded or replayed; None for the run folder.
        records: Results that stand, of this run and of earlier ones.
        ran: Names of the stages that this run has done.
    """

    design: Design
    pdk: Pdk
    stages: Sequence[Stage]
    folder: RunFolder
    reader: InputReader
    children: Children
    progress: Progress
    forced: Mapping[str, str] = field(default_factory=dict)
    answers: Store | None = None
    records: dict[str, StageRecord] = field(default_factory=dict)
    ran: set[str] = field(default_factory=set)
    _waiting: dict[str, tuple[StageInputs, str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def needs_work(self, name: str) -> bool:
        """Whether a stage is to run, once all that it needs is done.

        Raises:
            InputError: A file that the stage depends on cannot be read.
        """
        number, stage = self._numbered(name)
        inputs = self.reader.of(stage, self._made(stage), self._metrics_before(number))
        old = self.folder.record(number, name)
        reason = self._reason(number, name, old, inputs)
        if old and not reason:
            self.records[name] = old
            self.folder.forget_failure(number, name)
            self.progress.stands(old)
            return False
        self._waiting[name] = (inputs, reason)
        return True

    def work(self, name: str) -> None:
        """Runs a stage that needs work and puts its result in place.

        Raises:
            StageFailed: The stage failed. Earlier results are untouched.
        """
        number, stage = self._numbered(name)
        inputs, reason = self._waiting.pop(name)
        record = StageRecord(
            stage=name,
            number=number,
            status="done",
            reason=reason,
            key=inputs.key,
            inputs=inputs.values,
            code=inputs.code_version,
            code_modules=inputs.code,
            tool_versions={tool: version_of(tool) or ABSENT for tool in stage.tools},
            started=datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
        )
        self.progress.started(name, reason)
        try:
            working = self.folder.begin(number, name)
            record = self._done(stage, record, working)
        except OSError as error:
            raise StageFailed(
                name,
                f"cannot write the run folder: {error.strerror}",
                where=str(error.filename or self.folder.path),
                hint="make room or mend the permissions, then run the same command",
            ) from error
        with self._lock:
            self.records[name] = record
            self.ran.add(name)
        self.progress.ended(record)

    def _done(self, stage: Stage, record: StageRecord, working: Path) -> StageRecord:
        begin = time.monotonic()
        missing = [name for name in stage.reads if name not in self._made(stage)]
        log = working / LOG_NAME
        log.touch()
        try:
            if missing:
                result, usage = self._skip(missing), Usage(0.0, 0.0)
            else:
                result, usage = self.children.run(
                    Job(stage, self._context(stage, record.number, working)),
                    log,
                    lambda text: self.progress.line(stage.name, text),
                )
        except StageFailed as error:
            took = replace(
                record,
                wall_s=round(time.monotonic() - begin, 3),
                models=asking.usage(self.folder.path, stage.name),
            )
            raise self._keep_failure(error, took, working) from error
        return self.folder.finish(
            working,
            replace(
                record,
                status=result.status,
                note=result.note,
                files=dict(result.files),
                metrics=dict(result.metrics),
                models=asking.usage(self.folder.path, stage.name),
                wall_s=round(time.monotonic() - begin, 3),
                cpu_s=round(usage.cpu_s, 3),
                peak_rss_mib=round(usage.peak_rss_mib, 1),
            ),
        )

    def _keep_failure(self, error: StageFailed, record: StageRecord, working: Path) -> StageFailed:
        """Keeps what the stage left, and names its new place in the error."""
        if self.children.ended:  # the user's doing, not the stage's
            shutil.rmtree(working, ignore_errors=True)
            return error
        told = {
            "message": error.message,
            "where": error.where,
            "hint": error.hint,
            "kind": "crashed" if error.crashed else f"exit code {error.exit_code}",
        }
        kept = self.folder.keep_failure(
            working, replace(record, status="failed", note=error.message, error=told)
        )
        error.where = error.where.replace(str(working), str(kept))
        self.progress.failed(error)
        return error

    def _context(self, stage: Stage, number: int, working: Path) -> StageContext:
        metrics: dict[str, float] = {}
        if stage.uses_metrics:
            for numbers in self._metrics_before(number).values():
                metrics |= numbers
        return StageContext(
            design=self.design,
            pdk=self.pdk,
            files=self._made(stage),
            out_dir=working,
            metrics=metrics,
            asking=self._asking(stage, number) if stage.asks_models else {},
        )

    def _asking(self, stage: Stage, number: int) -> dict[str, Any]:
        """How the stage asks models. Answers that the checks refused are not taken once more."""
        failed = self.folder.failed_record(number, stage.name)
        refused = failed is not None and failed.error.get("kind") == _REFUSED
        return asking.arguments(
            self.design.models,
            self.folder.path,
            stage.name,
            anew=stage.name in self.forced or refused,
            store=self.answers,
        )

    def _reason(self, number: int, name: str, old: StageRecord | None, inputs: StageInputs) -> str:
        """Why the stage is to run; empty where its result stands."""
        if name in self.forced:
            return self.forced[name]
        failed = self.folder.failed_record(number, name)
        if old and old.key == inputs.key:
            damaged = self.folder.damaged_file(old)
            return f"its file {damaged} is missing or damaged" if damaged else ""
        if failed and failed.key == inputs.key:
            return "it failed last time"
        latest = old or failed
        return explain(latest.stage_inputs if latest else None, inputs) or "its record is damaged"

    def _made(self, stage: Stage) -> dict[str, Path]:
        """Files of earlier stages that the stage reads, by declared name."""
        wanted = {*stage.reads, *stage.may_read}
        made: dict[str, Path] = {}
        for other in self.stages:
            if other.name == stage.name:
                break
            if other.name in self.records:
                files = self.folder.files(self.records[other.name])
                made |= {name: path for name, path in files.items() if name in wanted}
        return made

    def _metrics_before(self, number: int) -> dict[str, Mapping[str, float]]:
        return {
            other.name: self.records[other.name].metrics
            for other in self.stages[: number - 1]
            if other.name in self.records
        }

    def _skip(self, missing: Sequence[str]) -> StageResult:
        """The result of a stage that lacks a file, naming the stage that did not make it."""
        giver = next(stage for stage in self.stages if missing[0] in stage.gives)
        why = self.records[giver.name].note
        note = f"{giver.name} made no {missing[0]}" + (f" ({why})" if why else "")
        return StageResult(status="skipped", note=note)

    def _numbered(self, name: str) -> tuple[int, Stage]:
        for number, stage in enumerate(self.stages, start=1):
            if stage.name == name:
                return number, stage
        raise KeyError(name)
