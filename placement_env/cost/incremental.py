"""The proxy cost of a placement that changes move by move, for Python; loops use `cost.move`."""

from __future__ import annotations

import numpy as np

from placement_env.cost.bound import Bound, new_bound
from placement_env.cost.model import CostModel, GridShape, Int32Array, Nets, Nodes, Points, Rates
from placement_env.cost.move import Tops, Trial, fill, new_trial, try_move
from placement_env.cost.proxy import ProxyCost
from placement_env.cost.settle import settle
from placement_env.cost.state import State, new_state
from placement_env.kernels import lean
from placement_env.netlist import FloatArray, IntArray, turned_over

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
        most_nets = int(np.diff(model.nets.of_node_start).max(initial=0))
        self._ends = np.empty((2, 2 * most_nets + 1))
        fill(*self._arguments)

    @property
    def state(self) -> State:
        """The placement and its maps, to read; relative to the canvas's lower left corner."""
        return self._state

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

    def restart(self, x_um: FloatArray, y_um: FloatArray) -> None:
        """Put all nodes at the centres [N], [N], and take over changed flags of the model."""
        np.subtract(x_um, self.model.left_um, out=self._state.x)
        np.subtract(y_um, self.model.bottom_um, out=self._state.y)
        fill(*self._arguments)
        self._moves = 0

    def settle(
        self,
        order: Int32Array,
        *,
        sweeps: int = 1,
        put: tuple[int, float, float] | None = None,
        appears: bool = False,
    ) -> int:
        """Move nodes to cheaper places near them, one after the other; how many moves it took.

        Args:
            order: Nodes that may move, into each other and up to the canvas's edges.
            sweeps: How often each has its turn at most.
            put: A node and the centre to which it goes before, whatever that costs.
            appears: Whether that node was no macro for the model so far and is a hard one from now
                on.
        """
        node, x_um, y_um = put or (-1, 0.0, 0.0)
        x, y = x_um - self.model.left_um, y_um - self.model.bottom_um
        made = settle(
            *self._arguments, node, x, y, appears, order, sweeps, self._ends[0], self._ends[1]
        )
        self._made(made + (put is not None))
        return made

    def orient(self, orient: IntArray) -> IntArray:
        """[N] orientations now, of nodes that `orient` [N] gave the model."""
        return turned_over(orient, self._state.turn_x, self._state.turn_y)

    def move(self, node: int, x_um: float, y_um: float, *, at_most: float = np.inf) -> bool:
        """Move a node unless the cost would rise by more than `at_most`; whether it moved."""
        self._stay(node, -1)
        self._to(0, x_um, y_um)
        return self._try(at_most)

    def swap(self, first: int, second: int, *, at_most: float = np.inf) -> bool:
        """Exchange the centres of two nodes unless the cost would rise by more than `at_most`."""
        if first == second:
            return at_most >= 0
        self._stay(first, second)
        x, y = self._trial.x, self._trial.y
        x[0], x[1], y[0], y[1] = x[1], x[0], y[1], y[0]
        return self._try(at_most)

    def flip(
        self,
        node: int,
        *,
        mirrored: bool = True,
        upside_down: bool = False,
        at_most: float = np.inf,
    ) -> bool:
        """Turn a node over in its place unless the cost would rise by more than `at_most`.

        Args:
            node: The node.
            mirrored: Exchange left and right.
            upside_down: Exchange bottom and top; with both, the node is turned by half a turn.
            at_most: How much the cost may rise.

        Returns:
            Whether it was turned.
        """
        self._stay(node, -1)
        if mirrored:
            self._trial.turn_x[0] *= -1
        if upside_down:
            self._trial.turn_y[0] *= -1
        return self._try(at_most)

    def costs_at(self, node: int, x_um: FloatArray, y_um: FloatArray) -> FloatArray:
        """[k] proxy costs with one node at each of k places; the placement stays as it is."""
        self._stay(node, -1)
        places = np.stack([x_um - self.model.left_um, y_um - self.model.bottom_um])
        costs = np.empty(places.shape[1])
        _try_places(*self._arguments, np.inf, places, costs)
        self._made(len(costs))
        return costs

    def _stay(self, first: int, second: int) -> None:
        """A trial in which nothing changes."""
        trial, state = self._trial, self._state
        trial.node[:] = first, second
        for values, now in (
            (trial.x, state.x),
            (trial.y, state.y),
            (trial.turn_x, state.turn_x),
            (trial.turn_y, state.turn_y),
        ):
            values[:] = now[first], now[second]

    def _to(self, which: int, x_um: float, y_um: float) -> None:
        self._trial.x[which] = x_um - self.model.left_um
        self._trial.y[which] = y_um - self.model.bottom_um

    def _try(self, at_most: float) -> bool:
        made = _try_places(*self._arguments, at_most, _NO_PLACES, _NO_COSTS)
        self._made(int(made))
        return made

    def _made(self, moves: int) -> None:
        self._moves += moves
        if self._moves >= _REBUILD:
            fill(*self._arguments)
            self._moves = 0


_NO_PLACES, _NO_COSTS = np.empty((2, 0)), np.empty(0)


@lean
def _try_places(
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
    places: FloatArray,
    costs: FloatArray,
) -> bool:
    """Make the trial, or write the cost at each of `places` to `costs` and make none."""
    count = len(costs)
    back_x, back_y = trial.x[0], trial.y[0]
    before = trial.cost[0], trial.cost[1], trial.cost[2]
    made = False
    # One call of the pasted function serves both: it takes seconds to compile.
    for i in range(count + 1):
        if i < count:
            trial.x[0], trial.y[0] = places[0, i], places[1, i]
        else:
            trial.x[0], trial.y[0] = back_x, back_y
        made = try_move(nodes, points, nets, grid, rates, tops, state, bound, trial, at_most)
        if i < count:
            costs[i] = trial.cost[0] + 0.5 * trial.cost[1] + 0.5 * trial.cost[2]
    if count > 0:
        trial.cost[0], trial.cost[1], trial.cost[2] = before
    return made
