"""From a design to a chip: the stages in order, and one run over them.

The run folder decides what there is to do (`chipflow.run`, `chipflow.keys`); an engine does it
(`chipflow.engine`). Where nothing is to be done, no engine is even imported.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from chipflow import asking
from chipflow.design import Design
from chipflow.engine.child import Children
from chipflow.engine.schedule import Schedule
from chipflow.errors import Interrupted, StageFailed
from chipflow.graph import depending_on, needed_for, needs
from chipflow.keys import InputReader
from chipflow.pdk.description import Pdk
from chipflow.progress import Progress
from chipflow.run import open_run_folder
from chipflow.stage import Stage
from chipflow.stage_record import StageRecord
from chipflow.stage_run import StageRunner
from chipflow.stage_source import read_stage
from chipflow.toml_text import did_you_mean
from llm_stages.store import Store
from placement_env.errors import InputError

Engine = Literal["prefect", "local"]

STAGE_MODULES = (
    "rtl",
    "lint",
    "simulate",
    "synthesize",
    "constraints",
    "check_gates",
    "floorplan",
    "group",
    "place_macros",
    "place_cells",
    "estimate_routes",
    "timing",
    "export",
    "scores",
)
"""Modules of `chipflow.stages` in flow order; each holds a `STAGE`."""

REPORT = "report.html"


@dataclass(frozen=True)
class RunResult:
    """What a run came to.

    Attributes:
        folder: The run folder.
        status: "failed" where a stage failed.
        stages: Records of all stages whose results stand, in flow order.
        ran: Names of the stages that ran this time.
        engine: What conducted them; empty where nothing ran.
        report: The report.
        up_to: The stage that was wanted with what it needs; empty for all.
        error: The failure, for the caller to raise.
    """

    folder: Path
    status: Literal["done", "failed"]
    stages: tuple[StageRecord, ...]
    ran: tuple[str, ...]
    engine: str
    report: Path
    up_to: str = ""
    error: StageFailed | None = None

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics of all stages."""
        metrics: dict[str, float] = {}
        for record in self.stages:
            metrics |= record.metrics
        return metrics


def load_stages() -> tuple[Stage, ...]:
    """The stages of the flow in order, without importing their modules."""
    return tuple(read_stage(f"chipflow.stages.{name}") for name in STAGE_MODULES)


def default_folder(design: Design, pdk: Pdk) -> Path:
    """Where a design's run on a PDK goes unless the user names another folder."""
    return design.folder / "runs" / pdk.name


def write_report(folder: Path) -> None:
    """Writes the report of a run folder."""
    from chipflow.report import page

    page.write_report(folder)


def run_flow(
    design: Design,
    pdk: Pdk,
    folder: Path,
    *,
    engine: Engine = "prefect",
    jobs: int = 2,
    stages: Sequence[Stage] | None = None,
    again_from: str = "",
    up_to: str = "",
    answers: Store | None = None,
    progress: Progress | None = None,
    command: str = "",
) -> RunResult:
    """Brings a run folder up to date: runs the stages whose inputs have changed, and no others.

    Args:
        design: The design.
        pdk: The PDK.
        folder: The run folder.
        engine: What conducts the stages.
        jobs: How many stages run at once.
        stages: The stages in order; those of the product where None.
        again_from: A stage to run again, with all that depend on it, although nothing has changed.
        up_to: The stage that is wanted: only it and those that it depends on run. All, where empty.
        answers: Where answers of models are recorded or replayed; None for the run folder.
        progress: Told what happens.
        command: The command line, for the report.

    Returns:
        The outcome; a stage's failure is in `error`.

    Raises:
        InputError: The folder cannot be used, `again_from` or `up_to` is no stage, the one
            does not depend on the other, or a file that a stage depends on cannot be read.
        Interrupted: The user has interrupted the run. Finished stages are kept.
    """
    stages = load_stages() if stages is None else tuple(stages)
    progress = progress or Progress()
    needed = needs(stages)
    wanted = _wanted(needed, up_to)
    forced = _forced(needed, again_from, wanted)
    if again_from and not forced:
        raise InputError(
            f"{up_to} does not depend on {again_from}, so nothing would run",
            where="--from and --to",
            hint=f"leave one of them out, or give --to {again_from}",
        )
    with open_run_folder(folder, design=design.name, pdk=pdk.name) as run_folder:
        folder = run_folder.path
        run_folder.tidy([stage.name for stage in stages])
        runner = StageRunner(
            design=design,
            pdk=pdk,
            stages=stages,
            folder=run_folder,
            reader=InputReader(design, pdk, run_folder.hashes, folder),
            children=Children(),
            progress=progress,
            forced=forced,
            answers=answers,
        )
        run = _Run(runner, needed, up_to, wanted, engine, jobs, command)
        return run.bring_up_to_date()


def _wanted(needed: dict[str, tuple[str, ...]], up_to: str) -> set[str]:
    if not up_to:
        return set(needed)
    _check_name(up_to, needed, "--to")
    return needed_for(up_to, needed)


def _forced(
    needed: dict[str, tuple[str, ...]], again_from: str, wanted: set[str]
) -> dict[str, str]:
    if not again_from:
        return {}
    _check_name(again_from, needed, "--from")
    return dict.fromkeys(depending_on(again_from, needed) & wanted, f"--from {again_from}")


