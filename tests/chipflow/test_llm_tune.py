"""`chipflow llm tune`, and what a tuned pack means to runs and to the benchmark."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import tuning_problems, verilog_eval
from chipflow.design import Design, Models
from chipflow.file_hashes import FileHashes
from chipflow.keys import InputReader, explain
from chipflow.stages import rtl
from llm_stages import hdl, sandbox
from llm_stages.exchange import Request
from llm_stages.prompt_pack import load_pack
from llm_stages.tuning_record import Compared, Measured, Tuning, spec_hash
from tests.chipflow.command_line import CommandLine, command_line
from tests.chipflow.fake_stages import make_pdk

pytestmark = pytest.mark.skipif(
    hdl.find_simulator() is None or sandbox.mechanism() is None, reason="needs iverilog, a sandbox"
)

MODEL = "python/tests.chipflow.test_llm_tune:answer"
PLAN = "at most five short lines"
#: By their names, the first three are for training and the others are held out.
DESIGNS = {
    "g0": "a & b", "g4": "a | b", "g6": "a ^ b", "g1": "~a & b", "g2": "a & ~b", "g3": "~(a & b)",
}  # fmt: skip
BENCH = """module bench;
  reg a, b;
  wire y;
  gate device(a, b, y);
  integer n;
  initial begin
    for (n = 0; n < 4; n = n + 1) begin
      {{a, b}} = n[1:0];
      #1 if (y !== ({})) $fatal(1);
    end
    $finish(0);
  end
