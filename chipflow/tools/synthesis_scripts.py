"""The Yosys scripts of synthesis: to word level, memories to macros, logic to cells."""

from __future__ import annotations

from collections.abc import Sequence

from chipflow.pdk.description import Pdk
from chipflow.tools.inferred_memories import STYLE_ATTRIBUTES

#: Selects flip-flops and latches before they become cells of a library.
REGISTERS = "t:$_*FF*_ t:$_*LATCH*_"

# Maps to gates, then bounds the fan-out with buffers and sizes all gates for the load that they
# drive. ABC's default for a Liberty library leaves nets of any fan-out on the smallest driver.
_ABC_COMMANDS = (
    "strash; ifraig; scorr; dc2; dc2; strash; &get -n; &st; &dch; &nf; &put; "
    "buffer -c -N {max_fanout}; topo; stime -p; upsize -c; dnsize -c; stime -p"
)


def word_level(top: str, *, check_txt: str) -> str:
    """Flattens and optimises what was read, down to operators, registers and memories.

    State machines keep the encoding of the RTL, so that gates can be proven equal to it.

    Args:
        top: Top module.
        check_txt: Gets what is wrong with the design as it was read.
    """
    return f"""\
hierarchy -check -top {top}
proc
flatten
tee -q -o {check_txt} check
synth -top {top} -flatten -nofsm -latches info -run coarse:fine
"""


def inspect(*, memories_json: str, start_values_txt: str) -> str:
    """Writes the memories as JSON, and the names of registers with a start value."""
    return f"""\
select t:$mem_v2
write_json -selected {memories_json}
select -clear
tee -q -o {start_values_txt} select -list w:* a:init %i
"""


def map_memories(
    *,
    start_values: Sequence[str],
    registers: Sequence[str],
    library: str,
    technology_map: str,
) -> str:
    """Turns memories into macros.

    Args:
        start_values: Memories whose contents before the first write are dropped.
        registers: Memories that are not to become macros.
        library: RAM description for `memory_libmap`.
        technology_map: Verilog that maps those RAMs to macros.
    """
    lines = [f"setparam -set INIT 1'x c:{name}" for name in start_values]
    # RTL that was written for an FPGA asks for its kinds of RAM, without which Yosys would fail.
    lines += [f"setattr -unset {attribute} t:$mem_v2" for attribute in STYLE_ATTRIBUTES]
    lines += [f'setattr -set ram_style "logic" c:{name}' for name in registers]
    # Flip-flops count as dear, so that a memory becomes a macro where it can. The cost of
    # a whole memory must stay below 2**31.
    lines.append(f"memory_libmap -lib {library} -logic-cost-ram 100")
    lines += [f"techmap -map {technology_map}", "opt_clean"]
    return "\n".join(lines) + "\n"


def generic_gates(*, check_txt: str) -> str:
    """Turns operators into simple gates, and names each register after the net that it drives.

    Nothing is unknown afterwards, so what follows keeps the function of every net that it keeps.

    Args:
        check_txt: Gets what is wrong before the mapping, when loops can still be seen.
    """
    return f"""\
opt -fast -full
memory_map
opt -undriven -fine
setundef -undriven -zero
techmap
opt -fast
setundef -zero
opt_clean -purge
tee -q -o {check_txt} check
rename -wire -suffix _reg {REGISTERS}
rename -enumerate -pattern unnamed_%_reg {REGISTERS}
rename -unescape {REGISTERS}
"""


def cell_mapping(pdk: Pdk, libraries: Sequence[str], *, period_ns: float, constraints: str) -> str:
    """Maps simple gates to the cells of a library.

    Names come out as plain Verilog identifiers, so that they are the same in Verilog, DEF and
    SPEF. No net is an alias of another and no pin is constant: ports get buffers, constants cells.

    Args:
        pdk: Cells to use and to avoid.
        libraries: Liberty files of the standard cells.
        period_ns: Clock period that ABC aims at.
        constraints: File with the driving cell and load of ABC.
    """
    liberty, avoid = liberty_options(libraries), avoid_options(pdk)
    commands = _ABC_COMMANDS.format(max_fanout=pdk.max_fanout)
    abc = commands.replace("; ", ";").replace(" ", ",")
    buffer, high, low = (" ".join(cell) for cell in (pdk.buffer, pdk.tie_high, pdk.tie_low))
    return f"""\
dfflibmap{liberty}{avoid}
opt
abc -script +{abc} -constr {constraints}{liberty}{avoid} -D {period_ns * 1000:.0f}
setundef -zero
hilomap -hicell {high} -locell {low}
opt_clean -purge
insbuf -buf {buffer}
splitnets -format _
opt_clean -purge
rename -enumerate
rename -unescape
"""


def liberty_options(libraries: Sequence[str]) -> str:
    """The libraries as options of a command."""
    return "".join(f" -liberty {name}" for name in libraries)


def avoid_options(pdk: Pdk) -> str:
    """The cells that synthesis must not choose as options of a command."""
    return "".join(f" -dont_use {pattern}" for pattern in pdk.dont_use)


def report(libraries: Sequence[str], *, stat_json: str, check_txt: str) -> str:
    """Counts cells and area, and lists what is wrong with the netlist."""
    return f"""\
tee -q -o {check_txt} check -mapped
tee -q -o {stat_json} stat -json{liberty_options(libraries)}
"""
