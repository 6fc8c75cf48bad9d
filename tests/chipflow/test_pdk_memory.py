"""Made memories: geometry, timing, behaviour, and mapping of RTL memories to macros by Yosys."""

from __future__ import annotations

import filecmp
import random
import shutil
import subprocess
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipflow.pdk import liberty, library, memory, memory_lef, memory_model, yosys_memory
from chipflow.pdk.description import MemoryMacro, MemoryPorts, Pdk
from chipflow.pdk.memory_array import memory_array
from chipflow.tools import yosys
from placement_env.errors import InputError
from placement_env.formats import lef
from placement_env.formats.lef_library import Macro


@pytest.fixture(scope="module")
def edu45() -> Pdk:
    return library.load("edu45")


def _macro(
    pdk: Pdk, words: int, bits: int, folder: Path, ports: MemoryPorts = "1rw"
) -> tuple[MemoryMacro, Macro]:
    made = memory.generate(pdk, words, bits, folder, ports)
    return made, lef.read([pdk.tech_lef, made.lef]).macros[made.name]


BUSES = ("wd_in", "rd_out", "w_mask_in")
ADDRESSES = {"1rw": ("addr_in",), "1r1w": ("raddr_in", "waddr_in")}
SINGLE = {"1rw": ("clk", "ce_in", "we_in"), "1r1w": ("clk", "re_in", "we_in")}


def _pin_names(words: int, bits: int, ports: MemoryPorts = "1rw") -> set[str]:
    address = max(1, (words - 1).bit_length())
    names = {f"{bus}[{bit}]" for bus in BUSES for bit in range(bits)}
    names |= {f"{bus}[{bit}]" for bus in ADDRESSES[ports] for bit in range(address)}
    return names | set(SINGLE[ports])


@given(
    words=st.integers(2, 4096),
    bits=st.integers(1, 128),
    ports=st.sampled_from(("1rw", "1r1w")),
)
@settings(max_examples=40, deadline=None)
def test_a_memory_of_any_size(
    tmp_path_factory: pytest.TempPathFactory, edu45: Pdk, words: int, bits: int, ports: MemoryPorts
):
    made, macro = _macro(edu45, words, bits, tmp_path_factory.mktemp("memory"), ports)
    assert made.name == f"edu45_ram_{'' if ports == '1rw' else '1r1w_'}{words}x{bits}"
    assert made.ports == ports
    assert macro.macro_class == "BLOCK"
    site = lef.read(edu45.tech_lef).sites[edu45.site]
    for length, step in ((macro.width_um, site.width_um), (macro.height_um, site.height_um)):
        assert length / step == pytest.approx(round(length / step))
    assert macro.width_um * macro.height_um > words * bits * 0.36
    assert {pin for pin in macro.pins if pin not in ("VDD", "VSS")} == _pin_names(
        words, bits, ports
    )
    for pin in macro.pins.values():
        for shape in pin.shapes:
            assert 0 <= shape.left_um < shape.right_um <= macro.width_um
            assert 0 <= shape.bottom_um < shape.top_um <= macro.height_um
            # No obstruction covers a pin.
            for other in macro.obstructions:
                apart_x = other.left_um >= shape.right_um or shape.left_um >= other.right_um
                apart_y = other.bottom_um >= shape.top_um or shape.bottom_um >= other.top_um
                assert other.layer != shape.layer or apart_x or apart_y
    signal = sorted(
        (shape.bottom_um, shape.top_um)
        for pin in macro.pins.values()
        if pin.use in ("SIGNAL", "CLOCK")
        for shape in pin.shapes
        if shape.left_um == 0
    )
    assert len(signal) == len(_pin_names(words, bits, ports))
    assert all(lower[1] < upper[0] for lower, upper in pairwise(signal))

    (cell,) = liberty.read(made.liberty).all("cell")
    assert float(cell.attributes["area"]) == pytest.approx(
        macro.width_um * macro.height_um, rel=1e-5
    )
    kinds = {group.name: group.kind for group in cell.all("pin", "bus")}
    assert kinds == {
        **dict.fromkeys(SINGLE[ports], "pin"),
        **dict.fromkeys((*ADDRESSES[ports], *BUSES), "bus"),
    }


