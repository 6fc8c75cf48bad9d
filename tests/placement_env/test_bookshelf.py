from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_env.errors import InputError
from placement_env.formats import bookshelf
from placement_env.formats.text import read_text, write_text
from placement_env.netlist import (
    Canvas,
    Netlist,
    NodeKind,
    Orient,
    Placement,
    Rows,
    hpwl_um,
    pin_positions,
)
from tests.placement_env.same_netlist import same_netlist, same_placement

DataFile = Callable[[str], Path]

FILES = {
    "aux": "# a comment\nRowBasedPlacement : s.nodes s.nets s.wts s.pl s.scl\n",
    "nodes": """UCLA nodes 1.0
# comment
NumNodes : 5
NumTerminals : 2
    p0 1 1 terminal
  a0 4 10
 a1 6 10 NAND2
  m0 30 40
  block 20 30 terminal
""",
    "nets": """UCLA nets 1.0
NumNets : 3
NumPins : 7
NetDegree : 2 n0
  p0 B
  a0 B : -1.5 2
# between pins
NetDegree : 3
  a0 I : 1 1
  m0 O : 10 -20
  a1 I : 0 0
NetDegree : 2 heavy
  a1 O : 0.5 0.5 : 9 9 X[0]
  block I : 0 0
""",
    "wts": "UCLA wts 1.0\n a0 40\n heavy 2.5\n",
    "pl": """UCLA pl 1.0
p0 0.0 99.0 : N
a0 10 20 : FS
a1 1.79769e+308 1.79769e+308 : N
m0 30 40 : W
block 60 60 : N /FIXED
""",
    "scl": """UCLA scl 1.0
Numrows : 2
CoreRow Horizontal
 Coordinate : 0
 Height : 10
 Sitewidth : 1
 Sitespacing : 1
 Siteorient : N
 Sitesymmetry : Y
 SubrowOrigin : 0 Numsites : 100
End
CoreRow Horizontal
 Coordinate : 90
 Height : 10
 Sitewidth : 2
 Siteorient : FS
 SubrowOrigin : 10 NumSites : 20
 SubrowOrigin : 60 NumSites : 20
End
""",
}


def write(folder: Path, **changed: str) -> Path:
    for kind, text in (FILES | changed).items():
        (folder / f"s.{kind}").write_text(text)
    return folder / "s.aux"


def test_small_design(tmp_path: Path) -> None:
    netlist, placement = bookshelf.read(write(tmp_path))
    kind = NodeKind
    assert netlist.name == "s"
    assert netlist.node_name == ("p0", "a0", "a1", "m0", "block")
    assert netlist.node_kind.tolist() == [
        kind.PORT,
        kind.STANDARD_CELL,
        kind.STANDARD_CELL,
        kind.HARD_MACRO,
        kind.HARD_MACRO,
    ]
    assert netlist.fixed.tolist() == [True, False, False, False, True]
    assert netlist.node_master == ("", "", "NAND2", "", "")
    assert netlist.unit_um is None
    assert netlist.net_name == ("n0", "net1", "heavy")
    assert netlist.net_weight.tolist() == [1, 1, 2.5]
    # the first output comes first
    assert netlist.pin_node.tolist() == [0, 1, 3, 1, 2, 2, 4]
    assert netlist.pin_dx_um.tolist() == [0, -1.5, 10, 1, 0, 0.5, 0]
    assert netlist.canvas == Canvas(0, 0, 100, 100)
    assert netlist.rows is not None
    assert netlist.rows.sites.tolist() == [100, 20, 20]
    assert netlist.rows.x_um.tolist() == [0, 10, 60]
    assert netlist.rows.site_width_um.tolist() == [1, 2, 2]
    assert netlist.rows.orient.tolist() == [Orient.N, Orient.FS, Orient.FS]
    assert placement.x_um.tolist() == [0.5, 12, 50, 50, 70]
    assert placement.y_um.tolist() == [99.5, 25, 50, 55, 75]
    x, y = pin_positions(netlist, placement)
    assert (x[1], y[1]) == (10.5, 23)  # a0 lies FS
    assert (x[2], y[2]) == (70, 65)  # m0 lies W


def test_colons_of_rows_may_be_attached(tmp_path: Path) -> None:
    netlist, placement = bookshelf.read(write(tmp_path))
    for colon in (": ", " :", ":\t"):
        other, placed = bookshelf.read(write(tmp_path, scl=FILES["scl"].replace(" : ", colon)))
        same_netlist(other, netlist)
        same_placement(placed, placement)


