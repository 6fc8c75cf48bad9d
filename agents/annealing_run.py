"""A run of the annealer: its state, its schedule, and the best placements that it met."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from agents.lattice import Lattice
from agents.moves import Movers
from agents.progress import Progress, ProgressCallback
from agents.search_kernel import anneal
from placement_env.cost.bound import new_bound
from placement_env.cost.model import CostModel
from placement_env.cost.move import Tops, fill, new_trial
from placement_env.cost.proxy import robust_cost
from placement_env.cost.state import new_state
from placement_env.netlist import FloatArray, IntArray, Placement

# Temperatures for netlists of some 900 macros, in units of the cost; a single macro weighs more in
# smaller ones.
_HOT, _COLD = 1.5e-4, 1e-6
_USUAL_MACROS = 900
# Typical length of a step at first and in the end, as a share of the canvas.
_WIDE, _NARROW = 0.15, 0.01
# Moves between two looks at the clock, at first; then as many as take _SLICE_S.
_FIRST_SLICE = 500
_SLICE_S = 0.05
# A fixed number of moves is made in this many slices.
_SLICES = 400
# Sums drift by some 1e-16 a move; all is computed afresh after this many slices.
_REBUILD = 10
# Placements among which the robust cost decides.
_FINALISTS = 4
_REPORT_EVERY_S = 0.25


@dataclass(frozen=True)
class _Found:
    """A legal placement and its nominal cost."""

    cost: float
    placement: Placement


class AnnealingRun:
    """One run from a legal start.

    Args:
        model: The netlist's cost model.
        lattice: Where macros may lie.
        start: Positions and orientations of the nodes that stay.
        x: [N] legal centres, relative to the canvas's lower left corner.
        y: [N] legal centres.
        hard: Hard macros that move.
        soft: Soft macros that move.
        seed: Seed of the moves.
    """

    def __init__(
        self,
        model: CostModel,
        lattice: Lattice,
        start: Placement,
        x: FloatArray,
        y: FloatArray,
        *,
        hard: IntArray,
        soft: IntArray,
        seed: int,
    ) -> None:
        self._model = model
        self._lattice = lattice
        self._start = start
        self._seed = seed
        self._movable = np.concatenate([hard, soft])
        self._state = new_state(model, x + model.left_um, y + model.bottom_um)
        self._trial = new_trial(model)
        self._arguments = (
            model.nodes,
            model.points,
            model.nets,
            model.grid,
            model.rates,
            Tops(model.density_top, model.congestion_top),
            self._state,
            new_bound(model),
            self._trial,
        )
        fill(*self._arguments)
        boxes = np.flatnonzero(model.nodes.is_hard)
        box_of = np.full(len(x), -1, np.int32)
        box_of[boxes] = np.arange(len(boxes))
        self._movers = Movers(
            hard.astype(np.int32),
            soft.astype(np.int32),
            box_of,
            self._state.x[boxes].copy(),
            self._state.y[boxes].copy(),
            model.nodes.half_width[boxes].copy(),
            model.nodes.half_height[boxes].copy(),
        )
        self._random = np.array([seed % 2**64], dtype=np.uint64)
        self._moves = 0
        self._slices = 0
        self._found: list[_Found] = []
        self._keep()

    @property
    def cost(self) -> float:
        """Proxy cost of the placement at hand."""
        wirelength, density, congestion = self._trial.cost.tolist()
        return wirelength + 0.5 * density + 0.5 * congestion

    def until(self, began: float, budget_s: float, progress: ProgressCallback | None) -> None:
        """Anneal until `budget_s` after `began`, as `time.perf_counter` has it."""
        first = now = time.perf_counter()
        span = began + budget_s - self._closing_time_s() - first
        moves = _FIRST_SLICE
        told = -np.inf
        while (part := (now - first) / span if span > 0 else 1.0) < 1:
            self._slice(part, moves)
            before, now = now, time.perf_counter()
            rate = moves / max(now - before, 1e-9)
            moves = int(np.clip(rate * _SLICE_S, 1, 4 * moves))
            if progress and now - told >= _REPORT_EVERY_S:
                told = now
                progress(Progress("annealing", now - began, budget_s, self.cost, self._moves))
        if progress:
            elapsed = time.perf_counter() - began
            progress(Progress("annealing", elapsed, budget_s, self.cost, self._moves))

    def count(self, moves: int, progress: ProgressCallback | None) -> None:
        """Anneal for `moves` moves."""
        began = time.perf_counter()
        told = -np.inf
        each = max(1, -(-moves // _SLICES))
        while self._moves < moves:
            self._slice(self._moves / moves, min(each, moves - self._moves))
            now = time.perf_counter()
            if progress and (now - told >= _REPORT_EVERY_S or self._moves == moves):
                told = now
                progress(Progress("annealing", now - began, np.inf, self.cost, self._moves))

    def best(self) -> Placement:
        """Of the best placements met, the one whose robust cost is least."""
        try:
            robust = [
                robust_cost(
                    self._model, found.placement.x_um, found.placement.y_um, seed=self._seed
                )
                for found in self._found
            ]
        except KeyboardInterrupt:
            return self._found[0].placement
        return self._found[int(np.argmin(robust))].placement

    def _slice(self, part: float, moves: int) -> None:
        """Make `moves` moves at the temperature of the given part of the schedule."""
        model = self._model
        scale = max(1.0, _USUAL_MACROS / len(self._movable))
        side = max(
            model.grid.columns * model.grid.cell_width, model.grid.rows * model.grid.cell_height
        )
        anneal(
            *self._arguments,
            self._lattice,
            self._movers,
            self._random,
            scale * _HOT * (_COLD / _HOT) ** part,
            side * _WIDE * (_NARROW / _WIDE) ** part,
            moves,
        )
        self._moves += moves
        self._slices += 1
        if self._slices % _REBUILD == 0:
            fill(*self._arguments)
        self._keep()

    def _keep(self) -> None:
        """Remember the placement at hand if it is among the best."""
        cost = self.cost
        if len(self._found) == _FINALISTS and cost >= self._found[-1].cost:
            return
        # A new list each time: an interrupt finds either the old one or the new one.
        ranked = [*self._found, _Found(cost, self._placement())]
        self._found = sorted(ranked, key=lambda found: found.cost)[:_FINALISTS]

    def _placement(self) -> Placement:
        """The placement at hand, on the lattice to the last bit."""
        moved, lattice, model = self._movable, self._lattice, self._model
        centres = []
        for start, relative, one, corner in (
            (self._start.x_um, self._state.x, lattice.x, model.left_um),
            (self._start.y_um, self._state.y, lattice.y, model.bottom_um),
        ):
            place = relative[moved]
            steps = np.round((place - one[moved]) / lattice.step)
            exact = (one[moved] + corner) + steps * lattice.step
            # A macro that just fits into the canvas is not on the lattice.
            on_lattice = np.abs(exact - (place + corner)) < 1e-3 * lattice.step
            centre = start.astype(np.float64)
            centre[moved] = np.where(on_lattice, exact, place + corner)
            centres.append(centre)
        return Placement(centres[0], centres[1], self._start.orient.copy())

    def _closing_time_s(self) -> float:
        """Seconds that the choice among the finalists takes, with a reserve."""
        began = time.perf_counter()
        robust_cost(self._model, self._start.x_um, self._start.y_um, draws=2)
        return 12 * _FINALISTS * (time.perf_counter() - began)
