"""The stage that explains why a stage of the flow failed."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from llm_stages.answer_parts import Label, parts
from llm_stages.errors import WrongAnswer
from llm_stages.typed_answer import Asked, ask
from llm_stages.untrusted_text import cleaned

#: Of a log; what a model is shown of it is its end.
MAX_LOG_BYTES = 4096
_MAX_MESSAGE_BYTES = 2048
_LEAST_QUOTE = 6
_LABELS = ("cause", "evidence", "try")


class Failure(BaseModel):
    """What `explain` is given: a failed stage as its record has it.

    Attributes:
        stage: Name of the stage.
        message: What it says is wrong.
        where: The place.
        hint: What it says to do.
        log: Its log; the end counts.
    """

    model_config = ConfigDict(frozen=True)

    stage: str = Field(pattern=r"^\w+$")
    message: str
    where: str = ""
    hint: str = ""
    log: str = ""


class Explanation(BaseModel):
    """What `explain` returns.

    Attributes:
        cause: Why the stage failed, in a sentence or two.
        evidence: Lines of the log or the message, word for word; checked.
        tries: What to do, the most promising first.
        asked: How the answer came to be.
    """

    model_config = ConfigDict(frozen=True)

    cause: str = Field(min_length=1, max_length=1000)
    evidence: tuple[str, ...] = Field(min_length=1, max_length=6)
    tries: tuple[str, ...] = Field(min_length=1, max_length=6)
    asked: Asked


def explain(failure: Failure, *, model: str, **asking: Any) -> Explanation:
    """Have a model say what went wrong, with evidence that is really there.

    The log is data that anybody may have written: it is cleaned, cut to 4 kB and framed, and
    nothing comes of the answer but text for people.

    Args:
        failure: The failed stage.
        model: The model string.
        asking: As for `typed_answer.ask`.

    Raises:
        InputError: No model is named.
        ProviderError: The model could not be asked.
        DraftRejected: No answer could be used.
    """
    log = cleaned(failure.log, most_bytes=MAX_LOG_BYTES, keep="end")
    message = cleaned(failure.message, most_bytes=_MAX_MESSAGE_BYTES)
    fields = {
        "stage": failure.stage,
        "message": message,
        "where": cleaned(failure.where, most_bytes=_MAX_MESSAGE_BYTES) or "not known",
        "hint": cleaned(failure.hint, most_bytes=_MAX_MESSAGE_BYTES) or "none",
        "log": log or "(the log is empty)",
    }
    shown = [_plain(line) for line in f"{message}\n{log}".splitlines()]

    def read(answer: str, last: bool) -> dict[str, Any]:
        found = [part for part in parts(answer, _LABELS) if isinstance(part, Label)]
        said = {
            label: [part for part in found if part.name == label and part.value]
            for label in _LABELS
        }
        for label in _LABELS:
            if not said[label]:
                raise WrongAnswer(f"the answer has no line that begins with {label}:")
        return {
            "cause": said["cause"][0].text[:1000],
            "evidence": tuple(_quoted(part.value, shown) for part in said["evidence"][:6]),
            "tries": tuple(part.text[:500] for part in said["try"][:6]),
        }

    answer, asked = ask("explain", fields, read, model=model, max_tokens=1024, **asking)
    return Explanation(**answer, asked=asked)


def _quoted(said: str, shown: list[str]) -> str:
    """The quotation as it stands in the log; more lines below it need not be from there."""
    quote = said.splitlines()[0]
    plain = re.sub(r"^([`\"'])(.*)\1$", r"\2", _plain(quote))
    if len(plain) < _LEAST_QUOTE or not any(plain in line for line in shown):
        raise WrongAnswer(
            f"the evidence {quote[:120]!r} is not in the log; copy a line of it word for word"
        )
    return plain


def _plain(line: str) -> str:
    """A line without blanks that only lay it out."""
    return " ".join(line.split())
