from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_env.errors import InputError
from placement_env.formats import floorplan
from placement_env.legality import misshapen
from placement_env.netlist import Canvas, Netlist, NodeKind, Orient, Placement, oriented_size
from tests.placement_env.same_netlist import same_netlist

DataFile = Callable[[str], Path]

#: A set in the dialect of MCNC's, hard blocks and a soft one.
FILES = {
    "blocks": """UCSC blocks 1.0
# Created : long ago
NumSoftRectangularBlocks : 1
NumHardRectilinearBlocks : 2
NumTerminals : 2

a hardrectilinear 4 (0, 0) (0, 30) (20, 30) (20, 0)
b hardrectilinear 4 (1, 2) (1, 6) (11, 6) (11, 2)
s softrectangular 400 0.25 4

P1 terminal
GND@1 terminal
""",
    "nets": """UCLA nets 1.0
NumNets : 2
NumPins : 5
NetDegree : 3
# a remark
P1 B
a B\t: %-50.0 %33.3
b B\t: %25.0 %50.0
NetDegree : 2 power
GND@1 B
s B
""",
    "pl": "UCLA pl 1.0\na\t0\t0\nb\t20\t5\nP1\t0\t40\nGND@1\t90\t0\n",
}
#: The same blocks as GSRC writes them: no first lines, terminals in the .pl file alone.
GSRC = {
    "blocks": "NumHardRectilinearBlocks : 2\nNumTerminals : 2\n\n"
    "a hardrectilinear 4 (0, 0) (0, 30) (20, 30) (20, 0) \n"
    "b hardrectilinear 4 (1, 2) (1, 6) (11, 6) (11, 2) \n",
    "nets": "NumNets : 1\nNumPins : 3\nNetDegree : 3\np1\na\np2\n",
    "pl": "p1 0 0\np2 44 0\n",
}


def write(folder: Path, files: dict[str, str], **changed: str) -> Path:
    for kind, text in (files | changed).items():
        (folder / f"f.{kind}").write_text(text)
    return folder / "f.blocks"


def test_blocks_as_mcnc_writes_them(tmp_path: Path) -> None:
    netlist, placement = floorplan.read(write(tmp_path, FILES), white_space=0.5)
    assert netlist.node_name == ("a", "b", "s", "P1", "GND@1")
    assert netlist.node_kind.tolist() == [NodeKind.HARD_MACRO] * 3 + [NodeKind.PORT] * 2
    assert netlist.fixed.tolist() == [False, False, False, True, True]
    assert netlist.width_um.tolist() == [20, 10, 20, 0, 0]
    assert netlist.height_um.tolist() == [30, 4, 20, 0, 0]
    assert netlist.net_name == ("net0", "power")
    assert netlist.pin_node.tolist() == [3, 0, 1, 4, 2]
    assert netlist.pin_dx_um.tolist() == [0, -10, 2.5, 0, 0]
    assert netlist.pin_dy_um == pytest.approx([0, 9.99, 2, 0, 0])
    assert netlist.aspect_range is not None
    assert netlist.aspect_range[2].tolist() == [0.25, 4]
    assert np.isnan(netlist.aspect_range[[0, 1, 3, 4]]).all()
    # 600 + 40 + 400 of blocks, half as much again for white space
    assert netlist.canvas.width_um == netlist.canvas.height_um == math.sqrt(1560)
    centre = math.sqrt(1560) / 2
    assert placement.x_um.tolist() == [10, 25, centre, 0, 90]
    assert placement.y_um.tolist() == [15, 7, centre, 40, 0]


@pytest.mark.parametrize(("length", "proportion"), [(30, 1), (60, 1.5), (70, 2), (80, 3), (900, 3)])
def test_long_blocks_get_a_long_outline(length: float, proportion: float, tmp_path: Path) -> None:
    blocks = GSRC["blocks"].replace("30)", f"{length})").replace("20", f"{600 / length!r}")
    netlist, _ = floorplan.read(write(tmp_path, GSRC, blocks=blocks), white_space=3.0)
    canvas = netlist.canvas
    assert canvas.width_um * canvas.height_um == pytest.approx(2560)
    assert canvas.width_um / canvas.height_um == pytest.approx(proportion)


def test_blocks_as_gsrc_writes_them(tmp_path: Path) -> None:
    netlist, placement = floorplan.read(write(tmp_path, GSRC))
    assert netlist.node_name == ("a", "b", "p1", "p2")
    assert netlist.fixed.tolist() == [False, False, True, True]
    assert netlist.pin_node.tolist() == [2, 0, 3]
    assert not netlist.pin_dx_um.any()
    assert netlist.aspect_range is None
    assert placement.x_um[2:].tolist() == [0, 44]


