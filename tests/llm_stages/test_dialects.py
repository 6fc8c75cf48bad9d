"""The same question to fake providers of four dialects, swapped by one string, in every mishap."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace

import pytest

from llm_stages import provider, python_provider
from llm_stages.errors import KeyMissing, NoConnection, ProviderError, Refused, UnknownModel
from llm_stages.exchange import Message, Request
from llm_stages.stages import spec_to_rtl
from tests.llm_stages.fake_server import (
    MODELS,
    Answer,
    Cut,
    Dialect,
    Error,
    Raw,
    Refusal,
    Trickle,
    serve,
)
from tests.llm_stages.test_spec_to_rtl import GOOD, SPEC

DIALECTS = tuple(MODELS)
PLANTED = "planted-key-0123456789"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI", "ANTHROPIC", "GEMINI"):
        monkeypatch.setenv(f"{name}_API_KEY", PLANTED)
    for name in ("CHIPFLOW_LLM_RECORD", "CHIPFLOW_LLM_REPLAY", "CHIPFLOW_LLM_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(provider, "_FIRST_WAIT_S", 0.01)
    python_provider.register("other", lambda asked: "from the other")


def request(model: str, **changes: object) -> Request:
    fields: dict = {"messages": (Message("user", "Hello?"),), "timeout_s": 20.0, **changes}
    return Request(model=model, **fields)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_one_string_swaps_the_provider_of_a_stage(dialect: Dialect) -> None:
    with serve("I would rather not.", GOOD, dialect=dialect) as server:
        draft = spec_to_rtl(SPEC, top="adder", model=server.model)
    assert draft.files["adder.sv"].startswith("module adder(")
    assert (draft.attempts, draft.prompt_tokens, draft.completion_tokens) == (2, 22, 14)
    assert draft.cost_usd == 0.0
    assert draft.model == MODELS[dialect]
    sent = str(server.requests[0])
    assert "The output is the sum of the inputs." in sent
    assert PLANTED not in str(server.headers), "the provider's key went to another address"


# What the server does, the error that comes of it, words of it, and how often it was asked.
FAILURES: dict[str, tuple[Answer, type[ProviderError], str, int]] = {
    "rate limit": (Error(429, "slow down"), Refused, "rate limit", 3),
    "overloaded": (Error(503, "too busy"), Refused, "too busy", 3),
    "broken": (Error(500, "it broke"), Refused, "it broke", 3),
    "wrong key": (Error(401, "no such key"), KeyMissing, "does not accept the key", 1),
    "not allowed": (Error(403, "not your model"), Refused, "not your model", 1),
    "no such model": (Error(404, "any is unknown"), UnknownModel, "any is unknown", 1),
    "bad request": (Error(400, "temperature is wrong"), Refused, "temperature is wrong", 1),
    "out of money": (Error(402, "balance is 0"), Refused, "no money or quota", 1),
    "no credit": (Error(400, "Your credit balance is too low"), Refused, "money or", 1),
    "too long": (Error(400, "maximum context length is 9"), Refused, "too long for the model", 1),
    "page": (Raw(b"<html>Sign in</html>", "text/html"), Refused, "no answer in the protocol", 3),
    "nonsense": (Raw(b'{"what": ["is", "this"]}'), Refused, "no answer in the protocol", 3),
    "list": (Raw(b"[1, 2]"), Refused, "no answer in the protocol", 3),
    "deep": (Raw(b"[" * 100_000), Refused, "no answer in the protocol", 3),
    "half": (Raw(b'{"choices": [{"mess'), Refused, "no answer in the protocol", 3),
    "nothing": (Raw(b""), Refused, "no answer in the protocol", 3),
    "cut off": (Cut("x" * 4000), NoConnection, "broke off", 3),
    "empty": ("", Refused, "no text", 1),
    "blank": (" \n", Refused, "no text", 1),
    "refuses": (Refusal(), Refused, "no text (finish reason:", 1),
    "10 MB": ("x" * 10_000_000, Refused, "10.0 million characters", 1),
    "hangs": (30.0, NoConnection, "no answer within", 1),
    "trickles": (Trickle(0.05), NoConnection, "no answer within", 1),
}


# Where the dialects, and LiteLLM's ways with them, differ most.
DIFFERENT = ("rate limit", "no credit", "page", "nonsense", "cut off", "empty", "10 MB", "hangs")
DIFFERENT += ("refuses",)
CASES = [("openai", failure) for failure in FAILURES]
CASES += [(dialect, failure) for dialect in DIALECTS[1:] for failure in DIFFERENT]


@pytest.mark.parametrize(("dialect", "failure"), CASES)
def test_every_failure_is_an_error_with_a_remedy_or_ends_at_the_fallback(
    dialect: Dialect, failure: str
) -> None:
    answer, kind, words, asked = FAILURES[failure]
    late = failure in ("hangs", "trickles")
    with serve(answer, dialect=dialect) as server:
        question = request(server.model, timeout_s=0.4 if late else 20.0)
        begin = time.monotonic()
        with pytest.raises(kind) as caught:
            provider.complete(question)
        assert time.monotonic() - begin < 15
        assert len(server.requests) == asked
        error = caught.value
        assert words in error.message
        assert "Traceback" not in str(error)
        assert "litellm" not in str(error).lower()
        assert len(str(error)) < 900
        assert error.where.startswith(MODELS[dialect])
        assert error.exit_code == 4
        lines: list[str] = []
        reply = provider.complete(question, fallbacks=["python/other"], retries=0, log=lines.append)
    assert reply.text == "from the other"
    assert words in lines[-1]
    assert "asking python/other" in lines[-1]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_provider_is_left_alone_for_as_long_as_it_says(dialect: Dialect) -> None:
    busy = Error(429, "slow down", headers={"Retry-After": "0.4"})
    with serve(busy, "at last", dialect=dialect) as server:
        assert provider.complete(request(server.model)).text == "at last"
    assert server.times[1] - server.times[0] >= 0.4


def test_a_refusal_says_what_to_do() -> None:
    with serve(Refusal()) as server, pytest.raises(Refused) as caught:
        provider.complete(request(server.model))
    assert "reword the specification, or ask another model" in caught.value.hint


def test_waits_double_and_vary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callers that were refused together do not come back together."""
    waits: list[float] = []
    monkeypatch.setattr(provider, "_FIRST_WAIT_S", 1.0)
    clock = SimpleNamespace(sleep=waits.append, monotonic=time.monotonic)
    monkeypatch.setattr(provider, "time", clock)
    with serve(Error(503, "too busy")) as server:
        for _ in range(10):
            with pytest.raises(Refused):
                provider.complete(request(server.model), retries=3)
    assert len(waits) == 30
    for number in range(3):
        drawn = waits[number::3]
        assert min(drawn) >= 0.5 * 2**number
        assert max(drawn) <= 1.5 * 2**number
        assert len(set(drawn)) > 5


def test_nobody_waits_for_an_hour() -> None:
    busy = Error(429, "slow down", headers={"Retry-After": "3600"})
    with serve(busy) as server, pytest.raises(Refused) as caught:
        provider.complete(request(server.model))
    assert len(server.requests) == 1
    assert "3600 s" in caught.value.hint


def test_all_models_that_failed_are_named() -> None:
    with (
        serve(Error(401, "who are you")) as first,
        serve("", dialect="ollama") as second,
        pytest.raises(KeyMissing) as caught,
    ):
        provider.complete(request(first.model), fallbacks=[second.model, "python/nobody"])
    assert "who are you" in caught.value.message
    assert "fallback ollama_chat/any: the model returned no text" in caught.value.message
    assert "fallback python/nobody: no function is registered" in caught.value.message


def test_numbers_of_tokens_that_make_no_sense_count_as_none() -> None:
    body = json.dumps(
        {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": "fake-1",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}}],
            "usage": {"prompt_tokens": -5, "completion_tokens": 10**30, "total_tokens": 0},
        }
    )
    with serve(Raw(body.encode())) as server:
        reply = provider.complete(request(server.model))
    assert (reply.text, reply.prompt_tokens, reply.completion_tokens) == ("ok", 0, 0)