endmodule
"""


def answer(request: Request) -> str:
    """The model of these tests: it needs to be told to plan."""
    found = re.search(r"^y is (.*)\.$", request.messages[-1].content, re.MULTILINE)
    wanted = found[1] if found and PLAN in request.messages[0].content else "a"
    ports = "input a, input b, output y"
    return f"```verilog\nmodule gate({ports});\nassign y = {wanted};\nendmodule\n```"


@pytest.fixture
def chipflow(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> CommandLine:
    for name in ("CHIPFLOW_LLM_RECORD", "CHIPFLOW_LLM_REPLAY", "CHIPFLOW_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("CHIPFLOW_PROMPTS")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("CHIPFLOW_CACHE", str(tmp_path / "cache"))
    for name, wanted in DESIGNS.items():
        folder = tmp_path / "designs" / name
        folder.mkdir(parents=True)
        (folder / "spec.md").write_text(
            f"Gate {name}.\n\n - input a\n - input b\n - output y\n\ny is {wanted}.\n"
        )
        (folder / "bench.v").write_text(BENCH.format(wanted))
        (folder / "design.toml").write_text(
            f'name = "{name}"\ntop = "gate"\nspec = "spec.md"\n'
            'testbench = ["bench.v"]\ntestbench_top = "bench"\n'
        )
    return command_line(capsys, monkeypatch)


def test_a_pack_is_tuned_kept_and_used(chipflow: CommandLine, tmp_path: Path) -> None:
    options = ("llm", "tune", "--model", MODEL, "--designs", tmp_path / "designs")
    ended = chipflow(*options)
    assert ended.code == 0, ended.err
    assert "| training: passed | 0 of 3 | 3 of 3 |" in ended.out
    assert "| held out: passed | 0 of 3 | 3 of 3 |" in ended.out
    assert "plan first: 3 of 3 passed" in ended.err
    pack = load_pack("spec_to_rtl", MODEL)
    assert PLAN in " ".join(pack.system)
    assert pack.tuned is not None
    assert pack.tuned.suite == "designs"
    [path] = (tmp_path / "config" / "chipflow" / "prompts").iterdir()
    assert str(path) in ended.out
    text = path.read_bytes()
    # The same command asks nobody, as the answers are kept, and comes to the same.
    path.unlink()
    replayed = chipflow(*options, "--json", "--quiet", "--replay", *(tmp_path / "cache").rglob(
        "*tests*"))  # fmt: skip
    assert json.loads(replayed.out)["is_better"] is True
    assert path.read_bytes() == text


def test_a_pack_that_is_no_better_is_not_kept(chipflow: CommandLine, tmp_path: Path) -> None:
    options = ("llm", "tune", "--model", MODEL, "--designs", tmp_path / "designs", "--out")
    for name in ("g1", "g2", "g3"):  # nobody can pass these, so nothing is better there
        (tmp_path / "designs" / name / "bench.v").write_text(
            "module bench; initial $fatal(1); endmodule\n"
        )
    ended = chipflow(*options, tmp_path / "out")
    assert ended.code == 0
    assert "is no better than the generic one" in ended.out
    assert not list((tmp_path / "out").iterdir())
    ended = chipflow(*options, tmp_path / "out", "--anyway")
    assert "though it is no better" in ended.out
    assert [path.suffix for path in (tmp_path / "out").iterdir()] == [".json"]
    assert f"CHIPFLOW_PROMPTS={tmp_path / 'out'}" in ended.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--model", MODEL, "--stage", "review"), "the stage 'review' cannot be tuned"),
        ((), "no model is named"),
        (("--model", "gpt"), "PROVIDER/NAME"),
        (("--model", MODEL, "--designs", "absent"), "no designs to tune on"),
        (("--model", MODEL, "--designs", "designs", "--problems", "g9"), "no design called 'g9'"),
        (("--model", MODEL, "--designs", "designs", "--problems", "g0"), "held-out split is empty"),
        (("--model", MODEL, "--problems", "Prob999"), "no problem 'Prob999'"),
        (("--model", MODEL, "--designs", "designs", "--optimizer", "x"), "no optimizer 'x'"),
        (("--model", MODEL, "--replay", "absent"), "no such folder of recorded answers"),
    ],
)
def test_bad_options_say_what_to_do(
    chipflow: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    options: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = chipflow("llm", "tune", *options)
    assert ended.code == 2
    assert words in ended.err


def _write_pack(folder: Path, trained_on: dict[str, str], suite: str = "verilog-eval") -> Path:
    one = Measured(problems=1, passed=1, reached=6.0, agreement=1.0)
    both = Compared(problems=("a",), generic=one, tuned=one, better=0, worse=0)
    tuning = Tuning(
        model=MODEL, suite=suite, optimizer="built-in", seed=1, made_from="generic 0",
        candidate="c", trained_on=trained_on, train=both, held_out=both, data_sha256="0",
    )  # fmt: skip
    pack = load_pack("spec_to_rtl", "x/y").model_copy(
        update={"name": "mine", "models": (MODEL,), "system": ("Mine.",), "tuned": tuning}
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "spec_to_rtl.mine.json"
    path.write_text(pack.model_dump_json())
    return path


def test_the_benchmark_refuses_problems_that_a_pack_was_tuned_on(
    chipflow: CommandLine, tmp_path: Path, data_file: Callable[[str], Path]
) -> None:
    for name in ("Prob007_wire", "Prob001_zero"):
        data_file(f"verilog-eval/{name}_test.sv")
    folder = tmp_path / "packs"
    options = ("bench", "verilog", "--model", MODEL, "--problems", "Prob007,Prob001", "-q")
    one = spec_hash(verilog_eval.load("Prob007_wire").spec)
    for trained_on, suite in (
        ({"Prob007_wire": "changed since"}, "verilog-eval"),
        ({"wire": one}, "designs"),
    ):
        _write_pack(folder, trained_on, suite)
        ended = chipflow(*options, "--prompts", folder)
        assert ended.code == 2
        assert "was tuned on 1 of the 2 problems" in ended.err
        assert "at:  Prob007_wire" in ended.err
        assert "--leave-out-trained" in ended.err
        ended = chipflow(*options, "--prompts", folder, "--leave-out-trained", "--json")
        made = json.loads(ended.out)
        assert [found["problem"] for found in made["problems"]] == ["Prob001_zero"]
        assert "mine" in made["made_with"]["prompt_pack"]
        assert "left out" in made["made_with"]["answers"]
    ended = chipflow(*options, "--prompts", "none", "--json")
    assert len(json.loads(ended.out)["problems"]) == 2
    _write_pack(folder, {"Prob999": "0"})
    ended = chipflow(*options, "--prompts", folder, "--json")
    assert len(json.loads(ended.out)["problems"]) == 2


def test_a_stage_runs_again_when_the_pack_of_its_model_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spec.md").write_text("A wire.")
    (tmp_path / "pdk.txt").write_text("cells")
    folder = tmp_path / "packs"
    path = _write_pack(folder, {})
    monkeypatch.setenv("CHIPFLOW_PROMPTS", str(folder))

    def inputs(model: str):
        design = Design(
            folder=tmp_path, name="d", top="d", spec=tmp_path / "spec.md",
            models=Models(default=model),
        )  # fmt: skip
        reader = InputReader(
            design, make_pdk(tmp_path / "pdk.txt"), FileHashes(), tmp_path / "runs"
        )
        return reader.of(rtl.STAGE, {}, {})

    with_pack, other = inputs(MODEL), inputs("python/other:model")
    changed = json.loads(path.read_text()) | {"system": ["Other."]}
    path.write_text(json.dumps(changed))
    assert explain(with_pack, inputs(MODEL)) == "spec_to_rtl.mine.json of your prompt packs changed"
    assert inputs("python/other:model") == other
    path.unlink()
    assert "of your prompt packs is gone" in explain(with_pack, inputs(MODEL))


def test_a_problem_stays_on_its_side() -> None:
    names = [f"Prob{number:03}" for number in range(156)]
    held_out = [name for name in names if tuning_problems.is_held_out(name)]
    assert 60 < len(held_out) < 96
    asked: list[str] = []

    def load(name: str):
        asked.append(name)
        if name == unusable:
            return None
        return tuning_problems.Problem(name, "spec", "top", lambda file, folder: None)  # type: ignore[arg-type, return-value]

    unusable = ""
    train, unseen = tuning_problems.splits(names, load, train=10, held_out=8)
    assert (len(train), len(unseen)) == (10, 8)
    assert {one.name for one in unseen} <= set(held_out)
    assert not {one.name for one in train} & set(held_out)
    assert len(asked) == 18
    unusable = train[0].name
    fewer, _ = tuning_problems.splits(list(reversed(names)), load, train=9, held_out=8)
    assert [one.name for one in fewer] == [one.name for one in train[1:]]
