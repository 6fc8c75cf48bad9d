"""The dialect of the contests of 2012: shapes of nodes, and terminals that others may cover."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_env.errors import InputError
from placement_env.formats import bookshelf
from placement_env.netlist import NodeKind
from tests.placement_env.same_netlist import same_netlist, same_placement
from tests.placement_env.test_bookshelf import FILES, write

#: The node `block` is fixed at (60, 60) and 20 x 30 large; the node `m0` may move.
CONTEST = FILES | {
    "aux": "RowBasedPlacement : s.nodes s.nets s.wts s.pl s.scl s.route s.shapes\n",
    "shapes": """shapes 1.0
# comment
NumNonRectangularNodes : 2

block : 2
\tShape_0 60 60 20 10
\tShape_1 60 70 5 20.0
m0  :  1
\tShape_0 0 0 1 1
""",
}


def test_shapes_of_a_small_design(tmp_path: Path) -> None:
    netlist, placement = bookshelf.read(write(tmp_path, **CONTEST))
    shapes = bookshelf.read_shapes(tmp_path / "s.shapes", netlist, placement)
    assert {name: boxes.tolist() for name, boxes in shapes.items()} == {
        "block": [[60, 60, 80, 70], [60, 70, 65, 90]],
        "m0": [[0, 0, 1, 1]],
    }
    # The netlist is that of a design without shapes.
    plain, places = bookshelf.read(write(tmp_path, **FILES))
    same_netlist(netlist, plain)
    same_placement(placement, places)


@pytest.mark.parametrize(
    ("old", "new", "message", "line"),
    [
        ("block : 2", "blok : 2", "node blok is not one of the design", 5),
        ("m0  :  1", "block  :  1", "node block comes twice", 8),
        ("block : 2", "block : 3", "node block has 2 boxes, its line says 3", 8),
        ("m0  :  1", "m0  :  0", "node m0 has 1 boxes, its line says 0", 10),
        ("m0  :  1", "m0  :  two", "expected a count", 8),
        ("Nodes : 2", "Nodes : 3", "the header says 3 non-rectangular nodes, the file has 2", 3),
        ("60 60 20 10", "60 60 20 -10", "Shape_0 of block is 20.0 x -10.0, expected sizes > 0", 6),
        ("60 60 20 10", "60 60 0 10", "Shape_0 of block is 0.0 x 10.0, expected sizes > 0", 6),
        ("60 60 20 10", "60 60 20.1 10", "Shape_0 sticks out of node block", 6),
        ("60 70 5 20.0", "0 0 5 20", "Shape_1 sticks out of node block", 7),
        ("60 60 20 10", "60 60 20", "expected 'node : boxes' or 'box x y width height'", 6),
        (
            "60 60 20 10",
            "60 nan 20 10",
            "y of Shape_0 of block is nan, expected a finite number",
            6,
        ),
        ("block : 2\n", "", "expected 'node : boxes'", 5),
        ("shapes 1.0", "UCLA nodes 1.0", "expected a line 'UCLA shapes 1.0'", 1),
    ],
)
def test_malformed_shapes(tmp_path: Path, old: str, new: str, message: str, line: int) -> None:
    assert CONTEST["shapes"].count(old) == 1
    aux = write(tmp_path, **CONTEST | {"shapes": CONTEST["shapes"].replace(old, new)})
    with pytest.raises(InputError) as caught:
        bookshelf.read(aux)
    assert message in caught.value.message
    assert caught.value.where == f"{tmp_path / 's.shapes'}:{line}"


def test_a_missing_shapes_file_is_an_error(tmp_path: Path) -> None:
    aux = write(tmp_path, **CONTEST)
    (tmp_path / "s.shapes").unlink()
    with pytest.raises(InputError, match="there is no such file"):
        bookshelf.read(aux)


@pytest.mark.parametrize("remark", ["", "# caf\u00e9\n"])
def test_terminals_that_others_may_cover_are_ports(tmp_path: Path, remark: str) -> None:
    """Both ways of reading: of a remark that is not ASCII comes the one line by line."""
    files = CONTEST | {
        "nodes": FILES["nodes"].replace("20 30 terminal", "20 30 terminal_NI") + remark,
        "pl": FILES["pl"].replace("/FIXED", "/FIXED_NI") + remark,
    }
    netlist, placement = bookshelf.read(write(tmp_path, **files))
    block = netlist.node_name.index("block")
    assert netlist.node_kind[block] == NodeKind.PORT
    assert netlist.fixed[block]
    assert (placement.x_um[block], placement.y_um[block]) == (70, 75)
    bookshelf.write(tmp_path / "again.aux", netlist, placement)
    again, places = bookshelf.read(tmp_path / "again.aux")
    assert again.node_kind.tolist() == netlist.node_kind.tolist()
    assert np.array_equal(places.x_um, placement.x_um)


coordinate = st.integers(0, 1000).map(lambda k: k / 8)


@settings(max_examples=50, deadline=None)
@given(
    boxes=st.dictionaries(
        st.sampled_from(["a0", "a1", "m0"]),
        st.lists(
            st.tuples(
                coordinate,
                coordinate,
                coordinate.map(lambda k: k + 1),
                coordinate.map(lambda k: k + 1),
            ),
            max_size=4,
        ),
    ),
    header=st.sampled_from(["shapes 1.0\n", "UCLA shapes 1.0\n", ""]),
)
def test_any_shapes_are_read_as_they_are_written(
    boxes: dict[str, list[tuple[float, float, float, float]]],
    header: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.getbasetemp() / "shapes"
    folder.mkdir(exist_ok=True)
    text = f"{header}NumNonRectangularNodes : {len(boxes)}\n"
    for name, shapes in boxes.items():
        text += f"{name} : {len(shapes)}\n"
        text += "".join(f"Shape_{k} {x} {y} {w} {h}\n" for k, (x, y, w, h) in enumerate(shapes))
    netlist, placement = bookshelf.read(write(folder, **CONTEST | {"shapes": text}))
    found = bookshelf.read_shapes(folder / "s.shapes", netlist, placement)
    assert {name: array.tolist() for name, array in found.items()} == {
        name: [[x, y, x + w, y + h] for x, y, w, h in shapes] for name, shapes in boxes.items()
    }
