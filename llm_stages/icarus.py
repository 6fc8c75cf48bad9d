"""Icarus Verilog: finds it, preprocesses, compiles and runs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from llm_stages.judge import LAST_TICK, Judge
from llm_stages.sandbox import Completed
from llm_stages.text_files import head

NAME = "Icarus Verilog"
VERSION_SWITCH = "-V"
INSTALL = "install it (Debian: apt install iverilog)"
#: What a path must not hold.
UNREADABLE = re.compile(r'["\n]')

#: Runs a command line in the working folder, as `simulation.Simulation` does.
Call = Callable[..., Completed]


def find() -> Path | None:
    """The compiler, if it and its run time `vvp` are installed."""
    found = shutil.which("iverilog")
    if found is None or not Path(found).with_name("vvp").exists():
        return None
    return Path(found)


def preprocess(
    compiler: Path, call: Call, files: Sequence[Path], switches: Sequence[str], out: Path
) -> Completed:
    """Write the files, includes and macros resolved, as one."""
    return call([compiler, "-g2012", "-E", "-o", out.name, *switches, *files])


def build(
    compiler: Path,
    call: Call,
    work_dir: Path,
    units: Sequence[Sequence[Path]],
    top: str,
    switches: Sequence[str],
    judge: Judge | None,
) -> Completed:
    """Compile; each unit is its own, so that no macro and no name of a file leaks into another.

    The judge, if any, is a second top module, so that scopes keep their names in wave forms.
    """
    # Icarus hands the output's name to a shell, so it gets a plain name in the working folder.
    program = work_dir / "simulation.vvp"
    program.unlink(missing_ok=True)
    tops, ours = ["-s", top], []
    if judge is not None:
        ours = [work_dir / "chipflow_judge.sv"]
        ours[0].write_text(judge.source(), encoding="utf-8")
        tops += ["-s", judge.module]
    sources = [*units[0]]
    if len(units) > 1:
        tops.append("-u")
        sources = []
        for number, unit in enumerate(units):
            listed = work_dir / f"chipflow_unit_{number}.sv"
            listed.write_text("".join(f'`include "{path}"\n' for path in unit), encoding="utf-8")
            sources.append(listed)
    return call([compiler, "-g2012", *tops, "-o", program.name, *switches, *ours, *sources])


def is_built(work_dir: Path) -> bool:
    """Whether there is a program to run."""
    return (work_dir / "simulation.vvp").exists()


def execute(compiler: Path, call: Call, work_dir: Path, judge: Judge) -> Completed:
    """Run what `build` made."""
    program = work_dir / "simulation.vvp"
    # `-N` makes $stop an exit with code 1.
    vvp = compiler.with_name("vvp")
    return call([vvp, "-N", program, f"+chipflow_end={_last(program, judge.unit_exponent)}"])


def _last(program: Path, unit_exponent: int) -> int:
    """The end of simulated time in the given unit, from the precision that the compiler chose."""
    found = re.search(r":vpi_time_precision ([+-]) ?(\d+);", head(program))
    precision = int(found.group(1) + found.group(2)) if found else 0
    return LAST_TICK // 10 ** max(0, unit_exponent - precision)
