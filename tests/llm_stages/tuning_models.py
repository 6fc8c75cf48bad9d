"""Problems and models for tuning: gates to write, and functions that write them well or badly."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from llm_stages import python_provider
from llm_stages.exchange import Request
from llm_stages.pack_score import Problem
from llm_stages.verdict import Verdict

OPERATORS = ("a & b", "a | b", "a ^ b", "~a & b", "a & ~b", "~a | b", "~(a & b)", "~(a | b)")
GOLDEN = "golden-bench-text"
_numbers = itertools.count()

Answer = Callable[[Request], str]


def problem(number: int, prefix: str = "train") -> Problem:
    """A gate, with a test bench that knows what is right without a simulator."""
    wanted = OPERATORS[number % len(OPERATORS)]

    def judge(device: Path, work_dir: Path) -> Verdict:
        work_dir.mkdir(parents=True, exist_ok=True)
        log = work_dir / "log"
        log.write_text(GOLDEN)
        is_right = f"assign y = {wanted};" in device.read_text()
        return Verdict(
            "passed" if is_right else "failed",
            "" if is_right else "mismatch",
            "" if is_right else f"{GOLDEN}: 3 errors in 4 checks",
            0,
            0.0,
            log,
            errors=0 if is_right else 3,
            checks=4,
        )

    return Problem(
        name=f"{prefix}{number}",
        spec=f"Gate {prefix} {number}.\n\n - input a\n - input b\n - output y\n\ny is {wanted}.\n",
        top="gate",
        test_bench=judge,
        content=f"{GOLDEN} {wanted}",
    )


def problems(count: int, prefix: str) -> list[Problem]:
    """So many of them."""
    return [problem(number, prefix) for number in range(count)]


def right(request: Request) -> str:
    """The right answer to a question."""
    found = re.search(r"^y is (.*)\.$", request.messages[-1].content, re.MULTILINE)
    assert found
    return module(found[1])


def module(expression: str) -> str:
    """An answer with a gate."""
    return (
        "```systemverilog\nmodule gate(input a, input b, output y);\n"
        f"  assign y = {expression};\nendmodule\n```"
    )


def system(request: Request) -> str:
    """The instruction of a question."""
    return request.messages[0].content


def is_rewrite(request: Request) -> bool:
    """Whether the model is asked for better rules, and not for RTL."""
    asked = request.messages[-1].content
    return "improve the rules" in system(request) or "examples_with_feedback" in asked


@dataclass
class Counted:
    """A model under a name of its own, and what it was asked.

    Attributes:
        model: Its model string.
        requests: All questions so far.
    """

    model: str
    requests: list[Request] = field(default_factory=list)

    @property
    def questions(self) -> Sequence[Request]:
        """The questions for RTL."""
        return [request for request in self.requests if not is_rewrite(request)]


def counted(answer: Answer, name: str = "") -> Counted:
    """Register a model."""
    name = name or f"tuned-{next(_numbers)}"
    model = Counted(f"python/{name}")

    def ask(request: Request) -> str:
        model.requests.append(request)
        return answer(request)

    python_provider.register(name, ask)
    return model


def better_if(is_helped: Callable[[Request], bool], rewrite: str = "no rules") -> Answer:
    """A model that is right where something in the question helps it, and else ignores b."""

    def answer(request: Request) -> str:
        if is_rewrite(request):
            return rewrite
        return right(request) if is_helped(request) else module("a")

    return answer
