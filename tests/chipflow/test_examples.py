"""The examples: their test benches pass, notice one broken line, and memories become macros."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from chipflow.design import Design, read_design
from chipflow.pdk import library, memory, yosys_memory
from chipflow.pdk.description import Pdk
from chipflow.stage import StageContext
from chipflow.stages import rtl, synthesize
from chipflow.tools import yosys
from llm_stages import hdl
from llm_stages.verdict import Verdict

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("gcd", "npu_tile")

# One line of RTL as it is and as it must not be.
MUTATIONS = {
    "gcd": [
        ("state == DONE;", "state != IDLE;"),
        ("assign in_ready  = state == IDLE;", "assign in_ready  = 1'b1;"),
        ("assign out_gcd   = a;", "assign out_gcd   = b;"),
        ("state <= IDLE;\n      a", "state <= DONE;\n      a"),
        ("if (in_valid) begin", "begin"),
        ("a <= in_a;", "a <= in_b;"),
        ("if (a < b) begin", "if (a > b) begin"),
        ("else if (b != 16'd0)", "else if (b > 16'd1)"),
        ("a <= a - b;", "a <= a - b - 16'd1;"),
        ("a <= a - b;", "a <= a[14:0] - b[14:0];"),
        ("if (out_ready) state", "if (1'b1) state"),
        ("if (rst) begin", "if (1'b0) begin"),
    ],
    "npu_tile": [
        ("if (strobe[byte_index])", "if (1'b1)"),
        ("acc_out + product;", "acc_out - product;"),
        ("act_in * wgt_in;", "$unsigned(act_in) * $unsigned(wgt_in);"),
        ("wire signed [15:0] product", "wire signed [14:0] product"),
        ("shift ? acc_in : acc_out + product;", "acc_out + product;"),
        (".STAGES(r + 1)", ".STAGES(1)"),
        (".STAGES(c + 1)", ".STAGES(c + 2)"),
        ("& {8{valid}}),\n              .out(act_in)", "),\n              .out(act_in)"),
        ("assign result[24*r+:24]", "assign result[24*(3-r)+:24]"),
        ("FLUSH_LAST = 8'd7;", "FLUSH_LAST = 8'd6;"),
        ("FLUSH_LAST = 8'd7;", "FLUSH_LAST = 8'd8;"),
        ("DRAIN_LAST = 8'd5;", "DRAIN_LAST = 8'd4;"),
        ("2'd3 - count[1:0];", "count[1:0];"),
        ("2'd1 - count[1:0];", "2'd2 - count[1:0];"),
        ("last_k <= instruction[7:0];", "last_k <= instruction[6:0];"),
        ("if (count == last_k)", "if (count >= last_k - 8'd1)"),
        ("error <= 1'b1;", "error <= 1'b0;"),
        ("done <= 1'b0;\n          error <= 1'b0;", "done <= 1'b0;"),
        ("assign with_relu = operands[29];", "assign with_relu = operands[28];"),
        ("{out_tile, column};", "{out_tile[2:0], 1'b0, column};"),
        ("assign out = sum & {32{~(with_relu & sum[31])}};", "assign out = sum;"),
        ("{{8{value[23]}}, value} + bias;", "{8'd0, value} + bias;"),
        ("used_bias <= bias & {32{with_bias}};", "used_bias <= bias;"),
        ("& host_write_data[0] & ~busy;", "& host_write_data[0];"),
        ("assign host_ready = ~in_use;", "assign host_ready = 1'b1;"),
        ("assign host_ready = ~in_use;", "assign host_ready = ~busy;"),
        ("host_access & ~host_write;\n      if", "host_access;\n      if"),
        ("else if (busy) cycles <=", "else cycles <="),
        (".activations(act_bank ? act_data1 : act_data0)", ".activations(act_data0)"),
        ("ACT1: in_use = stream_read & act_bank;", "ACT1: in_use = stream_read;"),
        ("3'd4: target = {2'b01, host_address[7:6]};", "3'd4: target = OUT0;"),
        ("write_data(draining ? out3 :", "write_data(draining ? out2 :"),
        ("WGT1: read_data = wgt_data1;", "WGT1: read_data = wgt_data0;"),
    ],
}


@pytest.fixture(params=NAMES)
def design(request: pytest.FixtureRequest) -> Design:
    return read_design(EXAMPLES / request.param)


def _simulate(design: Design, sources: list[Path], work_dir: Path) -> Verdict:
    if hdl.find_simulator() is None:
        pytest.skip("Icarus Verilog is not installed")
    files = [*design.testbench, *sources]
    return hdl.simulate(files, top=design.testbench_top, work_dir=work_dir, timeout_s=120)


def test_the_rtl_has_no_lint(design: Design):
    report = hdl.lint(design.rtl, top=design.top)
    assert report.diagnostics == ()


def test_the_test_bench_passes(design: Design, tmp_path: Path):
    verdict = _simulate(design, list(design.rtl), tmp_path)
    assert verdict.passed, verdict.log_path.read_text()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [(name, old, new) for name, pairs in MUTATIONS.items() for old, new in pairs],
)
def test_the_test_bench_notices_one_broken_line(name: str, old: str, new: str, tmp_path: Path):
    design = read_design(EXAMPLES / name)
    sources = []
    places = 0
    for source in design.rtl:
        text = source.read_text()
        places += text.count(old)
        sources.append(tmp_path / source.name)
        sources[-1].write_text(text.replace(old, new))
    assert places == 1, f"{old!r} is {places} times in the RTL"
    verdict = _simulate(design, sources, tmp_path / "run")
    assert verdict.status == "failed"
    assert verdict.cause == "exit_code"


def _memories(pdk: Pdk, folder: Path) -> tuple[str, str]:
    """The scripts' files for the macros that npu_tile needs: Liberty names, mapping commands."""
    sizes = [(256, 32), (64, 32)]
    macros = pdk.memories or [memory.generate(pdk, *size, folder / "made") for size in sizes]
    ram_lib, techmap = yosys_memory.write_mapping(macros, folder)
    for macro in macros:
        (folder / macro.liberty.name).symlink_to(macro.liberty)
    names = " ".join(macro.liberty.name for macro in macros)
    return names, f"memory_libmap -lib {ram_lib.name}\ntechmap -map {techmap.name}\n"


