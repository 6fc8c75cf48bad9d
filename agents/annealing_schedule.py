"""How an anneal changes from its beginning to its end: heat, steps, kinds of moves, tops.

`part` goes from 0 at the beginning of an anneal to 1 at its end. Long runs begin several anneals
and finish the best of them.
"""

from __future__ import annotations

from math import log

import numpy as np

from placement_env.cost.model import CostModel
from placement_env.cost.move import Tops

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
# The cost averages a tenth of the cells. In a good placement many more are about as full, so that
# emptying one of them gains nothing: only all together would. Long runs therefore average more
# cells at first, by these factors, and ever fewer until this part of the anneal. Cells inside hard
# macros are full whatever is done: the more of them there are, the less the first factor is.
_DENSITY_TOPS, _CONGESTION_TOPS = 6.0, 2.0
_TOPS_UNTIL = 0.65
# Anneals of so many moves a macro do without that, since it takes time; longer ones do it fully.
_SHORT, _LONG = 5_000.0, 20_000.0
# Which order the macros end in is chance, and cooling more slowly changes little about that. How
# good it is shows early: placements keep the order of their costs from this part of the anneal on.
# Long runs therefore make several trials that far from the same start and finish the best one;
# anneals are as long as so many moves a macro, or longer where there are trials enough.
_TRIAL_UNTIL = 0.6
_ENOUGH = 45_000.0
_MOST_TRIALS = 8
# From this part of the anneal on, the mean cost of a trial is what counts.
_JUDGED_FROM = 0.9 * _TRIAL_UNTIL


def trials(moves_per_macro: float) -> int:
    """How many trials a run of so many moves a macro makes; 1: a single anneal."""
    affordable = (moves_per_macro / _ENOUGH - (1 - _TRIAL_UNTIL)) / _TRIAL_UNTIL
    return min(max(1, int(affordable)), _MOST_TRIALS)


def anneals(count: int) -> float:
    """The length of a run with so many trials, over that of one anneal."""
    return count * _TRIAL_UNTIL + 1 - _TRIAL_UNTIL


def stage(part: float, count: int) -> tuple[int, float]:
    """Which trial, from 0, a run is in and the part of that anneal that has passed.

    Args:
        part: Part of the run that has passed.
        count: How many trials there are; the one with this number is the best one, once resumed.
    """
    if count == 1:
        return 0, part
    passed = part * anneals(count)
    if passed < count * _TRIAL_UNTIL:
        trial = min(int(passed / _TRIAL_UNTIL), count - 1)
        return trial, passed - trial * _TRIAL_UNTIL
    return count, passed - (count - 1) * _TRIAL_UNTIL


def is_judged(part: float) -> bool:
    """Whether the cost after this part of the anneal says how good a trial is."""
    return _JUDGED_FROM <= part < _TRIAL_UNTIL


def first_temperature(accepted: float, cells: int, *, from_nothing: bool) -> float:
    """In units of the cost, where a share `accepted` of the moves succeeds at PROBE."""
    change = min((_ACCEPTED / max(accepted, 1e-6)) ** _CROWDING, _MOST_CHANGE)
    return _HOT * (max(change, _FROM_NOTHING) if from_nothing else change) / cells


def temperature(part: float, first: float, cells: int) -> float:
    """In units of the cost."""
    return first * (_COLD / cells / first) ** (part**_BEND)


def step_length(part: float, *, from_nothing: bool = False) -> float:
    """Typical length of a step, as a share of the canvas."""
    wide = _WIDE_FROM_NOTHING if from_nothing else _WIDE
    return wide * (_NARROW / wide) ** part


def hard_share(part: float) -> float:
    """Share of moves that take a hard macro."""
    return _HARD_SHARE * (1 - part) + _LAST_HARD_SHARE * part


def tops(model: CostModel, part: float, moves_per_macro: float) -> Tops:
    """How many cells the costs average.

    Args:
        model: The netlist's cost model.
        part: Part of the anneal that has passed.
        moves_per_macro: Moves of the whole anneal over the macros that move.
    """
    length = log(max(moves_per_macro, _SHORT) / _SHORT) / log(_LONG / _SHORT)
    power = min(length, 1.0) * max(1 - part / _TOPS_UNTIL, 0.0)
    return Tops(
        round(model.density_top * _DENSITY_TOPS ** (power * _levelling(model))),
        round(model.congestion_top * _CONGESTION_TOPS**power),
    )


def _levelling(model: CostModel) -> float:
    """How much of the density cost levelling can change: 0 where macros fill all cells in it."""
    nodes, grid = model.nodes, model.grid
    # Over all places that a macro can take, it covers so many whole cells on average.
    columns = np.maximum(2 * nodes.half_width[nodes.is_hard] / grid.cell_width - 1, 0)
    rows = np.maximum(2 * nodes.half_height[nodes.is_hard] / grid.cell_height - 1, 0)
    return max(1 - float(columns @ rows) / max(model.density_top, 1), 0.0)
