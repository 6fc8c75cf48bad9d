"""Tries one change on a copy of the design: the checks, the flow, and the metrics it ends with."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from chipflow.design import Design, Models, read_design
from chipflow.errors import Interrupted
from chipflow.flow import RunResult, run_flow
from chipflow.pdk.description import Pdk
from chipflow.report.record import RunOnDisk, read_run
from chipflow.review.checks import Refusal, check_rtl, same_behaviour
from chipflow.review.design_copy import Sources, apply_change, copy_design, sources_of
from llm_stages.errors import StageError, WrongAnswer
from llm_stages.review import Change, patched
from llm_stages.store import Store
from placement_env.errors import ChipError
from placement_env.metrics import METRICS

_LEAST_GAIN = 1e-6
#: What must not get worse for the sake of something else, nor from good to bad.
_GUARDED = (
    "timing__setup__ws_ns",
    "timing__hold__ws_ns",
    "route__overflow__total",
    "placement__hard_overlaps__count",
    "placement__cell_overlaps__count",
    "placement__cells_outside__count",
)

#: What changes that are no RTL have passed once they are in the copy.
_TEXT_GATES = {
    "constraints": "its commands are allowed and all that they name exists",
    "floorplan": "its settings exist and are in range",
}


@dataclass(frozen=True)
class Attempt:
    """A copy of the design with its run.

    Attributes:
        design: The copy.
        run: Its run, read.
    """

    design: Design
    run: RunOnDisk

    @property
    def sources(self) -> Sources:
        """What there is to patch in it."""
        return sources_of(self.design.folder, self.run)


@dataclass(frozen=True)
class Bench:
    """What all trials of a review share.

    Attributes:
        pdk: The PDK.
        models: Models of the run's own stages.
        answers: Where answers of models are recorded or replayed; None for the run folders.
        log: Gets a line for each step.
    """

    pdk: Pdk
    models: Models
    answers: Store | None = None
    log: Callable[[str], None] = lambda line: None

    def begin(self, design: Design, run: RunOnDisk, folder: Path) -> Attempt:
        """A copy of the design and of its run, brought up to date.

        Raises:
            ChipError: The design cannot be copied, or its flow fails.
        """
        copy_design(design, folder)
        return self._run(folder, run.folder)

    def copy(self, attempt: Attempt, folder: Path) -> Attempt:
        """A copy of an attempt's design, without a run of its own yet."""
        copy_design(attempt.design, folder)
        return replace(attempt, design=self._read(folder))

    def prepare(
        self, attempt: Attempt, change: Change, folder: Path, *, passed: Callable[[str], None]
    ) -> None:
        """A copy with a change that has passed all checks of its text.

        Args:
            attempt: What the change is made to.
            change: The change.
            folder: For the copy.
            passed: Gets each check that was passed, in words.

        Raises:
            Refusal: It does not apply, or a check has failed.
        """
        copied = self.copy(attempt, folder)
        try:
            sources = copied.sources
            names: frozenset[str] = frozenset()
            if change.kind == "rtl":
                names = frozenset(patched(sources.rtl, change.edits))
            apply_change(sources, change, untrusted=names)
            if change.kind != "rtl":
                self._read(folder)
                passed(_TEXT_GATES[change.kind])
                return
            passed("its edits match in one place each")
            after = self._read(folder)
            before = self._with_rtl(attempt, after)
            changed = [folder / name for name in names]
            unsafe = check_rtl(before, after, changed, self.pdk, passed=passed)
            if more := {p.relative_to(folder).as_posix() for p in unsafe} - names:
                apply_change(sources, change, untrusted=names | more)
        except (WrongAnswer, ChipError, StageError) as error:
            raise Refusal(_first_line(error)) from error

    def _with_rtl(self, attempt: Attempt, after: Design) -> Design:
        """The design before a change, with the RTL of its run where a model wrote that."""
        if attempt.design.rtl:
            return attempt.design
        stage = attempt.run.stage("rtl")
        if stage is None:
            raise Refusal("the run holds no RTL to compare with")
        return replace(after, rtl=tuple(stage.folder / "rtl" / p.name for p in after.rtl))

    def measure(
        self, attempt: Attempt, change: Change, folder: Path, *, passed: Callable[[str], None]
    ) -> Attempt:
        """Runs the flow on a prepared copy; arguments as for `prepare`.

        Raises:
            Refusal: A stage fails, or nothing shows that changed RTL still does what it should.
        """
        try:
            tried = self._run(folder, attempt.run.folder)
            passed("the flow runs to its end")
            if change.kind == "rtl":
                shown = check_function(attempt, tried, change, self.pdk)
                self.log(shown)
                passed(shown)
        except Interrupted:
            raise
        except (ChipError, StageError) as error:
            raise Refusal(_first_line(error)) from error
        return tried

    def _read(self, folder: Path) -> Design:
        return replace(read_design(folder), models=self.models)

    def _run(self, folder: Path, earlier: Path) -> Attempt:
        """The flow on a copy, from an earlier run: only what depends on a change runs."""
        design = self._read(folder)
        run = folder / "runs" / self.pdk.name
        left_out = shutil.ignore_patterns("*.failed", ".tmp-*", ".old-*", ".lock")
        shutil.copytree(earlier, run, ignore=left_out)
        result: RunResult = run_flow(
            design, self.pdk, run, engine="local", answers=self.answers, command="chipflow review"
        )
        if result.error:
            raise result.error
        for stage in result.ran:
            self.log(f"ran {stage}")
        return Attempt(design, read_run(run))


