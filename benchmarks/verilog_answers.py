"""Where answers to a problem come from: a solver, the references, mutants of them, or files.

All but the first stand in a model's place, so that the scoring itself can be checked: all
references must pass, and no mutant that can be told from its reference.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from benchmarks.verilog_arms import Answer, Solver, Task
from benchmarks.verilog_problems import Problem
from llm_stages.budget import Budget
from llm_stages.errors import BudgetSpent
from llm_stages.mutants import Mutant, mutants
from placement_env.errors import InputError
from placement_env.formats.text import read_text

#: Answers to a problem, one a sample; `BudgetSpent` where there are no more.
Source = Callable[[Problem], Iterator[Answer]]


def asked(solver: Solver, *, samples: int, budget_tokens: int | None = None) -> Source:
    """Answers of a solver, which is told the specification and the module's name alone.

    Args:
        solver: The solver.
        samples: Samples of a problem, at most.
        budget_tokens: Tokens for all of them; no further sample is begun once they are spent.
    """

    def answers(problem: Problem) -> Iterator[Answer]:
        budget = Budget(max_tokens=budget_tokens)
        spent = 0
        for number in range(samples):
            if budget_tokens is not None and spent >= budget_tokens:
                raise BudgetSpent(f"{spent} of {budget_tokens} tokens are spent")
            answer = solver(Task(problem.spec, problem.top, number, budget))
            spent += answer.prompt_tokens + answer.completion_tokens
            yield answer

    return answers


def references(problem: Problem) -> Iterator[Answer]:
    """The reference, as the only answer."""
    if problem.reference:
        yield Answer(problem.reference, note="reference")


def mutated(most_of_a_kind: int) -> Source:
    """Mutants of the reference: so many of each kind, spread over the source."""

    def answers(problem: Problem) -> Iterator[Answer]:
        by_kind: dict[str, list[Mutant]] = {}
        for mutant in mutants(problem.reference, problem.top):
            by_kind.setdefault(mutant.kind, []).append(mutant)
        for found in by_kind.values():
            most = min(most_of_a_kind, len(found))
            for place in range(most):
                mutant = found[place * len(found) // most]
                yield Answer(mutant.text, note=str(mutant))

    return answers


def from_folder(folder: Path) -> Source:
    """Files named for problems: NAME.sv, NAME_*.sv or NAME/*.sv, or .v; one sample each.

    `sv-generate` of VerilogEval writes NAME/NAME_sample01.sv and so on.

    Raises:
        InputError: There is no such folder.
    """
    if not folder.is_dir():
        raise InputError(
            "there is no such folder of answers",
            where=str(folder),
            hint="it has a file NAME.sv for each problem; or say --answers references",
        )

    def answers(problem: Problem) -> Iterator[Answer]:
        paths = _files(folder, problem.name)
        for path in paths:
            yield Answer(read_text(path), note=path.name)
        if not paths:
            yield Answer("", note="the folder holds no answer")

    return answers


def digest(folder: Path, suffixes: Collection[str] = (".sv", ".v")) -> str:
    """A short hash of all answers in a folder, which are the files with these suffixes."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.suffix in suffixes):
        found.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return found.hexdigest()[:16]


def _files(folder: Path, name: str) -> list[Path]:
    patterns = (f"{name}.sv", f"{name}.v", f"{name}_*.sv", f"{name}_*.v", f"{name}/*.sv")
    return sorted({path for pattern in (*patterns, f"{name}/*.v") for path in folder.glob(pattern)})
