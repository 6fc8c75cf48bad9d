"""Macros and cells of a flat netlist, placed one after the other.

1. A rough place for each macro, from the start or, where that has none, from spreading macros and
   cells together (`agents.flat.placer`).
2. The cells in groups, and the search on the proxy cost over macros and groups (`agents.search`, or
   another placer of macros).
3. The macros on rows and sites, near where the search has them (`agents.flat.macro_legal`).
4. The cells on the rows that the macros leave (`agents.flat.placer`).

Clustered netlists have no cells; they go to the search on the proxy cost (`agents.search`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from agents import search
from agents.flat.inputs import checked_start, on_one_point
from agents.flat.macro_legal import legalize_macros
from agents.flat.placer import place_cells, place_macros
from agents.progress import Progress, ProgressCallback
from placement_env.errors import InputError
from placement_env.grouping import (
    default_grid,
    group_cells,
    grouped_netlist,
    grouped_placement,
    ungrouped_placement,
)
from placement_env.netlist import (
    Canvas,
    IntArray,
    Netlist,
    NodeKind,
    Placement,
)
from placement_env.route_estimate import TrackSupply

#: Routes in a row's height each way, all and those that a macro takes, for netlists that state no
#: grid: ten tracks a layer, three layers each way, of which a macro blocks two.
_ROUTES, _MACRO_ROUTES = 30.0, 20.0


def place(
    netlist: Netlist,
    start: Placement | None,
    *,
    budget_s: float,
    seed: int,
    progress: ProgressCallback | None = None,
    gap_um: float = 0.0,
    from_nothing: bool = False,
    macro_placer: Callable[..., Placement] = search.place,
    tracks: TrackSupply | None = None,
) -> Placement:
    """Place all movable macros and cells of a netlist, legally.

    Args:
        netlist: A clustered netlist with a grid, or a flat one with rows.
        start: Where fixed nodes are, and where movable macros may begin. Macros that all lie on one
            point have no place yet. None only where nothing is fixed.
        budget_s: Seconds for the search; rough places and cells take their own time before and
            after it.
        seed: Seed of all parts.
        progress: Is told what is going on.
        gap_um: Least distance between hard macros.
        from_nothing: Ignore where macros are in `start`.
        macro_placer: Places macros by the proxy cost, as `agents.search.place` does.
        tracks: Routing tracks; with them, cells are spread out where wires would be too many.

    Raises:
        InputError: A macro is larger than the canvas, macros or cells do not fit, or rows are
            missing.
    """
    if not (netlist.node_kind == NodeKind.STANDARD_CELL).any():
        return macro_placer(
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

    if not (np.isfinite(budget_s) and budget_s > 0):
        raise InputError(f"the budget is {budget_s} s, expected more than 0")
    start = checked_start(netlist, start)
    macros = np.flatnonzero((netlist.node_kind == NodeKind.HARD_MACRO) & ~netlist.fixed)
    if macros.size:
        if from_nothing or on_one_point(netlist, start, macros):
            start = place_macros(netlist, start, seed=seed, progress=progress, gap_um=gap_um)
        report("grouping cells")
        group = group_cells(netlist, seed=seed)
        grouped, grouped_start = grouped_problem(netlist, group, start)
        found = macro_placer(
            grouped,
            grouped_start,
            budget_s=budget_s,
            seed=seed,
            progress=progress and _with_cells(progress, netlist, group, start),
            gap_um=gap_um,
        )
        found = ungrouped_placement(netlist, group, start, found)
        start = _with_nodes(start, macros, found)
        report("macros legal")
        start = legalize_macros(netlist, start, gap_um=gap_um, seed=seed)
    return place_cells(netlist, start, seed=seed, progress=progress, tracks=tracks)


def _with_nodes(placement: Placement, nodes: IntArray, other: Placement) -> Placement:
    """The placement with some nodes where another has them."""
    x_um, y_um, orient = placement.x_um.copy(), placement.y_um.copy(), placement.orient.copy()
    x_um[nodes], y_um[nodes] = other.x_um[nodes], other.y_um[nodes]
    orient[nodes] = other.orient[nodes]
    return Placement(x_um, y_um, orient)


def _with_cells(
    progress: ProgressCallback, netlist: Netlist, group: IntArray, start: Placement
) -> ProgressCallback:
    """Passes reports on, with snapshots of the netlist with cells in place of the grouped one."""

    def tell(report: Progress) -> None:
        grouped = report.snapshot
        if grouped is not None:
            report = replace(
                report, snapshot=lambda: ungrouped_placement(netlist, group, start, grouped())
            )
        progress(report)

    return tell


def grouped_problem(
    netlist: Netlist, group: IntArray, start: Placement
) -> tuple[Netlist, Placement]:
    """The netlist of macros and groups on the canvas of the rows, and its start."""
    assert netlist.rows is not None
    rows = netlist.rows
    canvas = Canvas(
        float(rows.x_um.min()),
        float(rows.y_um.min()),
        float((rows.x_um + rows.sites * rows.site_width_um).max()),
        float((rows.y_um + rows.height_um).max()),
    )
    grouped = replace(grouped_netlist(netlist, group), canvas=canvas)
    if grouped.grid is None:
        row_um = float(rows.height_um[0])
        grid = default_grid(
            grouped,
            h_tracks_per_um=_ROUTES / row_um,
            v_tracks_per_um=_ROUTES / row_um,
            h_macro_tracks_per_um=_MACRO_ROUTES / row_um,
            v_macro_tracks_per_um=_MACRO_ROUTES / row_um,
        )
        grouped = replace(grouped, grid=grid)
    placement = grouped_placement(netlist, group, start)
    # Ports lie on the edge of the die, beyond the rows.
    port = grouped.nodes_of(NodeKind.PORT)
    placement.x_um[port] = np.clip(placement.x_um[port], canvas.left_um, canvas.right_um)
    placement.y_um[port] = np.clip(placement.y_um[port], canvas.bottom_um, canvas.top_um)
    return grouped, placement
