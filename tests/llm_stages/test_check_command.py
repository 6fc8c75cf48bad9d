"""`chipflow llm check`, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chipflow.commands.llm import llm
from chipflow.design import LLM_STAGES
from llm_stages import python_provider
from tests.llm_stages.fake_server import serve

ROOT = Path(__file__).resolve().parents[2]
ANSWER = "assign y = ~a;"


def check(*arguments: str) -> tuple[int, str, str]:
    environment = {name: value for name, value in os.environ.items() if "API_KEY" not in name}
    done = subprocess.run(
        [sys.executable, "-m", "chipflow.cli", "llm", "check", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_it_prints_latency_tokens_and_cost() -> None:
    with serve(ANSWER) as server:
        run = ["check", "--model", "openai/any", "--api-base", server.api_base]
        out = CliRunner().invoke(llm, run).output
        assert "answered by fake-1" in out
        assert "11 in, 7 out" in out
        assert "$0.000000" in out
        assert ANSWER in out
        assert "address  reachable" in out
        code, out, err = check("openai/any", "--api-base", server.api_base, "--json")
    report = json.loads(out)
    assert (code, err, len(server.requests)) == (0, "", 2)
    assert (report["prompt_tokens"], report["completion_tokens"]) == (11, 7)
    assert report["latency_s"] > 0
    assert report["cost_usd"] == 0
    assert report["tokens_known"] is report["price_known"] is True


def test_an_error_exits_with_4_and_says_what_to_do() -> None:
    code, out, err = check("openai/x", "--api-base", "http://127.0.0.1:9/v1")
    assert (code, out.splitlines()[1]) == (4, "address  no answer from there")
    assert "error: nothing answers" in err
    assert "try: start the server" in err
    assert "Traceback" not in err


def listed(*arguments: str) -> dict:
    done = CliRunner().invoke(llm, ["list", "--json", *arguments])
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_the_list_says_what_providers_need_and_where_a_choice_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "planted-key-0123456789")
    for name in ("OPENAI_API_KEY", "CHIPFLOW_MODEL", "CHIPFLOW_MODEL_SPEC_TO_RTL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "spec.md").write_text("An adder.")
    (tmp_path / "design.toml").write_text(
        'name = "a"\ntop = "a"\nspec = "spec.md"\n'
        '[models]\ndefault = "ollama_chat/x"\nfallbacks = ["openai/y"]\n'
        'escalate = ["gemini/w"]\n'
    )
    monkeypatch.chdir(tmp_path)
    found = listed()
    keys = {provider["provider"]: provider["key"] for provider in found["providers"]}
    assert keys["Anthropic"] == "ANTHROPIC_API_KEY is set"
    assert keys["OpenAI"] == "set OPENAI_API_KEY"
    assert keys["Ollama"] == "none needed"
    assert [tuple(row.values()) for row in found["stages"]] == [
        *((s, "ollama_chat/x", "design.toml, models.default", "generic") for s in LLM_STAGES),
        ("escalate 1", "gemini/w", "design.toml, models.escalate", "generic"),
        ("fallback 1", "openai/y", "design.toml, models.fallbacks", "of the model that failed"),
    ]
    first, *_ = listed("--model", "gemini/z")["stages"]
    assert (first["model"], first["from"]) == ("gemini/z", "--model")
    text = CliRunner().invoke(llm, ["list"]).output
    assert "planted-key" not in text
    assert "ollama_chat/x" in text


def test_a_check_without_a_model_asks_those_of_the_design_and_never_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHIPFLOW_MODEL", raising=False)
    assert "no model is named" in str(CliRunner().invoke(llm, ["check"]).exception)
    monkeypatch.setenv("CHIPFLOW_LLM_REPLAY", str(tmp_path))
    with serve(ANSWER, dialect="ollama") as server:
        (tmp_path / "spec.md").write_text("An adder.")
        (tmp_path / "design.toml").write_text(
            f'name = "a"\ntop = "a"\nspec = "spec.md"\n[models]\ndefault = "{server.model}"\n'
        )
        done = CliRunner().invoke(llm, ["check"])
    assert ANSWER in done.output
    assert len(server.requests) == 1


@pytest.mark.parametrize("loop", [True, False])
def test_a_check_without_a_model_asks_what_may_come_to_be_asked(
    loop: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHIPFLOW_MODEL", raising=False)
    for name in ("own", "stronger", "fallback"):
        python_provider.register(name, lambda _: ANSWER)
    (tmp_path / "spec.md").write_text("An adder.")
    (tmp_path / "design.toml").write_text(
        'name = "a"\ntop = "a"\nspec = "spec.md"\n[models]\ndefault = "python/own"\n'
        f"loop = {str(loop).lower()}\n"
        'escalate = ["python/stronger"]\nfallbacks = ["python/fallback", "python/own"]\n'
    )
    reports = json.loads(CliRunner().invoke(llm, ["check", "--json"]).output)
    stronger = ["python/stronger"] if loop else []
    asked = ["python/own", *stronger, "python/fallback"]
    assert [report["model"] for report in reports] == asked
    one = json.loads(CliRunner().invoke(llm, ["check", "python/own", "--json"]).output)
    assert one["model"] == "python/own"
