"""Checks HDL: lint with slang, simulation with Icarus Verilog."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from llm_stages import sandbox, slang
from llm_stages.errors import InputError, ToolMissing
from llm_stages.slang import Diagnostic
from llm_stages.verdict import Cause, Status, Verdict

#: Exit code by which our watch module says that no event is left and $finish was never called.
_RAN_DRY = 113
_SIGNAL_XCPU, _SIGNAL_XFSZ = -24, -25
_VCD_NAME = re.compile(r"\.(vcd|lxt2?|fst)$")


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
    """Icarus Verilog's compiler, if it and its run time `vvp` are installed."""
    found = shutil.which("iverilog")
    if found is None or not Path(found).with_name("vvp").exists():
        return None
    return Path(found)


def simulate(
    files: Sequence[Path],
    *,
    top: str,
    work_dir: Path,
    include_dirs: Sequence[Path] = (),
    defines: Sequence[str] = (),
    timeout_s: float = 60.0,
    untrusted: Sequence[Path] = (),
) -> Verdict:
    """Compile a test bench with its design and run it; see `Verdict` for what passes.

    The verdict is the simulator's exit code. A watch module of ours, a second top beside the test
    bench, turns an event queue that runs dry into an exit code too, so that a test bench which
    stops without `$finish` does not pass.

    Args:
        files: Sources in the order in which they are read, test bench included.
        top: Top module of the test bench.
        work_dir: Where to run and to write; made if missing. Relative file names in the test bench
            (`$readmemh`, `$dumpfile`) start here.
        include_dirs: Folders searched for `include files.
        defines: Preprocessor macros, each NAME or NAME=VALUE.
        timeout_s: Wall time for the simulation, and for compiling.
        untrusted: Those of `files` that a model wrote. They are checked first (`untrusted.py`), and
            everything runs in the sandbox.

    Raises:
        ToolMissing: Icarus Verilog is missing, or a sandbox where one is needed.
        InputError: A file cannot be read, or `untrusted` names a file that is not among `files`.
    """
    run = _Run(files, top, work_dir, include_dirs, defines, timeout_s, untrusted)
    return run.verdict()


