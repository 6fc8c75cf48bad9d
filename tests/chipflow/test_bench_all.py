"""`chipflow bench all` and `chipflow bench gate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import registry
from benchmarks.files import Benchmark, load_files
from benchmarks.gate import GOLDEN, read_golden
from placement_env.errors import InputError
from tests.benchmarks.tiny import write_tiny
from tests.chipflow.command_line import CommandLine


@pytest.fixture
def tiny_suites(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All designs are the tiny one."""
    benchmark = load_files(write_tiny(tmp_path))
    monkeypatch.setattr(registry, "load", lambda name: benchmark)


@pytest.mark.usefixtures("tiny_suites")
def test_all_placers_come_onto_one_scoreboard(chipflow: CommandLine, tmp_path: Path) -> None:
    command = ["bench", "all", "--suites", "tilos,tilos_sky130hd", "--budget", "0.1", "--out", "b"]
    ended = chipflow(*command)
    assert ended.code == 0, ended
    text = (tmp_path / "b/scoreboard.md").read_text()
    assert ended.out == text
    first, second = text.split("## tilos_sky130hd")
    for section in (first, second):
        for placer in ("search", "graph-rl", "annealing", "greedy", "quadratic", "random"):
            assert f"| {placer} | 0.1 | 1 |" in section
    assert "thinkorplace E74 [" in first
    page = (tmp_path / "b/scoreboard.html").read_text()
    assert page.count("<table") == 2
    assert "tilos_greedy" in {file.parent.name for file in tmp_path.rglob("results.json")}
    (tmp_path / "b/scoreboard.md").unlink()
    assert chipflow("bench", "scoreboard", "b").out == text
    assert (tmp_path / "b/scoreboard.md").read_text() == text
    # A second call makes what is new, and a placer of yours stands beside the others.
    (tmp_path / "mine.py").write_text("def stay(netlist, start, **options):\n    return start\n")
    ended = chipflow(*command, "--agent", "mine:stay", "--agent", "random", "-q")
    assert ended.code == 1
    assert "not all placements are legal" in ended.err
    assert "| mine:stay | 0.1 | 1 |" in ended.out
    assert "†" in ended.out
    assert "| search | 0.1 | 1 |" in ended.out


