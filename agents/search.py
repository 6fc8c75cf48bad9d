"""Macro placement by simulated annealing on the exact proxy cost.

A legal start, then millions of moves of hard and soft macros, each decided on the exact change of
the cost (S. Kirkpatrick, C. D. Gelatt, M. P. Vecchi, "Optimization by simulated annealing", Science
220, 1983). What counts in the end is the robust cost: of the best placements met, the one is
returned whose cost is least when every macro is nudged a little.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from agents.annealing_run import AnnealingRun, Start
from agents.annealing_schedule import Control, tuned
from agents.effort import check_effort
from agents.lattice import Lattice, make_lattice
from agents.legal_start import check_fits, legal_start, movable, nowhere
from agents.progress import Progress, ProgressCallback
from placement_env.cores import usable_cores
from placement_env.cost.incremental import IncrementalCost
from placement_env.cost.model import CostModel, cost_model
from placement_env.cost.proxy import check_positions, robust_cost
from placement_env.cost.toy import toy_netlist
from placement_env.errors import InputError
from placement_env.kernels import compile_notice
from placement_env.netlist import IntArray, Netlist, Placement

#: A placement to begin with, given where nodes are that stay; None where there is none.
Propose = Callable[[Placement], Placement | None]
#: How often soft macros settle before two starts are compared: once tells mostly what ten times do,
#: and takes a tenth of a second rather than up to a whole one.
_SWEEPS = 1
#: Shares of a placement become too small for more threads.
MOST_CORES = 8


def place(
    netlist: Netlist,
    start: Placement | None,
    *,
    budget_s: float,
    seed: int,
    progress: ProgressCallback | None = None,
    gap_um: float = 0.0,
    grid_um: float | None = None,
    moves: int | None = None,
    from_nothing: bool = False,
    flips: bool = False,
    cores: int | None = None,
    control: Control = tuned,
    propose: Propose | None = None,
    until_interrupted: bool = True,
) -> Placement:
    """Place the movable hard and soft macros of `netlist`; all other nodes stay.

    Legal whenever it returns: movable macros inside the canvas, and apart by `gap_um` from every
    hard macro if hard, both in float32 as well. Interrupted by Ctrl-C after its start, it returns
    the best placement so far. A netlist without movable macros gets its start back.

    Args:
        netlist: A netlist with a grid.
        start: Where its nodes are; overlaps and macros outside are repaired first. None where all
            nodes are movable macros: then they are placed from nothing.
        budget_s: Seconds that it may take; the compilation of kernels does not count.
        seed: The same seed, `moves` and `cores` give the same placement.
        progress: Called a few times a second.
        gap_um: Least distance between hard macros.
        grid_um: Lower left corners of macros lie on multiples of it from the canvas's corner; None:
            centres on multiples of a power of two, about 0.001 um, which float32 holds exactly.
        moves: Try that many moves, however long it takes, instead of watching the clock.
        from_nothing: Ignore where the movable macros are in `start`.
        flips: Turn hard macros over as well (N, FN, FS and S, or W, FW, FE and E).
        cores: Threads to use; None: as many as there are cores, but not more than MOST_CORES.
        control: What chooses how the annealing goes.
        propose: Is asked, in a run from nothing, where hard macros are moved to now and then, and
            where the run begins if that costs less than where nets pull; macros may overlap there.
        until_interrupted: Whether Ctrl-C ends the search with the best placement so far; otherwise
            it is raised.

    Raises:
        InputError: The netlist has no grid, the start does not fit it or has a node without a
            position, a macro is larger than the canvas, or the macros cannot be made legal.
    """
    check_effort(budget_s=budget_s, seed=seed, moves=moves)
    if cores is not None and cores < 1:
        raise InputError(f"the number of cores is {cores}, expected 1 or more")
    if start is None:
        start, from_nothing = nowhere(netlist), True
    check_positions(netlist, start)
    model = cost_model(netlist, start.orient)
    lattice = make_lattice(netlist, model, gap_um=gap_um, grid_um=grid_um)
    hard, soft = movable(netlist, model)
    if len(hard) + len(soft) == 0:
        return start
    check_fits(netlist, model, hard=hard, soft=soft)
    compile_kernels()

    began = time.perf_counter()
    if progress:
        budget = budget_s if moves is None else np.inf
        progress(Progress("legal start", 0.0, budget, np.inf, 0))

    def legal(wanted: Placement, *, ignored: bool = False) -> Start:
        x, y = legal_start(
            netlist,
            model,
            lattice,
            wanted.x_um - model.left_um,
            wanted.y_um - model.bottom_um,
            hard=hard,
            soft=soft,
            seed=seed,
            from_nothing=ignored,
        )
        return Start(x, y, from_nothing)

    first = legal(start, ignored=from_nothing)
    if from_nothing and propose and (proposed := propose(start)):
        plan = proposed.x_um - model.left_um, proposed.y_um - model.bottom_um
        with contextlib.suppress(InputError):  # It cannot be made legal.
            planned = legal(proposed)
            if _settled_cost(model, planned, soft) < _settled_cost(model, first, soft):
                first = planned
        first = replace(first, plan=plan)
    run = AnnealingRun(
        model,
        lattice,
        start,
        first,
        hard=hard,
        soft=soft,
        seed=seed,
        flips=flips,
        threads=cores or min(usable_cores(), MOST_CORES),
        control=control,
    )
    with contextlib.closing(run):
        with contextlib.suppress(*([KeyboardInterrupt] if until_interrupted else [])):
            if moves is None:
                run.until(began, budget_s, progress)
            else:
                run.count(moves, progress)
        return run.best()


def _settled_cost(model: CostModel, start: Start, soft: IntArray) -> float:
    """The cost of a start after its soft macros have settled."""
    cost = IncrementalCost(model, start.x + model.left_um, start.y + model.bottom_um)
    cost.settle(soft.astype(np.int32), sweeps=_SWEEPS)
    return cost.cost.total


def compile_kernels(report: Callable[[str], None] | None = None) -> float:
    """Compile what `place` needs, unless it is compiled; returns the seconds that it took.

    `report` gets a line before and after the compilation, and nothing where there was none.
    """
    return compile_notice("placement search", _toy_annealing, report, beside=_toy_ends)


def _toy_annealing() -> None:
    _, start, model, lattice, hard, soft = _toy()
    run = AnnealingRun(
        model,
        lattice,
        start,
        Start(start.x_um, start.y_um),
        hard=hard,
        soft=soft,
        seed=1,
        flips=True,
        threads=1,
    )
    with contextlib.closing(run):
        run.count(2, None)


def _toy_ends() -> None:
    """The legal start and the choice among finalists, on a toy."""
    netlist, start, model, lattice, hard, soft = _toy()
    legal_start(netlist, model, lattice, start.x_um, start.y_um, hard=hard, soft=soft, seed=1)
    robust_cost(model, start.x_um, start.y_um, draws=1)


def _toy() -> tuple[Netlist, Placement, CostModel, Lattice, IntArray, IntArray]:
    """A toy netlist, its start, cost model and lattice, and its hard and soft macros that move."""
    netlist, start = toy_netlist()
    model = cost_model(netlist, start.orient)
    lattice = make_lattice(netlist, model, gap_um=0.0, grid_um=None)
    return netlist, start, model, lattice, *movable(netlist, model)
