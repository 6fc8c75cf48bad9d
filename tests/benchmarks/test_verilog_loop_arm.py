"""The repair loop as an arm of the benchmark: told the task alone, and held to a budget."""

from __future__ import annotations

import pytest

from benchmarks.verilog_arms import ARMS, ModelOptions, Task
from llm_stages import hdl, sandbox
from llm_stages.budget import Budget
from llm_stages.errors import BudgetSpent
from tests.llm_stages.loop_models import GATE, MODEL, gate, gate_reference, scripted

pytestmark = pytest.mark.skipif(
    hdl.find_simulator() is None or sandbox.mechanism() is None, reason="needs iverilog, a sandbox"
)

AND = GATE.format("a and b")


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHIPFLOW_LLM_RECORD", "CHIPFLOW_LLM_REPLAY"):
        monkeypatch.delenv(name, raising=False)


def test_the_cold_sample_is_the_question_of_the_plain_arm() -> None:
    options = ModelOptions(MODEL, max_tokens=500)
    with scripted(
        **{"": [gate("a & b")]}, write_bench=[gate_reference("a & b")], spec_to_rtl=[gate("a & b")]
    ) as script:
        plain = ARMS["plain"](options)(Task(AND, "gate", 0, Budget()))
        loop = ARMS["loop"](options)(Task(AND, "gate", 0, Budget(max_tokens=9000)))
    asked = script.of("spec_to_rtl")[0]
    alone = script.of("")[0]
    assert (asked.messages, asked.temperature, asked.seed, asked.max_tokens) == (
        alone.messages, alone.temperature, alone.seed, alone.max_tokens,
    )  # fmt: skip
    assert loop.rtl == plain.rtl
    assert loop.note.startswith("agrees with a reference model")


def test_the_budget_holds_and_what_failed_is_counted() -> None:
    options = ModelOptions(MODEL, max_tokens=500)
    with scripted(write_bench=["no"], spec_to_rtl=[gate("a & c")], repair=["no"]):
        budget = Budget(max_tokens=6000)
        answer = ARMS["loop"](options)(Task(AND, "gate", 0, budget))
    assert answer.rtl == ""
    assert "undeclared identifier" in answer.note
    spent = answer.prompt_tokens + answer.completion_tokens
    assert 3000 < spent <= 6000
    assert spent == budget.spent_tokens


def test_what_was_spent_without_any_source_is_counted() -> None:
    options = ModelOptions(MODEL, max_tokens=500)
    unstated = "Write a gate that is the and of its two inputs." + " It is quick." * 800
    with scripted(normalise_spec=["no"], spec_to_rtl=[gate("a & b")]):
        budget = Budget(max_tokens=13_000)
        answer = ARMS["loop"](options)(Task(unstated, "gate", 0, budget))
        assert answer.rtl == ""
        assert answer.prompt_tokens + answer.completion_tokens == budget.spent_tokens > 0
        with pytest.raises(BudgetSpent):
            ARMS["loop"](options)(Task(unstated, "gate", 0, Budget(max_tokens=9)))
