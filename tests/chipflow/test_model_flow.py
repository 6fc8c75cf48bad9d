"""A flow whose RTL models write: swapped by one string, replayed offline, and no key anywhere."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from chipflow import flow
from chipflow.design import Design, Models
from chipflow.flow import RunResult, run_flow
from chipflow.report import page
from chipflow.stage import Stage, StageContext, StageResult
from chipflow.stages import lint, rtl
from llm_stages import provider, python_provider
from llm_stages.errors import ProviderError
from llm_stages.store import Store
from tests.chipflow import fake_model
from tests.chipflow.command_line import command_line
from tests.chipflow.fake_stages import make_pdk
from tests.chipflow.rtl_designs import FrontEnd, load_pdk
from tests.llm_stages.fake_server import Cut, Dialect, Error, Raw, serve
from tests.llm_stages.test_dialects import FAILURES

PLANTED = "planted-key-0123456789"
SPEC = "Write an adder.\n\n - input a (4 bits)\n - input b (4 bits)\n - output s (5 bits)\n"


def dump_environment(ctx: StageContext) -> StageResult:
    (ctx.out_dir / "environment.txt").write_text("\n".join(sorted(os.environ)))
    (ctx.out_dir / "values.txt").write_text("\n".join(os.environ.values()))
    return StageResult({"environment": "environment.txt"})


STAGES = (
    rtl.STAGE,
    Stage("dump", dump_environment, reads=("rtl",), gives=("environment",), uses_pdk=False),
)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHIPFLOW_LLM_RECORD", "CHIPFLOW_LLM_REPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "CHIPFLOW_LLM_API_KEY"):
        monkeypatch.setenv(name, PLANTED)
    monkeypatch.setattr(provider, "_FIRST_WAIT_S", 0.01)


class Adder:
    """An adder's specification, and runs of it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder.mkdir()
        (folder / "spec.md").write_text(SPEC)
        (folder / "pdk.txt").write_text("cells\n")
        self.folder = folder
        self.run_folder = folder / "runs" / "fake"
        self.asked = folder / "asked.txt"
        self.models = Models(default=fake_model.MODEL)
        monkeypatch.setenv("FAKE_MODEL", str(self.asked))

    def run(
        self, *answers: str, store: Store | None = None, again_from: str = "", to: str = ""
    ) -> RunResult:
        """Runs the flow; the fake model's next answers are these."""
        before = self.asked.with_suffix(".answers")
        kept = before.read_text() if before.exists() else ""
        before.write_text(kept + "\n".join([*answers, ""]))
        design = Design(
            folder=self.folder,
            name="adder",
            top="adder",
            spec=self.folder / "spec.md",
            models=self.models,
        )
        return run_flow(
            design,
            make_pdk(self.folder / "pdk.txt"),
            self.folder / to if to else self.run_folder,
            engine="local",
            stages=STAGES,
            answers=store,
            again_from=again_from,
        )

    @property
    def calls(self) -> int:
        """How often the fake model was asked so far."""
        return len(self.asked.read_text().split()) if self.asked.exists() else 0

    def record(self, folder: str) -> dict:
        return json.loads((self.run_folder / folder / "stage.json").read_text())


@pytest.fixture
def adder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Adder:
    return Adder(tmp_path / "adder", monkeypatch)


