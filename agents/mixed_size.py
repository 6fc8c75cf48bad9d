"""Macros and cells of a flat netlist, placed one after the other.

1. A rough place for each macro, from the start or, where that has none, from cutting the macros
   into pieces and placing the pieces among the cells (`agents.shredding`).
2. The macros legal and on rows and sites, near their rough places.
3. The cells on the rows that the macros leave (`agents.cells`).

Clustered netlists have no cells; they go to the search on the proxy cost (`agents.search`).
"""

from __future__ import annotations

import time

import numpy as np

from agents import search
from agents.cells import place_cells
from agents.macro_rows import on_rows
from agents.progress import Progress, ProgressCallback
from agents.shredding import rough_places
from placement_env.errors import InputError
from placement_env.netlist import IntArray, Netlist, NodeKind, Placement, oriented_size

#: Efforts of the cell placer, for rough places and for the result.
_ROUGH_EFFORT, _EFFORT = 2, 3


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
    """Place all movable macros and cells of a netlist, legally.

    Args:
        netlist: A clustered netlist with a grid, or a flat one with rows.
        start: Where fixed nodes are, and where movable macros may begin. Macros that all lie on one
            point have no place yet. None only where nothing is fixed.
        budget_s: Seconds for the search of a clustered netlist. A flat one takes what its cells
            take, whatever the budget.
        seed: Seed of all parts.
        progress: Is told what is going on.
        gap_um: Least distance between hard macros.
        from_nothing: Ignore where macros are in `start`.

    Raises:
        InputError: A macro is larger than the canvas, macros or cells do not fit, or rows are
            missing.
    """
    if not (netlist.node_kind == NodeKind.STANDARD_CELL).any():
        return search.place(
            netlist,
            start,
            budget_s=budget_s,
            seed=seed,
            progress=progress,
            gap_um=gap_um,
            from_nothing=from_nothing,
        )
    began = time.perf_counter()

    def report(phase: str) -> None:
        if progress:
            progress(Progress(phase, time.perf_counter() - began, np.inf, np.inf, 0))

    if netlist.rows is None or len(netlist.rows.y_um) == 0:
        raise InputError(
            "the netlist has no rows to place cells and macros on",
            where=netlist.name,
            hint="use a DEF with ROW statements or a Bookshelf design with a .scl file",
        )
    start = _start(netlist, start)
    _check_sizes(netlist, start)
    macros = np.flatnonzero((netlist.node_kind == NodeKind.HARD_MACRO) & ~netlist.fixed)
    if macros.size:
        if from_nothing or _on_one_point(netlist, start, macros):
            report("placing macros in pieces among the cells")
            start = rough_places(netlist, start, effort=_ROUGH_EFFORT, seed=seed)
        report("making macros legal")
        start = on_rows(netlist, start, gap_um=gap_um, seed=seed)
    report("placing cells")
    return place_cells(netlist, start, effort=_EFFORT, seed=seed)


def _start(netlist: Netlist, start: Placement | None) -> Placement:
    """The start, or the centre of the canvas for all nodes where there is none."""
    if start is not None:
        return start
    stuck = np.flatnonzero(netlist.fixed)
    if stuck.size:
        raise InputError(
            f"there is no start, and {netlist.node_name[stuck[0]]!r} is fixed",
            where=netlist.name,
            hint="give a start with the positions of fixed nodes and from_nothing=True",
        )
    canvas, n = netlist.canvas, netlist.num_nodes
    return Placement(
        np.full(n, (canvas.left_um + canvas.right_um) / 2),
        np.full(n, (canvas.bottom_um + canvas.top_um) / 2),
        np.zeros(n, np.int64),
    )


def _check_sizes(netlist: Netlist, start: Placement) -> None:
    """Raise `InputError` for a movable macro that is larger than the canvas."""
    canvas = netlist.canvas
    for side, size, room in zip(
        ("width", "height"),
        oriented_size(netlist, start),
        (canvas.width_um, canvas.height_um),
        strict=True,
    ):
        macro = (netlist.node_kind == NodeKind.HARD_MACRO) & ~netlist.fixed
        for node in np.flatnonzero(macro & (size > room))[:1]:
            raise InputError(
                f"macro {netlist.node_name[node]!r} has a {side} of {size[node]:g}, "
                f"the canvas one of {room:g}",
                where=netlist.name,
                hint="make the canvas larger",
            )


def _on_one_point(netlist: Netlist, start: Placement, macros: IntArray) -> bool:
    """Whether the macros' centres, or their lower left corners, are all the same."""
    width, height = oriented_size(netlist, start)
    centres = np.stack([start.x_um[macros], start.y_um[macros]])
    corners = centres - np.stack([width[macros], height[macros]]) / 2
    apart = [np.ptp(points, axis=1).max() for points in (centres, corners)]
    return len(macros) > 1 and not min(apart) > 1e-6
