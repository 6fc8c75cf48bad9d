from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_env.errors import InputError
from placement_env.formats import def_file, lef, lefdef
from placement_env.netlist import (
    Canvas,
    NodeKind,
    Orient,
    Placement,
    hpwl_um,
    oriented_size,
    pin_positions,
)

DataFile = Callable[[str], Path]

CELLS = """
UNITS DATABASE MICRONS 1000 ; END UNITS
SITE core CLASS CORE ; SIZE 0.2 BY 4 ; END core
SITE pad CLASS PAD ; SIZE 1 BY 1 ; END pad
MACRO INV CLASS CORE ; SIZE 2 BY 4 ;
  PIN A DIRECTION INPUT ; PORT LAYER m1 ; RECT 0 0 1 1 ; END END A
  PIN Z DIRECTION OUTPUT ; PORT LAYER m1 ; RECT 1 3 2 4 ; END END Z
  PIN VDD USE POWER ; END VDD
END INV
MACRO TAP CLASS ENDCAP PRE ; SIZE 1 BY 4 ; END TAP
MACRO RAM CLASS BLOCK ; SIZE 10 BY 20 ;
  PIN D DIRECTION INPUT ; PORT LAYER m1 ; RECT 0 0 1 1 ; END END D
  PIN Q DIRECTION OUTPUT ; PORT LAYER m1 ; RECT 9 18 10 20 ; END END Q
END RAM
"""

SMALL = """VERSION 5.8 ;
DESIGN small ;
UNITS DISTANCE MICRONS 1000 ;
DIEAREA ( 0 0 ) ( 60000 50000 ) ;
ROW io pad 0 0 N DO 5 BY 1 STEP 1000 0 ;
ROW r0 core 1000 2000 FS DO 50 BY 1 STEP 200 0 ;
ROW r1 core 1000 6000 N DO 50 BY 2 STEP 200 4000 ;
COMPONENTS 4 ;
- inv INV + PLACED ( 1000 2000 ) FS ;
- in TAP + SOURCE DIST + FIXED ( 5000 2000 ) N ;
- ram RAM + FIXED ( 20000 10000 ) W ;
- loose INV ;
END COMPONENTS
PINS 4 ;
- in + NET n + DIRECTION INPUT + LAYER m1 ( -100 0 ) ( 100 400 ) + PLACED ( 0 4000 ) E ;
- out + NET y + DIRECTION OUTPUT ;
- hidden + NET y + DIRECTION INPUT + LAYER m1 ( 0 0 ) ( 0 0 ) + FIXED ( 60000 0 ) N ;
- VDD + NET VDD + DIRECTION INOUT + USE POWER ;
END PINS
NETS 5 ;
- n ( inv A ) ( PIN in ) ;
- z ( ram D ) ( inv Z ) ( loose A ) + WEIGHT 2 ;
- y ( PIN out ) ( ram Q ) ;
- VDD ( inv VDD ) ( PIN VDD ) + USE POWER ;
- none ;
END NETS
END DESIGN
"""


@pytest.fixture
def library(tmp_path: Path) -> lef.LefLibrary:
    path = tmp_path / "cells.lef"
    path.write_text(CELLS)
    return lef.read(path)


def design_of(folder: Path, text: str) -> def_file.DefDesign:
    path = folder / "small.def"
    path.write_text(text)
    return def_file.read(path)


