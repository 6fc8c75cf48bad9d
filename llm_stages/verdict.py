"""The outcome of a simulation as a value, obtained from the simulator and never from its output.

A simulation that checked nothing, was cut, or never reset what it should is no pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Status = Literal["passed", "failed", "could_not_run"]

#: Why a simulation did not pass.
Cause = Literal[
    "",
    "exit_code",  # $fatal, $stop or $finish_and_return with a number other than 0
    "mismatch",  # the test bench counted errors
    "no_checks",  # it counted no checks
    "no_reset",  # the reset was never used
    "no_result",  # the simulator ended and the judge had written nothing
    "no_finish",  # the event queue ran dry before $finish
    "time_limit",  # wall or CPU time, or the limit that the test bench has itself
    "output_limit",  # files grew beyond the limit
    "resources",  # more memory or processes than allowed
    "compile",  # the sources do not compile
    "unsafe",  # an untrusted source uses what it must not
    "crash",  # the simulator was killed by a signal
]


@dataclass(frozen=True)
class Verdict:
    """What a simulation showed.

    Attributes:
        status: "passed": the test bench reached `$finish` with exit code 0, and where it counts, it
            counted checks and no errors. "failed": it ran and did not. "could_not_run": the sources
            did not compile, or were refused.
        cause: The kind of failure; empty when passed.
        reason: One sentence for people; empty when passed.
        exit_code: Exit code of the simulation, None where it did not end by itself.
        wall_s: Time that compiling and simulating took.
        log_path: What the compiler and the simulation printed.
        vcd_path: The wave form file, where the test bench wrote one.
        errors: Errors that the test bench counted; None where it does not count, or did not end.
        checks: Checks that it counted; None as above.
    """

    status: Status
    cause: Cause
    reason: str
    exit_code: int | None
    wall_s: float
    log_path: Path
    vcd_path: Path | None = None
    errors: int | None = None
    checks: int | None = None

    @property
    def passed(self) -> bool:
        """The test bench says that the design is right."""
        return self.status == "passed"
