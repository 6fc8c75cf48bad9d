"""Which kinds of moves a run proposes how often: a bandit over what each kind has lately earned.

Moves to a policy's plan always get what they earn, so that a bad plan costs little; hand-made kinds
of moves do as far as the schedule is eager.

References:
    S. Yang et al., "RLPlace: using reinforcement learning and smart perturbations to optimize FPGA
    placement", IEEE TCAD 41(8), 2022: an agent that chooses the kinds of moves while it anneals.
"""

from __future__ import annotations

import numpy as np

from agents.annealing_schedule import Schedule, shares
from agents.hard_moves import HardMove
from agents.soft_moves import SoftMove
from placement_env.netlist import FloatArray, IntArray

#: Of all kinds, those of hard macros behind those of soft ones.
KINDS = len(SoftMove) + len(HardMove)

# After each slice of a run, what is remembered of earlier ones counts this much less.
_DECAY = 0.9
# Each kind begins as if it had earned as much as all others in so many moves.
_PRIOR = 20.0
# All kinds together keep this part of their scheduled shares, or nobody would learn of what has
# become worth it.
_KEPT = 0.1
# How eager the bandit is about moves to a policy's plan at least.
_PLANNED_EAGERNESS = 1.0


class MoveShares:
    """The shares of the kinds of moves of one run."""

    def __init__(self) -> None:
        self._tried = np.zeros(KINDS)
        self._earned = np.zeros(KINDS)

    def learn(self, tried: IntArray, earned: FloatArray) -> None:
        """Take in [KINDS] moves that were decided upon since, and what they earned."""
        self._tried = _DECAY * self._tried + tried
        self._earned = _DECAY * self._earned + earned

    def at(self, schedule: Schedule, part: float) -> tuple[FloatArray, FloatArray]:
        """Running sums of the shares of kinds of moves of soft macros, and of hard ones."""
        soft = shares(schedule.soft_shares, part)
        hard = shares(schedule.hard_shares, part)
        power = np.full(KINDS, schedule.eagerness)
        cut = len(SoftMove)
        if hard[HardMove.PLANNED] > 0:
            power[cut + HardMove.PLANNED] = max(schedule.eagerness, _PLANNED_EAGERNESS)
        soft = _preferred(soft, self._tried[:cut], self._earned[:cut], power[:cut])
        hard = _preferred(hard, self._tried[cut:], self._earned[cut:], power[cut:])
        return np.cumsum(soft), np.cumsum(hard)


def _preferred(
    shares: FloatArray, tried: FloatArray, earned: FloatArray, power: FloatArray
) -> FloatArray:
    """Shares times a power, of each kind, of what a move of the kind has earned."""
    usual = earned.sum() / max(tried.sum(), 1.0)
    if usual <= 0 or not power.any():
        return shares
    rate = (earned / usual + _PRIOR) / (tried + _PRIOR)
    preferred = shares * rate**power
    return _KEPT * shares + (1 - _KEPT) * preferred / preferred.sum()
