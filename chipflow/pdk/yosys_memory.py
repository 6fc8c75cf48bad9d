"""Tell Yosys which memory macros there are: files for `memory_libmap` and for `techmap`.

Run, after `memory -nomap` or `synth ... -run :fine`, with no memory lowered yet:

    read_liberty -lib MACRO.lib ...        (so that the macros are known black boxes)
    memory_libmap -lib RAM_LIB
    techmap -map TECHMAP

A memory maps to a macro with one port when its RTL reads or writes in a cycle, with a registered
read that keeps its value in a write, and no initial content. It maps to one with two ports when one
port writes and others read with a registered output; there is a macro for each port that reads.
Memories that are wider or deeper than a macro
become several, with address decoding around them; bit and byte masks use w_mask_in. What does not
map stays a memory for `memory_map` to make flip-flops of. `(* ram_style = "logic" *)` on a memory
keeps it out of the macros.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chipflow.pdk.description import MemoryMacro, MemoryPorts
from chipflow.pdk.memory_array import address_bits
from placement_env.errors import InputError
from placement_env.formats import lef

# A flip-flop with its multiplexer takes a few um2 in a 45 nm kit; a macro's cost is in such bits.
_UM2_PER_LOGIC_BIT = 6.0


def write_mapping(macros: Sequence[MemoryMacro], out_dir: Path) -> tuple[Path, Path]:
    """Write the RAM description and the technology map.

    The description offers only whole powers of two: of a macro with 300 words it offers 256.

    Args:
        macros: The macros to choose from; `memory_libmap` takes the cheapest by area.
        out_dir: Where memory_lib.txt and memory_map.v go; it is made if need be.

    Returns:
        The paths of the RAM description and of the technology map.

    Raises:
        InputError: There are no macros, or a LEF does not hold its macro.
    """
    if not macros:
        raise InputError("there is no memory macro to map to", hint="keep memories as flip-flops")
    out_dir.mkdir(parents=True, exist_ok=True)
    ram_lib, techmap = out_dir / "memory_lib.txt", out_dir / "memory_map.v"
    ram_lib.write_text("\n".join(_description(macro) for macro in macros))
    techmap.write_text("\n".join(_techmap(macro) for macro in macros))
    return ram_lib, techmap


def _offered_address_bits(macro: MemoryMacro) -> int:
    """Address bits of the largest power of two that fits in the macro."""
    return macro.words.bit_length() - 1


# The port has a read enable (rden) and not a clock enable (clken): with clken, Yosys 0.70 lets a
# write to one bank of a deep memory read the other banks, and rd_out of those would change.
_PORTS: dict[MemoryPorts, str] = {
    "1rw": """\
  port srsw "A" {
    clock posedge;
    rden;
    wrbe_separate;
    rdwr no_change;
  }
""",
    "1r1w": """\
  port sr "R" {
    clock posedge "C";
    rden;
  }
  port sw "W" {
    clock posedge "C";
    wrbe_separate;
    wrtrans "R" old;
  }
""",
}


def _description(macro: MemoryMacro) -> str:
    found = lef.read(macro.lef).macros.get(macro.name)
    if found is None:
        raise InputError(f"the LEF does not define {macro.name}", where=str(macro.lef))
    cost = max(1, round(found.width_um * found.height_um / _UM2_PER_LOGIC_BIT))
    return f"""\
ram block $__{macro.name} {{
  abits {_offered_address_bits(macro)};
  width {macro.bits};
  byte 1;
  cost {cost};
  init none;
{_PORTS[macro.ports]}}}
"""


def _techmap(macro: MemoryMacro) -> str:
    offered, width = _offered_address_bits(macro), macro.bits
    missing = address_bits(macro.words) - offered
    zeros = f"{missing}'b0, " if missing else ""
    if macro.ports == "1rw":
        clock, reads, writes = "PORT_A_CLK", "PORT_A", "PORT_A"
        inputs = f"input {clock};\n  input [{offered - 1}:0] PORT_A_ADDR;"
        pins = f".ce_in(PORT_A_RD_EN | write),\n    .addr_in({{{zeros}PORT_A_ADDR}}),"
    else:
        clock, reads, writes = "CLK_C", "PORT_R", "PORT_W"
        inputs = (
            f"input {clock}, PORT_R_CLK, PORT_W_CLK;\n"
            f"  input [{offered - 1}:0] PORT_R_ADDR, PORT_W_ADDR;"
        )
        pins = (
            f".re_in(PORT_R_RD_EN),\n    .raddr_in({{{zeros}PORT_R_ADDR}}),\n"
            f"    .waddr_in({{{zeros}PORT_W_ADDR}}),"
        )
    return f"""\
module \\$__{macro.name} (...);
  {inputs}
  input {reads}_RD_EN;
  input {writes}_WR_EN;
  input [{width - 1}:0] {writes}_WR_BE;
  input [{width - 1}:0] {writes}_WR_DATA;
  output [{width - 1}:0] {reads}_RD_DATA;

  // Without masks in the RTL every mask bit is the same net: tie the mask pins instead of wiring
  // the write enable to each.
  parameter _TECHMAP_BITS_CONNMAP_ = 0;
  parameter [{width}*_TECHMAP_BITS_CONNMAP_-1:0] _TECHMAP_CONNMAP_{writes}_WR_BE_ = 0;
  localparam [_TECHMAP_BITS_CONNMAP_-1:0] FIRST = _TECHMAP_CONNMAP_{writes}_WR_BE_;
  localparam WHOLE_WORDS = _TECHMAP_CONNMAP_{writes}_WR_BE_ == {{{width}{{FIRST}}}};

  wire write = WHOLE_WORDS ? {writes}_WR_EN & {writes}_WR_BE[0] : {writes}_WR_EN;

  {macro.name} _TECHMAP_REPLACE_ (
    .clk({clock}),
    {pins}
    .we_in(write),
    .wd_in({writes}_WR_DATA),
    .w_mask_in(WHOLE_WORDS ? {{{width}{{1'b1}}}} : {writes}_WR_BE),
    .rd_out({reads}_RD_DATA)
  );
endmodule
"""
