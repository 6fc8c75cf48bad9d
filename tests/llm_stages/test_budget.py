"""Limits that calls share: counted before the call, by threads and by processes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from llm_stages import budget as budget_module
from llm_stages import provider, python_provider
from llm_stages.budget import Budget
from llm_stages.call_log import read_calls, usage_by_model
from llm_stages.errors import BudgetSpent, InputError, NoConnection, Refused
from llm_stages.exchange import CallFailed, Connection, Message, Reply, Request

ROOT = Path(provider.__file__).parents[1]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHIPFLOW_LLM_RECORD", "CHIPFLOW_LLM_REPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(provider, "_FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(budget_module, "_POLL_S", 0.005)


def ask(name: str, **changes: object) -> Request:
    fields: dict = {
        "messages": (Message("user", "x" * 100),),
        "max_tokens": 59,
        "stage": "s",
        **changes,
    }
    return Request(model=f"python/{name}", **fields)


def answers(name: str, *, cost_usd: float | None = 0.25, pause_s: float = 0.0) -> None:
    def answer(request: Request) -> Reply:
        time.sleep(pause_s)
        return Reply("ok", 40, 10, cost_usd, pause_s, "fake")

    python_provider.register(name, answer)


@pytest.mark.parametrize(
    ("limits", "calls", "words"),
    [
        ({"max_calls": 2}, 2, "all 2 calls"),
        ({"max_tokens": 199}, 2, "100 of 199"),  # a call may use 41 + 59 and uses 50
        ({"max_tokens": 99}, 0, "0 of 99"),
        ({"max_cost_usd": 0.5}, 2, "$0.5000 of $0.5000"),
        ({"max_s": 0.1}, 2, "of 0.1 s"),
    ],
)
def test_the_call_that_would_break_a_limit_is_not_made(
    limits: dict, calls: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers("model", pause_s=0.06 if "max_s" in limits else 0.0)
    connection = python_provider.connect(ask("model"))
    priced = Connection(ask=connection.ask, price=lambda prompt, answer: 0.25)
    monkeypatch.setattr(provider, "_connect", lambda request: priced)
    budget = Budget(**limits)
    monkeypatch.setattr(budget_module, "_SHORTEST_S", 0.01)
    late = False
    for _ in range(calls):
        try:
            provider.complete(ask("model"), budget=budget)
        except NoConnection:  # the second had less time than it takes
            late = True
    with pytest.raises(BudgetSpent) as caught:
        provider.complete(ask("model"), budget=budget)
    assert words in caught.value.message
    assert late == ("max_s" in limits)
    assert len(budget.calls) == calls
    assert budget.spent_usd == 0.25 * calls


def test_a_call_of_which_nothing_is_known_counts_in_full() -> None:
    def lost(request: Request) -> str:
        raise NoConnection("gone")

    python_provider.register("lost", lost)
    budget = Budget()
    with pytest.raises(NoConnection):
        provider.complete(ask("lost"), budget=budget)
    assert budget.spent_tokens == 0
    call = budget.begin(ask("lost"), lambda prompt, answer: 2.0)
    budget.lose(call, took_s=1.0, error="broke off")
    assert (budget.spent_tokens, budget.spent_usd) == (100, 2.0)
    call = budget.begin(ask("lost"), lambda prompt, answer: 3.0)
    unstated = Reply("x" * 25, 0, 0, 0.0, 1.0, "fake")
    budget.end(call, used=unstated, took_s=1.0)
    assert (budget.spent_tokens, budget.spent_usd) == (100 + 41 + 11, 5.0)


def test_an_answer_of_no_use_is_charged_and_each_try_is_a_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[float] = []

    def useless(request: Request) -> Reply:
        tries.append(request.timeout_s)
        used = Reply("", 40, 10, 0.5, 0.1, "fake")
        raise CallFailed(Refused("no text"), again=True, used=used)

    monkeypatch.setattr(provider, "_connect", lambda request: Connection(useless, lambda p, a: 0.5))
    budget = Budget(max_s=100.0)
    with pytest.raises(Refused):
        provider.complete(ask("any", timeout_s=300.0), budget=budget, retries=2)
    assert len(tries) == 3
    assert tries[0] == 100.0
    assert [call.state for call in budget.calls] == ["failed"] * 3
    assert (budget.spent_tokens, budget.spent_usd) == (150, 1.5)


def test_a_price_that_is_not_known_keeps_no_limit_on_cost() -> None:
    with pytest.raises(BudgetSpent, match="price"):
        Budget(max_cost_usd=1.0).begin(ask("any"), lambda prompt, answer: None)


def test_threads_never_spend_more_than_there_is() -> None:
    answers("slow", pause_s=0.02)
    budget = Budget(max_tokens=1000, at_once=3)
    outcomes: list[str] = []
    most = 0

    def work() -> None:
        nonlocal most
        try:
            provider.complete(ask("slow"), budget=budget)
            outcomes.append("answered")
        except BudgetSpent:
            outcomes.append("spent")
        most = max(most, sum(call.at_work for call in budget.calls))

    threads = [threading.Thread(target=work) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most <= 3
    assert budget.spent_tokens <= 1000
    assert outcomes.count("answered") >= 17  # 50 tokens each; the last fit only before 900
    assert outcomes.count("spent") == 24 - outcomes.count("answered")


CHILD = """
import sys
from pathlib import Path
from llm_stages import provider, python_provider
from llm_stages.budget import Budget
from llm_stages.errors import BudgetSpent
from llm_stages.exchange import Message, Reply, Request
python_provider.register("model", lambda request: Reply("ok", 40, 10, 0.0, 0.0, "fake"))
budget = Budget(max_calls=30, file=Path(sys.argv[1]), spender=sys.argv[2])
count = 0
try:
    while True:
        provider.complete(Request("python/model", (Message("user", "q"),)), budget=budget)
        count += 1
except BudgetSpent:
    print(count)
"""


def test_processes_share_a_budget_through_its_file(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text('{"id": "half a li')  # what a killed process leaves
    running = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(file), name],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    counts = [int(process.communicate(timeout=60)[0]) for process in running]
    assert sum(counts) == 30
    calls = read_calls(file)
    for name, count in zip(("one", "two"), counts, strict=True):
        used = usage_by_model(calls, name)
        assert sum(sum_.calls for sum_ in used.values()) == count


def test_the_call_of_a_dead_process_is_spent_and_holds_up_nobody(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    begun = "budget.begin(Request('python/model', (Message('user', 'q'),)), lambda p, a: 0.0)"
    code = CHILD.replace("    while True:", f"    {begun}; sys.exit()\n    while True:")
    subprocess.run([sys.executable, "-c", code, str(file), "dead"], cwd=ROOT, check=True)
    answers("model")
    budget = Budget(max_calls=2, at_once=1, file=file)
    provider.complete(ask("model"), budget=budget)
    with pytest.raises(BudgetSpent):
        provider.complete(ask("model"), budget=budget)


def test_a_file_that_cannot_be_written_is_an_error_with_its_place(tmp_path: Path) -> None:
    answers("model")
    with pytest.raises(InputError) as caught:
        provider.complete(ask("model"), budget=Budget(file=tmp_path / "no" / "calls.jsonl"))
    assert "calls.jsonl" in caught.value.where
