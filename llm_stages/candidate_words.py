"""Candidates in words: one line of progress, of notes, or of a question each."""

from __future__ import annotations

from llm_stages.candidates import Candidate
from llm_stages.prompt_pack import error_notes
from llm_stages.slang import Diagnostic
from llm_stages.untrusted_text import cleaned

_FIRST_ERRORS = 8
_MOST_OF_A_LINE, _MOST_OF_A_MESSAGE = 70, 300


def standing(one: Candidate) -> str:
    """How far a candidate came."""
    last = one.climb.records[-1]
    if last.status == "failed":
        errors = [item for item in last.findings if item.severity == "error"]
        return f"fails at {last.gate}: {cleaned(errors[0].message, most_bytes=_MOST_OF_A_MESSAGE)}"
    if one.climb.verdict is None or (one.climb.trace is not None and not one.is_measured):
        return "passes the gates"
    if one.score.agreement == 1.0:
        return "agrees with its test bench"
    return f"{one.score.agreement:.1%} of the checks agree"


def worse(before: Candidate, after: Candidate) -> str:
    """In what a candidate is worse than the one that it was made from."""
    if after.score.reached < before.score.reached:
        return standing(after)
    if after.score.agreement < before.score.agreement:
        return (
            f"{before.score.agreement:.1%} of the checks agreed, then {after.score.agreement:.1%}"
        )
    return "more errors, warnings or cells than before"


def difference(before: str, after: str) -> str:
    """What an edit changed, in one short line."""
    old, new = before.splitlines(), after.splitlines()
    gone = " ".join(line.strip() for line in old if line not in new)
    come = " ".join(line.strip() for line in new if line not in old)
    return f"{gone[:_MOST_OF_A_LINE]!r} -> {come[:_MOST_OF_A_LINE]!r}"


def errors(one: Candidate) -> str:
    """The first errors of a candidate, a line each, with what to do about them."""
    found = [item for item in one.climb.findings if item.severity == "error"]
    return "\n".join(_finding(item) for item in found[:_FIRST_ERRORS])


def _finding(item: Diagnostic) -> str:
    place = f"line {item.line}, column {item.column}: " if item.line else ""
    note = error_notes().get(item.code, "")
    message = cleaned(item.message, most_bytes=_MOST_OF_A_MESSAGE)
    return f"- {place}{message}" + (f" ({note})" if note else "")
