"""Is the test bench wrong, or the RTL? Decided from all candidates beside all references.

Candidates are samples that know nothing of each other, and a reference is one more, in another
language. Where candidates agree with each other and none with the reference, the reference is the
odd one out. The matrix of CorrectBench (arXiv 2411.08510) with its vote by rows; a trace is
simulated once, so any number of references costs no simulation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from llm_stages.normalise import NormalisedSpec
from llm_stages.reference_model import Expected
from llm_stages.vector_bench import Comparison, Trace, compare

Suspect = Literal["none", "rtl", "bench", "undecided"]

#: So many samples must agree against a reference before it is doubted.
_FEWEST_WITNESSES = 2


@dataclass(frozen=True)
class Matrix:
    """Every reference against every candidate.

    Attributes:
        cells: A row a reference, a column a candidate.
    """

    cells: tuple[tuple[Comparison, ...], ...]

    def best(self) -> tuple[int, int] | None:
        """The reference and the candidate that agree fully; None where none do."""
        for number, row in enumerate(self.cells):
            for column, cell in enumerate(row):
                if cell.agrees:
                    return number, column
        return None


@dataclass(frozen=True)
class Contested:
    """A check where a reference stands alone.

    Attributes:
        row: The row.
        output: The output.
        wanted: What the reference says.
        seen: What the candidates say.
        witnesses: How many of them.
    """

    row: int
    output: str
    wanted: int
    seen: int
    witnesses: int


@dataclass(frozen=True)
class Finding:
    """Who is suspect, and the first check that says so."""

    suspect: Suspect
    contested: Contested | None = None


def matrix(references: Sequence[Expected], traces: Sequence[Trace], spec: NormalisedSpec) -> Matrix:
    """Compare all with all."""
    return Matrix(
        tuple(tuple(compare(trace, wanted, spec) for trace in traces) for wanted in references)
    )


def judge(expected: Expected, traces: Sequence[Trace], spec: NormalisedSpec) -> Finding:
    """Decide whether a reference or the candidates are suspect.

    Args:
        expected: The reference.
        traces: Of candidates that were written without knowing each other.
        spec: The outputs.

    Returns:
        "bench": at some check most candidates agree on another value than the reference's. If not,
        "none": a candidate agrees with the reference; "rtl": none does; "undecided": there are too
        few candidates to say.
    """
    contested = first_contested(expected, traces, spec)
    if contested is not None:
        return Finding("bench", contested)
    if any(compare(trace, expected, spec).agrees for trace in traces):
        return Finding("none")
    return Finding("rtl" if len(traces) >= _FEWEST_WITNESSES else "undecided")


def first_contested(
    expected: Expected, traces: Sequence[Trace], spec: NormalisedSpec
) -> Contested | None:
    """The first check at which most candidates agree on one value, and it is another one."""
    if len(traces) < _FEWEST_WITNESSES:
        return None
    names = [port.name for port in spec.outputs]
    for number, wanted in enumerate(expected.rows):
        for column, want in enumerate(wanted):
            if want is None:
                continue
            values = [trace.rows[number][column] for trace in traces]
            right = format(want, f"0{len(values[0])}b")
            common = max(sorted(set(values)), key=values.count)
            count = values.count(common)
            if count * 2 <= len(values) or common == right or set(common) - {"0", "1"}:
                continue
            return Contested(number, names[column], want, int(common, 2), count)
    return None


def agree_on(one: Expected, other: Expected, contested: Contested, spec: NormalisedSpec) -> bool:
    """Whether two references say the same at a contested check."""
    column = [port.name for port in spec.outputs].index(contested.output)
    return one.rows[contested.row][column] == other.rows[contested.row][column]


@dataclass(frozen=True)
class Behaviour:
    """What some candidates do alike.

    Attributes:
        candidates: Their numbers.
        references: Numbers of the references that agree with it fully.
        votes: One of each candidate and of each reference; a likelier one may have more.
    """

    candidates: tuple[int, ...]
    references: tuple[int, ...]
    votes: int


def behaviours(
    references: Sequence[Expected],
    traces: Sequence[Trace],
    spec: NormalisedSpec,
    weights: Sequence[int] = (),
) -> list[Behaviour]:
    """The behaviours of candidates, most votes first, then those that a reference agrees with.

    Those that leave outputs undefined do not count. Of equals the one that came first goes first.
    `weights` are the candidates' votes, one each where there are none.
    """
    alike: dict[Trace, list[int]] = {}
    for number, trace in enumerate(traces):
        if trace.is_defined:
            alike.setdefault(trace, []).append(number)
    found = []
    for trace, numbers in alike.items():
        agreeing = [n for n, want in enumerate(references) if compare(trace, want, spec).agrees]
        votes = sum(weights[n] if weights else 1 for n in numbers) + len(agreeing)
        found.append(Behaviour(tuple(numbers), tuple(agreeing), votes))
    return sorted(found, key=lambda item: (-item.votes, item.candidates))


def elected(found: Sequence[Behaviour], *, lead: int) -> Behaviour | None:
    """The first behaviour, if a reference agrees with it and it leads by so many votes."""
    if not found or not found[0].references:
        return None
    second = found[1].votes if len(found) > 1 else 0
    return found[0] if found[0].votes - second >= lead else None