def test_tabs_and_blanks_are_the_same(tmp_path: Path) -> None:
    spaced = FILES["blocks"].replace("a hardrectilinear 4 (", "a\thardrectilinear\t4\t(")
    spaced = spaced.replace("b hardrectilinear 4 (1, 2) ", " b  hardrectilinear  4  (1, 2)\t")
    netlist, placement = floorplan.read(write(tmp_path, FILES))
    other, placed = floorplan.read(write(tmp_path, FILES, blocks=spaced))
    same_netlist(other, netlist)
    assert np.array_equal(placed.x_um, placement.x_um)


def test_blocks_that_the_placement_fixes_stay(tmp_path: Path) -> None:
    path = write(tmp_path, GSRC, pl=GSRC["pl"] + "b 3 4 : N /FIXED\n")
    netlist, placement = floorplan.read(path)
    assert netlist.fixed.tolist() == [False, True, True, True]
    floorplan.write(tmp_path / "again.blocks", netlist, placement)
    again, _ = floorplan.read(tmp_path / "again.blocks")
    assert again.fixed.tolist() == netlist.fixed.tolist()


@pytest.mark.parametrize(
    ("name", "blocks", "terminals", "nets", "pins"),
    [
        ("gsrc/n10/n10.hardblocks", 10, 69, 118, 248),
        ("gsrc/n30/n30.hardblocks", 30, 212, 349, 723),
        ("gsrc/n50/n50.hardblocks", 50, 209, 485, 1050),
        ("gsrc/n100/n100.hardblocks", 100, 334, 885, 1873),
        ("gsrc/n100/n100.softblocks", 100, 334, 885, 1873),
        ("gsrc/n200/n200.hardblocks", 200, 564, 1585, 3599),
        ("gsrc/n200/n200.softblocks", 200, 564, 1585, 3599),
        ("gsrc/n300/n300.hardblocks", 300, 569, 1893, 4358),
        ("gsrc/n300/n300.softblocks", 300, 569, 1893, 4358),
        ("mcnc/apte/apte.blocks", 9, 73, 97, 287),
        ("mcnc/xerox/xerox.blocks", 10, 2, 203, 698),
        ("mcnc/hp/hp.blocks", 11, 45, 83, 309),
        # its header says 522 pins, the file as published has 520
        ("mcnc/ami33/ami33.blocks", 33, 42, 123, 520),
        ("mcnc/ami49/ami49.blocks", 49, 22, 408, 953),
    ],
)
def test_public_sets_load_and_survive_writing(
    data_file: DataFile,
    tmp_path: Path,
    name: str,
    blocks: int,
    terminals: int,
    nets: int,
    pins: int,
) -> None:
    stem = name.rpartition(".")[0]
    for kind in ("nets", "pl"):
        data_file(f"floorplan/{stem}.{kind}.gz")
    netlist, placement = floorplan.read(data_file(f"floorplan/{name}.gz"))
    assert len(netlist.nodes_of(NodeKind.HARD_MACRO)) == blocks
    assert len(netlist.nodes_of(NodeKind.PORT)) == terminals
    assert (netlist.num_nets, netlist.num_pins) == (nets, pins)
    assert (netlist.aspect_range is not None) == name.endswith("softblocks")
    half_width = netlist.width_um[netlist.pin_node] / 2
    half_height = netlist.height_um[netlist.pin_node] / 2
    assert (abs(netlist.pin_dx_um) <= half_width * (1 + 1e-9)).all()
    assert (abs(netlist.pin_dy_um) <= half_height * (1 + 1e-9)).all()
    target = tmp_path / f"{netlist.name}.blocks.gz"
    floorplan.write(target, netlist, placement)
    same, places = floorplan.read(target)
    same_netlist(same, netlist)
    # A corner is written, and not every centre is a corner and half a size to the last bit.
    assert places.x_um == pytest.approx(placement.x_um, rel=1e-15)
    assert places.y_um == pytest.approx(placement.y_um, rel=1e-15)


def test_hard_blocks_of_mcnc_have_the_published_area(data_file: DataFile) -> None:
    """Blocks alone have the area of the best packings less the packings' waste."""
    for name, packed_mm2, fill in (("apte", 46.92, 0.99), ("ami49", 36.16, 0.975)):
        netlist, _ = floorplan.read(data_file(f"floorplan/mcnc/{name}/{name}.blocks.gz"))
        area_mm2 = (netlist.width_um * netlist.height_um).sum() / 1e6
        assert fill * packed_mm2 < area_mm2 < packed_mm2