def test_small_design(tmp_path: Path, library: lef.LefLibrary) -> None:
    netlist, placement = lefdef.to_netlist(design_of(tmp_path, SMALL), library)
    assert netlist.node_name == ("PIN/in", "out", "hidden", "inv", "in", "ram", "loose")
    kind = NodeKind
    assert netlist.node_kind.tolist() == [
        *[kind.PORT] * 3,
        kind.STANDARD_CELL,
        kind.STANDARD_CELL,
        kind.HARD_MACRO,
        kind.STANDARD_CELL,
    ]
    assert netlist.node_master == ("", "", "", "INV", "TAP", "RAM", "INV")
    assert netlist.fixed.tolist() == [True, False, True, False, True, True, False]
    assert netlist.canvas == Canvas(0, 0, 60, 50)
    assert netlist.net_name == ("n", "z", "y")
    assert netlist.net_weight.tolist() == [1, 2, 1]
    # ports and outputs drive: they come first, the rest keeps its order
    assert netlist.pin_name == ("in", "A", "Z", "D", "A", "Q", "out", "hidden")
    assert netlist.net_start.tolist() == [0, 2, 5, 8]
    # the ram lies W: 20 x 10, its Q at (9.5, 19) of the unturned box
    ram = 5
    assert placement.orient[ram] == Orient.W
    assert (placement.x_um[ram], placement.y_um[ram]) == (30, 15)
    x, y = pin_positions(netlist, placement)
    assert (x[5], y[5]) == pytest.approx((30 - (19 - 10), 15 + (9.5 - 5)))
    # inv lies FS: its pin A is at the top
    assert (x[1], y[1]) == pytest.approx((1.5, 5.5))
    # the port's shape points to the right when it lies E
    assert (x[0], y[0]) == pytest.approx((0.2, 4))
    assert (placement.x_um[1], placement.y_um[1]) == (30, 25)
    rows = netlist.rows
    assert rows is not None
    assert rows.site_name == "core"
    assert rows.y_um.tolist() == [2, 6, 10]
    assert rows.height_um.tolist() == [4, 4, 4]
    assert rows.site_width_um.tolist() == [0.2, 0.2, 0.2]
    assert rows.orient.tolist() == [Orient.FS, Orient.N, Orient.N]


def test_canvas_without_die_area_is_that_of_the_rows(
    tmp_path: Path, library: lef.LefLibrary
) -> None:
    text = SMALL.replace("DIEAREA ( 0 0 ) ( 60000 50000 ) ;", "")
    netlist, _ = lefdef.to_netlist(design_of(tmp_path, text), library)
    assert netlist.canvas == Canvas(1, 2, 11, 14)
    no_rows = "\n".join(row for row in text.splitlines() if not row.startswith("ROW"))
    with pytest.raises(InputError, match="neither a DIEAREA nor a row"):
        lefdef.to_netlist(design_of(tmp_path, no_rows), library)


def test_ispd18_has_the_published_wirelength(data_file: DataFile) -> None:
    netlist, placement = lefdef.read(
        data_file("ispd18/ispd18_test1.input.def.gz"),
        data_file("ispd18/ispd18_test1.input.lef.gz"),
    )
    assert (netlist.num_nodes, netlist.num_nets, netlist.num_pins) == (8879, 3153, 17203)
    assert hpwl_um(netlist, placement) == pytest.approx(62_618, abs=0.5)


def test_ibex_with_tap_cells(data_file: DataFile) -> None:
    netlist, placement = lefdef.read(
        data_file("nangate45/designs/ibex_core.def.gz"),
        [
            data_file("nangate45/NangateOpenCellLibrary.tech.lef"),
            data_file("nangate45/NangateOpenCellLibrary.macro.mod.lef"),
        ],
    )
    assert len(netlist.nodes_of(NodeKind.PORT)) == 231
    assert len(netlist.nodes_of(NodeKind.STANDARD_CELL)) == 34184
    assert int(netlist.fixed.sum()) == 231 + 4883
    assert netlist.rows is not None
    assert len(netlist.rows.sites) == 514
    # what is placed stays on sites and rows
    taps = np.flatnonzero(netlist.fixed & (netlist.node_kind == NodeKind.STANDARD_CELL))
    left = placement.x_um[taps] - netlist.width_um[taps] / 2
    site = (left - netlist.rows.x_um[0]) / 0.19
    assert np.abs(site - np.rint(site)).max() < 1e-6
    driver = netlist.pin_node[netlist.net_start[:-1]]
    assert set(netlist.node_kind[driver]) == {NodeKind.PORT, NodeKind.STANDARD_CELL}


