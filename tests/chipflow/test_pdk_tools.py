"""edu45 and its memories in the tools that read them: Yosys, OpenSTA, KLayout, Icarus Verilog."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from chipflow.pdk import library, memory
from chipflow.pdk.description import Pdk
from chipflow.tools import yosys

# Uses every kind of flip-flop and the latch of the kit.
RTL = """
module counter (input clk, input rst_n, input en, input load, input [7:0] d,
                output reg [7:0] q, output reg [7:0] held, output reg plain);
  always @(posedge clk or negedge rst_n)
    if (!rst_n) q <= 8'ha5; else if (load) q <= d; else if (en) q <= q + 8'd1;
  always @(posedge clk) plain <= ^q;
  always @* if (load) held = d;
endmodule
"""

BENCH = """
module tb;
  reg clk = 0, rst_n = 0, en = 0, load = 0; reg [7:0] d = 0;
  wire [7:0] q, held; wire plain;
  reg [7:0] expected = 8'ha5; reg parity; integer i, seed = 7;
  counter dut (.clk(clk), .rst_n(rst_n), .en(en), .load(load), .d(d), .q(q), .held(held),
               .plain(plain));
  always #5 clk = ~clk;
  initial begin
    repeat (2) @(negedge clk);
    rst_n = 1;
    for (i = 0; i < 500; i = i + 1) begin
      {en, load} = $random(seed); d = $random(seed);
      #1 if (load && held !== d) $fatal(1, "the latch is not open");
      parity = ^expected;
      expected = load ? d : expected + en;
      @(negedge clk);
      if (q !== expected || plain !== parity) $fatal(1, "cycle %0d: %h, %h", i, q, expected);
    end
    rst_n = 0;
    #1 if (q !== 8'ha5) $fatal(1, "no reset");
    $finish;
  end
endmodule
"""


@pytest.fixture(scope="module")
def pdk() -> Pdk:
    return library.load("edu45")


@pytest.fixture(scope="module")
def gates(pdk: Pdk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The counter in cells of edu45."""
    folder = tmp_path_factory.mktemp("gates")
    (folder / "counter.v").write_text(RTL)
    (folder / "cells.lib").symlink_to(pdk.liberty[0])
    avoid = " ".join(f"-dont_use {pattern}" for pattern in pdk.dont_use)
    yosys.run_script(
        f"""\
read_verilog counter.v
synth -top counter
dfflibmap -liberty cells.lib {avoid}
abc -liberty cells.lib {avoid} -D 1000
opt_clean -purge
read_liberty -lib cells.lib
check -mapped -assert
stat -liberty cells.lib
splitnets
write_verilog -noattr gates.v
""",
        work_dir=folder,
        name="synthesis",
    )
    return folder / "gates.v"


def test_yosys_maps_registers_latches_and_gates(gates: Path):
    used = set(re.findall(r"^  ([A-Z]\w+_X\d) ", gates.read_text(), re.MULTILINE))
    assert {"DFF_X1", "DFFR_X1", "DFFS_X1", "LATCH_X1"} <= used
    assert not any(cell.startswith("CLKBUF") for cell in used)
    log = (gates.parent / "synthesis.log").read_text()
    assert float(re.findall(r"Chip area for module .*: ([\d.]+)", log)[-1]) > 50


def test_gates_behave_like_the_rtl(pdk: Pdk, gates: Path, tmp_path: Path):
    if not shutil.which("iverilog"):
        pytest.skip("iverilog is not installed")
    (tmp_path / "tb.v").write_text(BENCH)
    sources = ["tb.v", gates, *pdk.cell_verilog]
    command = ["iverilog", "-g2012", "-s", "tb", "-o", "tb", *sources]
    subprocess.run(command, check=True, cwd=tmp_path)
    subprocess.run(["vvp", "-n", "tb"], check=True, cwd=tmp_path, timeout=60)


def _time(commands: str, folder: Path) -> str:
    if not shutil.which("sta"):
        pytest.skip("OpenSTA is not installed")
    (folder / "time.tcl").write_text(commands + "\nexit\n")
    run = subprocess.run(
        ["sta", "-exit", "time.tcl"], cwd=folder, capture_output=True, text=True, timeout=60
    )
    printed = run.stdout + run.stderr
    assert "Error" not in printed, printed
    assert "Warning" not in printed, printed
    return printed


