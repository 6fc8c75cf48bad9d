"""Synthesis: gates of both libraries, memories as macros, and errors in the user's terms."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from chipflow.stages import synthesize
from chipflow.tools import memory_folder
from placement_env.errors import InputError
from placement_env.formats import gates
from tests.chipflow.rtl_designs import COUNTER, SCRATCHPADS, FrontEnd, load_pdk

PDKS = pytest.mark.parametrize("pdk_name", ["edu45", "nangate45"])


def synthesized(tmp_path, sources, pdk_name="edu45", **settings) -> FrontEnd:
    flow = FrontEnd(tmp_path, load_pdk(pdk_name), sources, **settings)
    flow.run(synthesize.STAGE)
    return flow


def report(flow: FrontEnd) -> dict:
    return json.loads(flow.files["synthesis_report"].read_text())


@PDKS
def test_a_counter_becomes_cells_of_the_library(tmp_path, pdk_name):
    flow = synthesized(tmp_path, {"counter.v": COUNTER}, pdk_name)
    module = gates.read(flow.files["gates_verilog"], "counter")
    assert flow.metrics["synthesis__register__count"] == 4
    assert flow.metrics["synthesis__instance__count"] == len(module.instance_name) > 10
    assert flow.metrics["synthesis__instance__area_um2"] > 10
    assert memory_folder.read(flow.files["memories"]) == []
    assert {f"count_{i}__reg" for i in range(4)} <= set(module.instance_name)
    text = flow.files["gates_verilog"].read_text()
    assert "\\" not in text.replace("\\n", "")
    assert "assign" not in text
    assert not re.search(r"[01]'[bh]", text)


def test_the_same_sources_give_the_same_gates(tmp_path):
    texts = []
    for name in ("first", "another folder é"):
        (tmp_path / name).mkdir()
        flow = synthesized(tmp_path / name, {"counter.v": COUNTER})
        texts.append(flow.files["gates_verilog"].read_text())
    assert texts[0] == texts[1]


def test_ports_keep_their_order(tmp_path):
    # Names that libraries use too, in an order that no alphabet has.
    names = ["zz", "clk", "we_in", "b", "A", "rd_out", "D", "a", "CK"]
    inputs = "".join(f", input wire {name}" for name in names[1:])
    text = f"module order (output reg {names[0]}{inputs});\n"
    text += f"  always @(posedge clk) zz <= {' ^ '.join(names[2:])};\nendmodule\n"
    flow = synthesized(tmp_path, {"order.v": text})
    module = gates.read(flow.files["gates_verilog"], "order")
    assert [port.name for port in module.ports] == names


@PDKS
def test_memories_become_macros_where_they_can(tmp_path, pdk_name):
    flow = synthesized(tmp_path, {"scratchpads.v": SCRATCHPADS}, pdk_name)
    memories = memory_folder.read(flow.files["memories"])
    macros = {memory.instances: memory.macro for memory in memories}
    found = {key: (macro.ports, macro.words, macro.bits) for key, macro in macros.items()}
    two_ports = pdk_name == "edu45"
    wanted = {("dual_0_0",): ("1r1w", 32, 8)} if two_ports else {}
    assert found == wanted | {("single_0_0",): ("1rw", 64, 32)}
    module = gates.read(flow.files["gates_verilog"], "scratchpads")
    cell_of = dict(zip(module.instance_name, module.instance_cell, strict=True))
    for (instance,), macro in macros.items():
        for path in (macro.lef, macro.liberty, macro.verilog):
            assert macro.name in path.read_text()
        assert cell_of[instance] == macro.name
    assert flow.metrics["synthesis__memory__count"] == len(macros)
    # small_one as flip-flops; without two ports dual too, and the register behind its read port
    registers = 4 * 8 if two_ports else 32 * 8 + 4 * 8 + 8
    assert flow.metrics["synthesis__register__count"] == registers
    reasons = report(flow)["memories_as_registers"]
    assert "min_bits" in reasons["small_one"]
    if not two_ports:
        assert "different addresses" in reasons["dual"]
        place = f"{flow.design.folder / 'scratchpads.v'}:6"
        assert any(line.startswith(place) and "dual" in line for line in flow.lines)


@PDKS
@pytest.mark.parametrize(
    ("attribute", "reason"),
    [
        ('ram_style = "block"', ""),
        ("ram_block", ""),
        ('ramstyle = "M20K"', ""),
        ('ram_style = "distributed"', ""),
        ('ram_style = "logic"', 'its attribute asks for that: "logic"'),
        ('syn_ramstyle = "registers"', 'its attribute asks for that: "registers"'),
    ],
)
def test_rtl_for_an_fpga_is_read_for_what_it_means(tmp_path, pdk_name, attribute, reason):
    text = SCRATCHPADS.replace("  reg [31:0] single", f"  (* {attribute} *) reg [31:0] single")
    text = text.replace("  reg [7:0] dual", f"  (* {attribute} *) reg [7:0] dual")
    flow = synthesized(tmp_path, {"scratchpads.v": text}, pdk_name)
    two_ports = pdk_name == "edu45"
    assert flow.metrics["synthesis__memory__count"] == (0 if reason else 1 + two_ports)
    reasons = report(flow)["memories_as_registers"]
    assert reasons.get("single", "") == reason
    assert reasons.get("dual", "") == reason or ("different" in reasons["dual"] and not two_ports)


def test_a_memory_with_contents_becomes_a_macro_and_a_remark(tmp_path):
    text = SCRATCHPADS.replace(
        "  integer i;", "  integer i;\n  initial for (i = 0; i < 64; i = i + 1) single[i] = 0;"
    )
    flow = synthesized(tmp_path, {"scratchpads.v": text})
    assert flow.metrics["synthesis__memory__count"] == 2
    assert any("single" in line and "starts with contents" in line for line in flow.lines)


@pytest.mark.parametrize(
    ("pdk_name", "read", "reason", "hint"),
    [
        ("nangate45", "dual[data[13:0]]", "different addresses", "one port that reads"),
        ("edu45", "~dual[data[13:0]]", "without a clock edge", "on an edge of the same clock"),
    ],
)
def test_a_memory_too_large_for_flip_flops_is_refused_with_the_reason(
    tmp_path, pdk_name, read, reason, hint
):
    text = SCRATCHPADS.replace("[0:31]", "[0:16383]").replace("[4:0]", "[13:0]")
    text = text.replace("address[13:0]", "{address, data[7:0]}")
    text = text.replace("dual[data[13:0]]", read)
    with pytest.raises(InputError) as caught:
        synthesized(tmp_path, {"scratchpads.v": text}, pdk_name)
    assert "dual (16384 x 8)" in caught.value.message
    assert reason in caught.value.message
    assert hint in (caught.value.hint or "")
    assert caught.value.where.endswith("scratchpads.v:6")


def test_a_memory_too_large_for_one_macro_becomes_several(tmp_path):
    text = """\
