"""LEF as that of open foundries: technology and cells with all that a placer passes over."""

from __future__ import annotations

from pathlib import Path

import pytest

from placement_env.errors import InputError
from placement_env.formats import lef

#: The statements of a technology file and of merged cell files in the manner of SKY130.
SMALL = """# A comment with "quotes" and ; in it
VERSION 5.7 ;
BUSBITCHARS "[]" ;
DIVIDERCHAR "/" ;
UNITS
  TIME NANOSECONDS 1 ;
  CAPACITANCE PICOFARADS 1 ;
  DATABASE MICRONS 1000 ;
END UNITS
MANUFACTURINGGRID 0.005 ;
USEMINSPACING OBS OFF ;
CLEARANCEMEASURE EUCLIDEAN ;
PROPERTYDEFINITIONS
  LAYER LEF58_TYPE STRING ;
  MACRO CatenaDesignType STRING "deviceLevel" ;
  LIBRARY LEF58_METALWIDTHVIAMAP STRING "METALWIDTHVIAMAP USEVIACUTCLASS ;
    END of nothing ;" ;
END PROPERTYDEFINITIONS
SITE unithd
  SYMMETRY Y ;
  CLASS CORE ;
  SIZE 0.46 BY 2.72 ;
END unithd
SITE mixed
  CLASS CORE ;
  SYMMETRY X Y R90 ;
  SIZE 0.92 BY 5.44 ;
  ROWPATTERN unithd N unithd FS ;
  ROWPATTERN unithd FN
    unithd S ;
END mixed
LAYER nwell
  TYPE MASTERSLICE ;
  PROPERTY LEF58_TYPE "TYPE NWELL ;" ;
END nwell
LAYER li1
  TYPE ROUTING ;
  DIRECTION VERTICAL ;
  PITCH 0.46 0.34 ;
  OFFSET 0.23 0.17 ;
  WIDTH 0.17 ;
  SPACINGTABLE PARALLELRUNLENGTH 0
    WIDTH 0 0.17
    WIDTH 3 0.28 ;
  AREA 0.0561 ;
  THICKNESS 0.1 ;
  RESISTANCE RPERSQ 12.8 ;
  ANTENNAMODEL OXIDE1 ;
  ANTENNADIFFSIDEAREARATIO PWL ( ( 0 75 ) ( 0.0125 75 ) ( 0.0225 85.125 ) ) ;
  DCCURRENTDENSITY AVERAGE 0.5 ;
  ACCURRENTDENSITY PEAK
    FREQUENCY 1E6 100E6 ;
    TABLEENTRIES 0.5 0.4 ;
  MINIMUMCUT 2 WIDTH 1.3 ;
  MINIMUMDENSITY 20 ;
  DENSITYCHECKWINDOW 20 20 ;
END li1
LAYER mcon
  TYPE CUT ;
  WIDTH 0.17 ;
  SPACING 0.19 ADJACENTCUTS 3 WITHIN 0.2 ;
  ENCLOSURE BELOW 0 0 ;
END mcon
LAYER OVERLAP
  TYPE OVERLAP ;
END OVERLAP
MAXVIASTACK 4 RANGE li1 met5 ;
VIA M1 DEFAULT
  RESISTANCE 9.3 ;
  LAYER mcon ;
    RECT -0.085 -0.085 0.085 0.085 ;
  LAYER li1 ;
    POLYGON -0.1 -0.1 0.1 -0.1 0.1 0.1 ;
END M1
VIA M1_RULE
  VIARULE M1M2_PR ;
  CUTSIZE 0.15 0.15 ;
  LAYERS li1 mcon met1 ;
  CUTSPACING 0.17 0.17 ;
  ENCLOSURE 0.055 0.085 0.055 0.085 ;
END M1_RULE
VIARULE M1M2_PR GENERATE DEFAULT
  LAYER li1 ;
    ENCLOSURE 0.08 0 ;
  LAYER mcon ;
    RECT -0.085 -0.085 0.085 0.085 ;
    SPACING 0.36 BY 0.36 ;
END M1M2_PR
VIARULE turn
  LAYER li1 ;
    DIRECTION HORIZONTAL ;
  LAYER met1 ;
    DIRECTION VERTICAL ;
  VIA M1 ;
END turn
SPACING
  SAMENET li1 li1 0.17 STACK ;
END SPACING
NONDEFAULTRULE wide
  HARDSPACING ;
  LAYER li1
    WIDTH 0.34 ;
    SPACING 0.34 ;
  END li1
  VIA wide_M1
    LAYER mcon ;
    RECT 0 0 1 1 ;
  END wide_M1
  SPACING
    SAMENET li1 li1 0.17 ;
  END SPACING
  USEVIARULE M1M2_PR ;
  MINCUTS mcon 2 ;
  PROPERTY width 3 ;
END wide
BEGINEXT "VENDOR"
  - anything MACRO END ;
ENDEXT
MACRO sky130_fd_sc_hd__inv_1
  PROPERTY CatenaDesignType "cell ; END" ;
  CLASS CORE ;
  FOREIGN sky130_fd_sc_hd__inv_1 ;
  FOREIGN second -0.1 0.0 N ;
  EEQ sky130_fd_sc_hd__inv_0 ;
  LEQ old ;
  SOURCE USER ;
  POWER 3 ;
  ORIGIN 0.000 0.000 ;
  SIZE 1.380 BY 2.720 ;
  SYMMETRY X Y R90 ;
  SITE unithd ;
  SITE mixed 0 0 N DO 1 BY 1 STEP 0 0 ;
  TIMING
    FROMPIN A ;
    TOPIN Y ;
    RISE INTRINSIC 1 2 0.5 0.1 VARIABLE 1 2 ;
  END TIMING
  PIN A
    ANTENNAMODEL OXIDE1 ;
    ANTENNAGATEAREA 0.2475 ;
    DIRECTION INPUT ;
    USE SIGNAL ;
    SHAPE ABUTMENT ;
    TAPERRULE wide ;
    NETEXPR "power VDD" ;
    SUPPLYSENSITIVITY VPWR ;
    PROPERTY note "PORT" ;
    PORT
      CLASS CORE ;
      LAYER li1 SPACING 0.2 ;
        RECT 0.32 1.075 0.65 1.325 ;
        RECT MASK 1 0.4 1.0 0.5 1.2 ;
      VIA 0.4 1.1 M1 ;
      VIA ITERATE 0.4 1.1 M1 DO 2 BY 1 STEP 0.1 0 ;
      LAYER mcon DESIGNRULEWIDTH 0.17 ;
        PATH ITERATE 0.4 1.1 0.4 1.1 DO 1 BY 1 STEP 0 0 ;
    END
  END A
  PIN Y
    DIRECTION OUTPUT TRISTATE ;
    PORT
      CLASS NONE ;
      LAYER li1 ;
        POLYGON ITERATE 0.7 1 0.8 1 0.8 1.1 DO 1 BY 2 STEP 0 0.2 ;
    END
    PORT
    END
  END Y
  PIN VPWR
    DIRECTION INOUT ;
    USE POWER ;
    SHAPE ABUTMENT ;
    PORT
      LAYER met1 ;
        RECT ITERATE 0 2.48 0.1 2.96 DO 3 BY 1 STEP 0.5 0 ;
    END
  END VPWR
  OBS
    LAYER li1 EXCEPTPGNET ;
      POLYGON 0 0 1 0 1 1 0.5 1 0.5 0.5 0 0.5 ;
      POLYGON MASK 2 1 1 1.2 1 1.2 1.2 ;
    LAYER OVERLAP ;
      RECT 0 0 1.38 2.72 ;
    VIA 0.4 1.1 M1 ;
  END
  DENSITY
    LAYER li1 ;
      RECT 0 0 1.38 2.72 45.5 ;
    LAYER met1 ;
      RECT 0 0 1.38 2.72 20 ;
  END
END sky130_fd_sc_hd__inv_1
MACRO tap CLASS CORE WELLTAP ; SIZE 0.46 BY 2.72 ; FIXEDMASK ; END tap
MACRO antenna CLASS CORE ANTENNACELL ; SIZE 0.92 BY 2.72 ; END antenna
MACRO corner CLASS ENDCAP TOPLEFT ; SIZE 0.46 BY 2.72 ; END corner
MACRO bump CLASS COVER BUMP ; SIZE 10 BY 10 ; END bump
MACRO pad CLASS PAD AREAIO ; SIZE 75 BY 200 ; END pad
MACRO black CLASS BLOCK BLACKBOX ; SIZE 75 BY 200 ; END black
MACRO loop CLASS RING ; SIZE 75 BY 200 ; END loop
END LIBRARY
"""


