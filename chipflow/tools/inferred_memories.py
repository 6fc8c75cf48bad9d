"""The memories that Yosys found in a design, and why one cannot become a memory macro.

Reads the `$mem_v2` cells of a netlist that `write_json` wrote after `memory -nomap`. Macros have
one port, to read or write at one address in a cycle, or one to read and one to write; reads are
registered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Attributes of a memory in RTL by which it asks for a kind of cell, as `memory_libmap` knows them.
STYLE_ATTRIBUTES = (
    "ram_block",
    "rom_block",
    "ram_style",
    "rom_style",
    "ramstyle",
    "romstyle",
    "syn_ramstyle",
    "syn_romstyle",
)
#: What they say of a memory that is to become flip-flops.
LOGIC_STYLES = ("logic", "registers")


@dataclass(frozen=True)
class InferredMemory:
    """A memory of the design before it is mapped.

    Attributes:
        name: Hierarchical name in the flattened design.
        words: Number of words.
        bits: Bits in a word.
        place: `file:line` of its declaration as Yosys named it; may be empty.
        read_ports: Number of read ports.
        write_ports: Number of write ports.
        obstacle: Why it cannot be a macro; empty where it may be one.
        doubt: Why it may not be one with a single port: Yosys tries, and knows more about when
            ports are active.
        has_start_value: The RTL gives it contents before the first write.
        style: What its attributes ask for, in the words of Yosys, such as "block"; may be empty.
    """

    name: str
    words: int
    bits: int
    place: str
    read_ports: int
    write_ports: int
    obstacle: str
    doubt: str
    has_start_value: bool
    style: str = ""

    @property
    def size_bits(self) -> int:
        """Words times bits."""
        return self.words * self.bits


def read_memories(modules: Mapping[str, Any]) -> list[InferredMemory]:
    """The memories in the modules of a Yosys JSON netlist, by name."""
    return sorted(
        (
            _memory(name, cell)
            for module in modules.values()
            for name, cell in module["cells"].items()
            if cell["type"] == "$mem_v2"
        ),
        key=lambda memory: memory.name,
    )


def _memory(name: str, cell: dict[str, Any]) -> InferredMemory:
    parameters, pins = cell["parameters"], cell["connections"]
    read_ports, write_ports = int(parameters["RD_PORTS"], 2), int(parameters["WR_PORTS"], 2)
    return InferredMemory(
        name=name,
        words=int(parameters["SIZE"], 2),
        bits=int(parameters["WIDTH"], 2),
        place=cell.get("attributes", {}).get("src", ""),
        read_ports=read_ports,
        write_ports=write_ports,
        obstacle=_obstacle(parameters, pins, read_ports, write_ports),
        doubt=_doubt(pins, read_ports),
        has_start_value=not set(parameters["INIT"]) <= {"x"},
        style=_style(cell.get("attributes", {})),
    )


def _style(attributes: Mapping[str, Any]) -> str:
    for name in STYLE_ATTRIBUTES:
        if value := str(attributes.get(name, "")).strip().lower():
            return value if set(value) - {"0", "1"} else "block"  # the mere attribute is 1
    return ""


def _obstacle(
    parameters: dict[str, str], pins: dict[str, list[int | str]], read_ports: int, write_ports: int
) -> str:
    if write_ports == 0:
        return "it is never written, so it becomes logic"
    if write_ports > 1:
        return f"it has {write_ports} write ports"
    if read_ports == 0:
        return "it is never read"
    if "0" in parameters["RD_CLK_ENABLE"][-read_ports:]:
        return "it is read without a clock edge; register the output of the read"
    if {*pins["RD_CLK"]} != {*pins["WR_CLK"]}:
        return "it is read and written by different clocks"
    if {*parameters["RD_CLK_POLARITY"][-read_ports:]} != {parameters["WR_CLK_POLARITY"][-1]}:
        return "it is read and written at different clock edges"
    return ""


def _doubt(pins: dict[str, list[int | str]], read_ports: int) -> str:
    if read_ports > 1:
        return f"it has {read_ports} read ports"
    if pins["RD_ADDR"] != pins["WR_ADDR"]:
        return "it may read and write at different addresses in one cycle"
    return "it may read and write in one cycle; read only where it does not write"
