"""API keys stay where they belong: not in texts, not in records, not in programs."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from llm_stages import keys, provider, sandbox
from llm_stages.errors import InputError, NoConnection, ProviderError
from llm_stages.exchange import Message, Request
from llm_stages.model_string import split
from llm_stages.store import Store
from tests.llm_stages.fake_server import Error, serve

PLANTED = "planted/key+0123456789"
QUOTED = "planted%2Fkey%2B0123456789"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHIPFLOW_LLM_RECORD", "CHIPFLOW_LLM_REPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CHIPFLOW_LLM_API_KEY", PLANTED)
    monkeypatch.setenv("SHORT_KEY", "none")


def test_names_that_say_key_are_keys_and_others_are_not() -> None:
    environ = dict.fromkeys(
        ("OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "DB_PASSWORD", "api_key", "KEY"),
        "x",
    )
    rest: dict[str, str] = dict.fromkeys(
        ("PATH", "KEYBOARD", "MONKEY_ISLAND", "TOKENIZERS_PARALLELISM"), "x"
    )
    assert keys.without_keys({**environ, **rest}) == rest


def test_texts_lose_keys_and_keep_words() -> None:
    text = f"https://host/?key={QUOTED} and {PLANTED}, none, key_schedule_0, skeleton_key_word"
    assert keys.redacted(text) == (
        "https://host/?key=[redacted] and [redacted], none, key_schedule_0, skeleton_key_word"
    )
    assert keys.key_in(f"a {PLANTED} b") == "CHIPFLOW_LLM_API_KEY"
    assert keys.key_in("none") == ""


def test_a_key_goes_to_its_server_and_nowhere_else(tmp_path: Path) -> None:
    echo = Error(500, f"your key is {PLANTED}, also {QUOTED}")
    with serve(f"module m; // {PLANTED}\nendmodule", echo) as server:
        request = Request(server.model, (Message("user", "Hello?"),))
        reply = provider.complete(request, store=Store(tmp_path, "record"))
        with pytest.raises(ProviderError) as caught:
            provider.complete(request, store=Store(tmp_path, "off"), retries=0)
    assert server.headers[0]["authorization"] == f"Bearer {PLANTED}"
    assert "[redacted]" in reply.text
    (record,) = tmp_path.iterdir()
    shown = "".join(traceback.format_exception(caught.value))
    for text in (reply.text, record.read_text(), shown, repr(caught.value.__dict__)):
        assert PLANTED not in text
        assert QUOTED not in text


def test_a_question_with_a_key_in_it_is_not_asked() -> None:
    with serve("ok") as server, pytest.raises(InputError) as caught:
        provider.complete(Request(server.model, (Message("user", f"Use {PLANTED}."),)))
    assert server.requests == []
    assert "CHIPFLOW_LLM_API_KEY" in caught.value.message
    assert PLANTED not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["http://me:secret-word@host/v1", "http://host/v1?k=secret-word"]
)
def test_an_address_with_a_secret_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(NoConnection) as caught:
        split(f"openai/x@{address}")
    assert "secret-word" not in str(caught.value)
    with pytest.raises(NoConnection):
        provider.complete(Request("openai/x", (Message("user", "q"),), api_base=address))


def test_an_at_sign_in_the_name_of_a_model_is_no_address() -> None:
    assert split("vertex_ai/claude@20240620") == ("vertex_ai/claude@20240620", "")
    assert split("openai/a:b@https://host:80/v1") == ("openai/a:b", "https://host:80/v1")


@pytest.mark.skipif(sandbox.mechanism() is None, reason="needs a sandbox")
@pytest.mark.parametrize("isolate", [True, False])
def test_a_program_of_the_sandbox_does_not_see_keys(tmp_path: Path, isolate: bool) -> None:
    log = tmp_path / "log"
    sandbox.run(["/usr/bin/env"], work_dir=tmp_path, log_path=log, timeout_s=20.0, isolate=isolate)
    text = log.read_text()
    assert "PATH=" in text
    assert PLANTED not in text
    assert "KEY" not in text