def test_opensta_times_the_gates(pdk: Pdk, gates: Path, tmp_path: Path):
    printed = _time(
        f"""\
read_liberty {pdk.liberty[0]}
read_verilog {gates}
link_design counter
create_clock -name clk -period 1.0 clk
set_load {pdk.output_load_ff} [all_outputs]
report_checks -path_delay max -from [get_clocks clk] -to [get_clocks clk]
report_worst_slack
report_power""",
        tmp_path,
    )
    assert "library setup time" in printed
    worst = float(re.findall(r"worst slack (\S+)", printed)[-1])
    assert 0.2 < worst < 0.9
    power = re.search(r"^Total +(\S+) +(\S+) +(\S+) +(\S+)", printed, re.MULTILINE)
    assert power
    assert float(power[4]) > float(power[3]) > 0  # all of it, and leakage alone


def test_opensta_times_a_memory(pdk: Pdk, tmp_path: Path):
    made = memory.generate(pdk, 256, 8, tmp_path)
    pins = ", ".join(f".{pin}({pin})" for pin in ("clk", "ce_in", "we_in", "addr_in", "wd_in"))
    (tmp_path / "top.v").write_text(
        f"""\
module top (clk, ce_in, we_in, addr_in, wd_in, rd_out);
  input clk, ce_in, we_in; input [7:0] addr_in; input [7:0] wd_in; output [7:0] rd_out;
  wire one;
  TIEHI tie (.Y(one));
  {made.name} ram ({pins}, .w_mask_in({{one, one, one, one, one, one, one, one}}),
    .rd_out(rd_out));
endmodule
"""
    )
    printed = _time(
        f"""\
read_liberty {pdk.liberty[0]}
read_liberty {made.liberty}
read_verilog top.v
link_design top
create_clock -name clk -period 1.0 clk
set_input_delay 0.5 -clock clk [get_ports {{ce_in we_in addr_in[*] wd_in[*]}}]
set_output_delay 0.1 -clock clk [all_outputs]
report_checks -path_delay max -from [get_pins ram/clk]
report_checks -path_delay max -to [get_pins ram/addr_in[0]]
report_checks -path_delay min -to [get_pins ram/addr_in[0]]""",
        tmp_path,
    )
    slacks = [float(slack) for slack in re.findall(r"(-?[\d.]+)   slack \(MET\)", printed)]
    assert len(slacks) == 3
    assert 0.5 < slacks[0] < 0.8  # 1.0 less 0.1 and the access time
    assert slacks[1] == pytest.approx(1.0 - 0.5 - 0.05, abs=0.01)
    assert slacks[2] == pytest.approx(0.5 - 0.02, abs=0.01)


def test_klayout_reads_the_lef_files(pdk: Pdk, tmp_path: Path):
    kdb = pytest.importorskip("klayout.db")
    made = memory.generate(pdk, 64, 8, tmp_path)
    (tmp_path / "top.def").write_text(
        f"""\
VERSION 5.8 ;
DIVIDERCHAR "/" ;
BUSBITCHARS "[]" ;
DESIGN top ;
UNITS DISTANCE MICRONS 1000 ;
DIEAREA ( 0 0 ) ( 100000 100000 ) ;
COMPONENTS 2 ;
- gate {pdk.driving_cell} + PLACED ( 200 1400 ) N ;
- ram {made.name} + FIXED ( 20000 14000 ) N ;
END COMPONENTS
END DESIGN
"""
    )
    options = kdb.LoadLayoutOptions()
    config = options.lefdef_config
    config.read_lef_with_def = False
    config.macro_resolution_mode = 1
    config.lef_files = [str(path) for path in (pdk.tech_lef, *pdk.cell_lefs, made.lef)]
    layout = kdb.Layout()
    layout.read(str(tmp_path / "top.def"), options)
    names = {inst.cell.name for inst in layout.top_cell().each_inst()}
    assert names == {pdk.driving_cell, made.name}
