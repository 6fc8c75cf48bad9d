from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from placement_env.errors import InputError
from placement_env.formats import lef

DataFile = Callable[[str], Path]

SMALL = """
VERSION 5.8 ;
UNITS
  DATABASE MICRONS 1000 ;
END UNITS
MANUFACTURINGGRID 0.005 ;
PROPERTYDEFINITIONS
  LAYER LEF58_TYPE STRING ;
END PROPERTYDEFINITIONS
LAYER m1
  TYPE ROUTING ;
  DIRECTION VERTICAL ;
  PITCH 0.2 0.3 ;
  OFFSET 0.1 ;
  WIDTH 0.06 ;
  PROPERTY LEF58_TYPE "TYPE NWELL ; # not a comment" ;
END m1
VIA v12 DEFAULT
  LAYER m1 ;
    RECT 0 0 1 1 ;
END v12
SITE core
  SIZE 0.2 BY 1.4 ;
  CLASS core ;
  SYMMETRY y ;
END core
MACRO RAM
  CLASS BLOCK ;
  ORIGIN 1 2 ;
  SIZE 10 BY 20 ;
  PIN A[0]
    DIRECTION OUTPUT TRISTATE ;
    PORT
      LAYER m1 ;
        RECT -1 -2 0 -1 ;
        POLYGON 1 1 3 1 3 2 1 2 ;
        RECT ITERATE 0 0 1 1 DO 2 BY 1 STEP 5 0 ;
    END
    PORT
      LAYER m1 ;
        WIDTH 0.5 ;
        PATH 0 0 4 0 ;
    END
  END A[0]
  PIN NOSHAPE
  END NOSHAPE
  OBS
    LAYER m1 ;
      RECT -1 -2 9 18 ;
  END
END RAM
END LIBRARY
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "small.lef"
    path.write_text(text)
    return path


def refusal(path: Path) -> InputError | None:
    try:
        lef.read(path)
    except InputError as error:
        return error
    return None


def test_small_file(tmp_path: Path) -> None:
    library = lef.read(write(tmp_path, SMALL))
    assert library.dbu_per_um == 1000
    assert library.manufacturing_grid_um == 0.005
    assert library.layers["m1"] == lef.Layer(
        "m1", "ROUTING", "VERTICAL", (0.2, 0.3), (0.1, 0.1), 0.06
    )
    assert library.sites["core"] == lef.Site("core", 0.2, 1.4, "CORE", ("Y",))
    ram = library.macros["RAM"]
    assert ram.is_block
    assert (ram.width_um, ram.height_um) == (10, 20)
    assert ram.obstructions == (lef.Shape("m1", 0, 0, 10, 20),)
    pin = ram.pins["A[0]"]
    assert pin.direction == "OUTPUT"
    assert pin.shapes == (
        lef.Shape("m1", 0, 0, 1, 1),
        lef.Shape("m1", 2, 3, 4, 4),
        lef.Shape("m1", 1, 2, 2, 3),
        lef.Shape("m1", 6, 2, 7, 3),
        lef.Shape("m1", 0.75, 1.75, 5.25, 2.25),
    )
    assert pin.position_um == (3.5, 2.0)
    assert ram.pins["NOSHAPE"].position_um is None


@pytest.mark.parametrize("written", [str.capitalize, str.lower])
def test_keywords_may_be_written_in_any_case(written: Callable[[str], str], tmp_path: Path) -> None:
    """As Cadence's reader takes them; names are as they are written."""
    keywords = {
        *("CLASS", "SIZE", "BY", "ORIGIN", "SYMMETRY", "SITE", "PIN", "DIRECTION", "USE", "PORT"),
        *("LAYER", "RECT", "OBS", "UNITS", "DATABASE", "MICRONS", "WIDTH", "PITCH", "TYPE", "PATH"),
        *("MANUFACTURINGGRID", "POLYGON", "ITERATE", "DO", "STEP", "MACRO", "OFFSET", "PROPERTY"),
        *("VERSION", "BUSBITCHARS", "NAMESCASESENSITIVE", "ON", "PROPERTYDEFINITIONS", "STRING"),
        *("VIA", "DEFAULT", "SPACING", "SAMENET", "TIMING", "UNATENESS", "BEGINEXT", "ENDEXT"),
        *("END", "LIBRARY", "INPUT", "OUTPUT", "TRISTATE", "BLOCK", "ROUTING", "VERTICAL"),
    }
    # Besides, what is passed over, and a via named like another but for its case.
    text = SMALL.replace("VIA v12", 'BUSBITCHARS "[]" ;\nNAMESCASESENSITIVE ON ;\nVIA v12')
    text = text.replace("SITE core", "SPACING\n SAMENET m1 m1 0.1 ;\nEND SPACING\nSITE core")
    text = text.replace("SITE core", 'BEGINEXT "tag"\n CREATOR "us" ;\nENDEXT\nSITE core', 1)
    text = text.replace("  OBS\n", "  TIMING\n   UNATENESS NONINVERT ;\n  END TIMING\n  OBS\n")
    text = text.replace("VIA v12", "VIA V12\n  LAYER m1 ;\nEND v12 ;\nEND V12\nVIA v12")
    other = "\n".join(
        " ".join(written(word) if word in keywords else word for word in line.split())
        for line in text.splitlines()
    )
    assert written("MACRO") + " RAM" in other
    found = [
        replace(lef.read(write(tmp_path, content)), files=()) for content in (SMALL, text, other)
    ]
    assert found[1] == found[0]
    assert found[2] == found[0]


