"""The flow's side of the child process that runs one stage."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chipflow.engine.worker import Job
from chipflow.errors import StageFailed
from chipflow.stage import StageResult
from llm_stages.keys import without_keys

_TAIL_LINES = 12
_TAIL_BYTES = 16384


@dataclass(frozen=True)
class Usage:
    """What a child process and the programs that it started took.

    Attributes:
        cpu_s: Processor time of all of them.
        peak_rss_mib: Greatest resident set of any one of them.
    """

    cpu_s: float
    peak_rss_mib: float


class Children:
    """The child processes at work, so that all can be ended at once.

    Attributes:
        ended: `end_all` has been called.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self.ended = False

    def end_all(self) -> None:
        """Kills every child with all that it has started; later ones do not start."""
        with self._lock:
            self.ended = True
            for process in self._running:
                # Each leads a process group, and is not reaped while it is in the set.
                os.killpg(process.pid, signal.SIGKILL)

    def run(self, job: Job, log: Path, on_line: Callable[[str], None]) -> tuple[StageResult, Usage]:
        """Runs a stage in a child process and waits for it.

        Args:
            job: The stage and its context.
            log: File for everything that the stage prints.
            on_line: Called with each line of progress.

        Raises:
            StageFailed: The stage failed, crashed or was ended.
        """
        events, child_end = os.pipe()
        try:
            process = self._start(job, log, child_end)
        finally:
            os.close(child_end)
        outcome: dict[str, Any] = {}
        try:
            assert process.stdin is not None
            with suppress(BrokenPipeError):  # it has crashed already; its exit status says how
                process.stdin.write(job.packed())
                process.stdin.flush()
            for message in _messages(events):
                if "log" in message:
                    on_line(message["log"])
                else:
                    outcome = message
        finally:
            usage = self._reap(process)
        if "peak_rss_mib" in outcome:
            usage = replace(usage, peak_rss_mib=outcome["peak_rss_mib"])
        if "result" in outcome:
            return StageResult(**outcome["result"]), usage
        raise self._failure(job.stage.name, process.returncode, outcome.get("error"), log)

    def _start(self, job: Job, log: Path, child_end: int) -> subprocess.Popen[bytes]:
        own = dict(os.environ) if job.stage.asks_models else without_keys(os.environ)
        environment = {
            **own,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "PYTHONHASHSEED": "0",
            "PYTHONUNBUFFERED": "1",
        }
        command = [sys.executable, "-P", "-m", "chipflow.engine.worker", job.stage.name]
        with self._lock, log.open("ab") as output:
            if self.ended:
                raise StageFailed(job.stage.name, "not started: the run has been stopped")
            process = subprocess.Popen(
                [*command, str(child_end)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(child_end,),
                env=environment,
                start_new_session=True,
            )
            self._running.add(process)
        return process

    def _reap(self, process: subprocess.Popen[bytes]) -> Usage:
        """Waits for the end of the child; closing its input then ends what it left running."""
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:
            self._running.discard(process)
            _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.close()
        per_mib = 2**20 if sys.platform == "darwin" else 2**10
        return Usage(used.ru_utime + used.ru_stime, used.ru_maxrss / per_mib)

    def _failure(
        self, stage: str, code: int, error: dict[str, Any] | None, log: Path
    ) -> StageFailed:
        tail = _last_lines(log)
        if error:
            return StageFailed(stage, log_tail=tail, **error)
        if self.ended:
            return StageFailed(stage, "stopped with the run")
        if code >= 0:
            last = f": {tail[-1].strip()}" if tail else ""
            message = f"the stage ended with exit code {code} and without a result{last}"
            hint = "the log shows why; if it is chipflow's own fault, please report it"
        else:
            message = f"the stage's process was ended by {signal.Signals(-code).name}"
            hint = "the log shows how far it got"
            if -code == signal.SIGKILL:
                hint = "the machine may be out of memory: --jobs 1 needs less"
        return StageFailed(stage, message, where=str(log), hint=hint, crashed=True, log_tail=tail)


def _messages(descriptor: int) -> Iterator[dict[str, Any]]:
    with os.fdopen(descriptor, encoding="utf-8", errors="replace") as stream:
        for line in stream:
            try:
                yield json.loads(line)
            except ValueError:
                continue  # the child was killed in the middle of a line


def _last_lines(log: Path) -> tuple[str, ...]:
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        lines = stream.read().decode(errors="replace").splitlines()
    return tuple(line for line in lines if line.strip())[-_TAIL_LINES:]