def test_bigger_memories_are_larger_and_slower(edu45: Pdk, tmp_path: Path):
    def area_and_access(words: int, bits: int) -> tuple[float, float]:
        made, macro = _macro(edu45, words, bits, tmp_path)
        (cell,) = liberty.read(made.liberty).all("cell")
        output = next(group for group in cell.all("bus") if group.name == "rd_out")
        table = next(next(output.all("timing")).all("cell_rise"))
        delays = liberty.numbers(table.attributes["values"])
        assert delays[0] < delays[3] < delays[-1]  # with load, then with slew
        return macro.width_um * macro.height_um, delays[0]

    sizes = [area_and_access(words, 32) for words in (64, 256, 1024, 4096)]
    for smaller, bigger in pairwise(sizes):
        assert smaller[0] < bigger[0]
        assert smaller[1] < bigger[1]


def test_a_second_port_takes_area(edu45: Pdk, tmp_path: Path):
    sizes = []
    for ports in ("1rw", "1r1w"):
        _, macro = _macro(edu45, 1024, 32, tmp_path, ports)
        sizes.append(macro.width_um * macro.height_um)
    assert 1.15 < sizes[1] / sizes[0] < 1.4


def test_the_same_memory_is_made_of_the_same_bytes(edu45: Pdk, tmp_path: Path):
    first = memory.generate(edu45, 300, 12, tmp_path / "first")
    second = memory.generate(edu45, 300, 12, tmp_path / "second")
    for one, other in zip(_files(first), _files(second), strict=True):
        assert one.name == other.name
        assert filecmp.cmp(one, other, shallow=False)
        assert "never for a foundry" in one.read_text()[:200]


def _files(macro: MemoryMacro) -> tuple[Path, ...]:
    return macro.lef, macro.liberty, macro.verilog


@pytest.mark.parametrize(("words", "bits"), [(1, 8), (0, 8), (8, 0), (1 << 20, 64)])
def test_sizes_out_of_range_are_refused(edu45: Pdk, tmp_path: Path, words: int, bits: int):
    with pytest.raises(InputError, match=f"{words} words of {bits} bits"):
        memory.generate(edu45, words, bits, tmp_path)


def test_a_kit_without_a_generator_says_so(data_file: Callable[[str], Path], tmp_path: Path):
    data_file("nangate45/nangate45_typ.lib.gz")
    with pytest.raises(InputError, match="nangate45 cannot make memories"):
        memory.generate(library.load("nangate45"), 64, 8, tmp_path)


def test_a_narrow_memory_still_has_both_supplies(edu45: Pdk):
    process = edu45.memory_generator
    assert process
    text = memory_lef.text("m", memory_array(process, 2, 1), process, "label")
    assert text.count("PIN VDD") == text.count("PIN VSS") == 1
    assert text.count("LAYER metal4 ;\n        RECT") == 2


def test_outlines_hold_every_memory_with_its_pins(edu45: Pdk, tmp_path: Path):
    kdb = pytest.importorskip("klayout.db")
    made = [_macro(edu45, words, 8, tmp_path) for words in (64, 128)]
    memory.outline_gds(edu45, [macro for macro, _ in made], tmp_path / "outlines.gds")
    layout = kdb.Layout()
    layout.read(str(tmp_path / "outlines.gds"))
    for macro, drawn in made:
        cell = layout.cell(macro.name)
        outline = layout.find_layer(*edu45.gds_layers["outline"])
        box = kdb.DBox(0, 0, drawn.width_um, drawn.height_um)
        assert cell.dbbox_per_layer(outline) == box
        metal3 = cell.shapes(layout.find_layer(*edu45.gds_layers["metal3"]))
        assert metal3.size() == len(_pin_names(macro.words, 8))


BENCH = """
module tb;
  reg clk = 0, ce = 0, we = 0; reg [2:0] a = 0; reg [3:0] d = 0, m = 0; wire [3:0] q;
  ram dut (.clk(clk), .ce_in(ce), .we_in(we), .addr_in(a), .wd_in(d), .w_mask_in(m), .rd_out(q));
  task cycle(input c, input w, input [2:0] at, input [3:0] data, input [3:0] mask);
    begin
      ce = c; we = w; a = at; d = data; m = mask;
      #1 clk = 1; #1 $write("%b ", q); clk = 0; #1;
    end
  endtask
  initial begin
    cycle(1, 1, 3, 4'b1010, 4'b1111);  // nothing was read yet
    cycle(1, 0, 3, 0, 0);              // reads 1010
    cycle(1, 1, 3, 4'b0101, 4'b0011);  // a write leaves the output alone
    cycle(0, 0, 3, 0, 0);              // so does an idle cycle
    cycle(1, 0, 3, 0, 0);              // two bits were written
    cycle(0, 1, 3, 4'b1111, 4'b1111);  // not enabled: not written
    cycle(1, 0, 3, 0, 0);
    cycle(1, 0, 7, 0, 0);              // beyond the sixth word
    cycle(1, 0, 3, 0, 0);
    cycle(1'bx, 0, 3, 0, 0);           // an unknown enable spoils the output
  end
endmodule
"""


