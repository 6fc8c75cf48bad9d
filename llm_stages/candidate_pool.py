"""All candidates of a loop beside the test bench that it has: gates, scores, and who is best.

A candidate is simulated once for a stimulus; when a reference model comes or goes, only its score
is made anew.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from llm_stages import bench_report, candidates, gates, mismatch_window, reference_vote
from llm_stages.candidate_words import errors
from llm_stages.candidates import Candidate
from llm_stages.exchange import Reply
from llm_stages.gates import Climb
from llm_stages.generated_bench import GeneratedBench
from llm_stages.interface import RequiredPort
from llm_stages.reference_model import Expected
from llm_stages.vector_bench import Trace, compare
from llm_stages.verdict import Verdict

#: The user's own test bench: (file of the device, working folder) -> verdict.
TestBench = Callable[[Path, Path], Verdict]

#: How an edit that was not a first repair of syntax is called: it has seen its test bench.
EDIT = "edit"
#: A user's test bench that fails without counting is never as good as one that passes.
_ALMOST = 0.999
#: The likeliest answer of a model has more votes than one at a high temperature.
_COLD_VOTES = 2


@dataclass
class CandidatePool:
    """The candidates.

    Attributes:
        top: The module.
        required: The ports that it must have.
        scratch: A folder for tools.
        bench: The generated test bench, if there is one.
        test_bench: The user's, if there is one; then there is no generated one.
        synthesize: A synthesis tool, if there is one.
        found: The candidates in the order in which they came.
    """

    top: str
    required: Sequence[RequiredPort]
    scratch: Path
    bench: GeneratedBench | None = None
    test_bench: TestBench | None = None
    synthesize: gates.Synthesize | None = None
    found: list[Candidate] = field(default_factory=list)

    def add(
        self, rtl: str, how: str, reply: Reply, parent: Candidate | None = None
    ) -> Candidate | None:
        """Put a source through the gates; None for an edit that leads to a source known before.

        A sample that is known before counts again: it has a vote.
        """
        name = f"{len(self.found):02}-{how}"
        known = {candidates.token_hash(one.rtl): one for one in self.found if one.rtl}
        same = known.get(candidates.token_hash(rtl)) if rtl else None
        if same is not None and parent is not None:
            return None
        climb = same.climb if same is not None else self._climb(rtl, name, reply)
        origin = parent.name if parent else ""
        self.found.append(Candidate(name, rtl, climb, origin, reply.model))
        self._score_all()
        return self.found[-1]

    def current(self, one: Candidate) -> Candidate:
        """The candidate as it is scored now."""
        return next(item for item in self.found if item.name == one.name)

    def use(self, bench: GeneratedBench) -> None:
        """Measure all candidates by this test bench; they are simulated where the inputs differ."""
        before, self.bench = self.bench, bench
        changed = before is None or before.stimulus != bench.stimulus
        if changed:
            for place, one in enumerate(self.found):
                if one.climb.stands:
                    records = [r for r in one.climb.records if r.gate != "simulation"]
                    climb = replace(one.climb, records=tuple(records), trace=None, verdict=None)
                    path = self.scratch / "again" / one.name / f"{self.top}.sv"
                    climb = gates.simulated(climb, path, one.rtl, bench.simulate)
                    self.found[place] = replace(one, climb=climb)
        self._score_all()

    def _score_all(self) -> None:
        """Anew for all: which reference they are measured by hangs on all of them."""
        reference = self.reference()
        self.found = [self._scored(one, reference) for one in self.found]

    def _scored(self, one: Candidate, reference: Expected | None) -> Candidate:
        """The candidate with its score and the way it fails."""
        failed = [item for item in one.climb.findings if item.severity == "error"]
        signature = f"{failed[0].code} {failed[0].message}" if failed else ""
        agreement, measured = 0.0, False
        verdict, trace = one.climb.verdict, self._trace(one)
        if self.bench is not None and reference is not None and trace is not None:
            found = compare(trace, reference, self.bench.spec)
            agreement, measured = found.agreement, True
            if found.mismatches:
                signature = f"{found.first_row} {' '.join(found.first_outputs)}"
        elif self.test_bench is not None and verdict is not None:
            wrong, checks = verdict.errors or 0, verdict.checks or 0
            partly = 1.0 - wrong / checks if checks and wrong <= checks else 0.0
            agreement, measured = 1.0 if verdict.passed else min(partly, _ALMOST), True
        score = one.climb.score(agreement)
        return replace(one, score=score, signature=signature, is_measured=measured)

    def reference(self) -> Expected | None:
        """The reference to be measured by: the one that some candidate comes closest to."""
        if self.bench is None or not self.bench.references:
            return None
        references = self.bench.references
        traces = [trace for one in self.found if (trace := self._trace(one))]
        if not traces:
            return references[0]
        cells = reference_vote.matrix(references, traces, self.bench.spec).cells
        best = [max(cell.agreement for cell in row) for row in cells]
        return references[best.index(max(best))]

    def passing(self, *, lead: int = 0) -> tuple[Candidate, Expected | None] | None:
        """The candidate that passes, with the reference that it agrees with.

        Args:
            lead: Of samples that agree with references, votes that one must be ahead of all that
                behave differently. An edit needs to agree with a reference alone.
        """
        if self.test_bench is not None:
            for one in self.standing():
                if one.climb.verdict is not None and one.climb.verdict.passed:
                    return one, None
        if self.bench is None:
            return None
        references, spec = self.bench.references, self.bench.spec
        if first := reference_vote.elected(self.behaviours(), lead=lead):
            return self.samples()[first.candidates[0]][0], references[first.references[0]]
        edits = [one for one in self.standing() if one.name.endswith(EDIT)]
        traced = [(one, trace) for one in edits if (trace := self._trace(one))]
        cell = reference_vote.matrix(references, [trace for _, trace in traced], spec).best()
        return (traced[cell[1]][0], references[cell[0]]) if cell else None

    def behaviours(self) -> list[reference_vote.Behaviour]:
        """What the samples do, most votes first."""
        if self.bench is None:
            return []
        samples = self.samples()
        cold = self.found[0].name if self.found else ""
        weights = [_COLD_VOTES if cold in (one.name, one.parent) else 1 for one, _ in samples]
        return reference_vote.behaviours(
            self.bench.references, [trace for _, trace in samples], self.bench.spec, weights
        )

    def standing(self) -> list[Candidate]:
        """Those that pass all gates before the simulation."""
        return [one for one in self.found if one.climb.stands]

    def samples(self) -> list[tuple[Candidate, Trace]]:
        """Those that were simulated and written without seeing how another one fails in it."""
        return [
            (one, trace)
            for one in self.standing()
            if not one.name.endswith(EDIT) and (trace := self._trace(one))
        ]

    def beam(self, width: int) -> list[Candidate]:
        """The best candidates, one of each way to fail."""
        kept: list[Candidate] = []
        for one in sorted(self.found, key=lambda one: one.score, reverse=True):
            if one.rtl and one.signature not in [other.signature for other in kept]:
                kept.append(one)
        return kept[:width]

    def what_is_wrong(self, one: Candidate) -> str:
        """The first mismatch of a candidate with its drivers, or its first errors."""
        verdict = one.climb.verdict
        if self.test_bench is not None and verdict is not None and verdict.status == "failed":
            return bench_report.report(verdict, self.required)
        reference, trace = self.reference(), self._trace(one)
        if self.bench is not None and reference is not None and trace is not None:
            found = compare(trace, reference, self.bench.spec)
            if found.mismatches:
                folder = self._emptied("window", one.name)
                spec, rows = self.bench.spec, self.bench.stimulus
                return mismatch_window.window(one.rtl, spec, rows, trace, reference, found, folder)
        return errors(one)

    def _climb(self, rtl: str, name: str, reply: Reply) -> Climb:
        cut = reply.finish_reason == "length"
        return gates.climb(
            rtl,
            top=self.top,
            required=self.required,
            work_dir=self._emptied("gates", name),
            synthesize=self.synthesize,
            simulate=self._simulate if self.test_bench or self.bench else None,
            no_source="the answer was cut before its end" if cut else "the answer holds no module",
        )

    def _simulate(self, device: Path, work_dir: Path) -> tuple[Trace | None, Verdict]:
        if self.test_bench is not None:
            return None, self.test_bench(device, work_dir)
        assert self.bench is not None
        return self.bench.simulate(device, work_dir)

    def _trace(self, one: Candidate) -> Trace | None:
        """The trace, if it is one of the present stimulus."""
        trace = one.climb.trace
        if self.bench is None or trace is None:
            return None
        return trace if len(trace.rows) == len(self.bench.stimulus.rows) else None

    def _emptied(self, kind: str, name: str) -> Path:
        folder = self.scratch / kind / name
        shutil.rmtree(folder, ignore_errors=True)
        return folder