class _Run:
    """One simulation: preprocess and check what is untrusted, compile, run, judge."""

    def __init__(
        self,
        files: Sequence[Path],
        top: str,
        work_dir: Path,
        include_dirs: Sequence[Path],
        defines: Sequence[str],
        timeout_s: float,
        untrusted: Sequence[Path],
    ) -> None:
        simulator = find_simulator()
        if simulator is None:
            raise ToolMissing(
                "Icarus Verilog is not installed",
                where="simulate",
                hint="install it (Debian: apt install iverilog)",
            )
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]*", top):
            raise InputError(f"{top!r} is not the name of a test bench module", where="simulate")
        self.compiler = simulator
        self.files = [path.resolve() for path in files]
        self.untrusted = [path.resolve() for path in untrusted]
        for path in self.files:
            slang.check_readable(path)
            if re.search(r'["\n]', str(path)):
                raise InputError(
                    "Icarus Verilog cannot read a path with a quotation mark or a line end",
                    where=str(path),
                    hint="rename the file or its folder",
                )
        for path in self.untrusted:
            if path not in self.files:
                raise InputError("an untrusted file is not among the files", where=str(path))
        self.top = top
        self.work_dir = work_dir.resolve()
        self.work_dir.mkdir(parents=True, exist_ok=True)
        self.include_dirs = [path.resolve() for path in include_dirs]
        self.defines = list(defines)
        self.timeout_s = timeout_s
        self.log_path = self.work_dir / "simulation.log"
        self.log_path.write_bytes(b"")
        self.started = time.monotonic()
        self.newest_old_file_s = max(
            (path.lstat().st_mtime for path in self.work_dir.iterdir() if path != self.log_path),
            default=0.0,
        )

    def verdict(self) -> Verdict:
        sources = self.files
        if self.untrusted:
            refused, checked = self._check_untrusted()
            if refused is not None:
                return refused
            first = min(self.files.index(path) for path in self.untrusted)
            sources = [path for path in self.files if path not in self.untrusted]
            kept_before = sum(path not in self.untrusted for path in self.files[:first])
            sources.insert(kept_before, checked)
        program = self.work_dir / "simulation.vvp"
        program.unlink(missing_ok=True)
        # Icarus hands the output's name to a shell, so it gets a plain name in the working folder.
        watch = self.work_dir / "chipflow_watch.sv"
        watch.write_text(resources.files("llm_stages").joinpath("watch.sv").read_text("utf-8"))
        tops = ["-s", self.top, "-s", "chipflow_watch"]
        done = self._call(
            [self.compiler, "-g2012", *tops, "-o", program.name, *self._switches(), watch, *sources]
        )
        if done.exit_code != 0 or not program.exists():
            return self._compile_failure(done)
        vvp = self.compiler.with_name("vvp")
        done = self._call([vvp, "-N", program, f"+chipflow_end={_last_tick(program)}"])
        return self._judge(done)

    def _switches(self) -> list[str]:
        return [f"-I{path}" for path in self.include_dirs] + [f"-D{item}" for item in self.defines]

    def _call(self, argv: Sequence[str | Path]) -> sandbox.Completed:
        return sandbox.run(
            argv,
            work_dir=self.work_dir,
            log_path=self.log_path,
            timeout_s=self.timeout_s,
            isolate=bool(self.untrusted),
            read_only=[*self.files, *self.include_dirs],
            limits=sandbox.Limits(cpu_s=int(self.timeout_s) + 1) if self.untrusted else None,
        )

    def _check_untrusted(self) -> tuple[Verdict | None, Path]:
        """Preprocess all untrusted files into one and check that; a verdict if it is refused."""
        from llm_stages import untrusted

        checked = self.work_dir / "chipflow_untrusted.sv"
        checked.unlink(missing_ok=True)
        found = untrusted.check_includes(
            self.untrusted, include_dirs=self.include_dirs, defines=self.defines
        )
        if not found:
            done = self._call(
                [
                    self.compiler,
                    "-g2012",
                    "-E",
                    "-o",
                    checked.name,
                    *self._switches(),
                    *self.untrusted,
                ]
            )
            if done.exit_code != 0 or not checked.is_file() or checked.is_symlink():
                return self._compile_failure(done), checked
            with checked.open("a", encoding="utf-8") as text:
                text.write("\n`resetall\n")
            found = untrusted.check_source(checked)
        if not found:
            return None, checked
        with self.log_path.open("a", encoding="utf-8") as log:
            log.writelines(f"{item}\n" for item in found)
        reason = f"the generated source is refused: {found[0]}"
        return self._verdict("could_not_run", "unsafe", reason, None), checked

    def _compile_failure(self, done: sandbox.Completed) -> Verdict:
        if done.timed_out or done.exit_code == _SIGNAL_XCPU:
            reason = f"compiling took longer than {self.timeout_s:g} s"
            return self._verdict("could_not_run", "time_limit", reason, None)
        if done.exit_code < 0:
            reason = f"the compiler was killed by signal {-done.exit_code}"
            return self._verdict("could_not_run", "crash", reason, None)
        lines = _head(self.log_path).splitlines()
        first = next((line for line in lines if "error" in line), lines[0] if lines else "")
        reason = f"the sources do not compile: {first}" if first else "the sources do not compile"
        return self._verdict("could_not_run", "compile", reason, None)

    def _judge(self, done: sandbox.Completed) -> Verdict:
        code = done.exit_code
        if done.timed_out or code == _SIGNAL_XCPU:
            reason = f"the simulation did not end within {self.timeout_s:g} s"
            return self._verdict("failed", "time_limit", reason, None)
        if code == _SIGNAL_XFSZ:
            reason = "the simulation wrote a file larger than allowed"
            return self._verdict("failed", "output_limit", reason, None)
        if code < 0:
            reason = f"the simulator was killed by signal {-code}"
            return self._verdict("could_not_run", "crash", reason, None)
        if code == _RAN_DRY:
            reason = "no event was left and the test bench had not called $finish"
            return self._verdict("failed", "no_finish", reason, code)
        if code != 0:
            reason = f"the test bench ended with exit code {code}"
            return self._verdict("failed", "exit_code", reason, code)
        return self._verdict("passed", "", "", 0)

    def _verdict(self, status: Status, cause: Cause, reason: str, code: int | None) -> Verdict:
        waves = [
            path
            for path in sorted(self.work_dir.iterdir())
            if _VCD_NAME.search(path.name)
            and path.is_file()
            and not path.is_symlink()
            and path.stat().st_mtime > self.newest_old_file_s
        ]
        return Verdict(
            status=status,
            cause=cause,
            reason=reason,
            exit_code=code,
            wall_s=time.monotonic() - self.started,
            log_path=self.log_path,
            vcd_path=waves[0] if waves else None,
        )


def _last_tick(program: Path) -> int:
    """The end of simulated time in seconds, from the precision that the compiler chose.

    Time is a 64-bit count of ticks of 10**precision seconds.
    """
    found = re.search(r":vpi_time_precision ([+-]) ?(\d+);", _head(program))
    precision = int(found.group(1) + found.group(2)) if found else 0
    return (2**64 - 1) // 10**-precision if precision < 0 else 2**64 - 1


def _head(path: Path) -> str:
    """The first 64 KiB of a file that a hostile program may have put there; no link is followed."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with os.fdopen(handle, "rb") as file:
        return file.read(65536).decode("utf-8", errors="replace")
