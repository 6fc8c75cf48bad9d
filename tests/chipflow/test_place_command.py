"""`chipflow place` and `chipflow score`, on files and on benchmarks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from benchmarks import registry
from benchmarks.files import load_files, with_start
from chipflow.commands.macro_options import MacroOptions
from placement_env.formats import bookshelf_write
from placement_env.legality import hard_overlaps, outside
from placement_env.netlist import Netlist, NodeKind, Placement
from tests.agents.flat.test_placer import mixed_design
from tests.benchmarks.tiny import tiny, write_tiny
from tests.chipflow.command_line import CommandLine
from tests.chipflow.interrupted import interrupted
from tests.placement_env.test_lefdef_tracks import files as files_with_tracks

NAMES = {
    "placement__proxy__cost",
    "placement__proxy__cost__robust",
    "placement__proxy__wirelength",
    "placement__proxy__density",
    "placement__proxy__congestion",
    "placement__hard_overlaps__count",
    "placement__outside__count",
}


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
        "history.json",
        "cost_over_time.svg",
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


def test_the_placement_is_kept_whatever_happens_to_its_pictures(
    chipflow: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("chipflow.commands.place._animate", interrupted)
    path = write_tiny(tmp_path)
    ended = chipflow("place", path, "--budget", 0.2, "--animate", "--out", tmp_path / "out")
    assert ended.code == 130, ended
    assert (tmp_path / "out/placement.plc").exists()


def test_files_of_an_earlier_run_do_not_stay(chipflow: CommandLine, tmp_path: Path) -> None:
    path, out = write_tiny(tmp_path), tmp_path / "out"
    assert chipflow("place", path, "--budget", 0.6, "--animate", "--out", out).code == 0
    course = {"history.json", "cost_over_time.svg", "placement.gif"}
    assert course <= {file.name for file in out.iterdir()}
    assert chipflow("place", path, "--agent", "random", "--out", out).code == 0
    assert not course & {file.name for file in out.iterdir()}


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


def test_the_course_of_a_run_is_kept(chipflow: CommandLine, tmp_path: Path) -> None:
    path = write_tiny(tmp_path)
    ended = chipflow("place", path, "--budget", 1, "--animate", "-q", "--out", tmp_path / "out")
    assert ended.code == 0, ended
    history = json.loads((tmp_path / "out/history.json").read_text())
    assert len(history["cost"]) == len(history["elapsed_s"]) == len(history["moves"]) > 1
    chart = ElementTree.parse(tmp_path / "out/cost_over_time.svg").getroot()
    assert chart.tag == "{http://www.w3.org/2000/svg}svg"
    assert f"{history['cost'][-1]:.4f}" in chart.attrib["aria-label"]
    assert (tmp_path / "out/placement.gif").read_bytes().startswith(b"GIF89a")
    with Image.open(tmp_path / "out/placement.gif") as image:
        assert 1 < image.n_frames <= 61  # type: ignore[attr-defined]


def placed_by(chipflow: CommandLine, path: Path, *options: object) -> tuple[Netlist, Placement]:
    """Netlist and result of `chipflow place` with options, read back from its file."""
    ended = chipflow("place", path, "--json", "-q", *options)
    assert ended.code == 0, ended
    benchmark = with_start(load_files(path), Path(json.loads(ended.out)["files"][0]))
    return benchmark.netlist, benchmark.placements["initial"]


def test_fixed_moves_are_repeatable(chipflow: CommandLine, tmp_path: Path) -> None:
    path = write_tiny(tmp_path)
    runs = [placed_by(chipflow, path, "--moves", 300, "--seed", s)[1] for s in (1, 1, 2)]
    assert np.array_equal(runs[0].x_um, runs[1].x_um)
    assert not np.array_equal(runs[0].x_um, runs[2].x_um)


def test_macros_are_kept_where_they_are(chipflow: CommandLine, tmp_path: Path) -> None:
    path = write_tiny(tmp_path)
    start = load_files(path).placements["initial"]
    netlist, placed = placed_by(
        chipflow, path, "--moves", 300, "--fix", "ram0, ram2", "--fix", "Grp_1"
    )
    node = {name: k for k, name in enumerate(netlist.node_name)}
    stayed = placed.x_um == start.x_um
    assert stayed[[node["ram0"], node["ram2"], node["Grp_1"]]].all()
    assert not stayed[[node["ram1"], node["Grp_0"]]].any()
    netlist, placed = placed_by(chipflow, path, "--moves", 300, "--hard-only")
    soft = netlist.nodes_of(NodeKind.SOFT_MACRO)
    assert np.array_equal(placed.x_um[soft], start.x_um[soft])
    assert np.array_equal(placed.y_um[soft], start.y_um[soft])


def test_soft_macros_that_published_placements_have_outside_by_rounding(
    chipflow: CommandLine, data_file
) -> None:
    data_file("tilos/ariane133_ng45/legalized.plc")
    command = ["place", "ariane133_ng45", "--hard-only", "--moves", 1000, "--json", "-q"]
    ended = chipflow(*command, "--start", "legalized")
    assert ended.code == 0, ended
    legalized = registry.load("ariane133_ng45").placements["legalized"]
    benchmark = with_start(registry.load("ariane133_ng45"), Path(json.loads(ended.out)["files"][0]))
    soft = benchmark.netlist.nodes_of(NodeKind.SOFT_MACRO)
    placed = benchmark.placements["initial"]
    assert np.abs(placed.x_um - legalized.x_um)[soft].max() < 2e-3
    assert np.abs(placed.y_um - legalized.y_um)[soft].max() < 2e-3
    # Those of initial.plc are far outside: that is no rounding.
    message = one_error(chipflow, *command)
    assert "the fixed macro 'Grp_" in message
    assert "start from a placement that has it inside" in message


def test_corners_on_a_grid(chipflow: CommandLine, tmp_path: Path) -> None:
    netlist, placed = placed_by(chipflow, write_tiny(tmp_path), "--moves", 300, "--grid", 0.25)
    macros = netlist.nodes_of(NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO)
    for centre, size in ((placed.x_um, netlist.width_um), (placed.y_um, netlist.height_um)):
        steps = ((centre - size / 2) / 0.25)[macros]
        assert steps == pytest.approx(np.round(steps), abs=1e-9)


@pytest.mark.parametrize("agent", ["annealing", "greedy"])
def test_another_agent(agent: str, chipflow: CommandLine, tmp_path: Path) -> None:
    path = write_tiny(tmp_path)
    netlist, placed = placed_by(chipflow, path, "--agent", agent, "--moves", 300)
    assert not hard_overlaps(netlist, placed)


def test_a_written_plc_is_what_was_scored(chipflow: CommandLine, data_file, tmp_path: Path) -> None:
    """On real coordinates, which are long decimals: the same cost, and legal in float32 as well."""
    data_file("tilos/ariane136_asap7/netlist.pb.txt.gz")
    ended = chipflow(
        *("place", "ariane136_asap7", "--moves", 20000, "--json", "-q", "--out", tmp_path)
    )
    assert ended.code == 0, ended
    said = json.loads(ended.out)
    again = json.loads(chipflow("score", "ariane136_asap7", said["files"][0], "--json").out)
    for name in NAMES:
        assert again[name] == pytest.approx(said[name], abs=1e-9), name


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
    assert "published 0.6829 (this is -0.0%, robust" in ended.out.replace("+0.0%", "-0.0%")
    assert "published 0.6493" in ended.out


def test_score_tells_of_fixed_nodes_that_moved(
    chipflow: CommandLine, data_file, tmp_path: Path
) -> None:
    data_file("tilos/ariane136_ng45/netlist.pb.txt.gz")
    benchmark = registry.load("ariane136_ng45")
    placed = benchmark.placements["legalized"]
    y = placed.y_um.copy()
    y[np.flatnonzero(benchmark.netlist.fixed)[0]] += 20.0
    for placement, moved in ((placed, 0), (replace(placed, y_um=y), 1)):
        file = benchmark.write(tmp_path, placement)
        scores = json.loads(chipflow("score", "ariane136_ng45", file, "--json").out)
        assert scores["placement__moved_fixed__count"] == moved


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


def test_macros_that_cover_more_than_the_canvas(chipflow: CommandLine, tmp_path: Path) -> None:
    width = np.where(tiny()[0].width_um > 0, 59.0, 0.0)
    height = np.where(tiny()[0].width_um > 0, 20.0, 0.0)
    path = write_tiny(tmp_path, width_um=width, height_um=height)
    message = one_error(chipflow, "place", path, "--budget", 1)
    assert "cover 118% of the canvas" in message
    assert not (tmp_path / "placements").exists()


def test_hopeless_input_is_refused_before_anything_is_compiled(tmp_path: Path) -> None:
    path = write_tiny(tmp_path)
    ended = subprocess.run(
        [sys.executable, "-m", "chipflow.cli", "place", str(path), "--fix", "ram0,ram1"],
        env={**os.environ, "CHIPFLOW_CACHE": str(tmp_path / "cold")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: the fixed macros 'ram0' and 'ram1' overlap")


def test_macros_outside_or_on_top_of_each_other_are_repaired_or_named(
    chipflow: CommandLine, tmp_path: Path
) -> None:
    path = write_tiny(tmp_path)
    plc_file = tmp_path / "initial.plc"
    lines = plc_file.read_text().splitlines()
    ram1 = next(k for k, line in enumerate(lines) if line.split()[1:3] == ["14.0", "10.0"])
    lines[ram1] = lines[ram1].replace("14.0 10.0", "-500.0 10.0")
    plc_file.write_text("\n".join(lines) + "\n")
    netlist, placed = placed_by(chipflow, path, "--moves", 10)
    assert not outside(netlist, placed).size
    message = one_error(chipflow, "place", path, "--moves", 10, "--fix", "ram1")
    assert "the fixed macro 'ram1' at (-500, 10) um sticks out" in message
    (tmp_path / "apart").mkdir()
    path = write_tiny(tmp_path / "apart")
    message = one_error(chipflow, "place", path, "--moves", 10, "--fix", "ram0,ram1")
    assert "the fixed macros 'ram0' and 'ram1' overlap" in message


def test_positions_that_are_no_numbers(chipflow: CommandLine, tmp_path: Path) -> None:
    path = write_tiny(tmp_path)
    plc_file = tmp_path / "initial.plc"
    plc_file.write_text(plc_file.read_text().replace("14.0 10.0", "nan 10.0"))
    message = one_error(chipflow, "place", path, "--budget", 1)
    assert "initial.plc:" in message
    assert "nan" in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fix", "ram3"], "did you mean ram"),
        (["--fix", "x,y"], "no node 'x' and 1 more"),
        (["--fix", "u0/cache"], "its macros are called ram0, ram1, ram2"),
        (["--agent", "serch"], "did you mean search?"),
        (["--agent", "greedy", "--grid", "0.1"], "'greedy' has no option --grid"),
        (["--agent", "search", "--device", "cuda"], "'search' has no option --device"),
        (["--gap", "-1"], "gap"),
        (["--agent", "search", "--grid", "0"], "grid"),
        (["--moves", "-1"], "moves"),
        (["--cores", "0"], "cores"),
        (["--routability"], "makes standard cells wider, and this netlist has none"),
        (["--start", "final"], "one of: initial"),
    ],
)
def test_wrong_options_end_at_once(
    options: list[str], message: str, chipflow: CommandLine, tmp_path: Path
) -> None:
    path = write_tiny(tmp_path)
    began = time.perf_counter()
    assert message in one_error(chipflow, "place", path, *options)
    assert time.perf_counter() - began < 3


def test_a_device_that_is_not_there_is_refused_at_once(
    chipflow: CommandLine, tmp_path: Path
) -> None:
    bookshelf_write.write(tmp_path / "rows.aux", *mixed_design(cells=20, macros=0))
    message = one_error(chipflow, "place", tmp_path / "rows.aux", "--device", "cuda:99")
    assert "the device 'cuda:99' cannot be used" in message
    assert "--device cpu" in message
    assert not (tmp_path / "placements").exists()


def test_the_device_of_a_result_is_recorded() -> None:
    assert MacroOptions(agent="flat").record()["device"] == "cpu"
    assert MacroOptions(agent="flat", device="cuda:1").record()["device"] == "cuda:1"


def test_room_for_wires_needs_tracks_and_an_agent_that_gives_it(
    chipflow: CommandLine, tmp_path: Path
) -> None:
    design, library = files_with_tracks(tmp_path)
    message = one_error(
        chipflow, "place", design, "--lef", library, "--routability", "--agent", "coloquinte"
    )
    assert "'coloquinte' has no option --routability" in message
    assert "use --agent flat" in message
    design, library = files_with_tracks(tmp_path, tracks="COMPONENTS 4 ;")
    message = one_error(chipflow, "place", design, "--lef", library, "--routability")
    assert "needs the routing tracks" in message
    assert "give a DEF with TRACKS" in message
    assert not (tmp_path / "placements").exists()


def test_what_a_def_loses_and_lacks_is_told(chipflow: CommandLine, tmp_path: Path) -> None:
    design, library = files_with_tracks(tmp_path)
    text = design.read_text()
    chain = "SCANCHAINS 1 ;\n- chain ;\nEND SCANCHAINS\n"
    design.write_text(text.replace("END DESIGN", chain + "END DESIGN"))
    ended = chipflow("place", design, "--lef", library, "--out", tmp_path / "out", "--budget", 1)
    notes = [line for line in ended.err.splitlines() if line.startswith("note: ")]
    assert len(notes) == 2, ended
    assert notes[0].endswith("missing from what is written: 1 SCANCHAINS")
    assert "ports have no place, the first is 'out'" in notes[1]


def test_room_for_wires_is_recorded(chipflow: CommandLine, data_file, tmp_path: Path) -> None:
    netlist = data_file("nangate45/designs/gcd.def.gz")
    lefs = [
        data_file(f"nangate45/NangateOpenCellLibrary.{part}.lef") for part in ("tech", "macro.mod")
    ]
    given = [word for file in lefs for word in ("--lef", file)]
    ended = chipflow("place", netlist, *given, "--routability", "--out", tmp_path)
    assert ended.code == 0, ended
    assert "cells inflated" in ended.err
    record = json.loads((tmp_path / "scores.json").read_text())
    assert record["options"]["routability"] is True
    assert record["route__overflow__total"] == 0


def test_placement_of_another_design(chipflow: CommandLine, tmp_path: Path, data_file) -> None:
    path = write_tiny(tmp_path)
    other = data_file("tilos/nvdla_ng45/initial.plc")
    assert "initial.plc:" in one_error(chipflow, "place", path, "--start", other)
    assert "initial.plc:" in one_error(chipflow, "score", path, other)


@pytest.mark.parametrize("budget", ["0", "-1", "nan", "inf"])
def test_impossible_budgets(budget: str, chipflow: CommandLine, tmp_path: Path) -> None:
    path = write_tiny(tmp_path)
    began = time.perf_counter()
    assert "budget" in one_error(chipflow, "place", path, "--budget", budget)
    assert time.perf_counter() - began < 3
    assert not (tmp_path / "placements").exists()


def test_unwritable_folder(chipflow: CommandLine, tmp_path: Path) -> None:
    path = write_tiny(tmp_path)
    (tmp_path / "taken").write_text("")
    message = one_error(chipflow, "place", path, "--budget", 0.1, "-q", "--out", tmp_path / "taken")
    assert "--out" in message


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_interrupted_place_keeps_the_best(tmp_path: Path) -> None:
    path = write_tiny(tmp_path)
    words = ("place", path, "--budget", 60, "--out", tmp_path / "out", "--json")
    ended = interrupted(*words, phase="annealing", after_s=0.2, limit_s=30)
    assert ended.code == 130, ended.err
    assert "interrupted" in ended.err
    result = json.loads(ended.out)
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
