"""Scripted models for the repair loop: functions that answer by stage, and keep what was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from llm_stages import python_provider
from llm_stages.asker import Asking
from llm_stages.exchange import Request

MODEL, STRONGER = "python/scripted", "python/scripted_stronger"

#: A combinational module and a clocked one.
GATE = (
    "Write a gate.\n\n - input a (2 bits)\n - input b (2 bits)\n - output y (2 bits)\n\ny is {}.\n"
)
COUNTER = (
    "Write a counter.\n\n - input clk\n - input reset\n - input up\n - output q (4 bits)\n\n"
    "Synchronous reset to 0, active high; at each rising edge q counts {} where up is 1.\n"
)


def gate(expression: str) -> str:
    """An answer with a gate of two inputs."""
    return (
        "```verilog\nmodule gate(input [1:0] a, input [1:0] b, output [1:0] y);\n"
        f"  assign y = {expression};\nendmodule\n```"
    )


def gate_reference(expression: str) -> str:
    """An answer with its reference model."""
    return (
        '```python\ndef outputs(x):\n    a, b = x["a"], x["b"]\n'
        f'    return {{"y": {expression}}}\n```'
    )


def counter(step: str) -> str:
    """An answer with a counter."""
    return (
        "```systemverilog\nmodule counter(input clk, input reset, input up, output [3:0] q);\n"
        f"  reg [3:0] count;\n  wire [3:0] following;\n  assign following = count + {step};\n"
        "  always @(posedge clk)\n    if (reset) count <= 0;\n"
        "    else if (up) count <= following;\n"
        "  assign q = count;\nendmodule\n```"
    )


def counter_reference(step: str) -> str:
    """An answer with its reference model."""
    return (
        '```python\ndef reset():\n    return {"count": 0}\n\n'
        'def clock(state, x):\n    if x["up"]:\n'
        f'        state["count"] = (state["count"] + {step}) % 16\n    return state\n\n'
        'def outputs(state, x):\n    return {"q": state["count"]}\n```'
    )


def edit(old: str, new: str) -> str:
    """An answer with one edit."""
    return f"<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE"


class Script:
    """What is answered, by stage: a list of answers, of which the last one repeats, or a function.

    Attributes:
        asked: The requests so far, with the model's name.
    """

    def __init__(self, **answers: list[str] | Callable[[Request], str]) -> None:
        self.answers = answers
        self.asked: list[Request] = []

    def of(self, stage: str) -> list[Request]:
        """What was asked in one stage."""
        return [request for request in self.asked if request.stage == stage]

    def question(self, stage: str, number: int = -1) -> str:
        """The text of one of its questions."""
        return self.of(stage)[number].messages[-1].content

    def __call__(self, request: Request) -> str:
        """Answer."""
        self.asked.append(request)
        given = self.answers[request.stage]
        if callable(given):
            return given(request)
        return given[min(len(self.of(request.stage)), len(given)) - 1]


@contextmanager
def scripted(**answers: list[str] | Callable[[Request], str]) -> Iterator[Script]:
    """A script as the models `MODEL` and `STRONGER`."""
    script = Script(**answers)
    for model in (MODEL, STRONGER):
        python_provider.register(model.removeprefix("python/"), script)
    yield script


def asking(**options: object) -> Asking:
    """Ask the scripted model."""
    given: dict = {"models": {"": (MODEL,)}, **options}
    return Asking(**given)
