"""The stages that a model does: typed input, typed output, and checks between the two.

A stage names no model and no provider. What the model writes is checked by tools before anyone sees
it; what the tools find goes back as structured findings, never as a growing conversation: each
attempt starts again from the specification, the best source so far and its first errors.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from llm_stages import hdl, slang, untrusted
from llm_stages.asker import Asker, Asking
from llm_stages.code_block import extract_hdl, without_control_characters
from llm_stages.errors import DraftRejected, InputError
from llm_stages.exchange import Reply, account
from llm_stages.hdl import LintReport
from llm_stages.interface import RequiredPort, differences, ports_in_words, required_ports
from llm_stages.model_string import split
from llm_stages.prompt_pack import PromptPack, error_notes, load_pack
from llm_stages.slang import Diagnostic

STAGE = "spec_to_rtl"

_FIRST_ERRORS = 8
MAX_SPEC_CHARACTERS = 65536
_MAX_RTL_CHARACTERS = 262144
#: Temperature of each attempt: the likeliest answer first, then variety.
_TEMPERATURES = (0.0, 0.2, 0.5, 0.8)


class SpecToRtl(BaseModel):
    """What `spec_to_rtl` is given.

    Attributes:
        spec: The specification in prose.
        top: Name of the module to write.
    """

    model_config = ConfigDict(frozen=True)

    spec: str = Field(min_length=1, max_length=MAX_SPEC_CHARACTERS)
    top: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_$]*$")


class RtlDraft(BaseModel):
    """What `spec_to_rtl` returns: source that elaborates, with the record of how it came to be.

    Attributes:
        files: File name to content.
        top: Name of the top module.
        model: The model that was asked, without its address.
        answered_by: The models that answered, as their providers name them.
        prompt_pack: Name and version of the prompt pack.
        attempts: Answers that it took.
        prompt_tokens: Tokens of all questions.
        completion_tokens: Tokens of all answers.
        cost_usd: Price of all calls; None where a price is not known.
        latency_s: Time of all calls.
        lint: What slang says about the files.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)  # it takes its time

    files: dict[str, str]
    top: str
    model: str
    answered_by: tuple[str, ...]
    prompt_pack: str
    attempts: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    latency_s: float
    lint: LintReport


@dataclass(frozen=True)
class _Attempt:
    """One answer and what the checks say about it."""

    rtl: str
    lint: LintReport

    @property
    def rank(self) -> tuple[bool, int, int]:
        """Lower is better."""
        return (not self.rtl, self.lint.errors, self.lint.warnings)


def spec_to_rtl(
    spec_text: str,
    *,
    top: str,
    model: str,
    attempts: int = 4,
    **asking: Any,
) -> RtlDraft:
    """Have a model write the RTL of a specification.

    An answer is accepted when it elaborates without errors, has the ports that the specification
    states, and holds nothing that untrusted HDL must not (`untrusted.py`).

    Args:
        spec_text: The specification in prose.
        top: Name of the module to write.
        model: The model string (`model_string.py`).
        attempts: Answers to ask for at most.
        asking: As for `asker.Asking`: address, length, seed, limits, record, fallbacks, log.

    Raises:
        InputError: No model is named, or the specification or the name cannot be used.
        ProviderError: The model could not be asked.
        DraftRejected: No answer passed the checks.
    """
    asker = Asker(Asking({STAGE: (model,)}, **asking))
    asker.asking.ladder(STAGE)
    task = _checked_task(spec_text, top)
    model, address = split(model)
    required = required_ports(task.spec, top)
    pack = load_pack(STAGE, model)
    best: _Attempt | None = None
    shown: _Attempt | None = None
    seen: set[str] = set()
    for number in range(attempts):
        reply = asker.reply(
            pack.messages(*_question(pack, task, required, shown)),
            _TEMPERATURES[min(number, len(_TEMPERATURES) - 1)],
            number,
            stage=STAGE,
            model=model,
            address=address,
        )
        attempt = _judge(reply, task.top, required, asker.asking.max_tokens)
        asker.asking.log(_summary(number + 1, reply, attempt))
        if best is None or attempt.rank < best.rank:
            best = attempt
        if not best.lint.errors:
            return _draft(task, model, pack, asker.replies, best)
        # A model that repeats itself is not helped by its own mistake: it starts afresh.
        shown = None if attempt.rtl in seen else best
        seen.add(attempt.rtl)
    first = best.lint.diagnostics[0].message if best else "no attempt was allowed"
    raise DraftRejected(
        f"{model} wrote no RTL that passes the checks in {attempts} attempts; the best: {first}",
        where=f"{STAGE}, module {top}",
        hint="name a stronger model, allow more attempts, or make the specification more exact",
    )


