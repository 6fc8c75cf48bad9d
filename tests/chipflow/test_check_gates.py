"""Gates against RTL: right gates pass, one wrong gate fails, and what was not shown is said."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from chipflow.stages import check_gates, synthesize
from chipflow.tools import equivalence, mapping_proof, rtl_files, yosys_workspace
from chipflow.tools.equivalence import Proof
from placement_env.errors import InputError
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


def prove_mapping(flow: FrontEnd, tmp_path: Path) -> Proof:
    """The proof of the mapping alone, of a design without memory macros."""
    rtl = rtl_files.read(flow.files["rtl"], design_folder=flow.design.folder)
    top = flow.design.top
    return mapping_proof.prove_mapping(
        yosys_workspace.prepare(tmp_path / "work", rtl, top=top, defines=(), pdk=flow.pdk),
        flow.files["gates_verilog"],
        [],
        min_bits=1024,
        timeout_s=60,
    )


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
    assert "pass the test bench" in note
    assert "all 5 points are proven equal to the RTL" in note


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
    assert re.search(
        r"the gates differ from the RTL: .*(count_\d__reg|output zero)", caught.value.message
    )


def test_without_a_test_bench_the_proof_alone_counts(tmp_path):
    flow = synthesized(tmp_path)
    outcome = flow.run(check_gates.STAGE)
    assert outcome.status == "done"
    assert "gates__simulation__status" not in flow.metrics
    assert result(flow)["equality"]["outcome"] == "proven"
    assert "no test bench" in outcome.note


@PDKS
@needs_simulator
def test_memory_macros_are_simulated_and_their_pins_proven(tmp_path, pdk_name):
    flow = synthesized(tmp_path, SCRATCHPADS, SCRATCHPADS_BENCH, pdk_name)
    flow.run(check_gates.STAGE)
    assert flow.metrics["gates__simulation__status"] == 1
    mapping = result(flow)["mapping"]
    assert mapping["outcome"] == "proven"
    # Registers; the ports word, other and tiny; clk, ce, we, address, data and mask of the macro,
    # and clk, re, we, addresses, data and mask of the one with two ports, where there are such.
    registers = int(flow.metrics["synthesis__register__count"])
    two_ports = 3 + 2 * 5 + 8 + 8 if pdk_name == "edu45" else 0
    assert mapping["proven"] == registers + 32 + 8 + 8 + 3 + 6 + 32 + 32 + two_ports


def test_registers_that_are_kept_for_nothing_do_not_stop_the_proof(tmp_path):
    text = COUNTER.replace("  assign zero", "  (* keep *) reg [3:0] old;\n  assign zero")
    text = text.replace("endmodule", "  always @(posedge clk) old <= count;\nendmodule")
    text = text.replace("count == 0", "count == 0 && !old[0]")
    flow = synthesized(tmp_path, text)
    assert flow.metrics["synthesis__register__count"] == 8
    found = prove_mapping(flow, tmp_path)
    assert found.outcome == "proven", found.note
    assert found.proven == 5 + 5  # registers that are read, and bits of outputs


def test_a_wrong_pin_of_a_memory_macro_is_found(tmp_path):
    flow = synthesized(tmp_path, SCRATCHPADS)
    path = flow.files["gates_verilog"]
    text = path.read_text()
    swapped = re.sub(r"\.ce_in\((\w+)\)(.*?)\.we_in\((\w+)\)", r".ce_in(\3)\2.we_in(\1)", text,
                     count=1, flags=re.DOTALL)  # fmt: skip
    assert swapped != text
    path.write_text(swapped)
    with pytest.raises(InputError, match=r"pin (ce|we)_in of single_0_0"):
        flow.run(check_gates.STAGE)


@PDKS
def test_resets_of_both_polarities_and_values_are_proven(tmp_path, pdk_name):
    source = """\
module resets (input wire clk, input wire rst, input wire rst_n, input wire [3:0] d,
               output reg [3:0] q);
  always @(posedge clk or posedge rst) if (rst) q[0] <= 0; else q[0] <= d[0];
  always @(posedge clk or negedge rst_n) if (!rst_n) q[1] <= 1; else q[1] <= d[1];
  always @(negedge clk) q[2] <= d[2];
  always @* if (rst_n) q[3] = d[3];
endmodule
"""
    flow = synthesized(tmp_path, source, pdk_name=pdk_name)
    found = prove_mapping(flow, tmp_path)
    assert (found.outcome, found.proven) == ("proven", 8)


def test_a_netlist_of_another_design_is_not_proven(tmp_path):
    flow = synthesized(tmp_path)
    path = flow.files["gates_verilog"]
    path.write_text(path.read_text().replace("count_3__reg", "other_reg"))
    found = prove_mapping(flow, tmp_path)
    assert found.outcome == "not tried"
    assert "one side only" in found.note


def test_an_equality_that_takes_too_long_leaves_the_mapping(tmp_path, monkeypatch):
    flow = synthesized(tmp_path)
    monkeypatch.setattr(check_gates, "_EQUALITY_LIMIT_S", 0.001)
    outcome = flow.run(check_gates.STAGE)
    assert outcome.status == "done"
    assert result(flow)["equality"]["outcome"] == "open"
    assert result(flow)["mapping"]["outcome"] == "proven"
    assert "the mapping of 9 points is proven" in outcome.note
    assert flow.metrics["gates__mapping_proven__count"] == 9
    assert "gates__proven__count" not in flow.metrics


def test_nothing_that_could_be_shown_is_a_skipped_stage(tmp_path, monkeypatch):
    flow = synthesized(tmp_path)
    nothing = equivalence.Proof("not tried", "no proof")
    monkeypatch.setattr(equivalence, "prove_equal", lambda *_, **__: nothing)
    monkeypatch.setattr(mapping_proof, "prove_mapping", lambda *_, **__: nothing)
    outcome = flow.run(check_gates.STAGE)
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
