"""PDK descriptions: the two that ship, one of the user's own, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from chipflow.pdk import library
from chipflow.pdk.description import Pdk
from placement_env.errors import InputError
from placement_env.formats import lef


@pytest.fixture(scope="module")
def edu45() -> Pdk:
    return library.load("edu45")


@pytest.fixture
def own_kit(edu45: Pdk, tmp_path: Path) -> Path:
    """A description in a folder of its own, with copies of edu45's files beside it."""
    for path in (edu45.tech_lef, *edu45.cell_lefs, *edu45.liberty, *edu45.cell_gds):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    text = edu45.description_file.read_text()
    text = text.replace('name = "edu45"', 'name = "mine"').replace('"generator"', '"folder"')
    text += '\n[[memories]]\nname = "ram"\nwords = 8\nbits = 4\nlef = "a.lef"\nliberty = "a.lib"\n'
    (tmp_path / "a.lef").touch()
    (tmp_path / "a.lib").touch()
    (tmp_path / "pdk.toml").write_text(text)
    return tmp_path / "pdk.toml"


def test_lists_the_kits_that_ship():
    assert library.names() == ["edu45", "nangate45"]


def test_every_file_of_edu45_exists(edu45: Pdk):
    files = [edu45.tech_lef, *edu45.cell_lefs, *edu45.liberty, *edu45.cell_verilog, *edu45.cell_gds]
    assert all(path.is_file() for path in files)
    assert "never for a foundry" in edu45.label
    assert edu45.memory_generator is not None


def test_nangate45_has_its_thirteen_memories(data_file: Callable[[str], Path]):
    data_file("nangate45/nangate45_typ.lib.gz")
    pdk = library.load("nangate45")
    assert len(pdk.memories) == 13
    for memory in pdk.memories:
        macro = lef.read(memory.lef).macros[memory.name]
        assert f"wd_in[{memory.bits - 1}]" in macro.pins
        assert f"wd_in[{memory.bits}]" not in macro.pins
        address = sum(name.startswith("addr_in[") for name in macro.pins)
        assert 2 ** (address - 1) < memory.words <= 2**address
        assert f"module {memory.name} " in memory.verilog.read_text()
    assert pdk.memory_generator is None


@pytest.mark.parametrize("name", ["edu45", "nangate45"])
def test_track_figures_follow_from_the_layers(name: str, data_file: Callable[[str], Path]):
    if name == "nangate45":
        data_file("nangate45/NangateOpenCellLibrary.tech.lef")
    pdk = library.load(name)
    layers = [layer for layer in lef.read(pdk.tech_lef).layers.values() if layer.kind == "ROUTING"]
    tracks = {"HORIZONTAL": 0.0, "VERTICAL": 0.0}
    blocked = {"HORIZONTAL": 0.0, "VERTICAL": 0.0}
    for number, layer in enumerate(layers, start=1):
        if number > 1:  # metal1 is for pins
            tracks[layer.direction] += 1 / layer.pitch_um[0]
            blocked[layer.direction] += 1 / layer.pitch_um[0] if number <= 4 else 0
    assert pdk.h_tracks_per_um == pytest.approx(tracks["HORIZONTAL"], abs=1e-3)
    assert pdk.v_tracks_per_um == pytest.approx(tracks["VERTICAL"], abs=1e-3)
    assert pdk.h_macro_tracks_per_um == pytest.approx(blocked["HORIZONTAL"], abs=1e-3)
    assert pdk.v_macro_tracks_per_um == pytest.approx(blocked["VERTICAL"], abs=1e-3)


def test_wire_figures_of_nangate45_are_those_of_its_rc_file(data_file: Callable[[str], Path]):
    text = data_file("nangate45/setRC.tcl").read_text()
    pdk = library.load("nangate45")
    match = re.search(rf"-layer {pdk.wire_layer} -resistance (\S+) -capacitance (\S+)", text)
    assert match
    assert pdk.wire_resistance_ohm_per_um == pytest.approx(float(match[1]) * 1000)
    assert pdk.wire_capacitance_ff_per_um == pytest.approx(float(match[2]), rel=1e-5)


def test_a_kit_of_ones_own_needs_no_code(own_kit: Path, edu45: Pdk):
    pdk = library.load(own_kit)
    assert pdk.name == "mine"
    assert pdk.tech_lef.parent == own_kit.parent
    assert pdk.cell_verilog[0].read_text() == edu45.cell_verilog[0].read_text()
    assert "module ram " in pdk.memories[0].verilog.read_text()
    assert library.load(own_kit.parent) == pdk  # its folder will do


