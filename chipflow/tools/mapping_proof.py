"""A proof that mapping to the library kept every function: works for large designs and macros.

Reference is the design in simple gates, made again from the sources by the same Yosys passes as in
the synthesis. Registers and memory macros carry the same names on both sides, so both are cut
there: what they drive becomes inputs, what drives them outputs. ABC's `cec` then compares two
circuits without state. The passes before that cut are not part of the proof.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chipflow.tools import synthesis, synthesis_scripts
from chipflow.tools.equivalence import Proof
from chipflow.tools.memory_folder import UsedMemory
from chipflow.tools.process import TimeLimit, run_logged
from chipflow.tools.yosys import abc_program, run_script
from chipflow.tools.yosys_workspace import Workspace, link_liberty
from placement_env.errors import ChipError

_REGISTER = re.compile(r"\$_\w*(FF|LATCH)\w*_")

# `flatten` names what is inside a cell of the library after the instance.
_INSTANCE = re.compile(r"\$flatten\\(?P<name>[^.]+)\.")

# Libraries and RTL state clocks and resets of either polarity; inverters make them alike.
_POSITIVE = (
    "dfflegalize -cell $_DFF_P_ 01 -cell $_DFF_PP?_ 01 -cell $_DFFSR_PPP_ 01 "
    "-cell $_DLATCH_P_ 01 -cell $_DLATCH_PP?_ 01 -cell $_DLATCHSR_PPP_ 01\n"
)

# ABC's own limits are out of the way: the time limit of the process is the one that counts.
_COMPARE = "cec -T 100000 -C 100000000 reference.blif mapped.blif"

_DIFFERS = re.compile(r"^Output (\S+): Value in", re.MULTILINE)

_WRITE_BLIF = """\
read_json {side}_cut.json
hierarchy -top cut
opt_clean
write_blif {side}.blif
"""


class _NoMatch(ChipError):
    """The two sides cannot be cut at the same places."""


@dataclass(frozen=True)
class _Side:
    """One circuit and where to cut it: registers and memory macros by their common names."""

    module: dict[str, Any]
    registers: dict[str, dict[str, Any]]
    boxes: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class _Points:
    """What is compared: the outputs of the cut circuits, and what they stand for."""

    registers: tuple[str, ...]
    boxes: tuple[str, ...]
    ports: dict[str, dict[str, Any]]

    @property
    def count(self) -> int:
        """Registers, bits of output ports and input bits of macros."""
        outputs = (p for p in self.ports.items() if p[1]["direction"] == "output")
        bits = (len(port["bits"]) for name, port in outputs if not name.startswith("register"))
        return len(self.registers) + sum(bits)

    def in_words(self, output: str) -> str:
        """What an output of the cut circuit stands for, such as register_3_D or port_y[2]."""
        kind, _, rest = output.partition("_")
        number, _, pin = rest.partition("_")
        match kind:
            case "register":
                return f"pin {pin} of the register {self.registers[int(number)]}"
            case "box":
                return f"pin {pin} of {self.boxes[int(number)]}"
        return f"the output {rest}"


def prove_mapping(
    workspace: Workspace,
    gates_verilog: Path,
    memories: Sequence[UsedMemory],
    *,
    min_bits: int,
    timeout_s: float,
) -> Proof:
    """Compares a gate-level netlist with the simple gates that it was mapped from.

    Args:
        workspace: Prepared with the same top module, defines and PDK as for the synthesis.
        gates_verilog: The gates.
        memories: The memory macros in them.
        min_bits: Size from which memories become macros, as for the synthesis.
        timeout_s: Wall time for the comparison.

    Raises:
        InputError: The sources cannot be read.
    """
    shutil.copyfile(gates_verilog, workspace.folder / "gates.v")
    design = synthesis.read_design(workspace)
    synthesis.map_memories(workspace, design, min_bits=min_bits)
    try:
        run_script(_reference(workspace), work_dir=workspace.folder, name="reference")
        run_script(_mapped(workspace, memories), work_dir=workspace.folder, name="mapped")
        points = _cut(workspace)
        for side in ("reference", "mapped"):
            script = _WRITE_BLIF.format(side=side)
            run_script(script, work_dir=workspace.folder, name=f"{side}_blif")
        return _compare(workspace, points, timeout_s)
    except TimeLimit:
        return Proof("open", f"the proof of the mapping did not finish in {timeout_s:g} s")
    except ChipError as error:
        return Proof("not tried", f"no proof of the mapping: {error.message}")


def _reference(workspace: Workspace) -> str:
    liberty = synthesis_scripts.liberty_options(workspace.cell_libraries)
    avoid = synthesis_scripts.avoid_options(workspace.pdk)
    # A register that the RTL keeps although nothing reads it is no register of `gates.v` to Yosys.
    return (
        "read_rtlil mapped.il\n"
        + synthesis_scripts.generic_gates(check_txt="reference_check.txt")
        + f"dfflibmap -prepare{liberty}{avoid}\n"
        + _inside_of_cells(workspace)
        + f"flatten\nsetattr -unset keep\nopt_clean\n{_POSITIVE}simplemap\nrename -unescape\n"
        + "write_json reference.json\n"
    )


def _mapped(workspace: Workspace, memories: Sequence[UsedMemory]) -> str:
    macros = "".join(
        "read_liberty -lib -overwrite -ignore_miss_func "
        + link_liberty(workspace.folder, memory.macro.liberty, f"box_{number}.lib")
        + "\n"
        for number, memory in enumerate(memories)
    )
    # A flip-flop of the library is read as two, one for each output; they are one.
    return (
        _inside_of_cells(workspace)
        + "opt_merge\nopt_clean\n"
        + macros
        + f"read_verilog gates.v\nhierarchy -check -top {workspace.top}\n"
        + f"flatten\nopt_clean\n{_POSITIVE}simplemap\nwrite_json mapped.json\n"
    )


def _inside_of_cells(workspace: Workspace) -> str:
    """Reads the functions of the cells; one without a function stays a box."""
    return "".join(
        f"read_liberty -lib -overwrite -ignore_miss_func {name}\n"
        f"read_liberty -overwrite -ignore_miss_func {name}\n"
        for name in workspace.cell_libraries
    )


def _cut(workspace: Workspace) -> _Points:
    """Writes both circuits without registers and boxes; gives the points to compare."""
    reference, mapped = (_read(workspace, side) for side in ("reference", "mapped"))
    for what in ("registers", "boxes"):
        ours, theirs = getattr(reference, what), getattr(mapped, what)
        if odd := sorted(ours.keys() ^ theirs.keys()):
            raise _NoMatch(f"{len(odd)} {what} are on one side only, such as {odd[0]}")
        for name, cell in ours.items():
            if cell["type"] != theirs[name]["type"]:
                kinds = f"{cell['type']} and {theirs[name]['type']}"
                raise _NoMatch(f"{name} is of two kinds, {kinds}")
    ports: dict[str, dict[str, Any]] = {}
    for name, side, other in (
        ("reference", reference, mapped),
        ("mapped", mapped, reference),
    ):
        ports = dict(_ports(side, other))
        cut = {"modules": {"cut": {"ports": ports, "cells": _logic(side), "netnames": {}}}}
        (workspace.folder / f"{name}_cut.json").write_text(json.dumps(cut), encoding="utf-8")
    return _Points(tuple(sorted(reference.registers)), tuple(sorted(reference.boxes)), ports)


def _read(workspace: Workspace, side: str) -> _Side:
    text = (workspace.folder / f"{side}.json").read_text(encoding="utf-8")
    module = json.loads(text)["modules"][workspace.top]
    registers: dict[str, dict[str, Any]] = {}
    boxes: dict[str, dict[str, Any]] = {}
    for name, cell in module["cells"].items():
        if _REGISTER.fullmatch(cell["type"]):
            inside = _INSTANCE.match(name)
            registers[inside["name"] if inside else name] = cell
        elif not cell["type"].startswith("$"):
            boxes[name] = cell
    return _Side(module, registers, boxes)


def _logic(side: _Side) -> dict[str, Any]:
    return {
        name: cell
        for name, cell in side.module["cells"].items()
        if cell["type"].startswith("$_") and not _REGISTER.fullmatch(cell["type"])
    }


def _ports(side: _Side, other: _Side) -> Iterator[tuple[str, dict[str, Any]]]:
    """The ports of the cut circuit: those of the module, and the pins of what is cut out."""
    for name, port in side.module["ports"].items():
        yield f"port_{name}", {"direction": port["direction"], "bits": port["bits"]}
    for number, (_, cell) in enumerate(sorted(side.registers.items())):
        for pin, bits in sorted(cell["connections"].items()):
            direction = "input" if pin == "Q" else "output"
            yield f"register_{number}_{pin}", {"direction": direction, "bits": bits}
    unused = _unused_bits(side)
    for number, (name, cell) in enumerate(sorted(side.boxes.items())):
        twin = other.boxes[name]["connections"]
        for pin in sorted({*cell["connections"], *twin}):
            width = len(cell["connections"].get(pin, twin.get(pin)))
            bits = cell["connections"].get(pin) or [next(unused) for _ in range(width)]
            direction = "input" if cell["port_directions"].get(pin) == "output" else "output"
            yield f"box_{number}_{pin}", {"direction": direction, "bits": bits}


def _unused_bits(side: _Side) -> Iterator[int]:
    used = [bit for net in side.module["netnames"].values() for bit in net["bits"]]
    bit = max((bit for bit in used if isinstance(bit, int)), default=1)
    while True:
        bit += 1
        yield bit


def _compare(workspace: Workspace, points: _Points, timeout_s: float) -> Proof:
    log_path = workspace.folder / "compare.log"
    run_logged(
        [abc_program(), "-c", _COMPARE],
        cwd=workspace.folder,
        log_path=log_path,
        timeout_s=timeout_s,
    )
    log = log_path.read_text(encoding="utf-8", errors="replace")
    if "Networks are equivalent" in log:
        return Proof("proven", f"the mapping of {points.count:,} points is proven", points.count)
    if "NOT EQUIVALENT" in log:
        found = _DIFFERS.search(log)
        what = points.in_words(found[1]) if found else "an output"
        return Proof("different", f"{what} has another function than in the RTL")
    return Proof("open", "ABC could not decide whether the mapping is right")
