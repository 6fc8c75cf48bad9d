"""The course of a run: its cost over time, and placements on the way.

A run may take several placers, one after the other, that minimise different things.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

from agents.progress import PROXY_COST, Progress
from placement_env.netlist import Placement


@dataclass
class CostHistory:
    """Collects a placer's reports for the chart of cost over time; `add` is a progress callback.

    Attributes:
        elapsed_s: [reports] seconds since the placer started.
        cost: [reports] cost of the placement at hand.
        moves: [reports] moves tried so far.
        measure: What the cost is.
    """

    elapsed_s: list[float] = field(default_factory=list)
    cost: list[float] = field(default_factory=list)
    moves: list[int] = field(default_factory=list)
    measure: str = PROXY_COST

    def add(self, report: Progress) -> None:
        """Keep a report that states a cost; there is none before a legal start is found.

        Where it states the cost of something else than those before it, they are dropped.
        """
        if not math.isfinite(report.cost):
            return
        if report.measure != self.measure:
            self.elapsed_s, self.cost, self.moves = [], [], []
            self.measure = report.measure
        self.elapsed_s.append(round(report.elapsed_s, 3))
        self.cost.append(report.cost)
        self.moves.append(report.moves)

    def write(self, path: Path) -> Path:
        """Write the history as JSON; returns `path`."""
        path.write_text(json.dumps(vars(self)) + "\n", encoding="utf-8")
        return path


@dataclass(frozen=True)
class Frame:
    """The placement at one moment of a run."""

    elapsed_s: float
    cost: float
    measure: str
    placement: Placement


class Snapshots:
    """Keeps placements of a run, about equally apart in time; `add` is a progress callback.

    The end of a run need not be known: when there are twice as many as wanted, every other one is
    dropped, and from then on half as many are taken.

    Args:
        wanted: At most so many are in `frames`.
    """

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._kept: list[Frame] = []
        self._every_s = 0.0
        self._next_s = 0.0

    def add(self, report: Progress) -> None:
        """Take the placement at hand, if it is time to."""
        if report.snapshot is None or not math.isfinite(report.cost):
            return
        if report.elapsed_s < self._next_s:
            return
        frame = Frame(report.elapsed_s, report.cost, report.measure, report.snapshot())
        self._kept.append(frame)
        if len(self._kept) >= 2 * self._wanted:
            self._kept = self._kept[::2]
            self._every_s = report.elapsed_s / len(self._kept)
        self._next_s = report.elapsed_s + self._every_s

    @property
    def frames(self) -> list[Frame]:
        """At most as many as wanted, the first and the last of those kept among them."""
        count = len(self._kept)
        if count <= self._wanted:
            return list(self._kept)
        last = self._wanted - 1
        return [self._kept[round(k * (count - 1) / last)] for k in range(self._wanted)]
