"""What bounds a placement in DEF, and the power rails, are read, kept and written again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_env.errors import InputError
from placement_env.formats import def_file, lef, lefdef
from placement_env.formats.def_file import (
    DefBlockage,
    DefBox,
    DefComponents,
    DefDesign,
    DefGroup,
    DefHalo,
    DefRegion,
    DefSpecialNet,
)
from placement_env.formats.text import read_text
from tests.placement_env import test_lefdef
from tests.placement_env.test_def_file import names, number, refusal, write

DataFile = Callable[[str], Path]

SMALL = """VERSION 5.8 ;
BUSBITCHARS "[]" ;
DESIGN small ;
UNITS DISTANCE MICRONS 1000 ;
DIEAREA ( 0 0 ) ( 60000 50000 ) ;
ROW r0 core 1000 2000 FS DO 50 BY 1 STEP 200 0 ;
VIAS 1 ;
- v1 + VIARULE "a  rule" + CUTSIZE 10 10
  + LAYERS m1 c1 m2 ;
END VIAS
REGIONS 3 ;
- core ( 9000 8000 ) ( 1000 2000 ) ( 9000 2000 ) ( 20000 6000 ) + TYPE FENCE ;
- hint ( 0 0 ) ( 5 5 ) + TYPE GUIDE + PROPERTY why 1 ;
- plain ( 0 0 ) ( 5 * ) ;
END REGIONS
COMPONENTS 3 ;
- inv INV + PLACED ( 1000 2000 ) FS + WEIGHT 7 ;
- cpu/inv INV + REGION core ;
- ram RAM + HALO SOFT 10 20 30 40 + FIXED ( 20000 10000 ) W + ROUTEHALO 5 m1 m2 ;
END COMPONENTS
PINS 2 ;
- a + NET n + DIRECTION INPUT + LAYER m1 ( -100 0 ) ( 100 400 ) + PLACED ( 0 4000 ) E ;
- rail + NET VDD + DIRECTION INOUT + SPECIAL ;
END PINS
BLOCKAGES 4 ;
- PLACEMENT + SOFT RECT ( 0 0 ) ( 100 200 ) RECT ( 300 200 ) ( 200 100 ) ;
- PLACEMENT + PARTIAL 37.5 + PUSHDOWN RECT ( 0 0 ) ( 100 200 ) ;
- PLACEMENT + COMPONENT ram RECT ( 0 0 ) ( 100 200 ) ;
- LAYER m1 + SPACING 280 + EXCEPTPGNET POLYGON ( 0 0 ) ( 9 * ) ( * 9 ) RECT ( 1 1 ) ( 2 2 ) ;
END BLOCKAGES
SPECIALNETS 2 ;
- VDD ( * VDD ) ( PIN rail ) + USE POWER
  + ROUTED m1 800 + SHAPE RING ( 0 0 ) ( 10 * ) v1
    NEW m2 800 ( 10 0 ) ( * 5 ) + PROPERTY why "a ; + b" ;
