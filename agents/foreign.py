"""Placers of others: a Python function by its import path, or a command that works on files.

    my_package.placer:place
    ./my_placer --in {netlist} --start {start} --out {out} --seconds {budget_s} --seed {seed}

The function is called as `place(netlist, start, budget_s=..., seed=...)` and returns a `Placement`;
its module is also looked for in the working folder. Soft blocks have the shapes that it gives them
(`size_um`, or DIMS of a .pl). The command gets a clustered netlist as
Circuit Training's .pb.txt and .plc, one with cells as Bookshelf (.aux and .pl), blocks as .blocks
and .pl, and writes the placement to {out} in the format of {start}. It gets our environment
without API keys; a placer that asks a model is a function.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from agents.effort import check_effort
from agents.progress import ProgressCallback
from placement_env.child_environment import child_environment
from placement_env.errors import ChipError, InputError, ToolMissing
from placement_env.formats import bookshelf, ct_protobuf, floorplan, plc
from placement_env.netlist import FloatArray, Netlist, NodeKind, Placement

#: A command may take this many times its budget, and so many seconds more, before it is stopped.
_PATIENCE, _PATIENCE_S = 2.0, 60.0
#: Fixed nodes may come back rounded by so much of the canvas.
_ROUNDING = 1e-6
_FIELDS = ("netlist", "start", "out", "budget_s", "seed")
#: Last lines of a command's output that an error shows.
_SHOWN_LINES = 8


def is_foreign(name: str) -> bool:
    """Whether the name is an import path or a command rather than the name of a placer of ours."""
    return ":" in name or "{" in name


def placer(name: str) -> Callable[..., Placement]:
    """A placer from its import path or its command.

    Raises:
        InputError: The function cannot be imported, or the command does not use {netlist} and
            {out}, or has other fields than those that there are.
    """
    run = _command(name) if "{" in name else _function(name)

    def place(
        netlist: Netlist,
        start: Placement | None,
        *,
        budget_s: float,
        seed: int,
        progress: ProgressCallback | None = None,
        gap_um: float = 0.0,
        from_nothing: bool = False,
    ) -> Placement:
        del progress
        check_effort(budget_s=budget_s, seed=seed, moves=None)
        if gap_um:
            raise InputError(f"a gap between macros cannot be asked of {name!r}")
        if start is None:
            raise InputError(f"{name!r} needs to know where fixed nodes are", where=netlist.name)
        begin = _at_centre(netlist, start) if from_nothing else start
        return _checked(name, netlist, start, run(netlist, begin, budget_s, seed))

    return place


@contextlib.contextmanager
def modules_of_this_folder() -> Iterator[None]:
    """Modules of the current folder are found as well, before installed ones."""
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


_Run = Callable[[Netlist, Placement, float, int], object]


def _function(name: str) -> _Run:
    module_name, _, attribute = name.partition(":")
    try:
        with modules_of_this_folder():
            function = getattr(importlib.import_module(module_name), attribute)
    except Exception as error:  # whatever the module does when it is imported
        raise InputError(
            f"the placer {name!r} cannot be imported: {type(error).__name__}: {error}",
            hint="give MODULE:FUNCTION, with the module in this folder or installed",
        ) from error
    if not callable(function):
        raise InputError(f"the placer {name!r} is no function")

    def run(netlist: Netlist, start: Placement, budget_s: float, seed: int) -> object:
        try:
            return function(netlist, start, budget_s=budget_s, seed=seed)
        except ChipError:
            raise
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            raise ChipError(
                f"the placer {name!r} failed with {type(error).__name__}: {error}",
                where=f"{last.filename}:{last.lineno}",
            ) from error

    return run


def _command(template: str) -> _Run:
    words = shlex.split(template)
    try:
        used = " ".join(word.format(**dict.fromkeys(_FIELDS, "")) for word in words)
    except (KeyError, IndexError, ValueError) as error:
        raise InputError(
            f"the command {template!r} has a field that is not known: {error}",
            hint="the fields are " + ", ".join(f"{{{field}}}" for field in _FIELDS),
        ) from error
    if "{netlist}" not in template or "{out}" not in template:
        raise InputError(
            f"the command {template!r} must name {{netlist}} and {{out}}",
            hint=f"it would be run as {used!r}",
        )

    def run(netlist: Netlist, start: Placement, budget_s: float, seed: int) -> Placement:
        with tempfile.TemporaryDirectory(prefix="chipflow-placer-") as folder:
            files = _written(netlist, start, Path(folder))
            values = (files.netlist, files.start, files.out, f"{budget_s:g}", seed)
            fields = dict(zip(_FIELDS, values, strict=True))
            log = Path(folder, "output.log")
            _run_logged([word.format(**fields) for word in words], log, budget_s)
            if not files.out.exists():
                raise ChipError(
                    f"the command {words[0]} ended without writing {{out}}",
                    where=_last_lines(log),
                )
            return files.read(files.out)

    return run


def _run_logged(words: list[str], log: Path, budget_s: float) -> None:
    """Run a command to its end, or stop it and all that it has started."""
    limit_s = _PATIENCE * budget_s + _PATIENCE_S
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(
                words,
                env=child_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise ToolMissing(
            f"the command {words[0]} cannot be run: {error.strerror}",
            hint="give its path, or check that it may be executed",
        ) from error
    with _stopped_at_last(process):
        try:
            status = process.wait(timeout=limit_s)
        except subprocess.TimeoutExpired:
            raise ChipError(
                f"the command {words[0]} was stopped after {limit_s:g} s of a budget of "
                f"{budget_s:g} s",
                where=_last_lines(log),
            ) from None
    if status != 0:
        raise ChipError(f"the command {words[0]} ended with {status}", where=_last_lines(log))


@contextlib.contextmanager
def _stopped_at_last(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _last_lines(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return " | ".join(lines[-_SHOWN_LINES:])


@dataclass(frozen=True)
class _Files:
    """A problem in a folder, and what reads the answer."""

    netlist: Path
    start: Path
    out: Path
    read: Callable[[Path], Placement]


def _written(netlist: Netlist, start: Placement, folder: Path) -> _Files:
    if netlist.grid is not None and not netlist.nodes_of(NodeKind.STANDARD_CELL).size:
        # Nodes are numbered as this file has them, not as the one that they came from.
        unnumbered = replace(netlist, source_index=None)
        path, begin = folder / "netlist.pb.txt", folder / "start.plc"
        ct_protobuf.write(path, unnumbered, start)
        plc.write(begin, unnumbered, start)
        numbered, _ = ct_protobuf.read(path)
        return _Files(path, begin, folder / "out.plc", lambda out: plc.read(out, numbered)[1])
    if netlist.rows is not None:
        path, read_pl = folder / "netlist.aux", bookshelf.read_pl
        bookshelf.write(path, netlist, start)
    else:
        path, read_pl = folder / "netlist.blocks", floorplan.read_pl
        floorplan.write(path, netlist, start)
    return _Files(path, folder / "netlist.pl", folder / "out.pl", lambda out: read_pl(out, netlist))


def _at_centre(netlist: Netlist, start: Placement) -> Placement:
    """The start with all nodes that move in the middle of the canvas."""
    canvas = netlist.canvas
    return Placement(
        np.where(netlist.fixed, start.x_um, (canvas.left_um + canvas.right_um) / 2),
        np.where(netlist.fixed, start.y_um, (canvas.bottom_um + canvas.top_um) / 2),
        start.orient,
        _sizes(netlist, start, None),
    )


def _sizes(netlist: Netlist, start: Placement, size_um: FloatArray | None) -> FloatArray | None:
    """[N, 2] the sizes given, of fixed nodes those of the start; None is the netlist's."""
    if size_um is None and start.size_um is None:
        return None
    own = np.stack([netlist.width_um, netlist.height_um], axis=1)
    fixed = own if start.size_um is None else start.size_um
    return np.where(netlist.fixed[:, None], fixed, own if size_um is None else size_um)


