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
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from agents.lattice import Lattice, make_lattice
from agents.legal_start import legal_start
from agents.moves import Movers
from agents.progress import Progress, ProgressCallback
from agents.search_kernel import anneal
from placement_env.cost.incremental import Tops, fill, new_bound, new_trial
from placement_env.cost.model import CostModel, cost_model
from placement_env.cost.proxy import check_positions, robust_cost
from placement_env.cost.state import new_state
from placement_env.errors import InputError
from placement_env.kernels import compile_notice
from placement_env.netlist import Canvas, FloatArray, Grid, Netlist, NodeKind, Placement

# Temperatures for netlists of some 900 macros, in units of the cost; a single macro weighs more in
# smaller ones.
_HOT, _COLD = 1.5e-4, 1e-6
_USUAL_MACROS = 900
# Length of steps at first and in the end, as a share of the canvas.
_WIDE, _NARROW = 0.15, 0.01
# Moves between two looks at the clock, at first; then as many as take _SLICE_S.
_FIRST_SLICE = 500
_SLICE_S = 0.05
# With a fixed number of moves, the temperature falls in this many steps.
_STEPS = 400
# Placements among which the robust cost decides.
_FINALISTS = 4
_REPORT_EVERY_S = 0.25


@dataclass(frozen=True)
class _Found:
    cost: float
    x_um: FloatArray
    y_um: FloatArray


@dataclass
class _Best:
    """The legal start and the best placements since, best first."""

    found: list[_Found] = field(default_factory=list)

    def offer(self, cost: float, x_um: FloatArray, y_um: FloatArray) -> None:
        if len(self.found) < _FINALISTS or cost < self.found[-1].cost:
            ranked = [*self.found, _Found(cost, x_um, y_um)]
            self.found = sorted(ranked, key=lambda one: one.cost)[:_FINALISTS]

    def robust(self, model: CostModel, seed: int) -> _Found:
        costs = [robust_cost(model, one.x_um, one.y_um, seed=seed) for one in self.found]
        return self.found[int(np.argmin(costs))]


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
) -> Placement:
    """Place the movable hard and soft macros of `netlist`; all other nodes stay.

    Legal whenever it returns: macros inside the canvas, hard macros apart by `gap_um`, both in
    float32 as well. Interrupted by Ctrl-C after its start it returns the best placement so far.

    Args:
        netlist: A netlist with a grid.
        start: Where its nodes are; overlaps and macros outside are repaired first. None where all
            nodes are movable macros: then they are placed from nothing.
        budget_s: Seconds that it may take; the compilation of kernels does not count.
        seed: The same seed and `moves` give the same placement.
        progress: Called a few times a second.
        gap_um: Least distance between hard macros.
        grid_um: Lower left corners of macros lie on multiples of it from the canvas's corner; None:
            centres on a power of two, about 0.001 um, which float32 holds exactly.
        moves: Try that many moves, however long it takes, instead of watching the clock.
        from_nothing: Ignore where the macros are in `start`.

    Raises:
        InputError: The netlist has no grid, the start does not fit it or has a node without a
            position, a macro is larger than the canvas, or the macros cannot be made legal.
    """
    if moves is None and not (np.isfinite(budget_s) and budget_s > 0):
        raise InputError(f"the budget is {budget_s} s, expected more than 0")
    if moves is not None and moves < 0:
        raise InputError(f"the number of moves is {moves}, expected 0 or more")
    start, from_nothing = _checked_start(netlist, start, from_nothing)
    compile_kernels()
    began = time.perf_counter()
    search = _Search(netlist, start, seed, gap_um, grid_um, from_nothing)
    if search.movable == 0:
        return start
    deadline = None if moves is not None else began + budget_s
    with contextlib.suppress(KeyboardInterrupt):
        search.run(began, deadline, moves, progress)
    return search.result(seed)


def compile_kernels(report: Callable[[str], None] | None = None) -> float:
    """Compile what `place` needs, unless it is compiled; returns the seconds that it took.

    `report` gets a line before and after the compilation, and nothing where there was none.
    """
    return _compile_once(report)


@cache
def _compile_once(report: Callable[[str], None] | None) -> float:
    return compile_notice("placement search", _toy_search, report)


def _toy_search() -> None:
    kinds = np.array([NodeKind.HARD_MACRO, NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO])
    netlist = Netlist(
        name="toy",
        node_name=("a", "b", "c"),
        node_kind=kinds.astype(np.int64),
        width_um=np.full(3, 10.0),
        height_um=np.full(3, 10.0),
        fixed=np.zeros(3, dtype=bool),
        pin_node=np.arange(3),
        pin_dx_um=np.zeros(3),
        pin_dy_um=np.zeros(3),
        net_start=np.array([0, 3]),
        net_weight=np.ones(1),
        canvas=Canvas(0.0, 0.0, 40.0, 40.0),
        grid=Grid(4, 4, 1.0, 1.0, 1.0, 1.0, 1),
    )
    start = Placement(np.full(3, 20.0), np.full(3, 20.0), np.zeros(3, np.int64))
    search = _Search(netlist, start, 1, 0.0, None, False)
    search.run(time.perf_counter(), None, 2, None)
    search.result(1)


