"""Gates against RTL: right gates pass, one wrong gate fails, and what was not shown is said."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from chipflow.stages import check_gates, synthesize
from chipflow.tools import equivalence, rtl_files, yosys_workspace
from placement_env.errors import InputError
from placement_env.formats import gates
from tests.chipflow.rtl_designs import (
    COUNTER,
    COUNTER_BENCH,
    SCRATCHPADS,
    SCRATCHPADS_BENCH,
    FrontEnd,
    load_pdk,
)

PDKS = pytest.mark.parametrize("pdk_name", ["edu45", "nangate45"])
needs_simulator = pytest.mark.skipif(shutil.which("iverilog") is None, reason="no iverilog")

# Cells with the same pins and another function, in both libraries.
SWAPS = (("NAND2_X1", "NOR2_X1"), ("OAI21_X1", "AOI21_X1"))


def synthesized(tmp_path, source=COUNTER, bench="", pdk_name="edu45") -> FrontEnd:
    name = re.search(r"module (\w+)", source)
    assert name
    flow = FrontEnd(tmp_path, load_pdk(pdk_name), {f"{name[1]}.v": source}, bench)
    flow.run(synthesize.STAGE)
    return flow


def break_a_gate(flow: FrontEnd) -> None:
    path = flow.files["gates_verilog"]
    text = path.read_text()
    for old, new in SWAPS:
        for one, other in ((old, new), (new, old)):
            if f"  {one} " in text:
                path.write_text(text.replace(f"  {one} ", f"  {other} ", 1))
                return
    pytest.fail("no gate to break")


def result(flow: FrontEnd) -> dict:
    return json.loads(flow.files["gate_check"].read_text())


@PDKS
@needs_simulator
def test_right_gates_pass_the_test_bench_and_are_proven(tmp_path, pdk_name):
    flow = synthesized(tmp_path, bench=COUNTER_BENCH, pdk_name=pdk_name)
    note = flow.run(check_gates.STAGE).note
    assert flow.metrics["gates__simulation__status"] == 1
    # Four registers that are outputs too, and zero.
    assert flow.metrics["gates__proven__count"] == 5
    assert flow.metrics["gates__unproven__count"] == 0
    assert "pass the test bench" in note
    assert "all 5 points are proven equal" in note


@PDKS
@needs_simulator
def test_one_wrong_gate_fails_the_test_bench(tmp_path, pdk_name):
    flow = synthesized(tmp_path, bench=COUNTER_BENCH, pdk_name=pdk_name)
    break_a_gate(flow)
    with pytest.raises(InputError) as caught:
        flow.run(check_gates.STAGE)
    assert "the gates fail the test bench" in caught.value.message
    assert "expected" in caught.value.message


@PDKS
def test_one_wrong_gate_is_found_without_a_test_bench(tmp_path, pdk_name):
    flow = synthesized(tmp_path, pdk_name=pdk_name)
    break_a_gate(flow)
    with pytest.raises(InputError) as caught:
        flow.run(check_gates.STAGE)
    assert "the gates differ from the RTL" in caught.value.message
    # The counterexample must reset the counter: before that both sides are unknown.
    assert re.search(r"cycle \d+: .*rst=1", caught.value.message)


def test_without_a_test_bench_the_proof_alone_counts(tmp_path):
    flow = synthesized(tmp_path)
    outcome = flow.run(check_gates.STAGE)
    assert outcome.status == "done"
    assert "gates__simulation__status" not in flow.metrics
    assert result(flow)["equivalence"]["outcome"] == "proven"
    assert "no test bench" in outcome.note


@PDKS
@needs_simulator
def test_memory_macros_are_checked_by_simulation(tmp_path, pdk_name):
    flow = synthesized(tmp_path, SCRATCHPADS, SCRATCHPADS_BENCH, pdk_name)
    flow.run(check_gates.STAGE)
    assert flow.metrics["gates__simulation__status"] == 1
    assert "memory macros" in result(flow)["equivalence"]["note"]


def test_nothing_to_check_with_is_a_skipped_stage(tmp_path):
    outcome = synthesized(tmp_path, SCRATCHPADS).run(check_gates.STAGE)
    assert outcome.status == "skipped"
    assert "no test bench" in outcome.note


@needs_simulator
def test_a_test_bench_that_looks_into_the_rtl_leaves_the_proof(tmp_path):
    bench = COUNTER_BENCH.replace("count !== expected", "dut.W !== 4 || count !== expected")
    flow = synthesized(tmp_path, bench=bench)
    outcome = flow.run(check_gates.STAGE)
    assert result(flow)["simulation"]["status"] == "not tried"
    assert "do not compile" in outcome.note
    assert flow.metrics["gates__proven__count"] == 5


@needs_simulator
def test_registers_that_nothing_resets_get_a_second_chance(tmp_path):
    # The RTL leaves the unknown state through `default`, which no gates do; real registers start
    # at some value and then change in every cycle.
    source = """\
module ring (input wire clk, output reg [1:0] s);
  always @(posedge clk)
    case (s)
      0: s <= 1;
      1: s <= 3;
      3: s <= 2;
      default: s <= 0;
    endcase
endmodule
"""
    bench = """\
module ring_tb;
  reg clk = 0;
  wire [1:0] s;
  reg [1:0] last;
  ring dut (.clk(clk), .s(s));
  always #5 clk = ~clk;
  initial begin
    repeat (3) @(negedge clk);
    repeat (9) begin
      last = s;
      @(negedge clk);
      if ((s != last) !== 1) $fatal(1, "stuck");
    end
    $finish;
  end
endmodule
"""
    flow = synthesized(tmp_path, source, bench)
    flow.run(check_gates.STAGE)
    assert "from random values" in result(flow)["simulation"]["note"]


def test_a_proof_without_time_is_open_and_no_failure(tmp_path):
    flow = synthesized(tmp_path)
    rtl = rtl_files.read(flow.files["rtl"], design_folder=flow.design.folder)
    workspace = yosys_workspace.prepare(
        tmp_path / "work", rtl, top="counter", defines=(), pdk=flow.pdk
    )
    module = gates.read(flow.files["gates_verilog"], "counter")
    found = equivalence.compare(workspace, module, timeout_s=0.001)
    assert found.outcome == "open"
    assert "did not finish" in found.note