module large (input clk, input we, input [16:0] a, input [63:0] d, output reg [63:0] q);
  reg [63:0] m [0:131071];
  always @(posedge clk) if (we) m[a] <= d; else q <= m[a];
endmodule
"""
    flow = synthesized(tmp_path, {"large.v": text})
    (memory,) = memory_folder.read(flow.files["memories"])
    assert (memory.macro.words, memory.macro.bits) == (65536, 64)
    assert len(memory.instances) == 2


def test_a_rom_loads_its_file_and_becomes_logic(tmp_path):
    text = """\
module rom (input wire clk, input wire [1:0] a, output reg [7:0] q);
  reg [7:0] m [0:3];
  initial $readmemh("rom.hex", m);
  always @(posedge clk) q <= m[a];
endmodule
"""
    flow = synthesized(tmp_path, {"rom.v": text, "rom.hex": "01\n02\n03\nff\n"})
    assert flow.metrics["synthesis__memory__count"] == 0
    # Bits 2 to 7 are equal, so one flip-flop serves them.
    assert flow.metrics["synthesis__register__count"] == 3


@PDKS
def test_no_net_but_the_clock_has_too_many_sinks(tmp_path, pdk_name):
    text = """\
module wide (input wire clk, input wire rst_n, input wire en, input wire [99:0] d,
             output reg [99:0] q);
  always @(posedge clk or negedge rst_n) if (!rst_n) q <= 0; else if (en) q <= d;