@pytest.mark.parametrize(
    ("name", "nodes", "pads", "macros", "nets", "pins", "rows", "width", "height"),
    [
        ("ibm01", 12752, 246, 246, 14111, 50566, 144, 2295, 2304),
        ("ibm05", 29347, 1201, 0, 28446, 126308, 148, 2360, 2368),
        ("ibm06", 32498, 166, 178, 34826, 128182, 204, 3265, 3264),
        ("ibm12", 71076, 637, 651, 77240, 317760, 425, 6797, 6800),
    ],
)
def test_iccad04_has_the_published_counts(
    data_file: DataFile,
    name: str,
    nodes: int,
    pads: int,
    macros: int,
    nets: int,
    pins: int,
    rows: int,
    width: float,
    height: float,
) -> None:
    netlist, placement = bookshelf.read(data_file(f"iccad04/{name}/{name}.aux.gz"))
    assert netlist.num_nodes == nodes
    assert len(netlist.nodes_of(NodeKind.PORT)) == pads
    assert len(netlist.nodes_of(NodeKind.HARD_MACRO)) == macros
    assert (netlist.num_nets, netlist.num_pins) == (nets, pins)
    assert netlist.rows is not None
    assert len(netlist.rows.sites) == rows
    assert netlist.canvas == Canvas(0, 0, width, height)
    assert np.array_equal(netlist.fixed, netlist.node_kind == NodeKind.PORT)
    # the published white space is 20 %
    movable = ~netlist.fixed
    area = (netlist.width_um * netlist.height_um)[movable].sum()
    assert area / (width * height) == pytest.approx(0.8, abs=5e-4)
    # offsets are from the centre: every pin lies on its node
    assert (abs(netlist.pin_dx_um) <= netlist.width_um[netlist.pin_node] / 2 + 1e-3).all()
    assert (abs(netlist.pin_dy_um) <= netlist.height_um[netlist.pin_node] / 2 + 1e-3).all()
    assert np.isfinite(hpwl_um(netlist, placement))


@pytest.mark.parametrize(
    ("path", "nodes", "terminals", "nets", "pins", "rows"),
    [
        ("HP/HP.aux.gz", 276, 76, 242, 755, 11),
        ("amdNodes/amdNodes.aux.gz", 1754, 386, 1491, 4565, 34),
        ("intel/intel.aux.gz", 3286, 545, 2842, 9851, 24),
        ("primary1/primary1.nf.WS10.aux.gz", 833, 81, 904, 2941, 17),
    ],
)
def test_older_dialects(
    data_file: DataFile, path: str, nodes: int, terminals: int, nets: int, pins: int, rows: int
) -> None:
    netlist, _ = bookshelf.read(data_file(f"bookshelf_small/{path}"))
    assert (netlist.num_nodes, netlist.num_nets, netlist.num_pins) == (nodes, nets, pins)
    assert int(netlist.fixed.sum()) == terminals
    assert netlist.rows is not None
    assert len(netlist.rows.sites) == rows
    # their offsets are from the corner: after the shift most pins lie on their nodes
    inside = (abs(netlist.pin_dx_um) <= netlist.width_um[netlist.pin_node] / 2 + 1e-6) & (
        abs(netlist.pin_dy_um) <= netlist.height_um[netlist.pin_node] / 2 + 1e-6
    )
    assert inside.mean() > 0.9


def test_a_dialect_with_an_unfinished_placement(data_file: DataFile) -> None:
    path = data_file("bookshelf_small/acc64/acc64.aux.gz")
    with pytest.raises(InputError, match="3350 of 3355 nodes have no line"):
        bookshelf.read(path)
    netlist, placement = bookshelf.read(path, allow_unplaced=True)
    assert (netlist.num_nodes, netlist.num_nets, netlist.num_pins) == (3355, 7481, 20111)
    assert len(netlist.nodes_of(NodeKind.PORT)) == 576
    assert int(netlist.fixed.sum()) == 2
    assert netlist.net_weight[:4].tolist() == [1, 2, 3, 1]
    lost = netlist.node_name.index("O_bitsd[9].e_terminal")
    assert (placement.x_um[lost], placement.y_um[lost]) == (144000, 2880)