def test_placement_survives_def(data_file: DataFile, tmp_path: Path) -> None:
    source = data_file("ispd18/ispd18_test1.input.def.gz")
    lef_path = data_file("ispd18/ispd18_test1.input.lef.gz")
    design, library = def_file.read(source), lef.read(lef_path)
    netlist, placement = lefdef.to_netlist(design, library)
    assert lefdef.with_placement(design, netlist, placement) == design
    rng = np.random.default_rng(3)
    moved = Placement(
        x_um=placement.x_um + rng.uniform(-5, 5, netlist.num_nodes),
        y_um=placement.y_um + rng.uniform(-5, 5, netlist.num_nodes),
        orient=rng.integers(0, 8, netlist.num_nodes),
    )
    def_file.write(tmp_path / "moved.def", lefdef.with_placement(design, netlist, moved))
    again, back = lefdef.read(tmp_path / "moved.def", lef_path)
    assert again.node_name == netlist.node_name
    assert np.array_equal(back.orient, moved.orient)
    half_dbu = 0.5 / design.dbu_per_um + 1e-9
    # corners are rounded, so centres move by at most half a unit
    assert np.abs(back.x_um - moved.x_um).max() <= half_dbu
    assert np.abs(back.y_um - moved.y_um).max() <= half_dbu


def test_only_the_chosen_nodes_move(tmp_path: Path, library: lef.LefLibrary) -> None:
    design = design_of(tmp_path, SMALL)
    netlist, placement = lefdef.to_netlist(design, library)
    loose, inv = netlist.node_name.index("loose"), netlist.node_name.index("inv")
    fixed = netlist.fixed.copy()
    fixed[loose] = True
    moved = Placement(placement.x_um + 1.0004, placement.y_um + 2, placement.orient)
    result = lefdef.with_placement(
        design,
        dataclasses.replace(netlist, fixed=fixed),
        moved,
        nodes=np.array([loose]),
    )
    parts = result.components
    at = parts.name.index("loose")
    assert parts.status[at] == def_file.Status.FIXED
    assert (parts.x[at], parts.y[at]) == (30000 - 1000 + 1000, 25000 - 2000 + 2000)
    everything = lefdef.with_placement(design, netlist, moved).components
    assert (everything.x[0], everything.y[0]) == (2000, 4000)
    # fixed components of the design keep their place
    assert everything.x[2] == 20000
    assert parts.x[parts.name.index("inv")] == 1000
    assert result.pins == design.pins
    assert inv == 3


@given(orient=st.sampled_from(list(Orient)), x=st.integers(0, 9000), y=st.integers(0, 9000))
def test_a_turned_macro_keeps_its_corner(
    orient: Orient, x: int, y: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "cells.lef").write_text(CELLS)
    text = SMALL.replace("FIXED ( 20000 10000 ) W", f"PLACED ( {x} {y} ) {orient.name}")
    design = design_of(folder, text)
    netlist, placement = lefdef.to_netlist(design, lef.read(folder / "cells.lef"))
    ram = netlist.node_name.index("ram")
    width, height = oriented_size(netlist, placement)
    assert (width[ram], height[ram]) == ((20, 10) if orient.name[-1] in "WE" else (10, 20))
    pins_x, pins_y = pin_positions(netlist, placement)
    of_ram = netlist.pin_node == ram
    inside_x = (pins_x[of_ram] >= x / 1000) & (pins_x[of_ram] <= x / 1000 + width[ram])
    inside_y = (pins_y[of_ram] >= y / 1000) & (pins_y[of_ram] <= y / 1000 + height[ram])
    assert inside_x.all()
    assert inside_y.all()
    assert lefdef.with_placement(design, netlist, placement).components == dataclasses.replace(
        design.components,
        status=np.array([1, 2, 1, 1]),
        x=np.array([1000, 5000, x, 29000]),
        y=np.array([2000, 2000, y, 23000]),
    )