def read(folder: Path, text: str) -> lef.LefLibrary:
    path = folder / "small.lef"
    path.write_text(text)
    return lef.read(path)


def test_technology(tmp_path: Path) -> None:
    library = read(tmp_path, SMALL)
    assert library.dbu_per_um == 1000
    assert library.manufacturing_grid_um == 0.005
    assert list(library.layers) == ["nwell", "li1", "mcon", "OVERLAP"]
    assert library.layers["li1"] == lef.Layer(
        "li1", "ROUTING", "VERTICAL", (0.46, 0.34), (0.23, 0.17), 0.17
    )
    assert library.layers["nwell"].kind == "MASTERSLICE"
    assert library.sites == {
        "unithd": lef.Site("unithd", 0.46, 2.72, "CORE", ("Y",)),
        "mixed": lef.Site("mixed", 0.92, 5.44, "CORE", ("X", "Y", "R90")),
    }


def test_a_cell(tmp_path: Path) -> None:
    cell = read(tmp_path, SMALL).macros["sky130_fd_sc_hd__inv_1"]
    assert (cell.width_um, cell.height_um, cell.macro_class, cell.sub_class) == (
        1.38,
        2.72,
        "CORE",
        "",
    )
    assert cell.site == "unithd"
    assert cell.symmetry == ("X", "Y", "R90")
    assert list(cell.pins) == ["A", "Y", "VPWR"]
    assert cell.pins["A"].shapes == (
        lef.Shape("li1", 0.32, 1.075, 0.65, 1.325),
        lef.Shape("li1", 0.4, 1.0, 0.5, 1.2),
        lef.Shape("mcon", 0.4, 1.1, 0.4, 1.1),
    )
    assert cell.pins["Y"].direction == "OUTPUT"
    assert cell.pins["Y"].shapes == (
        lef.Shape("li1", 0.7, 1, 0.8, 1.1),
        lef.Shape("li1", 0.7, 1.2, 0.8, 1.3),
    )
    assert cell.pins["VPWR"].use == "POWER"
    assert [shape.left_um for shape in cell.pins["VPWR"].shapes] == [0, 0.5, 1]
    assert cell.obstructions == (
        lef.Shape("li1", 0, 0, 1, 1),
        lef.Shape("li1", 1, 1, 1.2, 1.2),
        lef.Shape("OVERLAP", 0, 0, 1.38, 2.72),
    )


def test_classes(tmp_path: Path) -> None:
    macros = read(tmp_path, SMALL).macros
    assert {name: (m.macro_class, m.sub_class, m.is_block) for name, m in macros.items()} == {
        "sky130_fd_sc_hd__inv_1": ("CORE", "", False),
        "tap": ("CORE", "WELLTAP", False),
        "antenna": ("CORE", "ANTENNACELL", False),
        "corner": ("ENDCAP", "TOPLEFT", False),
        "bump": ("COVER", "BUMP", True),
        "pad": ("PAD", "AREAIO", True),
        "black": ("BLOCK", "BLACKBOX", True),
        "loop": ("RING", "", True),
    }


def test_every_cut_is_an_error(tmp_path: Path) -> None:
    """Of a macro: LEF files without END LIBRARY are usual."""
    start = SMALL.index("MACRO sky130")
    words = SMALL[start : SMALL.index("MACRO tap")].split()
    for end in range(1, len(words)):
        with pytest.raises(InputError) as caught:
            read(tmp_path, SMALL[:start] + " ".join(words[:end]))
        assert "small.lef" in caught.value.where, words[end - 1]
