"""Sources, lint and simulation as stages: what passes, what fails and with which words."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from chipflow.design import Models
from chipflow.stages import lint, rtl, simulate, synthesize
from chipflow.tools.versions import version_of
from llm_stages import cocotb_bench, verilator
from llm_stages.errors import StageError
from llm_stages.exchange import Reply, Request
from placement_env.errors import InputError
from tests.chipflow.rtl_designs import COUNTER, COUNTER_BENCH, FrontEnd, load_pdk

needs_simulator = pytest.mark.skipif(shutil.which("iverilog") is None, reason="no iverilog")


def front_end(tmp_path, sources=None, bench="", **settings) -> FrontEnd:
    return FrontEnd(
        tmp_path, load_pdk("edu45"), sources or {"counter.v": COUNTER}, bench, **settings
    )


def test_a_missing_source_is_named(tmp_path):
    flow = front_end(tmp_path)
    (flow.design.folder / "counter.v").unlink()
    with pytest.raises(InputError) as caught:
        flow.run(rtl.STAGE)
    assert caught.value.where == str(flow.design.folder / "counter.v")


def test_a_spec_without_a_model_says_what_needs_one_and_how_to_name_it(tmp_path):
    flow = front_end(tmp_path)
    spec = flow.design.folder / "spec.md"
    spec.write_text("A counter of four bits.")
    flow.design = flow.design.__class__(folder=flow.design.folder, name="c", top="c", spec=spec)
    with pytest.raises(StageError) as caught:
        flow.run(rtl.STAGE)
    assert "spec_to_rtl" in caught.value.message
    assert "[models]" in caught.value.hint


def written_by_a_model(tmp_path, monkeypatch, text: str) -> FrontEnd:
    """A design with a spec, and a model that answers with this text."""
    flow = front_end(tmp_path, bench=COUNTER_BENCH)
    spec = flow.design.folder / "spec.md"
    spec.write_text("A counter of four bits.")
    flow.design = replace(flow.design, rtl=(), spec=spec, models=Models(default="fake/model"))

    def answer(request: Request, **_: object) -> Reply:
        assert request.model == "fake/model"
        return Reply(f"```verilog\n{text}```", 10, 20, 0.0, 0.1, "fake/model")

    monkeypatch.setattr("llm_stages.asker.complete", answer)
    return flow


def test_rtl_that_a_model_wrote_is_marked_and_its_origin_kept(tmp_path, monkeypatch):
    flow = written_by_a_model(tmp_path, monkeypatch, COUNTER)
    flow.run(rtl.STAGE)
    (entry,) = json.loads((flow.files["rtl"] / "files.json").read_text())
    assert entry == {
        "file": "counter.sv", "kind": "source", "origin": "spec.md", "untrusted": True,
    }  # fmt: skip
    origin = json.loads(flow.files["rtl_origin"].read_text())
    assert (origin["model"], origin["attempts"]) == ("fake/model", 1)


@needs_simulator
def test_rtl_that_a_model_wrote_runs_in_the_sandbox_or_not_at_all(tmp_path, monkeypatch):
    flow = written_by_a_model(tmp_path, monkeypatch, COUNTER)
    result = flow.run(simulate.STAGE)
    assert result.status == "done" or "sandbox" in result.note
    checked = list((flow.folder / "simulate" / "simulation").glob("*untrusted.sv"))
    assert len(checked) == (result.status == "done")


def test_clean_sources_pass_lint(tmp_path):
    flow = front_end(tmp_path)
    flow.run(lint.STAGE)
    assert flow.metrics["lint__error__count"] == 0
    assert json.loads(flow.files["lint_report"].read_text())["errors"] == 0


def test_a_lint_error_names_the_users_file_and_line(tmp_path):
    flow = front_end(tmp_path, {"counter.v": COUNTER.replace("count == 0", "cuont == 0")})
    with pytest.raises(InputError) as caught:
        flow.run(lint.STAGE)
    assert caught.value.where == f"{flow.design.folder / 'counter.v'}:3"
    assert "cuont" in caught.value.message


def test_a_warning_is_counted_and_named(tmp_path):
    text = COUNTER.replace("endmodule", "  wire [3:0] sum;\n  assign smu = up;\nendmodule")
    flow = front_end(tmp_path, {"counter.v": text})
    flow.run(lint.STAGE)
    found = json.loads(flow.files["lint_report"].read_text())
    assert found["warnings"] == flow.metrics["lint__warning__count"] == len(found["diagnostics"])
    (item,) = (d for d in found["diagnostics"] if "smu" in d["message"])
    assert (item["file"], item["line"]) == (str(flow.design.folder / "counter.v"), 9)


def test_a_name_used_before_its_declaration_is_a_warning_and_becomes_gates(tmp_path):
    text = COUNTER.replace("  assign zero = count == 0;", "  assign zero = none;\n  wire none;")
    text = text.replace("endmodule", "  assign none = count == 0;\nendmodule")
    flow = front_end(tmp_path, {"counter.v": text})
    flow.run(lint.STAGE)
    (item,) = (
        found
        for found in json.loads(flow.files["lint_report"].read_text())["diagnostics"]
        if found["code"] == "UsedBeforeDeclared"
    )
    assert (item["severity"], item["line"]) == ("warning", 3)
    flow.run(synthesize.STAGE)
    assert flow.metrics["synthesis__register__count"] == 4


def test_an_unknown_top_module_is_an_error_of_the_design_file(tmp_path):
    flow = front_end(tmp_path, {"absent.v": COUNTER})
    with pytest.raises(InputError) as caught:
        flow.run(lint.STAGE)
    assert "absent" in str(caught.value)


def test_rtl_may_instantiate_cells_of_the_library(tmp_path):
    text = "module wrap(input wire a, output wire y);\n  INV_X1 u (.A(a), .Y(y));\nendmodule\n"
    flow = front_end(tmp_path, {"wrap.v": text})
    flow.run(lint.STAGE)
    assert flow.metrics["lint__error__count"] == 0


@needs_simulator
def test_the_test_bench_decides(tmp_path):
    flow = front_end(tmp_path, bench=COUNTER_BENCH)
    flow.run(simulate.STAGE)
    assert flow.metrics["simulate__status"] == 1


@needs_simulator
def test_a_failing_simulation_shows_the_first_mismatch(tmp_path):
    wrong = COUNTER.replace("count - 1", "count - 2")
    flow = front_end(tmp_path, {"counter.v": wrong}, COUNTER_BENCH)
    with pytest.raises(InputError) as caught:
        flow.run(simulate.STAGE)
    assert "count is 2, expected 3" in caught.value.message


@needs_simulator
def test_a_test_bench_reads_its_own_data_files(tmp_path):
    bench = COUNTER_BENCH.replace(
        "repeat (3)", '$readmemh("steps.hex", steps); if (steps[0] !== 4\'ha) $fatal; repeat (3)'
    ).replace("integer i;", "integer i; reg [3:0] steps [0:0];")
    flow = front_end(tmp_path, bench=bench)
    (flow.design.folder / "steps.hex").write_text("a\n")
    flow.run(simulate.STAGE)
    assert flow.metrics["simulate__status"] == 1


@needs_simulator
@pytest.mark.parametrize(
    ("name", "in_rtl", "in_bench"),
    [
        ("steps.hex", '  reg [3:0] rom [0:0];\n  initial $readmemh("steps.hex", rom);\n', ""),
        ("wide.vh", '`include "wide.vh"\n', '`include "wide.vh"\n'),
    ],
)
def test_a_name_is_one_file_for_the_rtl_and_the_test_bench(tmp_path, name, in_rtl, in_bench):
    steps = 'integer i; reg [3:0] steps [0:0]; initial $readmemh("steps.hex", steps);'
    bench = COUNTER_BENCH.replace("integer i;", f"integer i;\n{in_bench}" if in_bench else steps)
    text = COUNTER.replace("endmodule", f"{in_rtl}endmodule")
    flow = front_end(tmp_path, {"rtl/counter.v": text, f"rtl/{name}": "// 1\n", "tb/tb.v": bench})
    folder = flow.design.folder
    flow.design = replace(
        flow.design,
        rtl=(folder / "rtl" / "counter.v",),
        testbench=(folder / "tb" / "tb.v",),
        testbench_top="counter_tb",
    )
    (folder / "tb" / name).write_text("// 2\n")
    with pytest.raises(InputError, match="in the RTL and another file in the test bench") as caught:
        flow.run(simulate.STAGE)
    assert str(folder / "rtl" / name) in caught.value.message
    assert caught.value.where == str(folder / "tb" / name)
    (folder / "tb" / name).write_text("// 1\n")
    shutil.rmtree(flow.folder / "simulate")
    flow.run(simulate.STAGE)
    assert flow.metrics["simulate__status"] == 1


COUNTER_TESTS = """\
import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge
from first_value import first

