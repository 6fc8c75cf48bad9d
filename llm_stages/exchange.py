"""One exchange with a model as values: what is asked and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Message:
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Request:
    """What to ask.

    Attributes:
        model: The model as LiteLLM spells it.
        messages: The conversation, oldest first.
        temperature: 0 for the likeliest answer.
        max_tokens: Length of the answer at most.
        seed: For providers that can repeat an answer; others ignore it.
        api_base: Address of an OpenAI-compatible server; empty for the provider's own.
        timeout_s: How long to wait for the answer.
    """

    model: str
    messages: tuple[Message, ...]
    temperature: float = 0.0
    max_tokens: int = 4096
    seed: int | None = None
    api_base: str = ""
    timeout_s: float = 300.0


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
