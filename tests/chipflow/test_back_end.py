"""The stages from a floorplan to GDS, one after another, on a random gate-level design."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import replace

import klayout.db as kdb
import matplotlib.image
import numpy as np
import pytest

from agents.flat import placer as flat_placer
from chipflow.design import PlacementSettings
from chipflow.layout.placed import read_layout
from chipflow.stages import (
    estimate_routes,
    export,
    floorplan,
    place_cells,
    place_macros,
    scores,
)
from chipflow.tools import spef
from placement_env.errors import ChipError, InputError
from placement_env.formats import def_file
from placement_env.netlist import NodeKind, hpwl_um
from placement_env.route_estimate import TrackSupply
from placement_env.row_legality import check_rows
from placement_env.steiner import steiner_trees
from tests.chipflow.gate_designs import StageBench, stage_bench


@pytest.fixture(scope="module")
def placed(tmp_path_factory) -> StageBench:
    """A design of 300 cells without memories, placed and with routes estimated."""
    bench = stage_bench(tmp_path_factory.mktemp("placed"))
    for stage in (floorplan, place_macros, place_cells, estimate_routes):
        bench.run(stage.STAGE)
    return bench


def test_a_design_without_macros_skips_their_placement_and_goes_on(placed):
    assert placed.files["macros_def"].read_bytes() == placed.files["floorplan_def"].read_bytes()
    assert "macro_placement" not in placed.files


def test_cells_are_placed_legally_and_the_metrics_are_those_of_the_def(placed):
    layout = read_layout(placed.files["placed_def"], placed.pdk, placed.files["memories"])
    assert check_rows(layout.netlist, layout.placement).legal
    assert placed.metrics["placement__cell__count"] == 308
    assert placed.metrics["placement__wirelength__hpwl_um"] == pytest.approx(
        hpwl_um(layout.netlist, layout.placement)
    )
    assert matplotlib.image.imread(placed.files["placement_png"]).shape[0] > 500


@pytest.mark.parametrize("routability", [False, True])
def test_cells_get_room_for_wires_by_the_tracks_of_the_pdk(
    placed, tmp_path, monkeypatch, routability
):
    asked = []

    def place(*arguments, **options):
        asked.append(options["tracks"])
        return flat_placer.place_cells(*arguments, **options)

    monkeypatch.setattr(place_cells, "place_cells", place)
    settings = PlacementSettings(routability=routability)
    bench = placed.beside(tmp_path, placement=settings)
    bench.pdk = replace(
        bench.pdk, h_tracks_per_um=4.0, v_tracks_per_um=3.0,
        h_macro_tracks_per_um=2.0, v_macro_tracks_per_um=1.0,
    )  # fmt: skip
    bench.run(place_cells.STAGE)
    layout = read_layout(bench.files["placed_def"], bench.pdk, bench.files["memories"])
    assert check_rows(layout.netlist, layout.placement).legal
    assert asked == [TrackSupply(4.0, 3.0, 2.0, 1.0) if routability else None]


def test_congestion_comes_with_its_map_and_totals(placed):
    with np.load(placed.files["congestion"]) as saved:
        usage, h_demand, v_demand = saved["usage"], saved["h_demand"], saved["v_demand"]
        h_capacity, v_capacity = saved["h_capacity"], saved["v_capacity"]
    assert usage.shape == (v_demand.shape[0] + 1, h_demand.shape[1] + 1)
    overflow = (h_demand - h_capacity).clip(0).sum() + (v_demand - v_capacity).clip(0).sum()
    assert placed.metrics["route__overflow__total"] == pytest.approx(overflow)
    assert placed.metrics["route__usage__max"] == pytest.approx(usage.max())
    wire = placed.metrics["route__wirelength__estimated_um"]
    assert 1.0 <= wire / placed.metrics["placement__wirelength__hpwl_um"] < 1.5


def parsed_spef(text: str):
    """Names, and for each net its total, pins, capacitances and resistances."""
    names = dict(re.findall(r"^(\*\d+) (\S+)$", text, re.MULTILINE))

    def plain(node: str) -> str:
        index, _, rest = node.partition(":")
        return names.get(index, index) + (f":{rest}" if rest else "")

    nets = {}
    for block in text.split("*D_NET ")[1:]:
        head, rest = block.split("*CONN\n")
        name, total = head.split()
        pins, rest = rest.split("*CAP\n")
        caps, rest = rest.split("*RES\n")
        nets[names[name]] = (
            float(total),
            [plain(line.split()[1]) for line in pins.splitlines()],
            [(plain(line.split()[1]), float(line.split()[2])) for line in caps.splitlines()],
            [
                (plain(line.split()[1]), plain(line.split()[2]), float(line.split()[3]))
                for line in rest.split("*END")[0].splitlines()
            ],
        )
    return nets


def test_spef_has_a_tree_from_the_driver_to_every_pin_of_each_net(placed):
    layout = read_layout(placed.files["placed_def"], placed.pdk, placed.files["memories"])
    netlist = layout.netlist
    assert netlist.net_name is not None
    nets = parsed_spef(placed.files["spef"].read_text())
    wired = {
        name for name, pins in zip(netlist.net_name, np.diff(netlist.net_start), strict=True)
        if pins > 1
    }  # fmt: skip
    assert set(nets) == wired
    assert "a[3]" in nets
    total_ff = 0.0
    for total, pins, caps, resistances in nets.values():
        assert total == pytest.approx(sum(c for _, c in caps), rel=1e-4)
        total_ff += total
        neighbours = defaultdict(set)
        for a, b, ohms in resistances:
            assert ohms > 0
            neighbours[a].add(b)
            neighbours[b].add(a)
        reached, pending = set(), [pins[0]]
        while pending:
            node = pending.pop()
            if node not in reached:
                reached.add(node)
                pending += neighbours[node]
        assert set(pins) <= reached
        assert len(resistances) == len(reached) - 1
    wire_um = placed.metrics["route__wirelength__estimated_um"]
    assert total_ff == pytest.approx(wire_um * placed.pdk.wire_capacitance_ff_per_um, rel=1e-3)


def test_spef_needs_names(placed, tmp_path):
    layout = read_layout(placed.files["placed_def"], placed.pdk, placed.files["memories"])
    nameless = replace(layout.netlist, net_name=None)
    trees = steiner_trees(
        nameless.net_start, np.zeros(nameless.num_pins), np.zeros(nameless.num_pins)
    )
    with pytest.raises(InputError, match="no names"):
        spef.write(
            tmp_path / "a.spef", nameless, trees, port_direction={}, resistance_ohm_per_um=1.0,
            capacitance_ff_per_um=1.0,
        )  # fmt: skip


def test_the_gds_holds_every_cell_with_its_layout_where_the_def_has_it(placed):
    placed.run(export.STAGE)
    design = def_file.read(placed.files["placed_def"])
    layout = kdb.Layout()
    layout.read(str(placed.files["gds"]))
    top = layout.top_cell()
    assert top.name == "random"
    scale = design.dbu_per_um * layout.dbu
    corners = sorted(
        (round(i.bbox().left * scale), round(i.bbox().bottom * scale)) for i in top.each_inst()
    )
    # Layouts reach over the cell's outline by half a supply rail at most.
    wanted = sorted(zip(design.components.x.tolist(), design.components.y.tolist(), strict=True))
    assert len(corners) == len(wanted)
    assert np.abs(np.array(corners) - np.array(wanted)).max() <= 0.2 * design.dbu_per_um
    assert all(not cell.bbox().empty() for cell in layout.each_cell())
    picture = matplotlib.image.imread(placed.files["layout_png"])[:, :, :3]
    assert (picture.min(axis=2) < 0.9).mean() > 0.02  # something is drawn
    assert placed.files["def"].name == "random.def"
    assert (placed.folder / "export" / "klayout.log").exists()


def test_the_same_design_gives_the_same_gds(placed, tmp_path):
    first = placed.files.get("gds") or placed.folder / placed.run(export.STAGE).files["gds"]
    again = replace(placed, folder=tmp_path, files=dict(placed.files))
    again.run(export.STAGE)
    assert again.files["gds"].read_bytes() == first.read_bytes()


def test_a_cell_without_layout_is_named(placed, tmp_path):
    gds = kdb.Layout()
    gds.read(str(placed.pdk.cell_gds[0]))
    gds.delete_cell(gds.cell("NAND2_X1").cell_index())
    gds.write(str(tmp_path / "poor.gds"))
    poor = replace(
        placed, folder=tmp_path, files=dict(placed.files),
        pdk=replace(placed.pdk, cell_gds=(tmp_path / "poor.gds",)),
    )  # fmt: skip
    with pytest.raises(InputError, match="1 cells have no layout: NAND2_X1"):
        poor.run(export.STAGE)


def test_scores_are_flat_and_have_unit_and_direction(placed):
    placed.run(scores.STAGE)
    table = json.loads(placed.files["scores"].read_text())
    assert table["placement__wirelength__hpwl_um"]["unit"] == "um"
    assert table["placement__wirelength__hpwl_um"]["better"] == "lower"
    assert table["placement__off_site__count"]["value"] == 0
    assert table["placement__macro__count"]["value"] == 0
    assert "route__overflow__total" in table
    assert all(isinstance(entry["value"], float) for entry in table.values())


def test_scores_refuse_a_number_that_the_def_does_not_bear_out(placed, tmp_path):
    lying = replace(
        placed, folder=tmp_path, files=dict(placed.files),
        metrics=placed.metrics | {"placement__wirelength__hpwl_um": 1.0},
    )  # fmt: skip
    with pytest.raises(ChipError, match=r"hpwl_um is .* its stage said 1"):
        lying.run(scores.STAGE)


def test_loose_macros_are_refused(tmp_path):
    bench = stage_bench(tmp_path, memories=1)
    bench.run(floorplan.STAGE)
    bench.files["macros_def"] = bench.files["floorplan_def"]
    with pytest.raises(InputError, match=r"u_bank.* is not fixed"):
        bench.run(place_cells.STAGE)


def test_the_contest_design_is_placed_legally_and_short(data_file):
    from agents.cells import place_cells as place
    from placement_env.formats import lef, lefdef

    library = lef.read(data_file("ispd18/ispd18_test1.input.lef.gz"))
    design = def_file.read(data_file("ispd18/ispd18_test1.input.def.gz"))
    netlist, contest = lefdef.to_netlist(design, library)
    assert check_rows(netlist, contest).legal  # the checker accepts the contest's own placement
    found = place(netlist, contest, effort=1)
    report = check_rows(netlist, found)
    assert report.legal, report.describe(netlist)
    assert len(netlist.nodes_of(NodeKind.STANDARD_CELL)) == 8879
    assert hpwl_um(netlist, found) < 1.06 * hpwl_um(netlist, contest)
    # Written to DEF and read again it is the same, and still legal.
    again, there = lefdef.to_netlist(lefdef.with_placement(design, netlist, found), library)
    assert check_rows(again, there).legal
    assert hpwl_um(again, there) == pytest.approx(hpwl_um(netlist, found), rel=1e-6)


def test_a_floorplan_full_of_taps_is_placed_around_them(data_file):
    from agents.cells import place_cells as place
    from placement_env.formats import lef, lefdef

    files = ("NangateOpenCellLibrary.tech.lef", "NangateOpenCellLibrary.macro.mod.lef")
    library = lef.read([data_file(f"nangate45/{name}") for name in files])
    design = def_file.read(data_file("nangate45/designs/gcd.def.gz"))
    netlist, start = lefdef.to_netlist(design, library)
    assert (netlist.fixed & (netlist.node_kind == NodeKind.STANDARD_CELL)).sum() > 200
    found = place(netlist, start, effort=1)
    report = check_rows(netlist, found)
    assert report.legal, report.describe(netlist)
