"""No API key reaches a program that the project starts; stages that ask models are its own code."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agents import cells, placers
from chipflow.tools import versions
from chipflow.tools.process import run_logged
from llm_stages import simulation
from llm_stages.keys import without_keys
from placement_env.child_environment import child_environment
from placement_env.cost.toy import toy_netlist
from placement_env.errors import ChipError
from tests.agents.row_designs import row_design
from tests.test_house import SOURCES

PLANTED = "planted-key-0123456789"
NAMES = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "CHIPFLOW_LLM_API_KEY", "AWS_SECRET_ACCESS_KEY")
_STARTS = ("Popen", "run", "call", "check_call", "check_output", "getoutput", "getstatusoutput")
_IN_OS = (
    "system",
    "popen",
    "execv",
    "execl",
    "execlp",
    "execvp",
    "spawnv",
    "spawnl",
    "posix_spawn",
)
#: It starts what the sandbox tells it to, in the environment that the sandbox gave it.
_LAUNCHER = "llm_stages.launcher"


@pytest.fixture
def dump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file for the environment of a program; this process has keys."""
    for name in NAMES:
        monkeypatch.setenv(name, PLANTED)
    monkeypatch.setenv("ORDINARY", "seen")
    return tmp_path / "environment.txt"


def put_program(folder: Path, name: str, dump: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\nenv > {dump}\necho Icarus Verilog version 12.0\n")
    (folder / name).chmod(0o755)


def a_placer_of_others(dump: Path, _: pytest.MonkeyPatch) -> None:
    place = placers.named(f"sh -c 'env > {dump}' {{netlist}} {{out}}")
    with pytest.raises(ChipError, match="without writing"):
        place(*toy_netlist(), budget_s=2, seed=7)


def the_cell_placer(dump: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = dump.with_name("placer.py")
    program.write_text(
        "import os\n"
        f"with open({str(dump)!r}, 'w') as file:\n"
        "    file.writelines(f'{name}={value}\\n' for name, value in os.environ.items())\n"
        "raise SystemExit(1)\n"
    )
    monkeypatch.setattr("agents.coloquinte_run.__file__", str(program))
    with pytest.raises(ChipError, match="the cell placer ended"):
        cells.place_cells(*row_design(cells=30, macros=1, seed=2), seed=1)


def a_tool_of_the_flow(dump: Path, _: pytest.MonkeyPatch) -> None:
    run_logged(["/usr/bin/env"], cwd=dump.parent, log_path=dump, timeout_s=20.0)


def a_question_for_a_version(dump: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_program(dump.parent / "bin", "iverilog", dump)
    monkeypatch.setenv("PATH", str(dump.parent / "bin"), prepend=os.pathsep)
    versions.version_of.cache_clear()
    assert versions.version_of("iverilog") == "12.0"
    versions.version_of.cache_clear()


def a_question_for_the_simulator(dump: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("iverilog", "vvp"):
        put_program(dump.parent / "bin", name, dump)
    monkeypatch.setenv("PATH", str(dump.parent / "bin"), prepend=os.pathsep)
    assert simulation.simulator_version("icarus") == "Icarus Verilog 12.0"


@pytest.mark.parametrize(
    "start",
    [
        a_placer_of_others,
        the_cell_placer,
        a_tool_of_the_flow,
        a_question_for_a_version,
        a_question_for_the_simulator,
    ],
)
def test_a_program_sees_the_environment_without_keys(
    start: Callable[[Path, pytest.MonkeyPatch], None],
    dump: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start(dump, monkeypatch)
    text = dump.read_text()
    assert "ORDINARY=seen" in text
    assert PLANTED not in text
    assert not [name for name in NAMES if name in text]


@given(
    st.lists(
        st.sampled_from(
            ["API", "KEY", "KEYS", "token", "Secret", "PASSWD", "CREDENTIAL", "S", "MY"]
        ),
        min_size=1,
        max_size=4,
    ).map("_".join)
)
@example("KEYBOARD")
@example("APIKEY")
@example("TOKENIZERS_PARALLELISM")
def test_both_halves_take_the_same_names_for_keys(name: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(name, "value")
        assert (name in child_environment()) == (name in without_keys(os.environ))


def test_whoever_starts_a_program_says_with_which_environment() -> None:
    calls = [
        (f"{path}:{node.lineno}", node, ast.unparse(node.func.value), node.func.attr)
        for module, path in SOURCES.items()
        if module != _LAUNCHER
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    started = 0
    for place, node, of, name in calls:
        assert not (of == "os" and name in _IN_OS), f"{place} passes our environment on"
        assert not (of == "asyncio" and "subprocess" in name), place
        if of == "subprocess" and name in _STARTS:
            started += 1
            given = {word.arg: ast.unparse(word.value) for word in node.keywords}
            assert given.get("env") not in (None, "None", "os.environ"), (
                f"{place} passes our environment on"
            )
    assert started > 5