@pytest.mark.usefixtures("tiny_suites")
def test_one_failure_does_not_stop_the_others(
    chipflow: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = registry.load

    def load_some(name: str) -> Benchmark:
        if name == "ariane133_sky130hd":
            raise InputError("not on this machine", where=name)
        return load(name)

    monkeypatch.setattr(registry, "load", load_some)
    ended = chipflow(
        *(
            "bench",
            "all",
            "--suites",
            "tilos_sky130hd,tilos",
            "--agent",
            "random",
            "--budget",
            "0.1",
        )
    )
    assert ended.code == 1
    assert "failed, random: not on this machine" in ended.err
    assert "| random | 0.1 | 1 |" in ended.out


def test_a_scoreboard_of_nothing_is_refused(chipflow: CommandLine, tmp_path: Path) -> None:
    ended = chipflow("bench", "scoreboard", tmp_path)
    assert ended.code == 2
    assert "there are no results of benchmarks" in ended.err


def test_what_no_suite_is_for_is_refused(chipflow: CommandLine) -> None:
    ended = chipflow("bench", "all", "--suites", "gsrc", "--agent", "coloquinte")
    assert ended.code == 2
    assert "none of the suites gsrc is for coloquinte" in ended.err
    ended = chipflow("bench", "all", "--suites", "gcrs")
    assert ended.code == 2
    assert "gsrc" in ended.err
    ended = chipflow("bench", "all", "--agent", "serch")
    assert ended.code == 2
    assert "did you mean search?" in ended.err


@pytest.mark.usefixtures("tiny_suites")
def test_the_gate_names_what_got_worse(chipflow: CommandLine, tmp_path: Path) -> None:
    run = ["bench", "placement", "--designs", "nvdla_ng45", "--budget", "0.1", "-q", "--out", "out"]
    run += ["--agent", "quadratic"]
    assert chipflow(*run).code == 0
    gate = ["bench", "gate", "out", "--golden", "golden.toml"]
    assert "golden.toml" in chipflow(*gate).err
    assert chipflow(*gate, "--update").code == 0
    ended = chipflow(*gate)
    assert ended.code == 0
    assert "1 compared, 0 worse; 0 golden scores not measured" in ended.out
    golden = tmp_path / "golden.toml"
    value = read_golden(golden)[0].value
    golden.write_text(golden.read_text().replace(repr(value), repr(value * 0.98)))
    ended = chipflow(*gate)
    assert ended.code == 1
    assert "worse: tilos nvdla_ng45, quadratic, 0.1 s" in ended.out
    golden.write_text(golden.read_text().replace("nvdla_ng45", "ariane133_ng45"))
    ended = chipflow(*gate)
    assert ended.code == 2
    assert "no result has a golden score" in ended.err


@pytest.mark.parametrize(
    ("suite", "design", "placer", "moves"),
    [
        ("tilos", "ariane133_ng45", "search", 200_000),
        ("tilos", "ariane133_ng45", "annealing", 100_000),
        ("tilos", "ariane133_ng45", "greedy", 100_000),
        ("tilos", "ariane133_ng45", "quadratic", None),
        ("gsrc", "n30", "search", 50_000),
    ],
)
def test_no_placer_got_worse(
    chipflow: CommandLine, data_file, suite: str, design: str, placer: str, moves: int | None
) -> None:
    """Runs of so many moves end in the same placement everywhere.

    Where a change makes one better or worse on purpose, `chipflow bench gate out --update` on
    these runs makes it the golden one.
    """
    for file in registry.files_of(design):
        data_file(file)
    run = ["bench", "placement", "--suite", suite, "--designs", design, "--agent", placer]
    run += ["--out", "out", "--json", "-q"]
    run += ["--moves", str(moves)] if moves else []
    ended = chipflow(*run, *(("--cores", 1) if placer == "search" else ()))
    assert ended.code == 0, ended
    assert json.loads(ended.out)["runs"][0]["legal"]
    ended = chipflow("bench", "gate", "out", "--golden", GOLDEN)
    assert ended.code == 0, ended
    assert "1 compared, 0 worse" in ended.out
    assert "better" not in ended.out, "make it the golden score"


def test_all_sets_are_listed(chipflow: CommandLine) -> None:
    ended = chipflow("bench", "list")
    assert ended.code == 0
    for suite in registry.SUITES:
        assert f"\n{suite}: " in f"\n{ended.out}"
    assert "by hand: adaptec1" in ended.out
    record = json.loads(chipflow("bench", "list", "--json").out)
    (tilos,) = [suite for suite in record["suites"] if suite["suite"] == "tilos"]
    assert tilos["terms"] == "BSD-3-Clause"
    assert tilos["state"]["nvdla_ng45"] in ("here", "to fetch")
    assert tilos["published"]["nvdla_ng45"][0]["source"]
    assert {entry["set"] for entry in record["sets"]} >= {"verilog-eval", "rtllm"}


@pytest.mark.usefixtures("tiny_suites")
def test_a_design_that_fails_does_not_stop_its_suite(
    chipflow: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = registry.load

    def load_some(name: str) -> Benchmark:
        if name == "ariane133_ng45":
            raise InputError("its file is damaged", where=name)
        return load(name)

    monkeypatch.setattr(registry, "load", load_some)
    ended = chipflow("bench", "placement", "--agent", "random", "--budget", "0.1")
    assert ended.code == 1
    assert "ariane133_ng45 failed: its file is damaged" in ended.err
    assert "| nvdla_ng45 | 0.1 | 1 |" in ended.out
    ended = chipflow("bench", "placement", "--agent", "random", "--designs", "ariane133_ng45")
    assert ended.code == 2
    assert "error: its file is damaged" in ended.err