def test_an_unknown_name_suggests_a_known_one():
    with pytest.raises(InputError, match="no PDK 'edu54'") as error:
        library.load("edu54")
    assert "did you mean 'edu45'?" in error.value.hint


def _line_of(path: Path, start: str) -> int:
    lines = path.read_text().splitlines()
    return 1 + next(i for i, line in enumerate(lines) if line.startswith(start))


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("max_fanout = 16", "max_fanot = 16", "unknown key cells.max_fanot", "max_fanout"),
        ("max_fanout = 16", "max_fanout = 1.5", "cells.max_fanout must be a whole number", ""),
        ('site = "edu45_core"', 'site = "core"', "define no site 'core'", ""),
        ('driving_cell = "BUF_X1"', 'driving_cell = "BUF_1"', "no cell 'BUF_1'", "BUF_X1"),
        ('tie_low = ["TIELO", "Y"]', 'tie_low = ["TIELO", "Z"]', "no pin of TIELO 'Z'", ""),
        ('tie_low = ["TIELO", "Y"]', 'tie_low = "TIELO"', "must be a list of strings", ""),
        ('buffer = ["BUF_X1", "A", "Y"]', 'buffer = ["BUF_X1", "Y"]', "CELL", ""),
        ('layer = "metal3"', 'layer = "metal33"', "no layer 'metal33'", "metal3"),
        ("output_load_ff = 4.0", "output_load_ff = 0", "must be a number above 0", ""),
        ("output_load_ff = 4.0", "output_load_ff = nan", "must be a number above 0", ""),
        ("h_tracks_per_um = 8.75", 'h_tracks_per_um = "x"', "must be a number", ""),
        ("metal1 = [1, 0]", "metal1 = [1]", "gds_layers.metal1 must be two whole numbers", ""),
        ('liberty = ["edu45.lib"]', "liberty = []", "liberty names no file", ""),
        ('liberty = ["edu45.lib"]', 'liberty = ["edu.lib"]', "edu.lib does not exist", ""),
        ('files_from = "folder"', 'files_from = "generator"', "made by a generator", "folder"),
        ('files_from = "folder"', 'files_from = "web"', "files_from must be one of", ""),
        ('name = "mine"', 'name = "../mine"', "must be an identifier", ""),
        ("words = 8", "words = 1", "memories.words must be a whole number of at least 2", ""),
        ("hold_ns = 0.02", "hold_ns = -1", "hold_ns must be a number above 0", ""),
    ],
)
def test_a_wrong_value_names_its_line(own_kit: Path, old: str, new: str, message: str, hint: str):
    text = own_kit.read_text()
    assert old in text
    line = text[: text.index(f"\n{old}" if not text.startswith(old) else old)].count("\n") + 2
    own_kit.write_text(text.replace(f"\n{old}", f"\n{new}", 1))
    with pytest.raises(InputError, match=re.escape(message)) as error:
        library.load(own_kit)
    assert error.value.where == f"{own_kit}:{line}"
    assert hint in error.value.hint


def test_a_missing_key_names_its_table(own_kit: Path):
    own_kit.write_text(own_kit.read_text().replace("\nsite = ", "\nsit = "))
    with pytest.raises(InputError, match=r"cells\.site is missing") as error:
        library.load(own_kit)
    assert error.value.where == f"{own_kit}:{_line_of(own_kit, '[cells]')}"
    assert error.value.hint == "rename sit to site"


def test_a_wrong_memory_names_the_line_of_that_memory(own_kit: Path):
    own_kit.write_text(own_kit.read_text() + "\n[[memories]]\nname = 'b'\nwords = 0\nbits = 4\n")
    with pytest.raises(InputError, match=r"memories\.words") as error:
        library.load(own_kit)
    assert error.value.where == f"{own_kit}:{_line_of(own_kit, 'words = 0')}"


def test_what_is_not_toml_is_refused(own_kit: Path):
    own_kit.write_text("name = edu45\n")
    with pytest.raises(InputError, match="not valid TOML") as error:
        library.load(own_kit)
    assert error.value.where == f"{own_kit}:1"


def test_a_cache_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CHIPFLOW_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match="cannot write") as error:
        library.load("edu45")
    assert "CHIPFLOW_CACHE" in error.value.hint


def test_a_made_file_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("CHIPFLOW_CACHE", str(tmp_path))
    pdk = library.load("edu45")
    pdk.cell_verilog[0].unlink()
    with pytest.raises(InputError, match=r"cells\.v is gone") as error:
        library.load("edu45")
    assert error.value.where == str(pdk.cell_verilog[0].parent)
    pdk.cell_gds[0].unlink()
    with pytest.raises(InputError, match=r"edu45\.gds does not exist"):
        library.load("edu45")
