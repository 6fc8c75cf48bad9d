"""`chipflow bench placement` and `chipflow fetch`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents import placers
from agents.checkpoint import save_weights
from agents.policy import GraphPolicy, PolicySize
from benchmarks import registry
from benchmarks.files import Benchmark, load_files
from benchmarks.speed import QUANTITIES
from placement_env.errors import InputError
from placement_env.netlist import Netlist, NodeKind, Placement
from tests.benchmarks.tiny import write_tiny
from tests.chipflow.command_line import CommandLine


@pytest.fixture
def tiny_tilos(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All designs of the suite are the tiny one, and other designs are none."""
    benchmark = load_files(write_tiny(tmp_path))

    def load(name: str) -> Benchmark:
        if name not in registry.designs_of("tilos"):
            raise InputError(f"{name} is not at hand")
        return benchmark

    monkeypatch.setattr(registry, "load", load)


@pytest.mark.usefixtures("tiny_tilos")
def test_one_run_a_design_budget_and_seed(chipflow: CommandLine, tmp_path: Path) -> None:
    ended = chipflow(
        *("bench", "placement", "--suite", "tilos", "--designs", "nvdla_ng45,ariane133_ng45"),
        *("--budget", "0.1,0.2", "--seeds", 2, "--json", "--out", tmp_path / "out"),
    )
    assert ended.code == 0, ended
    record = json.loads(ended.out)
    results = record["runs"]
    assert [(row["design"], row["budget_s"], row["seed"]) for row in results] == [
        (design, budget_s, seed)
        for design in ("nvdla_ng45", "ariane133_ng45")
        for budget_s in (0.1, 0.2)
        for seed in (1, 2)
    ]
    assert all(row["legal"] for row in results)
    assert all(row["placement__hard_overlaps__count"] == 0 for row in results)
    assert ": 0.1 s, seed 1" in ended.err
    assert [entry["runs"] for entry in record["summary"]] == [2] * 4
    # The file is in the suite's order.
    written = json.loads((tmp_path / "out/results.json").read_text())
    assert written["made_with"] == record["made_with"]
    assert written["runs"] == results[4:] + results[:4]
    assert (tmp_path / "out/results.md").read_text().count("\n| ") == 4 + 9 + 2


