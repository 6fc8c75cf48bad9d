"""Grouping and macro placement as stages, and what comes after them, with six memories."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.placer import POLICY
from chipflow.design import MACRO_AGENTS, PlacementSettings
from chipflow.layout.macros import from_core, least_gap_um, on_core, plain_names
from chipflow.layout.placed import read_layout
from chipflow.stages import (
    constraints,
    estimate_routes,
    export,
    floorplan,
    group,
    place_cells,
    place_macros,
    scores,
    timing,
)
from chipflow.tools.versions import version_of
from placement_env.errors import InputError
from placement_env.formats import ct_protobuf, def_file, plc
from placement_env.formats.def_design import Status
from placement_env.legality import hard_overlaps
from placement_env.netlist import NodeKind, oriented_size
from placement_env.row_legality import check_rows
from tests.chipflow.gate_designs import StageBench, stage_bench

GAP_UM = 2.0


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> StageBench:
    """A design with six memories whose macros and cells are placed."""
    bench = stage_bench(tmp_path_factory.mktemp("macros"), cells=600, memories=6, gap_um=GAP_UM)
    for stage in (floorplan, group, place_macros, place_cells, estimate_routes):
        bench.run(stage.STAGE)
    return bench


def test_every_cell_is_in_a_group_and_macros_and_ports_are_not(bench):
    layout = read_layout(bench.files["floorplan_def"], bench.pdk, bench.files["memories"])
    cells = layout.netlist.nodes_of(NodeKind.STANDARD_CELL)
    groups = json.loads(bench.files["groups"].read_text())
    assert set(groups) == {layout.netlist.node_name[cell] for cell in cells}
    grouped, _ = ct_protobuf.read(bench.files["grouped_netlist"])
    soft = grouped.nodes_of(NodeKind.SOFT_MACRO)
    assert len(soft) == len(set(groups.values()))
    assert len(grouped.nodes_of(NodeKind.HARD_MACRO)) == 6
    assert len(grouped.nodes_of(NodeKind.PORT)) == 17
    grouped, start = plc.read(bench.files["grouped_start"], grouped)
    assert grouped.grid is not None
    area = grouped.width_um * grouped.height_um
    flat = layout.netlist.width_um * layout.netlist.height_um
    assert area[soft].sum() == pytest.approx(flat[cells].sum())
    ports = grouped.nodes_of(NodeKind.PORT)
    assert start.x_um[ports].min() == start.y_um[ports].min() == 0.0
    assert start.x_um[ports].max() == pytest.approx(grouped.canvas.right_um)


def test_macros_are_fixed_apart_and_on_the_manufacturing_grid(bench):
    layout = read_layout(bench.files["macros_def"], bench.pdk, bench.files["memories"])
    netlist, placement = layout.netlist, layout.placement
    macros = netlist.nodes_of(NodeKind.HARD_MACRO)
    assert netlist.fixed[macros].all()
    assert hard_overlaps(netlist, placement) == []
    assert least_gap_um(netlist, placement) >= GAP_UM - 1e-9
    grid = layout.lef.manufacturing_grid_um * layout.design.dbu_per_um
    fixed = layout.design.components.status == Status.FIXED
    assert fixed.sum() == 6
    assert (layout.design.components.x[fixed] % grid == 0).all()
    assert (layout.design.components.y[fixed] % grid == 0).all()
    # Inside the rows, not only inside the die.
    core, _ = on_core(netlist, placement)
    on, there = on_core(netlist, placement)
    width, height = oriented_size(on, there)
    assert (there.x_um - width / 2)[macros].min() >= 0
    assert (there.x_um + width / 2)[macros].max() <= core.canvas.width_um + 1e-9
    assert (there.y_um + height / 2)[macros].max() <= core.canvas.height_um + 1e-9
    assert (there.y_um - height / 2)[macros].min() >= 0


def test_the_history_runs_forward_and_the_cost_is_that_of_the_placement(bench):
    history = json.loads(bench.files["macro_history"].read_text())
    assert len(history["elapsed_s"]) == len(history["cost"]) == len(history["moves"]) > 1
    assert history["elapsed_s"] == sorted(history["elapsed_s"])
    assert history["moves"] == sorted(history["moves"])
    grouped, _ = ct_protobuf.read(bench.files["grouped_netlist"])
    grouped, found = plc.read(bench.files["macro_placement"], grouped)
    from placement_env.cost.proxy import proxy_cost

    assert proxy_cost(grouped, found).total == pytest.approx(
        bench.metrics["placement__proxy__cost"], abs=1e-9
    )


@pytest.mark.parametrize("agent", MACRO_AGENTS)
def test_the_agent_is_the_one_that_the_design_names(tmp_path, bench, agent):
    again = bench.beside(tmp_path, placement=PlacementSettings(agent=agent, budget_s=0.5))
    result = again.run(place_macros.STAGE)
    assert result.note.startswith(f"6 macros by {agent}, ")
    assert result.metrics["placement__hard_overlaps__count"] == 0


def test_a_policy_of_one_s_own_places_the_macros(tmp_path, bench):
    policy = tmp_path / "mine.safetensors"
    shutil.copyfile(POLICY, policy)
    settings = PlacementSettings(policy=policy, budget_s=0.5)
    good = bench.beside(tmp_path / "good", placement=settings)
    assert good.run(place_macros.STAGE).metrics["placement__hard_overlaps__count"] == 0
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no weights")
    bad = bench.beside(tmp_path / "bad", placement=replace(settings, policy=broken))
    with pytest.raises(InputError, match=r"broken\.safetensors") as caught:
        bad.run(place_macros.STAGE)
    assert caught.value.exit_code == 2


def test_cells_lie_around_the_macros(bench):
    layout = read_layout(bench.files["placed_def"], bench.pdk, bench.files["memories"])
    report = check_rows(layout.netlist, layout.placement)
    assert report.legal, report.describe(layout.netlist)
    before = read_layout(bench.files["macros_def"], bench.pdk, bench.files["memories"])
    macros = layout.netlist.nodes_of(NodeKind.HARD_MACRO)
    assert np.array_equal(layout.placement.x_um[macros], before.placement.x_um[macros])


def test_timing_reads_the_parasitics_of_macro_pins_without_complaint(bench):
    if version_of("opensta") is None:
        pytest.skip("OpenSTA is not installed")
    bench.run(constraints.STAGE)
    before = len(bench.lines)
    result = bench.run(timing.STAGE)
    assert "estimated routes" in result.note
    assert [line for line in bench.lines[before:] if "OpenSTA" in line] == []
    with_wires = result.metrics["timing__setup__ws_ns"]
    # Ten times the wires make it slower: the file is used.
    heavier = bench.folder / "heavier.spef"
    heavier.write_text(bench.files["spef"].read_text().replace("*C_UNIT 1 FF", "*C_UNIT 10 FF"))
    bench.files["spef"], lighter = heavier, bench.files["spef"]
    (bench.folder / "timing").rename(bench.folder / "timing-first")
    assert bench.run(timing.STAGE).metrics["timing__setup__ws_ns"] < with_wires - 0.01
    bench.files["spef"] = lighter


def test_the_gds_draws_the_memories(bench):
    import klayout.db as kdb

    bench.run(export.STAGE)
    layout = kdb.Layout()
    layout.read(str(bench.files["gds"]))
    memory = layout.cell("edu45_ram_32x8")
    placed = [i for i in layout.top_cell().each_inst() if i.cell.name == memory.name]
    assert len(placed) == 6
    design = def_file.read(bench.files["placed_def"])
    library = read_layout(bench.files["placed_def"], bench.pdk, bench.files["memories"]).lef
    macro = library.macros[memory.name]
    assert memory.dbbox().width() == pytest.approx(macro.width_um)
    assert memory.dbbox().height() == pytest.approx(macro.height_um)
    fixed = design.components.status == Status.FIXED
    wanted = sorted(
        zip(design.components.x[fixed].tolist(), design.components.y[fixed].tolist(), strict=True)
    )
    assert sorted((i.bbox().left, i.bbox().bottom) for i in placed) == wanted


def test_scores_count_the_macros(bench):
    bench.run(scores.STAGE)
    table = json.loads(bench.files["scores"].read_text())
    assert table["placement__macro__count"]["value"] == 6
    assert table["placement__hard_overlaps__count"]["value"] == 0


def test_without_memories_grouping_is_skipped(tmp_path):
    bench = stage_bench(tmp_path, cells=40)
    bench.run(floorplan.STAGE)
    result = bench.run(group.STAGE)
    assert result.status == "skipped"
    assert "no macros" in result.note


def test_macros_return_from_the_core_to_where_they_were(bench):
    layout = read_layout(bench.files["placed_def"], bench.pdk, bench.files["memories"])
    on, there = on_core(layout.netlist, layout.placement)
    back = from_core(layout.netlist, layout.placement, on, there)
    macros = layout.netlist.nodes_of(NodeKind.HARD_MACRO)
    assert back.x_um[macros] == pytest.approx(layout.placement.x_um[macros], abs=1e-9)
    assert back.y_um[macros] == pytest.approx(layout.placement.y_um[macros], abs=1e-9)


def test_the_least_gap_is_that_of_the_closest_pair(bench):
    layout = read_layout(bench.files["macros_def"], bench.pdk, bench.files["memories"])
    netlist, placement = layout.netlist, layout.placement
    width, height = oriented_size(netlist, placement)
    gaps = []
    for a, b in combinations(netlist.nodes_of(NodeKind.HARD_MACRO).tolist(), 2):
        x = abs(placement.x_um[a] - placement.x_um[b]) - (width[a] + width[b]) / 2
        y = abs(placement.y_um[a] - placement.y_um[b]) - (height[a] + height[b]) / 2
        gaps.append(max(x, y))
    assert least_gap_um(netlist, placement) == pytest.approx(min(gaps))


@given(st.lists(st.text("a[]\\~2", min_size=1, max_size=5), unique=True, max_size=12))
def test_plain_names_stay_unique_and_have_no_escapes(names):
    plain = plain_names(names)
    assert len(set(plain)) == len(names)
    assert not any("\\" in name for name in plain)
    for name, bare in zip(names, plain, strict=True):
        if "\\" not in name:
            assert bare == name