def test_plain_and_gzipped_files_are_the_same(tmp_path: Path) -> None:
    plain, _ = bookshelf.read(write(tmp_path))
    for kind in ("nodes", "nets", "pl"):
        path = tmp_path / f"s.{kind}"
        write_text(path.with_name(f"s.{kind}.gz"), read_text(path))
        path.unlink()
    zipped, _ = bookshelf.read(tmp_path / "s.aux")
    for name in ("pin_node", "pin_dx_um", "net_start", "node_kind", "net_weight"):
        assert np.array_equal(getattr(plain, name), getattr(zipped, name))


@pytest.mark.parametrize(
    "path",
    [
        *(f"iccad04/{name}/{name}.aux.gz" for name in ("ibm01", "ibm05", "ibm12")),
        "bookshelf_small/acc64/acc64.aux.gz",
        "bookshelf_small/HP/HP.aux.gz",
        "bookshelf_small/amdNodes/amdNodes.aux.gz",
        "bookshelf_small/intel/intel.aux.gz",
        "bookshelf_small/primary1/primary1.nf.WS10.aux.gz",
    ],
)
def test_public_designs_survive_writing(data_file: DataFile, tmp_path: Path, path: str) -> None:
    netlist, placement = bookshelf.read(data_file(path), allow_unplaced=True)
    bookshelf.write(tmp_path / f"{netlist.name}.aux", netlist, placement)
    again, places = bookshelf.read(tmp_path / f"{netlist.name}.aux")
    same_netlist(again, netlist)
    same_placement(places, placement)


@pytest.mark.parametrize("name", ["ibm01", "ibm05"])
def test_columns_and_lines_read_the_same(data_file: DataFile, tmp_path: Path, name: str) -> None:
    """A remark that is not ASCII leaves only the way line by line."""
    aux = data_file(f"iccad04/{name}/{name}.aux.gz")
    for kind in ("aux", "nodes", "nets", "wts", "pl", "scl"):
        text = read_text(data_file(f"iccad04/{name}/{name}.{kind}.gz"))
        head, _, rest = text.partition("\n")
        remark = "" if kind == "aux" else "# caf\u00e9\n"
        (tmp_path / f"{name}.{kind}").write_text(f"{head}\n{remark}{rest}")
    netlist, placement = bookshelf.read(aux)
    by_line, places = bookshelf.read(tmp_path / f"{name}.aux")
    same_netlist(by_line, netlist)
    same_placement(places, placement)


@st.composite
def flat_designs(draw: st.DrawFn) -> tuple[Netlist, Placement]:
    """Ports, cells and macros on two rows, with pins that lie on their nodes."""
    kinds = draw(
        st.lists(
            st.sampled_from([NodeKind.PORT, NodeKind.STANDARD_CELL, NodeKind.HARD_MACRO]),
            min_size=1,
            max_size=6,
        )
    )
    nodes = range(len(kinds))
    heights = {NodeKind.PORT: [0.0, 2.5], NodeKind.STANDARD_CELL: [10.0]}
    height = np.array([draw(st.sampled_from(heights.get(kind, [20.0, 35.25]))) for kind in kinds])
    width = np.array([draw(st.floats(0.5, 60)) for _ in nodes])
    nets = draw(
        st.lists(st.lists(st.sampled_from(nodes), min_size=1, max_size=4), min_size=1, max_size=4)
    )
    pin_node = np.array([node for net in nets for node in net], dtype=np.int64)
    share = np.array([[draw(st.floats(-0.5, 0.5)) for _ in "xy"] for _ in pin_node])
    is_port = np.array([kind == NodeKind.PORT for kind in kinds])
    rows = Rows(
        x_um=np.array([0.0, -5.5]),
        y_um=np.array([0.0, 10.0]),
        height_um=np.full(2, 10.0),
        site_width_um=np.array([1.0, 0.25]),
        sites=np.array([100, 400]),
        orient=np.array([Orient.N, Orient.FS], dtype=np.int64),
    )
    netlist = Netlist(
        name="any",
        node_name=tuple(f"n{node}" for node in nodes),
        node_kind=np.array(kinds, dtype=np.int64),
        width_um=width,
        height_um=height,
        fixed=is_port | np.array([draw(st.booleans()) for _ in nodes]),
        pin_node=pin_node,
        pin_dx_um=share[:, 0] * width[pin_node],
        pin_dy_um=share[:, 1] * height[pin_node],
        net_start=np.cumsum([0] + [len(net) for net in nets]),
        net_weight=np.array([draw(st.floats(0, 1e6)) for _ in nets]),
        canvas=Canvas(-5.5, 0, 100, 20),
        rows=rows,
        unit_um=None,
        net_name=tuple(f"net/{net}" for net in range(len(nets))),
    )
    place = st.floats(-200, 200)
    x, y = (np.array([draw(place) for _ in nodes]) for _ in "xy")
    orient = np.array([draw(st.sampled_from(Orient)) for _ in nodes], dtype=np.int64)
    return netlist, Placement(x, y, orient)


