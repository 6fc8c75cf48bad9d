"""The best placements that a run has met, and the choice among them by the robust cost."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from agents.lattice import Lattice
from placement_env.cost.model import CostModel
from placement_env.cost.proxy import robust_cost
from placement_env.cost.state import State
from placement_env.netlist import FloatArray, IntArray, Placement, turned_over

# Placements among which the robust cost decides.
_MOST = 4
# Calls by which the time of that choice is judged beforehand.
_TIMED = 5


@dataclass(frozen=True)
class _Found:
    """A legal placement, its nominal cost, and which of its nodes are turned over."""

    cost: float
    placement: Placement
    turn_x: FloatArray
    turn_y: FloatArray


class Finalists:
    """The few best placements so far.

    Args:
        model: The netlist's cost model.
        lattice: Where macros may lie.
        at_first: Positions and orientations of the nodes that stay.
        moved: Nodes that move.
        seed: Seed of the nudges of the robust cost.
    """

    def __init__(
        self,
        model: CostModel,
        lattice: Lattice,
        at_first: Placement,
        moved: IntArray,
        seed: int,
    ) -> None:
        self._model, self._lattice = model, lattice
        self._at_first, self._moved, self._seed = at_first, moved, seed
        self._found: list[_Found] = []

    def keep(self, cost: float, state: State) -> None:
        """Remember a state if it is among the best."""
        if len(self._found) == _MOST and cost >= self._found[-1].cost:
            return
        found = _Found(cost, self.placement(state), state.turn_x.copy(), state.turn_y.copy())
        # A new list each time: an interrupt finds either the old one or the new one.
        self._found = sorted([*self._found, found], key=lambda one: one.cost)[:_MOST]

    def best(self) -> Placement:
        """The one whose robust cost is least."""
        try:
            robust = [self._robust_cost(found) for found in self._found]
        except KeyboardInterrupt:
            return self._found[0].placement
        return self._found[int(np.argmin(robust))].placement

    def choosing_time_s(self) -> float:
        """Seconds that `best` takes, with a reserve."""
        taken_s = np.inf
        # A first call, or a turn of another program on the core, takes many times as long.
        for _ in range(_TIMED):
            began = time.perf_counter()
            robust_cost(self._model, self._at_first.x_um, self._at_first.y_um, draws=2)
            taken_s = min(taken_s, time.perf_counter() - began)
        return 12 * _MOST * taken_s

    def placement(self, state: State) -> Placement:
        """The placement of a state, on the lattice to the last bit."""
        lattice, model, moved = self._lattice, self._model, self._moved
        centres = []
        for start, relative, one, corner in (
            (self._at_first.x_um, state.x, lattice.x, model.left_um),
            (self._at_first.y_um, state.y, lattice.y, model.bottom_um),
        ):
            place = relative[moved]
            steps = np.round((place - one[moved]) / lattice.step)
            exact = (one[moved] + corner) + steps * lattice.step
            # A macro that just fits into the canvas is not on the lattice.
            on_lattice = np.abs(exact - (place + corner)) < 1e-3 * lattice.step
            centre = start.astype(np.float64)
            centre[moved] = np.where(on_lattice, exact, place + corner)
            centres.append(centre)
        orient = turned_over(self._at_first.orient, state.turn_x, state.turn_y)
        return Placement(centres[0], centres[1], orient)

    def _robust_cost(self, found: _Found) -> float:
        model, points = self._model, self._model.points
        if (found.turn_x < 0).any() or (found.turn_y < 0).any():
            turned = points._replace(
                dx=points.dx * found.turn_x[points.node], dy=points.dy * found.turn_y[points.node]
            )
            model = replace(model, points=turned)
        return robust_cost(model, found.placement.x_um, found.placement.y_um, seed=self._seed)