def test_units_are_those_of_the_technology(tmp_path: Path) -> None:
    """Memories come with LEF files of their own, which state others; the DEF has one."""
    ram = "UNITS DATABASE MICRONS 2000 ; END UNITS\nMANUFACTURINGGRID 0.0005 ;\n"
    ram += "MACRO RAM2 CLASS BLOCK ; SIZE 1 BY 2 ; END RAM2\nEND LIBRARY\n"
    files = write(tmp_path, SMALL), tmp_path / "ram.lef"
    files[1].write_text(ram)
    library = lef.read(files)
    assert (library.dbu_per_um, library.manufacturing_grid_um) == (1000, 0.005)
    assert lef.read(files[1:]).dbu_per_um == 2000


def test_nangate45(data_file: DataFile) -> None:
    rams = sorted(data_file("nangate45/fakeram45").glob("*.lef"))
    library = lef.read(
        [
            data_file("nangate45/NangateOpenCellLibrary.tech.lef"),
            data_file("nangate45/NangateOpenCellLibrary.macro.mod.lef"),
            *rams,
        ]
    )
    assert library.dbu_per_um == 2000
    routing = [layer.name for layer in library.layers.values() if layer.kind == "ROUTING"]
    assert routing == [f"metal{k}" for k in range(1, 11)]
    assert library.layers["metal2"].direction == "VERTICAL"
    assert library.layers["metal2"].pitch_um == (0.19, 0.19)
    assert len(library.macros) == 135 + len(rams)
    nand = library.macros["NAND2_X1"]
    assert (nand.width_um, nand.height_um, nand.macro_class) == (0.57, 1.4, "CORE")
    assert nand.pins["ZN"].direction == "OUTPUT"
    assert nand.pins["VDD"].use == "POWER"
    ram = library.macros["fakeram45_64x32"]
    assert ram.is_block
    assert (ram.width_um, ram.height_um) == (20.14, 61.6)
    # 6 address, 32 data in, out and mask, clk, ce, we, VDD, VSS
    assert len(ram.pins) == 6 + 3 * 32 + 3 + 2
    assert ram.pins["w_mask_in[0]"].position_um == pytest.approx((0.035, 2.835))


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("ispd18/ispd18_test1.input.lef.gz", 487),
        ("ispd19/ispd19_test1/ispd19_test1.input.lef.gz", 93),
    ],
)
def test_contest_libraries(data_file: DataFile, name: str, cells: int) -> None:
    library = lef.read(data_file(name))
    assert len(library.macros) == cells
    assert {macro.site for macro in library.macros.values()} == {"CoreSite"}


def test_every_cut_inside_a_section_is_an_error(tmp_path: Path) -> None:
    words = SMALL.split()
    whole = lef.read(write(tmp_path, SMALL))
    for end in range(len(words)):
        path = write(tmp_path, " ".join(words[:end]))
        cut = refusal(path)
        if cut is None:  # a cut between two sections looks like a shorter file
            part = lef.read(path)
            assert part.macros.keys() <= whole.macros.keys()
            assert part.layers.items() <= whole.layers.items()
        else:
            assert str(path) in cut.where


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("SIZE 10 BY 20", "SIZE ten BY 20", "expected a number"),
        ("SIZE 10 BY 20", "SIZE nan BY 20", "not a finite number"),
        ("SIZE 10 BY 20", "SIZE 0 BY 20", "expected positive sizes"),
        ("RECT -1 -2 9 18", "RECT -1 -2 9", "3 coordinates"),
        ("END NOSHAPE", "END OTHER", "expected 'NOSHAPE'"),
        ("PIN NOSHAPE\n  END NOSHAPE", "PIN A[0]\n  END A[0]", "two pins A[0]"),
        ("DO 2 BY 1 STEP 5 0", "DO 2 BY 1", "expected DO n BY m STEP"),
    ],
)
def test_malformed_files_name_the_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SMALL
    text = SMALL.replace(old, new)
    with pytest.raises(InputError) as caught:
        lef.read(write(tmp_path, text))
    assert message in caught.value.message
    line = int(caught.value.where.rsplit(":", 1)[1])
    changed = SMALL[: SMALL.index(old)].count("\n") + 1
    assert changed - 3 <= line <= changed + 1


def test_line_number_is_exact_after_comments_and_quotes(tmp_path: Path) -> None:
    path = write(tmp_path, '# one\nVERSION "a\nb" ;\nMANUFACTURINGGRID x ;\n')
    with pytest.raises(InputError) as caught:
        lef.read(path)
    assert caught.value.where == f"{path}:4"


def test_unknown_cell_suggests_a_near_one(tmp_path: Path) -> None:
    library = lef.read(write(tmp_path, SMALL))
    with pytest.raises(InputError) as caught:
        library.macro("RAN", where="top.v:7")
    assert "cell RAN is in no LEF" in caught.value.message
    assert caught.value.where == "top.v:7"
    assert "RAM" in caught.value.hint


def test_contradicting_files_are_refused(tmp_path: Path) -> None:
    first = write(tmp_path, SMALL)
    second = tmp_path / "second.lef"
    second.write_text(SMALL)
    assert lef.read([first, second]).macros.keys() == {"RAM"}
    second.write_text(SMALL.replace("SIZE 10 BY", "SIZE 11 BY"))
    with pytest.raises(InputError, match="defined twice"):
        lef.read([first, second])


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    write(tmp_path, SMALL)
    with pytest.raises(InputError) as caught:
        lef.read(tmp_path / "smal.lef")
    assert "small.lef" in caught.value.hint
    with pytest.raises(InputError, match="cannot read"):
        lef.read(tmp_path)
    with pytest.raises(InputError, match="expected a LEF statement"):
        lef.read(write(tmp_path, "module top(a); endmodule"))
    with pytest.raises(InputError, match="empty"):
        lef.read(write(tmp_path, "# nothing\n"))
