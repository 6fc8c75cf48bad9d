"""What is written into a DEF is what was scored: read back it costs the same and is legal."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from agents import search
from chipflow.layout.macros import from_core, on_core
from chipflow.layout.placed import read_layout
from chipflow.stages import floorplan, group
from chipflow.tools import memory_folder
from placement_env.cost.proxy import proxy_cost, robust_proxy_cost
from placement_env.formats import ct_protobuf, def_file, plc
from placement_env.legality import hard_overlaps, outside
from placement_env.netlist import NodeKind, Placement
from tests.chipflow.command_line import command_line
from tests.chipflow.gate_designs import StageBench, stage_bench


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> StageBench:
    """A floorplan with six memories and its grouped netlist."""
    bench = stage_bench(tmp_path_factory.mktemp("written"), cells=300, memories=6, seed=3)
    for stage in (floorplan, group):
        bench.run(stage.STAGE)
    return bench


def test_macros_searched_on_the_database_grid(bench: StageBench, tmp_path: Path) -> None:
    layout = read_layout(bench.files["floorplan_def"], bench.pdk, bench.files["memories"])
    grouped, _ = ct_protobuf.read(bench.files["grouped_netlist"])
    grouped, start = plc.read(bench.files["grouped_start"], grouped)
    found = search.place(
        grouped, start, budget_s=1, seed=1, moves=3000,
        grid_um=1 / layout.design.dbu_per_um, from_nothing=True,
    )  # fmt: skip
    placed = from_core(layout.netlist, layout.placement, grouped, found)
    macros = layout.netlist.nodes_of(NodeKind.HARD_MACRO)
    design = layout.with_placement(layout.netlist, placed, nodes=macros)
    def_file.write(tmp_path / "macros.def", design)

    back = read_layout(tmp_path / "macros.def", bench.pdk, bench.files["memories"])
    core, there = on_core(back.netlist, back.placement)
    at = {name: node for node, name in enumerate(core.node_name)}
    x, y = found.x_um.copy(), found.y_um.copy()
    for node in grouped.nodes_of(NodeKind.HARD_MACRO).tolist():
        x[node] = there.x_um[at[grouped.node_name[node]]]
        y[node] = there.y_um[at[grouped.node_name[node]]]
    written = Placement(x, y, found.orient)
    assert not np.array_equal(x, start.x_um)
    assert proxy_cost(grouped, written).total == pytest.approx(
        proxy_cost(grouped, found).total, abs=1e-9
    )
    assert robust_proxy_cost(grouped, written) == pytest.approx(
        robust_proxy_cost(grouped, found), abs=1e-9
    )
    for netlist, placement in ((grouped, written), (back.netlist, back.placement)):
        assert hard_overlaps(netlist, placement) == []
        assert not outside(netlist, placement).size


def test_place_and_score_of_a_def_agree(
    bench: StageBench,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chipflow = command_line(capsys, monkeypatch)
    memories = memory_folder.read(bench.files["memories"])
    files = [bench.pdk.tech_lef, *bench.pdk.cell_lefs, *(used.macro.lef for used in memories)]
    lefs = [word for file in files for word in ("--lef", str(file))]
    source = bench.files["floorplan_def"]
    refused = chipflow("place", source, *lefs, "--moves", 1000)  # of the search
    assert (refused.code, "no option --moves" in refused.err) == (2, True)
    ended = chipflow("place", source, *lefs, "--json", "-q", "--animate", "--out", tmp_path)
    assert ended.code == 0, ended
    said = json.loads(ended.out)
    assert (tmp_path / "placement.gif").exists()
    ended = chipflow("score", source, said["files"][0], *lefs, "--json")
    again = json.loads(ended.out)
    assert again["placement__wirelength__hpwl_um"] == pytest.approx(
        said["placement__wirelength__hpwl_um"], rel=1e-9
    )
    illegal = [
        name
        for name, value in again.items()
        if name.endswith("__count") and name != "placement__macro__count" and value
    ]
    assert illegal == []
