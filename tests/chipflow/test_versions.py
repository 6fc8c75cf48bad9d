"""Versions of tools: what is here, what is not, and what only looks like a tool."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from chipflow.tools.versions import TOOLS, program, version_of
from placement_env.errors import InputError, ToolMissing


@pytest.fixture(autouse=True)
def _fresh_cache():
    version_of.cache_clear()
    yield
    version_of.cache_clear()


def put_program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_packages_report_their_installed_version():
    assert version_of("pyosys") == importlib.metadata.version("pyosys")


def test_programs_report_what_they_print(tmp_path, monkeypatch):
    put_program(tmp_path, "iverilog", "echo 'Icarus Verilog version 12.1 (stable) ()'")
    put_program(tmp_path, "sta", "echo 2.6.0")
    put_program(tmp_path, "bwrap", "echo bubblewrap 0.9.0")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [version_of(t) for t in ("iverilog", "opensta", "bubblewrap")] == [
        "12.1",
        "2.6.0",
        "0.9.0",
    ]
    assert program("opensta") == tmp_path / "sta"


def test_another_program_of_the_same_name_does_not_count(tmp_path, monkeypatch):
    put_program(tmp_path, "sta", "echo 'usage: sta COMMAND' >&2; exit 2")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert version_of("opensta") is None


def test_missing_tool_says_what_for_and_how_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing) as caught:
        program("opensta")
    assert TOOLS["opensta"].purpose in caught.value.message
    assert caught.value.hint == "sudo apt-get install opensta"
    assert caught.value.exit_code == 3


def test_unknown_tool_names_the_known_ones():
    with pytest.raises(InputError, match="iverilog"):
        version_of("absent")