def test_the_model_behaves_as_documented(tmp_path: Path):
    (tmp_path / "ram.v").write_text(memory_model.verilog("ram", 6, 4, "label"))
    (tmp_path / "tb.v").write_text(BENCH)
    printed = _simulate(["tb.v", "ram.v"], tmp_path)
    expected = "xxxx 1010 1010 1010 1001 1001 1001 xxxx 1001 xxxx"
    assert printed.split() == expected.split()


BENCH_OF_TWO_PORTS = """
module tb;
  reg clk = 0, re = 0, we = 0; reg [2:0] ra = 0, wa = 0; reg [3:0] d = 0, m = 0; wire [3:0] q;
  ram dut (.clk(clk), .re_in(re), .raddr_in(ra), .rd_out(q),
    .we_in(we), .waddr_in(wa), .wd_in(d), .w_mask_in(m));
  task cycle(input r, input [2:0] from, input w, input [2:0] to, input [3:0] data,
      input [3:0] mask);
    begin
      re = r; ra = from; we = w; wa = to; d = data; m = mask;
      #1 clk = 1; #1 $write("%b ", q); clk = 0; #1;
    end
  endtask
  initial begin
    cycle(0, 3, 1, 3, 4'b1010, 4'b1111);  // nothing was read yet
    cycle(1, 3, 1, 3, 4'b0101, 4'b0011);  // reads 1010: the word from before the write
    cycle(1, 3, 1, 5, 4'b1111, 4'b1111);  // two bits were written; a write elsewhere
    cycle(0, 5, 1, 3, 4'b0000, 4'b1111);  // no read: the output stays
    cycle(1, 5, 0, 5, 4'b0000, 4'b1111);  // both at once, and not enabled: not written
    cycle(1, 3, 0, 0, 0, 0);
    cycle(1, 7, 0, 0, 0, 0);              // beyond the sixth word
    cycle(1, 5, 1'bx, 3, 0, 0);           // an unknown enable spoils the word
    cycle(1, 3, 0, 0, 0, 0);
    cycle(1, 5, 0, 0, 0, 0);
    cycle(1'bx, 5, 0, 0, 0, 0);           // or the output
  end
endmodule
"""


def test_the_model_with_two_ports_behaves_as_documented(tmp_path: Path):
    (tmp_path / "ram.v").write_text(memory_model.verilog("ram", 6, 4, "label", "1r1w"))
    (tmp_path / "tb.v").write_text(BENCH_OF_TWO_PORTS)
    printed = _simulate(["tb.v", "ram.v"], tmp_path)
    expected = "xxxx 1010 1001 1001 1111 0000 xxxx 1111 xxxx 1111 xxxx"
    assert printed.split() == expected.split()


def _simulate(sources: Sequence[str | Path], folder: Path) -> str:
    if not shutil.which("iverilog"):
        pytest.skip("iverilog is not installed")
    command = ["iverilog", "-g2012", "-s", "tb", "-o", "tb", *sources]
    subprocess.run(command, check=True, cwd=folder)
    run = subprocess.run(
        ["vvp", "-n", "tb"], check=True, cwd=folder, capture_output=True, text=True, timeout=60
    )
    return run.stdout


def _rtl(name: str, words: int, bits: int, address_bits: int, byte: int) -> str:
    """A single-port memory with a write strobe for every `byte` bits."""
    return f"""
module {name} (input clk, input ce, input we, input [{bits // byte - 1}:0] be,
    input [{address_bits - 1}:0] a, input [{bits - 1}:0] d, output reg [{bits - 1}:0] q);
  reg [{bits - 1}:0] mem [0:{words - 1}];
  integer i;
  always @(posedge clk) if (ce) begin
    if (we) begin
      for (i = 0; i < {bits // byte}; i = i + 1)
        if (be[i]) mem[a][{byte}*i +: {byte}] <= d[{byte}*i +: {byte}];
    end else q <= mem[a];
  end
endmodule
"""


# Words, bits, bits a strobe: whole words and masks; one macro and several, deeper and wider.
SHAPES = [(256, 32, 32), (256, 32, 8), (512, 64, 64), (300, 24, 24), (1024, 40, 8), (64, 96, 96)]