def _checked(name: str, netlist: Netlist, start: Placement, placed: object) -> Placement:
    """The placement, if it is one of this netlist and has left what is fixed."""
    if not isinstance(placed, Placement):
        raise ChipError(f"the placer {name!r} returned {type(placed).__name__}, not a Placement")
    for field in ("x_um", "y_um", "orient"):
        values = np.asarray(getattr(placed, field))
        if values.shape != (netlist.num_nodes,) or not np.isfinite(values).all():
            raise ChipError(
                f"{field} that the placer {name!r} returned has the shape {values.shape} or is not "
                f"finite, expected {netlist.num_nodes} finite numbers"
            )
    if not np.isin(placed.orient, np.arange(8)).all():
        raise ChipError(f"the placer {name!r} returned an orientation that there is not")
    if placed.size_um is not None:
        sizes = np.asarray(placed.size_um)
        if sizes.shape != (netlist.num_nodes, 2) or not (np.isfinite(sizes) & (sizes >= 0)).all():
            raise ChipError(
                f"size_um that the placer {name!r} returned has the shape {sizes.shape}, or is "
                f"negative or not finite, expected ({netlist.num_nodes}, 2) sizes of at least 0"
            )
    reach = _ROUNDING * max(netlist.canvas.width_um, netlist.canvas.height_um)
    off = np.maximum(abs(placed.x_um - start.x_um), abs(placed.y_um - start.y_um))
    for node in np.flatnonzero(netlist.fixed & (off > reach))[:1]:
        raise ChipError(
            f"the placer {name!r} moved {netlist.node_name[node]}, which is fixed",
            where=netlist.name,
        )
    fixed = netlist.fixed
    return Placement(
        np.where(fixed, start.x_um, placed.x_um).astype(np.float64),
        np.where(fixed, start.y_um, placed.y_um).astype(np.float64),
        np.where(fixed, start.orient, placed.orient).astype(np.int64),
        _sizes(netlist, start, placed.size_um),
    )
