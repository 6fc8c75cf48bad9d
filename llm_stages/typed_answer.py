"""Asks a model for an answer of a type, and says how the answer came to be.

A stage brings its prompt pack, the fields to fill in and a function that reads an answer. Where
that function finds the answer wrong, the model gets it back once with the error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from llm_stages.asker import Asker, Asking
from llm_stages.errors import DraftRejected, InputError, WrongAnswer
from llm_stages.exchange import Reply, account
from llm_stages.model_string import split
from llm_stages.prompt_pack import load_pack

Read = TypeVar("Read")
_MAX_CHARACTERS = 262144


class Asked(BaseModel):
    """How an answer came to be.

    Attributes:
        model: The model that was asked, without its address.
        answered_by: The models that answered, as their providers name them.
        prompt_pack: Name and version of the prompt pack.
        answers: Answers that it took.
        prompt_tokens: Tokens of all questions.
        completion_tokens: Tokens of all answers.
        cost_usd: Price of all calls; None where a price is not known.
        latency_s: Time of all calls.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    answered_by: tuple[str, ...]
    prompt_pack: str
    answers: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    latency_s: float


def ask(
    stage: str,
    fields: Mapping[str, str],
    read: Callable[[str, bool], Read],
    *,
    model: str,
    max_tokens: int = 2048,
    **asking: Any,
) -> tuple[Read, Asked]:
    """Ask the model of a stage, once more where the answer cannot be used.

    Args:
        stage: The stage; its prompt pack has the questions.
        fields: What to fill in. `mark`, and on the second question `answer` and `error`, are added.
        read: Reads an answer, and is told whether it is the last one; raises `WrongAnswer`,
            `InputError` or pydantic's `ValidationError` where it cannot be used.
        model: The model string (`model_string.py`).
        max_tokens: Length of an answer at most.
        asking: As for `asker.Asking`: address, seed, limits, budget, record, fallbacks, log.

    Raises:
        InputError: No model is named.
        ProviderError: The model could not be asked.
        DraftRejected: No answer could be used.
    """
    asker = Asker(Asking({"": (model,)}, max_tokens=max_tokens, **asking))

    def checked(reply: Reply) -> Read:
        try:
            if len(reply.text) > _MAX_CHARACTERS:
                raise WrongAnswer("the answer is too long")
            return read(reply.text, len(asker.replies) > 1)
        except (WrongAnswer, InputError, ValidationError) as wrong:
            cut = "the answer was cut before its end; " * (reply.finish_reason == "length")
            raise WrongAnswer(cut + _in_words(wrong)) from wrong

    try:
        found = asker.ask(stage, checked, fields, shows_answer=True)
    except WrongAnswer as wrong:
        raise DraftRejected(
            f"{split(model)[0]} gave no answer that can be used: {wrong}",
            where=stage,
            hint="name a stronger model for this stage",
        ) from wrong
    name = split(model)[0]
    pack = load_pack(stage, name)
    how = {"prompt_pack": f"{pack.name} {pack.version}", "answers": len(asker.replies)}
    return found, Asked(model=name, **how, **account(asker.replies))


def _in_words(wrong: Exception) -> str:
    if isinstance(wrong, ValidationError):
        first = wrong.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return f"{place}: {first['msg']}" if place else str(first["msg"])
    if isinstance(wrong, InputError):
        parts = [wrong.message, f"at {wrong.where}" if wrong.where else "", wrong.hint]
        return "; ".join(part for part in parts if part)
    return str(wrong)
