"""Runs a program of the flow: log file, time limit, and no survivor when chipflow dies."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from placement_env.errors import ChipError, ToolMissing

# Runs in the child before the program: Linux then ends it together with its parent, so that a
# killed run leaves nothing behind. The second check closes the gap before the call.
_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


class TimeLimit(ChipError):
    """A program did not finish in the time that it was given."""


def run_logged(
    command: Sequence[str | Path], *, cwd: Path, log_path: Path, timeout_s: float
) -> int:
    """Runs a program to its end and gives its exit status.

    Args:
        command: Path of the program and its arguments; no shell is involved.
        cwd: Folder to run in.
        log_path: Gets standard output and error.
        timeout_s: The program is killed after this time.

    Raises:
        ToolMissing: The program cannot be started.
        TimeLimit: The program was killed after `timeout_s`.
    """
    words = [str(word) for word in command]
    if not os.access(words[0], os.X_OK):
        raise ToolMissing(f"cannot run the program {words[0]}")
    launcher = [sys.executable, "-P", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid())]
    with open(log_path, "wb") as log:
        try:
            done = subprocess.run(
                launcher + words,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            raise TimeLimit(
                f"{Path(words[0]).name} did not finish in {timeout_s:g} s", where=str(log_path)
            ) from late
    return done.returncode