@pytest.mark.usefixtures("tiny_tilos")
def test_runs_that_are_there_are_kept(
    chipflow: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["bench", "placement", "--designs", "nvdla_ng45", "--budget", "0.1", "--json"]
    command += ["--out", str(tmp_path / "out"), "--seeds"]
    first = json.loads(chipflow(*command, 2).out)["runs"]
    ended = chipflow(*command, 3)
    runs = json.loads(ended.out)["runs"]
    assert runs[:2] == first
    assert [row["seed"] for row in runs] == [1, 2, 3]
    assert "2 of 3 runs are kept from" in ended.err
    assert "seed 2" not in ended.err
    assert "seed 3" in ended.err
    # Fewer seeds take nothing away; other options or another version do.
    assert len(json.loads(chipflow(*command, 1).out)["runs"]) == 1
    assert len(json.loads((tmp_path / "out/results.json").read_text())["runs"]) == 3
    ended = chipflow(*command, 1, "--start", "none")
    assert "3 runs in" in ended.err
    assert "are replaced, since this is not the same any more: from_nothing, start" in ended.err
    monkeypatch.setattr("chipflow.code_version.digest_behind", lambda *modules: "other")
    ended = chipflow(*command, 1, "--start", "none")
    assert "1 runs in" in ended.err
    assert "not the same any more: code" in ended.err


@pytest.mark.usefixtures("tiny_tilos")
def test_runs_of_a_placer_that_was_changed_are_made_again(
    chipflow: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "place.py"
    save_weights(tmp_path / "w.safetensors", GraphPolicy(PolicySize(8, 4, 1)))
    copy = "import shutil, sys\nshutil.copy(sys.argv[1], sys.argv[2])\n"
    script.write_text(copy)
    for agent, file in (
        ("w.safetensors", tmp_path / "w.safetensors"),
        (f"{sys.executable} {script} {{start}} {{out}} {{netlist}}", script),
    ):
        words = ("bench", "placement", "--designs", "nvdla_ng45", "--budget", "0.1")
        words = (*words, "--agent", agent, "--out", tmp_path / file.stem, "--seeds", 1)
        chipflow(*words)
        assert "1 of 1 runs are kept" in chipflow(*words).err
        if file == script:
            script.write_text(copy + "# better\n")
        else:
            save_weights(file, GraphPolicy(PolicySize(8, 4, 1)))
        assert "not the same any more: placer" in chipflow(*words).err


@pytest.mark.usefixtures("tiny_tilos")
def test_a_suite_that_fails_leaves_the_others_their_results(chipflow: CommandLine) -> None:
    """The floorplanner has no --flips; the search has."""
    for suites in ("tilos,gsrc", "gsrc,tilos"):
        ended = chipflow(
            *("bench", "placement", "--suite", suites, "--flips", "--budget", "0.1", "--seeds", 1),
        )
        assert ended.code == 1, ended
        assert "nvdla_ng45" in ended.out
        assert "failed: " in ended.err


@pytest.mark.usefixtures("tiny_tilos")
def test_hard_only_keeps_soft_macros(
    chipflow: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[tuple[Netlist, Placement, Placement]] = []
    named = placers.named

    def noting(netlist: Netlist, start: Placement, **options: Any) -> Placement:
        found.append((netlist, start, named("search")(netlist, start, **options)))
        return found[-1][2]

    monkeypatch.setattr(placers, "named", lambda name: noting)
    ended = chipflow(
        *("bench", "placement", "--designs", "nvdla_ng45", "--budget", 0.1, "--hard-only", "-q")
    )
    assert ended.code == 0, ended
    ((netlist, start, placed),) = found
    soft = netlist.nodes_of(NodeKind.SOFT_MACRO)
    hard = netlist.nodes_of(NodeKind.HARD_MACRO)
    assert np.array_equal(placed.x_um[soft], start.x_um[soft])
    assert not np.array_equal(placed.x_um[hard], start.x_um[hard])


def test_speed_of_a_design(chipflow: CommandLine, data_file, tmp_path: Path) -> None:
    data_file("tilos/ariane133_ng45/netlist.pb.txt.gz")
    ended = chipflow(
        *("bench", "speed", "--designs", "ariane133_ng45", "--rounds", 1, "--moves", 40_000),
        *("--json", "--out", tmp_path),
    )
    assert ended.code == 0, ended
    record = json.loads(ended.out)
    (row,) = record["designs"]
    timings = row["timings"]
    assert set(timings) == set(QUANTITIES)
    assert all(0 < t["least_s"] <= t["median_s"] for t in timings.values())
    assert row["plain_difference"] < 1e-12  # the same cost, so that the ratio means something
    assert row["plain_over"]["full"] == pytest.approx(
        timings["plain"]["median_s"] / timings["full"]["median_s"]
    )
    assert row["plain_over"]["full"] > 100
    assert timings["soft_local"]["median_s"] < timings["full"]["median_s"] / 10
    assert row["per_s"]["env_step"] > row["per_s"]["policy_step"] > 0
    assert json.loads((tmp_path / "speed.json").read_text()) == record
    table = (tmp_path / "speed.md").read_text()
    assert table.startswith("|  | ariane133_ng45 |")
    assert f"{row['plain_over']['full']:,.0f}x" in table
    assert record["machine"]["cores"] == os.cpu_count()


def test_speed_is_of_clustered_netlists(chipflow: CommandLine) -> None:
    ended = chipflow("bench", "speed", "--designs", "ibm01")
    assert ended.code == 2
    assert "no design called 'ibm01'" in ended.err


def test_room_for_wires_beside_none(chipflow: CommandLine, data_file, tmp_path: Path) -> None:
    """Gcd has tracks to spare; with a seventh of them its wires are too many."""
    design = data_file("nangate45/designs/gcd.def.gz")
    lefs = [
        data_file(f"nangate45/NangateOpenCellLibrary.{part}.lef") for part in ("tech", "macro.mod")
    ]
    given = [word for file in lefs for word in ("--lef", file)]
    ended = chipflow(
        *("bench", "routability", "--designs", design, *given),
        *("--usable", 0.12, "--out", tmp_path, "-q"),
    )
    assert ended.code == 0, ended
    assert (tmp_path / "routability.md").read_text() == ended.out
    assert ended.out.count("\n| gcd | ") == 2
    plain, inflated = json.loads((tmp_path / "routability.json").read_text())["runs"]
    assert (plain["inflated"], inflated["inflated"]) == (False, True)
    assert plain["legal"]
    assert inflated["legal"]
    assert 0 < inflated["overflow"] < plain["overflow"]
    assert 1 < inflated["ace"] < plain["ace"]


def test_room_for_wires_is_of_designs_with_tracks(chipflow: CommandLine, tmp_path: Path) -> None:
    ended = chipflow("bench", "routability", "--designs", write_tiny(tmp_path))
    assert ended.code == 2
    assert "this netlist has none" in ended.err


@pytest.mark.usefixtures("tiny_tilos")
def test_table_is_all_of_stdout(chipflow: CommandLine) -> None:
    ended = chipflow("bench", "placement", "--designs", "nvdla_ng45", "--budget", 0.1, "-q")
    assert ended.err == ""
    assert ended.out.startswith("| design | budget s |")


def test_iccad04_stands_beside_the_published_wirelength(
    chipflow: CommandLine, monkeypatch: pytest.MonkeyPatch, data_file
) -> None:
    """The placer is left out: what counts here is reading, scoring and the table."""
    data_file("iccad04/ibm01/ibm01.aux.gz")

    def scatter(netlist, start, *, seed, **options):
        rng = np.random.default_rng(seed)
        at = rng.uniform(100, 2000, (2, netlist.num_nodes))
        return Placement(
            np.where(netlist.fixed, start.x_um, at[0]),
            np.where(netlist.fixed, start.y_um, at[1]),
            start.orient,
        )

    monkeypatch.setattr("agents.placers.named", lambda name: scatter)
    ended = chipflow("bench", "placement", "--suite", "iccad04", "--designs", "ibm01")
    assert ended.code == 1  # scattered nodes are not legal
    assert "HPWL: median" in ended.out.splitlines()[0]
    row = ended.out.splitlines()[2]
    assert "| NO (0) |" in row
    assert "2,282,370 RePlAce + NTU3 [1]" in row


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--suite", "tilo"], "did you mean tilos?"),
        (["--suite", ","], "expected names of suites"),
        (["--designs", "ibm01"], "no design called 'ibm01'"),
        (["--budget", "10,x"], "--budget is '10,x'"),
        (["--budget", "0"], "--budget is '0'"),
        (["--seeds", "0"], "seeds"),
        (["--start", "finl"], "no placement called 'finl'"),
        (["--agent", "serch"], "did you mean search?"),
    ],
)
def test_wrong_options(arguments: list[str], message: str, chipflow: CommandLine) -> None:
    ended = chipflow("bench", "placement", *arguments)
    assert ended.code == 2
    assert ended.out == ""
    assert message in ended.err
    assert ended.err.count("error: ") == 1
    assert "Traceback" not in ended.err


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_interrupted_bench_keeps_finished_runs(tmp_path: Path, data_file) -> None:
    data_file("tilos/ariane133_ng45/netlist.pb.txt.gz")
    command = [sys.executable, "-m", "chipflow.cli", "bench", "placement", "--json"]
    with subprocess.Popen(
        [*command, "--designs", "ariane133_ng45", "--budget", "1,60", "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        second = False
        for line in process.stderr:
            second = second or ": 60 s, seed 1" in line
            if second and "annealing" in line:
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert [row["budget_s"] for row in json.loads(out)["runs"]] == [1.0]
    assert len(json.loads((tmp_path / "results.json").read_text())["runs"]) == 1


def test_fetch_prints_where_the_files_are(chipflow: CommandLine, data_file) -> None:
    data_file("ispd18/ispd18_test1.input.def.gz")
    ended = chipflow("fetch", "ispd18")
    assert ended.code == 0
    names = [Path(line).name for line in ended.out.splitlines()]
    assert names == ["ispd18_test1.input.def.gz", "ispd18_test1.input.lef.gz"]
    assert all(Path(line).exists() for line in ended.out.splitlines())


def test_fetch_of_an_unknown_name(chipflow: CommandLine) -> None:
    ended = chipflow("fetch", "ibm1")
    assert ended.code == 2
    assert "did you mean ibm" in ended.err


def test_fetch_without_a_network(
    chipflow: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("benchmarks.data.data_roots", lambda: [])
    monkeypatch.setenv("CHIPFLOW_CACHE", str(tmp_path))
    monkeypatch.setenv("CHIPFLOW_ORIGIN", "http://127.0.0.1:9")
    monkeypatch.delenv("CHIPFLOW_OFFLINE", raising=False)
    ended = chipflow("fetch", "ariane133_ng45")
    assert ended.code == 2
    assert "cannot be reached" in ended.err
    assert "connect to the network" in ended.err
    assert "Traceback" not in ended.err