def _checked_task(spec_text: str, top: str) -> SpecToRtl:
    try:
        return SpecToRtl(spec=without_control_characters(spec_text).strip(), top=top)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{first['loc'][0]}: {first['msg']}",
            where=STAGE,
            hint=f"a specification has 1 to {MAX_SPEC_CHARACTERS} characters, and the top module "
            "a Verilog name",
        ) from None


def _question(
    pack: PromptPack, task: SpecToRtl, required: tuple[RequiredPort, ...], shown: _Attempt | None
) -> tuple[tuple[str, ...], dict[str, str]]:
    """The pack's lines to use and what to fill in."""
    # Nobody can write text that holds the hash of itself, so no specification can close its frame.
    mark = hashlib.sha256(f"{task.top}\n{task.spec}\n{shown.rtl if shown else ''}".encode())
    fields = {
        "top": task.top,
        "spec": task.spec,
        "mark": mark.hexdigest()[:12],
        "ports": ports_in_words(task.top, required),
    }
    if shown is None or not shown.rtl:
        return pack.first, fields
    lines = shown.rtl.splitlines()
    errors = [item for item in shown.lint.diagnostics if item.severity == "error"]
    fields["rtl"] = "\n".join(f"{number:4} {line}" for number, line in enumerate(lines, 1))
    fields["errors"] = "\n".join(_in_words(item) for item in errors[:_FIRST_ERRORS])
    return pack.repair, fields


def _in_words(item: Diagnostic) -> str:
    place = f"line {item.line}, column {item.column}: " if item.line else ""
    note = error_notes().get(item.code, "")
    return f"- {place}{item.message}" + (f" ({note})" if note else "")


def _judge(reply: Reply, top: str, required: tuple[RequiredPort, ...], max_tokens: int) -> _Attempt:
    """Extract the source of an answer and put it through the checks, cheapest first."""
    rtl = extract_hdl(reply.text, top)
    if not rtl:
        cut = reply.finish_reason == "length" or reply.completion_tokens >= max_tokens
        message = "the answer was cut before the end" if cut else "the answer holds no module"
        return _Attempt(rtl="", lint=_report([Diagnostic("", 0, 0, "error", "NoCode", message)]))
    if len(rtl) > _MAX_RTL_CHARACTERS:
        found = Diagnostic("", 0, 0, "error", "TooLong", "the answer is too long to be checked")
        return _Attempt(rtl="", lint=_report([found]))
    with tempfile.TemporaryDirectory(prefix="chipflow-") as folder:
        path = Path(folder) / f"{top}.sv"
        path.write_text(rtl, encoding="utf-8")
        found = list(hdl.lint([path], top=top).diagnostics)
        if not any(item.severity == "error" for item in found):
            found += untrusted.check_includes([path])
            found += untrusted.check_source(path)
            ports = slang.elaborate([path], tops=[top]).ports(top) or []
            found += differences(required, ports)
        named = [
            Diagnostic(path.name, d.line, d.column, d.severity, d.code, d.message) for d in found
        ]
    return _Attempt(rtl=rtl, lint=_report(named))


def _report(found: list[Diagnostic]) -> LintReport:
    found = sorted(found, key=lambda item: (item.severity, item.line, item.column, item.message))
    errors = sum(item.severity == "error" for item in found)
    return LintReport(errors, len(found) - errors, tuple(found))


def _summary(number: int, reply: Reply, attempt: _Attempt) -> str:
    head = f"attempt {number}: {reply.completion_tokens} tokens in {reply.latency_s:.1f} s, "
    if not attempt.lint.errors:
        return head + "accepted"
    first = attempt.lint.diagnostics[0]
    plural = "s" if attempt.lint.errors > 1 else ""
    return f"{head}{attempt.lint.errors} error{plural}, first: {first}"


def _draft(
    task: SpecToRtl, model: str, pack: PromptPack, replies: list[Reply], best: _Attempt
) -> RtlDraft:
    return RtlDraft(
        files={f"{task.top}.sv": best.rtl},
        top=task.top,
        model=model,
        prompt_pack=f"{pack.name} {pack.version}",
        attempts=len(replies),
        **account(replies),
        lint=best.lint,
    )
