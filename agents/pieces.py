"""Macros and cells by coloquinte alone, which knows no movable macros: a baseline.

Macros are cut into pieces, which coloquinte places among the cells (`agents.shredding`); then they
are made legal where their pieces lie (`agents.macro_rows`), and it places the cells around them
(`agents.cells`).
"""

from __future__ import annotations

import time

import numpy as np

from agents.cells import place_cells
from agents.flat.inputs import checked_start, on_one_point
from agents.macro_rows import on_rows
from agents.progress import Progress, ProgressCallback
from agents.shredding import rough_places
from placement_env.netlist import Netlist, NodeKind, Placement

# Efforts of coloquinte, for rough places and for the result.
_ROUGH_EFFORT, _EFFORT = 1, 3


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
    """Place all movable macros and cells of a flat netlist, legally.

    Args:
        netlist: A flat netlist with rows.
        start: Where fixed nodes are, and where movable macros may begin. Macros that all lie on one
            point have no place yet. None only where nothing is fixed.
        budget_s: Counts for nothing.
        seed: Seed of all parts.
        progress: Is told what is going on.
        gap_um: Least distance between hard macros.
        from_nothing: Ignore where macros are in `start`.

    Raises:
        InputError: There are no rows or no cells, or macros or cells do not fit.
    """
    began = time.perf_counter()

    def report(phase: str) -> None:
        if progress:
            progress(Progress(phase, time.perf_counter() - began, np.inf, np.inf, 0))

    start = checked_start(netlist, start)
    macros = np.flatnonzero((netlist.node_kind == NodeKind.HARD_MACRO) & ~netlist.fixed)
    if macros.size and (from_nothing or on_one_point(netlist, start, macros)):
        report("placing macros in pieces among the cells")
        start = rough_places(netlist, start, effort=_ROUGH_EFFORT, seed=seed)
    report("placing cells")
    legal = on_rows(netlist, start, gap_um=gap_um, seed=seed)
    return place_cells(netlist, legal, effort=_EFFORT, seed=seed)
