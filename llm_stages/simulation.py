"""One simulation: checks what is untrusted, compiles, runs, and judges by what the judge wrote."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

from llm_stages import icarus, sandbox, slang, untrusted, verilator
from llm_stages.errors import InputError, ToolMissing
from llm_stages.judge import Counters, Findings, Judge, Reset
from llm_stages.keys import without_keys
from llm_stages.text_files import head
from llm_stages.verdict import Cause, Status, Verdict

#: The simulators by the names that options have for them.
SIMULATORS: dict[str, ModuleType] = {"icarus": icarus, "verilator": verilator}

_SIGNAL_XCPU, _SIGNAL_XFSZ = -24, -25
_VCD_NAME = re.compile(r"\.(vcd|lxt2?|fst)$")


def simulator_version(simulator: str) -> str:
    """Name and version of a simulator, for records.

    Raises:
        InputError: There is no simulator of this name.
        ToolMissing: It is not installed.
    """
    tool, compiler = _found(simulator)
    done = subprocess.run(
        [compiler, tool.VERSION_SWITCH],
        env=without_keys(os.environ),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    number = re.search(r"\d+\.\d+", done.stdout)
    return f"{tool.NAME} {number[0]}" if number else tool.NAME


def _found(simulator: str) -> tuple[ModuleType, Path]:
    if simulator not in SIMULATORS:
        raise InputError(
            f"there is no simulator called {simulator!r}", hint=f"one of {', '.join(SIMULATORS)}"
        )
    tool = SIMULATORS[simulator]
    compiler = tool.find()
    if compiler is None:
        raise ToolMissing(f"{tool.NAME} is not installed", where="simulate", hint=tool.INSTALL)
    return tool, compiler


class Simulation:
    """A test bench and its device in a working folder; see `hdl.simulate` for the arguments."""

    def __init__(
        self,
        files: Sequence[Path],
        top: str,
        work_dir: Path,
        *,
        include_dirs: Sequence[Path],
        defines: Sequence[str],
        timeout_s: float,
        untrusted_files: Sequence[Path],
        counters: Counters | None,
        reset: Reset | None,
        simulator: str,
    ) -> None:
        self.tool, self.compiler = _found(simulator)
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]*", top):
            raise InputError(f"{top!r} is not the name of a test bench module", where="simulate")
        self.files = [path.resolve() for path in files]
        self.untrusted = [path.resolve() for path in untrusted_files]
        self.work_dir = work_dir.resolve()
        for path in self.files:
            slang.check_readable(path)
        for path in (*self.files, self.work_dir):
            if unreadable := self.tool.UNREADABLE.search(str(path)):
                raise InputError(
                    f"{self.tool.NAME} cannot read a path with {unreadable[0]!r}",
                    where=str(path),
                    hint="rename the file or its folder",
                )
        for path in self.untrusted:
            if path not in self.files:
                raise InputError("an untrusted file is not among the files", where=str(path))
        self.top = top
        self.work_dir.mkdir(parents=True, exist_ok=True)
        self.include_dirs = [path.resolve() for path in include_dirs]
        self.switches = [f"-I{path}" for path in self.include_dirs]
        self.switches += [f"-D{item}" for item in defines]
        self.defines = list(defines)
        self.timeout_s = timeout_s
        self.judge = Judge(counters, reset)
        self.log_path = self.work_dir / "simulation.log"
        self.log_path.write_bytes(b"")
        self.started = time.monotonic()
        self.newest_old_file_s = max(
            (path.lstat().st_mtime for path in self.work_dir.iterdir() if path != self.log_path),
            default=0.0,
        )

    def verdict(self) -> Verdict:
        """Compile, run and judge."""
        units = self.units()
        if isinstance(units, Verdict):
            return units
        done = self.tool.build(
            self.compiler, self.call, self.work_dir, units, self.top, self.switches, self.judge
        )
        if done.exit_code != 0 or done.overrun or not self.tool.is_built(self.work_dir):
            return self.compile_failure(done)
        done = self.tool.execute(self.compiler, self.call, self.work_dir, self.judge)
        findings = self.judge.read(self.work_dir)
        if objection := self.objection_to_end(done):
            return self.conclusion(*objection, done, findings)
        cause, reason = self._objection(findings)
        return self.conclusion(cause, reason, done, findings)

    def units(self) -> list[list[Path]] | Verdict:
        """The sources in the order of compilation, those that belong together as one.

        Untrusted ones are preprocessed and checked before; a verdict where they are refused.
        """
        if not self.untrusted:
            return [self.files]
        refused, checked = self._check_untrusted()
        if refused is not None:
            return refused
        first = min(self.files.index(path) for path in self.untrusted)
        before = [path for path in self.files[:first] if path not in self.untrusted]
        after = [path for path in self.files[first:] if path not in self.untrusted]
        return [unit for unit in (before, [checked], after) if unit]

    def call(
        self,
        argv: Sequence[str | Path],
        *,
        log_path: Path | None = None,
        memory_mib: int = 2048,
        runs_own_files: bool = False,
        environment: Mapping[str, str] | None = None,
        read_only: Sequence[Path] = (),
    ) -> sandbox.Completed:
        """Run a command line in the working folder, in the sandbox if anything is untrusted."""
        limits = sandbox.Limits(cpu_s=int(self.timeout_s) + 1, memory_mib=memory_mib)
        return sandbox.run(
            argv,
            work_dir=self.work_dir,
            log_path=log_path or self.log_path,
            timeout_s=self.timeout_s,
            isolate=bool(self.untrusted),
            read_only=[*self.files, *self.include_dirs, *read_only],
            limits=limits if self.untrusted else None,
            environment=environment,
            runs_own_files=runs_own_files,
        )

    def _check_untrusted(self) -> tuple[Verdict | None, Path]:
        """Preprocess all untrusted files into one and check that; a verdict if it is refused."""
        checked = self.work_dir / "chipflow_untrusted.sv"
        checked.unlink(missing_ok=True)
        found = untrusted.check_includes(
            self.untrusted, include_dirs=self.include_dirs, defines=self.defines
        )
        if not found:
            done = self.tool.preprocess(
                self.compiler, self.call, self.untrusted, self.switches, checked
            )
            if done.exit_code != 0 or not checked.is_file() or checked.is_symlink():
                return self.compile_failure(done), checked
            with checked.open("a", encoding="utf-8") as text:
                text.write("\n`resetall\n")
            trusted = [path for path in self.files if path not in self.untrusted]
            found = untrusted.check_source(checked, outside=slang.scope_names(trusted))
            found = found or untrusted.check_in_place(
                checked,
                trusted,
                top=self.top,
                include_dirs=self.include_dirs,
                defines=self.defines,
            )
        if not found:
            return None, checked
        with self.log_path.open("a", encoding="utf-8") as log:
            log.writelines(f"{item}\n" for item in found)
        reason = f"the generated source is refused: {found[0]}"
        return self._verdict("could_not_run", "unsafe", reason), checked

    def compile_failure(self, done: sandbox.Completed) -> Verdict:
        """The verdict where a compiler did not end well."""
        if done.timed_out or done.exit_code == _SIGNAL_XCPU:
            reason = f"compiling took longer than {self.timeout_s:g} s"
            return self._verdict("could_not_run", "time_limit", reason)
        if done.overrun:
            reason = f"the compiler used more {done.overrun} than allowed"
            return self._verdict("could_not_run", "resources", reason)
        if done.exit_code < 0:
            reason = f"the compiler was killed by signal {-done.exit_code}"
            return self._verdict("could_not_run", "crash", reason)
        lines = head(self.log_path).splitlines()
        telling = (line for line in lines if re.search(r"error|sorry", line) and "(s)" not in line)
        first = next(telling, lines[0] if lines else "")
        reason = f"the sources do not compile: {first}" if first else "the sources do not compile"
        return self._verdict("could_not_run", "compile", reason)

    def objection_to_end(self, done: sandbox.Completed) -> tuple[Cause, str] | None:
        """What speaks against how a simulation ended, whatever it found."""
        code = done.exit_code
        if done.timed_out or code == _SIGNAL_XCPU:
            return "time_limit", f"the simulation did not end within {self.timeout_s:g} s"
        if code == _SIGNAL_XFSZ or done.overrun == "disk":
            return "output_limit", "the simulation wrote more into files than allowed"
        if done.overrun:
            return "resources", f"the simulation used more {done.overrun} than allowed"
        if code < 0:
            return "crash", f"the simulator was killed by signal {-code}"
        if code != 0:
            return "exit_code", f"the test bench ended with exit code {code}"
        return None

    def conclusion(
        self, cause: Cause, reason: str, done: sandbox.Completed, findings: Findings | None
    ) -> Verdict:
        """The verdict of a simulation that ran; passed where there is no cause."""
        status: Status = "failed" if cause else "passed"
        if cause == "crash":
            status = "could_not_run"
        ended = not (done.timed_out or done.overrun or done.exit_code < 0)
        code = done.exit_code if ended else None
        return self._verdict(status, cause, reason, code, findings if ended else None)

    def _objection(self, findings: Findings | None) -> tuple[Cause, str]:
        """What speaks against a simulation with exit code 0; empty where nothing does."""
        if findings is None:
            return "no_result", "the simulator ended before the result was written"
        if findings.ran_dry:
            return "no_finish", "no event was left and the test bench had not called $finish"
        if self.judge.reset and not findings.was_reset:
            return "no_reset", f"the reset {self.judge.reset.signal} was never used"
        counters = self.judge.counters
        if counters is None:
            return "", ""
        if counters.cut_at_ps is not None and findings.time >= counters.cut_at_ps:
            return "time_limit", "the test bench gave up at its limit of simulated time"
        if not findings.checks:
            return "no_checks", "the test bench checked nothing"
        if findings.errors is None:
            return "mismatch", "the test bench's count of errors is not a number"
        if findings.errors:
            return "mismatch", f"{findings.errors} of {findings.checks} checks failed"
        return "", ""

    def _verdict(
        self,
        status: Status,
        cause: Cause,
        reason: str,
        code: int | None = None,
        findings: Findings | None = None,
    ) -> Verdict:
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
            errors=findings.errors if findings else None,
            checks=findings.checks if findings else None,
        )
