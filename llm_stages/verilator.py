"""Verilator: finds it, preprocesses, compiles to a program and runs that.

What it makes is C++, and its building runs what the sources say (`$c`, DPI, configuration), so an
untrusted source is checked before, and building is done in the sandbox like running. It knows two
states only: X is 0, and a device that lacks a reset may pass here and fail with Icarus Verilog.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from llm_stages.icarus import Call
from llm_stages.judge import LAST_TICK, Judge
from llm_stages.sandbox import Completed

NAME = "Verilator"
VERSION_SWITCH = "--version"
INSTALL = "install it (Debian: apt install verilator g++ make)"
#: What a path must not hold: make takes it apart.
UNREADABLE = re.compile(r"[\s\"'$#:%]")

#: A precision of 1 ps for all, since the program does not say which one was chosen.
_TIME = ("--timescale", "1ns/1ps", "--timescale-override", "/1ps")
_PRECISION = -12
_BUILD = ("--binary", "--timing", "--assert", "-Wno-fatal", "-Wno-lint", "-Wno-style", "-O1")


def find() -> Path | None:
    """Verilator, if it and what it needs to build programs are installed."""
    found = shutil.which("verilator")
    if found is None or not all(map(shutil.which, ("make", "g++"))):
        return None
    return Path(found)


def preprocess(
    compiler: Path, call: Call, files: Sequence[Path], switches: Sequence[str], out: Path
) -> Completed:
    """Write the files, includes and macros resolved, as one."""
    out.write_bytes(b"")
    return call([compiler, "-E", "-P", *switches, *_copied(out.parent, files)], log_path=out)


def build(
    compiler: Path,
    call: Call,
    work_dir: Path,
    units: Sequence[Sequence[Path]],
    top: str,
    switches: Sequence[str],
    judge: Judge,
) -> Completed:
    """Compile; the judge is the only top module and holds the test bench."""
    shutil.rmtree(work_dir / "verilated", ignore_errors=True)
    ours = work_dir / "chipflow_judge.sv"
    ours.write_text(judge.source(instantiates=top), encoding="utf-8")
    options = [*_BUILD, *_TIME, "-CFLAGS", "-O0", "--Mdir", "verilated", "-o", "simulation"]
    sources = _copied(work_dir, [path for unit in units for path in unit])
    return call(
        [compiler, *options, "--top-module", judge.module, *switches, ours, *sources],
        memory_mib=4096,
        runs_own_files=True,
    )


def _copied(work_dir: Path, files: Sequence[Path]) -> list[str | Path]:
    """The files in a folder that may be listed, as Verilator does before it opens a file.

    Includes are looked for where the files were.
    """
    folder = work_dir / "chipflow_sources"
    folder.mkdir(exist_ok=True)
    copies: list[str | Path] = []
    for number, path in enumerate(files):
        copies.append(folder / f"{number}_{path.name}")
        shutil.copyfile(path, folder / f"{number}_{path.name}")
    return [*(f"-I{path.parent}" for path in files), *copies]


def is_built(work_dir: Path) -> bool:
    """Whether there is a program to run."""
    return (work_dir / "verilated" / "simulation").exists()


def execute(compiler: Path, call: Call, work_dir: Path, judge: Judge) -> Completed:
    """Run what `build` made."""
    last = LAST_TICK // 10 ** (judge.unit_exponent - _PRECISION)
    program = work_dir / "verilated" / "simulation"
    return call([program, f"+chipflow_end={last}"], runs_own_files=True)
