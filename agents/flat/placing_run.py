"""One run of the flat placer: steps that are told of, and that Ctrl-C ends early.

Ctrl-C ends the step at hand with what it has reached; later ones are left out, but for those that
make the placement legal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

import numpy as np

from agents.flat.detailed.refine import StepGain, refine
from agents.flat.device import balance_on
from agents.flat.electrostatic import Course, Schedule
from agents.flat.global_place import SETTLE, place_globally
from agents.flat.routable import Spread, inflation_rounds
from agents.flat.threads import Threads
from agents.flat.wide_cells import loosened
from agents.progress import WIRELENGTH, Progress, ProgressCallback
from placement_env.netlist import IntArray, Netlist, Placement, hpwl_um
from placement_env.route_estimate import TrackSupply


class PlacingRun:
    """What the steps of one placement share.

    Args:
        seed: Seed of all that is random.
        progress: Is told what is going on.
        on_step: Is told what each step made of the wires.
        cores: Cores to use; all by default.
        device: Where nodes are spread.
        search_macros: Whether a local search follows where macros have become legal.

    Attributes:
        seed: As given.
        search_macros: As given.
        interrupted: Ctrl-C has asked for a quick end.
    """

    def __init__(
        self,
        seed: int,
        progress: ProgressCallback | None,
        on_step: Callable[[StepGain], None] | None = None,
        cores: int | None = None,
        device: str = "cpu",
        search_macros: bool = True,
    ) -> None:
        self.interrupted = False
        self.search_macros = search_macros
        self.seed, self._progress, self._on_step = seed, progress, on_step
        self._cores, self._balance_maker = cores, balance_on(device)
        self._began = time.perf_counter()

    def legalize(
        self, name: str, netlist: Netlist, before: Placement, work: Callable[[], Placement]
    ) -> Placement:
        """What `work` gives, which is quick: Ctrl-C has it done again, and then ends the run."""
        return self._short_step(name, netlist, before, work, otherwise=work)

    def improve(
        self, name: str, netlist: Netlist, legal: Placement, work: Callable[[], Placement]
    ) -> Placement:
        """What `work` makes of a legal placement; that one once Ctrl-C was pressed."""
        if self.interrupted:
            return legal
        return self._short_step(name, netlist, legal, work, otherwise=lambda: legal)

    def spread(
        self,
        netlist: Netlist,
        start: Placement,
        moves: IntArray,
        schedule: Schedule,
        what: str,
        *,
        is_step: bool = True,
    ) -> Placement:
        """Global placement of the nodes `moves`; the one at hand once Ctrl-C was pressed."""
        if self.interrupted:
            return start
        at_hand: Callable[[], Placement] | None = None

        def tell(course: Course, placement: Callable[[], Placement]) -> None:
            nonlocal at_hand
            at_hand = placement
            note = (
                f"iteration {course.iteration}, overflow {course.overflow:.1%}, "
                f"step {course.step:.3g} um"
            )
            self._tell(what, course.hpwl, placement, note)

        began = time.perf_counter()
        try:
            with Threads(self._cores) as threads:
                after = place_globally(
                    loosened(netlist),
                    start,
                    moves,
                    schedule=schedule,
                    seed=self.seed,
                    threads=threads,
                    report=tell,
                    balance_maker=self._balance_maker,
                )
        except KeyboardInterrupt:
            self.interrupted = True
            after = at_hand() if at_hand else start
        if is_step:
            self._took(what, netlist, start, after, began)
        return after

    def inflate(
        self, netlist: Netlist, spread: Placement, cells: IntArray, tracks: TrackSupply
    ) -> tuple[Netlist, Placement]:
        """The netlist with cells wider where wires crowd, and those spread again.

        That is after the last round that was worth it; of those that had ended, once Ctrl-C was
        pressed.
        """
        if self.interrupted:
            return netlist, spread

        def again(wide: Netlist, at: Placement) -> Placement:
            return self.spread(wide, at, cells, SETTLE, "cells spread again", is_step=False)

        began = time.perf_counter()
        best: Spread | None = None
        try:
            for found in inflation_rounds(netlist, spread, tracks, again):
                if self.interrupted:
                    break
                note = f"routing overflow {found.overflow:,.1f}"
                note += f", {best.overflow:,.1f} before" if best else ""
                if best is None or found.is_worth(best):
                    best = found
                length_um = hpwl_um(netlist, found.placement)
                self._tell("cells inflated", length_um, found.placement, note)
        except KeyboardInterrupt:
            self.interrupted = True
        after = best.placement if best else spread
        self._took("cells inflated", netlist, spread, after, began)
        return best.netlist if best else netlist, after

    def refine(self, netlist: Netlist, legal: Placement, steps: Collection[str]) -> Placement:
        """Detailed placement; what it had reached once Ctrl-C was pressed."""
        at_hand = legal

        def tell(progress: Progress) -> None:
            nonlocal at_hand
            if progress.snapshot:
                at_hand = progress.snapshot()
            self._tell(progress.phase, progress.cost, at_hand)

        try:
            at_hand, gains = refine(netlist, legal, seed=self.seed, only=steps, progress=tell)
        except KeyboardInterrupt:
            self.interrupted = True
            return at_hand
        if self._on_step:
            for gain in gains:
                self._on_step(gain)
        return at_hand

    def _short_step(
        self,
        name: str,
        netlist: Netlist,
        before: Placement,
        work: Callable[[], Placement],
        *,
        otherwise: Callable[[], Placement],
    ) -> Placement:
        """What `work` gives, or `otherwise` after Ctrl-C, which ends the run."""
        began = time.perf_counter()
        try:
            self._tell(name, np.inf, before)
            after = work()
        except KeyboardInterrupt:
            self.interrupted = True
            after = otherwise()
        self._took(name, netlist, before, after, began)
        return after

    def _took(
        self, name: str, netlist: Netlist, before: Placement, after: Placement, began: float
    ) -> None:
        """Tell what a step made of the wires."""
        if self._on_step:
            moved = (before.x_um != after.x_um) | (before.y_um != after.y_um)
            self._on_step(
                StepGain(
                    step=name,
                    before_um=hpwl_um(netlist, before),
                    after_um=hpwl_um(netlist, after),
                    moved=int(moved.sum()),
                    seconds=time.perf_counter() - began,
                )
            )

    def _tell(
        self,
        phase: str,
        cost: float,
        placement: Placement | Callable[[], Placement],
        note: str = "",
    ) -> None:
        if self._progress:
            snapshot = (lambda: placement) if isinstance(placement, Placement) else placement
            elapsed_s = time.perf_counter() - self._began
            self._progress(
                Progress(phase, elapsed_s, np.inf, cost, 0, snapshot, note, measure=WIRELENGTH)
            )