@cocotb.test()
async def counts(dut):
    Clock(dut.clk, 10, unit="ns").start()
    dut.rst.value, dut.up.value = 1, 1
    await FallingEdge(dut.clk)
    await FallingEdge(dut.clk)
    dut.rst.value = 0
    for expected in range(first(), 5):
        await FallingEdge(dut.clk)
        assert dut.count.value == expected, f"count is {dut.count.value}, expected {expected}"
"""


@needs_simulator
@pytest.mark.skipif(cocotb_bench.missing() is not None, reason="needs cocotb and libpython")
@pytest.mark.parametrize("by_model", [False, True])
def test_a_test_bench_may_be_written_for_cocotb(tmp_path, by_model):
    """What a model wrote is run in the sandbox."""
    for name, text in (("right", COUNTER), ("wrong", COUNTER.replace("count + 1", "count + 2"))):
        (tmp_path / name).mkdir()
        flow = front_end(tmp_path / name, {"counter.v": text})
        tests = [flow.design.folder / file for file in ("test_counter.py", "first_value.py")]
        tests[0].write_text(COUNTER_TESTS)
        tests[1].write_text("def first():\n    return 1\n")
        flow.design = replace(
            flow.design,
            testbench=tuple(tests),
            testbench_top="test_counter",
            untrusted=flow.design.rtl if by_model else (),
        )
        if name == "right":
            flow.run(simulate.STAGE)
            assert flow.metrics["simulate__status"] == 1
        else:
            with pytest.raises(InputError, match="1 of 1 tests failed") as caught:
                flow.run(simulate.STAGE)
            assert "expected 1" in caught.value.message


@pytest.mark.skipif(verilator.find() is None, reason="needs Verilator")
def test_the_design_chooses_its_simulator(tmp_path):
    flow = front_end(tmp_path, bench=COUNTER_BENCH, simulator="verilator")
    flow.run(simulate.STAGE)
    assert flow.metrics["simulate__status"] == 1
    assert (tmp_path / "simulate" / "simulation" / "verilated").is_dir()


def test_no_verilator_is_a_skipped_stage_that_names_it(tmp_path, monkeypatch):
    flow = front_end(tmp_path, bench=COUNTER_BENCH, simulator="verilator")
    monkeypatch.setenv("PATH", str(tmp_path))
    result = flow.run(simulate.STAGE)
    assert result.status == "skipped"
    assert "apt-get install verilator" in result.note


def test_no_test_bench_is_a_skipped_stage_that_says_so(tmp_path):
    result = front_end(tmp_path).run(simulate.STAGE)
    assert result.status == "skipped"
    assert "testbench" in result.note


def test_no_simulator_is_a_skipped_stage_that_says_how_to_install_it(tmp_path, monkeypatch):
    flow = front_end(tmp_path, bench=COUNTER_BENCH)
    monkeypatch.setenv("PATH", str(tmp_path))
    version_of.cache_clear()
    result = flow.run(simulate.STAGE)
    version_of.cache_clear()
    assert result.status == "skipped"
    assert "apt-get install iverilog" in result.note