@settings(deadline=None)
@given(data=st.data())
def test_any_floorplan_survives_writing(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "floorplan"
    folder.mkdir(exist_ok=True)
    netlist, placement = floorplan.read(write(folder, FILES))
    size = st.floats(1e-3, 1e6)
    blocks = st.lists(size, min_size=3, max_size=3)
    width, height = (np.array([*data.draw(blocks), 0, 0]) for _ in range(2))
    width[2] = height[2]  # The soft block.
    share = np.array(data.draw(st.lists(st.floats(-0.5, 0.5), min_size=5, max_size=5)))
    drawn = _changed(netlist, width, height, share)
    orient = np.array(data.draw(st.lists(st.sampled_from(Orient), min_size=5, max_size=5)))
    drawn_placement = Placement(placement.x_um, placement.y_um, orient.astype(np.int64))
    floorplan.write(folder / "again.blocks", drawn, drawn_placement)
    again, places = floorplan.read(folder / "again.blocks")
    assert np.array_equal(again.width_um, width)
    assert np.array_equal(again.height_um, height)
    assert again.pin_dx_um == pytest.approx(drawn.pin_dx_um, rel=1e-14, abs=1e-300)
    assert again.pin_dy_um == pytest.approx(drawn.pin_dy_um, rel=1e-14, abs=1e-300)
    assert np.array_equal(places.orient, orient)
    assert places.x_um == pytest.approx(placement.x_um, rel=1e-12, abs=1e-9)


@given(
    aspect=st.floats(0.25, 4),
    orient=st.sampled_from(Orient),
    x=st.floats(-100, 100),
)
def test_shapes_of_soft_blocks_survive_writing(
    aspect: float, orient: Orient, x: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "shapes"
    folder.mkdir(exist_ok=True)
    netlist, placement = floorplan.read(write(folder, FILES))
    size = np.stack([netlist.width_um, netlist.height_um], axis=1)
    size[2] = math.sqrt(400 * aspect), 400 / math.sqrt(400 * aspect)
    turned = np.where(np.arange(5) == 2, orient, Orient.N).astype(np.int64)
    placed = Placement(placement.x_um + x, placement.y_um, turned, size)
    assert not misshapen(netlist, placed).size
    floorplan.write(folder / "again.blocks", netlist, placed)
    for places in (
        floorplan.read(folder / "again.blocks")[1],
        floorplan.read_pl(folder / "again.pl", netlist),
    ):
        width, height = oriented_size(netlist, places)
        expected = oriented_size(netlist, placed)
        assert (width[2], height[2]) == (expected[0][2], expected[1][2])
        assert places.x_um == pytest.approx(placed.x_um, abs=1e-9)


@pytest.mark.parametrize("size", ["(10, 10)", "(20, 21)", "(8, 50)", "(50, 8)", "(0, 0)"])
def test_shapes_that_a_block_cannot_have_are_refused(size: str, tmp_path: Path) -> None:
    netlist, _ = floorplan.read(write(tmp_path, FILES))
    (tmp_path / "g.pl").write_text(f"s 0 0 DIMS = {size} : N\n")
    with pytest.raises(InputError, match="block s has DIMS") as refused:
        floorplan.read_pl(tmp_path / "g.pl", netlist)
    assert refused.value.where == str(tmp_path / "g.pl")
    (tmp_path / "g.pl").write_text("s 0 0 DIMS = (40, 10) : N\n")
    assert floorplan.read_pl(tmp_path / "g.pl", netlist).x_um[2] == 20


def test_other_shapes_than_allowed_are_counted() -> None:
    netlist, _ = tiny_floorplan()
    places = Placement(np.zeros(2), np.zeros(2), np.zeros(2, dtype=np.int64))
    for size, expected in (
        (None, []),
        ([[2, 2], [3, 1]], []),
        ([[4, 1], [3, 1]], []),
        ([[8, 0.5], [3, 1]], [0]),
        ([[2, 1], [3, 1]], [0]),
        ([[2, 2], [1, 3]], [1]),
        ([[np.nan, 2], [1, 3]], [0, 1]),
    ):
        placed = dataclasses.replace(places, size_um=None if size is None else np.array(size))
        assert misshapen(netlist, placed).tolist() == expected


def tiny_floorplan() -> tuple[Netlist, Placement]:
    """A soft block of 2 x 2, whose width over height is from 1/4 to 4, and a hard one of 3 x 1."""
    netlist = Netlist(
        name="two",
        node_name=("soft", "hard"),
        node_kind=np.full(2, NodeKind.HARD_MACRO, dtype=np.int64),
        width_um=np.array([2.0, 3.0]),
        height_um=np.array([2.0, 1.0]),
        fixed=np.zeros(2, dtype=bool),
        pin_node=np.array([0, 1]),
        pin_dx_um=np.zeros(2),
        pin_dy_um=np.zeros(2),
        net_start=np.array([0, 2]),
        net_weight=np.ones(1),
        canvas=Canvas(0.0, 0.0, 10.0, 10.0),
        aspect_range=np.array([[0.25, 4.0], [np.nan, np.nan]]),
    )
    return netlist, Placement(np.array([5.0, 5.0]), np.array([2.0, 8.0]), np.zeros(2, np.int64))


def _changed(netlist: Netlist, width: np.ndarray, height: np.ndarray, share: np.ndarray) -> Netlist:
    return dataclasses.replace(
        netlist,
        width_um=width,
        height_um=height,
        pin_dx_um=share * width[netlist.pin_node],
        pin_dy_um=share * height[netlist.pin_node],
    )


@pytest.mark.parametrize(
    ("kind", "old", "new", "message"),
    [
        ("blocks", "UCSC blocks", "UCSC nets", "expected a line 'UCLA blocks 1.0'"),
        ("blocks", "NumHardRectilinearBlocks : 2", "NumHardRectilinearBlocks : 3", "says 3 hard"),
        ("blocks", "NumSoftRectangularBlocks : 1\n", "", "does not say how many blocks"),
        ("blocks", "NumTerminals : 2\n", "", "does not say how many blocks"),
        ("blocks", "NumTerminals : 2", "NumTerminals : 9", "says 9 terminals, the file has 2"),
        ("blocks", "NumTerminals : 2", "NumTerminals : 2\nNumTerminals : 2", "comes twice"),
        ("blocks", "b hard", "a hard", "a comes twice"),
        ("blocks", "GND@1 terminal", "GND@1 pad", "GND@1 is a 'pad', expected hard"),
        (
            "blocks",
            "b hardrectilinear 4 (1, 2) (1, 6) (11, 6) (11, 2)",
            "b hardrectilinear",
            "expected a count in 'b hardrectilinear'",
        ),
        ("blocks", "(0, 30) (20, 30) ", "(0, 30) ", "a should have 4 corners, it has 3"),
        ("blocks", "(0, 30) (20, 30)", "(0, 30) (25, 30)", "a is no rectangle"),
        ("blocks", "(0, 30) (20, 30)", "(0, 30) (20, nan)", "expected a finite number"),
        ("blocks", "(0, 30) (20, 30)", "(0, 30) (20 30)", "expected corners"),
        ("blocks", "400 0.25 4", "400 0.25", "expected 'name kind area least greatest'"),
        ("blocks", "400 0.25 4", "-400 0.25 4", "the area of s is -400"),
        ("blocks", "400 0.25 4", "400 4 0.25", "width over height of s is from 4 to 0.25"),
        ("nets", "P1 B", "P2 B", "node P2 is not one of the design"),
        ("nets", "%-50.0 %33.3", "%-50.0 33.3", "one offset"),
        ("nets", "NumPins : 5", "NumPins : 7", "says 7 pins, the file has 5"),
        ("pl", "P1\t0\t40\n", "", "terminal P1 has no place"),
        ("pl", "P1\t0\t40", "P1\t0\tnan", "expected a finite number"),
        ("pl", "P1\t0\t40", "P3\t0\t40", "node P3 is not one of the design"),
    ],
)
def test_malformed_files(tmp_path: Path, kind: str, old: str, new: str, message: str) -> None:
    assert FILES[kind].count(old) == 1
    path = write(tmp_path, FILES, **{kind: FILES[kind].replace(old, new)})
    with pytest.raises(InputError) as caught:
        floorplan.read(path)
    assert message in caught.value.message
    assert caught.value.where.startswith(str(tmp_path / f"f.{kind}"))


def test_terminals_missing_from_gsrc_placements_are_noticed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="says 2 terminals, the file has 1"):
        floorplan.read(write(tmp_path, GSRC, pl="p1 0 0\n"))


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    netlist, placement = floorplan.read(write(tmp_path, FILES))
    with pytest.raises(InputError, match="ends in one of"):
        floorplan.write(tmp_path / "x.txt", netlist, placement)
    with pytest.raises(InputError, match="white space is nan"):
        floorplan.read(tmp_path / "f.blocks", white_space=math.nan)