def _check_name(name: str, stages: Collection[str], option: str) -> None:
    if name not in stages:
        raise InputError(
            f"there is no stage {name}",
            where=option,
            hint=did_you_mean(name, list(stages)) or f"one of: {', '.join(stages)}",
        )


@dataclass
class _Run:
    """One pass over a run folder."""

    runner: StageRunner
    needed: dict[str, tuple[str, ...]]
    up_to: str
    wanted: set[str]
    engine: Engine
    jobs: int
    command: str
    summary: dict[str, Any] = field(default_factory=dict)

    def bring_up_to_date(self) -> RunResult:
        runner, folder = self.runner, self.runner.folder
        title = f"{runner.design.name} on {runner.pdk.name}"
        runner.progress.begin(title, [name for name in self.needed if name in self.wanted])
        self.summary = folder.summary()
        try:
            waiting = self._waiting()
            report = folder.path / REPORT
            if not waiting and self.summary.get("status") == "done" and report.is_file():
                return self._result("", None)
            engine, error = "", None
            if waiting:
                asking.begin(folder.path)
                self._write_summary("running", started=_now(), engine=self.engine, finished="")
                try:
                    engine = self._work(waiting)
                except StageFailed as failure:
                    engine, error = self.engine, failure
                except InputError:  # a source went away while the run was at work
                    self._write_summary("failed", finished=_now())
                    raise
                self.summary["engine"] = engine
            self._look_at_the_rest()
            self._write_summary("failed" if error else "done", finished=_now())
            write_report(folder.path)
            return self._result(engine, error)
        except KeyboardInterrupt as interrupt:
            runner.children.end_all()
            self._write_summary("interrupted", finished=_now())
            raise Interrupted(
                "interrupted; finished stages are kept",
                where=str(folder.path),
                hint=f"{_without_from(self.command) or 'the same call again'} goes on from here",
            ) from interrupt
        finally:
            runner.progress.end()

    def _waiting(self) -> list[str]:
        """The wanted stages that are to run, or whose turn depends on one that is."""
        waiting: list[str] = []
        for stage in self.runner.stages:
            unsettled = any(name in waiting for name in self.needed[stage.name])
            if unsettled or self.runner.needs_work(stage.name):
                waiting.append(stage.name)
        return [name for name in waiting if name in self.wanted]

    def _look_at_the_rest(self) -> None:
        """Find out which results of stages that nobody wanted stand after those that were."""
        records = self.runner.records
        for name, before in self.needed.items():
            if name not in self.wanted | set(records) and records.keys() >= set(before):
                self.runner.needs_work(name)

    def _work(self, waiting: Sequence[str]) -> str:
        schedule = Schedule(
            waiting,
            self.needed,
            done=set(self.runner.records),
            jobs=self.jobs,
            needs_work=self.runner.needs_work,
            work=self.runner.work,
            cancel=self.runner.children.end_all,
        )
        if self.engine == "local":
            from chipflow.engine import local

            return local.conduct(schedule, jobs=self.jobs)
        from chipflow.engine import prefect

        return prefect.conduct(
            schedule,
            flow=f"{self.runner.design.name} on {self.runner.pdk.name}",
            folder=str(self.runner.folder.path),
            jobs=self.jobs,
            note=self.runner.progress.note,
        )

    def _write_summary(self, status: str, **values: str) -> None:
        runner = self.runner
        self.summary |= {
            "design": runner.design.name,
            "pdk": runner.pdk.name,
            "pdk_label": runner.pdk.label,
            "chipflow_version": version("chipflow-hybrid"),
            "command": self.command,
            "status": status,
            "up_to": "" if len(runner.records) == len(runner.stages) else self.up_to,
            "stages": [self._state(stage.name) for stage in runner.stages],
            **values,
        }
        runner.folder.write_summary(self.summary)

    def _state(self, name: str) -> dict[str, Any]:
        """What `run.json` says of a stage: whether the result in its folder is one of this run."""
        runner, folder = self.runner, self.runner.folder
        number = [stage.name for stage in runner.stages].index(name) + 1
        if record := runner.records.get(name):
            state = record.status
        elif folder.failed_record(number, name):
            state = "failed"
        else:
            state = "out of date" if folder.record(number, name) else "not run"
        return {"stage": name, "number": number, "state": state, "ran": name in runner.ran}

    def _result(self, engine: str, error: StageFailed | None) -> RunResult:
        records = self.runner.records
        names = [stage.name for stage in self.runner.stages]
        return RunResult(
            folder=self.runner.folder.path,
            status="failed" if error else "done",
            stages=tuple(records[name] for name in names if name in records),
            ran=tuple(name for name in names if name in self.runner.ran),
            engine=engine,
            report=self.runner.folder.path / REPORT,
            up_to=self.up_to,
            error=error,
        )


def _without_from(command: str) -> str:
    """The command that goes on where this one stopped: --from would do finished stages again."""
    return re.sub(r" --from[ =]\S+", "", command)


def _now() -> str:
    return datetime.now(UTC).astimezone().isoformat(timespec="seconds")