@pytest.mark.parametrize("kit", ["edu45", "nangate45"])
def test_rtl_memories_become_macros_that_behave_alike(
    kit: str, data_file: Callable[[str], Path], tmp_path: Path
):
    if kit == "nangate45":
        data_file("nangate45/nangate45_typ.lib.gz")
    pdk = library.load(kit)
    sizes = [(256, 32), (300, 24), (512, 32), (64, 96)]
    macros = pdk.memories or [memory.generate(pdk, *size, tmp_path / "made") for size in sizes]
    modules, lines, instances = [], [], []
    for number, (words, bits, byte) in enumerate(SHAPES):
        address = (words - 1).bit_length()
        modules.append(_rtl(f"m{number}", words, bits, address, byte))
        a = f"at % {words}"
        lines.append(f"wire [{bits - 1}:0] r{number}, g{number};")
        lines.append(f"wire [{address - 1}:0] a{number} = {a};")
        for kind in ("m", "g"):
            output = {"m": "r", "g": "g"}[kind]
            instances.append(
                f"{kind}{number} {kind}_{number} (.clk(clk), .ce(ce), .we(we), "
                f".be(be[{bits // byte - 1}:0]), .a(a{number}), .d(data[{bits - 1}:0]), "
                f".q({output}{number}));"
            )
    rtl = "".join(modules)
    (tmp_path / "rtl.v").write_text(rtl)
    different, known = _map_to_macros(macros, len(SHAPES), tmp_path)
    seed = random.Random(kit).randrange(1 << 30)
    (tmp_path / "tb.v").write_text(f"""
module tb;
  reg clk = 0, ce = 0, we = 0; reg [4:0] be = 0; reg [11:0] at = 0; reg [95:0] data = 0;
  integer i, seed = {seed}, compared = 0;
  {" ".join(lines)}
  {" ".join(instances)}
  always #1 clk = ~clk;
  initial begin
    for (i = 0; i < 6000; i = i + 1) begin
      @(negedge clk);
      if (compared > 0 && ({different})) $fatal(1, "a memory differs in cycle %0d", i);
      if (compared == 0 && {known}) compared = 1;
      ce = i < 1200 || $random(seed) % 4 != 0;
      we = i < 1024 || (i > 1200 && $random(seed) % 2);
      be = i < 1024 ? 5'h1f : $random(seed);
      at = i < 1024 ? i : $random(seed);
      if (i % 3 == 0 && i > 1200) at = at % 16;
      data = {{$random(seed), $random(seed), $random(seed)}};
    end
    $display("compared %0d", compared);
    $finish;
  end
endmodule
""")
    models = [*pdk.cell_verilog, *(macro.verilog for macro in macros)]
    assert _simulate(["tb.v", "rtl.v", "gates.v", *models], tmp_path) == "compared 1\n"
    mapped = (tmp_path / "gates.v").read_text()
    assert "w_mask_in(32'd4294967295)" in mapped  # whole words need no mask wires


def _map_to_macros(
    macros: Sequence[MemoryMacro], count: int, folder: Path, checks: Sequence[str] = ()
) -> tuple[str, str]:
    """Maps the memories of m0, m1 ... in rtl.v, and writes those modules as g0, g1 ... to gates.v.

    Gives when outputs r0, r1 ... and g0, g1 ... differ, and when all of the former are known.
    """
    ram_lib, techmap = yosys_memory.write_mapping(macros, folder)
    libraries = " ".join(_local(macro.liberty, folder) for macro in macros)
    script = [f"read_liberty -lib {libraries}", "read_verilog rtl.v"]
    script += ["proc", "opt", "memory -nomap", f"memory_libmap -lib {ram_lib.name}"]
    script += [f"techmap -map {techmap.name}", "select -assert-none t:$mem_v2", *checks]
    # Vectors whose bits depend on each other would make the simulation very slow.
    script += ["opt_expr -mux_undef", "splitnets", "opt_clean"]
    script += [f"rename m{n} g{n}" for n in range(count)]
    script += ["write_verilog -noattr gates.v"]
    yosys.run_script("\n".join(script) + "\n", work_dir=folder, name="map")
    different = " || ".join(f"r{n} !== g{n}" for n in range(count))
    return different, " && ".join(f"^r{n} !== 1'bx" for n in range(count))


