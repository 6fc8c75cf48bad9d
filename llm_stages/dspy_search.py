"""Searches of DSPy for a prompt pack: GEPA for instructions, BootstrapFewShot for demonstrations.

DSPy decides what to try. What is asked has the form of our packs, and every call goes through the
examiner, so that limits and records hold. DSPy is optional and is imported here alone.

References:
    Khattab et al.: DSPy, arXiv 2310.03714. Agrawal et al.: GEPA, arXiv 2507.19457. Written for
    dspy 3.4.1 with gepa 0.1.4.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import logging
import os
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from llm_stages import pack_proposals, pack_search
from llm_stages.asker import EffortSpent
from llm_stages.errors import ProviderError, Refused, ToolMissing
from llm_stages.exchange import Message
from llm_stages.gates import GATES
from llm_stages.pack_proposals import Candidate
from llm_stages.pack_score import Marked, Problem
from llm_stages.pack_trials import Trials

#: What GEPA may spend, in marks of the whole training split; the limits can end it earlier.
_FULL_MARKS = 12
_MOST_SHOWN = 3
_REFLECTION_TEMPERATURE = 0.7
#: Added to seeds, so that no reflection shares one with an answer.
_REFLECTIONS = 80_000


def check_installed() -> None:
    """Raise `ToolMissing` where DSPy is not installed."""
    for package in ("dspy", "gepa"):
        if importlib.util.find_spec(package) is None:
            raise ToolMissing(
                f"the package {package} is not installed",
                where="--optimizer gepa, bootstrap",
                hint="pip install 'chipflow-hybrid[dspy]', or --optimizer built-in, "
                "which needs nothing",
            )


def gepa(trials: Trials, generic: Candidate) -> None:
    """Have GEPA rewrite the instruction, with what the gates say as its feedback.

    Args:
        trials: The generic pack has been tried on all problems; what else is tried is added.
        generic: The pack to start from.

    Raises:
        EffortSpent: The limits are reached; the trials so far stand.
        ProviderError: The model could not be asked.
    """
    with _session(trials, generic) as session:
        optimizer = session.dspy.GEPA(
            metric=session.feedback,
            max_metric_calls=_FULL_MARKS * len(trials.problems),
            reflection_lm=session.reflecting,
            num_threads=1,
            seed=trials.examiner.seed,
            use_merge=False,
            gepa_kwargs={"stop_callbacks": lambda state: session.failure is not None},
        )
        examples = session.examples(trials.problems)
        optimizer.compile(session.program(), trainset=examples, valset=examples)


def bootstrap(trials: Trials, generic: Candidate) -> None:
    """Have BootstrapFewShot choose demonstrations, from several orders of the training split.

    Args, Raises: As `gepa`.
    """
    found: list[Candidate] = []
    with _session(trials, generic) as session:
        for count in range(1, _MOST_SHOWN + 1):
            rng = random.Random(f"bootstrap {trials.examiner.seed} {count}")
            order = rng.sample(list(trials.problems), k=len(trials.problems))
            optimizer = session.dspy.BootstrapFewShot(
                metric=session.is_passed, max_bootstrapped_demos=count, max_labeled_demos=0
            )
            compiled = optimizer.compile(session.program(), trainset=session.examples(order))
            shown = tuple(
                pack_proposals.shown(
                    session.problem(demo.problem),
                    generic.pack,
                    session.marks[demo.problem, demo.answer].rtl,
                )
                for demo in compiled.write.demos
            )
            if shown:
                found.append(Candidate(f"generic, {len(shown)} shown", generic.pack, shown))
    pack_search.halve(trials, found)


@dataclass
class _Session:
    """DSPy at work on a tune, one call at a time.

    Attributes:
        dspy: The package.
        trials: Where marks are kept.
        generic: The pack to start from.
        writing: The model as DSPy asks it for RTL.
        reflecting: The same model as GEPA asks it for instructions.
        current: The candidate and the problem that are to be asked about.
        marks: By problem and text of the answer.
        failure: Why no further call is made; DSPy goes on after errors, so it is kept.
        reflections: How many instructions were asked for.
        instructions: Those that were tried, and their numbers.
    """

    dspy: Any
    trials: Trials
    generic: Candidate
    writing: Any = None
    reflecting: Any = None
    current: tuple[Candidate, Problem] | None = None
    marks: dict[tuple[str, str], Marked] = field(default_factory=dict)
    failure: Exception | None = None
    reflections: int = 0
    instructions: dict[str, int] = field(default_factory=dict)

    def program(self) -> Any:
        """The stage as a module of DSPy: one predictor, with our instruction."""
        dspy = self.dspy
        signature = dspy.Signature(
            "specification, problem -> answer", "\n".join(self.generic.pack.system)
        )

        class Writer(dspy.Module):
            def __init__(self) -> None:
                super().__init__()
                self.write = dspy.Predict(signature)

            def forward(self, specification: str, problem: str) -> Any:
                return self.write(specification=specification, problem=problem)

        return Writer()

    def examples(self, problems: Any) -> list[Any]:
        """Problems as examples of DSPy; what judges them is not in there."""
        return [
            self.dspy.Example(specification=one.spec.strip(), problem=one.name).with_inputs(
                "specification", "problem"
            )
            for one in problems
        ]

    def answer(self, messages: tuple[Message, ...]) -> str:
        """The answer of the model to the adapter's candidate and problem.

        The question is made anew from the two, so that nothing which DSPy does to messages on their
        way is in what is measured.
        """
        assert self.current is not None
        candidate, problem = self.current
        pack = candidate.pack_for(problem.name)
        self.check()
        try:
            [mark] = self.trials.measure(candidate, [problem])
            question = pack.messages(pack.first, problem.fields())
            [reply] = self.trials.examiner.ask_all([question])  # it has been asked: no further call
        except Refused:
            raise  # of one question; DSPy counts it as a wrong answer
        except (EffortSpent, ProviderError, ToolMissing) as error:
            self.failure = error
            raise
        self.marks[problem.name, reply.text] = mark
        return reply.text

    def reflect(self, messages: tuple[Message, ...]) -> str:
        """The answer to a question of GEPA's own."""
        self.check()
        self.reflections += 1
        try:
            [reply] = self.trials.examiner.ask_all(
                [messages],
                temperature=_REFLECTION_TEMPERATURE,
                number=_REFLECTIONS + self.reflections,
            )
        except Refused as error:
            self.failure = EffortSpent(f"no further instruction: {error.message}")
            raise self.failure from None
        except (EffortSpent, ProviderError) as error:
            self.failure = error
            raise
        return reply.text

    def check(self) -> None:
        """Raise what has ended the calls."""
        if self.failure is not None:
            raise self.failure

    def candidate(self, instruction: str, demos: list[Any]) -> Candidate:
        """A candidate of DSPy's as ours; the lines that every instruction keeps are put back."""
        made = self.generic
        if instruction != "\n".join(self.generic.pack.system):
            number = self.instructions.setdefault(instruction, len(self.instructions) + 1)
            label = f"GEPA {number}"
            made = pack_proposals.with_kept_lines(self.generic, label, instruction.splitlines())
        shown = tuple(
            pack_proposals.shown(
                self.problem(demo["problem"]),
                self.generic.pack,
                self.marks[demo["problem"], demo["answer"]].rtl,
            )
            for demo in demos
        )
        return Candidate(made.label, made.pack, shown)

    def problem(self, name: str) -> Problem:
        """A problem of the training split."""
        return next(one for one in self.trials.problems if one.name == name)

    def is_passed(self, gold: Any, found: Any, trace: Any = None) -> bool:
        """The metric of BootstrapFewShot."""
        mark = self.marks.get((gold.problem, found.answer))
        return mark is not None and mark.passed

    def feedback(
        self, gold: Any, found: Any, trace: Any = None, name: Any = None, name_trace: Any = None
    ) -> Any:
        """The metric of GEPA: how far the answer climbs, and what is wrong."""
        mark = self.marks.get((gold.problem, found.answer))
        if mark is None:
            return self.dspy.Prediction(score=0.0, feedback="there was no answer")
        climbed = (mark.score.reached + mark.score.agreement) / (len(GATES) + 1)
        return self.dspy.Prediction(
            score=1.0 if mark.passed else climbed,
            feedback=mark.fault or "it passes all gates and the test bench",
        )


