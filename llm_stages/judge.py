"""The judge: a module of ours beside the test bench, which writes what happened to a file.

The verdict comes from that file, never from what was printed, since a device prints to the same
place as its test bench. File and module carry a number that nobody can guess, and the device cannot
open files anyhow (`untrusted.py`).
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from llm_stages.errors import InputError
from llm_stages.text_files import head

_NAME = r"[A-Za-z_][A-Za-z0-9_$]*"
_PATH = re.compile(rf"{_NAME}(\.{_NAME}|\[\d+(:\d+)?\])*")
_MOST_BYTES = 4096
#: Simulated time is counted in 64 bits.
LAST_TICK = 2**64 - 1


@dataclass(frozen=True)
class Counters:
    """Where a test bench counts, as names from its top module on, such as `tb.stats1.errors`.

    Attributes:
        errors: What it found wrong.
        checks: What it has checked. No check at all is no pass.
        cut_at_ps: Simulated time at which the test bench gives up; a simulation that lasts as long
            has timed out. None where it has no such limit.
    """

    errors: str
    checks: str
    cut_at_ps: int | None = None


@dataclass(frozen=True)
class Reset:
    """A reset that a simulation must have used, or it says nothing.

    Attributes:
        signal: Its name from the top module of the test bench on, such as `tb.rst_n`.
        active: Its level while it resets, 0 or 1.
    """

    signal: str
    active: int


@dataclass(frozen=True)
class Findings:
    """What the judge wrote.

    Attributes:
        ran_dry: No event was left and nobody had called `$finish`.
        errors: What the test bench found wrong; None where it is not a number, or not counted.
        checks: What the test bench has checked; None as above.
        time: Simulated time at the end, in seconds, or in ps where the counters have a limit.
        was_reset: The reset was active, and then inactive.
    """

    ran_dry: bool
    errors: int | None
    checks: int | None
    time: int
    was_reset: bool


@dataclass(frozen=True)
class Judge:
    """The judge of one simulation.

    Attributes:
        counters: What to read from the test bench at the end, if it counts.
        reset: The reset to watch, if any.
        nonce: The number that nobody can guess.
    """

    counters: Counters | None = None
    reset: Reset | None = None
    nonce: str = field(default_factory=lambda: secrets.token_hex(16))

    def __post_init__(self) -> None:
        """Raise `InputError` where a name is none: it would become part of a program."""
        names = [self.counters.errors, self.counters.checks] if self.counters else []
        names += [self.reset.signal] if self.reset else []
        for name in names:
            if not _PATH.fullmatch(name):
                raise InputError(f"{name!r} does not name a signal of a test bench")

    @property
    def module(self) -> str:
        """The module's name."""
        return f"chipflow_judge_{self.nonce}"

    @property
    def file_name(self) -> str:
        """The file's name, in the folder where the simulation runs."""
        return f"chipflow_result_{self.nonce}.txt"

    @property
    def unit_exponent(self) -> int:
        """The module's unit of time as a power of ten of a second."""
        return -12 if self.counters and self.counters.cut_at_ps is not None else 0

    def source(self, *, instantiates: str = "") -> str:
        """The module's text.

        Its one event lies at the end of simulated time, given as `+chipflow_end=` in its unit of
        time, so it happens only if nothing else is left to happen.

        Args:
            instantiates: A test bench to instantiate, for simulators that want a single top module.
        """
        unit = "1ps" if self.unit_exponent else "1s"
        watched = ""
        if self.reset:
            level = int(bool(self.reset.active))
            watched = (
                f"  always @({self.reset.signal}) begin\n"
                f"    if ({self.reset.signal} === 1'b{level}) in_reset = 1;\n"
                f"    else if (in_reset && {self.reset.signal} === 1'b{1 - level}) was_reset = 1;\n"
                "  end\n"
                f"  initial #0 if ({self.reset.signal} === 1'b{level}) in_reset = 1;\n"
            )
        counted = ", ".join(
            (self.counters.errors, self.counters.checks) if self.counters else ("1'bx", "1'bx")
        )
        return (
            f"`resetall\n`timescale {unit} / {unit}\n"
            f"module {self.module};\n"
            + (f"  {instantiates} {instantiates} ();\n" if instantiates else "")
            + "  reg [63:0] last;\n  reg ran_dry = 0, in_reset = 0, was_reset = 0;\n"
            "  integer file;\n"
            '  initial if ($value$plusargs("chipflow_end=%d", last)) begin\n'
            "    #(last) ran_dry = 1;\n    $finish(0);\n  end\n"
            f"{watched}"
            "  final begin\n"
            f'    file = $fopen("{self.file_name}", "w");\n'
            f'    $fdisplay(file, "%b %b %b %b %0d end", ran_dry, was_reset, {counted}, $time);\n'
            "    $fclose(file);\n  end\nendmodule\n`timescale 1s / 1s\n"
        )

    def read(self, folder: Path) -> Findings | None:
        """What the module wrote; None where it did not get to it."""
        words = head(folder / self.file_name, most_bytes=_MOST_BYTES).split()
        if len(words) != 6 or words[5] != "end" or not words[4].isdigit():
            return None
        errors, checks = (int(word, 2) if set(word) <= {"0", "1"} else None for word in words[2:4])
        return Findings(words[0] != "0", errors, checks, int(words[4]), words[1] == "1")
