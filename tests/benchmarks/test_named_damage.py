"""What files suffer from most, for every reader: each is refused with its place, or does no harm.

The documents are those of the fuzzer. Damages that belong to one format alone are in its own tests.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.fuzz_readers.cases import outcome_of
from benchmarks.fuzz_readers.readers import READERS, Document
from placement_env.errors import InputError
from tests.placement_env.same_netlist import same_netlist, same_placement

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

ALL_DOCUMENTS = [document for documents in READERS.values() for document in documents]
EACH_READER = [pytest.param(documents[0], id=reader) for reader, documents in READERS.items()]
EACH_DOCUMENT = [
    pytest.param(document, id=f"{reader}-{document.name}")
    for reader, documents in READERS.items()
    for document in documents
]
#: Readers of formats that state counts, or that everything in them is needed.
WHOLE = ["nodes", "nets", "pl", "scl", "floorplan-blocks", "floorplan-nets", "hgr", "def", "plc"]
WHOLE += ["groups"]


def read(document: Document, folder: Path, text: bytes) -> Any:
    document.copy_to(folder).write_bytes(text)
    return document.read(folder)


def same(one: Any, other: Any) -> None:
    same_netlist(one[0], other[0])
    assert (one[1] is None) == (other[1] is None)
    if one[1] is not None:
        same_placement(one[1], other[1])


@pytest.mark.parametrize("document", EACH_DOCUMENT)
def test_line_ends_of_windows_change_nothing(document: Document, tmp_path: Path) -> None:
    text = document.text
    windows = read(document, tmp_path, text.replace(b"\n", b"\r\n"))
    same(windows, read(document, tmp_path, text))


@pytest.mark.parametrize("document", EACH_DOCUMENT)
def test_a_byte_order_mark_changes_nothing(document: Document, tmp_path: Path) -> None:
    marked = read(document, tmp_path, b"\xef\xbb\xbf" + document.text)
    same(marked, read(document, tmp_path, document.text))


@pytest.mark.parametrize("document", EACH_READER)
def test_other_encodings_are_refused(document: Document, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a text file") as caught:
        read(document, tmp_path, document.text.decode().encode("utf-16"))
    assert caught.value.where == str(tmp_path / document.name)


@pytest.mark.parametrize("line", [b"x", b" ", b"1 "], ids=["word", "blanks", "numbers"])
@pytest.mark.parametrize("document", EACH_READER)
def test_a_line_of_ten_megabytes(document: Document, line: bytes, tmp_path: Path) -> None:
    lines = document.text.split(b"\n")
    lines.insert(len(lines) // 2, line * (10_000_000 // len(line)))
    outcome = outcome_of(document, b"\n".join(lines), document.copy_to(tmp_path), limit_s=4)
    assert outcome.kind != "failed", outcome.message
    assert outcome.kind == "accepted" or line != b" "


@pytest.mark.parametrize("reader", WHOLE)
def test_files_that_end_too_early_are_refused(reader: str, tmp_path: Path) -> None:
    for document in READERS[reader]:
        whole = read(document, tmp_path, document.text)
        lines = document.text.rstrip().split(b"\n")
        refused = 0
        for end in range(len(lines)):
            try:
                part = read(document, tmp_path, b"\n".join(lines[:end]))
            except InputError:
                refused += 1
            else:  # Terminals may be left to the file of places.
                same(part, whole)
        assert refused >= len(lines) - 2


DAMAGES = [
    # Counts that are wrong
    ("small.nets", "NumPins : 13", "NumPins : 14", "the header says 14 pins, the file has 13"),
    ("small.scl", "NumRows : 3", "NumRows : 2", "the header says 2 rows, the file has 3"),
    ("blocks.nets", "NumNets : 4", "NumNets : 5", "the header says 5 nets, the file has 4"),
    ("small.hgr", "3 6 11", "9" * 5000 + " 6 11", "not the head of a hypergraph"),
    ("full.groups", "3\n0\n0", "3\n0\n0\n0", "each of the 8 nodes of full.pb.txt, found 9"),
    ("full.groups", "3\n0\n0", "3\n0", "each of the 8 nodes of full.pb.txt, found 7"),
    # Names that come twice
    ("small.nets", "NetDegree : 3 heavy", "NetDegree : 3 clk", "net clk comes twice"),
    ("small.wts", "a0 40", "n0 40", "n0 comes twice"),
    (
        "netlist.plc",
        "# Smoothing factor : 2",
        "# Columns : 9  Rows : 8",
        "the header says otherwise before",
    ),
    # Numbers below zero
    ("small.nodes", "a2 6.5 10", "a2 6.5 -10", "has height_um -10.0, expected 0 to"),
    ("small.wts", "heavy 2.5", "heavy -2.5", "the weight of heavy is -2.5, expected at least 0"),
    ("small.scl", " Height : 10\n Sitewidth : 2", " Height : -10\n Sitewidth : 2", "expected > 0"),
    ("small.hgr", "\n12\n", "\n-12\n", "expected whole numbers"),
    ("technology.lef", "SIZE 0.2 BY 4", "SIZE 0.2 BY -4", "expected positive sizes"),
    ("top.def", "+ WEIGHT 2", "+ WEIGHT -2", "net z has the weight -2"),
    ("netlist.plc", "hor : 39.583", "hor : -39.583", "an impossible canvas or grid"),
    ("netlist.pb.txt", "f: 30.0", "f: -30.0", "node 'm' has a negative size"),
    ("full.groups", "3\n0\n0", "3\n-1\n0", "expected the number of a group as word 2, found '-1'"),
    ("technology.lef", "WIDTH 0.07", "WIDTH -0.07", "LAYER m2 has width -0.07"),
    ("top.def", "DO 300 STEP", "DO -300 STEP", "TRACKS has -300 lines, expected 0 to"),
    ("top.def", 'DIVIDERCHAR "/"', 'DIVIDERCHAR "//"', "expected 1 characters in DIVIDERCHAR"),
    ("top.def", 'BUSBITCHARS "[]"', 'BUSBITCHARS []"', "expected 2 characters in BUSBITCHARS"),
    ("blocks.pl", "DIMS = (40, 10)", "DIMS = (-40, -10)", "soft has DIMS (-40, -10), expected at"),
    # NaN and numbers that nobody means
    ("small.scl", "Coordinate : 90", "Coordinate : nan", "expected a finite number"),
    ("netlist.plc", "80 7e1 N", "80 nan N", "node 5 is placed at 80, nan"),
    ("technology.lef", "PITCH 0.2 0.3", "PITCH nan 0.3", "not a finite number"),
    (
        "small.nodes",
        "a2 6.5 10",
        "a2 1e308 10",
        "the width of a2 is 1e308, expected a finite number",
    ),
    ("small.nets", "1e0", "1e308", "the pin offset on ram1 is 1e308, expected a finite number"),
    ("small.wts", "heavy 2.5", "heavy 1e308", "the weight of heavy is 1e308, expected a finite"),
    ("small.pl", "a2 50.5 0", "a2 1e200 0", "x of a2 is 1e200, expected a finite number"),
    ("small.scl", "Coordinate : 90", "Coordinate : 1e308", "expected a finite number"),
    (
        "small.scl",
        "NumSites : 20\nEnd",
        "NumSites : 999999999999\nEnd",
        "expected at most 10000000",
    ),
    ("blocks.blocks", "(20, 30)", "(1e308, 30)", "a corner of cc_11 is 1e308"),
    ("blocks.nets", "%25.0", "%1e308", "the pin offset on cc_12 is 1e308"),
    ("blocks.pl", "P1\t0\t40", "P1\t0\t1e308", "terminal P1 has no place"),
    ("plain.hgr", "4 7", "4 2147483648", "hardly any of them"),
    ("netlist.plc", "Width : 120.500", "Width : 1e308", "not a usable line of the header"),
    ("netlist.plc", "Width : 120.500", "Width : 1.2.3", "not a number in"),
    ("netlist.plc", "Columns : 10", "Columns : 99999999", "an impossible canvas or grid"),
    ("netlist.plc", "Rows : 8", "Rows : 8x", "not a usable line of the header"),
    ("netlist.plc", "80 7e1 N", "80 1e308 N", "node 5 is placed at 80, 1e308"),
    (
        "netlist.pb.txt",
        "f: 25.25",
        "f: 1e308",
        "'x' of node 'm' is '1e308', expected a number up to 1e+18",
    ),
    ("full.groups", "3\n0\n0", f"3\n{'9' * 30}\n0", "expected the number of a group as word 2"),
    ("technology.lef", "PITCH 0.2 0.3", "PITCH 0.2 1e308", "not a finite number up to 1e+18"),
    ("cells.lef", "SIZE 10 BY 20", "SIZE 10 BY 1e308", "not a finite number up to 1e+18"),
    ("cells.lef", "STEP 5 0.5", "STEP nan 0.5", "steps of nan and 0.5"),
    ("top.def", "50 BY 2 STEP", "50 BY 1000000 STEP", "50 x 1000000 sites, expected 1 to"),
    # What Python takes for a number and no format does
    ("small.nodes", "a2 6.5 10", "a2 6_5 10", "expected a number for the width of a2, found '6_5'"),
    ("netlist.plc", "80 7e1 N", "80 7_1 N", "is not an index and two numbers"),
    ("netlist.plc", "\n5 80", "\n+5 80", "is not an index and two numbers"),
    ("netlist.pb.txt", "f: 25.25", "f: 2_5.25", "'x' of node 'm' is '2_5.25', expected a number"),
    ("cells.lef", "SIZE 10 BY 20", "SIZE 1_0 BY 20", "expected a number in MACRO RAM, found '1_0'"),
    ("cells.lef", "RECT -1 -2 9 18", "RECT -1 -2 9 1_8", "expected a number in OBS"),
    ("top.def", "( 1000 2000 ) FS", "( 1_000 2000 ) FS", "expected an integer"),
    ("top.def", "PARTIAL 45.5", "PARTIAL 4_5.5", "expected 0 to 100 for PARTIAL"),
    ("blocks.pl", "DIMS = (40, 10)", "DIMS = (40, 1e-320)", "block soft has DIMS [40.0, 1e-320]"),
    # Comments that do not end
    ("top.v", "tools write it. */", "tools write it.", "/* is not closed"),
    ("top.v", "(* top = 1 *)", "(* top = 1", "(* is not closed"),
]


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [pytest.param(*row, id=f"{row[0]}-{row[1]}-{row[2][:20]}") for row in DAMAGES],
)
def test_damage_names_its_place(
    name: str, old: str, new: str, message: str, tmp_path: Path
) -> None:
    (document,) = [each for each in ALL_DOCUMENTS if each.name == name]
    text = document.text.decode()
    assert text.count(old) == 1
    with pytest.raises(InputError) as caught:
        read(document, tmp_path, text.replace(old, new).encode())
    assert message in caught.value.message
    assert str(tmp_path) in caught.value.where
