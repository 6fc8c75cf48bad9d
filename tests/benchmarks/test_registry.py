"""Benchmarks by name and by file."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import data, registry
from benchmarks.fetch import origins
from benchmarks.files import grouped, load_files, with_start
from benchmarks.published import published
from benchmarks.suites import SUITES
from placement_env.cost.proxy import proxy_cost
from placement_env.errors import InputError
from placement_env.formats import plc
from placement_env.metrics import METRICS
from placement_env.netlist import NodeKind, hpwl_um
from tests.benchmarks.tiny import tiny, write_tiny
from tests.placement_env import test_bookshelf


@pytest.mark.parametrize("name", registry.designs_of("tilos"))
def test_tilos_loads_with_both_placements(name: str, data_file) -> None:
    data_file(f"tilos/{name}/netlist.pb.txt.gz")
    benchmark = registry.load(name)
    assert benchmark.name == name
    assert list(benchmark.placements) == ["initial", "legalized"]
    assert benchmark.netlist.grid is not None
    assert len(benchmark.netlist.nodes_of(NodeKind.HARD_MACRO)) in (128, 133, 136)
    assert re.fullmatch(r"TILOS-AI-Institute/MacroPlacement@20eddb6b", benchmark.source)


def test_legalized_header_is_the_published_cost(data_file) -> None:
    for name in registry.designs_of("tilos"):
        header = plc.read_header(data_file(f"tilos/{name}/legalized.plc"))
        assert header.wirelength is not None
        assert header.density is not None
        assert header.congestion is not None
        cost = header.wirelength + 0.5 * header.density + 0.5 * header.congestion
        (entry,) = [one for one in published(name) if "legalized" in one.label]
        assert entry.value == pytest.approx(cost, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "re_evaluated"),
    [
        ("ariane133_ng45", 0.7109),
        ("ariane136_ng45", 0.7097),
        ("nvdla_ng45", 0.7569),
        ("ariane136_asap7", None),
    ],
)
def test_placements_cost_what_others_say_that_they_cost(
    name: str, re_evaluated: float | None, data_file
) -> None:
    """Legalized ones: their headers. Initial ones: partcleda/macro-place-challenge-2026@4f4b6a53.

    Initial placements have macros outside the canvas, where Circuit Training's binary, which wrote
    their headers, counts other congestion than the open evaluator does.
    """
    header = plc.read_header(data_file(f"tilos/{name}/legalized.plc"))
    benchmark = registry.load(name)
    legalized = proxy_cost(benchmark.netlist, benchmark.placements["legalized"])
    assert legalized.wirelength == pytest.approx(header.wirelength, abs=5e-5)
    assert legalized.density == pytest.approx(header.density, abs=5e-5)
    assert legalized.congestion == pytest.approx(header.congestion, abs=5e-5)
    if re_evaluated is not None:
        initial = proxy_cost(benchmark.netlist, benchmark.placements["initial"])
        assert initial.total == pytest.approx(re_evaluated, abs=5e-5)


def test_every_published_number_names_its_source_and_a_known_metric() -> None:
    entries = [entry for name in registry.names() for entry in published(name)]
    assert len(entries) >= 16
    for entry in entries:
        assert entry.metric in METRICS
        assert re.search(r"\w+/[\w-]+(@[0-9a-f]{8})?, \w+", entry.source), entry.source
    assert published("no such design") == ()


def test_a_design_grouped_here_costs_what_its_headers_say(data_file, tmp_path: Path) -> None:
    """SKY130HD has no published grouped netlist: its groups and ours must give the same costs.

    Congestion is 0.70808 and the header says 0.7080: the positions in the file are rounded.
    """
    path = data_file("tilos/ariane133_sky130hd/legalized.plc")
    benchmark = registry.load("ariane133_sky130hd")
    legalized = benchmark.placements["legalized"]
    assert len(benchmark.netlist.nodes_of(NodeKind.SOFT_MACRO)) == 758
    (stated,) = re.findall(r"# Wirelength : ([\d.]+)", path.read_text())
    assert hpwl_um(benchmark.netlist, legalized) == pytest.approx(float(stated), rel=2e-7)
    cost = proxy_cost(benchmark.netlist, legalized)
    header = plc.read_header(path)
    assert cost.wirelength == pytest.approx(header.wirelength, abs=5e-5)
    assert cost.density == pytest.approx(header.density, abs=5e-5)
    assert cost.congestion == pytest.approx(header.congestion, abs=1e-4)
    same = with_start(benchmark, benchmark.write(tmp_path, legalized)).placements["initial"]
    assert np.array_equal(same.x_um, legalized.x_um)


@pytest.mark.parametrize(
    "name",
    [
        "ariane133_ng45",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("ariane136_ng45", "nvdla_ng45", "ariane136_asap7")
        ),
    ],
)
def test_grouping_the_full_netlist_gives_the_costs_of_the_header(name: str, data_file) -> None:
    full, groups, placed = (
        data_file(f"tilos/{name}/{file}")
        for file in ("full.pb.txt.gz", "groups.final.gz", "legalized.plc")
    )
    benchmark = grouped(full, groups, {"initial": placed})
    cost = proxy_cost(benchmark.netlist, benchmark.placements["initial"])
    header = plc.read_header(placed)
    assert cost.wirelength == pytest.approx(header.wirelength, abs=5e-5)
    assert cost.density == pytest.approx(header.density, abs=5e-5)
    assert cost.congestion == pytest.approx(header.congestion, abs=5e-5)


@pytest.mark.parametrize("suite", ["gsrc", "gsrc_soft", "mcnc"])
def test_floorplanning_sets_load(suite: str, data_file) -> None:
    data_file("floorplan/gsrc/n10/n10.hardblocks.gz")
    for name in registry.designs_of(suite):
        benchmark = registry.load(name)
        blocks = len(benchmark.netlist.nodes_of(NodeKind.HARD_MACRO))
        if suite != "mcnc":
            assert name.removesuffix("_soft") == f"n{blocks}"
        assert (benchmark.netlist.aspect_range is not None) == (suite == "gsrc_soft")
        assert benchmark.source


def test_ispd_loads_with_its_cells(data_file) -> None:
    data_file("ispd18/ispd18_test1.input.def.gz")
    benchmark = registry.load("ispd18_test1")
    assert len(benchmark.netlist.nodes_of(NodeKind.STANDARD_CELL)) == 8879
    assert benchmark.netlist.num_nets == 3153


def test_def_placement_comes_back(data_file, tmp_path: Path) -> None:
    data_file("ispd18/ispd18_test1.input.def.gz")
    benchmark = registry.load("ispd18_test1")
    path = benchmark.write(tmp_path, benchmark.placements["initial"])
    again = with_start(benchmark, path)
    np.testing.assert_allclose(
        again.placements["initial"].x_um, benchmark.placements["initial"].x_um, atol=1e-9
    )


def test_all_files_of_a_benchmark_are_fetched_or_said_to_be_got_by_hand() -> None:
    for name in registry.names():
        missing = [file for file in registry.files_of(name) if file not in origins()]
        # Three of the grouped netlists are published nowhere as they are.
        if [Path(file).name for file in missing] in ([], ["netlist.pb.txt.gz"]):
            continue
        (suite,) = [suite for suite in SUITES.values() if name in suite.designs]
        assert suite.by_hand, name


def test_files_that_are_got_by_hand_are_used_in_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(data, "data_roots", lambda: [tmp_path])
    assert not registry.is_within_reach("adaptec1")
    with pytest.raises(InputError, match="adaptec1 is not on this machine") as refused:
        registry.load("adaptec1")
    assert "adaptec1.tar.gz" in refused.value.hint
    assert refused.value.where == "https://www.ispd.cc/contests/05/contest.htm"
    folder = tmp_path / "ispd2005/adaptec1"
    folder.mkdir(parents=True)
    for kind, text in test_bookshelf.FILES.items():
        # As the contest has them: the .aux as it is, the others compressed.
        if kind == "aux":
            (folder / "adaptec1.aux").write_text(text.replace("s.", "adaptec1."))
        else:
            (folder / f"adaptec1.{kind}.gz").write_bytes(gzip.compress(text.encode()))
    assert registry.is_within_reach("adaptec1")
    benchmark = registry.load("adaptec1")
    assert benchmark.name == "adaptec1"
    assert benchmark.published[0].value == 73087848
    assert benchmark.source == "https://www.ispd.cc/contests/05/contest.htm"


@pytest.mark.parametrize("start", ["initial.plc", "initial.plc.gz"])
def test_the_grid_of_a_start_counts_compressed_or_not(
    start: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(data, "data_roots", lambda: [tmp_path])
    folder = tmp_path / "iccad04/ibm01"
    folder.mkdir(parents=True)
    for kind, text in test_bookshelf.FILES.items():
        (folder / f"ibm01.{kind}").write_text(text.replace("s.", "ibm01."))
    netlist, placement = tiny()
    plc.write(folder / start, netlist, placement)
    found = registry.load("ibm01").netlist.grid
    assert found is not None
    assert (found.columns, found.rows, found.h_tracks_per_um) == (6, 5, 0.1)


def test_a_design_is_grouped_where_nobody_publishes_its_groups(
    data_file, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = "ariane136_ng45"
    here = data_file(f"tilos/{name}/full.pb.txt.gz").parent
    ready = registry.load(name)
    (tmp_path / "tilos" / name).mkdir(parents=True)
    for file in ("full.pb.txt.gz", "groups.final.gz", "initial.plc", "legalized.plc"):
        (tmp_path / "tilos" / name / file).symlink_to(here / file)
    monkeypatch.setattr(data, "data_roots", lambda: [tmp_path])
    made = registry.load(name)
    assert list(made.placements) == ["initial", "legalized"]
    costs = [proxy_cost(b.netlist, b.placements["initial"]) for b in (ready, made)]
    # Pins of a group lie in its centre, and both were placed by the same file.
    assert costs[1].total == pytest.approx(costs[0].total, abs=1e-6)


def test_files_of_sets_without_netlists() -> None:
    assert "verilog-eval/LICENSE" in registry.files_of_set("verilog-eval")
    with pytest.raises(InputError, match="does not fetch rtllm") as refused:
        registry.files_of_set("rtllm")
    assert "clone" in refused.value.hint


def test_misspelt_names_get_a_suggestion() -> None:
    with pytest.raises(InputError, match="'ariane133_n45'") as caught:
        registry.load("ariane133_n45")
    assert "did you mean ariane133_ng45" in caught.value.hint
    with pytest.raises(InputError, match="'iccad4'") as caught:
        registry.designs_of("iccad4")
    assert "did you mean iccad04" in caught.value.hint
    with pytest.raises(InputError) as caught:
        registry.load("zzz")
    assert "chipflow bench list" in caught.value.hint


def test_user_files_load_and_come_back(tmp_path: Path) -> None:
    path = write_tiny(tmp_path)
    benchmark = load_files(path)
    netlist, placement = tiny()
    assert benchmark.netlist.node_name == netlist.node_name
    assert benchmark.netlist.grid == netlist.grid
    assert list(benchmark.placements) == ["initial"]
    out = tmp_path / "out"
    out.mkdir()
    moved = benchmark.placements["initial"]
    moved = type(moved)(moved.x_um + 1 / 3, moved.y_um, moved.orient)
    again = with_start(benchmark, benchmark.write(out, moved))
    assert np.array_equal(again.placements["initial"].x_um, placement.x_um + 1 / 3)


def test_a_given_start_replaces_the_one_beside(tmp_path: Path) -> None:
    path = write_tiny(tmp_path)
    other = tmp_path / "other.plc"
    (tmp_path / "initial.plc").rename(other)
    with pytest.raises(InputError, match="neither canvas nor grid") as caught:
        load_files(path)
    assert "--start" in caught.value.hint
    assert list(load_files(path, start=other).placements) == ["initial"]


def test_a_placement_of_another_design_is_refused(tmp_path: Path, data_file) -> None:
    path = write_tiny(tmp_path)
    with pytest.raises(InputError, match="is not a port, macro or cell"):
        load_files(path, start=data_file("tilos/ariane133_ng45/initial.plc"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("netlist.txt", "cannot tell from its name"),
        ("netlist.pb.txt", "no such file"),
        ("netlist.def", "needs the LEF files"),
        ("netlist.aux", "no "),
    ],
)
def test_unusable_files_are_refused(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        load_files(tmp_path / name)


def test_a_missing_def_is_named(tmp_path: Path) -> None:
    lef = tmp_path / "cells.lef"
    lef.write_text("VERSION 5.8 ;\nEND LIBRARY\n")
    with pytest.raises(InputError, match="no such file"):
        load_files(tmp_path / "netlist.def", lefs=[lef])


def test_iccad04_loads_with_the_grid_of_circuit_training(data_file, tmp_path: Path) -> None:
    data_file("iccad04/ibm01/ibm01.aux.gz")
    benchmark = registry.load("ibm01")
    netlist = benchmark.netlist
    assert netlist.num_nodes == 12752
    assert len(netlist.nodes_of(NodeKind.HARD_MACRO)) == 246
    assert netlist.unit_um is None
    assert netlist.grid is not None
    assert (netlist.grid.columns, netlist.grid.rows) == (45, 41)
    # 65.957 tracks per um, and 100 units per um.
    assert netlist.grid.h_tracks_per_um == pytest.approx(0.65957)
    path = benchmark.write(tmp_path, benchmark.placements["initial"])
    again = with_start(benchmark, path).placements["initial"]
    assert np.array_equal(again.x_um, benchmark.placements["initial"].x_um)
