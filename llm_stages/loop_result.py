"""What a repair loop hands back, and how it chooses where nothing passed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from llm_stages.candidate_pool import CandidatePool
from llm_stages.candidate_words import standing
from llm_stages.candidates import Candidate
from llm_stages.errors import DraftRejected
from llm_stages.exchange import Reply, account
from llm_stages.gates import Score
from llm_stages.generated_bench import MutantCheck
from llm_stages.normalise import NormalisedSpec
from llm_stages.slang import Diagnostic

Basis = Literal["test bench", "reference model", "vote", "gates"]


@dataclass(frozen=True)
class LoopResult:
    """The RTL, and how far it can be trusted.

    Attributes:
        rtl: The source.
        top: The top module.
        verified: It passes the user's test bench, or agrees with a reference model in a test bench
            that finds enough of its mutants.
        basis: What the choice rests on: the user's test bench, a reference model, a vote of samples
            that behave alike, or the gates alone.
        score: Of the source.
        candidates: Sources that were judged.
        references: Reference models that could be used.
        mutants: The mutants that were tried with it.
        stopped: Why no more was tried, where the effort or the budget ended the loop.
        calls: Answers, those from a record among them.
        prompt_tokens: Tokens of all questions.
        completion_tokens: Tokens of all answers.
        cost_usd: Price of all calls; None where one is not known.
        latency_s: Time of all calls.
        answered_by: The models that answered, as their providers name them.
        open_questions: What the specification leaves open.
        findings: What the gates say of the source.
    """

    rtl: str
    top: str
    verified: bool
    basis: Basis
    score: Score
    candidates: int
    references: int
    mutants: MutantCheck
    stopped: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    latency_s: float
    answered_by: tuple[str, ...]
    open_questions: tuple[str, ...]
    findings: tuple[Diagnostic, ...]

    @property
    def is_weakly_tested(self) -> bool:
        """It passes, and so do too many of its mutants."""
        return not self.verified and self.score.agreement == 1.0 and self.mutants.survived > 0

    def in_words(self) -> str:
        """How far the source can be trusted, for a line of a table."""
        share = f"{self.score.agreement:.0%} of its checks"
        if self.verified and self.basis == "test bench":
            return "passes the test bench"
        if self.verified:
            return "agrees with a reference model written apart"
        if self.is_weakly_tested:
            found = f"{self.mutants.survived} of {self.mutants.tried} mutants of it do too"
            return f"not verified: agrees with a reference model, but {found}"
        if self.basis == "vote":
            return "not verified: chosen by a vote of the samples"
        if self.basis == "gates":
            return "not verified: nothing could test it"
        return f"not verified: passes {share} in the {self.basis}"


def chosen(
    pool: CandidatePool,
    replies: Sequence[Reply],
    winner: Candidate | None,
    mutants: MutantCheck,
    spec: NormalisedSpec | None,
    stopped: str,
    *,
    most_survivors: float = 1.0,
) -> LoopResult:
    """What to hand back: the winner, or the best there is.

    Where nothing passes, the behaviour that most samples share goes before the score, since the
    score is by a reference that no sample agrees with.

    Args:
        pool: The candidates.
        replies: What models answered.
        winner: The candidate that passes.
        mutants: What became of its mutants.
        spec: The specification, where it could be normalised.
        stopped: Why no more was tried.
        most_survivors: Share of the mutants that may survive.

    Raises:
        DraftRejected: No candidate came through the gates before the simulation.
    """
    basis: Basis = "test bench" if pool.test_bench else "reference model"
    one = winner
    if one is None:
        one, basis = _without_proof(pool)
    return LoopResult(
        rtl=one.rtl,
        top=pool.top,
        verified=winner is not None and mutants.share <= most_survivors,
        basis=basis,
        score=one.score,
        candidates=len(pool.found),
        references=len(pool.bench.references) if pool.bench else 0,
        mutants=mutants,
        stopped=stopped,
        calls=len(replies),
        **account(replies),
        open_questions=spec.open_questions if spec else (),
        findings=one.climb.findings,
    )


def _without_proof(pool: CandidatePool) -> tuple[Candidate, Basis]:
    standing_ones = pool.standing()
    if not standing_ones:
        best = max(pool.found, key=lambda one: one.score)
        raise DraftRejected(
            f"no source passes the gates in {len(pool.found)} attempts; the best one "
            f"{standing(best)}",
            where=f"spec_to_rtl, module {pool.top}",
            hint="name a stronger model, allow more effort, or make the specification more exact",
        )
    best = max(standing_ones, key=lambda one: one.score)
    if pool.test_bench is not None:
        return best, "test bench"
    alike = pool.behaviours()
    disputed = any(item.references for item in alike)
    if alike and (disputed or len(alike[0].candidates) > 1):
        return pool.samples()[min(alike[0].candidates)][0], "vote"
    return best, "reference model" if pool.reference() else "gates"
