"""Timing: constraints, slacks, memories, wires, and what is said when OpenSTA cannot help."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from chipflow.design import Clock
from chipflow.stages import constraints, synthesize, timing
from chipflow.tools import memory_folder, opensta
from chipflow.tools.versions import version_of
from placement_env.errors import InputError
from placement_env.formats import gates
from tests.chipflow.rtl_designs import COUNTER, SCRATCHPADS, FrontEnd, load_pdk

PDKS = pytest.mark.parametrize("pdk_name", ["edu45", "nangate45"])
needs_opensta = pytest.mark.skipif(version_of("opensta") is None, reason="no OpenSTA")


def timed(tmp_path, source=COUNTER, pdk_name="edu45", period_ns=2.0) -> FrontEnd:
    top = source.split()[1].partition("(")[0]
    flow = FrontEnd(
        tmp_path, load_pdk(pdk_name), {f"{top}.v": source}, clock=Clock("clk", period_ns)
    )
    flow.run(synthesize.STAGE)
    flow.run(constraints.STAGE)
    flow.run(timing.STAGE)
    return flow


def summary(flow: FrontEnd) -> dict:
    return json.loads(flow.files["timing_summary"].read_text())


@needs_opensta
@PDKS
def test_a_counter_meets_a_slow_clock(tmp_path, pdk_name):
    flow = timed(tmp_path, pdk_name=pdk_name)
    assert 0.5 < flow.metrics["timing__setup__ws_ns"] < 2.0
    assert flow.metrics["timing__setup__tns_ns"] == 0
    assert flow.metrics["timing__hold__ws_ns"] > 0
    worst = summary(flow)["setup"]["paths"][0]
    assert worst["slack_ns"] == flow.metrics["timing__setup__ws_ns"]
    arrivals = [point["arrival_ns"] for point in worst["points"]]
    assert arrivals == sorted(arrivals)
    assert worst["points"][-1]["pin"] == worst["end"]
    assert "slack (MET)" in flow.files["timing_report"].read_text()


@needs_opensta
def test_a_fast_clock_gives_negative_slack(tmp_path):
    flow = timed(tmp_path, period_ns=0.1)
    paths = summary(flow)["setup"]["paths"]
    assert flow.metrics["timing__setup__ws_ns"] < 0
    listed_ns = sum(min(0, p["slack_ns"]) for p in paths)
    assert flow.metrics["timing__setup__tns_ns"] <= listed_ns + 1e-5
    assert [p["slack_ns"] for p in paths] == sorted(p["slack_ns"] for p in paths)


@needs_opensta
@PDKS
def test_paths_run_through_memory_macros(tmp_path, pdk_name):
    flow = timed(tmp_path, SCRATCHPADS, pdk_name)
    (tmp_path / "work").mkdir()
    memories = memory_folder.read(flow.files["memories"])
    found = opensta.analyse(
        tmp_path / "work",
        top="scratchpads",
        verilog=flow.files["gates_verilog"],
        liberty=[*flow.pdk.liberty, *(memory.macro.liberty for memory in memories)],
        sdc=(tmp_path / "timing" / "design.sdc").read_text(),
        path_count=1000,
    )
    ends = {path.points[-1].pin for path in found.setup_paths}
    starts = {path.points[0].pin.partition("[")[0] for path in found.setup_paths}
    assert "single_0_0/we_in" in ends
    assert "single_0_0/rd_out" in starts
    if pdk_name == "edu45":  # whose memories may have two ports
        assert any(end.startswith("dual_0_0/waddr_in[") for end in ends)
        assert "dual_0_0/rd_out" in starts


@needs_opensta
def test_a_combinational_design_is_timed_from_input_to_output(tmp_path):
    text = "module parity (input wire [15:0] a, output wire y);\n  assign y = ^a;\nendmodule\n"
    flow = timed(tmp_path, text)
    assert 0 < flow.metrics["timing__setup__ws_ns"] < 2.0
    assert summary(flow)["setup"]["paths"][0]["end"] == "y"


def slow_wires(module: gates.GateModule) -> str:
    """SPEF with 5 kOhm from each register to the gates that it drives, and 20 fF at each."""
    head = (
        '*SPEF "IEEE 1481-1998"\n*DESIGN "counter"\n*DATE "x"\n*VENDOR "x"\n*PROGRAM "x"\n'
        '*VERSION "1"\n*DESIGN_FLOW "x"\n*DIVIDER /\n*DELIMITER :\n*BUS_DELIMITER [ ]\n'
        "*T_UNIT 1 NS\n*C_UNIT 1 FF\n*R_UNIT 1 KOHM\n*L_UNIT 1 HENRY\n\n"
    )
    lines = []
    for index, name in enumerate(module.net_name):
        pins = [
            (instance, module.connection_pin[c])
            for i, instance in enumerate(module.instance_name)
            for c in range(module.connection_start[i], module.connection_start[i + 1])
            if index in module.bit_net[module.bit_start[c] : module.bit_start[c + 1]]
        ]
        driver = [pin for pin in pins if pin[1] == "Q"]
        if driver:
            loads = [pin for pin in pins if pin not in driver]
            ends = [f"{i}:{p}" for i, p in [*driver, *loads]]
            lines += [f"*D_NET {name} {20 * len(ends)}", "*CONN"]
            lines += [f"*I {end} {'I' if n else 'O'}" for n, end in enumerate(ends)]
            lines += ["*CAP", *(f"{n} {end} 20" for n, end in enumerate(ends, 1))]
            lines += ["*RES", *(f"{n} {ends[0]} {e} 5" for n, e in enumerate(ends[1:], 1)), "*END"]
    return head + "\n".join(lines) + "\n"


@needs_opensta
@PDKS
def test_parasitics_slow_a_path_down(tmp_path, pdk_name):
    flow = timed(tmp_path, pdk_name=pdk_name)
    before_ns = flow.metrics["timing__setup__ws_ns"]
    flow.files["spef"] = tmp_path / "wires.spef"
    flow.files["spef"].write_text(slow_wires(gates.read(flow.files["gates_verilog"], "counter")))
    flow.folder = tmp_path / "again"
    flow.folder.mkdir()
    flow.run(timing.STAGE)
    assert flow.metrics["timing__setup__ws_ns"] < before_ns - 0.1
    assert summary(flow)["wires"] == "estimated routes"


@needs_opensta
def test_registers_without_the_clock_are_an_error(tmp_path):
    flow = timed(tmp_path)
    flow.design = replace(flow.design, clock=Clock("rst", 2.0))
    flow.folder = tmp_path / "again"
    flow.folder.mkdir()
    flow.run(constraints.STAGE)
    with pytest.raises(InputError) as caught:
        flow.run(timing.STAGE)
    assert "'rst'" in caught.value.message
    assert "clk" in caught.value.hint


@needs_opensta
def test_what_opensta_cannot_read_is_an_input_error(tmp_path):
    broken = tmp_path / "broken.lib"
    broken.write_text("library (x) {")
    verilog = tmp_path / "gates.v"
    verilog.write_text("module t (); endmodule\n")
    (tmp_path / "work").mkdir()
    with pytest.raises(InputError, match="OpenSTA"):
        opensta.analyse(
            tmp_path / "work", top="t", verilog=verilog, liberty=[broken], sdc="", path_count=1
        )


def test_no_opensta_is_a_skipped_stage_that_says_how_to_install_it(tmp_path, monkeypatch):
    flow = FrontEnd(tmp_path, load_pdk("edu45"), {"counter.v": COUNTER})
    flow.run(synthesize.STAGE)
    flow.run(constraints.STAGE)
    monkeypatch.setenv("PATH", str(tmp_path))
    version_of.cache_clear()
    outcome = flow.run(timing.STAGE)
    version_of.cache_clear()
    assert outcome.status == "skipped"
    assert "apt-get install opensta" in outcome.note
