"""Whatever is wrong with a file, its reader says so as an `InputError`, or reads it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_env.errors import InputError
from placement_env.formats import bookshelf, def_file, floorplan, gates, hmetis, lef, lefdef
from tests.placement_env import (
    test_bookshelf,
    test_bookshelf_shapes,
    test_def_areas,
    test_floorplan_files,
    test_gates,
    test_hmetis,
    test_lef,
    test_lef_sky130,
    test_lefdef,
)

WORDS = ["", "(", ")", ";", "+", "-", "*", "{", "}", '"', "#", "END", "nan", "1e400", "-5", "\0"]
WORDS += ["99999999999999999999", "9" * 5000, "é", "²", "\\", "/*", "x"]


@st.composite
def damaged(draw: st.DrawFn, text: str) -> str:
    """The text with up to three pieces cut out, doubled or replaced."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from([0, 1, 1, 2, 5, 20, 200, len(text)])))
        piece = draw(st.sampled_from([*WORDS, text[start:end] * 2]))
        text = text[:start] + piece + text[end:]
    return text


def read_lef(folder: Path, text: str) -> None:
    (folder / "a.lef").write_text(text)
    library = lef.read(folder / "a.lef")
    assert all(
        pin.position_um for m in library.macros.values() for pin in m.pins.values() if pin.shapes
    )


def read_def(folder: Path, text: str) -> None:
    (folder / "a.def").write_text(text)
    (folder / "cells.lef").write_text(test_lefdef.CELLS)
    design = def_file.read(folder / "a.def")
    def_file.write(folder / "b.def", design)
    assert def_file.read(folder / "b.def") == design
    netlist, placement = lefdef.to_netlist(design, lef.read(folder / "cells.lef"))
    lefdef.with_placement(design, netlist, placement)


def read_gates(folder: Path, text: str) -> None:
    (folder / "a.v").write_text(text)
    (folder / "cells.lef").write_text(test_gates.CELLS)
    design = gates.to_def(gates.read(folder / "a.v"), lef.read(folder / "cells.lef"))
    def_file.write(folder / "b.def", design)
    assert def_file.read(folder / "b.def") == design


def read_bookshelf(kind: str) -> Callable[[Path, str], None]:
    def read(folder: Path, text: str) -> None:
        bookshelf.read(test_bookshelf.write(folder, **{kind: text}))

    return read


def read_shapes(folder: Path, text: str) -> None:
    bookshelf.read(test_bookshelf.write(folder, **test_bookshelf_shapes.CONTEST | {"shapes": text}))


def read_floorplan(files: dict[str, str], kind: str) -> Callable[[Path, str], None]:
    def read(folder: Path, text: str) -> None:
        netlist, placement = floorplan.read(
            test_floorplan_files.write(folder, files, **{kind: text})
        )
        floorplan.write(folder / "again.blocks", netlist, placement)
        floorplan.read(folder / "again.blocks")

    return read


def read_hypergraph(folder: Path, text: str) -> None:
    (folder / "a.hgr").write_text(text)
    netlist, _ = hmetis.read(folder / "a.hgr")
    hmetis.write(folder / "b.hgr", netlist)
    hmetis.read(folder / "b.hgr")


READERS = [
    pytest.param(read_lef, test_lef.SMALL, id="lef"),
    pytest.param(read_lef, test_lef_sky130.SMALL, id="lef-sky130"),
    pytest.param(read_def, test_lefdef.SMALL, id="def"),
    pytest.param(read_def, test_def_areas.SMALL, id="def-areas"),
    pytest.param(read_gates, test_gates.SMALL, id="verilog"),
    *(
        pytest.param(read_bookshelf(kind), text, id=kind)
        for kind, text in test_bookshelf.FILES.items()
    ),
    pytest.param(read_shapes, test_bookshelf_shapes.CONTEST["shapes"], id="shapes"),
    *(
        pytest.param(read_floorplan(files, kind), text, id=f"{dialect}-{kind}")
        for dialect, files in (
            ("mcnc", test_floorplan_files.FILES),
            ("gsrc", test_floorplan_files.GSRC),
        )
        for kind, text in files.items()
    ),
    pytest.param(read_hypergraph, test_hmetis.SMALL, id="hgr"),
]


@pytest.mark.parametrize(("read", "text"), READERS)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_damage_is_an_input_error(
    read: Callable[[Path, str], None],
    text: str,
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.getbasetemp() / "damaged"
    folder.mkdir(exist_ok=True)
    read(folder, text)
    broken = data.draw(damaged(text))
    with suppress(InputError):
        read(folder, broken)


@pytest.mark.parametrize("name", ["9" * 5000 + ".nodes", "s\0.nodes"])
def test_names_that_the_system_refuses(name: str, tmp_path: Path) -> None:
    aux = tmp_path / "s.aux"
    aux.write_text(f"RowBasedPlacement : {name} s.nets s.wts s.pl s.scl\n")
    with pytest.raises(InputError, match=r"cannot read the file|not a text file"):
        bookshelf.read(aux)
