"""Runs a suite of RTL problems: answers from a model or from files, each judged in the sandbox.

First a problem's own reference is judged. Where it does not pass, nothing here can judge the
problem: no model is asked, and it stays in the denominator as one that could not run.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.verilog_answers import Source
from benchmarks.verilog_arms import Answer
from benchmarks.verilog_problems import TIME_LIMIT_S, Problem, digest, judge
from benchmarks.wave_difference import first_difference
from llm_stages.errors import BudgetSpent
from llm_stages.errors import InputError as NoWaves

_WAVES = "wave.vcd"


@dataclass(frozen=True)
class Verdicted:
    """What judging an answer said, without where it happened.

    Attributes:
        status: "passed", "failed" or "could_not_run", as in `Verdict`.
        cause: Why it did not pass.
        reason: The same in a sentence.
        errors: What the test bench counted as wrong.
        checks: What it checked.
        differs: Of an answer that passed: where its outputs differ from the reference's all the
            same; empty where they never do, None where they were not compared.
    """

    status: str
    cause: str = ""
    reason: str = ""
    errors: int | None = None
    checks: int | None = None
    differs: str | None = None

    @property
    def passed(self) -> bool:
        """The golden test bench found nothing wrong."""
        return self.status == "passed"


@dataclass(frozen=True)
class Sample(Verdicted):
    """One answer and its verdict.

    Attributes:
        prompt_tokens: Tokens of the questions.
        completion_tokens: Tokens of the answers.
        cost_usd: Price; None where it is not known.
        note: What the answer is.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = 0.0
    note: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of one problem.

    Attributes:
        problem: Its name.
        could_not_run: Why nothing here can judge it; empty where something did.
        samples: The answers, in order.
        stopped: Why there are no more samples, where the budget ended them.
        digest: Hash of the problem as it was then; empty in older records.
    """

    problem: str
    could_not_run: str
    samples: tuple[Sample, ...] = ()
    stopped: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Plan:
    """How problems are run.

    Attributes:
        source: Where the answers come from.
        simulator: "icarus" or "verilator".
        compare_waves: Look at passing answers' wave forms for differences from the reference.
        timeout_s: Wall time for compiling, and for simulating, an answer.
    """

    source: Source
    simulator: str = "icarus"
    compare_waves: bool = False
    timeout_s: float = TIME_LIMIT_S


def run(
    names: Sequence[str], load: Callable[[str], Problem], plan: Plan, *, cores: int = 1
) -> Iterator[Outcome]:
    """Run problems, several at a time, and yield each as it is done.

    Args:
        names: The problems.
        load: Reads a problem by its name.
        plan: How they are run.
        cores: Problems at a time.

    Raises:
        ChipError, StageError: A problem cannot be read, or a model cannot be asked. Problems that
            were in work are finished and yielded before.
    """
    waiting = list(names)
    failure: BaseException | None = None
    working: set[Future[Outcome]] = set()
    with ThreadPoolExecutor(max_workers=cores) as pool:
        while working or (waiting and failure is None):
            while waiting and failure is None and len(working) < cores:
                working.add(pool.submit(run_one, load, waiting.pop(0), plan))
            done, working = wait(working, return_when=FIRST_COMPLETED)
            for future in done:
                error = future.exception()
                if error is None:
                    yield future.result()
                failure = failure or error
    if failure is not None:
        raise failure


def run_one(load: Callable[[str], Problem], name: str, plan: Plan) -> Outcome:
    """Run one problem."""
    problem = load(name)
    return replace(_outcome(name, problem, plan), digest=digest(problem))


def _outcome(name: str, problem: Problem, plan: Plan) -> Outcome:
    if problem.cannot_run:
        return Outcome(name, problem.cannot_run)
    of_reference: Verdicted | None = None
    if problem.reference:
        of_reference = _judged(problem, problem.reference, plan)
        if not of_reference.passed:
            return Outcome(name, f"with the reference, {of_reference.reason}")
    samples: list[Sample] = []
    try:
        for answer in plan.source(problem):
            if not answer.rtl:
                found = Verdicted("failed", "compile", answer.note or "there is no answer")
            elif of_reference and answer.rtl == problem.reference:
                found = of_reference
            else:
                found = _judged(problem, answer.rtl, plan)
            samples.append(_sample(answer, found))
    except BudgetSpent as spent:
        return Outcome(name, "", tuple(samples), spent.message)
    return Outcome(name, "", tuple(samples))


def _judged(problem: Problem, rtl: str, plan: Plan) -> Verdicted:
    with tempfile.TemporaryDirectory(prefix="chipflow-") as folder:
        work_dir = Path(folder) / "work"
        verdict = judge(problem, rtl, work_dir, simulator=plan.simulator, timeout_s=plan.timeout_s)
        differs = None
        if verdict.passed and plan.compare_waves and verdict.vcd_path is not None:
            with contextlib.suppress(NoWaves):
                differs = first_difference(verdict.vcd_path)
        return Verdicted(
            status=verdict.status,
            cause=verdict.cause,
            reason=verdict.reason.replace(f"{work_dir.resolve()}/", ""),
            errors=verdict.errors,
            checks=verdict.checks,
            differs=differs,
        )


def _sample(answer: Answer, found: Verdicted) -> Sample:
    return Sample(
        **vars(found),
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        cost_usd=answer.cost_usd,
        note=answer.note,
    )
