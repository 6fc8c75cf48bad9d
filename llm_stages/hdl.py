"""Checks HDL: lint with slang, simulation with Icarus Verilog or Verilator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from llm_stages import icarus, slang
from llm_stages.judge import Counters, Reset
from llm_stages.simulation import Simulation
from llm_stages.slang import Diagnostic
from llm_stages.verdict import Verdict


@dataclass(frozen=True)
class LintReport:
    """What slang says about sources.

    Attributes:
        errors: Number of errors.
        warnings: Number of warnings.
        diagnostics: All of them, by file and line.
    """

    errors: int
    warnings: int
    diagnostics: tuple[Diagnostic, ...]


def lint(
    files: Sequence[Path],
    *,
    top: str,
    include_dirs: Sequence[Path] = (),
    defines: Sequence[str] = (),
) -> LintReport:
    """Parse and elaborate a design; an unknown top module and a missing include are errors.

    Args:
        files: Sources in the order in which they are read.
        top: The top module.
        include_dirs: Folders searched for `include files, after the including file's own.
        defines: Preprocessor macros, each NAME or NAME=VALUE.

    Raises:
        InputError: There is no file, or one of them cannot be read.
    """
    elaborated = slang.elaborate(files, tops=[top], include_dirs=include_dirs, defines=defines)
    found = elaborated.diagnostics()
    errors = sum(item.severity == "error" for item in found)
    return LintReport(errors, len(found) - errors, tuple(found))


def find_simulator() -> Path | None:
    """The compiler of the default simulator, Icarus Verilog, if it is installed."""
    return icarus.find()


def simulate(
    files: Sequence[Path],
    *,
    top: str,
    work_dir: Path,
    include_dirs: Sequence[Path] = (),
    defines: Sequence[str] = (),
    timeout_s: float = 60.0,
    untrusted: Sequence[Path] = (),
    counters: Counters | None = None,
    reset: Reset | None = None,
    simulator: str = "icarus",
) -> Verdict:
    """Compile a test bench with its design and run it; see `Verdict` for what passes.

    The verdict is the simulator's exit code and what our judge, a module beside the test bench,
    wrote to a file (`judge.py`): whether an event was left, and what the test bench counted.

    Args:
        files: Sources in the order in which they are read, test bench included.
        top: Top module of the test bench.
        work_dir: Where to run and to write; made if missing. Relative file names in the test bench
            (`$readmemh`, `$dumpfile`) start here.
        include_dirs: Folders searched for `include files.
        defines: Preprocessor macros, each NAME or NAME=VALUE.
        timeout_s: Wall time for the simulation, and for compiling.
        untrusted: Those of `files` that a model wrote. They are checked first (`untrusted.py`), and
            everything runs in the sandbox. No macro of theirs reaches the other files.
        counters: Where the test bench counts errors and checks. Without them its exit code decides.
        reset: A reset that must have been used.
        simulator: "icarus" or "verilator".

    Raises:
        ToolMissing: The simulator is missing, or a sandbox where one is needed.
        InputError: A file cannot be read, or `untrusted` names a file that is not among `files`.
    """
    return Simulation(
        files,
        top,
        work_dir,
        include_dirs=include_dirs,
        defines=defines,
        timeout_s=timeout_s,
        untrusted_files=untrusted,
        counters=counters,
        reset=reset,
        simulator=simulator,
    ).verdict()
