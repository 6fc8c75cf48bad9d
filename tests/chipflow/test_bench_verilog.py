"""`chipflow bench verilog`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import verilog_arms
from chipflow import code_version
from llm_stages import hdl, python_provider, sandbox
from llm_stages.exchange import Reply, Request
from tests.chipflow.command_line import CommandLine, command_line

pytestmark = pytest.mark.skipif(
    hdl.find_simulator() is None or sandbox.mechanism() is None,
    reason="needs Icarus Verilog and a sandbox",
)

NAMES = "Prob007_wire", "Prob031_dff"


@pytest.fixture
def chipflow(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    data_file: Callable[[str], Path],
) -> CommandLine:
    for name in NAMES:
        data_file(f"verilog-eval/{name}_test.sv")
    monkeypatch.chdir(tmp_path)
    return command_line(capsys, monkeypatch)


def test_results_are_kept_as_problems_are_done(chipflow: CommandLine, tmp_path: Path) -> None:
    options = ("bench", "verilog", "--answers", "references", "--out", "r")
    first = chipflow(*options, "--problems", "Prob007")
    assert first.code == 0
    assert "| pass@1 | 100.0% |" in first.out
    both = chipflow(*options, "--problems", ",".join(NAMES))
    assert "1 of 2 problems are kept" in both.err
    assert "Prob007" not in both.err.partition("kept")[2].partition("\n")[2]
    record = json.loads((tmp_path / "r" / "verilog.json").read_text())
    assert [problem["problem"] for problem in record["problems"]] == list(NAMES)
    assert record["summary"]["solved"] == 2
    assert record["made_with"]["simulator"].startswith("Icarus Verilog 1")
    assert (tmp_path / "r" / "verilog.md").read_text() == both.out
    broken = chipflow(
        "bench",
        "verilog",
        "--answers",
        "references",
        "--mutants",
        1,
        "--out",
        "r",
        "--problems",
        "Prob031",
        "--json",
    )
    assert "is replaced" in broken.err
    assert json.loads(broken.out)["summary"]["solved"] == 0


def test_a_model_is_asked_once_a_sample(
    chipflow: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Request] = []

    def complete(request: Request, *, budget: object = None, store: object = None) -> Reply:
        asked.append(request)
        wire = "module TopModule(input in, output out); assign out = in; endmodule"
        return Reply(f"```verilog\n{wire}\n```", 100, 20, 0.001, 1.0, "fake")

    monkeypatch.setattr(verilog_arms, "complete", complete)
    ended = chipflow(
        "bench",
        "verilog",
        "--model",
        "openai/fake",
        "--samples",
        2,
        "--problems",
        "Prob007_wire,Prob031_dff",
        "--cores",
        1,
        "--json",
        "-q",
    )
    assert ended.code == 0
    record = json.loads(ended.out)
    assert record["summary"]["pass_at"] == {"1": 0.5, "2": 0.5}
    assert record["summary"]["prompt_tokens"] == 400
    assert record["summary"]["cost_usd"] == pytest.approx(0.004)
    assert [request.seed for request in asked] == [1, 2, 1, 2]
    assert {request.temperature for request in asked} == {0.8}
    for request in asked:
        words = "".join(message.content for message in request.messages)
        assert "RefModule" not in words
        assert "stimulus" not in words


def test_a_record_is_gone_on_with_and_replays(chipflow: CommandLine) -> None:
    asked: list[Request] = []

    def wire(request: Request) -> str:
        asked.append(request)
        return "```verilog\nmodule TopModule(input in, output out); assign out = in; endmodule\n```"

    python_provider.register("wire", wire)
    options = ("bench", "verilog", "--model", "python/wire", "--json", "-q")
    first = chipflow(*options, "--problems", "Prob007", "--record", "answers")
    both = chipflow(*options, "--problems", ",".join(NAMES), "--record", "answers")
    assert (first.code, both.code, len(asked)) == (0, 0, 2)
    again = chipflow(*options, "--problems", ",".join(NAMES), "--replay", "answers")
    assert (again.code, len(asked)) == (0, 2)
    was, is_now = json.loads(both.out), json.loads(again.out)
    assert is_now["made_with"].pop("replay")
    assert was["made_with"].pop("replay") is None
    assert is_now == was
    more = ("--samples", 2, "--replay", "answers")
    missing = chipflow(*options, "--problems", "Prob007", *more)
    assert (missing.code, len(asked)) == (4, 2)
    assert "asks python/wire: 'Write the module TopModule." in missing.err


INVERTER = "module {name}(input a, output y); assign y = ~a; endmodule\n"
BENCH = """`timescale 1ns/1ps
module testbench;
  reg a = 0; wire y;
  {name} uut(.a(a), .y(y));
  initial begin
    #1 if (y === 1) $display("=========== Your Design Passed ===========");
    $finish;
  end
endmodule
"""


def write_designs(folder: Path, *names: str) -> None:
    """Designs as RTLLM has them."""
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "design_description.txt").write_text(f"Module name: {name}\n")
        (folder / name / "testbench.v").write_text(BENCH.format(name=name))
        (folder / name / f"verified_{name}.v").write_text(INVERTER.format(name=f"verified_{name}"))


def test_verdicts_are_kept_as_long_as_problem_and_recording_are_the_same(
    chipflow: CommandLine, tmp_path: Path
) -> None:
    def answer(request: Request) -> str:
        return f"```verilog\n{INVERTER.format(name='one')}```"

    write_designs(tmp_path / "set", "one", "two")
    given = ("bench", "verilog", "--suite", "rtllm", "--data", "set", "--out", "r")
    refs = (*given, "--answers", "references")
    chipflow(*refs)
    assert "2 of 2 problems are kept" in chipflow(*refs).err
    bench = tmp_path / "set" / "two" / "testbench.v"
    bench.write_text(bench.read_text().replace("y === 1", "y === 0"))
    again = chipflow(*refs, "--problems", "one", "--json")
    assert "1 of its problems are not what they were, such as two" in again.err
    assert "1 of 1 problems are kept" in again.err
    kept = json.loads((tmp_path / "r" / "verilog.json").read_text())["problems"]
    assert [outcome["problem"] for outcome in kept] == ["one"]
    python_provider.register("inverter", answer)
    asked = (*given, "--model", "python/inverter", "--problems", "one")
    assert chipflow(*asked, "--record", "a").code == 0
    (recorded,) = Path(shutil.copytree(tmp_path / "a", tmp_path / "b")).iterdir()
    recorded.write_text(recorded.read_text().replace("~a", "a"))
    assert "is replaced" in chipflow(*asked, "--replay", "a").err
    assert "1 of 1 problems are kept" in chipflow(*asked, "--replay", "a").err
    other = chipflow(*asked, "--replay", "b", "--json")
    assert "not the same any more: ('replay',)" in other.err
    assert json.loads(other.out)["summary"]["solved"] == 0


def test_a_temperature_is_recorded_where_it_is_used(chipflow: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    write_designs(tmp_path / "set", "one")
    given = ("bench", "verilog", "--suite", "rtllm", "--data", "set", "--model", "openai/m")
    for arm, temperature in (("plain", 0.0), ("loop", None)):
        ended = chipflow(*given, "--arm", arm, "--replay", "none", "--json")
        assert json.loads(ended.out)["made_with"]["temperature"] == temperature


def test_what_makes_problems_of_files_is_behind_the_digest(
    chipflow: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def names(*modules: str) -> list[str]:
        return [name for module in modules for name in code_version.code_behind(module)]

    monkeypatch.setattr(code_version, "digest_behind", names)
    write_designs(tmp_path / "set", "one")
    given = ("bench", "verilog", "--suite", "rtllm", "--data", "set", "--answers", "references")
    code = json.loads(chipflow(*given, "--json").out)["made_with"]["code"]
    for module in ("cvdp", "rtllm", "verilog_eval", "verilog_run"):
        assert f"benchmarks.{module}" in code


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "--model or --answers"),
        (("--answers", "references", "--record", "r"), "are for --model"),
        (("--model", "m", "--replay", "absent"), "no such folder of recorded answers"),
        (("--model", "m", "--answers", "references"), "--model or --answers"),
        (("--model", "m", "--arm", "absent"), "no arm called 'absent'"),
        (("--model", "m", "--mutants", "2"), "--mutants is for"),
        (("--model", "m", "--arm", "loop", "--temperature", "0"), "not for --arm loop"),
        (("--answers", "absent"), "no such folder of answers"),
        (("--answers", "references", "--problems", "Prob999"), "no problem 'Prob999'"),
        (("--answers", "references", "--simulator", "vcs"), "no simulator called 'vcs'"),
        (("--answers", "references", "--suite", "rtllm"), "RTLLM's designs are not here"),
        (("--answers", "references", "--suite", "cvdp"), "CVDP's problems are not here"),
    ],
)
def test_bad_options_say_what_to_do(
    chipflow: CommandLine, options: tuple[str, ...], words: str
) -> None:
    ended = chipflow("bench", "verilog", *options)
    assert ended.code == 2
    assert words in ended.err
