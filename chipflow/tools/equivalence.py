"""Formal comparison of gates with their RTL: a proof, a counterexample, or neither.

The proof cuts both circuits at registers and ports of equal name and shows by induction that they
stay equal once they are (Yosys `equiv_induct`). What it cannot prove may still be equal. So for
the rest a bounded search looks for inputs, from power-up with all registers unknown, that give an
output one defined value in the RTL and the other in the gates. Unknown values only ever spread, so
such a difference is real whatever the registers start with.

Both sides come from Yosys's reading of the sources; a test bench on the gates checks that too.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from chipflow.tools.process import TimeLimit
from chipflow.tools.yosys import YosysError, run_script
from chipflow.tools.yosys_workspace import Workspace, read_sources
from placement_env.formats.gate_module import GateModule, GatePort

Outcome = Literal["proven", "different", "open", "not tried"]

# Beyond this the proof takes minutes and leaves much unproven.
_MOST_CELLS = 4000
_SEARCH_CYCLES = 12

_PROVEN = re.compile(r"Of those cells (\d+) are proven and (\d+) are unproven")
_SEARCHED = re.compile(r"Base case for induction length (\d+) proven")
_FOUND = re.compile(r"model found[a-z ]*: FAIL!")
_INPUT_VALUE = re.compile(r"^ +(\d+) \\in_(\S+) +\S+ +\S+ +([01x]+)$", re.MULTILINE)

_GOLD = """\
hierarchy -check -top {top}
proc
flatten
memory -nomap
memory_map
opt_clean
setundef -undriven -zero
techmap
opt_clean
async2sync
splitnets -format _
rename -unescape
rename -top gold
write_rtlil gold.il
"""

_GATE = """\
read_verilog gates.v
hierarchy -check -top {top}
flatten
opt_clean
async2sync
rename -top gate
design -stash gate
read_rtlil gold.il
design -stash gold
design -copy-from gold -as gold gold
design -copy-from gate -as gate gate
"""

_PROVE = """\
equiv_make gold gate equiv
hierarchy -top equiv
clean -purge
equiv_struct
equiv_simple
equiv_induct -seq 3
equiv_status
"""

_SEARCH = f"""\
read_verilog -sv miter.v
hierarchy -check -top miter
flatten
opt_clean
sat -seq 1 -maxsteps {_SEARCH_CYCLES} -tempinduct-baseonly -set-def-inputs -set-init-undef \
-prove-x trigger 0 -show-inputs -dump_vcd counterexample.vcd miter
"""


@dataclass(frozen=True)
class Equivalence:
    """What the comparison showed.

    Attributes:
        outcome: "proven": all points. "different": a counterexample. "open": not all points are
            proven and no counterexample was found. "not tried": `note` says why.
        note: One sentence.
        proven: Number of registers and outputs proven equal.
        unproven: Number of those not proven; 0 where the proof did not finish.
        searched_cycles: Cycles from power-up in which no output can differ.
        counterexample: Values of the inputs in each cycle of a counterexample.
    """

    outcome: Outcome
    note: str
    proven: int = 0
    unproven: int = 0
    searched_cycles: int = 0
    counterexample: tuple[dict[str, str], ...] = ()


def compare(workspace: Workspace, module: GateModule, *, timeout_s: float) -> Equivalence:
    """Compares a gate-level netlist with the sources of a workspace.

    Args:
        workspace: Prepared with the same top module, defines and PDK as for the synthesis.
        module: The gates, without memory macros.
        timeout_s: Wall time for the proof, and as much again for the search.

    Raises:
        InputError: The sources cannot be read.
    """
    if len(module.instance_name) > _MOST_CELLS:
        cells = f"{len(module.instance_name):,} cells"
        return Equivalence("not tried", f"{cells} are too many to prove; limit {_MOST_CELLS:,}")
    if any(port.direction == "INOUT" for port in module.ports):
        return Equivalence("not tried", "ports of both directions cannot be compared")
    shutil.copyfile(module.source, workspace.folder / "gates.v")
    (workspace.folder / "miter.v").write_text(_miter(module.ports), encoding="utf-8")
    read_sources(workspace, _GOLD.format(top=workspace.top), name="gold")
    libraries = "".join(
        f"read_liberty -ignore_miss_func {name}\n" for name in workspace.cell_libraries
    )
    both = libraries + _GATE.format(top=workspace.top)
    try:
        proven, unproven = _prove(workspace, both, timeout_s)
        if proven and not unproven:
            return Equivalence("proven", f"all {proven} points are proven equal", proven)
        return _search(workspace, both, proven, unproven, timeout_s)
    except YosysError as error:
        return Equivalence("not tried", f"Yosys cannot compare them: {error.text}")


def _prove(workspace: Workspace, both: str, timeout_s: float) -> tuple[int, int]:
    """Numbers of proven and of unproven points; two zeros where time ran out."""
    try:
        log = run_script(
            both + _PROVE, work_dir=workspace.folder, name="prove", timeout_s=timeout_s
        )
    except TimeLimit:
        return 0, 0
    found = _PROVEN.findall(log)
    return (int(found[-1][0]), int(found[-1][1])) if found else (0, 0)


def _search(
    workspace: Workspace, both: str, proven: int, unproven: int, timeout_s: float
) -> Equivalence:
    try:
        log = run_script(
            both + _SEARCH, work_dir=workspace.folder, name="search", timeout_s=timeout_s
        )
    except TimeLimit:
        log = (workspace.folder / "search.log").read_text(encoding="utf-8", errors="replace")
    if _FOUND.search(log):
        cycles = _counterexample(log)
        return Equivalence(
            "different",
            f"an output differs from the RTL {len(cycles)} cycles after power-up",
            proven,
            unproven,
            counterexample=cycles,
        )
    searched = max((int(length) for length in _SEARCHED.findall(log)), default=0)
    points = f"{proven} of {proven + unproven} points are proven equal"
    if not proven + unproven:
        points = "the proof did not finish in time"
    note = f"{points}; no output can differ in the first {searched} cycles"
    return Equivalence("open", note, proven, unproven, searched)


def _counterexample(log: str) -> tuple[dict[str, str], ...]:
    cycles: dict[int, dict[str, str]] = {}
    for cycle, name, value in _INPUT_VALUE.findall(log):
        cycles.setdefault(int(cycle), {})[name] = value
    return tuple(cycles[number] for number in sorted(cycles))


def _miter(ports: Sequence[GatePort]) -> str:
    """Both circuits on the same inputs; `trigger` is 1 where a pair of output bits differs.

    An output bit that is unknown on either side makes no difference.
    """
    inputs = [port for port in ports if port.direction == "INPUT"]
    outputs = [port for port in ports if port.direction == "OUTPUT"]
    ends = [f"input {_wide(port)}in_{port.name}" for port in inputs]
    lines = [f"module miter({', '.join([*ends, 'output trigger'])});"]
    for side in ("gold", "gate"):
        lines += [f"wire {_wide(port)}{side}_{port.name};" for port in outputs]
        pins = [f".{port.name}(in_{port.name})" for port in inputs]
        pins += [f".{port.name}({side}_{port.name})" for port in outputs]
        lines.append(f"{side} {side}_({', '.join(pins)});")
    differ = [f"(|(gold_{port.name} ^ gate_{port.name}))" for port in outputs]
    lines += [f"assign trigger = {' | '.join(differ) or 0};", "endmodule\n"]
    return "\n".join(lines)


def _wide(port: GatePort) -> str:
    return f"[{len(port.bits) - 1}:0] " if len(port.bits) > 1 else ""
