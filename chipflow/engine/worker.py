"""The child process that runs one stage: `python -m chipflow.engine.worker NAME DESCRIPTOR`.

A stage gets a process of its own because the tools in it are C++ libraries: one may crash, fill
the memory or hold Python's interpreter lock for minutes, and the flow is to survive all three.

It reads one pickled job from standard input; what it prints goes to the stage's log. It reports on
the named file descriptor, one JSON object per line: {"log": text} while at work, {"result": ...} or
{"error": ...} at the end. A process that ends without either has crashed.
"""

from __future__ import annotations

import faulthandler
import json
import math
import os
import pickle
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chipflow.engine.declared import as_declared
from chipflow.stage import Stage, StageContext, StageResult
from llm_stages.errors import StageError
from placement_env.errors import ChipError
from placement_env.metrics import METRICS


@dataclass(frozen=True)
class Job:
    """What the flow sends to the child; `context.log` is set here."""

    stage: Stage
    context: StageContext

    def packed(self) -> bytes:
        """The job as `main` reads it: its length in 8 bytes, then the pickle."""
        text = pickle.dumps(self)
        return len(text).to_bytes(8, "big") + text


def main() -> None:
    """Runs the job on standard input."""
    report_to = int(sys.argv[2])
    os.set_inheritable(report_to, False)
    os.environ.pop("PYTHONPATH", None)  # it is for this process, not for programs of the stage
    from_flow = os.dup(0)
    with os.fdopen(0, "rb", closefd=False) as stdin:
        text = stdin.read(int.from_bytes(stdin.read(8), "big"))
    _detach_stdin()
    if text:
        _start_guard(from_flow, report_to)
        os.close(from_flow)
        faulthandler.enable()
        _run(pickle.loads(text), report_to)


def _detach_stdin() -> None:
    """Leaves programs that the stage starts an empty standard input."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def _start_guard(from_flow: int, report_to: int) -> None:
    """Forks a process that cleans up after this one, however it ends.

    It kills all that the stage has started and removes the stage's temporary folder, once this
    process is gone or the flow is. The flow holds the other end of `from_flow` and never writes
    again, so an end of file means that it has let go or was killed. A thread could not do this
    while a library holds the interpreter lock, and the kernel's parent-death signal reaches a
    child but not its children.
    """
    worker = os.getpid()
    path_in, path_out = os.pipe()
    if os.fork():
        os.close(path_out)
        with os.fdopen(path_in) as stream:
            scratch = stream.read()
        if not scratch:
            raise RuntimeError(f"no temporary folder can be made in {tempfile.gettempdir()}")
        os.environ["TMPDIR"] = scratch
        return
    os.setpgid(0, 0)  # out of the group that it kills; in the session, so no other takes its number
    os.close(report_to)
    os.close(path_in)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # Made here, where no kill of the group can come between making and removing it.
    try:
        scratch = tempfile.mkdtemp(prefix="chipflow-")
    except OSError:
        os._exit(1)
    with suppress(BrokenPipeError):
        os.write(path_out, scratch.encode())
    os.close(path_out)
    while os.getppid() == worker:
        readable, _, _ = select.select([from_flow], [], [], 0.2)
        if readable and not os.read(from_flow, 1):
            break
    with suppress(ProcessLookupError):
        os.killpg(worker, signal.SIGKILL)
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(0)


def _run(job: Job, report_to: int) -> None:
    with os.fdopen(report_to, "w", encoding="utf-8") as stream:

        def report(**message: Any) -> None:
            stream.write(json.dumps(message) + "\n")
            stream.flush()

        def log(line: str) -> None:
            print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)
            report(log=line)

        try:
            context = as_declared(replace(job.context, log=log), job.stage)
            result = job.stage.run(context)
            report(result=_checked(result, job), peak_rss_mib=_peak_rss_mib())
        except (ChipError, StageError) as error:
            print(f"error: {error}", flush=True)
            report(
                error={
                    "message": error.message,
                    "where": error.where,
                    "hint": error.hint,
                    "exit_code": error.exit_code,
                },
                peak_rss_mib=_peak_rss_mib(),
            )


def _peak_rss_mib() -> float:
    """Greatest resident set of this process or of a program that it has waited for.

    What the kernel says of this process to the flow would count the flow's own memory, which a
    child has between its fork and its exec.
    """
    per_mib = 2**20 if sys.platform == "darwin" else 2**10
    programs = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / per_mib
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return max(programs, int(line.split()[1]) / 2**10)
    return max(programs, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / per_mib)


def _checked(result: StageResult, job: Job) -> dict[str, Any]:
    """The result as JSON.

    Raises:
        RuntimeError: The stage has broken its declaration: a fault in its module.
    """
    for name, file in result.files.items():
        if name not in job.stage.gives:
            raise RuntimeError(f"{job.stage.name} gives {name}, which its STAGE does not declare")
        if not Path(job.context.out_dir, file).exists():
            raise RuntimeError(f"{job.stage.name} says that it made {file}, and it has not")
    return {
        "files": dict(result.files),
        "metrics": _plain_numbers(result.metrics, job.stage.name),
        "status": result.status,
        "note": result.note,
    }


def _plain_numbers(metrics: Mapping[str, float], stage: str) -> dict[str, float]:
    numbers = {}
    for name, value in metrics.items():
        if name not in METRICS:
            raise RuntimeError(f"{stage} reports {name}, which is not in placement_env.metrics")
        if not math.isfinite(value):
            raise RuntimeError(f"{stage} reports {name} = {value}")
        number = float(value)
        numbers[name] = int(number) if number.is_integer() and abs(number) < 2**53 else number
    return numbers


if __name__ == "__main__":
    # Pickle stores classes by module name, so the job must come from the importable module.
    from chipflow.engine import worker

    worker.main()
