"""What came out of a suite of RTL problems: scores, and a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.pass_at_k import pass_at_k
from benchmarks.verilog_run import Outcome

_KS = (1, 5, 10, 20)


@dataclass(frozen=True)
class Summary:
    """The scores of a run. All shares are of all problems, those that could not run included.

    Attributes:
        problems: How many problems were asked for.
        could_not_run: Why some could not be judged, by name.
        solved: Problems of which a sample passed.
        pass_at: The share of problems for which one of k samples passes, by k; of those k that all
            problems have samples for.
        samples: How many answers were judged.
        causes: How many of them failed, by cause.
        prompt_tokens: Tokens of all questions.
        completion_tokens: Tokens of all answers.
        cost_usd: Price of all; None where one is not known.
        differing: Answers that passed though their outputs differ from the reference's.
    """

    problems: int
    could_not_run: dict[str, str]
    solved: int
    pass_at: dict[str, float]
    samples: int
    causes: dict[str, int]
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    differing: tuple[str, ...]


def summary(outcomes: Sequence[Outcome]) -> Summary:
    """Add up."""
    ran = [outcome for outcome in outcomes if not outcome.could_not_run]
    samples = [sample for outcome in outcomes for sample in outcome.samples]
    # A budget that was spent before the first answer is a problem without a pass.
    least = max(1, min((len(outcome.samples) for outcome in ran), default=1))
    passed = {outcome.problem: sum(s.passed for s in outcome.samples) for outcome in ran}
    costs = [sample.cost_usd for sample in samples]
    return Summary(
        problems=len(outcomes),
        could_not_run={o.problem: o.could_not_run for o in outcomes if o.could_not_run},
        solved=sum(count > 0 for count in passed.values()),
        pass_at={
            str(k): sum(pass_at_k(len(o.samples), passed[o.problem], k) for o in ran if o.samples)
            / len(outcomes)
            for k in sorted({*_KS, least})
            if k <= least and outcomes
        },
        samples=len(samples),
        causes=dict(sorted(Counter(s.cause for s in samples if not s.passed).items())),
        prompt_tokens=sum(sample.prompt_tokens for sample in samples),
        completion_tokens=sum(sample.completion_tokens for sample in samples),
        cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
        differing=tuple(
            f"{outcome.problem}: {sample.note}: {sample.differs}"
            for outcome in outcomes
            for sample in outcome.samples
            if sample.passed and sample.differs
        ),
    )


def to_markdown(
    outcomes: Sequence[Outcome], made_with: Mapping[str, Any], *, set_size: int | None = None
) -> str:
    """Scores, what could not run, and a line a problem."""
    found = summary(outcomes)
    of_set = f", {set_size} in the whole set" if set_size else ""
    lines = [
        f"**{made_with['suite']}**, {made_with['answers']}, {made_with['simulator']}",
        "",
        "| | |",
        "| --- | --- |",
        f"| problems | {found.problems} asked for{of_set} |",
        f"| could not run | {len(found.could_not_run)} |",
        *(_mutant_rows(outcomes) if made_with.get("mutants") else _score_rows(found)),
    ]
    lines += [
        "",
        "All shares are of all problems that were asked for. Verdicts come from the golden test "
        "bench's own counters, never from what is printed.",
    ]
    if found.could_not_run:
        lines += ["", "Could not run here:", ""]
        lines += [f"- {name}: {reason}" for name, reason in found.could_not_run.items()]
    if found.differing:
        lines += ["", "Passed though they differ:", ""]
        lines += [f"- {line}" for line in found.differing]
    if made_with.get("mutants"):
        lines += _passing_mutants(outcomes)
    lines += [
        "",
        "| problem | passed | samples | first that did not |",
        "| --- | --- | --- | --- |",
    ]
    for outcome in outcomes:
        passed = sum(sample.passed for sample in outcome.samples)
        first = next((s for s in outcome.samples if not s.passed), None)
        words = f"{first.cause}: {first.reason}" if first else ""
        words = words or outcome.could_not_run
        lines.append(
            f"| {outcome.problem} | {passed} | {len(outcome.samples)} | {_in_cell(words)} |"
        )
    return "\n".join(lines) + "\n"


def _score_rows(found: Summary) -> list[str]:
    rows = [f"| pass@{k} | {value:.1%} |" for k, value in found.pass_at.items()]
    rows.append(f"| solved by a sample | {found.solved} |")
    causes = ", ".join(f"{cause} {count}" for cause, count in found.causes.items())
    rows.append(f"| answers that did not pass | {causes or 'none'} |")
    tokens = found.prompt_tokens + found.completion_tokens
    cost = "not known" if found.cost_usd is None else f"${found.cost_usd:.4f}"
    if tokens:
        rows.append(f"| tokens | {tokens:,}, {tokens / max(1, found.samples):,.0f} an answer |")
        rows.append(f"| cost | {cost} |")
    return rows


def _mutant_rows(outcomes: Sequence[Outcome]) -> list[str]:
    """How many mutants there are of each kind, and what became of them."""
    samples = [sample for outcome in outcomes for sample in outcome.samples]
    kinds = Counter(_kind(sample.note) for sample in samples)
    rows = [f"| mutants | {len(samples)} |"]
    for kind, count in sorted(kinds.items()):
        those = [sample for sample in samples if _kind(sample.note) == kind]
        ran = [sample for sample in those if sample.status != "could_not_run"]
        passed = [sample for sample in ran if sample.passed]
        became = {
            "found": len(ran) - len(passed),
            "passed with outputs equal in every sample": sum(s.differs == "" for s in passed),
            "passed though they differ": sum(bool(s.differs) for s in passed),
            "passed and not compared": sum(s.differs is None for s in passed),
            "do not compile": count - len(ran),
        }
        words = ", ".join(f"{number} {what}" for what, number in became.items() if number)
        rows.append(f"| {kind} | {count}: {words} |")
    return rows


def _passing_mutants(outcomes: Sequence[Outcome]) -> list[str]:
    """Mutants that passed and are not known to differ: the same, or beyond what is stimulated."""
    lines = []
    for equal, title in (
        ("", "Passed, with outputs like the reference's in every sample:"),
        (None, "Passed, and could not be compared with the reference:"),
    ):
        found = [
            f"- {outcome.problem}: {sample.note}"
            for outcome in outcomes
            for sample in outcome.samples
            if sample.passed and sample.differs == equal
        ]
        lines += ["", title, "", *found] if found else []
    return lines


def _kind(note: str) -> str:
    return note.partition(" in line ")[0]


def _in_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")[:160]
