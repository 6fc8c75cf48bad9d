"""What a placer tells while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from placement_env.netlist import Placement

#: What placers minimise.
PROXY_COST, WIRELENGTH = "proxy cost", "wirelength"


@dataclass(frozen=True)
class Progress:
    """One report of a running placer.

    Attributes:
        phase: What it does now, in a word or two.
        elapsed_s: Seconds since it started.
        budget_s: Seconds that it may take; inf where it counts moves instead.
        cost: Cost of the placement at hand; inf while there is none.
        moves: Moves tried so far.
        snapshot: Gives the placement at hand, if called before the callback returns.
        note: What else there is to say, for people to read.
        measure: What the cost is.
    """

    phase: str
    elapsed_s: float
    budget_s: float
    cost: float
    moves: int
    snapshot: Callable[[], Placement] | None = None
    note: str = ""
    measure: str = PROXY_COST


ProgressCallback = Callable[[Progress], None]
