"""What one thread of an annealing run works on: a placement of its own and its cost."""

from __future__ import annotations

import numpy as np

from agents.lattice import Lattice
from agents.moves import Movers
from agents.search_kernel import Board, anneal
from agents.shares import Role, Share
from placement_env.cost.bound import new_bound
from placement_env.cost.model import CostModel
from placement_env.cost.move import Tops, fill, new_trial
from placement_env.cost.state import new_state
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
    ) -> None:
        self._lattice = lattice
        self._board = board
        self._thread = thread
        self.state = new_state(model, x + model.left_um, y + model.bottom_um)
        self._trial = new_trial(model)
        self._cost = (
            model.nodes,
            model.points,
            model.nets,
            model.grid,
            model.rates,
            Tops(model.density_top, model.congestion_top),
            self.state,
            new_bound(model),
            self._trial,
        )
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
        )
        self._share = Share(
            np.empty(len(hard), np.int32),
            np.empty(len(soft), np.int32),
            np.zeros(len(x) + 1, np.int64),
            np.array([seed % 2**64], dtype=np.uint64),
        )
        self._random = np.array([(seed + (thread + 1) * _STREAM) % 2**64], dtype=np.uint64)
        self.refill()

    @property
    def cost(self) -> float:
        """Proxy cost of the placement at hand."""
        wirelength, density, congestion = self._trial.cost.tolist()
        return wirelength + 0.5 * density + 0.5 * congestion

    def refill(self) -> None:
        """Compute everything afresh, which ends the drift of sums."""
        fill(*self._cost)

    def anneal(self, role: Role, temperature: float, spread: float, turns: int) -> None:
        """Take `turns` turns; returns when the other threads have taken as many.

        Args:
            role: What it does in each turn.
            temperature: In units of the proxy cost.
            spread: Typical length of a step.
            turns: How many turns.
        """
        anneal(
            *self._cost,
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
