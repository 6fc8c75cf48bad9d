"""The recorded runs of a small local model replay offline, and give what is committed of them.

docs/repair_loop.md has the figures and how they were made.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llm_stages import hdl, sandbox
from llm_stages.simulation import simulator_version
from tests.chipflow.command_line import command_line

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "verilog_eval_local_model"
RUNS = "plain", "loop_1050", "plain_1878", "loop_1878", "loop_4200"

pytestmark = pytest.mark.skipif(
    hdl.find_simulator() is None or sandbox.mechanism() is None,
    reason="needs Icarus Verilog and a sandbox",
)


def committed(run: str) -> dict[str, Any]:
    return json.loads((RESULTS / run / "verilog.json").read_text())


def tokens(record: dict[str, Any]) -> int:
    samples = [sample for problem in record["problems"] for sample in problem["samples"]]
    return sum(sample["prompt_tokens"] + sample["completion_tokens"] for sample in samples)


@pytest.mark.parametrize("run", RUNS)
def test_a_recorded_run_replays(
    run: str,
    data_file: Callable[[str], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = committed(run)
    made_with, names = record["made_with"], [item["problem"] for item in record["problems"]]
    data_file(f"verilog-eval/{names[0]}_test.sv")
    if (here := simulator_version("icarus")) != made_with["simulator"]:
        # What a simulator says of a source is part of the questions of a repair.
        pytest.skip(f"recorded with {made_with['simulator']}, and this is {here}")
    model, arm = made_with["answers"].split(", ")
    budget = made_with["budget_tokens"]
    ended = command_line(capsys, monkeypatch)(
        "bench", "verilog", "--model", model, "--arm", arm, "--problems", ",".join(names),
        *(("--budget-tokens", budget) if budget else ()), "--max-tokens", made_with["max_tokens"],
        "--replay", RESULTS / "answers", "--out", tmp_path / "out", "--quiet",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    again = json.loads((tmp_path / "out" / "verilog.json").read_text())
    # These are older than the digest of a problem.
    assert [{**one, "digest": ""} for one in again["problems"]] == [
        {**one, "digest": ""} for one in record["problems"]
    ]
    assert again["summary"] == record["summary"]


def test_the_loop_gains_what_the_guide_says() -> None:
    plain, equal, plain_more, more, most = records = [committed(run) for run in RUNS]
    assert [len(record["problems"]) for record in records] == [12] * 5
    assert equal["summary"]["solved"] >= plain["summary"]["solved"]
    assert tokens(equal) <= tokens(plain)
    assert more["made_with"]["budget_tokens"] == 4 * tokens(plain) // 12
    assert more["summary"]["solved"] > plain_more["summary"]["solved"]
    assert tokens(more) <= tokens(plain_more)
    for record in (more, most):
        assert record["summary"]["solved"] >= plain["summary"]["solved"] + 2
        assert tokens(record) <= 4 * tokens(plain)
    guide = (ROOT / "docs" / "repair_loop.md").read_text()
    for record in records:
        made_with, found = record["made_with"], record["summary"]
        samples = [sample for problem in record["problems"] for sample in problem["samples"]]
        agreed = [sample for sample in samples if sample["note"].startswith("agrees with")]
        assert all(sample["status"] == "passed" for sample in agreed)
        row = f"| {made_with['budget_tokens'] or 'none'} | {tokens(record):,} | "
        row += f"{found['pass_at']['1']:.1%} | {found['solved']} of 12 |"
        row += f" {len(agreed)} |" if ", loop" in made_with["answers"] else " |"
        assert row in guide
