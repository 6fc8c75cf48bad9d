"""How many trials a run makes, and which part of which of them it is in.

Which order the macros end in is chance, and cooling more slowly changes little about that. How good
it is shows early: placements keep the order of their costs from a part of the anneal on. Long runs
therefore make several trials that far from the same start and finish the best one.
"""

from __future__ import annotations

# Trials end after this part of an anneal.
_TRIAL_UNTIL = 0.6
# Anneals are as long as so many moves a macro, or longer where there are trials enough.
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
