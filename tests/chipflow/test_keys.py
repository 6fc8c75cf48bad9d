from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from chipflow.code_version import code_behind
from chipflow.design import read_design
from chipflow.file_hashes import FileHashes
from chipflow.keys import InputReader, StageInputs, explain
from chipflow.stage import Stage
from placement_env.errors import InputError
from tests.chipflow import fake_stages


def _old(path: Path, seconds: float = 60.0) -> None:
    """Makes a file old enough for its hash to be remembered."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_hash_follows_content_even_where_the_time_is_put_back(tmp_path: Path) -> None:
    file, hashes = tmp_path / "a", FileHashes()
    file.write_text("one")
    _old(file)
    first = hashes.of(file)
    status = file.stat()
    file.write_text("two")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert hashes.of(file) != first
    file.write_text("one")
    assert hashes.of(file) == first


def test_hash_of_a_folder_follows_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / "e" / "f").write_text("x")
    hashes = FileHashes()
    first = hashes.of(tmp_path / "d")
    (tmp_path / "d" / "e" / "f").rename(tmp_path / "d" / "e" / "g")
    second = hashes.of(tmp_path / "d")
    (tmp_path / "d" / "e" / "g").write_text("y")
    assert len({first, second, hashes.of(tmp_path / "d")}) == 3


def test_remembered_hashes_are_read_from_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, store = tmp_path / "a", tmp_path / "store.json"
    file.write_text("one")
    monkeypatch.setattr("chipflow.file_hashes._SETTLED_NS", -1)
    hashes = FileHashes(store)
    first = hashes.of(file)
    hashes.save()
    monkeypatch.setattr("chipflow.file_hashes.hashlib.file_digest", None)
    assert FileHashes(store).of(file) == first
    store.write_text("{ damaged")
    monkeypatch.undo()
    assert FileHashes(store).of(file) == first


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read") as caught:
        FileHashes().of(tmp_path / "absent")
    assert caught.value.where == str(tmp_path / "absent")


def test_code_follows_imports_inside_functions_and_data_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "pack"
    (package / "inner").mkdir(parents=True)
    (package / "scripts").mkdir()
    (package / "__init__.py").write_text("")
    (package / "inner" / "__init__.py").write_text("")
    (package / "stage.py").write_text("def run():\n    from .inner import deep\n    import json\n")
    (package / "inner" / "deep.py").write_text("import pack.leaf as leaf\n")
    (package / "leaf.py").write_text("")
    (package / "unused.py").write_text("")
    (package / "scripts" / "a.tcl").write_text("puts hello")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("chipflow.code_version.OUR_PACKAGES", ("pack",))
    assert list(code_behind("pack.stage")) == [
        "pack",
        "pack.inner",
        "pack.inner.deep",
        "pack.leaf",
        "pack.stage",
        "pack/scripts/a.tcl",
    ]
    assert "pack.inner.deep" not in sys.modules


def test_a_stage_of_ours_counts_what_it_imports() -> None:
    code = code_behind(fake_stages.__name__)
    assert {fake_stages.__name__, "chipflow.stage", "placement_env.errors"} <= set(code)
    assert "chipflow.flow" not in code


def _inputs(folder: Path, stage: Stage, toml: str = "") -> StageInputs:
    if toml:
        (folder / "design.toml").write_text(toml)
    reader = InputReader(
        read_design(folder), fake_stages.make_pdk(folder / "pdk.txt"), FileHashes(), folder / "runs"
    )
    return reader.of(stage, {}, {"copy": {"time__wall_s": 1.0}})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fake_stages.write_design(tmp_path / "toy")


COPY, COUNT = fake_stages.STAGES[:2]


def test_the_reason_is_told_in_words(folder: Path) -> None:
    copy, count = _inputs(folder, COPY), _inputs(folder, COUNT)
    assert explain(None, copy) == "first run"
    assert explain(copy, _inputs(folder, COPY)) == ""

    text = fake_stages.DESIGN.replace("2.0", "1.5")
    assert explain(copy, _inputs(folder, COPY, text)) == ""
    changed = _inputs(folder, COUNT, text)
    assert explain(count, changed) == "clock.period_ns changed from 2.0 to 1.5"
    assert changed.key != count.key

    (folder / "a.v").write_text("module other; endmodule")
    assert explain(copy, _inputs(folder, COPY)) == "a.v changed"

    (folder / "pdk.txt").write_text("other cells")
    assert "the PDK's " in explain(changed, _inputs(folder, COUNT))
    assert explain(count, replace(count, code={**count.code, "chipflow.stage": "0"})) == (
        "code of chipflow.stage changed"
    )


def test_sources_that_come_and_go(folder: Path) -> None:
    before = _inputs(folder, COPY)
    text = fake_stages.DESIGN.replace('"b.v"', '"c.v"')
    (folder / "b.v").rename(folder / "c.v")
    reason = explain(before, _inputs(folder, COPY, text))
    assert "b.v is gone" in reason
    assert "c.v is new" in reason
    assert "rtl changed from" in reason


def test_a_moved_design_has_the_same_key(folder: Path, tmp_path: Path) -> None:
    before = _inputs(folder, COUNT).key, _inputs(folder, COPY).key
    folder = folder.rename(tmp_path / "moved")
    assert (_inputs(folder, COUNT).key, _inputs(folder, COPY).key) == before


def test_include_folders_count_all_files_but_results(folder: Path) -> None:
    stage = replace(COPY, sources=("include_dirs",))
    text = 'include_dirs = ["."]\n' + fake_stages.DESIGN
    before = _inputs(folder, stage, text)
    (folder / "runs").mkdir()
    (folder / "runs" / "x").write_text("result")
    assert _inputs(folder, stage) == before
    (folder / "deep").mkdir()
    (folder / "deep" / "x.vh").write_text("`define X")
    assert explain(before, _inputs(folder, stage)) == "deep/x.vh is new"


def test_metrics_count_only_where_a_stage_uses_them(folder: Path) -> None:
    total = fake_stages.STAGES[-1]
    assert "metrics of copy" in _inputs(folder, total).values
    assert "metrics of copy" not in _inputs(folder, COUNT).values


def test_long_reasons_are_cut(folder: Path) -> None:
    old = StageInputs({f"file {i}": "a" for i in range(9)}, {})
    new = StageInputs({f"file {i}": "b" for i in range(9)}, {"m": "x"})
    assert explain(old, new) == "0 changed; 1 changed; 2 changed; 7 more"
