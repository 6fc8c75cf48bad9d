"""A Python function as a model, for stages in processes of their own.

FAKE_MODEL=FILE: each call appends the seed that it was asked with; the lines of FILE.answers say
what each call does: "good", "bad", "killed", or the name of an error of `llm_stages.errors`.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from llm_stages import errors
from llm_stages.exchange import Reply, Request

MODEL = "python/tests.chipflow.fake_model:answer"
GOOD = "```verilog\nmodule adder(input [3:0] a, input [3:0] b, output [4:0] s);\n"
GOOD += "  assign s = a + b;\nendmodule\n```\n"


def answer(request: Request) -> str | Reply:
    asked = Path(os.environ["FAKE_MODEL"])
    with asked.open("a") as stream:
        stream.write(f"{request.seed}\n")
    number = len(asked.read_text().split()) - 1
    what = asked.with_suffix(".answers").read_text().split()[number]
    if what == "good":
        return Reply(GOOD, 100, 50, 0.001, 0.1, "fake-1")
    if what == "bad":
        return Reply(GOOD.replace("a + b", "a + c"), 100, 50, 0.001, 0.1, "fake-1")
    if what == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    raise getattr(errors, what)(f"the fake model has {what}")
