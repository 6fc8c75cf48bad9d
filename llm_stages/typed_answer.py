"""Asks a model for an answer of a type: read leniently, checked strictly, asked again once.

A stage brings its prompt pack, the fields to fill in and a function that reads an answer. Where
that function finds the answer wrong, the model gets it back once with the error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from llm_stages.budget import Budget
from llm_stages.errors import DraftRejected, InputError, WrongAnswer
from llm_stages.exchange import Reply, Request, account
from llm_stages.model_string import split
from llm_stages.prompt_pack import load_pack
from llm_stages.provider import complete
from llm_stages.store import Store
from llm_stages.untrusted_text import cleaned, mark

Read = TypeVar("Read")
_SHOWN_BYTES = 8192
_MAX_CHARACTERS = 262144
#: Of each answer: the likeliest first; a model that would only repeat itself is to vary then.
_TEMPERATURES = (0.0, 0.4)


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
    api_base: str = "",
    max_tokens: int = 2048,
    seed: int = 1,
    timeout_s: float = 600.0,
    budget: Budget | None = None,
    store: Store | None = None,
    fallbacks: Sequence[str] = (),
    retries: int = 2,
    log: Callable[[str], None] = lambda line: None,
) -> tuple[Read, Asked]:
    """Ask the model of a stage, once more where the answer cannot be used.

    Args:
        stage: The stage; its prompt pack has the questions.
        fields: What to fill in. `mark`, and on the second question `answer` and `error`, are added.
        read: Reads an answer, and is told whether it is the last one; raises `WrongAnswer`,
            `InputError` or pydantic's `ValidationError` where it cannot be used.
        model: The model string (`model_string.py`).
        api_base: Address of the server where the model string has none; empty for the provider's.
        max_tokens: Length of an answer at most.
        seed: For providers that can repeat an answer.
        timeout_s: How long to wait for one answer.
        budget: Is charged; the stage stops where it is spent.
        store: Where replies are recorded or replayed from; by default as the environment says.
        fallbacks: Models to ask where that one fails, in order; they get its prompts.
        retries: How often a call that failed for a while only is made again.
        log: Gets one line for each answer, wait and fallback.

    Raises:
        InputError: No model is named.
        ProviderError: The model could not be asked.
        DraftRejected: No answer could be used.
    """
    if not model:
        raise InputError(
            f"the stage {stage} needs a model and none is named",
            where=stage,
            hint=f'name one in design.toml: [models] {stage} = "anthropic/claude-sonnet-4-5", '
            "or on the command line: --model anthropic/claude-sonnet-4-5",
        )
    model, address = split(model)
    pack = load_pack(stage, model)
    replies: list[Reply] = []
    filled = dict(fields)
    error = ""
    for number in range(len(_TEMPERATURES)):
        filled["mark"] = mark(filled.values())
        request = Request(
            model=model,
            messages=pack.messages(pack.repair if number else pack.first, filled),
            temperature=_TEMPERATURES[number],
            max_tokens=max_tokens,
            seed=seed + number,
            api_base=address or api_base,
            timeout_s=timeout_s,
            stage=stage,
        )
        reply = complete(
            request, budget=budget, store=store, fallbacks=fallbacks, retries=retries, log=log
        )
        replies.append(reply)
        told = f"answer {number + 1}: {reply.completion_tokens} tokens in {reply.latency_s:.1f} s"
        try:
            if len(reply.text) > _MAX_CHARACTERS:
                raise WrongAnswer("the answer is too long")
            found = read(reply.text, number == len(_TEMPERATURES) - 1)
        except (WrongAnswer, InputError, ValidationError) as wrong:
            error = _in_words(wrong)
            if reply.finish_reason == "length":
                error = f"the answer was cut before its end; {error}"
            log(f"{told}, refused: {error}")
            filled["answer"] = cleaned(reply.text[:_MAX_CHARACTERS], most_bytes=_SHOWN_BYTES)
            filled["error"] = error
            continue
        log(f"{told}, accepted")
        return found, _asked(model, f"{pack.name} {pack.version}", replies)
    raise DraftRejected(
        f"{model} gave no answer that can be used: {error}",
        where=stage,
        hint="name a stronger model for this stage",
    )


def _in_words(wrong: Exception) -> str:
    if isinstance(wrong, ValidationError):
        first = wrong.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return f"{place}: {first['msg']}" if place else str(first["msg"])
    if isinstance(wrong, InputError):
        parts = [wrong.message, f"at {wrong.where}" if wrong.where else "", wrong.hint]
        return "; ".join(part for part in parts if part)
    return str(wrong)


def _asked(model: str, prompt_pack: str, replies: Sequence[Reply]) -> Asked:
    return Asked(
        model=model,
        prompt_pack=prompt_pack,
        answers=len(replies),
        **account(replies),
    )