@settings(deadline=None)
@given(design=flat_designs())
def test_any_design_survives_writing(
    design: tuple[Netlist, Placement], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "any_design"
    folder.mkdir(exist_ok=True)
    netlist, placement = design
    bookshelf.write(folder / "any.aux", netlist, placement)
    again, places = bookshelf.read(folder / "any.aux")
    same_netlist(again, netlist)
    assert np.array_equal(places.orient, placement.orient)
    # A corner is written, and not every centre is a corner and half a size to the last bit.
    assert places.x_um == pytest.approx(placement.x_um, abs=1e-12)
    assert places.y_um == pytest.approx(placement.y_um, abs=1e-12)


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    netlist, placement = bookshelf.read(write(tmp_path))
    with pytest.raises(InputError, match=r"must end in \.aux"):
        bookshelf.write(tmp_path / "s.nodes", netlist, placement)
    with pytest.raises(InputError, match="needs rows"):
        bookshelf.write(tmp_path / "t.aux", dataclasses.replace(netlist, rows=None), placement)


@pytest.mark.parametrize("name", ["s.wts", "9" * 5000 + ".wts"])
def test_missing_weights_count_as_one(name: str, tmp_path: Path) -> None:
    aux = write(tmp_path, aux=FILES["aux"].replace("s.wts", name))
    (tmp_path / "s.wts").unlink()
    assert bookshelf.read(aux)[0].net_weight.tolist() == [1, 1, 1]


@settings(deadline=None)
@given(data=st.data())
def test_any_placement_survives_pl(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "pl"
    folder.mkdir(exist_ok=True)
    netlist, _ = bookshelf.read(write(folder))
    size = netlist.num_nodes
    position = st.lists(st.floats(-1e6, 1e6), min_size=size, max_size=size)
    orient = st.lists(st.integers(0, 7), min_size=size, max_size=size)
    placement = Placement(
        np.array(data.draw(position)), np.array(data.draw(position)), np.array(data.draw(orient))
    )
    bookshelf.write_pl(folder / "again.pl.gz", netlist, placement)
    again = bookshelf.read_pl(folder / "again.pl.gz", netlist)
    assert np.array_equal(again.orient, placement.orient)
    assert again.x_um == pytest.approx(placement.x_um, abs=1e-9)
    assert again.y_um == pytest.approx(placement.y_um, abs=1e-9)
    # the file marks exactly the fixed nodes
    marked = [
        line.endswith("/FIXED") for line in read_text(folder / "again.pl.gz").splitlines()[2:]
    ]
    assert marked == netlist.fixed.tolist()


@pytest.mark.parametrize(
    ("kind", "old", "new", "message"),
    [
        ("aux", "s.scl", "", "names no .scl file"),
        ("nodes", "UCLA nodes", "UCLA nets", "expected a line 'UCLA nodes 1.0'"),
        ("nodes", "NumNodes : 5", "NumNodes : 6", "the header says 6 nodes, the file has 5"),
        ("nodes", "NumTerminals : 2", "NumTerminals : 3", "says 3 terminals, the file has 2"),
        ("nodes", "NumTerminals : 2", "NumTerminals : two", "expected a count"),
        ("nodes", "a1 6 10", "a0 6 10", "node a0 comes twice"),
        ("nodes", "a0 4 10", "a0 nan 10", "expected a finite number"),
        ("nodes", "a0 4 10", "a0 4 ten", "expected a number"),
        ("nodes", "a0 4 10", "a0 4", "expected 'name width height'"),
        ("nodes", "a0 4 10", "a0 -4 10", "has width_um -4.0"),
        ("nets", "NumNets : 3", "NumNets : 4", "the header says 4 nets, the file has 3"),
        ("nets", "NumPins : 7", "NumPins : 8", "the header says 8 pins, the file has 7"),
        ("nets", "NetDegree : 2 n0", "NetDegree : 3 n0", "net n0 has 2 pins"),
        ("nets", "NetDegree : 2 n0", "NetDegree :", "NetDegree has no number"),
        ("nets", "NetDegree : 2 n0\n", "", "pin p0 comes before any NetDegree"),
        ("nets", "m0 O", "m1 O", "node m1 is not one of the design"),
        ("nets", ": 10 -20", ": inf -20", "expected a finite number"),
        ("nets", ": 10 -20", ": 10", "expected 'node direction : dx dy'"),
        ("nets", FILES["nets"][14:], "", "the file has no net"),
        ("nodes", FILES["nodes"][15:], "", "the file has no node"),
        ("pl", "m0 30 40", "m1 30 40", "node m1 is not one of the design"),
        ("pl", "m0 30 40 : W\n", "", "1 of 5 nodes have no line, the first is m0"),
        ("pl", "m0 30 40 : W", "a0 30 40 : W", "node a0 comes twice"),
        ("pl", "m0 30 40 : W", "m0 30 : W", "expected a number"),
        ("pl", "m0 30 40 : W", "m0 30", "expected 'name x y'"),
        ("pl", "m0 30 40 : W", "m0 30 nan : W", "expected a finite number"),
        ("pl", "m0 30 40 : W", "m0 30 40 : X", "expected an orientation"),
        ("scl", "Numrows : 2", "Numrows : 3", "the header says 3 rows, the file has 2"),
        ("scl", "Height : 10\n Sitewidth : 2", "Height : 0\n Sitewidth : 2", "expected > 0"),
        ("scl", " Coordinate : 90\n", "", "has no Coordinate"),
        ("scl", "Siteorient : FS", "Siteorient : up", "expected an orientation"),
        ("scl", "SubrowOrigin : 60 NumSites : 20\nEnd", "", "ends inside a CoreRow"),
        ("scl", "NumSites : 20\n Sub", "NumSites : many\n Sub", "expected a count"),
        ("wts", "heavy 2.5", "heavy nan", "expected a finite number"),
    ],
)
def test_malformed_files(tmp_path: Path, kind: str, old: str, new: str, message: str) -> None:
    assert FILES[kind].count(old) == 1
    aux = write(tmp_path, **{kind: FILES[kind].replace(old, new)})
    with pytest.raises(InputError) as caught:
        bookshelf.read(aux)
    assert message in caught.value.message
    assert caught.value.where.startswith(str(tmp_path / f"s.{kind}"))


def test_error_names_the_line(tmp_path: Path) -> None:
    text = FILES["nets"].replace("block I", "blok I")
    with pytest.raises(InputError) as caught:
        bookshelf.read(write(tmp_path, nets=text))
    line = text[: text.index("blok I")].count("\n") + 1
    assert caught.value.where == f"{tmp_path / 's.nets'}:{line}"
    assert "block" in caught.value.hint


def test_cut_files(tmp_path: Path, data_file: DataFile) -> None:
    for kind in ("nodes", "nets", "pl", "scl"):
        text = FILES[kind].strip()
        # within its last line a file can be cut to one that is whole, such as "block 60 6"
        for end in range(0, text.rindex("\n"), 3):
            with pytest.raises(InputError):
                bookshelf.read(write(tmp_path, **{kind: text[:end]}))
    aux = write(tmp_path)
    data = data_file("iccad04/ibm01/ibm01.nets.gz").read_bytes()
    (tmp_path / "s.nets").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="gzip data is damaged"):
        bookshelf.read(aux)
    (tmp_path / "s.nets").unlink()
    with pytest.raises(InputError, match="there is no such file"):
        bookshelf.read(aux)


def test_a_placement_of_another_design_is_refused(tmp_path: Path) -> None:
    netlist, placement = bookshelf.read(write(tmp_path))
    other = dataclasses.replace(netlist, node_name=("p0", "a0", "a1", "m0", "blok"))
    bookshelf.write_pl(tmp_path / "other.pl", other, placement)
    with pytest.raises(InputError, match="blok is not") as caught:
        bookshelf.read_pl(tmp_path / "other.pl", netlist)
    assert "block" in caught.value.hint
