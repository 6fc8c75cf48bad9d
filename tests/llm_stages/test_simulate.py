"""A verdict comes from how the simulation ended, not from what it printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_stages import hdl, sandbox
from llm_stages.errors import InputError, ToolMissing
from llm_stages.verdict import Verdict

pytestmark = pytest.mark.skipif(hdl.find_simulator() is None, reason="needs Icarus Verilog")

INVERTER = "module dut(input a, output y); assign y = ~a; endmodule\n"
BENCH = """
module tb;
  reg a = 0; integer errors = 0; wire y;
  dut u(a, y);
  initial begin
    #1 if (y !== 1) errors = errors + 1;
    a = 1;
    #1 if (y !== 0) errors = errors + 1;
    if (errors != 0) $fatal(1, "%0d errors", errors);
    $finish;
  end
endmodule
"""


def run_text(folder: Path, text: str, *, timeout_s: float = 20.0) -> Verdict:
    source = folder / "tb.sv"
    source.write_text(text)
    return hdl.simulate([source], top="tb", work_dir=folder / "sim", timeout_s=timeout_s)


def run_untrusted(folder: Path, device: str, *, timeout_s: float = 20.0) -> Verdict:
    (folder / "dut.sv").write_text(device)
    (folder / "tb.sv").write_text(BENCH)
    return hdl.simulate(
        [folder / "dut.sv", folder / "tb.sv"],
        top="tb",
        work_dir=folder / "sim",
        timeout_s=timeout_s,
        untrusted=[folder / "dut.sv"],
    )


needs_sandbox = pytest.mark.skipif(sandbox.mechanism() is None, reason="no sandbox works here")


@pytest.mark.parametrize(
    ("body", "status", "cause", "exit_code"),
    [
        ("#5 $finish;", "passed", "", 0),
        ("#5 $finish(0);", "passed", "", 0),
        ('#5 $fatal(1, "PASSED");', "failed", "exit_code", 1),
        ("#5 $finish_and_return(3);", "failed", "exit_code", 3),
        ("#5 $stop;", "failed", "exit_code", 1),
        ('#5 $display("ALL TESTS PASSED");', "failed", "no_finish", 0),
    ],
)
@pytest.mark.parametrize("scale", ["", "`timescale 1ns/1ps\n", "`timescale 10us/1fs\n"])
def test_how_it_ended_decides(
    tmp_path: Path, scale: str, body: str, status: str, cause: str, exit_code: int
) -> None:
    verdict = run_text(tmp_path, f"{scale}module tb; initial begin {body} end endmodule\n")
    assert (verdict.status, verdict.cause, verdict.exit_code) == (status, cause, exit_code)
    assert verdict.passed == (verdict.reason == "")


def test_a_simulation_that_never_ends_fails(tmp_path: Path) -> None:
    text = "module tb; reg c = 0; always #5 c = ~c; endmodule\n"
    verdict = run_text(tmp_path, text, timeout_s=1.0)
    assert (verdict.status, verdict.cause) == ("failed", "time_limit")
    assert verdict.wall_s < 10


def test_a_long_simulated_time_is_no_dry_queue(tmp_path: Path) -> None:
    text = "module tb; reg [63:0] t = 1; initial begin #(t << 62) $finish; end endmodule\n"
    assert run_text(tmp_path, text).passed


def test_what_does_not_compile_could_not_run(tmp_path: Path) -> None:
    verdict = run_text(tmp_path, "module tb; absent u(); endmodule\n")
    assert (verdict.status, verdict.cause) == ("could_not_run", "compile")
    assert "absent" in verdict.reason
    assert "absent" in verdict.log_path.read_text()


def test_the_wave_file_is_found_once(tmp_path: Path) -> None:
    dump = 'module tb; initial begin $dumpfile("w.vcd"); $dumpvars; #1 $finish; end endmodule\n'
    verdict = run_text(tmp_path, dump)
    assert verdict.vcd_path is not None
    assert verdict.vcd_path.read_text().startswith("$date")
    assert run_text(tmp_path, "module tb; initial $finish; endmodule\n").vcd_path is None


def test_odd_names_of_folders_are_only_names(tmp_path: Path) -> None:
    folder = tmp_path / "a b $(touch owned) 'c"
    folder.mkdir()
    assert run_text(folder, "module tb; initial $finish; endmodule\n").passed
    assert not list(tmp_path.rglob("owned"))
    quoted = tmp_path / 'a"b'
    quoted.mkdir()
    with pytest.raises(InputError, match="cannot read a path with"):
        run_text(quoted, "module tb; initial $finish; endmodule\n")


def test_a_flood_of_output_ends_in_a_capped_log(tmp_path: Path) -> None:
    text = 'module tb; initial repeat (200000) $display("%0100d", 1); initial #1 $finish; endmodule'
    verdict = run_text(tmp_path, text + "\n")
    assert verdict.passed
    assert verdict.log_path.stat().st_size <= 4 * 2**20


def test_bad_arguments_are_input_errors(tmp_path: Path) -> None:
    source = tmp_path / "a.sv"
    source.write_text(INVERTER)
    for files, top, untrusted in (
        ([tmp_path / "absent.sv"], "tb", []),
        ([source], "-o/etc/evil", []),
        ([source], "tb", [tmp_path / "other.sv"]),
    ):
        with pytest.raises(InputError):
            hdl.simulate(files, top=top, work_dir=tmp_path / "sim", untrusted=untrusted)


@needs_sandbox
def test_an_honest_device_passes_in_the_sandbox(tmp_path: Path) -> None:
    assert run_untrusted(tmp_path, INVERTER).passed


@needs_sandbox
def test_a_wrong_device_fails_in_the_sandbox(tmp_path: Path) -> None:
    verdict = run_untrusted(tmp_path, INVERTER.replace("~a", "a"))
    assert (verdict.status, verdict.cause) == ("failed", "exit_code")


WRONG = "module dut(input a, output y); assign y = a;\n%s\nendmodule\n"


@needs_sandbox
@pytest.mark.parametrize(
    "trick",
    [
        "initial $finish;",
        "initial $finish(0);",
        "initial $finish_and_return(0);",
        'initial $display("Mismatches: 0 in 10 samples");',
        'integer f; initial f = $fopen("/etc/passwd", "r");',
        'reg [7:0] m [0:9]; initial $readmemh("/etc/passwd", m);',
        "`ifdef __ICARUS__\ninitial $finish;\n`endif",
        "`ifndef __slang__\ninitial $finish;\n`endif",
        "`define T(x) $``x\ninitial `T(finish);",
        "always @* tb.errors = 0;",
        "initial force tb.errors = 0;",
        "initial $root.tb.errors = 0;",
        "initial begin #3 disable tb; end",
        "defparam tb.u.W = 3;",
        "bind tb other o();",
        "wire \\$finish ;",
        '`include "/etc/passwd"',
        '`include "../tb.sv"',
    ],
)
def test_a_device_cannot_reach_its_verdict(tmp_path: Path, trick: str) -> None:
    verdict = run_untrusted(tmp_path, WRONG % trick)
    assert verdict.status == "could_not_run"
    assert verdict.cause == "unsafe", verdict.reason


@needs_sandbox
@pytest.mark.parametrize(
    "prelude",
    [
        'import "DPI-C" function int system(string s);\n',
        "program p; initial ; endprogram\n",
        # Resolves beside `u_check` alone, and in the test bench's `u_check` in the simulation.
        "module u_check; integer errors; endmodule\n",
    ],
)
def test_a_device_cannot_reach_out_from_the_file_level(tmp_path: Path, prelude: str) -> None:
    verdict = run_untrusted(tmp_path, prelude + WRONG % "initial u_check.errors = 0;")
    assert verdict.cause == "unsafe", verdict.reason


@needs_sandbox
@pytest.mark.parametrize(
    "trick",
    [
        "initial force a = 0;",
        "assign (supply1, supply0) a = 0;",
        "supply0 zero; tran(a, zero);",
        "sink s(a);",
        "buf (a, 1'b0);",
        "always @(a) a = 0;",
        "bench_part p();",
        "generate if (W == 3) initial tb.errors = 0; endgenerate",
        "generate if (W == 3) initial clear; endgenerate",
        "generate if (W == 3) begin : tb end else initial tb.errors = 0; endgenerate",
        "generate if (W == 4) assign a = 0; endgenerate",
        "class c; endclass",
        "always_comb assign y = a;",
    ],
)
def test_a_device_cannot_change_what_is_outside(tmp_path: Path, trick: str) -> None:
    bench = BENCH.replace("dut u(a, y);", "dut #(.W(4)) u(a, y); task clear; errors = 0; endtask")
    (tmp_path / "tb.sv").write_text(bench + "module bench_part; endmodule\n")
    (tmp_path / "dut.sv").write_text(
        "module sink(inout d); assign d = 0; endmodule\n"
        f"module dut #(parameter W = 1) (input a, output y); assign y = a; {trick}\nendmodule\n"
    )
    verdict = hdl.simulate(
        [tmp_path / "dut.sv", tmp_path / "tb.sv"],
        top="tb",
        work_dir=tmp_path / "sim",
        untrusted=[tmp_path / "dut.sv"],
    )
    assert verdict.cause == "unsafe", verdict.reason


@needs_sandbox
def test_a_device_cannot_change_how_its_test_bench_is_read(tmp_path: Path) -> None:
    prelude = (
        "`define if if (0)\n`define errors nothing\n`default_nettype none\n`timescale 1fs/1fs\n"
        "`celldefine\n`define fatal(a) 1\ntypedef bit integer_t;\n"
    )
    (tmp_path / "tb.sv").write_text(BENCH)
    (tmp_path / "dut.sv").write_text(prelude + WRONG % "")
    for files in (["dut.sv", "tb.sv"], ["tb.sv", "dut.sv"]):
        verdict = hdl.simulate(
            [tmp_path / name for name in files],
            top="tb",
            work_dir=tmp_path / "sim",
            untrusted=[tmp_path / "dut.sv"],
        )
        assert (verdict.status, verdict.cause) == ("failed", "exit_code"), verdict.reason
    redefining = INVERTER + "module tb; initial $finish; endmodule\n"
    assert run_untrusted(tmp_path, redefining.replace("initial $finish;", "")).cause == "compile"


@needs_sandbox
def test_ordinary_synthesizable_code_is_not_refused(tmp_path: Path) -> None:
    device = """