@pytest.mark.parametrize("dialect", ["openai", "anthropic", "ollama"])
def test_one_string_swaps_the_provider_of_the_flow(tmp_path: Path, dialect: Dialect) -> None:
    front = FrontEnd(tmp_path, load_pdk("edu45"), {"adder.v": ""})
    spec = front.design.folder / "spec.md"
    spec.write_text(SPEC)
    nonsense = Raw(b"<html>Sign in</html>", "text/html")
    answers = (Error(429, "slow down"), Cut("x" * 3000), "No.", nonsense, fake_model.GOOD)
    with serve(*answers, dialect=dialect) as server:
        front.design = replace(
            front.design, rtl=(), spec=spec, models=Models(default=server.model, retries=3)
        )
        front.run(lint.STAGE)
    assert len(server.requests) == 5
    assert "assign s = a + b;" in (front.files["rtl"] / "adder.sv").read_text()
    assert json.loads(front.files["rtl_origin"].read_text())["answered_by"]


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ("down", "nothing answers at"),
        ("hangs", "no answer within"),
        ("wrong key", "does not accept the key"),
        ("out of money", "no money or quota"),
        ("refuses", "no text"),
        ("empty", "no text"),
        ("10 MB", "10.0 million characters"),
    ],
)
def test_a_provider_that_fails_ends_the_stage_with_a_clear_error_or_at_the_fallback(
    tmp_path: Path, failure: str, words: str
) -> None:
    front = FrontEnd(tmp_path, load_pdk("edu45"), {"adder.v": ""})
    spec = front.design.folder / "spec.md"
    spec.write_text(SPEC)
    answer = FAILURES[failure][0] if failure != "down" else ""
    python_provider.register("steady", lambda request: fake_model.GOOD)
    with serve(answer) as server:
        model = server.model if failure != "down" else "openai/any@http://127.0.0.1:9/v1"
        front.design = replace(front.design, rtl=(), spec=spec, models=Models(default=model))
        front.asking = {"retries": 0, "timeout_s": 0.5 if failure == "hangs" else 60.0}
        with pytest.raises(ProviderError, match=words) as caught:
            front.run(rtl.STAGE)
        assert caught.value.where
        assert caught.value.hint
        assert not any("Traceback" in line for line in front.lines)
        front.asking["fallbacks"] = ("python/steady",)
        (tmp_path / "rtl").rmdir()
        front.run(rtl.STAGE)
    assert "assign s = a + b;" in (front.files["rtl"] / "adder.sv").read_text()


def test_no_key_reaches_the_run_folder_or_another_stage(adder: Adder) -> None:
    tells = Error(401, f"wrong key: {PLANTED}")
    with serve(tells) as first, serve(f"// {PLANTED}\n{fake_model.GOOD}") as second:
        adder.models = Models(default=first.model, fallbacks=(second.model,), budget_tokens=9000)
        result = adder.run()
    assert result.status == "done", result.error
    files = [path for path in adder.run_folder.rglob("*") if path.is_file()]
    for path in files:
        assert PLANTED.encode() not in path.read_bytes(), path
    answers = list((adder.run_folder / "llm_answers").iterdir())
    assert len(answers) == 1
    assert "[redacted]" in answers[0].read_text()
    names = (adder.run_folder / "02-dump" / "environment.txt").read_text().split()
    assert "PATH" in names
    assert not {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "CHIPFLOW_LLM_API_KEY"} & set(names)
    used = adder.record("01-rtl")["models"]
    assert used == {
        "openai/any": {
            "calls": 1, "failed": 1, "replayed": 0, "prompt_tokens": 11, "completion_tokens": 7,
            "cost_usd": 0.0, "seconds": used["openai/any"]["seconds"],
        }
    }  # fmt: skip
    assert "does not accept the key" in (adder.run_folder / "01-rtl" / "log.txt").read_text()


def test_a_specification_that_holds_a_key_is_not_sent(adder: Adder) -> None:
    (adder.folder / "spec.md").write_text(f"{SPEC}\nThe key is {PLANTED}.\n")
    error = adder.run("good").error
    assert error is not None
    assert adder.calls == 0
    assert "_API_KEY" in error.message
    assert PLANTED not in str(error)


