"""One function for all models: replies, errors with a remedy, budgets, recording and replay."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from llm_stages import keys, provider, python_provider
from llm_stages.budget import Budget
from llm_stages.errors import (
    BudgetSpent,
    InputError,
    KeyMissing,
    NoConnection,
    NotRecorded,
    ProviderError,
    Refused,
    UnknownModel,
)
from llm_stages.exchange import Message, Request
from llm_stages.store import Store, request_key
from tests.llm_stages.fake_server import FakeModel, serve

KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY")


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*KEYS, "CHIPFLOW_LLM_RECORD", "CHIPFLOW_LLM_REPLAY", "OLLAMA_API_BASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(provider, "_FIRST_WAIT_S", 0.01)


def ask(server: FakeModel | None = None, **changes: object) -> Request:
    fields: dict = {
        "model": "openai/any",
        "messages": (Message("system", "Be brief."), Message("user", "Hello?")),
        "api_base": server.api_base if server else "",
        "timeout_s": 20.0,
        **changes,
    }
    return Request(**fields)


def test_a_reply_has_text_tokens_cost_and_time() -> None:
    with serve("Hello!") as model:
        reply = provider.complete(ask(model, temperature=0.5, max_tokens=33, seed=4))
    assert (reply.text, reply.prompt_tokens, reply.completion_tokens) == ("Hello!", 11, 7)
    assert (reply.model, reply.cost_usd, reply.finish_reason) == ("fake-1", 0.0, "stop")
    assert 0 < reply.latency_s < 20
    (sent,) = model.requests
    assert sent["model"] == "any"
    assert sent["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello?"},
    ]
    assert (sent["temperature"], sent["max_tokens"], sent["seed"]) == (0.5, 33, 4)


def test_a_local_server_needs_no_key_and_gets_no_real_one_by_chance() -> None:
    with serve("ok") as model:
        provider.complete(ask(model))
    assert model.headers[0].get("Authorization", "") in ("", "Bearer none")


@pytest.mark.parametrize(
    ("model", "kind", "words"),
    [
        ("nonsense", UnknownModel, "ollama_chat/"),
        ("unheard-of/model", UnknownModel, "PROVIDER/MODEL"),
        ("openai/gpt-4o", KeyMissing, "OPENAI_API_KEY"),
        ("anthropic/claude-sonnet-4-5", KeyMissing, "ANTHROPIC_API_KEY"),
        ("gemini/gemini-2.5-pro", KeyMissing, "GEMINI_API_KEY or GOOGLE_API_KEY"),
    ],
)
def test_a_wrong_model_or_a_missing_key_says_what_to_do(
    model: str, kind: type[ProviderError], words: str
) -> None:
    with pytest.raises(kind) as caught:
        provider.complete(ask(model=model))
    assert words in caught.value.hint
    assert caught.value.where == model
    assert caught.value.exit_code == 4


def test_nobody_at_the_address() -> None:
    with serve("ok") as model:
        pass
    with pytest.raises(NoConnection) as caught:
        provider.complete(ask(model))
    assert model.api_base in caught.value.where
    assert "start the server" in caught.value.hint
    with pytest.raises(NoConnection, match="not an http"):
        provider.complete(ask(api_base="127.0.0.1:8000"))


def test_a_stalled_server_times_out() -> None:
    with serve(30.0) as model, pytest.raises(NoConnection, match="no answer within"):
        provider.complete(ask(model, timeout_s=0.5))


def test_provider_errors_keep_their_reason() -> None:
    bad_key = {"error": {"message": "Incorrect API key provided: sk-verysecretvalue123"}}
    with serve((401, bad_key)) as model, pytest.raises(KeyMissing) as caught:
        provider.complete(ask(model))
    assert "verysecret" not in str(caught.value)
    with (
        serve((404, {"error": {"message": "The model `any` does not exist"}})) as model,
        pytest.raises(UnknownModel, match="does not exist"),
    ):
        provider.complete(ask(model))
    with (
        serve((400, {"error": {"message": "context length exceeded"}})) as model,
        pytest.raises(Refused, match="context length"),
    ):
        provider.complete(ask(model))


def test_an_overloaded_provider_is_asked_again() -> None:
    busy = (429, {"error": {"message": "slow down"}})
    with serve(busy, busy, "at last") as model:
        assert provider.complete(ask(model)).text == "at last"
    assert len(model.requests) == 3
    with serve(busy) as model, pytest.raises(Refused, match="rate limit"):
        provider.complete(ask(model))
    assert len(model.requests) == 3


def test_an_empty_answer_is_refused() -> None:
    with serve("") as model:
        model.finish_reason = "length"
        with pytest.raises(Refused) as caught:
            provider.complete(ask(model))
    assert caught.value.hint == "allow more tokens"


def test_keys_are_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "open-sesame-1")
    text = keys.redacted("key open-sesame-1, sk-abcdefgh12345678 and 'sk-ip'")
    assert text == "key [redacted], [redacted] and 'sk-ip'"


def test_a_budget_stops_before_the_call() -> None:
    budget = Budget(max_tokens=150)
    with serve("ok") as model:
        provider.complete(ask(model, max_tokens=100), budget=budget)
        assert (budget.spent_tokens, budget.spent_usd) == (18, 0.0)
        with pytest.raises(BudgetSpent, match="18 of 150"):
            provider.complete(ask(model, max_tokens=130), budget=budget)
        assert len(model.requests) == 1


def test_a_cost_limit_needs_a_price(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-real-key")
    budget = Budget(max_cost_usd=0.001)
    with pytest.raises(BudgetSpent, match="may cost"):
        provider.complete(ask(model="openai/gpt-4o", max_tokens=4000), budget=budget)
    with pytest.raises(BudgetSpent, match="price"):
        provider.complete(ask(model="openai/no-such-model"), budget=budget)


def test_a_recorded_reply_replays_without_a_server(tmp_path: Path) -> None:
    with serve("first", "second") as model:
        request = ask(model)
        recorded = provider.complete(request, store=Store(tmp_path, "record"))
    replay = Store(tmp_path, "replay")
    assert provider.complete(request, store=replay) == recorded
    elsewhere = ask(api_base="http://127.0.0.1:1/v1", timeout_s=1.0)
    assert provider.complete(elsewhere, store=replay) == recorded
    for field, value in (("temperature", 0.1), ("seed", 1), ("max_tokens", 5), ("model", "b/c")):
        with pytest.raises(NotRecorded):
            provider.complete(replace(request, **{field: value}), store=replay)
    (file,) = tmp_path.iterdir()
    assert file.name == f"{request_key(request)}.json"
    assert "127.0.0.1" not in file.read_text()
    file.write_text("{")
    with pytest.raises(InputError, match="damaged"):
        provider.complete(request, store=replay)


@pytest.mark.parametrize(
    "damage",
    ["[]", '{"reply": {}}', '{"reply": {"text": 7}}', '{"reply": [1]}', "\ud83d", '{"rep'],
)
def test_a_damaged_record_is_named(tmp_path: Path, damage: str) -> None:
    request = ask(model="python/any")
    path = tmp_path / f"{request_key(request)}.json"
    path.write_text(damage, "utf-8", "surrogatepass")
    with pytest.raises(InputError, match="damaged") as caught:
        provider.complete(request, store=Store(tmp_path, "replay"))
    assert caught.value.where == str(path)
    assert caught.value.hint == "delete the file"


def test_what_is_missing_is_named_with_who_asks_and_what(tmp_path: Path) -> None:
    request = ask(model="python/any", stage="spec_to_rtl")
    with pytest.raises(NotRecorded) as caught:
        provider.complete(request, store=Store(tmp_path / "none", "replay"))
    assert "the stage spec_to_rtl asks python/any: 'Hello?'" in caught.value.message
    assert "holds 0 replies" in caught.value.where
    assert "CHIPFLOW_LLM_RECORD" in caught.value.hint


def test_a_run_that_goes_on_asks_for_what_is_not_there(tmp_path: Path) -> None:
    asked: list[int | None] = []

    def answer(request: Request) -> str:
        asked.append(request.seed)
        return f"answer {len(asked)}"

    python_provider.register("counts", answer)
    first, second = (ask(model="python/counts", seed=seed) for seed in (1, 2))
    assert provider.complete(first, store=Store(tmp_path, "record")).text == "answer 1"
    again = Store(tmp_path, "resume")
    assert [provider.complete(each, store=again).text for each in (first, second, second)] == [
        "answer 1",
        "answer 2",
        "answer 2",
    ]
    assert asked == [1, 2]


def test_the_same_question_has_one_answer_in_a_record(tmp_path: Path) -> None:
    count = iter(range(100))
    python_provider.register("moody", lambda request: f"answer {next(count)}")
    question = ask(model="python/moody")
    with ThreadPoolExecutor(8) as threads:
        store = Store(tmp_path, "record")
        texts = [
            reply.text
            for reply in threads.map(lambda _: provider.complete(question, store=store), range(8))
        ]
    assert provider.complete(question, store=Store(tmp_path, "replay")).text == texts[0]
    assert len(set(texts)) == 1


def test_a_fallback_that_answered_answers_in_the_replay(tmp_path: Path) -> None:
    python_provider.register("spare", lambda request: "from the spare")
    question = ask(model="python/not_there")
    for mode in ("record", "replay"):
        reply = provider.complete(question, store=Store(tmp_path, mode), fallbacks=["python/spare"])
        assert reply.text == "from the spare"


def test_text_that_no_file_can_hold_is_mended(tmp_path: Path) -> None:
    python_provider.register("odd", lambda request: "module \ud800;")
    reply = provider.complete(ask(model="python/odd"), store=Store(tmp_path, "record"))
    assert reply.text == "module ?;"


def test_the_environment_turns_recording_and_replay_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHIPFLOW_LLM_RECORD", str(tmp_path))
    with serve("kept") as model:
        provider.complete(ask(model))
    monkeypatch.setenv("CHIPFLOW_LLM_REPLAY", str(tmp_path))
    assert provider.complete(ask(model)).text == "kept"


QUIETLY = """
import sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        print(event, arguments)

sys.addaudithook(watch)
from llm_stages import litellm_call
from llm_stages.exchange import Message, Request
litellm_call.connect(Request("openai/any", (Message("user", "q"),), api_base="http://127.0.0.1:9"))
assert "litellm" in sys.modules
"""


def test_litellm_is_imported_in_silence_and_without_the_network() -> None:
    root = Path(provider.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", QUIETLY], cwd=root, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_importing_the_provider_does_not_import_litellm() -> None:
    code = "import sys, llm_stages.provider; print('litellm' in sys.modules)"
    root = Path(provider.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