def _checked_start(
    netlist: Netlist, start: Placement | None, from_nothing: bool
) -> tuple[Placement, bool]:
    if start is not None:
        check_positions(netlist, start)
        return start, from_nothing
    movable = np.isin(netlist.node_kind, [NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO])
    stuck = np.flatnonzero(~movable | netlist.fixed)
    if stuck.size:
        raise InputError(
            f"there is no start, and node {netlist.node_name[stuck[0]]!r} cannot be placed",
            where=netlist.name,
            hint="give a start with the positions of ports and fixed nodes and from_nothing=True",
        )
    nowhere = np.zeros(netlist.num_nodes)
    return Placement(nowhere, nowhere.copy(), np.zeros(netlist.num_nodes, np.int64)), True


class _Search:
    """One run: the netlist prepared, its state, and the best placements so far."""

    def __init__(
        self,
        netlist: Netlist,
        start: Placement,
        seed: int,
        gap_um: float,
        grid_um: float | None,
        from_nothing: bool,
    ) -> None:
        model = cost_model(netlist, start.orient)
        self.model = model
        self.lattice = make_lattice(netlist, model, gap_um=gap_um, grid_um=grid_um)
        self.start = start
        movable = np.flatnonzero(model.nodes.is_macro & ~netlist.fixed)
        hard = movable[model.nodes.is_hard[movable]]
        soft = movable[~model.nodes.is_hard[movable]]
        self.movable = len(movable)
        self.best = _Best()
        if self.movable == 0:
            return
        x, y = legal_start(
            netlist,
            model,
            self.lattice,
            start.x_um - model.left_um,
            start.y_um - model.bottom_um,
            hard=hard,
            soft=soft,
            seed=seed,
            from_nothing=from_nothing,
        )
        self.state = new_state(model, x + model.left_um, y + model.bottom_um)
        self.trial = new_trial(model)
        tops = Tops(model.density_top, model.congestion_top)
        self.arguments = (
            model.nodes,
            model.points,
            model.nets,
            model.grid,
            model.rates,
            tops,
            self.state,
            new_bound(model),
            self.trial,
        )
        fill(*self.arguments)
        boxes = np.flatnonzero(model.nodes.is_hard)
        box_of = np.full(netlist.num_nodes, -1, np.int32)
        box_of[boxes] = np.arange(len(boxes))
        self.movers = Movers(
            hard.astype(np.int32),
            soft.astype(np.int32),
            box_of,
            self.state.x[boxes].copy(),
            self.state.y[boxes].copy(),
            model.nodes.half_width[boxes].copy(),
            model.nodes.half_height[boxes].copy(),
        )
        self.random = np.array([seed], dtype=np.uint64)
        self.side = max(netlist.canvas.width_um, netlist.canvas.height_um)
        self.keep()

    @property
    def cost(self) -> float:
        wirelength, density, congestion = self.trial.cost
        return float(wirelength + 0.5 * density + 0.5 * congestion)

    def keep(self) -> None:
        """Offer the placement at hand to the best ones."""
        self.best.offer(self.cost, *_rounded(self.lattice, self.model, self.state.x, self.state.y))

    def run(
        self,
        began: float,
        deadline: float | None,
        moves: int | None,
        progress: ProgressCallback | None,
    ) -> None:
        """Anneal until the deadline, or for a number of moves."""
        scale = max(1.0, _USUAL_MACROS / self.movable)
        done = 0
        reported = began
        slice_moves = _FIRST_SLICE if moves is None else max(1, -(-moves // _STEPS))
        now = time.perf_counter()
        budget = np.inf
        if deadline is not None:
            deadline -= self._closing_time()
            budget = deadline - now
        first = now
        while True:
            if moves is None:
                part = (now - first) / budget if budget > 0 else 1.0
            else:
                part = done / moves if moves else 1.0
            if part >= 1.0:
                break
            if moves is not None:
                slice_moves = min(slice_moves, moves - done)
            temperature = _HOT * scale * (_COLD / _HOT) ** part
            spread = _WIDE * (_NARROW / _WIDE) ** part * self.side
            anneal(
                *self.arguments,
                self.lattice,
                self.movers,
                self.random,
                temperature,
                spread,
                slice_moves,
            )
            done += slice_moves
            self.keep()
            before, now = now, time.perf_counter()
            if moves is None:
                rate = slice_moves / max(now - before, 1e-9)
                slice_moves = int(np.clip(rate * _SLICE_S, 1, 4 * slice_moves))
            if progress and now - reported >= _REPORT_EVERY_S:
                reported = now
                total = np.inf if deadline is None else budget + first - began
                progress(Progress("annealing", now - began, total, self.cost, done))

    def _closing_time(self) -> float:
        """Seconds that the choice among the finalists takes."""
        began = time.perf_counter()
        robust_cost(self.model, self.start.x_um, self.start.y_um, draws=2)
        return 10 * _FINALISTS * (time.perf_counter() - began)

    def result(self, seed: int) -> Placement:
        """The placement whose robust cost is least."""
        best = self.best.robust(self.model, seed)
        return Placement(best.x_um, best.y_um, self.start.orient.copy())


def _rounded(
    lattice: Lattice, model: CostModel, x: FloatArray, y: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Absolute coordinates, free of the rounding of the shift from the canvas's corner."""
    return x + model.left_um, y + model.bottom_um
