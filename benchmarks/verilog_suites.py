"""The suites of RTL problems, by name: which problems there are, and how one is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from benchmarks import cvdp, rtllm, verilog_eval
from benchmarks.verilog_problems import Problem
from placement_env.did_you_mean import did_you_mean
from placement_env.errors import InputError


@dataclass(frozen=True)
class RtlSuite:
    """A suite that can be run.

    Attributes:
        name: Its name.
        names: Its problems, in order.
        load: Reads one of them.
        set_size: Problems of the whole set, where fewer may be here; None where all are.
    """

    name: str
    names: tuple[str, ...]
    load: Callable[[str], Problem]
    set_size: int | None = None

    def chosen(self, patterns: Sequence[str]) -> list[str]:
        """The problems whose names fit one of the patterns; all where there is none.

        A pattern is a name, its beginning, or one with * and ?.

        Raises:
            InputError: A pattern fits no problem.
        """
        found: set[str] = set()
        for pattern in patterns:
            fitting = {n for n in self.names if fnmatchcase(n, pattern)} or {
                n for n in self.names if n == pattern or n.startswith(f"{pattern}_")
            }
            if not fitting:
                raise InputError(
                    f"the suite {self.name} has no problem {pattern!r}",
                    hint=did_you_mean(pattern, self.names)
                    or f"it has {len(self.names)}, from {self.names[0]} to {self.names[-1]}",
                )
            found |= fitting
        return [name for name in self.names if name in found or not patterns]


def suite(name: str, folder: Path | None = None) -> RtlSuite:
    """A suite by its name.

    Args:
        name: "verilog-eval", "rtllm" or "cvdp".
        folder: Where the files of the last two are; by default in the data folders.

    Raises:
        InputError: There is no such suite, or its files are not here.
    """
    if name == "verilog-eval":
        if folder is not None:
            raise InputError(
                "VerilogEval is read from the data folders", hint="set CHIPFLOW_DATA instead"
            )
        return RtlSuite(name, tuple(verilog_eval.names()), verilog_eval.load, verilog_eval.SET_SIZE)
    if name == "rtllm":
        designs = rtllm.designs(folder)
        return RtlSuite(name, tuple(designs), lambda design: rtllm.load(designs[design]))
    if name == "cvdp":
        problems = cvdp.problems(folder)
        return RtlSuite(name, tuple(problems), problems.__getitem__)
    raise InputError(
        f"there is no suite of RTL problems called {name!r}",
        hint="one of verilog-eval, rtllm, cvdp",
    )
