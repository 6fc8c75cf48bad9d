"""Synthesis with Yosys: read the sources, map memories to macros, map logic to cells."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from chipflow.pdk import memory as memory_generator
from chipflow.pdk import yosys_memory
from chipflow.pdk.description import MemoryMacro, MemoryPorts
from chipflow.pdk.memory_array import address_bits, most_address_bits
from chipflow.tools import netlist_check, netlist_repair, synthesis_scripts
from chipflow.tools.inferred_memories import LOGIC_STYLES, InferredMemory, read_memories
from chipflow.tools.netlist_check import Problem
from chipflow.tools.yosys import YosysError, run_script
from chipflow.tools.yosys_workspace import Workspace, link_liberty, read_sources
from placement_env.errors import InputError

# Flip-flops for more bits than this would take minutes and an area that nobody wants.
_MOST_REGISTER_BITS = 65536

# What `dfflibmap` says of a register that no cell of the library can be made into.
_NO_REGISTER = re.compile(r"\(type (\S+)\) cannot be legalized")


@dataclass(frozen=True)
class WordLevel:
    """A design as it was read, before anything is mapped.

    Attributes:
        slang_note: What slang could not read, so that Yosys's own front end did; else empty.
        memories: All memories that were inferred.
        start_values: Registers that the RTL gives a value before the first clock.
        undriven: Nets without a driver; they become 0.
    """

    slang_note: str
    memories: tuple[InferredMemory, ...]
    start_values: tuple[str, ...]
    undriven: tuple[str, ...]


@dataclass(frozen=True)
class MappedMemories:
    """What became of the memories.

    Attributes:
        macros: The macros that there were to choose from.
        registers: Memories that stay flip-flops, and why.
    """

    macros: tuple[MemoryMacro, ...]
    registers: Mapping[str, str]


@dataclass(frozen=True)
class Gates:
    """A design in cells of the library.

    Attributes:
        cells: Cell type to number of instances, memory macros included.
        area_um2: Area of the standard cells.
        register_count: Number of flip-flops and latches.
        latches: Place of the RTL, as Yosys names it, to the number of latches from there.
        inputs: Names of the input ports.
        instances: Memory macro to the names of its instances.
    """

    cells: Mapping[str, int]
    area_um2: float
    register_count: int
    latches: Mapping[str, int]
    inputs: tuple[str, ...]
    instances: Mapping[str, Sequence[str]]


def read_design(workspace: Workspace) -> WordLevel:
    """Reads the sources down to word level; leaves `word_level.il`.

    Raises:
        InputError: The sources have an error, or a net has more than one driver.
    """
    script = (
        synthesis_scripts.word_level(workspace.top, check_txt="read_check.txt")
        + synthesis_scripts.inspect(memories_json="memories.json", start_values_txt="start.txt")
        + "write_rtlil word_level.il\n"
    )
    slang_note = read_sources(workspace, script, name="read")
    problems = netlist_check.problems(_text(workspace, "read_check.txt"))
    for problem in problems:
        if problem.kind == "conflict":
            raise _error(workspace, problem)
    return WordLevel(
        slang_note=slang_note,
        memories=tuple(read_memories(_json(workspace, "memories.json")["modules"])),
        start_values=tuple(
            name.partition("/")[2] for name in _text(workspace, "start.txt").splitlines()
        ),
        undriven=tuple(problem.what for problem in problems if problem.kind == "undriven"),
    )


def map_memories(workspace: Workspace, design: WordLevel, *, min_bits: int) -> MappedMemories:
    """Maps memories of `min_bits` and more to macros; leaves `mapped.il`.

    Contents that the RTL gives a written memory at the start are dropped: no macro has any.

    Raises:
        InputError: A memory that cannot be a macro is too large for flip-flops.
    """
    wanted = [
        m
        for m in design.memories
        if m.size_bits >= min_bits and not m.obstacle and m.style not in LOGIC_STYLES
    ]
    macros = _available_macros(workspace, wanted)
    read = "read_rtlil word_level.il\n"
    left: set[str] = {memory.name for memory in design.memories}
    if wanted and macros:
        library, technology_map = yosys_memory.write_mapping(macros, workspace.folder)
        script = "".join(
            f"read_liberty -lib -overwrite -ignore_miss_func {name}\n"
            for name in _link_macros(workspace, macros)
        )
        script += synthesis_scripts.map_memories(
            start_values=[m.name for m in wanted if m.has_start_value],
            registers=[m.name for m in design.memories if m not in wanted],
            library=library.name,
            technology_map=technology_map.name,
        )
        script += "write_rtlil mapped.il\nselect t:$mem_v2\nwrite_json -selected left.json\n"
        run_script(read + script, work_dir=workspace.folder, name="memories")
        left = {m.name for m in read_memories(_json(workspace, "left.json")["modules"])}
    else:
        (workspace.folder / "word_level.il").rename(workspace.folder / "mapped.il")
    registers = {
        m.name: _why_registers(m, min_bits, bool(macros)) for m in design.memories if m.name in left
    }
    hint = "give it one port that reads on a clock edge when it does not write"
    if workspace.pdk.memory_generator:
        hint = "write it through one port, and read it on an edge of the same clock"
    for memory in design.memories:
        if memory.name in left and memory.write_ports and memory.size_bits > _MOST_REGISTER_BITS:
            raise InputError(
                f"the memory {memory.name} ({memory.words} x {memory.bits}) would become "
                f"{memory.size_bits} flip-flops: {registers[memory.name]}",
                where=workspace.rtl.place_of_src(memory.place),
                hint=hint,
            )
    return MappedMemories(tuple(macros), registers)


def map_gates(
    workspace: Workspace,
    macros: Sequence[MemoryMacro],
    *,
    clock_port: str,
    period_ns: float,
    port_order: Sequence[str] = (),
) -> Gates:
    """Maps everything to cells; leaves `gates.v`.

    Args:
        workspace: Where `map_memories` left the design.
        macros: The memory macros that the design may use.
        clock_port: Its net gets no buffers.
        period_ns: Clock period to aim at.
        port_order: Names of the ports as the RTL declares them; slang's front end may change
            their order, and test benches may connect by it.

    Raises:
        InputError: Something has no cell in the library, or logic runs in a loop.
    """
    pdk = workspace.pdk
    constraints = f"set_driving_cell {pdk.driving_cell}\nset_load {pdk.output_load_ff}\n"
    (workspace.folder / "abc.constr").write_text(constraints, encoding="utf-8")
    script = (
        "read_rtlil mapped.il\n"
        + synthesis_scripts.generic_gates(check_txt="logic_check.txt")
        + f"select {synthesis_scripts.REGISTERS}\n"
        + "write_json -selected registers.json\nselect -clear\n"
        + synthesis_scripts.cell_mapping(
            pdk, workspace.cell_libraries, period_ns=period_ns, constraints="abc.constr"
        )
        + "write_json cells.json\n"
    )
    try:
        run_script(script, work_dir=workspace.folder, name="gates")
    except YosysError as error:
        if kind := _NO_REGISTER.search(error.message):
            raise _no_cell(workspace, kind[1], "registers.json") from error
        raise
    _refuse_problems(workspace, "logic_check.txt")
    _repair(workspace, clock_port, port_order)
    script = (
        "read_json repaired.json\n"
        + synthesis_scripts.report(
            workspace.cell_libraries, stat_json="stat.json", check_txt="check.txt"
        )
        + "write_verilog -noattr -noexpr -nohex -nodec gates.v\n"
    )
    run_script(script, work_dir=workspace.folder, name="write")
    _refuse_problems(workspace, "check.txt")
    return _gates(workspace, {macro.name for macro in macros})


def _repair(workspace: Workspace, clock_port: str, port_order: Sequence[str]) -> None:
    """Bounds the fan-out of nets that ABC does not see; cells.json to repaired.json."""
    pdk = workspace.pdk
    netlist = _json(workspace, "cells.json")
    module = netlist["modules"][workspace.top]
    if netlist_repair.has_large_net(module, pdk.max_fanout, [clock_port]):
        buffer = netlist_repair.tree_buffer(pdk)
        netlist_repair.bound_fanout(module, buffer, pdk.max_fanout, [clock_port])
    netlist_repair.drop_open_outputs(module)
    netlist_repair.order_ports(module, port_order)
    text = json.dumps(netlist)
    (workspace.folder / "repaired.json").write_text(text, encoding="utf-8")


def _gates(workspace: Workspace, macros: Collection[str]) -> Gates:
    statistics = _json(workspace, "stat.json")["design"]
    module = _json(workspace, "repaired.json")["modules"][workspace.top]
    registers = [
        cell
        for part in _json(workspace, "registers.json")["modules"].values()
        for cell in part["cells"].values()
    ]
    latches = [cell["attributes"].get("src", "") for cell in registers if "LATCH" in cell["type"]]
    instances: dict[str, list[str]] = {}
    for name, cell in module["cells"].items():
        if cell["type"] in macros:
            instances.setdefault(cell["type"], []).append(name)
    return Gates(
        cells=statistics["num_cells_by_type"],
        area_um2=float(statistics.get("area", 0.0)),
        register_count=len(registers),
        latches=dict(sorted(Counter(latches).items())),
        inputs=tuple(n for n, port in module["ports"].items() if port["direction"] == "input"),
        instances=instances,
    )


def _available_macros(workspace: Workspace, wanted: Sequence[InferredMemory]) -> list[MemoryMacro]:
    """The macros that exist as files, and those of each size that is wanted where any can be made.

    Yosys uses whole powers of two of a macro's words, so those are made; of memories that are too
    large for one macro, it makes several.
    """
    macros = list(workspace.pdk.memories)
    if workspace.pdk.memory_generator:
        folder = workspace.folder / "made_macros"
        sizes = {
            (1 << min(address_bits(m.words), most_address_bits(m.bits)), m.bits) for m in wanted
        }
        for words, bits in sorted(sizes):
            for ports in get_args(MemoryPorts):
                macros.append(memory_generator.generate(workspace.pdk, words, bits, folder, ports))
    return macros


def _link_macros(workspace: Workspace, macros: Sequence[MemoryMacro]) -> list[str]:
    return [
        link_liberty(workspace.folder, macro.liberty, f"used_macro_{i}.lib")
        for i, macro in enumerate(macros)
    ]


def _why_registers(memory: InferredMemory, min_bits: int, any_macros: bool) -> str:
    if memory.size_bits < min_bits:
        return f"it has {memory.size_bits} bits, fewer than macros.min_bits = {min_bits}"
    if memory.obstacle:
        return memory.obstacle
    if memory.style in LOGIC_STYLES:
        return f'its attribute asks for that: "{memory.style}"'
    return memory.doubt if any_macros else "the PDK has no memory macros"


def _refuse_problems(workspace: Workspace, check_txt: str) -> None:
    """Raises for the first finding of `check`."""
    for problem in netlist_check.problems(_text(workspace, check_txt)):
        raise _error(workspace, problem)


def _error(workspace: Workspace, problem: Problem) -> InputError:
    if problem.kind == "unmapped":
        return _no_cell(workspace, problem.what, "repaired.json")
    words = {
        "conflict": ("the net {} has more than one driver", "drive it in one place"),
        "undriven": ("the net {} has no driver", "drive it"),
        "loop": ("logic runs in a loop without a register", "put a register into the loop"),
        "other": ("{}", ""),
    }
    message, hint = words[problem.kind]
    where = "; ".join(problem.details[:4])
    if problem.sources:
        where = workspace.rtl.place_of_src(problem.sources[0])
    return InputError(message.format(problem.what), where=where, hint=hint)


def _no_cell(workspace: Workspace, kind: str, cells_json: str) -> InputError:
    """What the library lacks, in the words of RTL, and where that asks for it."""
    what, hint = kind, "use a PDK that has it"
    if "TBUF" in kind:
        what = "a three-state driver"
        hint = "choose between the drivers of the net with a multiplexer"
    elif "LATCH" in kind:
        what = f"a latch of the kind {kind}"
        hint = "use a flip-flop, or fewer sets and resets"
    elif "SR" in kind or "ALDFF" in kind:  # Yosys makes one from the other
        what = f"a flip-flop that is both set and reset, or loaded, without its clock ({kind})"
        hint = "reset it to a constant, by one signal"
    cells = _json(workspace, cells_json)["modules"][workspace.top]["cells"].values()
    places = [cell["attributes"].get("src", "") for cell in cells if cell["type"] == kind]
    where = workspace.rtl.place_of_src(places[0]) if places and places[0] else ""
    return InputError(f"the library has no cell for {what}", where=where, hint=hint)


def _text(workspace: Workspace, name: str) -> str:
    return (workspace.folder / name).read_text(encoding="utf-8")


def _json(workspace: Workspace, name: str) -> dict:
    return json.loads(_text(workspace, name))
