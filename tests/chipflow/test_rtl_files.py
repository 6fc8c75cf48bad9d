"""The snapshot of the sources: names, includes, data, and the way back to the user's files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipflow.design import Design
from chipflow.file_hashes import FileHashes
from chipflow.keys import InputReader
from chipflow.pdk import library
from chipflow.stages import rtl
from chipflow.tools import rtl_files
from placement_env.errors import InputError


def put(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_equal_names_from_two_folders_stay_apart(tmp_path):
    sources = [put(tmp_path / "a" / "alu.v", "// a"), put(tmp_path / "b" / "alu.v", "// b")]
    rtl_files.write(tmp_path / "rtl", sources, design_folder=tmp_path)
    snapshot = rtl_files.read(tmp_path / "rtl", design_folder=tmp_path)
    assert [path.read_text() for path in snapshot.sources] == ["// a", "// b"]
    assert [snapshot.origins[path] for path in snapshot.sources] == sources


@given(st.lists(st.text("aA._- é1", min_size=1, max_size=4), min_size=1, max_size=6))
def test_names_in_the_snapshot_are_plain_and_unique(names):
    flat = rtl_files._flat_names([Path(f"d{i}") / f"{n}.v" for i, n in enumerate(names)])
    assert len({name.lower() for name in flat}) == len(names)
    assert all(name.isascii() and " " not in name and name[0] != "-" for name in flat)


def test_includes_and_data_are_found_recursively(tmp_path):
    top = put(tmp_path / "src" / "top.v", '`include "defs.vh"\n$readmemh("rom/a.hex", m);')
    put(tmp_path / "inc" / "defs.vh", '  `include "more/deep.vh"\n')
    put(tmp_path / "inc" / "more" / "deep.vh", '// `include "absent.vh"\n')
    put(tmp_path / "rom" / "a.hex", "00")
    rtl_files.write(
        tmp_path / "rtl", [top], design_folder=tmp_path, include_dirs=[tmp_path / "inc"]
    )
    kept = sorted(
        p.relative_to(tmp_path / "rtl").as_posix() for p in (tmp_path / "rtl").rglob("*.*")
    )
    assert kept == [
        "data/rom/a.hex",
        "files.json",
        "include/defs.vh",
        "include/more/deep.vh",
        "top.v",
    ]
    snapshot = rtl_files.read(tmp_path / "rtl", design_folder=tmp_path)
    assert snapshot.sources == (tmp_path / "rtl" / "top.v",)
    include = snapshot.include_dirs[0] / "defs.vh"
    assert snapshot.place(include, 1) == f"{tmp_path / 'inc' / 'defs.vh'}:1"


def test_a_file_is_named_from_the_current_folder(tmp_path, monkeypatch):
    source = put(tmp_path / "d" / "top.v", "")
    rtl_files.write(tmp_path / "rtl", [source], design_folder=tmp_path / "d")
    snapshot = rtl_files.read(tmp_path / "rtl", design_folder=tmp_path / "d")
    monkeypatch.chdir(tmp_path)
    assert snapshot.place("rtl/top.v", 7) == "d/top.v:7"
    assert snapshot.place_of_src("rtl/top.v:12.3-14.6|rtl/top.v:1.1") == "d/top.v:12"
    assert snapshot.place_of_src("") == ""


@pytest.mark.parametrize("name", ["../other/defs.vh", "/etc/hostname"])
def test_an_include_outside_its_folder_is_refused_with_its_line(tmp_path, name):
    put(tmp_path / "other" / "defs.vh")
    put(tmp_path / "src" / "top.v", f'\n`include "{name}"\n')
    with pytest.raises(InputError) as caught:
        rtl_files.referenced_files([tmp_path / "src" / "top.v"], [], tmp_path)
    assert caught.value.where == f"{tmp_path / 'src' / 'top.v'}:2"
    assert "include_dirs" in caught.value.hint


def test_one_name_for_two_files_is_refused(tmp_path):
    sources = []
    for folder in ("a", "b"):
        put(tmp_path / folder / "defs.vh", folder)
        sources.append(put(tmp_path / folder / f"{folder}.v", '`include "defs.vh"'))
    with pytest.raises(InputError, match=r"defs\.vh"):
        rtl_files.referenced_files(sources, [], tmp_path)


def test_sources_of_a_model_are_untrusted_and_bring_nothing_along(tmp_path):
    put(tmp_path / "secret.vh", "secret")
    written = put(tmp_path / "gcd.sv", '`include "secret.vh"')
    spec = put(tmp_path / "spec.md", "A counter.")
    rtl_files.write(tmp_path / "rtl", [written], design_folder=tmp_path, spec=spec)
    snapshot = rtl_files.read(tmp_path / "rtl", design_folder=tmp_path)
    assert snapshot.untrusted == snapshot.sources
    assert not snapshot.include_dirs
    assert snapshot.place(snapshot.sources[0], 3) == f"{tmp_path / 'rtl' / 'gcd.sv'}:3"


def test_a_changed_include_changes_the_key_of_the_stage(tmp_path):
    top = put(tmp_path / "top.v", '`include "defs.vh"\n')
    header = put(tmp_path / "defs.vh", "`define W 4\n")
    design = Design(folder=tmp_path, name="top", top="top", rtl=(top,))

    def key() -> str:
        reader = InputReader(design, library.load("edu45"), FileHashes(), tmp_path / "runs")
        return reader.of(rtl.STAGE, {}, {}).key

    before = key()
    assert key() == before
    header.write_text("`define W 5\n")
    assert key() != before


def test_sources_that_a_model_has_changed_are_untrusted_and_still_the_users(tmp_path):
    sources = [put(tmp_path / "own.v"), put(tmp_path / "changed.v", '`include "defs.vh"\n')]
    put(tmp_path / "defs.vh")
    folder = tmp_path / "rtl"
    rtl_files.write(folder, sources, design_folder=tmp_path, untrusted=sources[1:])
    snapshot = rtl_files.read(folder, design_folder=tmp_path)
    assert [path.name for path in snapshot.untrusted] == ["changed.v"]
    assert [snapshot.origins[path] for path in snapshot.sources] == sources
    assert (folder / "include" / "defs.vh").exists()
