"""Tell Yosys which memory macros there are: files for `memory_libmap` and for `techmap`.

Run, after `memory -nomap` or `synth ... -run :fine`, with no memory lowered yet:

    read_liberty -lib MACRO.lib ...        (so that the macros are known black boxes)
    memory_libmap -lib RAM_LIB
    techmap -map TECHMAP

A memory maps when its RTL has one port that reads or writes in a cycle, with a registered read that
keeps its value in a write, and no initial content. Memories that are wider or deeper than a macro
become several, with address decoding around them; bit and byte masks use w_mask_in. What does not
map stays a memory for `memory_map` to make flip-flops of. `(* ram_style = "logic" *)` on a memory
keeps it out of the macros.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chipflow.pdk.description import MemoryMacro
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
  port srsw "A" {{
    clock posedge;
    rden;
    wrbe_separate;
    rdwr no_change;
  }}
}}
"""


def _techmap(macro: MemoryMacro) -> str:
    offered, width = _offered_address_bits(macro), macro.bits
    missing = address_bits(macro.words) - offered
    address = "PORT_A_ADDR" if not missing else f"{{{missing}'b0, PORT_A_ADDR}}"
    return f"""\
module \\$__{macro.name} (...);
  input PORT_A_CLK;
  input PORT_A_RD_EN;
  input PORT_A_WR_EN;
  input [{width - 1}:0] PORT_A_WR_BE;
  input [{offered - 1}:0] PORT_A_ADDR;
  input [{width - 1}:0] PORT_A_WR_DATA;
  output [{width - 1}:0] PORT_A_RD_DATA;

  // Without masks in the RTL every mask bit is the same net: tie the mask pins instead of wiring
  // the write enable to each.
  parameter _TECHMAP_BITS_CONNMAP_ = 0;
  parameter [{width}*_TECHMAP_BITS_CONNMAP_-1:0] _TECHMAP_CONNMAP_PORT_A_WR_BE_ = 0;
  localparam [_TECHMAP_BITS_CONNMAP_-1:0] FIRST = _TECHMAP_CONNMAP_PORT_A_WR_BE_;
  localparam WHOLE_WORDS = _TECHMAP_CONNMAP_PORT_A_WR_BE_ == {{{width}{{FIRST}}}};

  wire write = WHOLE_WORDS ? PORT_A_WR_EN & PORT_A_WR_BE[0] : PORT_A_WR_EN;

  {macro.name} _TECHMAP_REPLACE_ (
    .clk(PORT_A_CLK),
    .ce_in(PORT_A_RD_EN | write),
    .we_in(write),
    .addr_in({address}),
    .wd_in(PORT_A_WR_DATA),
    .w_mask_in(WHOLE_WORDS ? {{{width}{{1'b1}}}} : PORT_A_WR_BE),
    .rd_out(PORT_A_RD_DATA)
  );
endmodule
"""
