"""One exchange with a model as values: what is asked and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from llm_stages.errors import ProviderError


@dataclass(frozen=True)
class Message:
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Request:
    """What to ask.

    Attributes:
        model: The model string (`model_string.py`), with or without an address.
        messages: The conversation, oldest first.
        temperature: 0 for the likeliest answer.
        max_tokens: Length of the answer at most.
        seed: For providers that can repeat an answer; others ignore it.
        api_base: Address of the server where the model string has none; empty for the provider's.
        timeout_s: How long to wait for the whole answer.
        stage: The stage that asks, for messages and records; no part of the question.
    """

    model: str
    messages: tuple[Message, ...]
    temperature: float = 0.0
    max_tokens: int = 4096
    seed: int | None = None
    api_base: str = ""
    timeout_s: float = 300.0
    stage: str = ""


@dataclass(frozen=True)
class Reply:
    """What came back.

    Attributes:
        text: The answer.
        prompt_tokens: Tokens of the question, as the provider counts them.
        completion_tokens: Tokens of the answer.
        cost_usd: Price of the call: 0 for a server on this machine, None where it is not known.
        latency_s: Time from sending to the end of the answer.
        model: The model that answered, as the provider names it.
        finish_reason: "stop", or "length" where the answer was cut at `max_tokens`.
    """

    text: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    latency_s: float
    model: str
    finish_reason: str = "stop"


def account(replies: Sequence[Reply]) -> dict[str, Any]:
    """What some replies took together, as fields of a result.

    Returns:
        `answered_by`, the models that answered; `prompt_tokens` and `completion_tokens`;
        `cost_usd`, None where the price of one is not known; and `latency_s`.
    """
    costs = [reply.cost_usd for reply in replies]
    return {
        "answered_by": tuple(dict.fromkeys(reply.model for reply in replies)),
        "prompt_tokens": sum(reply.prompt_tokens for reply in replies),
        "completion_tokens": sum(reply.completion_tokens for reply in replies),
        "cost_usd": None if None in costs else sum(cost for cost in costs if cost is not None),
        "latency_s": sum(reply.latency_s for reply in replies),
    }


@dataclass(frozen=True)
class Connection:
    """A way to one model, ready to be asked.

    Attributes:
        ask: Asks and waits for the whole answer; raises `CallFailed`.
        price: US dollars for (prompt tokens, answer tokens); None where it is not known.
    """

    ask: Callable[[Request], Reply]
    price: Callable[[int, int], float | None]


class CallFailed(Exception):
    """A call without a usable answer.

    Args:
        error: What to tell the user.
        again: The same call may succeed later.
        after_s: How long the provider says to wait, where it does.
        used: The usage of an answer that came and is of no use.
        billed: The provider may have done the work although no usage came back.
    """

    def __init__(
        self,
        error: ProviderError,
        *,
        again: bool = False,
        after_s: float | None = None,
        used: Reply | None = None,
        billed: bool = False,
    ) -> None:
        super().__init__(error.message)
        self.error = error
        self.again = again
        self.after_s = after_s
        self.used = used
        self.billed = billed