def test_a_run_replays_offline_and_names_the_call_that_is_missing(adder: Adder) -> None:
    first = adder.run("bad", "good")
    assert first.status == "done", first.error
    replay = Store(adder.run_folder / "llm_answers", "replay")
    again = adder.run(store=replay, to="again")
    assert again.status == "done", again.error
    assert adder.calls == 2
    was, now = first.stages[0], again.stages[0]
    assert now.outputs == was.outputs
    used, used_again = (dict(record.models[fake_model.MODEL]) for record in (was, now))
    assert (used.pop("replayed"), used_again.pop("replayed")) == (0, 2)
    assert used.pop("seconds") >= 0
    assert used_again.pop("seconds") == 0.2
    assert used == used_again
    (adder.folder / "spec.md").write_text(SPEC.replace("adder", "great adder"))
    error = adder.run(store=replay, to="again").error
    assert error is not None
    assert error.exit_code == 4
    assert "spec_to_rtl asks python/tests.chipflow.fake_model:answer: 'Write" in error.message
    assert "--record" in error.hint
    assert adder.calls == 2


def test_a_provider_that_fails_keeps_the_work_and_the_next_run_goes_on(adder: Adder) -> None:
    failed = adder.run("bad", "NoConnection")
    assert failed.error is not None
    assert failed.error.exit_code == 4
    kept = adder.record("01-rtl.failed")["models"][fake_model.MODEL]
    assert (kept["calls"], kept["failed"], kept["cost_usd"]) == (1, 1, 0.001)
    html = page.write_report(adder.run_folder).read_text()
    assert "Language models" in html
    assert "$0.0010" in html
    assert adder.run("good").status == "done"
    assert adder.calls == 3, "the first answer was paid for twice"
    used = adder.record("01-rtl")["models"][fake_model.MODEL]
    assert (used["calls"], used["replayed"]) == (2, 1)


def test_a_stage_that_was_killed_does_not_ask_again(adder: Adder) -> None:
    assert adder.run("bad", "killed").error is not None
    assert adder.run("good").status == "done"
    assert adder.calls == 3


def test_answers_that_were_refused_are_not_taken_again(adder: Adder) -> None:
    refused = adder.run("bad", "bad", "bad", "bad")
    assert refused.error is not None
    assert refused.error.exit_code == 1
    assert adder.run("good").status == "done"
    assert adder.calls == 5
    assert adder.run("good", again_from="rtl").status == "done"
    assert adder.calls == 6


def test_a_budget_ends_the_run_before_the_call_that_would_break_it(adder: Adder) -> None:
    adder.models = replace(adder.models, budget_calls=2)
    error = adder.run("bad", "bad").error
    assert error is not None
    assert "all 2 calls are made" in error.message
    assert adder.calls == 2
    adder.models = replace(adder.models, budget_calls=0)
    assert adder.run("good").status == "done"
    assert adder.calls == 3


def test_limits_are_no_part_of_a_result(adder: Adder) -> None:
    adder.run("good")
    adder.models = replace(adder.models, budget_usd=1.0, fallbacks=("python/other",), retries=0)
    assert adder.run().ran == ()
    adder.models = replace(adder.models, default="python/nobody")
    error = adder.run().error
    assert error is not None
    assert "fallback python/other" in error.message


def test_the_command_replays_what_it_recorded_and_refuses_what_it_cannot(
    adder: Adder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = command_line(capsys, monkeypatch)
    monkeypatch.setattr(flow, "load_stages", lambda: STAGES)
    adder.asked.with_suffix(".answers").write_text("good\n")
    (adder.folder / "design.toml").write_text('name = "adder"\ntop = "adder"\nspec = "spec.md"\n')
    options = ("run", adder.folder, "--engine", "local", "--model", fake_model.MODEL, "-q")
    answers = adder.folder / "answers"
    assert run(*options, "--record", answers).code == 0
    assert len(list(answers.iterdir())) == 1
    again = ("--out", adder.folder / "again", "--replay", answers)
    assert run(*options, *again).code == 0
    assert adder.calls == 1
    # A run that was cut off goes on with what it has recorded.
    assert run(*options, "--out", adder.folder / "third", "--record", answers).code == 0
    assert adder.calls == 1
    both = run(*options, "--record", answers, "--replay", answers)
    assert (both.code, both.err.splitlines()[-1]) == (2, "  try: keep one of them")
    assert "no such folder" in run(*options, "--replay", adder.folder / "nowhere").err
