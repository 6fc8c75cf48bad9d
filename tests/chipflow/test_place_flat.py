"""`chipflow place` on real flat netlists: by default, and ended by Ctrl-C."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import registry
from placement_env.formats import def_file, lefdef
from placement_env.formats.def_file import DefBlockage, DefBox, DefGroup, DefRegion
from placement_env.netlist import NodeKind
from placement_env.row_legality import check_rows
from tests.chipflow.command_line import CommandLine
from tests.chipflow.interrupted import interrupted


def test_a_fence_and_a_blockage_of_a_def_are_kept(
    chipflow: CommandLine, data_file, tmp_path: Path
) -> None:
    lefs = [data_file("ispd18/ispd18_test1.input.lef.gz")]
    design = def_file.read(data_file("ispd18/ispd18_test1.input.def.gz"))
    left, bottom, right, top = design.die_box or DefBox(0, 0, 0, 0)
    corner = left + (right - left) // 4, bottom + (top - bottom) // 5
    high = top - 40_000
    names = design.components.name[:300]
    fenced = replace(
        design,
        regions=(DefRegion("corner", (DefBox(left, bottom, *corner),), "FENCE"),),
        groups=(DefGroup("some", names, "corner"),),
        blockages=(DefBlockage(boxes=(DefBox(corner[0], high, right, top),)),),
    )
    def_file.write(tmp_path / "fenced.def", fenced)
    words = [word for lef in lefs for word in ("--lef", lef)]
    ended = chipflow("place", "fenced.def", *words, "--out", "out", "--json", "-q")
    assert ended.code == 0, ended.err
    scores = json.loads(ended.out)
    assert scores["placement__off_fence__count"] == 0
    netlist, placed = lefdef.read(tmp_path / "out/placement.def", lefs)
    report = check_rows(netlist, placed)
    assert report.legal, report.describe(netlist)
    um = design.dbu_per_um
    cells = netlist.nodes_of(NodeKind.STANDARD_CELL)
    inside = (placed.x_um[cells] < corner[0] / um) & (placed.y_um[cells] < corner[1] / um)
    bound = np.isin([netlist.node_name[cell] for cell in cells], names)
    assert np.array_equal(inside, bound)
    closed = (placed.x_um[cells] > corner[0] / um) & (placed.y_um[cells] > high / um)
    assert not closed.any()


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_leaves_a_legal_placement(data_file, tmp_path: Path) -> None:
    data_file("ispd18/ispd18_test1.input.def.gz")
    words = ("place", "ispd18_test1", "--json", "--out", tmp_path)
    ended = interrupted(*words, phase="cells spread", limit_s=60)
    assert ended.code == 130, ended.err
    assert "interrupted" in ended.err
    assert json.loads(ended.out)["options"]["agent"] == "flat"
    benchmark = registry.load("ispd18_test1")
    netlist, placed = benchmark.read(tmp_path / "placement.def")
    report = check_rows(netlist, placed, start=benchmark.placements["initial"])
    assert report.legal, report.describe(netlist)
