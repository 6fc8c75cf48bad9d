"""Runs `chipflow` in a process of its own, and ends it by Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from tests.chipflow.command_line import Ended


def interrupted(*arguments: object, phase: str, after_s: float = 0.0, limit_s: float) -> Ended:
    """How `chipflow` ends that gets SIGINT once it tells of a phase.

    Args:
        arguments: Of the command.
        phase: Words of a line on stderr.
        after_s: Seconds from that line to the signal.
        limit_s: Seconds that it may take to end.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "chipflow.cli", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if phase in line:
                break
        time.sleep(after_s)
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return Ended(process.returncode, out, err)
