"""A proof that gates are equal to their RTL, for small designs.

Both circuits are cut at registers and ports of equal name. Induction then shows that they stay
equal for all inputs once they are (Yosys `equiv_induct`). What is not proven may still be equal.
The reference is the RTL as Yosys reads it, before any optimisation.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from typing import Literal

from chipflow.tools.process import TimeLimit
from chipflow.tools.yosys import YosysError, run_script
from chipflow.tools.yosys_workspace import Workspace, read_sources
from placement_env.formats.gate_module import GateModule

Outcome = Literal["proven", "different", "open", "not tried"]

# Beyond this the proof takes minutes and leaves much unproven.
_MOST_CELLS = 2000

_RESULT = re.compile(r"Of those cells (\d+) are proven and (\d+) are unproven")

_REFERENCE = """\
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

_PROVE = """\
read_verilog gates.v
hierarchy -check -top {top}
flatten
opt_clean
async2sync
rename -top gate
read_rtlil gold.il
equiv_make gold gate equiv
hierarchy -top equiv
clean -purge
equiv_struct
equiv_simple
equiv_induct -seq 3
equiv_status
"""


@dataclass(frozen=True)
class Proof:
    """What a formal comparison showed.

    Attributes:
        outcome: "proven": all points. "different": some point differs. "open": not all points are
            proven, and none is known to differ. "not tried": `note` says why.
        note: One sentence.
        proven: Number of registers, outputs and memory pins proven equal.
        unproven: Number of those not proven, where it is known.
    """

    outcome: Outcome
    note: str
    proven: int = 0
    unproven: int = 0


def prove_equal(workspace: Workspace, module: GateModule, *, timeout_s: float) -> Proof:
    """Compares a gate-level netlist with the sources of a workspace.

    Args:
        workspace: Prepared with the same top module, defines and PDK as for the synthesis.
        module: The gates, without memory macros.
        timeout_s: Wall time for the proof.

    Raises:
        InputError: The sources cannot be read.
    """
    if len(module.instance_name) > _MOST_CELLS:
        return Proof("not tried", f"more than {_MOST_CELLS:,} cells are too many")
    if any(port.direction == "INOUT" for port in module.ports):
        return Proof("not tried", "ports of both directions cannot be compared")
    shutil.copyfile(module.source, workspace.folder / "gates.v")
    read_sources(workspace, _REFERENCE.format(top=workspace.top), name="gold")
    libraries = "".join(
        f"read_liberty -ignore_miss_func {name}\n" for name in workspace.cell_libraries
    )
    script = libraries + _PROVE.format(top=workspace.top)
    try:
        log = run_script(script, work_dir=workspace.folder, name="prove", timeout_s=timeout_s)
    except TimeLimit:
        return Proof("open", f"the proof did not finish in {timeout_s:g} s")
    except YosysError as error:
        return Proof("not tried", f"Yosys cannot compare them: {error.text}")
    proven, unproven = (int(number) for number in _RESULT.findall(log)[-1])
    if unproven:
        note = f"{proven} of {proven + unproven} points are proven equal to the RTL"
        return Proof("open", note, proven, unproven)
    return Proof("proven", f"all {proven} points are proven equal to the RTL", proven)
