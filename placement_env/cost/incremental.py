"""The proxy cost of a placement that changes move by move, for Python; loops use `cost.move`."""

from __future__ import annotations

import numpy as np

from placement_env.cost.bound import Bound, new_bound
from placement_env.cost.model import CostModel, GridShape, Nets, Nodes, Points, Rates
from placement_env.cost.move import Tops, Trial, fill, new_trial, try_move
from placement_env.cost.proxy import ProxyCost
from placement_env.cost.state import State, new_state
from placement_env.kernels import lean
from placement_env.netlist import FloatArray

# Sums drift by some 1e-16 a move; all is computed afresh after this many moves.
_REBUILD = 10_000


class IncrementalCost:
    """A placement and its exact proxy cost, changed by moves.

    Nothing is checked: macros may overlap and leave the canvas.

    Args:
        model: The netlist's cost model.
        x_um: [N] centres at first.
        y_um: [N] centres at first.
    """

    def __init__(self, model: CostModel, x_um: FloatArray, y_um: FloatArray) -> None:
        self.model = model
        self._state = new_state(model, x_um, y_um)
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
        self._moves = 0
        fill(*self._arguments)

    @property
    def cost(self) -> ProxyCost:
        """The cost of the placement as it is now."""
        wirelength, density, congestion = self._trial.cost.tolist()
        return ProxyCost(wirelength, density, congestion)

    @property
    def x_um(self) -> FloatArray:
        """[N] centres, a copy."""
        return self._state.x + self.model.left_um

    @property
    def y_um(self) -> FloatArray:
        """[N] centres, a copy."""
        return self._state.y + self.model.bottom_um

    def move(self, node: int, x_um: float, y_um: float, *, at_most: float = np.inf) -> bool:
        """Move a node unless the cost would rise by more than `at_most`; whether it moved."""
        trial = self._trial
        trial.node[:] = node, -1
        trial.x[0], trial.y[0] = x_um - self.model.left_um, y_um - self.model.bottom_um
        return self._try(at_most)

    def swap(self, first: int, second: int, *, at_most: float = np.inf) -> bool:
        """Exchange the centres of two nodes unless the cost would rise by more than `at_most`."""
        if first == second:
            return at_most >= 0
        trial, state = self._trial, self._state
        trial.node[:] = first, second
        trial.x[:] = state.x[second], state.x[first]
        trial.y[:] = state.y[second], state.y[first]
        return self._try(at_most)

    def _try(self, at_most: float) -> bool:
        made = _try_once(*self._arguments, at_most)
        self._moves += made
        if self._moves >= _REBUILD:
            fill(*self._arguments)
            self._moves = 0
        return made


@lean
def _try_once(
    nodes: Nodes,
    points: Points,
    nets: Nets,
    grid: GridShape,
    rates: Rates,
    tops: Tops,
    state: State,
    bound: Bound,
    trial: Trial,
    at_most: float,
) -> bool:
    return try_move(nodes, points, nets, grid, rates, tops, state, bound, trial, at_most)
