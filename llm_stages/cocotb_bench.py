"""Simulates a device under a cocotb test bench, with Icarus Verilog.

cocotb writes what each test found to a file, whose name carries a number that nobody can guess. The
test bench is trusted, the device is not: both run in the sandbox, and the device's sources are
checked as always.

Reference: https://docs.cocotb.org/en/v2.0.1/building.html (the environment variables).
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from llm_stages import icarus
from llm_stages.errors import InputError, ToolMissing
from llm_stages.judge import Findings
from llm_stages.simulation import Simulation
from llm_stages.text_files import head
from llm_stages.verdict import Cause, Verdict

_MOST_BYTES = 4 * 2**20
_SEED = "1"


def missing() -> ToolMissing | None:
    """What is not there that a cocotb test bench needs besides Icarus Verilog; None if all is."""
    if importlib.util.find_spec("cocotb_tools") is None:
        return ToolMissing(
            "cocotb, version 2 or newer, is not installed, and the test bench is written for it",
            where="simulate",
            hint="pip install 'chipflow-hybrid[cocotb]'",
        )
    if _python_library() is None:
        return ToolMissing(
            "this Python has no shared library, which cocotb needs",
            where=sys.executable,
            hint="use a Python that was built with --enable-shared (Debian: apt install "
            "libpython3-dev)",
        )
    return None


def _python_library() -> str | None:
    return importlib.import_module("find_libpython").find_libpython()


def simulate(
    files: Sequence[Path],
    *,
    top: str,
    test_module: str,
    test_files: Sequence[Path],
    work_dir: Path,
    include_dirs: Sequence[Path] = (),
    defines: Sequence[str] = (),
    timeout_s: float = 60.0,
    untrusted: Sequence[Path] = (),
    simulator: str = "icarus",
) -> Verdict:
    """Compile a device and run its cocotb tests; it passes if at least one ran and none failed.

    Args:
        files: Verilog of the device, in the order in which it is read.
        top: The device's top module.
        test_module: The Python module with the tests.
        test_files: That module, and what it imports, all in one folder.
        work_dir: Where to run and to write; made if missing.
        include_dirs: Folders searched for `include files.
        defines: Preprocessor macros, each NAME or NAME=VALUE.
        timeout_s: Wall time for compiling, and for simulating.
        untrusted: Those of `files` that a model wrote.
        simulator: "icarus"; no other one is supported.

    Returns:
        The verdict; its checks are the tests that ran, its errors those that failed.

    Raises:
        ToolMissing: cocotb, Icarus Verilog or a sandbox is missing.
        InputError: A file cannot be read, or a name is none.
    """
    if lacking := missing():
        raise lacking
    if simulator != "icarus":
        raise InputError(
            f"cocotb test benches run with icarus only, not with {simulator!r}", where="simulate"
        )
    if not re.fullmatch(r"[A-Za-z_]\w*", test_module):
        raise InputError(f"{test_module!r} is not the name of a Python module", where="simulate")
    run = Simulation(
        files,
        top,
        work_dir,
        include_dirs=include_dirs,
        defines=defines,
        timeout_s=timeout_s,
        untrusted_files=untrusted,
        counters=None,
        reset=None,
        simulator=simulator,
    )
    units = run.units()
    if isinstance(units, Verdict):
        return units
    commands = run.work_dir / "chipflow_commands.f"
    commands.write_text("+timescale+1ns/1ps\n", encoding="utf-8")
    switches = [f"-f{commands.name}", *run.switches]
    done = icarus.build(run.compiler, run.call, run.work_dir, units, top, switches, None)
    if done.exit_code != 0 or done.overrun or not icarus.is_built(run.work_dir):
        return run.compile_failure(done)
    return _run_tests(run, top, test_module, test_files)


def _run_tests(run: Simulation, top: str, test_module: str, test_files: Sequence[Path]) -> Verdict:
    config = importlib.import_module("cocotb_tools.config")
    result = run.work_dir / f"chipflow_result_{secrets.token_hex(16)}.xml"
    folders = sorted({path.resolve().parent for path in test_files})
    installed = [Path(name).resolve() for name in sys.path if name and Path(name).is_dir()]
    environment = {
        "COCOTB_TOPLEVEL": top,
        "COCOTB_TEST_MODULES": test_module,
        "COCOTB_RESULTS_FILE": str(result),
        "COCOTB_RANDOM_SEED": _SEED,
        "TOPLEVEL_LANG": "verilog",
        "GPI_USERS": f"{_python_library()};{config.pygpi_entry_point()}",
        "PYGPI_PYTHON_BIN": sys.executable,
        "PYTHONPATH": ":".join(map(str, [*folders, *installed])),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    libraries = Path(config.libs_dir)
    vvp = run.compiler.with_name("vvp")
    done = run.call(
        [vvp, "-N", "-m", config.lib_entry("vpi", "icarus"), run.work_dir / "simulation.vvp"],
        environment=environment,
        read_only=[
            *(folder for folder in (*folders, *installed, libraries) if folder.is_dir()),
            Path(sys.prefix),
            Path(sys.base_prefix),
        ],
    )
    findings = _read(result)
    if objection := run.objection_to_end(done):
        return run.conclusion(*objection, done, findings)
    cause, reason = _objection(findings)
    return run.conclusion(cause, reason, done, findings)


def _objection(findings: Findings | None) -> tuple[Cause, str]:
    if findings is None:
        return "no_result", "the simulator ended before cocotb wrote its result"
    if not findings.checks:
        return "no_checks", "no test ran"
    if findings.errors:
        return "mismatch", f"{findings.errors} of {findings.checks} tests failed"
    return "", ""


def _read(path: Path) -> Findings | None:
    """Tests that ran and tests that failed, from the JUnit file; None where there is none."""
    text = head(path, most_bytes=_MOST_BYTES)
    if not text or "<!" in text:
        return None
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return None
    cases = [case for case in root.iter("testcase") if case.find("skipped") is None]
    failed = [
        case for case in cases if case.find("failure") is not None or case.find("error") is not None
    ]
    return Findings(ran_dry=False, errors=len(failed), checks=len(cases), time=0, was_reset=False)