`define INVERT(x) (~(x))
package p; localparam int W = $clog2(2); endpackage
module half import p::*; #(parameter int N = 1)(input logic [N-1:0] a, output logic [N-1:0] y);
  generate
    for (genvar i = 0; i < N; i++) begin : g
      logic t;
      assign t = a[i];
    end
    assign y[0] = $signed(g[0].t) >>> 0;
  endgenerate
endmodule
module dut(input logic a, output logic y);
  logic [p::W-1:0] w;
  logic [3:0] memory [0:3];
  initial memory[0] = '0;
  half #(.N(1)) u(.a(later), .y(w));
  wire later = a;
  always_comb y = `INVERT(w[0]);
endmodule
"""
    verdict = run_untrusted(tmp_path, device)
    assert verdict.passed, verdict.reason


@needs_sandbox
def test_a_device_cannot_eat_time_or_memory(tmp_path: Path) -> None:
    loop = "integer i; initial begin i = 0; while (1) i = i + 1; end"
    verdict = run_untrusted(tmp_path, WRONG % loop, timeout_s=1.0)
    assert (verdict.status, verdict.cause) == ("failed", "time_limit")
    verdict = run_untrusted(tmp_path, WRONG % "reg [63:0] m [0:2000000000]; initial m[9] = 1;")
    assert not verdict.passed
    assert verdict.cause in ("crash", "compile", "unsafe", "resources")


def test_without_a_sandbox_generated_code_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "mechanism", lambda: None)
    with pytest.raises(ToolMissing) as caught:
        run_untrusted(tmp_path, INVERTER)
    assert "bubblewrap" in caught.value.hint


def test_without_a_simulator_the_error_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing) as caught:
        run_text(tmp_path, INVERTER)
    assert "iverilog" in caught.value.hint
    assert caught.value.exit_code == 3