endmodule
"""
    flow = synthesized(tmp_path, {"wide.v": text}, pdk_name)
    module = gates.read(flow.files["gates_verilog"], "wide")
    loads = Counter(module.bit_net[module.bit_net >= 0].tolist())
    names = {module.net_name[net]: count - 1 for net, count in loads.items()}
    clock = names.pop("clk")
    assert clock == 99
    assert max(names.values()) <= flow.pdk.max_fanout


def test_includes_defines_and_systemverilog(tmp_path):
    text = '`include "width.vh"\nmodule top (input logic clk, input logic [`W-1:0] d,\n'
    text += "  output logic [`W-1:0] q);\n  typedef enum logic {A, B} state_t;\n"
    text += "  always_ff @(posedge clk) q <= d ^ `MASK;\nendmodule\n"
    sources = {"top.sv": text, "width.vh": "`define W 3\n"}
    flow = synthesized(tmp_path, sources, defines=("MASK=(1 << 1)",))
    assert flow.metrics["synthesis__register__count"] == 3


@pytest.mark.parametrize("of_yosys", [False, True], ids=["slang", "Yosys's own front end"])
def test_what_only_a_simulation_does_is_left_out(tmp_path, of_yosys):
    said = '    else if (up && count == 9) $display("nine %d", count);'
    text = COUNTER.replace("    else if (up)", f"{said}\n    else if (up)")
    text = text.replace("endmodule", "  always @(posedge clk) assert (count < 17);\nendmodule")
    if of_yosys:
        text += "`ifdef __slang__\nmodule other; initial $unknown; endmodule\n`endif\n"
    flow = synthesized(tmp_path, {"counter.sv": text})
    assert flow.metrics["synthesis__register__count"] == 4
    assert bool(report(flow)["remarks"]) == of_yosys


def test_an_undriven_net_becomes_zero_and_a_remark(tmp_path):
    text = COUNTER.replace("output wire zero);", "output wire zero, output wire y);\n  wire open;")
    text = text.replace("endmodule", "  assign y = open & up;\nendmodule")
    flow = synthesized(tmp_path, {"counter.v": text})
    assert any("without a driver" in line and "open" in line for line in flow.lines)


def test_a_start_value_of_a_register_is_a_remark(tmp_path):
    text = COUNTER.replace("  assign zero", "  initial count = 3;\n  assign zero")
    flow = synthesized(tmp_path, {"counter.v": text})
    assert any("start value" in line and "count" in line for line in flow.lines)


def with_a_latch() -> str:
    text = COUNTER.replace("output wire zero);", "output wire zero, output reg held);")
    return text.replace("endmodule", "  always @* if (up) held = rst;\nendmodule")


def test_a_latch_is_mapped_and_a_remark(tmp_path):
    flow = synthesized(tmp_path, {"counter.v": with_a_latch()}, "nangate45")
    assert any("counter.v:8: latches: 1" in line for line in flow.lines)
    assert "DLH_X1" in report(flow)["cells"]


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("assign zero = count == 0;", "other u (count, zero);", "other", "rtl ="),
        ("assign zero = count == 0;", "assign zero = count ==;", "expected expression", "lint"),
        ("assign zero = count == 0;", "assign zero = ~(zero & up);", "loop", "register"),
        (
            "assign zero = count == 0;",
            "assign zero = up; assign zero = rst;",
            "more than one driver",
            "one place",
        ),
        (
            "assign zero = count == 0;",
            "assign zero = up ? rst : 1'bz;",
            "no cell for a three-state driver",
            "multiplexer",
        ),
        ("input wire clk", "input wire clock_in", "no input port 'clk'", "clock_in"),
    ],
)
def test_errors_of_the_rtl(tmp_path, old, new, message, hint):
    text = COUNTER.replace(old, new)
    if old == "input wire clk":
        text = text.replace("posedge clk", "posedge clock_in")
    with pytest.raises(InputError) as caught:
        synthesized(tmp_path, {"counter.v": text})
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_an_error_names_the_users_file_and_line(tmp_path):
    with pytest.raises(InputError) as caught:
        synthesized(tmp_path, {"counter.v": COUNTER.replace("count == 0", "count ==")})
    assert caught.value.where == f"{tmp_path / 'design' / 'counter.v'}:3"


@pytest.mark.parametrize(
    ("body", "line", "message", "hint"),
    [
        ("  assign q = en ? d : 1'bz;", 3, "a three-state driver", "multiplexer"),
        (
            "  reg r; assign q = r;\n  always @(posedge clk or posedge en or negedge d)\n"
            "    if (en) r <= 0; else if (!d) r <= 1; else r <= ~r;",
            4,
            "a flip-flop that is both set and reset, or loaded",
            "by one signal",
        ),
        (
            "  reg r; assign q = r;\n  always @(posedge clk or posedge en)\n"
            "    if (en) r <= d; else r <= ~r;",
            4,
            "a flip-flop that is both set and reset, or loaded",
            "reset it to a constant",
        ),
    ],
)
def test_what_the_library_lacks_is_told_with_its_line(tmp_path, body, line, message, hint):
    text = f"module lacks (\n  input clk, input en, input d, output q);\n{body}\nendmodule\n"
    with pytest.raises(InputError) as caught:
        synthesized(tmp_path, {"lacks.v": text})
    assert caught.value.message.startswith(f"the library has no cell for {message}")
    assert caught.value.where == f"{tmp_path / 'design' / 'lacks.v'}:{line}"
    assert hint in (caught.value.hint or "")


def test_a_module_without_logic_is_refused(tmp_path):
    with pytest.raises(InputError, match="nothing is left"):
        synthesized(tmp_path, {"none.v": "module none (input wire a);\nendmodule\n"})