@pytest.mark.parametrize("orient", list(Orient))
def test_klayout_agrees_on_every_orientation(
    tmp_path: Path, library: lef.LefLibrary, orient: Orient
) -> None:
    """Where KLayout draws the shape of a turned macro's pin, our pin lies."""
    db = pytest.importorskip("klayout.db")
    text = SMALL.replace("FIXED ( 20000 10000 ) W", f"FIXED ( 20000 10000 ) {orient.name}")
    netlist, placement = lefdef.to_netlist(design_of(tmp_path, text), library)
    (tmp_path / "tech.lef").write_text(
        CELLS.replace(
            "SITE core",
            "LAYER m1 TYPE ROUTING ; DIRECTION HORIZONTAL ; "
            "WIDTH 0.1 ; PITCH 0.2 ; END m1 SITE core",
        )
    )
    options = db.LoadLayoutOptions()
    options.lefdef_config.lef_files = [str(tmp_path / "tech.lef")]
    options.lefdef_config.read_lef_with_def = False
    options.lefdef_config.macro_resolution_mode = 1
    options.lefdef_config.dbu = 0.001
    layout = db.Layout()
    layout.read(str(tmp_path / "small.def"), options)
    drawn = []
    for instance in layout.top_cell().each_inst():
        if instance.cell.name == "RAM":
            for layer in layout.layer_indexes():
                if "PIN" in str(layout.get_info(layer)).upper() or str(
                    layout.get_info(layer)
                ).startswith("m1"):
                    for shape in instance.cell.shapes(layer).each():
                        if not shape.is_text():
                            box = shape.bbox().transformed(instance.trans)
                            drawn.append((box.center().x / 1000, box.center().y / 1000))
    ram = netlist.node_name.index("ram")
    x, y = pin_positions(netlist, placement)
    ours = {(round(x[p], 3), round(y[p], 3)) for p in np.flatnonzero(netlist.pin_node == ram)}
    assert ours == set(drawn)
    assert len(ours) == 2


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("loose INV", "loose INW", "cell INW is in no LEF", "INV"),
        ("ROW r0 core", "ROW r0 cores", "site cores of row r0 is in no LEF", "core"),
        ("( loose A )", "( lose A )", "net z connects to component lose", "loose"),
        ("( loose A )", "( loose B )", "net z connects to loose.B, but cell INV", ""),
        ("( PIN out )", "( PIN oot )", "net y connects to port oot", "out"),
        ("- hidden + NET y", "- hidden + NET q", "port hidden is on net q", ""),
        ("- hidden + NET y", "- hidden", "port hidden has no net", ""),
        ("( 60000 50000 )", "( 0 0 )", "the canvas is 0.0 x 0.0", ""),
    ],
)
def test_what_does_not_fit(
    tmp_path: Path, library: lef.LefLibrary, old: str, new: str, message: str, hint: str
) -> None:
    assert SMALL.count(old) == 1
    with pytest.raises(InputError) as caught:
        lefdef.to_netlist(design_of(tmp_path, SMALL.replace(old, new)), library)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert "small.def" in caught.value.where


def test_error_names_the_line(tmp_path: Path, library: lef.LefLibrary) -> None:
    text = SMALL.replace("loose INV", "loose INW")
    with pytest.raises(InputError) as caught:
        lefdef.to_netlist(design_of(tmp_path, text), library)
    line = text[: text.index("- loose")].count("\n") + 1
    assert caught.value.where == f"{tmp_path / 'small.def'}:{line}"


def test_many_empty_lines_make_no_error_slow(tmp_path: Path, library: lef.LefLibrary) -> None:
    """Looking over the rest of them from each would take hours."""
    text = SMALL.replace("- loose INV", "\n" * 1_000_000 + "- loose INW")
    with pytest.raises(InputError, match="cell INW is in no LEF") as caught:
        lefdef.to_netlist(design_of(tmp_path, text), library)
    assert caught.value.where.endswith(
        f":{SMALL[: SMALL.index('- loose')].count(chr(10)) + 1000001}"
    )


def test_foreign_placements_are_refused(tmp_path: Path, library: lef.LefLibrary) -> None:
    design = design_of(tmp_path, SMALL)
    netlist, placement = lefdef.to_netlist(design, library)
    other = dataclasses.replace(netlist, node_name=(*netlist.node_name[:-1], "another"))
    with pytest.raises(InputError, match="another is no component"):
        lefdef.with_placement(design, other, placement)
    lost = dataclasses.replace(placement, x_um=np.full(netlist.num_nodes, np.nan))
    with pytest.raises(InputError, match="DEF cannot state"):
        lefdef.with_placement(design, netlist, lost)
