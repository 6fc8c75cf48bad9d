"""The repair loop in the flow: chosen in design.toml, with Yosys as a gate, and replayed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from chipflow.design import Design, Models, read_design
from chipflow.flow import RunResult, run_flow
from chipflow.stages import rtl
from chipflow.tools import synthesis_gate
from llm_stages import hdl, sandbox
from llm_stages.exchange import Request
from llm_stages.store import Store
from placement_env.errors import InputError
from tests.chipflow.fake_stages import make_pdk

pytestmark = pytest.mark.skipif(
    hdl.find_simulator() is None or sandbox.mechanism() is None, reason="needs iverilog, a sandbox"
)

MODEL = "python/tests.chipflow.test_model_loop:answer"
SPEC = "Write an adder.\n\n - input a (4 bits)\n - input b (4 bits)\n - output s (5 bits)\n"
REFERENCE = '```python\ndef outputs(x):\n    return {"s": x["a"] + x["b"]}\n```'
HEAD = "module adder(input [3:0] a, input [3:0] b, output [4:0] s);\n"
WRONG = f"```verilog\n{HEAD}  assign s = a - b;\nendmodule\n```"
MENDED = "<<<<<<< SEARCH\na - b\n=======\na + b\n>>>>>>> REPLACE"
BENCH = """module bench;
  reg [3:0] a = 15, b = 3;
  wire [4:0] s;
  adder d(a, b, s);
  initial begin
    #1 if (s !== 18) begin
      $display("expected 18, found %0d", s);
      $fatal(1);
    end
    $finish(0);
  end
endmodule
"""


def answer(request: Request) -> str:
    """The model of these tests: wrong RTL, a right reference model, a right repair."""
    if request.stage == "write_bench":
        return REFERENCE
    return MENDED if request.stage == "repair" else WRONG


def run(folder: Path, to: str, *, store: Store | None = None, **changes: object) -> RunResult:
    (folder / "spec.md").write_text(SPEC)
    (folder / "pdk.txt").write_text("cells\n")
    (folder / "bench.v").write_text(BENCH)
    design = Design(
        folder=folder,
        name="adder",
        top="adder",
        spec=folder / "spec.md",
        models=Models(default=MODEL, loop=True),
    )
    return run_flow(
        replace(design, **changes),  # type: ignore[arg-type]
        make_pdk(folder / "pdk.txt"),
        folder / to,
        engine="local",
        stages=(rtl.STAGE,),
        answers=store,
    )


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHIPFLOW_LLM_RECORD", "CHIPFLOW_LLM_REPLAY"):
        monkeypatch.delenv(name, raising=False)


def test_the_flow_writes_rtl_in_a_loop_and_replays_it(tmp_path: Path) -> None:
    first = run(tmp_path, "first")
    assert first.status == "done", first.error
    folder = tmp_path / "first" / "01-rtl"
    assert "a + b" in (folder / "rtl" / "adder.sv").read_text()
    origin = json.loads((folder / "rtl_origin.json").read_text())
    assert (origin["verified"], origin["basis"]) == (True, "reference model")
    assert origin["score"]["minus_cells"] < 0  # Yosys has seen it
    assert "agrees with a reference model" in first.stages[0].note
    assert (folder / "loop" / "references" / "0" / "reference.py").is_file()
    replay = Store(tmp_path / "first" / "llm_answers", "replay")
    again = run(tmp_path, "again", store=replay)
    assert again.status == "done", again.error
    assert again.stages[0].outputs == first.stages[0].outputs


def test_a_design_with_a_test_bench_needs_no_other(tmp_path: Path) -> None:
    bench = {"testbench": (tmp_path / "bench.v",), "testbench_top": "bench"}
    done = run(tmp_path, "run", **bench)
    assert done.status == "done", done.error
    origin = json.loads((tmp_path / "run" / "01-rtl" / "rtl_origin.json").read_text())
    assert (origin["verified"], origin["basis"], origin["references"]) == (True, "test bench", 0)
    assert not run(tmp_path, "run", **bench).ran
    changed = run(tmp_path, "run", **{**bench, "testbench_top": "bench2"})
    assert changed.error is not None  # what the RTL is tested with is an input of the stage
    assert "bench2" in changed.error.message


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("assign s = a + b;", ""),
        ("wire [4:0] t; assign t = s ^ a; assign s = t | b;", "loop"),
        ("assign s[3:0] = a;", "no driver"),
    ],
)
def test_yosys_is_a_gate(body: str, found: str, tmp_path: Path) -> None:
    path = tmp_path / "adder.sv"
    path.write_text(f"{HEAD}{body}\nendmodule\n")
    gate = synthesis_gate.gate()
    assert gate is not None
    seen = gate(path, "adder", tmp_path / "work")
    assert [item.severity for item in seen.findings] == (["error"] if found else [])
    assert found in "".join(item.message for item in seen.findings)
    assert found or seen.cells > 0


def test_the_loop_is_chosen_in_the_design(tmp_path: Path) -> None:
    (tmp_path / "spec.md").write_text(SPEC)

    def read(line: str) -> Design:
        text = f'name = "adder"\ntop = "adder"\nspec = "spec.md"\n[models]\n{line}\n'
        (tmp_path / "design.toml").write_text(text)
        return read_design(tmp_path)

    models = read('default = "openai/a"\napi_base = "http://h/v1"\nloop = true\n'
                  'escalate = ["openai/b", "x/c"]').models  # fmt: skip
    assert models.loop
    assert models.ladder("repair") == ("openai/a@http://h/v1", "openai/b@http://h/v1", "x/c")
    assert models.ladder("spec_to_rtl") == ("openai/a@http://h/v1",)
    assert not read('default = "openai/a"').models.loop
    for line, words in (('loop = "yes"', "true or false"), ('escalate = ["b"]', "is no model")):
        with pytest.raises(InputError, match=words) as caught:
            read(line)
        assert caught.value.where.endswith("design.toml:5")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("a + b", "b + a", True), ("a + b", "a - b", False), ("a + b", "a + (", False)],
)
def test_equivalence_is_proven_or_denied(one: str, other: str, same: bool, tmp_path: Path) -> None:
    prove = synthesis_gate.equivalence()
    assert prove is not None
    sources = [f"{HEAD}  assign s = {sum_};\nendmodule\n" for sum_ in (one, other)]
    assert prove(sources[0], sources[1], "adder", tmp_path / "work") == same
