"""A review's changes are tried on a copy, and only what real runs show to be better is kept."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from chipflow import flow
from chipflow.design import read_design
from chipflow.flow import load_stages, run_flow
from chipflow.report.record import read_run
from chipflow.review.checks import Refusal, check_rtl
from chipflow.review.design_copy import copy_design
from chipflow.review.trial import Attempt, check_function, verdict
from chipflow.tools import rtl_files
from chipflow.tools.versions import version_of
from llm_stages import hdl, sandbox
from llm_stages.review import Change
from placement_env.errors import InputError
from tests.chipflow.command_line import CommandLine, command_line
from tests.chipflow.rtl_designs import load_pdk
from tests.llm_stages.scripted import Scripted, scripted

RTL = """\
module pick(input clk, input s, input [7:0] a, input [7:0] b, input [7:0] c,
            output reg [7:0] sum);
  always @(posedge clk)
    sum <= s ? a + b : a + c;
endmodule
"""
BENCH = """\
module pick_tb;
  reg clk = 0, s = 0;
  reg [7:0] a = 0, b = 0, c = 0;
  wire [7:0] sum;
  integer i;
  pick dut (.clk(clk), .s(s), .a(a), .b(b), .c(c), .sum(sum));
  always #5 clk = ~clk;
  initial begin
    for (i = 0; i < 50; i = i + 1) begin
      s = i; a = i * 7; b = i * 13 + 1; c = i * 29 + 2;
      @(negedge clk);
      @(negedge clk);
      if (sum !== ((a + (s ? b : c)) & 8'hff)) $fatal(1, "sum is %0d", sum);
    end
    $finish;
  end
endmodule
"""
DESIGN = """\
name = "pick"
top = "pick"
rtl = ["pick.v"]
testbench = ["pick_tb.v"]
testbench_top = "pick_tb"
[clock]
period_ns = 0.5
"""
NAMES = ("rtl", "lint", "simulate", "synthesize", "constraints", "floorplan", "timing")
STAGES = tuple(stage for stage in load_stages() if stage.name in NAMES)
LINE = "    sum <= s ? a + b : a + c;"
AREA, SLACK = "synthesis__instance__area_um2", "timing__setup__ws_ns"
DIE = "floorplan__die__area_um2"


def rtl_change(new: str, *, same: bool, metric: str = AREA, old: str = LINE) -> str:
    return (
        f"kind: rtl\nmetric: {metric}\nwhy: one adder does\n"
        f"same behaviour: {'yes' if same else 'no'}\n"
        f"file: pick.v\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n\n"
    )


SHARED = rtl_change("    sum <= a + (s ? b : c);", same=True)
FLOORPLAN = (
    "kind: floorplan\nmetric: floorplan__die__area_um2\nwhy: room\nset: utilization = 0.8\n\n"
)
RELAXED = (
    f"kind: constraints\nmetric: {SLACK}\nwhy: slow inputs\n"
    "```sdc\nset_false_path -from [get_ports {a b c s}]\n```\n\n"
)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHIPFLOW_LLM_RECORD", "CHIPFLOW_LLM_REPLAY", "CHIPFLOW_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(flow, "load_stages", lambda: STAGES)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A design with a finished run; tests do not write into it."""
    folder = tmp_path_factory.mktemp("design") / "pick"
    folder.mkdir()
    for name, text in (("pick.v", RTL), ("pick_tb.v", BENCH), ("design.toml", DESIGN)):
        (folder / name).write_text(text)
    pdk = load_pdk("edu45")
    run = folder / "runs" / "edu45"
    result = run_flow(read_design(folder), pdk, run, engine="local", stages=STAGES)
    assert result.error is None
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return command_line(capsys, monkeypatch)


def reviewed(run: CommandLine, finished: Path, out: Path, model: Scripted, *more: str) -> dict:
    """What `chipflow review` says, asked anew."""
    options = ("--model", model.model, "--out", out, "--again", "--json")
    ended = run("review", finished, *options, *more)
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


needs_tools = pytest.mark.skipif(
    version_of("opensta") is None or hdl.find_simulator() is None or sandbox.mechanism() is None,
    reason="needs OpenSTA, iverilog and a sandbox",
)


@needs_tools
def test_what_is_better_is_kept_and_the_rest_says_why_not(
    finished: Path, tmp_path: Path, run: CommandLine
) -> None:
    wrong = rtl_change("    sum <= a + b;", same=False, old="    sum <= a + (s ? b : c);")
    model = scripted(SHARED + FLOORPLAN + RELAXED, SHARED + FLOORPLAN + RELAXED)
    out = tmp_path / "out"
    found = reviewed(run, finished, out, model, "--apply")
    shared, packed, relaxed = found["changes"]
    assert shared["status"] == packed["status"] == "kept"
    assert shared["after"][AREA] < shared["before"][AREA]
    assert packed["before"][AREA] == shared["after"][AREA], "each is tried on top of the kept ones"
    assert packed["after"][DIE] < packed["before"][DIE]
    assert relaxed["status"] == "your decision"
    assert relaxed["after"][SLACK] > relaxed["before"][SLACK]
    checked = [
        "its edits match in one place each",
        "it reads no new file and adds no conditional compilation",
        "lint",
        "the ports are the same",
        "it holds nothing that untrusted RTL must not",
        "the flow runs to its end",
    ]
    assert shared["passed"][:6] == checked
    assert shared["passed"][6].startswith("same behaviour: ")
    assert len(shared["passed"]) == 8
    report = (finished / "runs" / "edu45" / "report.html").read_text()
    for words in (*checked, "+    sum &lt;= a + (s ? b : c);", "your decision", "one adder does"):
        assert words in report

    patched = Path(found["patched_design"])
    assert "a + (s ? b : c)" in (patched / "pick.v").read_text()
    design = read_design(patched)
    assert design.floorplan.utilization == 0.8
    assert [path.name for path in design.untrusted] == ["pick.v"]
    assert design.constraints is None
    assert read_run(patched / "runs" / "edu45").metrics == packed["after"]
    assert "+    sum <= a + (s ? b : c);" in (out / "1-rtl.patch").read_text()
    assert "+set_false_path" in (out / "3-constraints.patch").read_text()
    assert not (out / "work").exists()
    assert (finished / "pick.v").read_text() == RTL
    assert (finished / "design.toml").read_text() == DESIGN

    # The patched design is one as any other: review it, with a change that breaks it.
    again = reviewed(run, patched, tmp_path / "again", scripted(wrong), "--apply")
    (broken,) = again["changes"]
    assert broken["status"] == "rejected"
    assert "does not pass its test bench" in broken["reason"]
    assert again["patched_design"] == ""


@needs_tools
def test_relaxed_constraints_are_kept_where_that_is_accepted(
    finished: Path, tmp_path: Path, run: CommandLine
) -> None:
    options = ("--apply", "--accept-constraints")
    found = reviewed(run, finished, tmp_path / "o", scripted(RELAXED), *options)
    (relaxed,) = found["changes"]
    assert relaxed["status"] == "kept"
    sdc = (Path(found["patched_design"]) / "constraints.sdc").read_text()
    assert sdc == "set_false_path -from [get_ports {a b c s}]\n"


def test_changed_rtl_is_proven_or_simulated(finished: Path, tmp_path: Path) -> None:
    design, run = read_design(finished), read_run(finished / "runs" / "edu45")
    after = Attempt(design, run)
    promise = Change.model_validate(
        {"kind": "rtl", "metric": AREA, "why": "x", "same_behaviour": True,
         "edits": [{"file": "pick.v", "search": "x"}]}
    )  # fmt: skip
    assert "proven equal" in check_function(after, after, promise, load_pdk("edu45"))
    # The RTL before did something else than what the gates now do.
    other = tmp_path / "pick.v"
    other.write_text(RTL.replace("a + b", "a - b"))
    (tmp_path / "01-rtl").mkdir()
    rtl_files.write(tmp_path / "01-rtl" / "rtl", [other], design_folder=tmp_path)
    moved = [
        replace(stage, folder=tmp_path / "01-rtl") if stage.record.stage == "rtl" else stage
        for stage in run.stages
    ]
    before = Attempt(design, replace(run, stages=tuple(moved)))
    with pytest.raises(Refusal, match="promises the same behaviour, and that is not proven"):
        check_function(before, after, promise, load_pdk("edu45"))
    # No promise: then the test bench must have passed.
    free = promise.model_copy(update={"same_behaviour": False})
    if "simulate__status" in run.metrics:
        assert check_function(before, after, free, load_pdk("edu45")) == "the test bench passes"
    unsimulated = tuple(stage for stage in run.stages if stage.record.stage != "simulate")
    with pytest.raises(Refusal, match="nothing shows"):
        check_function(
            before, Attempt(design, replace(run, stages=unsimulated)), free, load_pdk("edu45")
        )


def test_without_apply_changes_are_checked_and_written_as_patches(
    finished: Path, tmp_path: Path, run: CommandLine
) -> None:
    header = RTL.splitlines()[0]
    ports = rtl_change(header.replace("input s", "input s, input x"), same=True, old=header)
    hidden = rtl_change(f"{LINE}\n`ifdef SYNTHESIS\n  initial $display(1);\n`endif", same=True)
    shown = rtl_change(f"{LINE}\n  initial $finish;", same=True)
    included = rtl_change(f'{LINE}\n`include "pick_tb.v"', same=True)
    outside = rtl_change(f'{LINE}\n`include "/etc/passwd"', same=True)
    lint = rtl_change("    sum <= d;", same=True)
    model = scripted(SHARED + ports + hidden + shown + included + outside + lint)
    found = reviewed(run, finished, tmp_path / "out", model)
    good, *bad = found["changes"]
    assert (good["status"], good["patch"], good["after"]) == ("proposed", "1-rtl.patch", {})
    reasons = [judged["reason"] for judged in bad]
    assert {judged["status"] for judged in bad} == {"rejected"}
    assert "the ports are the same" not in bad[0]["passed"]
    for reason, words in zip(
        reasons,
        (
            "the ports",
            "adds conditional compilation",
            "$finish",
            "includes or loads",
            "leaves the folder",
            "lint",
        ),
        strict=True,
    ):
        assert words in reason
    assert not (tmp_path / "out" / "design").exists()
    assert "SEARCH" not in model.question
    for shown_to_model in ("==> pick.v", "Set-up path", f"{AREA} =", "create_clock -name {clk}"):
        assert shown_to_model in model.question or version_of("opensta") is None


def test_a_review_replays_without_a_model(finished: Path, tmp_path: Path, run: CommandLine) -> None:
    answers = tmp_path / "answers"
    model = scripted(SHARED)
    first = (
        "review",
        finished,
        "--model",
        model.model,
        "--out",
        tmp_path / "a",
        "--record",
        answers,
    )
    assert run(*first).code == 0
    assert len(list(answers.iterdir())) == 1
    again = (*first[:-2], "--replay", answers)
    ended = run(*again)
    assert ended.code == 0
    assert len(model.requests) == 1
    assert f"1. rtl for {AREA}: proposed" in ended.out
    assert "--apply tries them" in ended.out


def test_what_cannot_be_reviewed_says_why(finished: Path, tmp_path: Path, run: CommandLine) -> None:
    assert "needs a model" in run("review", finished).err
    ended = run("review", tmp_path)
    assert (ended.code, "no run in this folder" in ended.err) == (2, True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    ended = run("review", finished, "--out", tmp_path / "full", "--model", scripted("x").model)
    assert (ended.code, "holds something else" in ended.err) == (2, True)
    assert (tmp_path / "full" / "mine.txt").exists()
    ended = run(
        "review", finished, "--out", tmp_path / "o", "--model", scripted("x").model, "--again"
    )
    assert (ended.code, "no answer that can be used" in ended.err) == (1, True)
    assert [path.name for path in tmp_path.iterdir()] == ["full"], "something is left behind"


def test_an_older_review_stays_until_there_is_a_new_one(
    finished: Path, tmp_path: Path, run: CommandLine
) -> None:
    out = tmp_path / "out"
    reviewed(run, finished, out, scripted(SHARED))
    failed = run("review", finished, "--out", out, "--model", "python/nobody", "--again")
    assert failed.code == 4
    assert (out / "1-rtl.patch").exists()
    assert reviewed(run, finished, out, scripted("no change: it is good"))["changes"] == []
    assert not (out / "1-rtl.patch").exists()


def test_a_design_with_files_elsewhere_is_not_copied(finished: Path, tmp_path: Path) -> None:
    design = read_design(finished)
    (tmp_path / "far.v").write_text("")
    with pytest.raises(InputError, match="outside its folder"):
        copy_design(replace(design, rtl=(tmp_path / "far.v",)), tmp_path / "copy")


def test_a_copy_finds_a_policy_that_lies_elsewhere(finished: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.safetensors"
    policy.write_bytes(b"weights")
    design = tmp_path / "design"
    shutil.copytree(finished, design)
    with (design / "design.toml").open("a") as file:
        file.write('\n[placement]\npolicy = "../policy.safetensors"\n')
    copy_design(read_design(design), tmp_path / "far" / "copy")
    assert read_design(tmp_path / "far" / "copy").placement.policy == policy


def test_a_change_that_hides_from_one_tool_is_seen(finished: Path, tmp_path: Path) -> None:
    design = read_design(finished)
    before, after, pdk = tmp_path / "before.v", tmp_path / "pick.v", load_pdk("edu45")
    for macro in ("SYNTHESIS", "YOSYS", "__ICARUS__"):
        hidden = f"`ifdef {macro}\n{{}}\n`endif\nendmodule"
        before.write_text(RTL.replace("endmodule", hidden.format("wire unused;")))
        after.write_text(RTL.replace("endmodule", hidden.format("initial $stop;")))
        with pytest.raises(Refusal, match=r"\$stop"):
            check_rtl(replace(design, rtl=(before,)), replace(design, rtl=(after,)), [after], pdk)


def test_comments_may_be_in_any_encoding(finished: Path, tmp_path: Path) -> None:
    design = read_design(finished)
    before, after, pdk = tmp_path / "before.v", tmp_path / "pick.v", load_pdk("edu45")
    before.write_bytes(b"// 5 \xb5s\n" + RTL.encode())
    after.write_bytes(b"// 6 \xb5s\n" + RTL.encode())
    given, changed = (replace(design, rtl=(file,)) for file in (before, after))
    assert check_rtl(given, changed, [after], pdk) == [after]


@pytest.mark.parametrize(
    ("metric", "before", "after", "words"),
    [
        (SLACK, {SLACK: -0.2}, {SLACK: -0.1}, ""),
        (SLACK, {SLACK: -0.2}, {SLACK: -0.3}, "worse"),
        (SLACK, {SLACK: -0.2}, {SLACK: -0.2}, "no effect"),
        (SLACK, {SLACK: -0.2}, {}, "was not measured"),
        (AREA, {AREA: 9.0, SLACK: 0.3}, {AREA: 8.0, SLACK: 0.1}, ""),
        (AREA, {AREA: 9.0, SLACK: 0.3}, {AREA: 8.0, SLACK: -0.1}, f"but {SLACK}"),
        (AREA, {AREA: 9.0, SLACK: -0.1}, {AREA: 8.0, SLACK: -0.2}, f"but {SLACK}"),
        (AREA, {AREA: 9.0, "route__overflow__total": 0}, {AREA: 8.0, "route__overflow__total": 3},
         "but route__overflow__total from 0 to 3"),
    ],
)  # fmt: skip
def test_the_verdict_is_of_the_metric_that_was_aimed_at(
    finished: Path, metric: str, before: dict, after: dict, words: str
) -> None:
    change = Change.model_validate(
        {"kind": "floorplan", "metric": metric, "why": "x",
         "settings": [{"name": "macros.gap_um", "value": 1}]}
    )  # fmt: skip
    design, run = read_design(finished), read_run(finished / "runs" / "edu45")
    stage = run.stages[0]

    def measured(metrics: dict) -> Attempt:
        record = replace(stage.record, metrics=metrics)
        return Attempt(design, replace(run, stages=(replace(stage, record=record),)))

    found = verdict(change, measured(before), measured(after))
    assert (words in found) if words else not found
