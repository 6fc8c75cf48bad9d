"""`chipflow explain`: what the flow knows without a model, and a model's word held to the log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chipflow.design import Design
from chipflow.flow import run_flow
from chipflow.stage import Stage, StageContext, StageResult
from placement_env.errors import InputError
from tests.chipflow.command_line import CommandLine, command_line
from tests.chipflow.fake_stages import make_pdk, write_design
from tests.llm_stages.scripted import scripted

GOOD = "cause: the glue is missing\nevidence: \x1b[1mno glue in the box\ntry: buy glue\n"


def break_(ctx: StageContext) -> StageResult:
    ctx.log("opening the box")
    print("no   glue in the box\x1b[31m\x00")
    raise InputError("the toy is broken", where="a.v:1", hint="glue it")


@pytest.fixture
def failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CHIPFLOW_LLM_RECORD", "CHIPFLOW_LLM_REPLAY", "CHIPFLOW_MODEL"):
        monkeypatch.delenv(name, raising=False)
    folder = write_design(tmp_path / "toy")
    design = Design(folder=folder, name="toy", top="toy", rtl=(folder / "a.v",))
    stage = Stage("glue", break_, uses_pdk=False)
    run = folder / "runs" / "fake"
    result = run_flow(design, make_pdk(folder / "pdk.txt"), run, engine="local", stages=(stage,))
    assert result.error is not None
    return run


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return command_line(capsys, monkeypatch)


def test_without_a_model_the_flow_says_what_it_knows(failed: Path, run: CommandLine) -> None:
    for named in (failed, failed.parent.parent):
        ended = run("explain", named)
        assert ended.code == 0
        assert ended.out.startswith(
            "glue failed: the toy is broken\n  at:  a.v:1\n  try: glue it\n"
        )
        assert "  no   glue in the box\n" in ended.out
        assert "\x1b" not in ended.out
        assert "no model is named" in ended.out


def test_a_model_explains_with_evidence_from_the_log(failed: Path, run: CommandLine) -> None:
    model = scripted(GOOD)
    ended = run("explain", failed, "--model", model.model)
    assert ended.code == 0
    assert "cause: the glue is missing\nevidence: no glue in the box\ntry: buy glue\n" in ended.out
    assert "no   glue in the box\n" in model.question
    assert "opening the box" in model.question
    report = (failed / "report.html").read_text()
    assert "the glue is missing" in report
    assert '<th scope="row">explain</th>' in report
    told = json.loads(run("explain", failed, "--model", model.model, "--json").out)
    assert told["hint"] == "glue it"
    assert told["explanation"]["evidence"] == ["no glue in the box"]
    assert len(model.requests) == 1, "the answer is kept in the run folder"
    replayed = run("explain", failed, "--model", model.model, "--replay", failed / "llm_answers")
    assert "buy glue" in replayed.out


def test_an_explanation_that_is_made_up_is_not_shown(failed: Path, run: CommandLine) -> None:
    model = scripted(GOOD.replace("no glue", "wrong glue"))
    ended = run("explain", failed, "--model", f"explain={model.model}")
    assert ended.code == 1
    assert "wrong glue" not in ended.out
    assert "wrong glue" not in (failed / "report.html").read_text()
    assert "  try: glue it" in ended.out
    assert "is not in the log" in ended.err


def test_a_model_that_cannot_be_asked_leaves_what_the_flow_knows(
    failed: Path, run: CommandLine
) -> None:
    ended = run("explain", failed, "--model", "python/nobody-at-all")
    assert ended.code == 4
    assert "  try: glue it" in ended.out
    assert "no function is registered" in ended.err


def test_where_nothing_failed_it_says_so(tmp_path: Path, run: CommandLine) -> None:
    (tmp_path / "run.json").write_text("{}")
    assert run("explain", tmp_path).out == "no stage of this run failed\n"
    (tmp_path / "run.json").unlink()
    ended = run("explain", tmp_path)
    assert (ended.code, "no run in this folder" in ended.err) == (2, True)