def _two_port_rtl(name: str, words: int, bits: int, address_bits: int, style: str) -> str:
    """A memory that is written and read in one cycle; `style` says how."""
    widths = f"[{address_bits - 1}:0]"
    read = {
        "old": "if (re) q <= mem[ra];",
        "new": "if (re) q <= we && wa == ra ? d : mem[ra];",
        "always": "q <= mem[ra];",
        "masked": "if (re) q <= mem[ra];",
        "twice": "if (re) one <= mem[ra]; two <= mem[ma];",
    }[style]
    write = "if (we) mem[wa] <= d;"
    if style == "masked":
        write = f"for (i = 0; i < {bits // 8}; i = i + 1)\n"
        write += "      if (we && m[i]) mem[wa][8*i +: 8] <= d[8*i +: 8];"
    both = f"reg [{bits - 1}:0] one, two; always @* q = one ^ {{two[0], two[{bits - 1}:1]}};"
    return f"""
module {name} (input clk, input re, input we, input {widths} ra, input {widths} wa,
    input {widths} ma, input [3:0] m, input [{bits - 1}:0] d, output reg [{bits - 1}:0] q);
  (* ram_style = "block" *) reg [{bits - 1}:0] mem [0:{words - 1}];
  integer i;
  {both if style == "twice" else ""}
  always @(posedge clk) begin
    {write}
    {read}
  end
endmodule
"""


#: Words, bits, how it reads and writes, and how many macros of 256 x 32 that takes.
TWO_PORT_SHAPES = [
    (256, 32, "old", 1),
    (256, 32, "new", 1),
    (256, 32, "always", 1),
    (256, 32, "masked", 1),
    (256, 32, "twice", 2),
    (512, 32, "old", 2),
    (200, 64, "new", 2),
]


def test_rtl_that_reads_and_writes_at_once_becomes_macros_that_behave_alike(
    edu45: Pdk, tmp_path: Path
):
    folder = tmp_path / "made"
    macros = [memory.generate(edu45, 256, 32, folder, ports) for ports in ("1rw", "1r1w")]
    modules, instances = [], []
    for number, (words, bits, style, _) in enumerate(TWO_PORT_SHAPES):
        address = (words - 1).bit_length()
        modules.append(_two_port_rtl(f"m{number}", words, bits, address, style))
        instances.append(f"wire [{bits - 1}:0] r{number}, g{number};")
        for kind, output in (("m", "r"), ("g", "g")):
            at = ", ".join(f".{pin}(x{pin} % {words})" for pin in ("ra", "wa", "ma"))
            instances.append(
                f"{kind}{number} {kind}_{number} (.clk(clk), .re(re), .we(we), {at}, .m(m), "
                f".d(data[{bits - 1}:0]), .q({output}{number}));"
            )
    (tmp_path / "rtl.v").write_text("".join(modules))
    checks = [
        f"select -assert-count {wanted} m{n}/t:{macros[1].name}"
        for n, (*_, wanted) in enumerate(TWO_PORT_SHAPES)
    ]
    different, known = _map_to_macros(macros, len(TWO_PORT_SHAPES), tmp_path, checks)
    (tmp_path / "tb.v").write_text(f"""
module tb;
  reg clk = 0, re = 0, we = 0; reg [9:0] xra = 0, xwa = 0, xma = 0; reg [3:0] m = 0;
  reg [63:0] data = 0;
  integer i, seed = 7, compared = 0, met = 0;
  {" ".join(instances)}
  always #1 clk = ~clk;
  initial begin
    for (i = 0; i < 6000; i = i + 1) begin
      @(negedge clk);
      if (i > 600 && ({different})) $fatal(1, "a memory differs in cycle %0d", i);
      if ({known}) compared = compared + 1;
      re = $random(seed) % 4 != 0;
      we = i < 520 || $random(seed) % 2;
      m = i < 520 ? 4'hf : $random(seed);
      xwa = i < 520 ? i : $random(seed);
      xra = $random(seed) % 3 ? xwa : $random(seed);
      xma = $random(seed);
      if (re && we && xra == xwa) met = met + 1;
      data = {{$random(seed), $random(seed)}};
    end
    $display("%0d %0d", compared > 5000, met > 1000);
    $finish;
  end
endmodule
""")
    models = [*edu45.cell_verilog, *(macro.verilog for macro in macros)]
    assert _simulate(["tb.v", "rtl.v", "gates.v", *models], tmp_path) == "1 1\n"


def _local(path: Path, folder: Path) -> str:
    """A name without spaces for a file, in the folder where Yosys runs."""
    link = folder / path.name
    link.symlink_to(path)
    return link.name


def test_a_mapping_needs_macros(tmp_path: Path):
    with pytest.raises(InputError, match="no memory macro"):
        yosys_memory.write_mapping([], tmp_path)
