"""What a prompt pack is worth with a model: an answer to each of some problems, up the gates.

A problem's test bench judges and is never shown: what a model may see of a failure is the gate, the
findings of the gates before the simulation, and the share of checks that passed.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import fmean

from llm_stages.asker import EffortSpent
from llm_stages.budget import Budget, estimated_tokens
from llm_stages.candidate_pool import CandidatePool, TestBench
from llm_stages.candidate_words import errors
from llm_stages.candidates import Candidate
from llm_stages.code_block import extract_hdl
from llm_stages.errors import BudgetSpent, StageError
from llm_stages.exchange import Message, Reply, Request
from llm_stages.gates import Score, Synthesize
from llm_stages.interface import ports_in_words, required_ports
from llm_stages.model_string import split
from llm_stages.prompt_pack import PromptPack
from llm_stages.provider import complete
from llm_stages.store import Store, request_key
from llm_stages.tuning_record import Measured

STAGE = "spec_to_rtl"


@dataclass(frozen=True)
class Problem:
    """A specification with what judges answers to it.

    Attributes:
        name: Its name.
        spec: What the model is told.
        top: The module to write.
        test_bench: Judges: (file of the answer, working folder) -> verdict; the answer is
            untrusted.
        content: What the test bench is made of, for the record's hash.
    """

    name: str
    spec: str
    top: str
    test_bench: TestBench
    content: str = ""

    def fields(self) -> dict[str, str]:
        """What the first question is filled in with; as `spec_to_rtl` and the benchmark ask it."""
        spec = self.spec.strip()
        return {
            "top": self.top,
            "spec": spec,
            "mark": hashlib.sha256(f"{self.top}\n{spec}\n".encode()).hexdigest()[:12],
            "ports": ports_in_words(self.top, required_ports(spec, self.top)),
        }

    def question(self, pack: PromptPack) -> str:
        """The first question that a pack asks."""
        return pack.messages(pack.first, self.fields())[-1].content


@dataclass(frozen=True)
class Marked:
    """An answer with its marks.

    Attributes:
        problem: Name of the problem.
        score: The repair loop's score.
        passed: It came through all gates and the test bench.
        rtl: The source; empty where the answer held none.
        fault: What is wrong, as a model may be told.
        codes: Names of the findings that failed it.
    """

    problem: str
    score: Score
    passed: bool
    rtl: str
    fault: str
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, order=True)
class Worth:
    """The mean of scores over problems, compared field by field; higher is better.

    The share of problems passed goes first: a mean of gates alone would give a pass away for two
    sources that merely compile. Errors go after agreement: how many of them a source that fails has
    says less than how much of another one is right.

    Attributes:
        passed: Share of the problems.
        reached: As in `Score`, and so on.
    """

    passed: float
    reached: float
    agreement: float
    minus_errors: float
    minus_warnings: float
    minus_cells: float

    def beats(self, other: Worth) -> bool:
        """Better in more than the numbers of errors, warnings and cells."""
        mine, others = ((one.passed, one.reached, one.agreement) for one in (self, other))
        return mine > others


def worth(marks: Iterable[Marked]) -> Worth:
    """The mean of some marks; there is at least one."""
    found = list(marks)
    return Worth(
        passed=fmean(mark.passed for mark in found),
        reached=fmean(mark.score.reached for mark in found),
        agreement=fmean(mark.score.agreement for mark in found),
        minus_errors=fmean(mark.score.minus_errors for mark in found),
        minus_warnings=fmean(mark.score.minus_warnings for mark in found),
        minus_cells=fmean(mark.score.minus_cells for mark in found),
    )


def measured(marks: Sequence[Marked]) -> Measured:
    """The same for the record in a pack."""
    return Measured(
        problems=len(marks),
        passed=sum(mark.passed for mark in marks),
        reached=round(fmean(mark.score.reached for mark in marks), 4),
        agreement=round(fmean(mark.score.agreement for mark in marks), 4),
    )


@dataclass(frozen=True)
class Limits:
    """What a tune may use. Answers from a record count too, so that a replay ends where it did.

    Attributes:
        tokens: Tokens of all questions and answers; None for no limit, as below.
        calls: Answers.
        seconds: Time of all calls together.
        cost_usd: Money; for calls that are really made.
    """

    tokens: int | None = None
    calls: int | None = None
    seconds: float | None = None
    cost_usd: float | None = None


@dataclass
class Examiner:
    """Asks a model with packs, and marks its answers.

    The same question has one answer, which is asked for once.

    Attributes:
        model: The model string.
        limits: What may be used in all.
        store: Where replies are recorded or replayed from.
        api_base: Address where the model string has none.
        max_tokens: Length of an answer at most.
        seed: Seed of the questions.
        timeout_s: Time for one answer.
        cores: Questions at a time.
        synthesize: A synthesis tool for the gate ladder.
        log: Gets lines of progress.
        reserve: Held back from the limits, in the same units.
        replies: What came back so far.
    """

    model: str
    limits: Limits = field(default_factory=Limits)
    store: Store | None = None
    api_base: str = ""
    max_tokens: int = 4096
    seed: int = 1
    timeout_s: float = 600.0
    cores: int = 1
    synthesize: Synthesize | None = None
    log: Callable[[str], None] = lambda line: None
    reserve: Limits = field(default_factory=Limits)
    replies: list[Reply] = field(default_factory=list)
    _answered: dict[str, Reply] = field(default_factory=dict)
    _marked: dict[tuple[str, str], Marked] = field(default_factory=dict)

    @property
    def used(self) -> Limits:
        """What the answers so far took."""
        costs = [reply.cost_usd for reply in self.replies]
        return Limits(
            tokens=sum(_tokens(reply) for reply in self.replies),
            calls=len(self.replies),
            seconds=sum(reply.latency_s for reply in self.replies),
            cost_usd=None if None in costs else sum(cost or 0.0 for cost in costs),
        )

    def examine(self, packs: Sequence[PromptPack], problems: Sequence[Problem]) -> list[Marked]:
        """The marks of one answer to each problem, with the pack at its place.

        Args:
            packs: A pack for each problem; `Candidate.pack_for` says why they can differ.
            problems: The problems.

        Raises:
            EffortSpent: The limits do not allow all of it. What was answered is kept in the store.
            ProviderError: The model could not be asked.
            ToolMissing: The simulator or a sandbox is missing.
        """
        fields = [problem.fields() for problem in problems]
        replies = self.ask_all(
            [pack.messages(pack.first, filled) for pack, filled in zip(packs, fields, strict=True)]
        )
        with ThreadPoolExecutor(max_workers=self.cores) as pool:
            return list(pool.map(self._mark, problems, replies))

    def ask_all(
        self, questions: Sequence[tuple[Message, ...]], *, temperature: float = 0.0, number: int = 0
    ) -> list[Reply]:
        """An answer to each question, some at a time.

        Args:
            questions: The questions.
            temperature: 0 for the likeliest answer.
            number: Added to the seed; another number asks for another answer.

        Raises:
            EffortSpent, ProviderError: See `examine`.
        """
        requests = [self._request(messages, temperature, number) for messages in questions]
        keys = [request_key(request) for request in requests]
        asked = dict(zip(keys, requests, strict=True))
        waiting = [key for key in asked if key not in self._answered]
        with ThreadPoolExecutor(max_workers=self.cores) as pool:
            while waiting:
                # By the chunk and in order, so that a limit ends every tune at the same place.
                fitting = range(min(self.cores, len(waiting)), 0, -1)
                count = next(
                    (n for n in fitting if self._has_room([asked[key] for key in waiting[:n]])), 0
                )
                if not count:
                    raise EffortSpent("the next call may exceed what is left of the limits")
                chunk, waiting = waiting[:count], waiting[count:]
                done = list(pool.map(self._complete, [asked[key] for key in chunk]))
                replies = {
                    key: one for key, one in zip(chunk, done, strict=True) if isinstance(one, Reply)
                }
                self.replies += replies.values()
                self._answered |= replies
                if failed := [one for one in done if not isinstance(one, Reply)]:
                    if isinstance(failed[0], BudgetSpent):
                        raise EffortSpent(failed[0].message)
                    raise failed[0]
        return [self._answered[key] for key in keys]

    def _request(self, messages: tuple[Message, ...], temperature: float, number: int) -> Request:
        model, address = split(self.model)
        return Request(
            model=model,
            messages=messages,
            temperature=temperature,
            max_tokens=self.max_tokens,
            seed=self.seed + number,
            api_base=address or self.api_base,
            timeout_s=self.timeout_s,
            stage=STAGE,
        )

    def _has_room(self, requests: Sequence[Request]) -> bool:
        """Whether so many calls fit at their worst case, beside what is held back."""
        used, held = self.used, self.reserve
        asked = sum(
            estimated_tokens(message.content) for one in requests for message in one.messages
        )
        worst = asked + sum(one.max_tokens for one in requests)
        tokens = (used.tokens or 0) + (held.tokens or 0) + worst
        calls = (used.calls or 0) + (held.calls or 0) + len(requests)
        seconds = (used.seconds or 0.0) + (held.seconds or 0.0)
        limits = self.limits
        return (
            (limits.tokens is None or tokens <= limits.tokens)
            and (limits.calls is None or calls <= limits.calls)
            and (limits.seconds is None or seconds < limits.seconds)
        )

    def _complete(self, request: Request) -> Reply | StageError:
        """The reply, or why there is none: the others of its chunk have to be counted first."""
        try:
            return complete(request, budget=self._budget, store=self.store, log=self.log)
        except StageError as error:
            return error

    @cached_property
    def _budget(self) -> Budget:
        """What holds for the calls that are really made, failed ones among them."""
        limits = self.limits
        return Budget(
            max_tokens=limits.tokens,
            max_cost_usd=limits.cost_usd,
            max_s=limits.seconds,
            max_calls=limits.calls,
        )

    def _mark(self, problem: Problem, reply: Reply) -> Marked:
        rtl = extract_hdl(reply.text, problem.top)
        key = (problem.name, rtl)
        if rtl and key in self._marked:
            return self._marked[key]
        with tempfile.TemporaryDirectory(prefix="chipflow-") as folder:
            pool = CandidatePool(
                top=problem.top,
                required=required_ports(problem.spec.strip(), problem.top),
                scratch=Path(folder),
                test_bench=problem.test_bench,
                synthesize=self.synthesize,
            )
            one = pool.add(rtl, "cold", reply)
        assert one is not None
        last = one.climb.records[-1]
        passed = last.gate == "simulation" and last.status == "passed"
        found = tuple(dict.fromkeys(d.code for d in one.climb.findings if d.severity == "error"))
        mark = Marked(problem.name, one.score, passed, rtl, _fault(one, passed), found)
        self._marked[key] = mark
        return mark


def _fault(one: Candidate, passed: bool) -> str:
    """What is wrong, without a word of the test bench's."""
    if passed:
        return ""
    last = one.climb.records[-1]
    if last.gate == "simulation":
        return f"it compiles, but only {one.score.agreement:.0%} of the checks of its outputs pass"
    if last.gate == "elaboration":
        return "it does not compile together with a test bench for the ports that are asked for"
    return errors(one)


def _tokens(reply: Reply) -> int:
    return reply.prompt_tokens + reply.completion_tokens