@contextlib.contextmanager
def _session(trials: Trials, generic: Candidate) -> Iterator[_Session]:
    """DSPy with our model and our form of a question, for as long as the search takes.

    What ends it early is raised at its end, whatever DSPy made of it.
    """
    with tempfile.TemporaryDirectory(prefix="chipflow-") as folder:
        os.environ.setdefault("DSPY_CACHEDIR", folder)  # read when DSPy is imported
        dspy: Any = importlib.import_module("dspy")
        logging.getLogger("dspy").setLevel(logging.CRITICAL)
        session = _Session(dspy, trials, generic)
        session.writing = _model(dspy, session.answer)
        session.reflecting = _model(dspy, session.reflect)
        adapter = _adapter(dspy, session)
        try:
            # Its bars of progress would come between our own lines, and into the table.
            with (
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(io.StringIO()),
                dspy.context(lm=session.writing, adapter=adapter, num_threads=1),
            ):
                yield session
        except Exception:
            # DSPy wraps and counts errors in ways of its own; ours says what happened.
            if session.failure is None:
                raise
        session.check()


def _model(dspy: Any, ask: Any) -> Any:
    """A model of DSPy's that asks through us: once, without its caches and retries."""
    lm15 = importlib.import_module("dspy.lm15")

    class Engine:
        def complete(self, request: Any) -> Any:
            system = request.system or ""
            if not isinstance(system, str):
                system = "".join(part.text for part in system)
            before = (Message("system", system),) if system else ()
            asked = tuple(
                Message("assistant" if one.role == "assistant" else "user", one.text or "")
                for one in request.messages
            )
            text = ask((*before, *asked))
            return lm15.Response(
                id=None,
                model=request.model,
                message=lm15.Message.assistant(text or " "),
                finish_reason="stop",
                usage=lm15.Usage(input_tokens=0, output_tokens=0),
            )

        def close(self) -> None:
            """Nothing is open."""

    return dspy.LM(model="chipflow/examined", engine=Engine(), cache=False, num_retries=0)


def _adapter(dspy: Any, session: _Session) -> Any:
    """What makes questions of instruction, demonstrations and problem: those of our packs."""

    class PackAdapter(dspy.Adapter):
        def format(self, signature: Any, demos: Any, inputs: Any) -> list[dict[str, str]]:
            problem = session.problem(inputs["problem"])
            candidate = session.candidate(signature.instructions, demos)
            session.current = (candidate, problem)
            return [{"role": "user", "content": problem.question(candidate.pack)}]

        def parse(self, signature: Any, completion: str) -> dict[str, str]:
            return {"answer": completion}

    return PackAdapter()
