"""Where compiled kernels are kept, and what is said about it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

_KERNEL = """
from placement_env.kernels import jit

@jit
def doubled(value):
    return 2 * value
"""
_CALLER = """
import sys
from placement_env.kernels import compile_notice, jit, kernel_cache
from placement_env.callee import doubled

@jit
def run(value):
    return doubled(value) + 1

for _ in range(2):
    compile_notice("toy kernels", lambda: print("answer", run(20)), print)
print("cache", kernel_cache())
"""


_BESIDE = """
import os
from placement_env.kernels import compile_notice, jit

@jit
def halved(value):
    return value / 2

def beside():
    halved(1)
    with open(os.environ["LOG"], "a") as log:
        missed = sum(halved.stats.cache_misses.values())
        log.write(f"{os.getpid()} {missed} {'SOME_API_KEY' in os.environ}\\n")
    if os.getpid() != int(os.environ.get("ONLY", os.getpid())):
        raise SystemExit(3)
"""
_WITH_BESIDE = """
import os
from placement_env.beside import beside
from placement_env.kernels import compile_notice

os.environ["ONLY"] = str(os.getpid())
compile_notice("toy kernels", lambda: print("here"), print, beside=beside)
print(os.getpid())
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the kernels' module with a kernel that calls one of another file."""
    package = tmp_path / "checkout" / "placement_env"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for module in ("kernels.py", "cache_folder.py", "child_environment.py"):
        shutil.copy(ROOT / "placement_env" / module, package)
    (package / "callee.py").write_text(_KERNEL)
    (package / "caller.py").write_text(_CALLER)
    (package / "beside.py").write_text(_BESIDE)
    (package / "with_beside.py").write_text(_WITH_BESIDE)
    return package.parent


def _run(checkout: Path, cache: Path, module: str = "caller", **variables: str) -> list[str]:
    environment = {k: v for k, v in os.environ.items() if k != "CHIPFLOW_CACHE"}
    environment |= {"PYTHONPATH": str(checkout), "XDG_CACHE_HOME": str(cache), **variables}
    done = subprocess.run(
        [sys.executable, "-m", f"placement_env.{module}"],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_the_first_run_says_what_it_compiles_and_later_ones_are_silent(
    checkout: Path, tmp_path: Path
) -> None:
    first = _run(checkout, tmp_path / "cache")
    assert first[0].startswith("compiling the kernels of the toy kernels")
    assert first[1] == "answer 41"
    assert first[2].startswith("compiled 2 kernels in ")
    cache = first[-1].removeprefix("cache ")
    assert cache.startswith(str(tmp_path / "cache" / "chipflow" / "kernels"))
    assert _run(checkout, tmp_path / "cache") == ["answer 41", f"cache {cache}"]


def test_a_second_process_compiles_meanwhile_and_may_fail(checkout: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    variables = {"LOG": str(log), "SOME_API_KEY": "not-for-others"}
    cold = _run(checkout, tmp_path / "cache", "with_beside", **variables)
    assert cold[1] == "here"
    assert cold[2].startswith("compiled 1 kernels in ")
    (other, *of_other), (here, *of_here) = [line.split() for line in log.open()]
    assert here == cold[3] != other
    assert of_other == ["1", "False"]
    assert of_here == ["0", "True"]

    log.unlink()
    warm = _run(checkout, tmp_path / "cache", "with_beside", **variables)
    assert warm == ["here", warm[-1]]
    assert [line.split() for line in log.open()] == [[warm[-1], "0", "True"]]


def test_a_change_in_a_called_kernel_is_seen(checkout: Path, tmp_path: Path) -> None:
    _run(checkout, tmp_path / "cache")
    callee = checkout / "placement_env" / "callee.py"
    callee.write_text(_KERNEL.replace("2 * value", "3 * value"))
    changed = _run(checkout, tmp_path / "cache")
    assert "answer 61" in changed
    assert changed[0].startswith("compiling")


def test_chipflow_cache_comes_first_and_an_unwritable_one_is_done_without(
    checkout: Path, tmp_path: Path
) -> None:
    chosen = _run(checkout, tmp_path / "cache", CHIPFLOW_CACHE=str(tmp_path / "own"))
    assert chosen[-1].startswith(f"cache {tmp_path / 'own'}")
    blocked = tmp_path / "file"
    blocked.touch()
    without = _run(checkout, tmp_path / "cache", CHIPFLOW_CACHE=str(blocked))
    assert "answer 41" in without
    assert "not kept" in without[2]
    assert without[-1] == "cache None"
