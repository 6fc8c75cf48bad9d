from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_env.errors import InputError
from placement_env.formats import def_file
from placement_env.formats.text import read_text
from placement_env.netlist import Orient

DataFile = Callable[[str], Path]

SMALL = """VERSION 5.8 ;
DIVIDERCHAR "/" ;
BUSBITCHARS "[]" ;
DESIGN small ;
UNITS DISTANCE MICRONS 1000 ;
PROPERTYDEFINITIONS
  COMPONENT why STRING ;
END PROPERTYDEFINITIONS
DIEAREA ( 0 0 ) ( 10000 8000 ) ;
ROW r0 core 0 0 FS DO 50 BY 1 STEP 200 0 + PROPERTY why 1 ;
TRACKS X 100 DO 50 STEP 200 MASK 1 LAYER m1 m2 ;
GCELLGRID Y 0 DO 4 STEP 2000 ;
COMPONENTS 3 ;
- u0 NAND + PROPERTY why "a ; b" + PLACED ( 200 0 ) FS ;
- u1 INV + SOURCE DIST + FIXED ( 400.0 0 ) N ;
- u2 INV + UNPLACED ;
END COMPONENTS
PINS 2 ;
- a\\[0\\] + NET a\\[0\\] + DIRECTION INPUT + USE CLOCK
  + LAYER m1 ( -70 0 ) ( 70 140 ) + FIXED ( 0 4000 ) E ;
- y + NET y + DIRECTION OUTPUT + PORT + LAYER m1 SPACING 5 ( 1 2 ) ( 0 0 ) + PLACED ( 1 2 ) N
  + PORT + LAYER m2 ( 0 0 ) ( 9 9 ) + PLACED ( 3 4 ) N ;
END PINS
FILLS 1 ;
- LAYER m1 RECT ( 0 0 ) ( 1 1 ) ;
END FILLS
NETS 3 ;
- a\\[0\\] ( PIN a\\[0\\] ) ( u0 A + SYNTHESIZED ) + USE CLOCK ;
- y ( u0 Z ) ( u1 A )
  ( PIN y ) + ROUTED m1 ( 0 0 ) ( 10 * ) v1 NEW m2 ( 10 0 ) ( * 5 ) + WEIGHT 3 ;
- empty ;
END NETS
END DESIGN
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "small.def"
    path.write_text(text)
    return path


def refusal(path: Path) -> InputError | None:
    try:
        def_file.read(path)
    except InputError as error:
        return error
    return None


def test_small_file(tmp_path: Path) -> None:
    design = def_file.read(write(tmp_path, SMALL))
    assert (design.name, design.dbu_per_um, design.die_box) == ("small", 1000, (0, 0, 10000, 8000))
    assert design.rows == (def_file.DefRow("r0", "core", 0, 0, Orient.FS, 50, 1, 200, 0),)
    assert design.tracks == (def_file.DefTracks("X", 100, 50, 200, ("m1", "m2")),)
    assert design.gcells == (def_file.DefGcells("Y", 0, 4, 2000),)
    parts = design.components
    assert parts.name == ("u0", "u1", "u2")
    assert parts.source == ("", "DIST", "")
    assert parts.status.tolist() == [1, 2, 0]
    assert parts.x.tolist() == [200, 400, 0]
    assert parts.orient.tolist() == [Orient.FS, Orient.N, Orient.N]
    shape = def_file.DefShape("m1", -70, 0, 70, 140)
    assert design.pins[0] == def_file.DefPin(
        "a\\[0\\]", "a\\[0\\]", "INPUT", "CLOCK", (shape,), def_file.Status.FIXED, 0, 4000, Orient.E
    )
    assert design.pins[1].shapes == (def_file.DefShape("m1", 0, 0, 1, 2),)
    assert (design.pins[1].x, design.pins[1].y) == (1, 2)
    nets = design.nets
    assert nets.name == ("a\\[0\\]", "y", "empty")
    assert nets.start.tolist() == [0, 2, 5, 5]
    assert list(zip(nets.component, nets.pin, strict=True)) == [
        ("PIN", "a\\[0\\]"),
        ("u0", "A"),
        ("u0", "Z"),
        ("u1", "A"),
        ("PIN", "y"),
    ]
    assert nets.use == ("CLOCK", "SIGNAL", "SIGNAL")
    assert nets.weight.tolist() == [1, 3, 1]
    assert design.skipped == {
        "FILLS": 1,
        "PROPERTYDEFINITIONS": 1,
        "component PROPERTY": 1,
        "net ROUTED": 1,
        "net SYNTHESIZED": 1,
        "pin PORT": 1,
        "pin SPACING": 1,
        "row PROPERTY": 1,
        "tracks MASK": 1,
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("END DESIGN\n", 'END DESIGN # the " end'),
        ("- u1 INV", '# - u1 "OR" ;\n-  u1\n# " ;\nINV'),
        ("- u1 INV", "#\u00e9 (\n- u1 INV"),
        ("- u1 INV", "-\tu1\x0b\x1f\r\nINV"),
        ("PLACED ( 200 0 ) FS", "PLACED ( 2e2 0 ) FS"),
        ("COMPONENTS 3", "COMPONENTS 2"),
        ("( u0 Z ) ( u1 A )", "( u0 Z + SYNTHESIZED ) ( u1 A )"),
        ("- empty", "- MUSTJOIN ( u0 A ) ( u1 A ) ;\n- empty"),
    ],
)
def test_other_spellings_of_the_same(tmp_path: Path, old: str, new: str) -> None:
    assert SMALL.count(old) == 1
    assert def_file.read(write(tmp_path, SMALL.replace(old, new))) == def_file.read(
        write(tmp_path, SMALL)
    )


def test_names_of_any_letters(tmp_path: Path) -> None:
    for name in ("\u00e9", "\u2167#", "a\x01b"):
        design = def_file.read(write(tmp_path, SMALL.replace("u0", name)))
        assert design.components.name == (name, "u1", "u2")
        assert design.nets.component[1:3] == (name, name)


@pytest.mark.parametrize(
    ("name", "components", "pins", "nets", "rows"),
    [
        # 294 cells and 255 tap cells, which the header does not count
        ("nangate45/designs/gcd.def.gz", 549, 54, 364, 85),
        ("nangate45/designs/aes_cipher_top.def.gz", 21340, 391, 19675, 351),
        ("nangate45/designs/dynamic_node_top_wrap.def.gz", 13557, 693, 14117, 342),
        ("nangate45/designs/ibex_core.def.gz", 34184, 231, 33171, 514),
        ("ispd18/ispd18_test1.input.def.gz", 8879, 0, 3153, 112),
        ("ispd19/ispd19_test1/ispd19_test1.input.def.gz", 8879, 0, 3153, 120),
    ],
)
def test_real_designs_survive_a_round_trip(
    data_file: DataFile, tmp_path: Path, name: str, components: int, pins: int, nets: int, rows: int
) -> None:
    design = def_file.read(data_file(name))
    assert len(design.components) == components
    assert len(design.pins) == pins
    assert len(design.nets) == nets
    assert len(design.rows) == rows
    def_file.write(tmp_path / "again.def.gz", design)
    assert def_file.read(tmp_path / "again.def.gz") == design


@pytest.mark.parametrize("rewritten", [False, True])
def test_klayout_sees_the_same_instances(
    data_file: DataFile, tmp_path: Path, rewritten: bool
) -> None:
    db = pytest.importorskip("klayout.db")
    source, lef = data_file("ispd18/ispd18_test1.input.def.gz"), tmp_path / "cells.lef"
    lef.write_text(read_text(data_file("ispd18/ispd18_test1.input.lef.gz")))
    design = def_file.read(source)
    path = tmp_path / "design.def"
    if rewritten:
        def_file.write(path, design)
    else:
        path.write_text(read_text(source))
    options = db.LoadLayoutOptions()
    options.lefdef_config.lef_files = [str(lef)]
    options.lefdef_config.read_lef_with_def = False
    options.lefdef_config.macro_resolution_mode = 1  # LEF outlines, in spite of FOREIGN
    options.lefdef_config.dbu = 1 / design.dbu_per_um
    layout = db.Layout()
    layout.read(str(path), options)
    top = layout.top_cell()
    assert top.name == design.name
    found = {}
    for instance in top.each_inst():
        cell = instance.cell
        if (name := instance.property(1)) is None:
            continue
        outline = cell.bbox_per_layer(layout.find_layer("OUTLINE")).transformed(instance.trans)
        found[name] = (cell.name, outline.left, outline.bottom, instance.trans.rot)
    # KLayout numbers r0, r90, r180, r270, m0 (mirrored at x), m45, m90, m135
    orient_of_rot = dict(enumerate(["N", "W", "S", "E", "FS", "FW", "FN", "FE"]))
    parts = design.components
    assert len(found) == len(parts)
    for name, master, x, y, orient in zip(
        parts.name, parts.master, parts.x, parts.y, parts.orient, strict=True
    ):
        cell, left, bottom, rot = found[name]
        assert (cell, left, bottom) == (master, x, y)
        assert orient_of_rot[rot] == Orient(orient).name


def test_every_cut_is_an_error(tmp_path: Path) -> None:
    words = SMALL.split()
    for end in range(len(words)):
        error = refusal(write(tmp_path, " ".join(words[:end])))
        assert error is not None, words[end - 1]
        assert str(tmp_path) in error.where


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("COMPONENTS 3", "COMPONENTS 4", "3 entries, its header says 4"),
        ("NETS 3", "NETS 5", "3 entries, its header says 5"),
        ("NETS 3", "NETS -1", "expected a number >= 0"),
        ("- u1 INV", "- u0 INV", "component u0 comes twice"),
        ("- empty", "- y", "net y comes twice"),
        ("- y + NET", "- a\\[0\\] + NET", "pin a\\[0\\] comes twice"),
        ("( 200 0 ) FS", "( nan 0 ) FS", "expected an integer"),
        ("( 200 0 ) FS", "( 200 0 ) R90", "expected ( x y ) orientation"),
        ("( 200 0 ) FS", "( 200 0 )", "expected ( x y ) orientation"),
        ("0 0 FS DO", "0 0 R0 DO", "expected an orientation"),
        ("( u0 Z )", "( u0 Z", "expected connections"),
        ("( u0 Z )", "u0 Z", "expected connections"),
        ("( -70 0 ) ( 70 140 )", "( -70 0 ) 70 140", "expected LAYER"),
        ("WEIGHT 3", "WEIGHT heavy", "expected an integer"),
        ("MICRONS 1000", "MICRONS 0", "expected a positive number"),
        ("DIEAREA ( 0 0 )", "DIEAREA", "expected at least two"),
        ("TRACKS X", "TRACKS Z", "expected X or Y"),
        ("DESIGN small ;", "", "no DESIGN"),
        ("UNITS", "wire [3:0] a; UNITS", "expected a DEF statement"),
    ],
)
def test_malformed_files(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert SMALL.count(old) >= 1
    error = refusal(write(tmp_path, SMALL.replace(old, new, 1)))
    assert error is not None
    assert message in error.message


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("- u1 INV", "- u0 INV"),
        ("- u1 INV + SOURCE", "- u1 + SOURCE"),
        ("- u1 INV + SOURCE", "- u1 INV SOURCE"),
        ("- u1 INV + SOURCE DIST + FIXED ( 400.0", "- u1 INV + SOURCE DIST + FIXED ( 400.5"),
        ("( PIN y ) + ROUTED", "( PIN y + ROUTED"),
        ("- y ( u0 Z )", "- y u0 Z )"),
        ("- empty", "- y"),
        ("END COMPONENTS", "u3 INV ; END COMPONENTS"),
        ("END NETS", "END NET"),
    ],
)
def test_errors_name_the_line(tmp_path: Path, old: str, new: str) -> None:
    assert SMALL.count(old) == 1
    error = refusal(write(tmp_path, SMALL.replace(old, new)))
    assert error is not None
    assert error.where.endswith(f":{SMALL[: SMALL.index(old)].count(chr(10)) + 1}")


def test_unwritable_names_are_refused(tmp_path: Path) -> None:
    design = def_file.read(write(tmp_path, SMALL))
    for name in ("a b", "#x", "", ";"):
        bad = dataclasses.replace(design, name=name)
        with pytest.raises(InputError, match="cannot be written"):
            def_file.write(tmp_path / "bad.def", bad)
    assert not (tmp_path / "bad.def").exists()


names = st.text(alphabet="abzAZ019_$./\\[]<>:~%&'`@^!?,|{}=-+*#", min_size=1, max_size=8).filter(
    lambda name: name[0] not in "#-+*" and name not in ("END", "PIN", "MUSTJOIN")
)
number = st.integers(-(2**31), 2**31)
count = st.integers(1, 1000)
orients = st.sampled_from(list(Orient))
layers = st.sampled_from(["m1", "metal2"])


@st.composite
def designs(draw: st.DrawFn) -> def_file.DefDesign:
    component_names = draw(st.lists(names, unique=True, max_size=6))
    size = len(component_names)
    status = draw(st.lists(st.integers(0, 3), min_size=size, max_size=size))

    def where_placed(values: st.SearchStrategy[int]) -> np.ndarray:
        drawn = draw(st.lists(values, min_size=size, max_size=size))
        return np.array([v if s else 0 for v, s in zip(drawn, status, strict=True)], np.int64)

    def of_some(values: st.SearchStrategy) -> st.SearchStrategy[dict]:
        if not component_names:
            return st.just({})
        return st.dictionaries(st.sampled_from(component_names), values, max_size=2)

    pins = []
    for name in draw(st.lists(names, unique=True, max_size=4)):
        placed = draw(st.sampled_from(list(def_file.Status)))
        x, y, orient = (draw(number), draw(number), draw(orients)) if placed else (0, 0, Orient.N)
        shapes = []
        for _ in range(draw(st.integers(0, 2))):
            left, right = sorted((draw(number), draw(number)))
            bottom, top = sorted((draw(number), draw(number)))
            shapes.append(def_file.DefShape(draw(layers), left, bottom, right, top))
        pins.append(
            def_file.DefPin(
                name,
                draw(st.one_of(st.just(""), names)),
                draw(st.sampled_from(["", "INPUT", "OUTPUT", "INOUT"])),
                draw(st.sampled_from(["SIGNAL", "CLOCK", "POWER"])),
                tuple(shapes),
                placed,
                x,
                y,
                orient,
            )
        )
    net_names = draw(st.lists(names, unique=True, max_size=5))
    degree = [draw(st.integers(0, 4)) for _ in net_names]
    connections = [
        (draw(st.sampled_from([*component_names, "PIN"])), draw(names)) for _ in range(sum(degree))
    ]
    return def_file.DefDesign(
        name=draw(names),
        dbu_per_um=draw(count),
        die_area=tuple(
            draw(st.one_of(st.just([]), st.lists(st.tuples(number, number), min_size=2)))
        ),
        rows=tuple(
            def_file.DefRow(
                draw(names), "core", draw(number), 0, draw(orients), draw(count), 1, 5, 0
            )
            for _ in range(draw(st.integers(0, 3)))
        ),
        tracks=tuple(
            def_file.DefTracks(draw(st.sampled_from("XY")), draw(number), draw(count), 7, layer)
            for layer in draw(st.sampled_from([(), (("m1",),), (("m1", "m2"), ())]))
        ),
        gcells=tuple(
            def_file.DefGcells("X", draw(number), draw(count), draw(count))
            for _ in range(draw(st.integers(0, 2)))
        ),
        components=def_file.DefComponents(
            name=tuple(component_names),
            master=tuple(draw(names) for _ in component_names),
            status=np.array(status, np.int64),
            x=where_placed(number),
            y=where_placed(number),
            orient=where_placed(st.integers(0, 7)),
            source=tuple(draw(st.sampled_from(["", "DIST"])) for _ in component_names),
            halo=draw(of_some(st.builds(def_file.DefHalo, *[number] * 4, st.booleans()))),
            weight=draw(of_some(number)),
            region=draw(of_some(names)),
        ),
        pins=tuple(pins),
        nets=def_file.DefNets(
            name=tuple(net_names),
            start=np.array([0, *np.cumsum(degree)], np.int64),
            component=tuple(component for component, _ in connections),
            pin=tuple(pin for _, pin in connections),
            use=tuple(draw(st.sampled_from(["SIGNAL", "CLOCK"])) for _ in net_names),
            weight=np.array([draw(count) for _ in net_names], np.int64),
        ),
        divider=draw(st.sampled_from("/|")),
        bus_bits=draw(st.sampled_from(["[]", "<>"])),
    )


@settings(max_examples=150, deadline=None)
@given(design=designs())
def test_any_design_survives_a_round_trip(
    design: def_file.DefDesign, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.def"
    def_file.write(path, design)
    again = def_file.read(path)
    assert again == design
    assert again.skipped == {}
    assert again.remarks == ()


@settings(max_examples=50, deadline=None)
@given(design=designs())
def test_unusual_statements_say_the_same(
    design: def_file.DefDesign, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Usual statements are read as columns of words, others one by one."""
    path = tmp_path_factory.getbasetemp() / "unusual.def"
    def_file.write(path, design)
    head, section, body = path.read_text().partition("COMPONENTS ")
    body = re.sub(r"(?m)^(  \( \S+ \S+) \)$", r"\1 + SYNTHESIZED )", body)
    body = re.sub(r"(?m)^([- ].*) ;$", r"\1 + PROPERTY p 1 ;", body)
    path.write_text(head + section + body)
    again = def_file.read(path)
    assert again == design
    assert again.skipped.get("component PROPERTY", 0) == len(design.components)
    assert again.skipped.get("net SYNTHESIZED", 0) == len(design.nets.pin)
