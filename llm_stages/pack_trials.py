"""The trials of a tune: which candidate was marked on which training problems, and who leads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from llm_stages.pack_proposals import Candidate
from llm_stages.pack_score import Examiner, Limits, Marked, Problem, Worth, worth

#: Answers of the winner on the held-out split may be longer than on the training split.
_MARGIN = 1.25


@dataclass
class Trials:
    """All trials on the training split.

    Attributes:
        examiner: Asks and marks.
        problems: The training split, in the order in which it is gone through.
        held_out: How many problems are held out; a share of the limits is kept for them.
        marks: By candidate and name of the problem.
    """

    examiner: Examiner
    problems: Sequence[Problem]
    held_out: int
    marks: dict[Candidate, dict[str, Marked]] = field(default_factory=dict)

    def measure(self, candidate: Candidate, problems: Sequence[Problem]) -> list[Marked]:
        """The marks of a candidate on some problems, each of which is tried once.

        Raises:
            EffortSpent, ProviderError: See `Examiner.examine`.
        """
        known = self.marks.setdefault(candidate, {})
        new = [problem for problem in problems if problem.name not in known]
        before = self.examiner.used
        packs = [candidate.pack_for(problem.name) for problem in new]
        for mark in self.examiner.examine(packs, new):
            known[mark.problem] = mark
        self._hold_back(before)
        return [known[problem.name] for problem in problems]

    def drop(self, candidate: Candidate) -> None:
        """Forget a candidate that the provider does not take."""
        self.marks.pop(candidate, None)

    def _hold_back(self, before: Limits) -> None:
        """Keep enough for the held-out problems, by what the dearest candidate so far took."""
        used, held = self.examiner.used, self.examiner.reserve
        calls = (used.calls or 0) - (before.calls or 0)
        if not calls:
            return
        share = _MARGIN * self.held_out / calls
        tokens = share * ((used.tokens or 0) - (before.tokens or 0)) + self.examiner.max_tokens
        seconds = share * ((used.seconds or 0.0) - (before.seconds or 0.0))
        self.examiner.reserve = Limits(
            tokens=max(held.tokens or 0, int(tokens)),
            calls=self.held_out,
            seconds=max(held.seconds or 0.0, seconds),
        )

    def worth(self, candidate: Candidate, problems: Sequence[Problem]) -> Worth:
        """The worth of a candidate on problems that it was tried on."""
        known = self.marks[candidate]
        return worth(known[problem.name] for problem in problems)

    def common(self, one: Candidate, other: Candidate) -> list[Problem]:
        """The problems that both were tried on."""
        names = self.marks[one].keys() & self.marks[other].keys()
        return [problem for problem in self.problems if problem.name in names]

    def best(self, generic: Candidate) -> Candidate:
        """The candidate that was tried on most problems, of several such the one worth most.

        `generic` where that one does not beat it on the same problems.
        """
        tried = [one for one, marks in self.marks.items() if one != generic and marks]
        if not tried:
            return generic
        most = max(len(self.marks[one]) for one in tried)
        widest = [one for one in tried if len(self.marks[one]) == most]
        best = max(widest, key=lambda one: worth(self.marks[one].values()))
        same = self.common(best, generic)
        return best if self.worth(best, same).beats(self.worth(generic, same)) else generic

    def passed(self) -> dict[str, list[str]]:
        """Sources that passed, by problem, one for each candidate."""
        found: dict[str, list[str]] = {}
        for marks in self.marks.values():
            for name, mark in marks.items():
                if mark.passed:
                    found.setdefault(name, []).append(mark.rtl)
        return found

    def tried(self) -> dict[str, int]:
        """How many candidates were tried on each problem."""
        return {
            problem.name: sum(problem.name in marks for marks in self.marks.values())
            for problem in self.problems
        }
