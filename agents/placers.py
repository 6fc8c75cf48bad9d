"""The placers that users choose by name.

| name       | what it does                                                             |
| ---------- | ------------------------------------------------------------------------ |
| graph-rl   | graph policy, learned control and search (`agents.placer`)               |
| search     | the search alone, as tuned by hand (`agents.search`)                     |
| annealing  | textbook simulated annealing (`agents.annealing`), a baseline            |
| greedy     | each macro where it is cheapest (`agents.greedy`), a baseline            |
| quadratic  | macros where nets pull them (`agents.without_search`), a baseline        |
| random     | macros anywhere (`agents.without_search`), a baseline                    |
| flat       | macros and cells together, by wirelength (`agents.flat.placer`)          |
| coloquinte | macros in pieces, placed as cells are (`agents.pieces`), a baseline      |

Those up to random place macros, hard and soft ones, on a grid. A folder of a training run or one of
its checkpoints, or a file .safetensors, is graph-rl with the policy of that. Where a netlist has
standard cells as well, the chosen one places the macros among groups of cells, and
`agents.mixed_size` does the rest. The last two are for such netlists alone; flat is the default
there, and graph-rl elsewhere. A floorplan, which has neither cells nor a grid for the proxy cost,
is searched by `agents.floorplanner`, which goes by the name search. Placers of others go by their
import path or their command (`agents.foreign`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from agents import (
    annealing,
    floorplanner,
    foreign,
    greedy,
    legal_places,
    mixed_size,
    pieces,
    search,
    without_search,
)
from agents.flat import placer as flat_placer
from agents.progress import ProgressCallback
from placement_env.did_you_mean import did_you_mean
from placement_env.errors import InputError
from placement_env.netlist import Netlist, NodeKind, Placement


class Placer(Protocol):
    """A function that places the movable macros, and cells if there are any, of a netlist."""

    def __call__(
        self,
        netlist: Netlist,
        start: Placement | None,
        *,
        budget_s: float,
        seed: int,
        progress: ProgressCallback | None = None,
        gap_um: float = 0.0,
        from_nothing: bool = False,
        **options: Any,
    ) -> Placement:
        """Place `netlist`.

        Args:
            netlist: A clustered netlist with a grid, or a flat one with rows.
            start: Where its nodes are; None only where nothing is fixed.
            budget_s: Seconds for the placing of macros.
            seed: Seed of all that is random.
            progress: Is told what is going on.
            gap_um: Least distance between hard macros.
            from_nothing: Ignore where movable macros are in `start`.
            options: Further options of the named placer. All that watch the clock have `moves`, a
                number of moves to try instead, which gives the same result on as many cores.

        Raises:
            InputError: The placer has no such option, or the netlist cannot be placed.
        """
        ...


#: The placer with a policy; only where it is asked for is PyTorch loaded.
AGENT = "graph-rl"

_PLACE: dict[str, Callable[..., Placement]] = {
    "search": search.place,
    "annealing": annealing.place,
    "greedy": greedy.place,
    "quadratic": without_search.place_quadratic,
    "random": without_search.place_random,
    "flat": flat_placer.place,
    "coloquinte": pieces.place,
}

#: These place macros and cells, the others macros alone.
PLACE_CELLS = ("flat", "coloquinte")

#: Options of `agents.mixed_size`, not of the placer of macros that it asks.
_FOR_CELLS = frozenset({"tracks"})

#: The names, the best placer first.
NAMES = (AGENT, *_PLACE)


def named(name: str) -> Placer:
    """The placer of that name, import path or command.

    Raises:
        InputError: There is none.
    """
    _known(name)

    def place(
        netlist: Netlist,
        start: Placement | None,
        *,
        budget_s: float,
        seed: int,
        progress: ProgressCallback | None = None,
        gap_um: float = 0.0,
        from_nothing: bool = False,
        **options: Any,
    ) -> Placement:
        function = _function(name, netlist)
        known = options_of(name, netlist)
        for option in options:
            if option not in known:
                raise InputError(
                    f"the placer {name!r} has no option {option!r} for {netlist.name}",
                    hint=did_you_mean(option, sorted(known)),
                )
        if netlist.fences is not None and name == "coloquinte":
            raise InputError(
                f"the placer {name!r} does not keep cells in fences, and the netlist has "
                f"{len(netlist.fences.name)}",
                where=netlist.name,
                hint="use --agent flat",
            )
        if _places_macros_alone(name, netlist):
            for_cells = {option: options.pop(option) for option in _FOR_CELLS & options.keys()}
            macro_placer = partial(function, **options)
            chosen = partial(mixed_size.place, macro_placer=macro_placer, **for_cells)
        else:
            chosen = partial(function, **options)
        return chosen(
            netlist,
            start,
            budget_s=budget_s,
            seed=seed,
            progress=progress,
            gap_um=gap_um,
            from_nothing=from_nothing,
        )

    return place


def default_for(netlist: Netlist) -> str:
    """The placer of such a netlist where users name none; of blocks alone, the floorplanner."""
    if is_floorplan(netlist):
        return "search"
    has_cells = netlist.nodes_of(NodeKind.STANDARD_CELL).size > 0
    return "flat" if has_cells else AGENT


def is_policy(name: str) -> bool:
    """Whether the name is of the agent: its own, or that of a checkpoint of a policy."""
    path = Path(name)
    is_checkpoint = path.suffix == ".safetensors" or path.is_dir()
    return name == AGENT or (name not in _PLACE and is_checkpoint)


def is_floorplan(netlist: Netlist) -> bool:
    """Whether the netlist is blocks alone: no cells, no groups of them, no grid for a cost."""
    cells = netlist.nodes_of(NodeKind.STANDARD_CELL, NodeKind.SOFT_MACRO)
    return netlist.grid is None and not cells.size


def options_of(name: str, netlist: Netlist) -> frozenset[str]:
    """The options that the placer of that name has for the netlist.

    Raises:
        InputError: There is none, or it cannot place such a netlist.
    """
    options = frozenset(inspect.signature(_function(name, netlist)).parameters)
    return options | _FOR_CELLS if _places_macros_alone(name, netlist) else options


def compile_kernels(
    name: str, netlist: Netlist, report: Callable[[str], None] | None = None
) -> float:
    """Compile what the placer of that name needs; returns the seconds that it took.

    `report` gets a line before and after the compilation, and nothing where there was none.

    Raises:
        InputError: There is none.
    """
    if name == "coloquinte" or not _is_ours(_known(name)):
        return 0.0
    has_cells = netlist.nodes_of(NodeKind.STANDARD_CELL).size > 0
    seconds = flat_placer.compile_kernels(report) if has_cells else 0.0
    if name == "flat":
        return seconds
    return seconds + _compile_for_macros(name, netlist, report)


def _compile_for_macros(name: str, netlist: Netlist, report: Callable[[str], None] | None) -> float:
    """`compile_kernels` for what places macros."""
    if is_floorplan(netlist):
        return floorplanner.compile_kernels(report)
    if is_policy(name):
        from agents import placer

        return placer.compile_kernels(report)
    return (search if name == "search" else legal_places).compile_kernels(report)


def _function(name: str, netlist: Netlist) -> Callable[..., Placement]:
    """What places the macros of the netlist for the placer of that name."""
    if not _is_ours(_known(name)):
        return foreign.placer(name)
    if not is_floorplan(netlist):
        if not is_policy(name):
            return _PLACE[name]
        from agents import placer

        return placer.place if name == AGENT else partial(placer.place, policy=Path(name))
    if name not in (AGENT, "search"):
        raise InputError(
            f"the placer {name!r} is not for floorplans, and {netlist.name} is blocks alone",
            hint=f"use the placer {AGENT!r}, which has a floorplanner for such blocks",
        )
    return floorplanner.place


def _places_macros_alone(name: str, netlist: Netlist) -> bool:
    """Whether cells of the netlist are left to `agents.mixed_size`."""
    has_cells = netlist.nodes_of(NodeKind.STANDARD_CELL).size > 0
    return has_cells and name not in PLACE_CELLS and _is_ours(name)


def _is_ours(name: str) -> bool:
    return name in _PLACE or is_policy(name)


def _known(name: str) -> str:
    if not _is_ours(name) and not foreign.is_foreign(name):
        raise InputError(
            f"there is no placer called {name!r}",
            hint=did_you_mean(name, NAMES)
            or f"the placers are {', '.join(NAMES)}; of your own: a checkpoint, "
            "MODULE:FUNCTION or a command",
        )
    return name
