"""The repair loop: from a specification to RTL that agrees with a test bench, by one function.

The course, as `solve` and `_Loop` have it from top to bottom:

1. the specification is normalised;
2. a reference model is written, before any RTL and without ever seeing some;
3. one cold sample of RTL (temperature 0), then warm ones, each through the gate ladder; a source
   that does not come to the simulation is corrected by rule (`known_slips.py`), or mended once. A
   behaviour that a reference agrees with ends the search when it is two votes ahead, so at once
   where nothing differs;
4. where samples agree with each other against the reference, it is the reference that is doubted
   (`reference_vote.py`), and another one is written;
5. the best two differing candidates are repaired step by step: first mismatch and its drivers in,
   an edit out, kept only if the score does not fall. Three rejected steps in a row end a
   candidate's turn; when all had theirs, the next stronger model goes on;
6. a source that agrees is tried with mutants of itself, and the test bench made longer where too
   many survive; where they still do, the source does not count as verified.

What is decided depends on replies alone, and those are in the store: a loop that was killed comes
to the same end when it is started again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from llm_stages import (
    candidates,
    edits,
    gates,
    generated_bench,
    hdl,
    icarus,
    known_slips,
    normalise,
    reference_vote,
)
from llm_stages.asker import Asker, Asking, EffortSpent
from llm_stages.candidate_pool import EDIT, CandidatePool, TestBench
from llm_stages.candidate_words import difference, standing, worse
from llm_stages.candidates import Candidate
from llm_stages.code_block import extract_hdl, without_control_characters
from llm_stages.errors import BudgetSpent, InputError, WrongAnswer
from llm_stages.exchange import Reply
from llm_stages.generated_bench import MutantCheck
from llm_stages.interface import ports_in_words
from llm_stages.loop_result import LoopResult, chosen
from llm_stages.normalise import NormalisedSpec
from llm_stages.notes import Notes
from llm_stages.stages import MAX_SPEC_CHARACTERS

WRITE, REPAIR = "spec_to_rtl", "repair"

_WARM_TEMPERATURE, _MEND_TEMPERATURE, _REPAIR_TEMPERATURE = 0.85, 0.2, 0.3
#: Votes of samples and references that one behaviour must be ahead of all others to end sampling:
#: a sample and a reference that agree are two, and the cold sample has two itself.
_LEAD = 2
#: Samples in a row that were there before; then no further one is asked for.
_MOST_REPEATS = 3
#: Added to seeds, so that no two questions of a loop share one.
_MENDS, _STEPS = 20_000, 40_000
#: A question without its specification, about.
_CHARACTERS_OF_A_QUESTION = 4000


@dataclass(frozen=True)
class LoopOptions:
    """How hard to try.

    Attributes:
        warm: Samples after the cold one.
        steps: Steps of repair.
        beam: Candidates that are repaired.
        rejects: Rejected steps in a row that end a candidate's turn.
        references: Reference models at most.
        mutants: Mutants of a source that agrees; 0 to try none.
        most_survivors: Share of them that may survive.
        normalise: Ask a model to normalise the specification always, or never; by default where
            the text is not plain.
    """

    warm: int = 8
    steps: int = 8
    beam: int = 2
    rejects: int = 3
    references: int = 3
    mutants: int = 8
    most_survivors: float = 0.5
    normalise: bool | None = None


def solve(
    spec_text: str,
    *,
    top: str,
    asking: Asking,
    options: LoopOptions | None = None,
    folder: Path | None = None,
    test_bench: TestBench | None = None,
    synthesize: gates.Synthesize | None = None,
    equivalent: gates.Equivalent | None = None,
) -> LoopResult:
    """Have models write RTL, test it against what other answers say, and repair it.

    Args:
        spec_text: The specification.
        top: The module to write.
        asking: Whom to ask, and the effort. With a ladder of models for "repair", stronger ones go
            on where weaker ones are stuck.
        options: How hard to try.
        folder: State of the loop: a folder for each candidate and each reference, `spec.json`,
            `notes.md` and `result.json`. What is there of an earlier run is replaced. None keeps
            nothing.
        test_bench: The user's own: (file of the device, working folder) -> verdict. With it no
            reference model is written. The device is untrusted.
        synthesize: A synthesis tool for the gate ladder.
        equivalent: Proves whether two sources do the same; a step of repair that changes nothing is
            then undone.

    Raises:
        InputError: No model is named, or the specification or the name cannot be used.
        DraftRejected: No source came through the gates before the simulation.
        BudgetSpent: The budget was spent before there was any source.
        ProviderError: A model could not be asked.
        ToolMissing: A test bench needs a simulator or a sandbox that is not there.
    """
    gates.check_top(top)
    text = without_control_characters(spec_text).strip()
    if not 0 < len(text) <= MAX_SPEC_CHARACTERS:
        raise InputError(
            f"the specification has {len(text)} characters",
            where=WRITE,
            hint=f"expected 1 to {MAX_SPEC_CHARACTERS}",
        )
    asking.ladder(WRITE)
    with tempfile.TemporaryDirectory(prefix="chipflow-") as scratch:
        state = folder or Path(scratch) / "state"
        for old in ("candidates", "references"):
            shutil.rmtree(state / old, ignore_errors=True)
            (state / old).mkdir(parents=True)
        pool = CandidatePool(
            top, normalise.stated_ports(text, top), Path(scratch), None, test_bench, synthesize
        )
        loop = _Loop(
            text, Asker(asking), options or LoopOptions(), state, pool, equivalent=equivalent
        )
        stopped = ""
        try:
            loop.normalise()
            loop.write_reference_first()
            if not loop.sample():
                loop.repair()
        except (EffortSpent, BudgetSpent) as spent:
            if not pool.found:
                raise BudgetSpent(str(spent.args[0]), where=WRITE) from spent
            stopped = str(spent.args[0])
        if loop.winner is None:
            loop.is_done(0)  # one may be ahead by too little to stop there, but nothing else came
        result = chosen(
            pool, loop.asker.replies, loop.winner, loop.mutants, loop.spec, stopped,
            most_survivors=loop.options.most_survivors,
        )  # fmt: skip
        (state / "notes.md").write_text(loop.notes.text() + "\n", encoding="utf-8")
        text = json.dumps(asdict(result), indent=1) + "\n"
        (state / "result.json").write_text(text, encoding="utf-8")
    return result


@dataclass
class _Loop:
    """The state of one loop."""

    text: str
    asker: Asker
    options: LoopOptions
    folder: Path
    pool: CandidatePool
    spec: NormalisedSpec | None = None
    winner: Candidate | None = None
    notes: Notes = field(default_factory=Notes)
    mutants: MutantCheck = field(default_factory=lambda: MutantCheck(0, 0))
    references_tried: int = 0
    doubted: set[tuple[int, int, str]] = field(default_factory=set)
    equivalent: gates.Equivalent | None = None

    # 1. and 2.: the specification, and references

    def normalise(self) -> None:
        """What a test bench must know; without it there is none."""
        top, ask = self.pool.top, self.options.normalise
        if ask is None and self.pool.test_bench is not None:
            ask = False  # only a generated test bench needs what the text does not state
        if ask is None and not self.has_room(2):
            ask = False  # what is allowed is for the source
        try:
            self.spec = normalise.normalise(self.asker, self.text, top, ask=ask)
        except WrongAnswer as error:
            if self.pool.test_bench is None:
                self.log(f"no test bench is generated: {error}")
            return
        self.pool.required = self.spec.required
        stated = self.spec.model_dump_json(indent=1) + "\n"
        (self.folder / "spec.json").write_text(stated, encoding="utf-8")
        if self.pool.test_bench is not None:
            return
        if hdl.find_simulator() is None:
            self.log(f"no test bench is generated: {icarus.NAME} is missing, {icarus.INSTALL}")
            return
        self.pool.bench = generated_bench.begin(self.text, self.spec)
        if self.pool.bench is None:
            self.log("no test bench is generated: in which cycle a result comes is left open")

    def write_reference_first(self) -> None:
        """The reference comes first, unless so little is allowed that it would be all."""
        if self.has_room(3):
            self.write_reference()

    def has_room(self, calls: int) -> bool:
        """Whether so many calls fit into what is left, the next one among them."""
        return self.asker.has_room(calls, len(self.text) + _CHARACTERS_OF_A_QUESTION)

    def write_reference(self) -> bool:
        """One more reference, if there may be one and it can be used."""
        bench = self.pool.bench
        if bench is None or self.references_tried >= self.options.references:
            return False
        number = self.references_tried
        self.references_tried += 1
        folder = self.folder / "references" / f"{number}"
        folder.mkdir(parents=True)
        try:
            bench = generated_bench.with_reference(bench, self.asker, folder, number=number)
        except WrongAnswer as error:
            self.log(f"reference model {number} cannot be used: {error}")
            return False
        finally:
            for part in ("run", "stub"):
                shutil.rmtree(folder / part, ignore_errors=True)
        self.log(f"reference model {number}: {bench.references[-1].checks} checks")
        self.pool.use(bench)
        return True

    # 3. and 4.: samples, and who is wrong

    def sample(self) -> bool:
        """Cold, then warm; whether one was found that passes.

        A model that says the same again and again has nothing else to say.
        """
        repeats = 0
        for number in range(self.options.warm + 1):
            before = [one.rtl for one in self.pool.found]
            one = self.write(number)
            repeats = repeats + 1 if one.rtl in before else 0
            if one.rtl and not one.climb.stands:
                one = self.correct(one)
            if one.rtl and not one.climb.stands:
                self.mend(one, number)
            if self.is_done(_LEAD):
                return True
            has_reference = self.pool.reference() is not None
            if (not has_reference or self.is_reference_doubted()) and self.write_reference():
                if has_reference:
                    self.log(self.second_opinion())
                if self.is_done(_LEAD):
                    return True
            if repeats == _MOST_REPEATS:
                break
        return self.is_done(0)

    def write(self, number: int) -> Candidate:
        """One sample; the cold one has number 0."""
        top = self.pool.top
        rtl = self.asker.ask(
            WRITE,
            lambda reply: extract_hdl(reply.text, top),
            self.fields() | {"mark": self.plain_mark()},
            temperature=_WARM_TEMPERATURE if number else 0.0,
            number=number,
        )
        one = self.pool.add(rtl, "warm" if number else "cold", self.asker.replies[-1])
        assert one is not None
        return self.kept(one)

    def plain_mark(self) -> str:
        """The mark that `spec_to_rtl` takes, so that the cold sample is its very question."""
        return hashlib.sha256(f"{self.pool.top}\n{self.text}\n".encode()).hexdigest()[:12]

    def correct(self, broken: Candidate) -> Candidate:
        """The source without slips of syntax that are known, where that brings it further."""
        changed = known_slips.corrected(broken.rtl, self.pool.top)
        if changed.split() == broken.rtl.split():
            return broken
        one = self.pool.add(changed, "corrected", self.asker.replies[-1], broken)
        if one is None:
            return broken
        self.kept(one)
        return one if one.score >= self.pool.current(broken).score else broken

    def mend(self, broken: Candidate, number: int) -> None:
        """One repair of a source that does not come to the simulation."""
        changed = self.edit(broken, _MENDS + number, _MEND_TEMPERATURE, level=0)
        if changed and (one := self.pool.add(changed, "mended", self.asker.replies[-1], broken)):
            self.kept(one)

    def is_reference_doubted(self) -> bool:
        """Whether the samples say that it is the last reference that is wrong."""
        bench = self.pool.bench
        if bench is None or not bench.references:
            return False
        last = len(bench.references) - 1
        traces = [trace for _, trace in self.pool.samples()]
        finding = reference_vote.judge(bench.references[last], traces, bench.spec)
        contested = finding.contested
        if finding.suspect != "bench" or contested is None:
            return False
        mark = (last, contested.row, contested.output)
        if mark in self.doubted:
            return False
        self.doubted.add(mark)
        unit = "cycle" if bench.spec.clock else "case"
        self.log(
            f"reference model {last} is doubted: in {unit} {contested.row} {contested.output} is "
            f"{contested.wanted} there and {contested.seen} in {contested.witnesses} candidates"
        )
        return True

    def second_opinion(self) -> str:
        """What the newest reference says of the one that was doubted, in words."""
        assert self.pool.bench is not None
        traces = [trace for _, trace in self.pool.samples()]
        before, newest = self.pool.bench.references[-2:]
        contested = reference_vote.first_contested(before, traces, self.pool.bench.spec)
        same = contested and reference_vote.agree_on(
            before, newest, contested, self.pool.bench.spec
        )
        return "another one agrees with it" if same else "another one does not agree with it"

    # 5.: repair

    def repair(self) -> None:
        """Step by step on the best candidates that fail in different ways."""
        beam = self.pool.beam(self.options.beam)
        checked = self.pool.test_bench is not None or self.pool.reference() is not None
        if not beam or (beam[0].climb.stands and not checked):
            return  # nothing says what is wrong
        if self.is_outvoted():
            return
        ladder = self.asker.asking.ladder(REPAIR)
        level = place = rejects = 0
        for number in range(self.options.steps):
            after = self.step(beam[place], number, level)
            if after is not None:
                beam[place], rejects = after, 0
                if self.is_done(0):
                    return
                continue
            rejects += 1
            if rejects == self.options.rejects:
                place, rejects = place + 1, 0
            if place == len(beam):
                place, level = 0, level + 1
                if level == len(ladder):
                    return
                self.log(f"no step of {ladder[level - 1]} helps; {ladder[level]} goes on")

    def is_outvoted(self) -> bool:
        """Whether samples that behave alike stand against every reference, well ahead.

        Here the same source counts once: who repeats it does not prove it.
        """
        alike = self.pool.behaviours()
        if not alike or alike[0].references:
            return False
        second = alike[1].votes if len(alike) > 1 else 0
        samples = self.pool.samples()
        sources = {candidates.token_hash(samples[n][0].rtl) for n in alike[0].candidates}
        return len(sources) - second > _LEAD

    def step(self, best: Candidate, number: int, level: int) -> Candidate | None:
        """One edit; the new candidate if it is no worse, None where it is undone."""
        best = self.pool.current(best)
        changed = self.edit(best, _STEPS + number, _REPAIR_TEMPERATURE, level)
        if changed is None:
            self.notes = self.notes.with_refuted("an answer that changed nothing")
            return None
        what = difference(best.rtl, changed)
        after = self.pool.add(changed, EDIT, self.asker.replies[-1], best)
        if after is None:
            self.notes = self.notes.with_refuted(f"{what}: had been tried before")
            return None
        best = self.pool.current(best)
        objection = worse(best, after) if after.score < best.score else ""
        if not objection and self.does_the_same(best, after):
            objection = "does the same as before"
        if objection:
            self.notes = self.notes.with_refuted(f"{what}: {objection}").with_next(
                "look for another cause than those tried"
            )
            self.kept(after)
            self.log(f"{after.name} is undone: {objection}")
            return None
        self.notes = self.notes.with_fact(f"{what} was kept: {standing(after)}").with_next("")
        return self.kept(after)

    def does_the_same(self, best: Candidate, after: Candidate) -> bool:
        """Whether an edit is proven to have changed nothing that a simulation could show."""
        if self.equivalent is None or not (best.climb.stands and after.climb.stands):
            return False
        passing = self.pool.passing()
        if best.climb.trace != after.climb.trace or (passing and passing[0].name == after.name):
            return False
        folder = self.pool.scratch / "equivalence" / after.name
        return self.equivalent(best.rtl, after.rtl, self.pool.top, folder)

    def edit(self, best: Candidate, number: int, temperature: float, level: int) -> str | None:
        """The source with an edit of a model's; None where no answer could be used.

        A model that changes nothing is not asked again: it has been told all there is.
        """

        def read(reply: Reply) -> str:
            return edits.apply(best.rtl, edits.read(reply.text, self.pool.top))

        lines = enumerate(best.rtl.splitlines(), 1)
        notes = self.notes.text()
        fields = self.fields() | {
            "rtl": "\n".join(f"{line_number:4} {line}" for line_number, line in lines),
            "findings": self.pool.what_is_wrong(best),
            "notes": f"\n{notes}\n" if notes else "",
        }
        try:
            changed = self.asker.ask(
                REPAIR, read, fields, temperature=temperature, number=number, level=level
            )
        except WrongAnswer:
            return None
        return changed if changed.split() != best.rtl.split() else None

    # 6.: is the test bench any good

    def is_done(self, lead: int) -> bool:
        """Whether a candidate passes, by a test bench that is strong enough to say so."""
        found, self.mutants = self.pool.passing(lead=lead), MutantCheck(0, 0)
        bench = self.pool.bench
        if found is not None and found[1] is not None and bench is not None:
            self.mutants = self.check_mutants(*found)
            if self.mutants.share > self.options.most_survivors and bench.effort == 1:
                survived = f"{self.mutants.survived} of {self.mutants.tried} mutants survive"
                self.log(f"{survived}: the test bench is made longer")
                self.pool.use(generated_bench.stronger(bench, self.pool.scratch / "stronger"))
                found = self.pool.passing(lead=lead)
                if found is None:
                    self.log("no candidate agrees with a reference model any more")
                else:
                    self.mutants = self.check_mutants(*found)
        self.winner = found[0] if found else None
        return found is not None

    def check_mutants(self, one: Candidate, reference: object) -> MutantCheck:
        """How many mutants of a candidate the test bench finds."""
        bench = self.pool.bench
        if bench is None or not self.options.mutants:
            return MutantCheck(0, 0)
        number = next(n for n, item in enumerate(bench.references) if item is reference)
        folder = self.pool.scratch / "mutants" / f"{bench.effort}-{one.name}-{number}"
        return generated_bench.check_mutants(
            bench, bench.references[number], one.rtl, folder, most=self.options.mutants
        )

    # what all of them use

    def fields(self) -> dict[str, str]:
        """What every question about the RTL holds."""
        ports = ports_in_words(self.pool.top, self.pool.required)
        return {"top": self.pool.top, "spec": self.text, "ports": ports}

    def kept(self, one: Candidate) -> Candidate:
        """The candidate, written down and said."""
        candidates.keep(one, self.folder / "candidates", self.notes.text())
        self.log(f"{one.name}: {standing(one)}")
        return one

    def log(self, line: str) -> None:
        """Say a line of progress."""
        self.asker.asking.log(line)
