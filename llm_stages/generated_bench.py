"""The generated test bench: our skeleton and stimulus, and reference models that models wrote.

A reference is rejected that yields nothing to check, or that a module with ports and nothing in it
passes. A test bench that lets too many mutants of a passing source through is made stronger: longer
stimulus first, which costs no call.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from llm_stages import reference_model, stimulus, vector_bench
from llm_stages.asker import Asker
from llm_stages.errors import WrongAnswer
from llm_stages.mutants import Mutant, mutants
from llm_stages.normalise import NormalisedSpec
from llm_stages.reference_model import Expected
from llm_stages.stimulus import Stimulus
from llm_stages.vector_bench import Trace, compare
from llm_stages.verdict import Verdict

#: Fewer mutants than this say nothing of a test bench.
_FEWEST_MUTANTS = 3


@dataclass(frozen=True)
class GeneratedBench:
    """A test bench that models had a part in.

    Attributes:
        text: The specification.
        spec: The same, normalised.
        stimulus: The inputs.
        references: What the outputs must be, each by a model that knew none of the others.
        effort: How many times the usual stimulus it has.
    """

    text: str
    spec: NormalisedSpec
    stimulus: Stimulus
    references: tuple[Expected, ...] = ()
    effort: int = 1

    def simulate(self, device: Path, work_dir: Path) -> tuple[Trace | None, Verdict]:
        """Take down a device's outputs; see `vector_bench.simulate`."""
        return vector_bench.simulate(device, self.spec, self.stimulus, work_dir)


@dataclass(frozen=True)
class MutantCheck:
    """How many mutants of a source a test bench lets through.

    Attributes:
        tried: Mutants that ran.
        survived: Those that agree with the reference.
        examples: Some of them in words.
    """

    tried: int
    survived: int
    examples: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """The share that survives; 0 where too few ran to say."""
        return self.survived / self.tried if self.tried >= _FEWEST_MUTANTS else 0.0


def begin(text: str, spec: NormalisedSpec) -> GeneratedBench | None:
    """A test bench without a reference yet; None where such a one cannot test the module."""
    if not spec.outputs or spec.latency == "free":
        return None
    return GeneratedBench(text, spec, stimulus.make(spec, text=text))


def with_reference(
    bench: GeneratedBench,
    asker: Asker,
    folder: Path,
    *,
    number: int,
) -> GeneratedBench:
    """Have one more reference model written.

    The first one may name cases of its own, which become part of the stimulus.

    Raises:
        WrongAnswer: No answer could be used, or the test bench would check nothing.
        EffortSpent, StageError: See `reference_model.write`.
    """
    spec = bench.spec
    expected = reference_model.write(
        asker,
        bench.text,
        spec,
        bench.stimulus,
        folder / "run",
        number=number,
    )
    longer = bench.stimulus
    if expected.cases and not bench.references:
        try:
            longer = stimulus.make(spec, cases=expected.cases, effort=bench.effort, text=bench.text)
            expected = reference_model.run(expected.source, spec, longer, folder / "run")
        except WrongAnswer:  # it cannot do what it asks for itself
            longer = bench.stimulus
    bench = replace(bench, stimulus=longer, references=(*bench.references, expected))
    _check_against_stub(bench, expected, folder)
    (folder / "reference.py").write_text(expected.source, encoding="utf-8")
    return bench


def stronger(bench: GeneratedBench, folder: Path) -> GeneratedBench:
    """The same with four times the stimulus; references that cannot follow are left out."""
    effort = bench.effort * 4
    cases = bench.references[0].cases if bench.references else ()
    longer = stimulus.make(bench.spec, seed=effort, cases=cases, effort=effort, text=bench.text)
    kept = []
    for expected in bench.references:
        try:
            kept.append(reference_model.run(expected.source, bench.spec, longer, folder / "run"))
        except WrongAnswer:
            continue
    return replace(bench, stimulus=longer, references=tuple(kept), effort=effort)


def check_mutants(
    bench: GeneratedBench, expected: Expected, rtl: str, folder: Path, *, most: int
) -> MutantCheck:
    """Run mutants of a source, spread over all there are, against a reference.

    Some mutants mean the same as the source, so not all can be found.
    """
    every = mutants(rtl, bench.spec.top)
    count = min(most, len(every))
    tried, survived = 0, []
    for place in range(count):
        mutant: Mutant = every[place * len(every) // count]
        path = folder / f"mutant_{place}" / "device.sv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(mutant.text, encoding="utf-8")
        trace, _ = bench.simulate(path, path.parent)
        if trace is not None:
            tried += 1
            if compare(trace, expected, bench.spec).agrees:
                survived.append(str(mutant))
    return MutantCheck(tried, len(survived), tuple(survived[:4]))


def _check_against_stub(bench: GeneratedBench, expected: Expected, folder: Path) -> None:
    """Raises `WrongAnswer` where a module with nothing in it passes."""
    path = folder / "stub.sv"
    path.write_text(vector_bench.stub(bench.spec), encoding="utf-8")
    trace, verdict = vector_bench.simulate(
        path, bench.spec, bench.stimulus, folder / "stub", trusted=True
    )
    if trace is None:
        raise WrongAnswer(f"the test bench does not run with an empty module: {verdict.reason}")
    unchecked = {port.name for port in bench.spec.outputs} - set(
        reference_model.checked_outputs(expected, bench.spec)
    )
    if compare(trace, expected, bench.spec).agrees or unchecked:
        names = ", ".join(sorted(unchecked)) or "all outputs"
        raise WrongAnswer(f"outputs() leaves open in every cycle what these are: {names}")
