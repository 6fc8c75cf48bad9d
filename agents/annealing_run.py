"""A run of the annealer: its anneals, slices and threads, and the best placements that they met."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from agents import annealing_schedule as schedule
from agents import annealing_trials as trials
from agents.annealing_schedule import Control, Situation
from agents.annealing_thread import AnnealingThread
from agents.annealing_tops import tops
from agents.finalists import Finalists
from agents.lattice import Lattice
from agents.move_shares import KINDS, MoveShares
from agents.progress import Progress, ProgressCallback
from agents.rendezvous import new_rendezvous, release
from agents.search_kernel import ACCEPTED, TRIED, WAITED, Board
from agents.shares import Role, roles
from placement_env.cost.model import CostModel
from placement_env.cost.move import Tops
from placement_env.held_interrupt import held_interrupt
from placement_env.netlist import FloatArray, IntArray, Placement

# The first temperature depends on the share of moves that succeed, taken over _SAMPLE moves after
# as many others, in which a start far from equilibrium has come down; over fewer where that would
# be more than _LATEST of the run.
_SAMPLE = 20_000
_LATEST = 0.2
# How much longer a move of a hard macro takes than one of a soft macro, at first and in the end.
# Where seconds count, threads that wait correct it by up to _BALANCE a slice, within these bounds.
_HARD_WORK, _LAST_HARD_WORK = 1.0, 2.5
_LEAST_WORK, _MOST_WORK = 0.2, 8.0
_BALANCE = 0.1
# Sizes of hard macros beyond these, over those of soft ones, are as good as these.
_LEAST_SIZE, _MOST_SIZE = 0.3, 50.0
# Moves of each thread, on average, before it hears of the others' moves.
_TURN_MOVES = 400
# Moves between two looks at the clock, at first; then as many as take _SLICE_S.
_FIRST_SLICE = 500
_SLICE_S = 0.05
# A fixed number of moves is made in this many slices.
_SLICES = 400
# Sums drift by some 1e-16 a move; all is computed afresh after this many slices.
_REBUILD = 10
_REPORT_EVERY_S = 0.25
# Over a whole anneal moves come so many times as fast as at its beginning, when many succeed.
_SPEED_UP = 2.0
# Between the seeds of two trials of a run: large, as users count their seeds from 1.
_NEXT_SEED = 0x9E3779B9


@dataclass(frozen=True)
class Start:
    """Where a run may begin.

    Attributes:
        x: [N] legal centres, relative to the canvas's lower left corner.
        y: [N] legal centres.
        from_nothing: Whether it means nothing, as nobody chose it.
        plan: [N] centres x and y that a policy plans, relative as well; they may overlap.
    """

    x: FloatArray
    y: FloatArray
    from_nothing: bool = False
    plan: tuple[FloatArray, FloatArray] | None = None


@dataclass(frozen=True)
class _Trial:
    """A trial that was judged."""

    cost: float
    threads: list[AnnealingThread]


class AnnealingRun:
    """One run from a legal start. To be closed.

    Args:
        model: The netlist's cost model.
        lattice: Where macros may lie.
        at_first: Positions and orientations of the nodes that stay.
        start: A legal start.
        hard: Hard macros that move.
        soft: Soft macros that move.
        seed: Seed of the moves.
        flips: Whether hard macros may be turned over.
        threads: How many threads work at it.
        control: What chooses the schedule.
    """

    def __init__(
        self,
        model: CostModel,
        lattice: Lattice,
        at_first: Placement,
        start: Start,
        *,
        hard: IntArray,
        soft: IntArray,
        seed: int,
        flips: bool,
        threads: int,
        control: Control = schedule.tuned,
    ) -> None:
        self._model = model
        self._lattice = lattice
        self._seed = seed
        self._hard, self._soft = hard, soft
        self._macros = max(len(hard) + len(soft), 1)
        self._flips = flips
        n = len(at_first.x_um)
        self._board = Board(
            new_rendezvous(threads),
            moved=np.zeros((2, threads, n), np.int32),
            x=np.empty((2, threads, n)),
            y=np.empty((2, threads, n)),
            turn_x=np.empty((2, threads, n)),
            turn_y=np.empty((2, threads, n)),
            counts=np.zeros((threads, 8), np.int64),
            tried=np.zeros((threads, KINDS), np.int64),
            earned=np.zeros((threads, KINDS)),
        )
        self._pool = ThreadPoolExecutor(threads)
        nodes, grid = model.nodes, model.grid
        area = 4 * nodes.half_width * nodes.half_height
        canvas = grid.columns * grid.cell_width * grid.rows * grid.cell_height
        self._start = start
        self._situation = Situation(
            start.from_nothing,
            len(hard),
            len(soft),
            model.num_cells,
            float(area[hard].sum()) / canvas,
            _hard_size(area[hard], area[soft]),
            planned=start.plan is not None,
        )
        self._control = control
        self._schedule = control(self._situation)
        # Moves tried and accepted when the start had come down.
        self._settled: IntArray | None = None
        self._begin(trial=0)
        self._shares = MoveShares()
        # None: as the schedule has it, which does not depend on the clock.
        self._hard_work: float | None = None
        self._moves = 0
        self._slices = 0
        self._part = 0.0  # Part of the run that has passed.
        # How many trials there are, None: not known yet; and which one this is.
        self._trials: int | None = None
        self._trial = 0
        # Costs towards the end of the trial, and the best trial so far with its mean of them.
        self._late_costs: list[float] = []
        self._best_trial: _Trial | None = None
        self._roles: list[Role] = []
        self._finalists = Finalists(model, lattice, at_first, np.concatenate([hard, soft]), seed)
        self._keep()

    def _begin(self, *, trial: int) -> None:
        """Go back to the start; each trial has random numbers of its own."""
        self._threads = [
            AnnealingThread(
                self._model,
                self._lattice,
                self._board,
                thread,
                self._start.x,
                self._start.y,
                hard=self._hard,
                soft=self._soft,
                seed=self._seed + trial * _NEXT_SEED,
                flips=self._flips,
                plan=self._start.plan,
            )
            for thread in range(len(self._board.counts))
        ]

    def close(self) -> None:
        """End the threads."""
        release(self._board.rendezvous)
        self._pool.shutdown()

    @property
    def cost(self) -> float:
        """Proxy cost of the placement at hand."""
        return self._threads[0].cost

    def until(
        self,
        began: float,
        budget_s: float,
        progress: ProgressCallback | None,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Anneal until `budget_s` after `began`, as the clock has it."""
        first = now = clock()
        self._hard_work = _HARD_WORK
        span = began + budget_s - self._finalists.choosing_time_s() - first
        wanted = _FIRST_SLICE
        told = -np.inf
        while (part := (now - first) / span if span > 0 else 1.0) < 1:
            made = self._slice(self._part_of_anneal(part), wanted)
            self._balance()
            before, now = now, clock()
            rate = made / max(now - before, 1e-9)
            wanted = int(np.clip(rate * _SLICE_S, 1, 4 * wanted))
            if progress and now - told >= _REPORT_EVERY_S:
                told = now
                self._tell(progress, now - began, budget_s)
        if progress:
            self._tell(progress, clock() - began, budget_s)

    def count(self, moves: int, progress: ProgressCallback | None) -> None:
        """Anneal for `moves` moves, or as many more as make the last turn complete."""
        began = time.perf_counter()
        told = -np.inf
        self._plan(moves)
        each = max(1, -(-moves // _SLICES))
        while self._moves < moves:
            part = self._part_of_anneal(self._moves / moves)
            self._slice(part, min(each, moves - self._moves))
            now = time.perf_counter()
            if progress and (now - told >= _REPORT_EVERY_S or self._moves >= moves):
                told = now
                self._tell(progress, now - began, np.inf)

    def best(self) -> Placement:
        """Of the best placements met, the one whose robust cost is least."""
        return self._finalists.best()

    def _tell(self, progress: ProgressCallback, elapsed_s: float, budget_s: float) -> None:
        progress(
            Progress(
                "annealing",
                elapsed_s,
                budget_s,
                self.cost,
                self._moves,
                snapshot=lambda: self._finalists.placement(self._threads[0].state),
            )
        )

    def _slice(self, part: float, moves: int) -> int:
        """Make some `moves` moves as the given part of the schedule wants; how many there were."""
        grid = self._model.grid
        side = max(grid.columns * grid.cell_width, grid.rows * grid.cell_height)
        heated = self._situation.accepted is not None
        temperature = schedule.temperature(self._schedule, part, self._model.num_cells)
        temperature = temperature if heated else schedule.PROBE
        count = len(self._threads)
        turns = -(-moves // (count * _TURN_MOVES))
        self._roles = roles(
            count,
            len(self._hard),
            len(self._soft),
            schedule.hard_share(self._schedule, part),
            self._hard_work or _HARD_WORK * (1 - part) + _LAST_HARD_WORK * part,
            -(-moves // turns),
        )
        if self._slices % _REBUILD == 0:
            averaged = self._tops(part)
            for thread in self._threads:
                thread.refill(averaged)
        step = side * schedule.step_length(self._schedule, part)
        shares = self._shares.at(self._schedule, part)
        for thread in self._threads:
            thread.propose(*shares)
        try:
            with held_interrupt():
                jobs = [
                    self._pool.submit(thread.anneal, role, temperature, step, turns)
                    for thread, role in zip(self._threads, self._roles, strict=True)
                ]
                for job in jobs:
                    job.result()
        except BaseException:
            release(self._board.rendezvous)
            raise
        made = turns * sum(role.moves for role in self._roles)
        self._moves += made
        self._learn()
        self._sample()
        self._slices += 1
        if self._trials != 1 and trials.is_judged(part):
            self._late_costs.append(self.cost)
        self._keep()
        return made

    def _keep(self) -> None:
        """Remember the placement at hand if it is among the best."""
        self._finalists.keep(self.cost, self._threads[0].state)

    def _part_of_anneal(self, part: float) -> float:
        """The part of the anneal at hand that has passed after `part` of the run.

        Begins the next trial, or goes on with the best one, where it is time for that.
        """
        self._part = part
        if self._trials is None:
            if self._situation.accepted is None or part == 0:
                return part
            self._plan(round(_SPEED_UP * self._moves / part))
        assert self._trials is not None
        trial, passed = trials.stage(part, self._trials)
        if trial > self._trial:
            self._next_trial(trial)
        return passed

    def _next_trial(self, trial: int) -> None:
        """Judge the trial at hand, and begin another one or resume the best one."""
        assert self._trials is not None
        cost = float(np.mean(self._late_costs or [self.cost]))
        if self._best_trial is None or cost < self._best_trial.cost:
            self._best_trial = _Trial(cost, self._threads)
        if trial < self._trials:
            self._begin(trial=trial)
        else:
            self._threads = self._best_trial.threads
        self._trial, self._slices, self._late_costs = trial, 0, []

    def _tops(self, part: float) -> Tops:
        """How many cells the costs average after `part` of the anneal."""
        length = 0.0
        # The exact ones until the heat is known, which is measured by the exact cost.
        if self._situation.accepted is not None and self._part > 0:
            length = self._moves / self._part / trials.anneals(self._trials or 1)
        return tops(self._model, part, length / self._macros)

    def _sample(self) -> None:
        """Look at the situation again once it is known how many moves succeed."""
        if self._situation.accepted is not None:
            return
        counts = self._board.counts.sum(axis=0)[[TRIED, ACCEPTED]]
        if self._settled is None:
            if counts[0] >= _SAMPLE or self._part >= _LATEST / 2:
                self._settled = counts
            return
        tried, accepted = (counts - self._settled).tolist()
        if tried >= _SAMPLE or (self._part >= _LATEST and tried > 0):
            self._board.counts[:, [TRIED, ACCEPTED]] = 0
            self._reconsider(accepted=accepted / tried)

    def _plan(self, moves: int) -> None:
        """Divide a run of so many moves into trials."""
        self._trials = trials.trials(moves / self._macros)
        self._reconsider(moves_per_macro=moves / trials.anneals(self._trials) / self._macros)

    def _reconsider(self, **found: float) -> None:
        """Have the control look at the situation again, of which more has been found out."""
        self._situation = replace(self._situation, **found)
        self._schedule = self._control(self._situation)

    def _learn(self) -> None:
        """Take in what the kinds of moves have earned in the last slice."""
        tried, earned = self._board.tried, self._board.earned
        self._shares.learn(tried.sum(axis=0), earned.sum(axis=0))
        tried[:] = 0
        earned[:] = 0

    def _balance(self) -> None:
        """Give more work to the threads that waited longer for the others."""
        waited = self._board.counts[:, WAITED]
        movers = np.array([role.strip >= 0 for role in self._roles])
        if self._hard_work and movers.any() and not movers.all():
            of_hard, of_others = waited[movers].mean(), waited[~movers].mean()
            lead = (of_others - of_hard) / max(of_others + of_hard, 1.0)
            changed = self._hard_work * (1 + _BALANCE * float(lead))
            self._hard_work = float(np.clip(changed, _LEAST_WORK, _MOST_WORK))
        waited[:] = 0


def _hard_size(hard: FloatArray, soft: FloatArray) -> float:
    """The geometric mean of the areas of hard macros over the mean of those of soft ones."""
    if not hard.all() or not soft.any() or not len(hard):
        return schedule.TYPICAL_SIZE
    ratio = np.exp(np.log(hard).mean()) / soft.mean()
    return float(np.clip(ratio, _LEAST_SIZE, _MOST_SIZE))
