"""`chipflow bench agent`: which runs are made, kept and compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.chipflow.command_line import CommandLine
from tests.chipflow.interrupted import interrupted

DESIGN = "generated:5x0.05"


def test_every_arm_runs_and_is_kept(chipflow: CommandLine, tmp_path: Path) -> None:
    words = (
        *("bench", "agent", "--designs", DESIGN, "--from-nothing", "0.2", "--from-given", "0.1"),
        *("--seeds", 2, "--out", tmp_path / "out"),
    )
    ended = chipflow(*words)
    assert ended.code == 0, ended
    record = json.loads((tmp_path / "out/runs.json").read_text())
    arms = {"graph-rl", "control", "random-weights", "search", "search-random", "annealing"}
    made = {(run["arm"], run["start"], run["seed"]) for run in record["runs"]}
    assert made == {
        (arm, start, seed)
        for arm in arms
        for start in ("nothing", "given")
        for seed in (1, 2)
        if (arm, start) != ("search-random", "given")
    }
    assert all(run["legal"] for run in record["runs"])
    assert "From nothing, medians of 2 seeds:" in ended.out
    assert f"| nothing | {DESIGN} | 0.2 |" in ended.out
    assert (tmp_path / "out/results.md").read_text() == ended.out
    again = chipflow(*words)
    assert again.out == ended.out
    assert "seed" not in again.err


def test_an_interrupted_run_is_not_kept(tmp_path: Path) -> None:
    """The search answers Ctrl-C by the best so far, which is not what 60 s reach."""
    ended = interrupted(
        *("bench", "agent", "--designs", DESIGN, "--arms", "search", "--seeds", 1),
        *("--from-nothing", "0.2,60", "--from-given", "", "--out", tmp_path / "out"),
        phase=": search",
        after_s=0.5,
        limit_s=60,
    )
    assert ended.code == 130, ended
    record = json.loads((tmp_path / "out/runs.json").read_text())
    assert [run["budget_s"] for run in record["runs"]] == [0.2]


@pytest.mark.parametrize("changed", ["code", "netlist"])
def test_runs_of_other_code_or_netlists_are_replaced_and_it_says_so(
    changed: str, chipflow: CommandLine, tmp_path: Path
) -> None:
    words = ("bench", "agent", "--designs", DESIGN, "--from-nothing", "0.1", "--from-given", "")
    words = (*words, "--arms", "search", "--seeds", 1, "--out", tmp_path)
    assert "replaced" not in chipflow(*words).err
    record = json.loads((tmp_path / "runs.json").read_text())
    if changed == "code":
        record["made_with"]["code"] = "older"
    else:
        record["runs"][0]["problem"] = "another netlist of this name"
    record["runs"][0]["robust_cost"] = 123.0
    (tmp_path / "runs.json").write_text(json.dumps(record))
    again = chipflow(*words)
    assert "its runs are replaced" in again.err
    assert "123" not in again.out


def test_arms_can_be_chosen(chipflow: CommandLine, tmp_path: Path) -> None:
    words = ("bench", "agent", "--designs", DESIGN, "--from-nothing", "0.1", "--from-given", "")
    ended = chipflow(*words, "--seeds", 1, "--arms", "search, annealing", "--out", tmp_path / "out")
    assert ended.code == 0, ended
    assert "| budget s | design | search | annealing |" in ended.out
    refused = chipflow(*words, "--arms", "serch", "--out", tmp_path / "out")
    assert refused.code == 2
    assert "did you mean search" in refused.err


def test_what_the_policy_builds_up_alone(chipflow: CommandLine, tmp_path: Path) -> None:
    ended = chipflow(
        *("bench", "agent", "--construct", "--designs", DESIGN, "--fine-tune", 0.02),
        *("--seeds", 1, "--out", tmp_path / "out", "--quiet"),
    )
    assert ended.code == 0, ended
    assert ended.err == ""
    row = next(line for line in ended.out.splitlines() if DESIGN in line).split("|")
    random, greedy, searched, alone = (float(row[k]) for k in (2, 3, 5, 6))
    assert 0 < searched <= 1.01 * greedy < random
    assert 0 < alone < random
    assert (tmp_path / "out/construct.md").read_text() == ended.out
