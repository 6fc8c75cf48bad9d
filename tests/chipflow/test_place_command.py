"""`chipflow place` and `chipflow score`, on files and on benchmarks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.files import load_files, with_start
from placement_env.netlist import NodeKind
from tests.benchmarks.tiny import tiny, write_tiny
from tests.chipflow.command_line import CommandLine, command_line

NAMES = {
    "placement__proxy__cost",
    "placement__proxy__cost__robust",
    "placement__proxy__wirelength",
    "placement__proxy__density",
    "placement__proxy__congestion",
    "placement__hard_overlaps__count",
    "placement__outside__count",
}


@pytest.fixture
def chipflow(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    return command_line(capsys, monkeypatch)


def one_error(chipflow: CommandLine, *arguments: object) -> str:
    """The error of a command that must refuse its input, without a traceback or output."""
    ended = chipflow(*arguments)
    assert ended.code == 2, ended
    assert ended.out == ""
    errors = [line for line in ended.err.splitlines() if not line.startswith(("compil", "fetch"))]
    assert errors[0].startswith("error: ")
    assert sum(line.startswith("error: ") for line in errors) == 1
    assert all(line.startswith(("error: ", "  at:  ", "  try: ")) for line in errors), ended.err
    return ended.err


def test_place_writes_a_legal_placement(chipflow: CommandLine, tmp_path: Path) -> None:
    path = write_tiny(tmp_path)
    ended = chipflow("place", path, "--budget", 0.3, "--json", "--out", tmp_path / "out", "-q")
    assert ended.code == 0, ended
    assert ended.err == ""
    result = json.loads(ended.out)
    assert set(result) >= NAMES | {"time__wall_s", "design", "seed", "budget_s"}
    assert result["placement__hard_overlaps__count"] == 0
    assert result["placement__outside__count"] == 0
    assert 0 < result["time__wall_s"] < 30
    assert [Path(file).name for file in result["files"]] == [
        "placement.plc",
        "placement.png",
        "scores.json",
    ]
    assert (tmp_path / "out/placement.png").read_bytes().startswith(b"\x89PNG")
    saved = json.loads((tmp_path / "out/scores.json").read_text())
    assert saved["placement__proxy__cost"] == result["placement__proxy__cost"]
    # The written placement scores as the result says.
    again = chipflow("score", path, tmp_path / "out/placement.plc", "--json")
    assert again.code == 0
    rescored = json.loads(again.out)
    assert set(rescored) >= NAMES
    for name in NAMES:
        assert rescored[name] == pytest.approx(result[name], rel=1e-12), name


def test_place_improves_on_the_start(chipflow: CommandLine, tmp_path: Path) -> None:
    path = write_tiny(tmp_path)
    before = json.loads(chipflow("score", path, tmp_path / "initial.plc", "--json").out)
    after = json.loads(chipflow("place", path, "--budget", 0.3, "--json").out)
    assert after["placement__proxy__cost"] < before["placement__proxy__cost"]
    assert (tmp_path / "placements/tiny/placement.plc").exists() or (
        tmp_path / f"placements/{after['design']}/placement.plc"
    ).exists()


def test_place_without_a_start(chipflow: CommandLine, tmp_path: Path) -> None:
    path = write_tiny(tmp_path)
    ended = chipflow("place", path, "--start", "none", "--budget", 0.2, "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["placement__hard_overlaps__count"] == 0


def test_place_from_a_named_placement(chipflow: CommandLine, tmp_path: Path) -> None:
    path = write_tiny(tmp_path)
    (tmp_path / "initial.plc").rename(tmp_path / "legalized.plc")
    message = one_error(chipflow, "place", path, "--budget", 0.2)
    assert "one of: legalized" in message
    assert chipflow("place", path, "--start", "legalized", "--budget", 0.2).code == 0


def test_place_keeps_the_gap(chipflow: CommandLine, tmp_path: Path) -> None:
    path = write_tiny(tmp_path)
    ended = chipflow("place", path, "--gap", 5, "--budget", 0.2, "--json")
    file = Path(json.loads(ended.out)["files"][0])
    benchmark = with_start(load_files(path), file)
    placement = benchmark.placements["initial"]
    hard = benchmark.netlist.nodes_of(NodeKind.HARD_MACRO)
    for i in hard:
        for j in hard[hard > i]:
            apart_x = abs(placement.x_um[i] - placement.x_um[j]) - 10.0
            apart_y = abs(placement.y_um[i] - placement.y_um[j]) - 10.0
            assert max(apart_x, apart_y) >= 5.0 - 1e-4


def test_progress_goes_to_stderr_and_the_table_to_stdout(
    chipflow: CommandLine, tmp_path: Path
) -> None:
    path = write_tiny(tmp_path)
    ended = chipflow("place", path, "--budget", 1.5)
    assert "annealing  cost" in ended.err
    assert "annealing" not in ended.out
    assert "placement__proxy__cost " in ended.out
    assert "wrote placements" in ended.out


def test_score_prints_published_numbers(chipflow: CommandLine, data_file) -> None:
    data_file("tilos/ariane136_ng45/netlist.pb.txt.gz")
    ended = chipflow("score", "ariane136_ng45", "legalized")
    assert ended.code == 0
    assert "published 0.6829 (this is -0.0%)" in ended.out.replace("+0.0%", "-0.0%")
    assert "published 0.6493" in ended.out


def test_score_of_a_flat_design(chipflow: CommandLine, data_file) -> None:
    data_file("ispd18/ispd18_test1.input.def.gz")
    scores = json.loads(chipflow("score", "ispd18_test1", "initial", "--json").out)
    assert scores["placement__cell_overlaps__count"] == 0
    assert scores["placement__wirelength__hpwl_um"] == pytest.approx(62617.7, rel=1e-4)
    assert "placement__proxy__cost" not in scores


def test_unknown_benchmark_gets_a_suggestion(chipflow: CommandLine) -> None:
    assert "did you mean ariane133_ng45" in one_error(chipflow, "place", "ariane133_ng54")


@pytest.mark.parametrize("name", ["none.pb.txt", "none.aux", "folder/none.def", "none.xyz"])
def test_missing_files(name: str, chipflow: CommandLine) -> None:
    message = one_error(chipflow, "place", name, "--lef", "none.lef")
    assert "none." in message


def test_unknown_placement_name(chipflow: CommandLine, tmp_path: Path) -> None:
    path = write_tiny(tmp_path)
    assert "one of: initial" in one_error(chipflow, "score", path, "final")


def test_malformed_netlist_names_the_line(chipflow: CommandLine, tmp_path: Path) -> None:
    path = write_tiny(tmp_path)
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    message = one_error(chipflow, "place", path)
    assert f"{path}:" in message


def test_empty_netlist(chipflow: CommandLine, tmp_path: Path) -> None:
    path = write_tiny(tmp_path)
    path.write_text("")
    assert "no nodes" in one_error(chipflow, "place", path)


def test_macro_larger_than_the_canvas(chipflow: CommandLine, tmp_path: Path) -> None:
    netlist, _ = tiny()
    width = netlist.width_um.copy()
    width[3] = 61.0
    path = write_tiny(tmp_path, width_um=width)
    message = one_error(chipflow, "place", path, "--budget", 1)
    assert "'ram1'" in message
    assert "61" in message
    assert not list((tmp_path / "placements").rglob("*.*"))


def test_placement_of_another_design(chipflow: CommandLine, tmp_path: Path, data_file) -> None:
    path = write_tiny(tmp_path)
    other = data_file("tilos/nvdla_ng45/initial.plc")
    assert "initial.plc:" in one_error(chipflow, "place", path, "--start", other)
    assert "initial.plc:" in one_error(chipflow, "score", path, other)


@pytest.mark.parametrize("budget", ["0", "-1", "nan", "inf"])
def test_impossible_budgets(budget: str, chipflow: CommandLine, tmp_path: Path) -> None:
    assert "budget" in one_error(chipflow, "place", write_tiny(tmp_path), "--budget", budget)


def test_unwritable_folder(chipflow: CommandLine, tmp_path: Path) -> None:
    path = write_tiny(tmp_path)
    (tmp_path / "taken").write_text("")
    message = one_error(chipflow, "place", path, "--budget", 0.1, "-q", "--out", tmp_path / "taken")
    assert "--out" in message


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_interrupted_place_keeps_the_best(tmp_path: Path) -> None:
    path = write_tiny(tmp_path)
    command = [sys.executable, "-m", "chipflow.cli", "place", str(path), "--budget", "60"]
    with subprocess.Popen(
        [*command, "--out", str(tmp_path / "out"), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "annealing" in line:
                break
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "interrupted" in err
    result = json.loads(out)
    assert result["time__wall_s"] < 40
    assert result["placement__hard_overlaps__count"] == 0
    placed = with_start(load_files(path), tmp_path / "out/placement.plc")
    assert np.isfinite(placed.placements["initial"].x_um).all()


@pytest.mark.slow
def test_ariane133_in_thirty_seconds(chipflow: CommandLine, data_file, tmp_path: Path) -> None:
    data_file("tilos/ariane133_ng45/netlist.pb.txt.gz")
    ended = chipflow("place", "ariane133_ng45", "--budget", 30, "--json", "-q")
    assert ended.code == 0
    scores = json.loads(ended.out)
    assert scores["placement__proxy__cost__robust"] < 0.660
    assert scores["time__wall_s"] < 40
