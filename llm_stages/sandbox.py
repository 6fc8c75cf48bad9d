"""Runs a program with limits, and a hostile one in a sandbox that it cannot leave.

Every program runs in its own process group, is killed with it on timeout, and dies with the caller.
An isolated one sees an empty environment, no network, the system's `/usr`, the paths that it was
given to read, and one folder to write. Bubblewrap does that where it is installed and works; else
Landlock (Linux 5.13 and newer) with a filter of system calls; else nothing runs. Landlock hides no
processes, so it comes second. The kernel's limits hold for one process each, so an isolated program
is also watched: all its processes together, and the disk. A program that doubles itself outruns any
watch, and the kernel's limit on processes does not bind root, so what root runs in bubblewrap
becomes a user that nobody else is.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Literal

from llm_stages import launcher, usage
from llm_stages.errors import ToolMissing

Mechanism = Literal["bubblewrap", "landlock"]

#: How often an isolated program is looked at.
_LOOK_EVERY_S = 0.1
#: The launcher and bubblewrap itself.
_PROCESSES_OF_OURS, _MEMORY_OF_OURS_MIB = 3, 64
#: Room in the folders that bubblewrap makes in memory.
_SCRATCH_BYTES = 64 * 2**20

# Bubblewrap's namespaces: with one for users, and without, where root becomes another user.
_NAMESPACES = {
    False: ["--unshare-all"],
    True: [f"--unshare-{name}" for name in ("ipc", "pid", "net", "uts", "cgroup-try")],
}
_SETPRIV = "/usr/bin/setpriv"
# Numbers of users that nobody is, and how many of them each process of ours takes in turn.
_FIRST_USER, _USERS_OF_A_PROCESS = 1_000_000_000, 64
_turn = itertools.count()

_FATAL_SIGNALS = frozenset(
    getattr(signal, f"SIG{name}")
    for name in ("ILL", "ABRT", "BUS", "FPE", "KILL", "SEGV", "XCPU", "XFSZ")
)


@dataclass(frozen=True)
class Limits:
    """What one program may use at most.

    Attributes:
        cpu_s: CPU time.
        memory_mib: Address space of a process; in isolation also the memory of all together.
        file_mib: Size of any one file that it writes.
        disk_mib: In isolation, size of all files in the working folder.
        open_files: Open files.
        processes: Processes on top of those that the user runs already; in isolation also at all.
    """

    cpu_s: int = 60
    memory_mib: int = 2048
    file_mib: int = 64
    disk_mib: int = 256
    open_files: int = 64
    processes: int = 64


@dataclass(frozen=True)
class Completed:
    """How a program ended.

    Attributes:
        exit_code: Its exit code; the negative signal number if a signal killed it.
        timed_out: It was killed because it ran longer than allowed.
        overrun: What it was killed for using too much of: "memory", "processes" or "disk".
        truncated: It printed more than the log holds.
        wall_s: How long it ran.
    """

    exit_code: int
    timed_out: bool
    overrun: str
    truncated: bool
    wall_s: float


def mechanism() -> Mechanism | None:
    """The sandbox that works on this machine, or None."""
    if _bubblewrap() is not None:
        return "bubblewrap"
    if launcher.can_confine():
        return "landlock"
    return None


def run(
    argv: Sequence[str | Path],
    *,
    work_dir: Path,
    log_path: Path,
    timeout_s: float,
    isolate: bool,
    read_only: Sequence[Path] = (),
    limits: Limits | None = None,
    log_mib: float = 4.0,
    environment: Mapping[str, str] | None = None,
    runs_own_files: bool = False,
    using: Mechanism | None = None,
) -> Completed:
    """Run a program in `work_dir`; its standard output and error are appended to `log_path`.

    Args:
        argv: The program, by absolute path, and its arguments. Never passed through a shell.
        work_dir: The working folder; in isolation the only one that the program can write.
        log_path: Receives the output up to `log_mib`; the rest is dropped.
        timeout_s: Wall time after which the whole process group is killed.
        isolate: Run in the sandbox.
        read_only: Files and folders that an isolated program may read, besides the system's.
        limits: Limits on resources; in isolation the default ones where none are given.
        log_mib: Size of the log at most.
        environment: Variables besides PATH, HOME, TMPDIR and LC_ALL, which are set.
        runs_own_files: In isolation, files in `work_dir` may be executed.
        using: Take this mechanism and no other.

    Raises:
        ToolMissing: Isolation was asked for and no mechanism works here, or `argv[0]` is missing.
    """
    work_dir = work_dir.resolve()
    command = [str(part) for part in argv]
    order = launcher.Order(argv=command, dies_with_parent=True)
    given = dict(environment or {})
    variables = {"PATH": "/usr/bin:/bin", "HOME": str(work_dir), "LC_ALL": "C", **given}
    if isolate:
        chosen = using or mechanism()
        limits = limits or Limits()
        readable = [str(path.resolve()) for path in (*read_only, *_program_roots(Path(command[0])))]
        if chosen == "bubblewrap":
            order.argv = [*_bubblewrap_options(work_dir, readable, given), *command]
            order.counts_others = not _becomes_another_user()
        elif chosen == "landlock":
            order.readable = ["/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", *readable]
            order.writable = [str(work_dir), "/dev/null"]
            order.executable = runs_own_files
        else:
            raise ToolMissing(
                "no sandbox works on this machine, so generated HDL is not run",
                where=command[0],
                hint="install bubblewrap (Debian: apt install bubblewrap), or use Linux 5.13 or "
                "newer with Landlock",
            )
    if limits is not None:
        order.limits = asdict(limits)
    watched = limits if isolate else None
    done = _run_order(
        order, variables, work_dir, log_path, timeout_s, int(log_mib * 2**20), watched
    )
    if done.exit_code == launcher.SETUP_FAILED:
        raise ToolMissing(
            "the program could not be started under its limits",
            where=command[0],
            hint=f"the log says why: {log_path}",
        )
    # Bubblewrap reports a signal as 128 + its number, as shells do.
    if isolate and done.exit_code - 128 in _FATAL_SIGNALS:
        done = replace(done, exit_code=128 - done.exit_code)
    return done


def _run_order(
    order: launcher.Order,
    environment: dict[str, str],
    work_dir: Path,
    log_path: Path,
    timeout_s: float,
    log_bytes: int,
    watched: Limits | None,
) -> Completed:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chipflow-") as scratch, log_path.open("ab") as log:
        environment["TMPDIR"] = str(work_dir) if order.writable else scratch
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", launcher.__file__, json.dumps(order.__dict__)],
            cwd=work_dir,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert process.stdout is not None
        truncated: list[bool] = []
        pump = threading.Thread(
            target=_copy, args=(process.stdout, log, log_bytes, truncated), daemon=True
        )
        pump.start()
        ended_by = ""
        try:
            ended_by = _wait(process, started + timeout_s, work_dir, watched)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            pump.join(timeout=5)
    return Completed(
        exit_code=process.returncode,
        timed_out=ended_by == "time",
        overrun="" if ended_by == "time" else ended_by,
        truncated=bool(truncated),
        wall_s=time.monotonic() - started,
    )


def _wait(
    process: subprocess.Popen[bytes], until_s: float, work_dir: Path, limits: Limits | None
) -> str:
    """Wait for the end; what it has to be killed for where it does not end by itself."""
    before_mib = usage.of_folder_mib(work_dir, stop_at_mib=float("inf")) if limits else 0.0
    while True:
        left_s = until_s - time.monotonic()
        try:
            process.wait(timeout=max(0.0, left_s if limits is None else min(left_s, _LOOK_EVERY_S)))
        except subprocess.TimeoutExpired:
            if time.monotonic() >= until_s:
                return "time"
        else:
            return ""
        if limits is not None:
            used = usage.of_tree(process.pid)
            if used.processes > limits.processes + _PROCESSES_OF_OURS:
                return "processes"
            if used.memory_mib > limits.memory_mib + _MEMORY_OF_OURS_MIB:
                return "memory"
            most_mib = before_mib + limits.disk_mib
            if usage.of_folder_mib(work_dir, stop_at_mib=most_mib) > most_mib:
                return "disk"


def _copy(source: IO[bytes], target: IO[bytes], limit: int, truncated: list[bool]) -> None:
    """Copy up to `limit` bytes and drop the rest, so that the writer never blocks."""
    while chunk := source.read(65536):
        if limit > 0:
            target.write(chunk[:limit])
        if len(chunk) > limit and not truncated:
            truncated.append(True)
        limit = max(0, limit - len(chunk))


def _program_roots(program: Path) -> list[Path]:
    """The folder that a program outside /usr was installed into, so that it finds its own files."""
    real = program.resolve()
    if real.is_relative_to("/usr") or real.is_relative_to("/bin"):
        return []
    return [real.parent.parent if real.parent.name == "bin" else real.parent]


def _bubblewrap_options(
    work_dir: Path, readable: Sequence[str], environment: Mapping[str, str]
) -> list[str]:
    """The command line of bubblewrap up to the program: paths keep their names inside."""
    options = [str(_bubblewrap()), *_NAMESPACES[_becomes_another_user()], "--die-with-parent"]
    options += ["--new-session"]
    options += ["--clearenv", "--setenv", "PATH", "/usr/bin:/bin", "--setenv", "LC_ALL", "C"]
    options += ["--setenv", "HOME", str(work_dir), "--cap-drop", "ALL"]
    for name, value in environment.items():
        options += ["--setenv", name, value]
    options += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    options += ["--size", str(_SCRATCH_BYTES), "--tmpfs", "/tmp", "--ro-bind", "/usr", "/usr"]
    for name in ("/bin", "/sbin", "/lib", "/lib64"):
        if os.path.islink(name):
            options += ["--symlink", os.readlink(name), name]
        elif os.path.isdir(name):
            options += ["--ro-bind", name, name]
    for path in readable:
        options += ["--ro-bind", path, path]
    options += ["--bind", str(work_dir), str(work_dir), "--chdir", str(work_dir)]
    return [*options, *(_as_another_user() if _becomes_another_user() else ["--"])]


def _as_another_user() -> list[str]:
    """Bubblewrap's last options and the command that gives root up, for a user of this run's own.

    The user may read and write all that is inside, as root could: files of the folder are root's.
    """
    user = _FIRST_USER + os.getpid() * _USERS_OF_A_PROCESS + next(_turn) % _USERS_OF_A_PROCESS
    kept = ("setuid", "setgid", "setpcap", "dac_override")
    options = [word for name in kept for word in ("--cap-add", f"CAP_{name.upper()}")]
    options += ["--", _SETPRIV, f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    options += [f"--{kind}=-all,+dac_override" for kind in ("inh-caps", "ambient-caps")]
    return [*options, "--bounding-set=-all,+dac_override", "--no-new-privs", "--"]


@functools.cache
def _becomes_another_user() -> bool:
    """We are root, and may make namespaces and users without a user namespace."""
    if os.geteuid() != 0 or not os.path.exists(_SETPRIV) or _bubblewrap() is None:
        return False
    probe = [str(_bubblewrap()), *_NAMESPACES[True], "--cap-drop", "ALL", "--ro-bind", "/", "/"]
    return _succeeds([*probe, *_as_another_user(), "/bin/true"])


@functools.cache
def _bubblewrap() -> Path | None:
    """The bubblewrap program, if it is installed and may make namespaces here."""
    found = shutil.which("bwrap")
    if found is None:
        return None
    probe = [found, *_NAMESPACES[False], "--ro-bind", "/", "/", "--size", "4096", "--tmpfs", "/tmp"]
    return Path(found) if _succeeds([*probe, "--", "/bin/true"]) else None


def _succeeds(command: Sequence[str]) -> bool:
    """A probe, which gets none of our environment."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=10, check=False, env={})
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
