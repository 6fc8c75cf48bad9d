"""How an anneal changes from its beginning to its end: heat, steps and kinds of moves.

A *control* looks at the situation and answers with a schedule. `tuned` is the one of the search,
tuned by hand; `agents.search_control` has a learned one. `part` goes from 0 at the beginning of an
anneal to 1 at its end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from agents.hard_moves import HardMove
from agents.soft_moves import SoftMove
from placement_env.netlist import FloatArray

#: Temperature, in units of the cost, at which it is measured how many moves succeed.
PROBE = 1e-4

# Last temperature, in units of the cost over the number of grid cells: density and congestion are
# means over a share of the cells, so that one macro changes them the less the more there are.
_COLD = 5e-4
# First temperature, in the same units, where a share _ACCEPTED of the moves succeeds at PROBE.
# Crowded macros need more heat: where fewer succeed, it is raised with the power _CROWDING of what
# is missing, by at most _MOST_CHANGE.
_HOT = 0.08
_ACCEPTED = 0.44
_CROWDING = 2.5
_MOST_CHANGE = 8.0
# From nothing it is raised to this many times _HOT at least: the macros have no order to keep.
_FROM_NOTHING = 2.0
# The logarithm of the temperature falls as this power of the time: slower at first, where the
# macros' order is settled.
_BEND = 1.3
# Typical length of a step at first and in the end, as a share of the canvas; from nothing, macros
# have further to go at first.
_WIDE, _NARROW = 0.03, 0.003
_WIDE_FROM_NOTHING = 0.1
# Share of moves that take a hard macro at first and in the end, when few of them succeed.
_HARD_SHARE, _LAST_HARD_SHARE = 0.35, 0.10
# Shares of the kinds of moves.
_SOFT_SHARES = {
    SoftMove.SWAP: 0.05,
    SoftMove.PIN: 0.55,
    SoftMove.ANYWHERE: 0.02,
    SoftMove.STEP: 0.22,
    SoftMove.STRAIGHT: 0.16,
}
_HARD_SHARES = {
    HardMove.SWAP: 0.15,
    HardMove.TOWARD: 0.10,
    HardMove.ANYWHERE: 0.05,
    HardMove.ROUTES: 0.10,
    HardMove.BESIDE: 0.10,
    HardMove.FLIP: 0.05,
    HardMove.STEP: 0.25,
    HardMove.STRAIGHT: 0.20,
}


#: Area of a typical hard macro over that of a typical soft one, in most public netlists.
TYPICAL_SIZE = 4.0


@dataclass(frozen=True)
class Situation:
    """What a control knows about a run.

    Attributes:
        from_nothing: Whether the start means nothing, as nobody chose it.
        hard: Hard macros that move.
        soft: Soft macros that move.
        cells: Cells of the cost's grid.
        hard_area: Share of the canvas that movable hard macros cover.
        hard_size: Area of a typical hard macro over that of a typical soft one.
        moves_per_macro: Length of an anneal; None as long as the run's speed is not known.
        accepted: Share of moves that succeed at PROBE; None as long as it is not known.
        planned: Whether a policy has planned where nodes go.
    """

    from_nothing: bool
    hard: int
    soft: int
    cells: int
    hard_area: float
    hard_size: float = TYPICAL_SIZE
    moves_per_macro: float | None = None
    accepted: float | None = None
    planned: bool = False


@dataclass(frozen=True)
class Schedule:
    """An anneal's course. Pairs are values at its beginning and at its end.

    Attributes:
        heat: Temperatures, in units of the cost over the number of grid cells.
        bend: The logarithm of the temperature falls as this power of the time.
        step: Typical length of a step, as a share of the canvas.
        hard_share: Share of moves that take a hard macro.
        soft_shares: Two tuples, shares of the kinds of `SoftMove`; they need not sum to one.
        hard_shares: Two tuples, shares of the kinds of `HardMove`.
        eagerness: Power of what kinds of moves have lately earned by which they are preferred; 0:
            shares stay as they are (`agents.move_shares`).
    """

    heat: tuple[float, float]
    bend: float
    step: tuple[float, float]
    hard_share: tuple[float, float]
    soft_shares: tuple[tuple[float, ...], tuple[float, ...]]
    hard_shares: tuple[tuple[float, ...], tuple[float, ...]]
    eagerness: float = 0.0


#: Answers a situation with a schedule.
Control = Callable[[Situation], Schedule]


def tuned(situation: Situation) -> Schedule:
    """The schedule of the search, tuned by hand."""
    accepted = _ACCEPTED if situation.accepted is None else situation.accepted
    hotter = min((_ACCEPTED / max(accepted, 1e-6)) ** _CROWDING, _MOST_CHANGE)
    if situation.from_nothing:
        hotter = max(hotter, _FROM_NOTHING)
    soft = tuple(_SOFT_SHARES.get(kind, 0.0) for kind in SoftMove)
    hard = tuple(_HARD_SHARES.get(kind, 0.0) for kind in HardMove)
    return Schedule(
        heat=(_HOT * hotter, _COLD),
        bend=_BEND,
        step=(_WIDE_FROM_NOTHING if situation.from_nothing else _WIDE, _NARROW),
        hard_share=(_HARD_SHARE, _LAST_HARD_SHARE),
        soft_shares=(soft, soft),
        hard_shares=(hard, hard),
    )


def temperature(schedule: Schedule, part: float, cells: int) -> float:
    """In units of the cost."""
    first, last = schedule.heat
    return first * (last / first) ** (part**schedule.bend) / cells


def step_length(schedule: Schedule, part: float) -> float:
    """Typical length of a step, as a share of the canvas."""
    first, last = schedule.step
    return first * (last / first) ** part


def hard_share(schedule: Schedule, part: float) -> float:
    """Share of moves that take a hard macro."""
    first, last = schedule.hard_share
    return first * (1 - part) + last * part


def shares(pair: tuple[tuple[float, ...], tuple[float, ...]], part: float) -> FloatArray:
    """[kinds] shares of kinds of moves, which sum to one."""
    first, last = np.array(pair)
    between = first ** (1 - part) * last**part
    return between / between.sum()