@pytest.mark.parametrize(
    ("kit", "big", "small"),
    [
        ("edu45", "edu45_ram_256x32", "edu45_ram_64x32"),
        ("nangate45", "fakeram45_256x32", "fakeram45_64x32"),
    ],
)
def test_each_memory_of_npu_tile_becomes_one_macro(
    kit: str, big: str, small: str, data_file: Callable[[str], Path], tmp_path: Path
):
    if kit == "nangate45":
        data_file("nangate45/nangate45_typ.lib.gz")
    design = read_design(EXAMPLES / "npu_tile")
    libraries, mapping = _memories(library.load(kit), tmp_path)
    for source in design.rtl:
        shutil.copy(source, tmp_path)
    sources = " ".join(source.name for source in design.rtl)
    yosys.run_script(
        f"read_liberty -lib {libraries}\nread_verilog {sources}\n"
        f"hierarchy -top {design.top}\nproc\nflatten\nopt\nmemory -nomap\n{mapping}"
        f"select -assert-none t:$mem_v2\n"
        f"select -assert-count 4 t:{big}\nselect -assert-count 6 t:{small}\n",
        work_dir=tmp_path,
        name="map",
    )


@pytest.mark.slow
@pytest.mark.parametrize("kit", ["edu45", "nangate45"])
def test_the_test_bench_passes_on_gates(
    design: Design, kit: str, data_file: Callable[[str], Path], tmp_path: Path
):
    if kit == "nangate45":
        data_file("nangate45/nangate45_typ.lib.gz")
    pdk = library.load(kit)
    folders = [tmp_path / name for name in ("rtl", "gates")]
    for folder in folders:
        folder.mkdir()
    made = rtl.run(StageContext(design, pdk, {}, folders[0]))
    files = {name: folders[0] / file for name, file in made.files.items()}
    result = synthesize.run(StageContext(design, pdk, files, folders[1]))
    memories = sorted((folders[1] / result.files["memories"]).glob("*.v"))
    gates = [folders[1] / result.files["gates_verilog"], *pdk.cell_verilog, *memories]
    verdict = _simulate(design, gates, tmp_path / "run")
    assert verdict.passed, verdict.log_path.read_text()
