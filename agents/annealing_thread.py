"""What one thread of an annealing run works on: a placement of its own and its cost."""

from __future__ import annotations

import numpy as np

from agents.hard_moves import HardMove
from agents.lattice import Lattice
from agents.moves import Movers
from agents.search_kernel import Board, anneal
from agents.shares import Role, Share
from agents.soft_moves import SoftMove
from placement_env.cost.bound import Bound, new_bound
from placement_env.cost.congestion import cell_congestion
from placement_env.cost.density import density_cost
from placement_env.cost.model import CostModel, GridShape, Nets, Nodes, Points, Rates
from placement_env.cost.move import Tops, Trial, fill, new_trial
from placement_env.cost.state import State, new_state
from placement_env.cost.top import top_sum
from placement_env.netlist import FloatArray, IntArray

# Distance of the threads' streams of random numbers: odd, and far from the generator's own step.
_STREAM = 0x632BE59BD9B4E019


class AnnealingThread:
    """One of the threads that anneal a placement together.

    Args:
        model: The netlist's cost model.
        lattice: Where macros may lie.
        board: What the threads tell each other.
        thread: Which one this is.
        x: [N] legal centres, relative to the canvas's lower left corner.
        y: [N] legal centres.
        hard: Hard macros that move.
        soft: Soft macros that move.
        seed: Seed of the moves.
        flips: Whether hard macros may be turned over.
        plan: [N] centres that a policy plans, relative as well, two times; None without a policy.
    """

    def __init__(
        self,
        model: CostModel,
        lattice: Lattice,
        board: Board,
        thread: int,
        x: FloatArray,
        y: FloatArray,
        *,
        hard: IntArray,
        soft: IntArray,
        seed: int,
        flips: bool,
        plan: tuple[FloatArray, FloatArray] | None = None,
    ) -> None:
        self._lattice = lattice
        self._board = board
        self._thread = thread
        self.state = new_state(model, x + model.left_um, y + model.bottom_um)
        self._trial = new_trial(model)
        self._model = model
        self._bound = new_bound(model)
        boxes = np.flatnonzero(model.nodes.is_hard)
        box_of = np.full(len(x), -1, np.int32)
        box_of[boxes] = np.arange(len(boxes))
        self._movers = Movers(
            hard.astype(np.int32),
            soft.astype(np.int32),
            box_of,
            self.state.x[boxes],
            self.state.y[boxes],
            model.nodes.half_width[boxes],
            model.nodes.half_height[boxes],
            np.array([-np.inf, np.inf, -np.inf, np.inf]),
            flips,
            np.empty(len(SoftMove)),
            np.empty(len(HardMove)),
            *(plan or (np.empty(0), np.empty(0))),
        )
        self._share = Share(
            np.empty(len(hard), np.int32),
            np.empty(len(soft), np.int32),
            np.zeros(len(x) + 1, np.int64),
            np.array([seed % 2**64], dtype=np.uint64),
        )
        self._random = np.array([(seed + (thread + 1) * _STREAM) % 2**64], dtype=np.uint64)
        self._exact = Tops(model.density_top, model.congestion_top)
        self._tops = self._exact
        self.refill(self._exact)

    @property
    def cost(self) -> float:
        """Proxy cost of the placement at hand."""
        wirelength, density, congestion = self._trial.cost.tolist()
        if self._tops != self._exact:
            density, congestion = self._exact_tops()
        return wirelength + 0.5 * density + 0.5 * congestion

    def refill(self, tops: Tops) -> None:
        """Compute everything afresh, which ends the drift of sums, for other `tops` from now on."""
        self._tops = tops
        fill(*self._cost())

    def propose(self, soft_shares: FloatArray, hard_shares: FloatArray) -> None:
        """Take over running sums of the shares of kinds of moves, from now on."""
        self._movers.soft_shares[:] = soft_shares
        self._movers.hard_shares[:] = hard_shares

    def anneal(self, role: Role, temperature: float, spread: float, turns: int) -> None:
        """Take `turns` turns; returns when the other threads have taken as many.

        Args:
            role: What it does in each turn.
            temperature: In units of the proxy cost.
            spread: Typical length of a step.
            turns: How many turns.
        """
        anneal(
            *self._cost(),
            self._lattice,
            self._movers,
            self._random,
            self._board,
            self._share,
            self._thread,
            role,
            temperature,
            spread,
            turns,
        )

    def _cost(self) -> tuple[Nodes, Points, Nets, GridShape, Rates, Tops, State, Bound, Trial]:
        """What kernels need to know the cost by."""
        model = self._model
        return (
            model.nodes,
            model.points,
            model.nets,
            model.grid,
            model.rates,
            self._tops,
            self.state,
            self._bound,
            self._trial,
        )

    def _exact_tops(self) -> tuple[float, float]:
        """Density and congestion costs, from the maps."""
        model, state, work = self._model, self.state, self._trial.work
        cells, (dense, congested) = model.num_cells, self._exact
        cell_congestion(
            state.difference,
            state.blockage,
            model.grid,
            model.rates,
            state.running,
            state.congestion,
        )
        total = top_sum(state.congestion, 2 * cells, congested, work, np.inf)
        return density_cost(state.density, cells, dense, work, np.inf), total / congested
