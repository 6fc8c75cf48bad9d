"""Runs a program of the flow with its output in a log file and with a time limit.

The program stays in the process group of the stage, which the flow ends as a whole.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from llm_stages.keys import without_keys
from placement_env.errors import ChipError, ToolMissing


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
    with open(log_path, "wb") as log:
        try:
            done = subprocess.run(
                words,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=without_keys(os.environ),
                timeout=timeout_s,
                check=False,
            )
        except OSError as error:
            raise ToolMissing(f"cannot run {words[0]}: {error.strerror}") from error
        except subprocess.TimeoutExpired as late:
            raise TimeLimit(
                f"{Path(words[0]).name} did not finish in {timeout_s:g} s", where=str(log_path)
            ) from late
    return done.returncode
