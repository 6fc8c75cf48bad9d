"""What the placement commands need before they begin: netlist, start, kernels and folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from agents import placers
from benchmarks import registry
from benchmarks.files import Benchmark, load_files, with_start
from benchmarks.placement import is_flat
from placement_env import route_estimate
from placement_env.did_you_mean import did_you_mean
from placement_env.errors import InputError
from placement_env.netlist import NodeKind, Placement


def load_netlist(netlist: str, lefs: Sequence[Path], start: Path | None = None) -> Benchmark:
    """Read a benchmark by its name, or a netlist by its path.

    Raises:
        InputError: It is neither, or cannot be read.
    """
    if netlist in registry.names():
        benchmark = registry.load(netlist)
        return with_start(benchmark, start) if start else benchmark
    path = Path(netlist)
    if not path.exists() and path.name == netlist and not path.suffix:
        registry.files_of(netlist)  # raises, and names the benchmark that was meant
    return load_files(path, start=start, lefs=lefs)


def load_placed(netlist: str, placement: str, lefs: Sequence[Path]) -> tuple[Benchmark, Placement]:
    """Read a netlist and one placement of it, from a file or of those that come with it.

    Raises:
        InputError: Either cannot be read, or they do not fit together.
    """
    if Path(placement).suffix or Path(placement).exists():
        benchmark = load_netlist(netlist, lefs, Path(placement))
        return benchmark, benchmark.placements["initial"]
    benchmark = load_netlist(netlist, lefs)
    if placement not in benchmark.placements:
        raise InputError(
            f"{benchmark.name} comes with no placement called {placement!r}",
            hint=f"give a file, or one of: {', '.join(benchmark.placements)}",
        )
    return benchmark, benchmark.placements[placement]


def designs_of(suite: str, designs: str) -> list[str]:
    """The designs of a suite that are named, separated by commas; all within reach where none is.

    Raises:
        InputError: There is no such suite, it has no such design, or none is within reach.
    """
    known = registry.designs_of(suite)
    named = chosen(designs, known, f"the suite {suite} has no design")
    if named:
        return named
    within_reach = [name for name in known if registry.is_within_reach(name)]
    if not within_reach:
        registry.load(known[0])  # raises, and says what to do
    return within_reach


def chosen(words: str, known: Sequence[str], missing: str) -> list[str]:
    """The names in a list that is separated by commas.

    Args:
        words: The list.
        known: The names that there are.
        missing: What to say of another one, up to "called ...".

    Raises:
        InputError: A name is not known.
    """
    names = [word.strip() for word in words.split(",") if word.strip()]
    for name in names:
        if name not in known:
            raise InputError(
                f"{missing} called {name!r}",
                hint=did_you_mean(name, known) or f"there are {', '.join(known)}",
            )
    return names


def compile_for(benchmark: Benchmark, agent: str, say: Callable[[str], None]) -> None:
    """Compile what agent and scores need for the netlist, and say so if it is not compiled yet."""
    netlist = benchmark.netlist
    if netlist.nodes_of(NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO).size:
        placers.compile_kernels(agent, netlist, say)
    if benchmark.tracks is not None and is_flat(netlist):
        route_estimate.compile_kernels(say)


def make_folder(folder: Path) -> Path:
    """Make the folder for results, before the time is spent that they take.

    Raises:
        InputError: It cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise InputError(
            "cannot write results there", where=str(folder), hint="name another folder with --out"
        )
    return folder
