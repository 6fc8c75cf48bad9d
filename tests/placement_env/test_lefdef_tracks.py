"""The routing tracks of a DEF, and routes of flat netlists where they are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.files import load_files
from benchmarks.placement import score
from chipflow.pdk.library import load as load_pdk
from placement_env.formats import def_file, lef
from placement_env.formats.lefdef_tracks import track_supply
from tests.placement_env.test_lefdef import CELLS, SMALL

LAYERS = """
LAYER m1 TYPE ROUTING ; DIRECTION HORIZONTAL ; PITCH 0.2 ; END m1
LAYER v1 TYPE CUT ; END v1
LAYER m2 TYPE ROUTING ; DIRECTION VERTICAL ; PITCH 0.2 ; END m2
LAYER m3 TYPE ROUTING ; DIRECTION HORIZONTAL ; PITCH 0.2 ; END m3
LAYER m4 TYPE ROUTING ; DIRECTION VERTICAL ; PITCH 0.2 ; END m4
"""
TRACKS = """TRACKS Y 0 DO 100 STEP 200 LAYER m1 ;
TRACKS X 0 DO 100 STEP 200 LAYER m2 m4 ;
TRACKS Y 0 DO 100 STEP 250 LAYER m3 ;
TRACKS X 0 DO 100 STEP 500 LAYER m3 ;
TRACKS X 100 DO 100 STEP 400 LAYER m4 ;
COMPONENTS 4 ;"""


def files(folder: Path, tracks: str = TRACKS) -> tuple[Path, Path]:
    cells = CELLS.replace("END RAM", "OBS LAYER m2 ; RECT 0 0 1 1 ; LAYER m3 ; END END RAM")
    (folder / "all.lef").write_text(LAYERS + cells)
    (folder / "small.def").write_text(SMALL.replace("COMPONENTS 4 ;", tracks))
    return folder / "small.def", folder / "all.lef"


def test_layers_count_in_their_direction(tmp_path: Path) -> None:
    design, library = files(tmp_path)
    supply = track_supply(def_file.read(design), lef.read(library))
    assert supply is not None
    assert supply.h_per_um == pytest.approx(4.0)  # m3; m1 is the cells'
    assert supply.v_per_um == pytest.approx(5.0 + 7.5)
    # The RAM has a shape on m2, and none on m3.
    assert (supply.h_macro_per_um, supply.v_macro_per_um) == (0.0, pytest.approx(5.0))


def test_without_tracks_there_is_no_supply(tmp_path: Path) -> None:
    for tracks in ("COMPONENTS 4 ;", TRACKS.replace("TRACKS X", "TRACKS Y")):
        design, library = files(tmp_path, tracks)
        assert track_supply(def_file.read(design), lef.read(library)) is None
        assert load_files(design, lefs=[library]).tracks is None


def test_nangate45_has_the_tracks_of_its_description(data_file: Callable[[str], Path]) -> None:
    design = def_file.read(data_file("nangate45/designs/gcd.def.gz"))
    library = lef.read(data_file("nangate45/NangateOpenCellLibrary.tech.lef"))
    supply, pdk = track_supply(design, library), load_pdk("nangate45")
    assert supply is not None
    assert supply.h_per_um == pytest.approx(pdk.h_tracks_per_um, rel=1e-3)
    assert supply.v_per_um == pytest.approx(pdk.v_tracks_per_um, rel=1e-3)


def test_flat_designs_with_tracks_are_routed_for_their_score(tmp_path: Path) -> None:
    design, library = files(tmp_path)
    text = design.read_text().replace("- loose INV ;", "- loose INV + PLACED ( 3000 6000 ) N ;")
    text = text.replace("- out + NET y", "- out + PLACED ( 0 0 ) N + NET y")
    design.write_text(text)
    benchmark = load_files(design, lefs=[library])
    placed = benchmark.placements["initial"]
    scores = score(benchmark.netlist, placed, benchmark.tracks)
    assert scores["route__wirelength__estimated_um"] > 0
    assert scores["route__overflow__total"] == 0
    assert 0 < scores["route__usage__ace"] < 1
    assert "route__usage__ace" not in score(benchmark.netlist, placed)
