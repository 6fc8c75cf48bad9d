"""The flat placer: macros and cells of a netlist together, or the cells around macros that stay.

1. Macros and cells are spread as charges (`agents.flat.global_place`).
2. Macros are made legal, their order kept (`agents.flat.macro_legal`), and a local search moves
   them on (`agents.flat.macro_search`). Twice macros and cells are spread again from there,
   under more pressure, and macros made legal: each time they move less.
3. Cells are spread once more, around the macros; where routing tracks are given, also some rounds
   with cells made wider where wires crowd (`agents.flat.routable`).
4. Cells go to rows and sites (`agents.flat.row_legal`).
5. Moves of one or a few cells shorten the wires (`agents.flat.detailed`).

One setting serves all designs. The same netlist, start and seed give the same placement, however
many cores there are; processors of another kind round otherwise. Ctrl-C ends the spreading or the
refinement: what is at hand is made legal.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np

from agents.effort import check_effort
from agents.flat.detailed.refine import STEPS, StepGain, refine
from agents.flat.electrostatic import Schedule
from agents.flat.global_place import ANEW, ONWARDS, QUICK, SETTLE
from agents.flat.inputs import checked_start, on_one_point
from agents.flat.macro_legal import legalize_macros
from agents.flat.macro_search import search_macros
from agents.flat.placing_run import PlacingRun
from agents.flat.row_legal import legalize_rows, legalize_zones
from agents.flat.site_rows import site_rows
from agents.flat.toy import toy_flat
from agents.flat.wide_cells import narrowed, widened
from agents.flat.zones import zone_netlist, zones_with_cells
from agents.progress import ProgressCallback
from placement_env.kernels import compile_notice
from placement_env.netlist import IntArray, Netlist, NodeKind, Placement, hpwl_um
from placement_env.route_estimate import TrackSupply

_CELL = NodeKind.STANDARD_CELL
# How often macros and cells are spread again from where macros are legal.
_SETTLINGS = 2


def place(
    netlist: Netlist,
    start: Placement | None,
    *,
    budget_s: float = np.inf,
    seed: int,
    progress: ProgressCallback | None = None,
    gap_um: float = 0.0,
    from_nothing: bool = True,
    cores: int | None = None,
    density: float = 1.0,
    device: str = "cpu",
    tracks: TrackSupply | None = None,
    on_step: Callable[[StepGain], None] | None = None,
) -> Placement:
    """Place all movable macros and cells of a flat netlist, legally.

    Args:
        netlist: A flat netlist with rows; its net weights count.
        start: Where fixed nodes are, how macros are turned, and where they may begin; None only
            where nothing is fixed.
        budget_s: Counts for nothing: the placer takes as long as it takes.
        seed: Seed of all that is random.
        progress: Is told what is going on.
        gap_um: Least distance between hard macros.
        from_nothing: Ignore where macros are in `start`. Else macros that do not all lie on one
            point begin there, and move as far as that shortens the wires. Where movable cells are
            does not matter.
        cores: Cores to use; all by default. The result does not depend on it.
        density: The fullest that rows shall become, above 0 and up to 1. Below 1 cells are spread
            out, which costs wirelength and eases routing.
        device: Where macros and cells are spread (`agents.flat.device`); all other steps are done
            on the processor. Devices round in other ways, and so end at other placements.
        tracks: Routing tracks; with them, cells are spread out where wires would be too many.
        on_step: Is told what each step made of the wires.

    Raises:
        InputError: Budget or seed mean nothing; there are no rows or no cells; macros or cells do
            not fit; cells are not as high as the rows; soft macros are movable; or the device
            cannot be used.
    """
    check_effort(budget_s=budget_s if budget_s < np.inf else 1.0, seed=seed, moves=None)
    start = checked_start(netlist, start)
    run = PlacingRun(seed, progress, on_step, cores, device)
    macros = _movable(netlist, NodeKind.HARD_MACRO)
    if not (macros.size == 0 or from_nothing or on_one_point(netlist, start, macros)):
        start = _around_macros(run, netlist, start, gap_um, density)
        legal = _settled(run, netlist, start, gap_um, density, _SETTLINGS)
    else:
        legal = _macros(run, netlist, start, gap_um, density, _SETTLINGS)
    schedule = ONWARDS if macros.size else ANEW
    return _cells(run, netlist, legal, density, schedule, tracks=tracks)


def place_macros(
    netlist: Netlist,
    start: Placement,
    *,
    seed: int,
    progress: ProgressCallback | None = None,
    gap_um: float = 0.0,
    density: float = 1.0,
    settlings: int = _SETTLINGS,
    device: str = "cpu",
    search: bool = True,
) -> Placement:
    """All movable macros legal, and the cells about where they will be, with overlaps.

    Where no macro is movable, nothing is done.

    Args:
        netlist: As for `place`.
        start: As for `place`.
        seed: As for `place`.
        progress: As for `place`.
        gap_um: As for `place`.
        density: As for `place`.
        settlings: How often macros and cells are spread again from where macros are legal.
        device: As for `place`.
        search: Whether a local search follows where macros have become legal.
    """
    run = PlacingRun(seed, progress, device=device, search_macros=search)
    return _macros(run, netlist, start, gap_um, density, settlings)


def rough_places(
    netlist: Netlist,
    start: Placement,
    *,
    seed: int,
    progress: ProgressCallback | None = None,
    density: float = 1.0,
    device: str = "cpu",
) -> Placement:
    """All movable macros and cells where wires are short; they still overlap a little.

    Where no macro is movable, nothing is done. Arguments are those of `place`.
    """
    return _rough(PlacingRun(seed, progress, device=device), netlist, start, density)


def place_cells(
    netlist: Netlist,
    start: Placement,
    *,
    seed: int,
    progress: ProgressCallback | None = None,
    density: float = 1.0,
    tracks: TrackSupply | None = None,
    onwards: bool = False,
    detailed: Collection[str] = STEPS,
    device: str = "cpu",
) -> Placement:
    """All movable cells on rows and sites without overlap; macros stay.

    Args:
        netlist: A flat netlist with rows.
        start: Where macros and fixed nodes are; positions of movable cells count with `onwards`.
        seed: Seed of all that is random.
        progress: Is told what is going on.
        density: As for `place`.
        tracks: As for `place`.
        onwards: Whether cells are already roughly where they shall be.
        detailed: Steps of detailed placement that are taken (`agents.flat.detailed.refine.STEPS`).
        device: As for `place`.

    Raises:
        InputError: As `agents.flat.site_rows.site_rows`; or the device cannot be used.
    """
    run = PlacingRun(seed, progress, device=device)
    schedule = ONWARDS if onwards else ANEW
    return _cells(run, netlist, start, density, schedule, detailed, tracks)


def quick_wirelength_um(netlist: Netlist, start: Placement, *, seed: int = 1) -> float:
    """Weighted HPWL with the cells spread around macros that stay, in a hurry and not legal.

    For comparing places of macros: about a second for 10,000 cells.

    Args:
        netlist: A flat netlist with rows.
        start: Where macros are, and where cells begin.
        seed: Seed of the fillers' places.
    """
    cells = _movable(netlist, _CELL)
    if not cells.size:
        return hpwl_um(netlist, start)
    return hpwl_um(netlist, PlacingRun(seed, None).spread(netlist, start, cells, QUICK, ""))


def _macros(
    run: PlacingRun,
    netlist: Netlist,
    start: Placement,
    gap_um: float,
    density: float,
    settlings: int,
) -> Placement:
    rough = _rough(run, netlist, start, density)
    if rough is start:
        return start
    legal = _macros_legal(run, netlist, rough, gap_um)
    return _settled(run, netlist, legal, gap_um, density, settlings)


def _around_macros(
    run: PlacingRun, netlist: Netlist, start: Placement, gap_um: float, density: float
) -> Placement:
    """Macros legal where the start has them, and cells spread around them."""
    legal = _macros_legal(run, netlist, start, gap_um)
    cells = _movable(netlist, _CELL)
    return run.spread(widened(netlist, density), legal, cells, ANEW, "cells spread")


def _settled(
    run: PlacingRun,
    netlist: Netlist,
    legal: Placement,
    gap_um: float,
    density: float,
    settlings: int,
) -> Placement:
    """Macros and cells spread again from where macros are legal, and macros made legal again."""
    for _ in range(settlings):
        rough = _rough(run, netlist, legal, density, SETTLE)
        legal = _macros_legal(run, netlist, rough, gap_um)
    return legal


def _rough(
    run: PlacingRun, netlist: Netlist, start: Placement, density: float, schedule: Schedule = ANEW
) -> Placement:
    macros, cells = _movable(netlist, NodeKind.HARD_MACRO), _movable(netlist, _CELL)
    if not macros.size:
        return start
    moves = np.concatenate([macros, cells])
    wide = widened(netlist, density)
    return run.spread(wide, start, moves, schedule, "macros and cells spread")


def _macros_legal(run: PlacingRun, netlist: Netlist, rough: Placement, gap_um: float) -> Placement:
    def work() -> Placement:
        return legalize_macros(netlist, rough, gap_um=gap_um, seed=run.seed)

    def search() -> Placement:
        return search_macros(netlist, legal, gap_um=gap_um, seed=run.seed)

    legal = run.legalize("macros legal", netlist, rough, work)
    if not run.search_macros:
        return legal
    return run.improve("macros searched", netlist, legal, search)


def _cells(
    run: PlacingRun,
    netlist: Netlist,
    start: Placement,
    density: float,
    schedule: Schedule,
    detailed: Collection[str] = STEPS,
    tracks: TrackSupply | None = None,
) -> Placement:
    cells = _movable(netlist, _CELL)
    zones = zones_with_cells(netlist)
    unplaced = np.isin(np.arange(netlist.num_nodes), cells)
    for zone in zones:
        # Raises what the rows cannot hold before the long work.
        site_rows(zone_netlist(netlist, zone, unplaced), start)
    if not cells.size:
        return start
    wide = widened(netlist, density)
    spread = run.spread(wide, start, cells, schedule, "cells spread")
    if tracks is not None:
        wide, spread = run.inflate(wide, spread, cells, tracks)
    legal = run.legalize(
        "cells on rows", netlist, spread, lambda: legalize_zones(wide, zones, spread)
    )
    for zone in zones:
        if not run.interrupted:
            legal = run.refine(zone_netlist(wide, zone), legal, detailed)
    return narrowed(netlist, wide, legal)


def _movable(netlist: Netlist, kind: NodeKind) -> IntArray:
    return np.flatnonzero((netlist.node_kind == kind) & ~netlist.fixed)


def compile_kernels(report: Callable[[str], None] | None = None) -> float:
    """Compile what the flat placer needs; returns the seconds that it took.

    `report` gets a line before and after the compilation, and nothing where there was none.
    """
    return compile_notice("flat placer", _compile_most, report, beside=_compile_global_swap)


def _compile_most() -> None:
    netlist, start = toy_flat()
    macros_legal = legalize_macros(netlist, rough_places(netlist, start, seed=1))
    search_macros(netlist, macros_legal)
    legal = legalize_rows(netlist, macros_legal)
    refine(netlist, legal, flip=True, only=[step for step in STEPS if "swap" not in step])


def _compile_global_swap() -> None:
    """The kernel of both kinds of swaps takes as long as all others together."""
    netlist, start = toy_flat()
    apart = replace(start, x_um=4.0 * np.arange(netlist.num_nodes))
    legal = legalize_rows(netlist, legalize_macros(netlist, apart))
    refine(netlist, legal, rounds=1, only=["global swap"])
