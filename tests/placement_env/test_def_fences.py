"""The regions of a DEF design become fences of its netlist, and blockages cut its rows."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from placement_env.errors import InputError
from placement_env.formats import def_file, lef, lefdef
from placement_env.formats.def_design import Status
from placement_env.formats.def_fences import fences_of
from placement_env.formats.def_file import DefBlockage, DefBox, DefDesign, DefGroup, DefRegion
from placement_env.formats.lef_library import LefLibrary
from placement_env.row_legality import check_rows
from tests.placement_env import test_def_areas, test_lefdef
from tests.placement_env.test_def_file import write


def read(tmp_path: Path, text: str) -> tuple[DefDesign, LefLibrary]:
    """A design by its text, and the cells of `tests.placement_env.test_lefdef`."""
    cells = tmp_path / "cells.lef"
    cells.write_text(test_lefdef.CELLS)
    return def_file.read(write(tmp_path, text)), lef.read(cells)


def test_groups_and_components_bind_nodes_to_regions(tmp_path: Path) -> None:
    design, library = read(tmp_path, test_def_areas.SMALL)
    netlist, placement = lefdef.to_netlist(design, library)
    fences = netlist.fences
    assert fences is not None
    assert fences.name == ("core", "plain")  # a guide binds nothing
    assert fences.exclusive.tolist() == [True, False]
    assert fences.box_um.tolist() == [[1.0, 2.0, 9.0, 8.0], [9.0, 2.0, 20.0, 6.0], [0, 0, 0.005, 0]]
    assert fences.box_fence.tolist() == [0, 0, 1]
    held = {name: fences.node_fence[i] for i, name in enumerate(netlist.node_name)}
    assert held == {"a": -1, "inv": 0, "cpu/inv": 0, "ram": -1}
    # cpu/inv is not placed: it lies in the middle of the die, outside its region.
    report = check_rows(netlist, placement)
    assert [netlist.node_name[node] for node in report.off_fence_nodes] == ["cpu/inv"]

    own = dataclasses.replace(design.components, region={"inv": "plain"})
    moved = dataclasses.replace(design, components=own)
    fences = fences_of(moved, netlist.node_name)
    assert fences is not None
    assert fences.node_fence[netlist.node_name.index("inv")] == 1

    free = dataclasses.replace(design.components, region={})
    unbound = dataclasses.replace(design, regions=(), groups=(), components=free)
    assert fences_of(unbound, netlist.node_name) is None
    lost = dataclasses.replace(design, groups=(DefGroup("g", ("inv",), "nowhere"),))
    with pytest.raises(InputError, match="region nowhere, which is not in REGIONS"):
        fences_of(lost, netlist.node_name)


def test_patterns_are_no_regular_expressions(tmp_path: Path) -> None:
    design, library = read(tmp_path, test_def_areas.SMALL)
    netlist, _ = lefdef.to_netlist(design, library)
    region = DefRegion("r", (DefBox(0, 0, 9, 9),))
    counts = {"*inv": 2, "i.v": 0, "*n*": 2, "inv*": 1, "*": 3, "c*/*v": 1}
    for pattern, bound in counts.items():
        group = DefGroup("g", (pattern,), "r")
        only = dataclasses.replace(
            design,
            regions=(region,),
            groups=(group,),
            components=dataclasses.replace(design.components, region={}),
        )
        fences = fences_of(only, netlist.node_name)
        assert fences is not None
        assert np.count_nonzero(fences.node_fence == 0) == bound


def test_placement_blockages_cut_the_rows(tmp_path: Path) -> None:
    design, library = read(tmp_path, test_lefdef.SMALL)
    whole, _ = lefdef.to_netlist(design, library)
    # From 3 to 5 um in the row at 2 um, and the end of both rows above it.
    hard = DefBlockage(boxes=(DefBox(3000, 2500, 5000, 3000), DefBox(10100, 7000, 99000, 11000)))
    others = (
        DefBlockage(boxes=(DefBox(0, 0, 60000, 50000),), soft=True),
        DefBlockage(boxes=(DefBox(0, 0, 60000, 50000),), max_density_percent=50.0),
        DefBlockage(layer="m1", boxes=(DefBox(0, 0, 60000, 50000),)),
    )
    netlist, _ = lefdef.to_netlist(dataclasses.replace(design, blockages=(hard, *others)), library)
    assert whole.rows is not None
    assert netlist.rows is not None
    assert whole.rows.sites.tolist() == [50, 50, 50]
    assert netlist.rows.x_um.tolist() == [1.0, 5.0, 1.0, 1.0]
    assert netlist.rows.sites.tolist() == [10, 30, 45, 45]
    assert netlist.rows.site_name == "core"
    unread, _ = lefdef.to_netlist(dataclasses.replace(design, blockages=others), library)
    assert unread.rows is not None
    assert unread.rows.sites.tolist() == [50, 50, 50]


def test_movable_macros_keep_out_of_placement_blockages(tmp_path: Path) -> None:
    """Rows keep cells out, which macros do not lie on."""
    fixed, library = read(tmp_path, test_lefdef.SMALL)
    ram = fixed.components.name.index("ram")
    status = fixed.components.status.copy()
    status[ram] = Status.PLACED
    movable = dataclasses.replace(
        fixed, components=dataclasses.replace(fixed.components, status=status)
    )
    box = DefBox(39_000, 14_000, 60_000, 50_000)  # its upper right corner is at (40, 20) um
    for design, blockage, nodes in (
        (movable, DefBlockage(boxes=(box,)), ["ram"]),
        (movable, DefBlockage(boxes=(box,), component="ram"), []),
        (movable, DefBlockage(boxes=(box,), soft=True), []),
        (fixed, DefBlockage(boxes=(box,)), []),
    ):
        blocked = dataclasses.replace(design, blockages=(blockage,))
        netlist, placement = lefdef.to_netlist(blocked, library)
        report = check_rows(netlist, placement)
        assert [netlist.node_name[node] for node in report.off_fence_nodes] == nodes
