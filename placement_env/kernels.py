"""`jit`, `lean` and `pasted` compile kernels; the notice says when they are at work.

Compiled kernels are kept in the user's cache (CHIPFLOW_CACHE, else XDG_CACHE_HOME/chipflow). Numba
decides by the caller's own file whether a kept kernel is fresh and overlooks changes in the
functions that it calls, so the cache folder is named by a hash of the sources of all kernels, of
the versions of Numba and Python, and of the processor.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import llvmlite.binding
import numba
from numba import config

from placement_env.cache_folder import cache_dir
from placement_env.child_environment import child_environment

Function = TypeVar("Function", bound=Callable[..., Any])

_ROOT = Path(__file__).resolve().parents[1]
_PACKAGES = ("placement_env", "agents")
_IMPORT = b"placement_env.kernels import"
_kernels: list[Any] = []
_warm: set[str] = set()


@cache
def kernel_cache() -> Path | None:
    """The folder that holds the compiled kernels; None where it cannot be written."""
    digest = hashlib.sha256()
    for text in (numba.__version__, sys.version, llvmlite.binding.get_host_cpu_name()):
        digest.update(text.encode() + b"\0")
    for package in _PACKAGES:
        for source in sorted((_ROOT / package).rglob("*.py")):
            content = source.read_bytes()
            if _IMPORT in content or source == Path(__file__).resolve():
                digest.update(source.relative_to(_ROOT).as_posix().encode() + b"\0" + content)
    folder = cache_dir() / "kernels" / digest.hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def jit(function: Function) -> Function:
    """Compile `function` with Numba on its first call and keep the result between runs.

    Exact float64 arithmetic (no fast-math); a division by zero gives inf or nan, as in NumPy; the
    interpreter's lock is released.
    """
    return _compiled(function)


def lean(function: Function) -> Function:
    """As `jit`, for hot kernels that allocate no array.

    Numba then counts no references to arrays, which otherwise takes a third of the time of kernels
    that hand many arrays on.
    """
    return _compiled(function, _nrt=False)


def pasted(function: Function) -> Function:
    """As `lean`, and pasted into the kernels that call it, for parts that use very many arrays."""
    return _compiled(function, _nrt=False, inline="always")


def _compiled(function: Function, **options: Any) -> Function:
    folder = kernel_cache()
    options = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True} | options
    before = config.CACHE_DIR  # type: ignore[attr-defined]
    config.CACHE_DIR = str(folder) if folder else before  # type: ignore[attr-defined]
    try:
        kernel = numba.njit(cache=folder is not None, **options)(function)
    except RuntimeError:  # A function without a file, as typed into an interpreter.
        kernel = numba.njit(**options)(function)
    finally:
        config.CACHE_DIR = before  # type: ignore[attr-defined]
    _kernels.append(kernel)
    return cast(Function, kernel)


def compile_notice(
    what: str,
    warm_up: Callable[[], object],
    report: Callable[[str], None] | None = None,
    *,
    beside: Callable[[], object] | None = None,
) -> float:
    """Run `warm_up`, which calls kernels on a toy input, and say so if that has to compile them.

    Args:
        what: The kernels in words, such as "placement search"; names the mark that remembers that
            they are compiled.
        warm_up: Calls every kernel with the types that will be used.
        report: Gets one line before the compilation and one after it; nothing where the kernels
            come from the cache.
        beside: Calls further kernels. A second process compiles them meanwhile, for which it must
            be a function of a module's top level.

    Returns:
        Seconds that it took; 0 where this process has done it before.
    """
    if what in _warm:
        return 0.0
    folder = kernel_cache()
    mark = folder / f"{what.replace(' ', '-')}.compiled" if folder else None
    cold = mark is None or not mark.exists()
    if cold and report:
        report(f"compiling the kernels of the {what} for this machine, which is done once")
    before = _compiled_count(folder) if cold else 0
    started = time.perf_counter()
    with _second_process(beside) if cold and folder and beside else contextlib.nullcontext():
        warm_up()
    if beside:
        beside()
    seconds = time.perf_counter() - started
    if cold and report:
        compiled = _compiled_count(folder) - before
        if folder and not compiled:
            report("all of them were compiled already")
        else:
            kept = f"kept in {folder}" if folder else "not kept: the cache folder is read-only"
            report(f"compiled {compiled} kernels in {seconds:.1f} s, {kept}")
    if cold and mark:
        mark.touch()
    _warm.add(what)
    return seconds


@contextlib.contextmanager
def _second_process(function: Callable[[], object]) -> Iterator[None]:
    """Have another process call `function`, and wait for its end on leaving."""
    module, name = function.__module__, function.__name__
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    # Where this fails, the kernels are compiled here, and errors of theirs show here as well.
    with subprocess.Popen(
        [sys.executable, "-c", f"from {module} import {name} as call; call()"],
        env=child_environment() | {"PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield
        except BaseException:
            process.kill()
            raise


def _compiled_count(folder: Path | None) -> int:
    """Compiled kernels in the cache, or, without one, in this process."""
    if folder:
        return len(list(folder.rglob("*.nbc")))
    return sum(len(kernel.signatures) for kernel in _kernels)