- VSS ( inv VSS + SYNTHESIZED ) + USE GROUND ;
END SPECIALNETS
NETS 1 ;
- n ( inv A ) ( cpu/inv A ) ( PIN a ) ;
END NETS
GROUPS 2 ;
- g0 inv cpu/* + REGION core ;
- g1 * + SOFT MAXX 9 ;
END GROUPS
END DESIGN
"""


def test_small_file(tmp_path: Path) -> None:
    design = def_file.read(write(tmp_path, SMALL))
    assert design.regions == (
        DefRegion(
            "core", (DefBox(1000, 2000, 9000, 8000), DefBox(9000, 2000, 20000, 6000)), "FENCE"
        ),
        DefRegion("hint", (DefBox(0, 0, 5, 5),), "GUIDE"),
        DefRegion("plain", (DefBox(0, 0, 5, 0),)),
    )
    assert design.groups == (DefGroup("g0", ("inv", "cpu/*"), "core"), DefGroup("g1", ("*",)))
    box = DefBox(0, 0, 100, 200)
    assert design.blockages == (
        DefBlockage(boxes=(box, DefBox(200, 100, 300, 200)), soft=True),
        DefBlockage(boxes=(box,), max_density_percent=37.5, options=("PUSHDOWN",)),
        DefBlockage(boxes=(box,), component="ram"),
        DefBlockage(
            layer="m1",
            boxes=(DefBox(1, 1, 2, 2),),
            polygons=(((0, 0), (9, 0), (9, 9)),),
            options=("SPACING 280", "EXCEPTPGNET"),
        ),
    )
    parts = design.components
    assert parts.halo == {"ram": DefHalo(10, 20, 30, 40, soft=True)}
    assert parts.weight == {"inv": 7}
    assert parts.region == {"cpu/inv": "core"}
    assert design.special_nets == (
        DefSpecialNet(
            "VDD",
            (("*", "VDD"), ("PIN", "rail")),
            "POWER",
            (
                "ROUTED m1 800",
                "SHAPE RING ( 0 0 ) ( 10 * ) v1 NEW m2 800 ( 10 0 ) ( * 5 )",
                'PROPERTY why "a ; + b"',
            ),
        ),
        DefSpecialNet("VSS", (("inv", "VSS"),), "GROUND"),
    )
    assert design.vias == ('v1 + VIARULE "a  rule" + CUTSIZE 10 10 + LAYERS m1 c1 m2',)


def test_what_a_writer_would_lose_is_counted(tmp_path: Path) -> None:
    assert def_file.read(write(tmp_path, SMALL)).skipped == {
        "component ROUTEHALO": 1,
        "group SOFT": 1,
        "net SYNTHESIZED": 1,
        "pin SPECIAL": 1,
        "region PROPERTY": 1,
    }


def test_a_written_file_has_it_all(tmp_path: Path) -> None:
    design = def_file.read(write(tmp_path, SMALL))
    def_file.write(tmp_path / "again.def", design)
    again = def_file.read(tmp_path / "again.def")
    assert again == design
    assert again.skipped == {}


def test_power_rails_survive(data_file: DataFile, tmp_path: Path) -> None:
    source = data_file("ispd19/ispd19_test1/ispd19_test1.input.def.gz")
    design = def_file.read(source)
    assert [(net.name, net.use) for net in design.special_nets] == [
        ("VSS", "GROUND"),
        ("VDD", "POWER"),
    ]
    assert design.special_nets[0].connections == (("*", "VSS"),)
    assert design.special_nets[0].options[:2] == (
        "ROUTED Metal7 800",
        "SHAPE RING ( 500 100 ) ( * 291900 ) NEW Metal7 800",
    )
    def_file.write(tmp_path / "again.def", design)
    assert def_file.read(tmp_path / "again.def").special_nets == design.special_nets


def test_ports_of_special_nets_are_no_nodes(tmp_path: Path) -> None:
    (tmp_path / "cells.lef").write_text(test_lefdef.CELLS)
    library = lef.read(tmp_path / "cells.lef")
    netlist, _ = lefdef.to_netlist(def_file.read(write(tmp_path, SMALL)), library)
    assert netlist.node_name == ("a", "inv", "cpu/inv", "ram")
    lost = SMALL.replace("( PIN rail )", "").replace("NET VDD", "NET VDE")
    with pytest.raises(InputError, match="port rail is on net VDE, which is neither"):
        lefdef.to_netlist(def_file.read(write(tmp_path, lost)), library)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("REGIONS 3", "REGIONS 4", "REGIONS has 3 entries, its header says 4"),
        ("- hint", "- core", "region core comes twice"),
        ("- plain ( 0 0 ) ( 5 * )", "- plain", "region plain has no box"),
        ("- plain ( 0 0 )", "- plain", r"expected ( x y ) ... in region plain, found '( 5 * )'"),
        ("- plain ( 0 0 ) ( 5 * )", "- plain ( 0 0 )", "has 1 corners, expected two"),
        ("- plain ( 0 0 )", "- plain ( 0 zero )", "expected an integer in region plain"),
        ("TYPE GUIDE", "TYPE CAGE", "expected TYPE FENCE or GUIDE in region hint"),
        ("SOFT 10 20 30 40", "SOFT 10 20 30", "in the HALO of ram"),
        ("SOFT 10 20 30 40", "10 20 30 top", "expected an integer in the HALO of ram"),
        ("WEIGHT 7", "WEIGHT heavy", "expected an integer in the weight of inv"),
        ("- LAYER m1", "- LAYERS m1", "expected PLACEMENT or LAYER name"),
        ("PARTIAL 37.5", "PARTIAL 137.5", "expected 0 to 100 for PARTIAL"),
        ("PARTIAL 37.5", "PARTIAL nan", "expected 0 to 100 for PARTIAL"),
        ("+ COMPONENT ram RECT", "COMPONENT ram RECT", "expected +, RECT or POLYGON"),
        ("+ COMPONENT ram RECT ( 0 0 ) ( 100 200 )", "+ COMPONENT ram", "neither RECT nor POLYGON"),
        ("( 0 0 ) ( 9 * ) ( * 9 )", "( 0 0 ) ( 9 * )", "POLYGON in the blockage of m1 has 2"),
        ("- VSS (", "- VDD (", "special net VDD comes twice"),
        ("( PIN rail )", "( PIN rail", "expected connections ( component pin ) in net VDD"),
        ("- g1", "- g0", "group g0 comes twice"),
        ("- v1", "- ; - v1", "a via needs a name"),
    ],
)
def test_malformed_files(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert SMALL.count(old) == 1
    error = refusal(write(tmp_path, SMALL.replace(old, new)))
    assert error is not None
    assert message in error.message
    assert error.where.startswith(str(tmp_path))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("hint ( 0 0 ) ( 5 5 ) + TYPE GUIDE", "hint ( 0 0 ) ( 5 5 ) + TYPE CAGE"),
        ("RECT ( 300 200 )", "RECT ( 300 up )"),
        ("- VSS ( inv VSS + SYNTHESIZED )", "- VSS inv VSS + SYNTHESIZED )"),
    ],
)
def test_errors_name_the_line(tmp_path: Path, old: str, new: str) -> None:
    error = refusal(write(tmp_path, SMALL.replace(old, new)))
    assert error is not None
    line = SMALL[: SMALL.index(old)].count("\n") + 1
    assert error.where == f"{tmp_path / 'small.def'}:{line}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vias": ("v ; w",)}, "cannot be written as part"),
        ({"vias": ('v "open',)}, "cannot be written as part"),
        ({"special_nets": (DefSpecialNet("V", options=("ROUTED m1 + SHAPE X",)),)}, "as part"),
        ({"special_nets": (DefSpecialNet("V", options=("two  blanks",)),)}, "as part"),
        ({"special_nets": (DefSpecialNet("V", options=("a # comment",)),)}, "as part"),
        ({"blockages": (DefBlockage(options=("PUSHDOWN RECT",)),)}, "as part"),
        ({"groups": (DefGroup("g", ("+",)),)}, "member name '\\+' cannot be written"),
        ({"components": DefComponents(halo={"u": DefHalo(1, 1, 1, 1)})}, "u has a halo"),
    ],
)
def test_what_would_be_read_as_something_else_is_not_written(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        def_file.write(tmp_path / "bad.def", dataclasses.replace(DefDesign("d"), **change))
    assert not (tmp_path / "bad.def").exists()


words = st.lists(names | st.sampled_from(["(", ")", "*", '"a ; b"']), min_size=1, max_size=4).map(
    " ".join
)
points = st.tuples(number, number)


@st.composite
def boxes(draw: st.DrawFn) -> tuple[DefBox, ...]:
    found = []
    for _ in range(draw(st.integers(1, 3))):
        left, right = sorted((draw(number), draw(number)))
        bottom, top = sorted((draw(number), draw(number)))
        found.append(DefBox(left, bottom, right, top))
    return tuple(found)


def unique(elements: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(elements, max_size=3, unique_by=lambda element: element.name).map(tuple)


regions = st.builds(DefRegion, names, boxes(), st.sampled_from(["", "FENCE", "GUIDE"]))
groups = st.builds(
    DefGroup,
    names,
    st.lists(names | st.just("*"), max_size=3).map(tuple),
    st.just("") | names,
)
blockages = st.builds(
    DefBlockage,
    layer=st.just("") | names,
    boxes=boxes(),
    polygons=st.lists(st.lists(points, min_size=3, max_size=5).map(tuple), max_size=2).map(tuple),
    soft=st.booleans(),
    max_density_percent=st.none() | st.floats(0, 100),
    component=st.just("") | names,
    options=st.lists(st.sampled_from(["PUSHDOWN", "SPACING 280", "FILLS"])).map(tuple),
)
special_nets = st.builds(
    DefSpecialNet,
    names,
    st.lists(st.tuples(names | st.sampled_from(["*", "PIN"]), names), max_size=3).map(tuple),
    st.sampled_from(["SIGNAL", "POWER", "GROUND"]),
    st.lists(words.map(lambda text: f"ROUTED {text}"), max_size=3).map(tuple),
)


@settings(max_examples=150, deadline=None)
@given(
    design=st.builds(
        DefDesign,
        names,
        vias=st.lists(words.map(lambda text: f"via + {text}"), max_size=2).map(tuple),
        regions=unique(regions),
        blockages=st.lists(blockages, max_size=3).map(tuple),
        special_nets=unique(special_nets),
        groups=unique(groups),
    )
)
def test_any_areas_and_rails_survive_a_round_trip(
    design: DefDesign, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "areas.def"
    def_file.write(path, design)
    again = def_file.read(path)
    assert again == design
    assert again.skipped == {}
    assert again.remarks == ()


def drawn(def_path: Path, lef_path: Path) -> dict[str, list[tuple[int, int, int, int]]]:
    """What KLayout draws for a design itself: the boxes of its shapes by layer."""
    db = pytest.importorskip("klayout.db")
    options = db.LoadLayoutOptions()
    options.lefdef_config.lef_files = [str(lef_path)]
    options.lefdef_config.read_lef_with_def = False
    layout = db.Layout()
    layout.read(str(def_path), options)
    found: dict[str, list[tuple[int, int, int, int]]] = {}
    for layer in layout.layer_indexes():
        for shape in layout.top_cell().shapes(layer).each():
            box = shape.bbox()
            name = layout.get_info(layer).name
            found.setdefault(name, []).append((box.left, box.bottom, box.right, box.top))
    return found


def test_klayout_draws_the_same_power_rails(data_file: DataFile, tmp_path: Path) -> None:
    source = data_file("ispd19/ispd19_test1/ispd19_test1.input.def.gz")
    lef_path = tmp_path / "cells.lef"
    lef_path.write_text(read_text(data_file("ispd19/ispd19_test1/ispd19_test1.input.lef.gz")))
    (tmp_path / "source.def").write_text(read_text(source))
    def_file.write(tmp_path / "again.def", def_file.read(source))
    rails = drawn(tmp_path / "source.def", lef_path)
    assert len(rails["Metal7"]) > 4
    assert sum(map(len, rails.values())) > 100
    assert drawn(tmp_path / "again.def", lef_path) == rails


def test_klayout_draws_the_same_areas(tmp_path: Path) -> None:
    design = def_file.read(write(tmp_path, SMALL))
    design = dataclasses.replace(design, vias=(), special_nets=())
    def_file.write(tmp_path / "areas.def", design)
    (tmp_path / "cells.lef").write_text(test_lefdef.CELLS)
    areas = drawn(tmp_path / "areas.def", tmp_path / "cells.lef")
    assert areas["REGIONS"] == [box for region in design.regions for box in region.boxes]
    placement = [blockage for blockage in design.blockages if not blockage.layer]
    assert areas["PLACEMENT_BLK"] == [box for blockage in placement for box in blockage.boxes]
    assert areas["m1.BLK"] == [(1, 1, 2, 2), (0, 0, 9, 9)]