def check_function(before: Attempt, after: Attempt, change: Change, pdk: Pdk) -> str:
    """What shows that changed RTL does what it should: the test bench, or a proof if it promises.

    Raises:
        Refusal: Nothing does.
    """
    if not change.same_behaviour:
        if after.run.metrics.get("simulate__status") == 1:
            return "the test bench passes"
        stage = after.run.stage("simulate")
        why = stage.record.note if stage else "the flow has no simulation"
        raise Refusal(f"nothing shows that it still does what it should: {why}")
    rtl, gates_file = before.run.stage("rtl"), after.run.file("gates_verilog")
    if rtl is None or gates_file is None:
        raise Refusal("it promises the same behaviour, and there are no gates to compare")
    proof = same_behaviour(rtl.folder / "rtl", before.design, gates_file, pdk)
    if proof.outcome != "proven":
        raise Refusal(f"it promises the same behaviour, and that is not proven: {proof.note}")
    return f"same behaviour: {proof.note}"


def verdict(change: Change, before: Attempt, after: Attempt) -> str:
    """Why a measured change is not kept; empty where it is an improvement."""
    was, now = before.run.metrics, after.run.metrics
    name = change.metric
    if name not in was or name not in now:
        return f"{name} was not measured"
    gain = _gain(name, was[name], now[name])
    told = f"{name} went from {was[name]:.6g} to {now[name]:.6g}"
    if gain < 0:
        return f"{told}, which is worse"
    if gain <= _LEAST_GAIN * max(1.0, abs(was[name])):
        return f"{told}: no effect"
    for guarded in _GUARDED:
        if guarded != name and guarded in was and guarded in now:
            # Slack to spare may be used up, and what is bad must not become worse.
            least = min(was[guarded], 0.0) if METRICS[guarded].better == "higher" else was[guarded]
            if _gain(guarded, least, now[guarded]) < -_LEAST_GAIN:
                return f"{told}, but {guarded} from {was[guarded]:.6g} to {now[guarded]:.6g}"
    return ""


def _gain(name: str, before: float, after: float) -> float:
    return after - before if METRICS[name].better == "higher" else before - after


def _first_line(error: BaseException) -> str:
    message = getattr(error, "message", "") or str(error)
    return message.splitlines()[0] if message else type(error).__name__
