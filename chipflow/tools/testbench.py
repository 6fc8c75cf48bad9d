"""Runs a design's test bench: on its RTL, or on gates in its place."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from chipflow.design import Design
from chipflow.tools import rtl_files
from chipflow.tools.rtl_files import RtlFiles
from chipflow.tools.versions import TOOLS
from llm_stages import cocotb_bench, hdl
from llm_stages.simulation import SIMULATORS
from llm_stages.verdict import Verdict

_TELLING = re.compile(r"mismatch|error|fatal|fail|wrong|expected|assert", re.IGNORECASE)
_SHOWN = 6
#: What the simulators are called as tools.
_TOOLS = {"icarus": "iverilog", "verilator": "verilator"}


def why_not(design: Design) -> str:
    """Why the test bench cannot run, in words for the stage table; empty where it can."""
    if not design.testbench:
        return 'no test bench; add testbench = ["..."] and testbench_top to design.toml'
    simulator = SIMULATORS[design.simulator]
    if simulator.find() is None:
        return f"{simulator.NAME} is not installed: {TOOLS[_TOOLS[design.simulator]].install}"
    if design.has_cocotb_testbench and (lacking := cocotb_bench.missing()):
        return f"{lacking.message}: {lacking.hint}"
    return ""


def run(
    design: Design,
    rtl: RtlFiles,
    device: Sequence[Path],
    *,
    work_dir: Path,
    untrusted: Sequence[Path] = (),
    timeout_s: float,
) -> Verdict:
    """Simulates a device under the design's test bench.

    Args:
        design: Names the test bench.
        rtl: The snapshot of the RTL; its includes and data files are at hand in the simulation.
        device: The Verilog of the device: the RTL, or gates with their models.
        work_dir: A new folder for the simulation.
        untrusted: Those files of the device that a language model wrote.
        timeout_s: Wall time for compiling, and for simulating.

    Raises:
        InputError: A file of the test bench cannot be read, or has the name of another one that
            the RTL includes or loads.
        llm_stages.errors.ToolMissing: There is no simulator, or no sandbox where one is needed.
    """
    work_dir.mkdir(parents=True)
    if design.has_cocotb_testbench:
        return _run_cocotb(design, rtl, device, work_dir, untrusted, timeout_s)
    rtl_files.write(
        work_dir / "bench",
        design.testbench,
        design_folder=design.folder,
        include_dirs=design.include_dirs,
    )
    bench = rtl_files.read(work_dir / "bench", design_folder=design.folder)
    rtl_files.refuse_other_contents(rtl, bench)
    for files in (rtl, bench):
        files.copy_data(work_dir)
    return hdl.simulate(
        [*device, *bench.sources],
        top=design.testbench_top,
        work_dir=work_dir,
        include_dirs=[*rtl.include_dirs, *bench.include_dirs],
        defines=design.defines,
        timeout_s=timeout_s,
        untrusted=untrusted,
        simulator=design.simulator,
    )


def judge_of(bench: Design, *, timeout_s: float) -> Callable[[Path, Path], Verdict]:
    """Judges a device in one file, which a model wrote, by the test bench of `bench`.

    The function takes the file and a new folder to work in.
    """

    def judge(device: Path, work_dir: Path) -> Verdict:
        rtl = RtlFiles(device.parent, (device,), {}, (device,))
        return run(bench, rtl, [device], work_dir=work_dir, untrusted=[device], timeout_s=timeout_s)

    return judge


def _run_cocotb(
    design: Design,
    rtl: RtlFiles,
    device: Sequence[Path],
    work_dir: Path,
    untrusted: Sequence[Path],
    timeout_s: float,
) -> Verdict:
    """The device under tests in Python, which are copied so that it can read no other files."""
    rtl.copy_data(work_dir)
    bench = work_dir / "bench"
    bench.mkdir()
    tests = [Path(shutil.copy(path, bench)) for path in design.testbench]
    return cocotb_bench.simulate(
        device,
        top=design.top,
        test_module=design.testbench_top,
        test_files=tests,
        work_dir=work_dir,
        include_dirs=rtl.include_dirs,
        defines=design.defines,
        timeout_s=timeout_s,
        untrusted=untrusted,
    )


def telling_lines(verdict: Verdict) -> list[str]:
    """The first lines of a failed simulation's log that say what is wrong, else its last lines."""
    lines = verdict.log_path.read_text(encoding="utf-8", errors="replace").splitlines()
    lines = [line.strip() for line in lines if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)]
    return telling[:_SHOWN] if telling else lines[-_SHOWN:]
