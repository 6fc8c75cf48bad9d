"""Kinds of moves that earn more are proposed more often, and none is forgotten."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from agents.annealing_schedule import Situation, tuned
from agents.hard_moves import HardMove
from agents.move_shares import KINDS, MoveShares
from agents.soft_moves import SoftMove

PLAIN = tuned(Situation(from_nothing=True, hard=10, soft=10, cells=100, hard_area=0.5))
EAGER = replace(PLAIN, eagerness=1.0)


def soft_shares(shares: MoveShares, eager: bool = True) -> np.ndarray:
    return np.diff(shares.at(EAGER if eager else PLAIN, 0.0)[0], prepend=0.0)


def test_before_anything_is_learned_the_schedule_holds() -> None:
    soft, hard = MoveShares().at(EAGER, 0.3)
    assert soft == pytest.approx(np.cumsum(PLAIN.soft_shares[0]))
    assert hard == pytest.approx(np.cumsum(PLAIN.hard_shares[0]))


def test_what_earns_is_preferred_by_the_eager_alone() -> None:
    shares = MoveShares()
    before = soft_shares(shares)
    earned = np.zeros(KINDS)
    earned[SoftMove.STEP] = 1.0
    shares.learn(np.full(KINDS, 1000), earned)
    after = soft_shares(shares)
    assert after[SoftMove.STEP] > 2 * before[SoftMove.STEP]
    assert after[SoftMove.PIN] < before[SoftMove.PIN]
    assert after[SoftMove.PIN] > 0.05 * before[SoftMove.PIN]
    assert soft_shares(shares, eager=False) == pytest.approx(before)


@pytest.mark.parametrize(("earns", "more"), [(3.0, True), (0.0, False)])
def test_moves_to_a_plan_get_what_they_earn_though_nobody_is_eager(
    earns: float, more: bool
) -> None:
    """And the hand-made kinds keep their shares among themselves."""
    usual = np.array(PLAIN.hard_shares[0])
    usual[HardMove.PLANNED] = 0.1
    usual /= usual.sum()
    schedule = replace(PLAIN, hard_shares=(tuple(usual), tuple(usual)))
    shares = MoveShares()
    earned = np.ones(KINDS)
    earned[HardMove.PLANNED - len(HardMove)] = earns
    earned[HardMove.STEP - len(HardMove)] = 2.0
    shares.learn(np.full(KINDS, 1000), earned)
    now = np.diff(shares.at(schedule, 0.5)[1], prepend=0.0)
    assert (now[HardMove.PLANNED] > usual[HardMove.PLANNED]) == more
    assert 0.005 < now[HardMove.PLANNED] < 0.5
    made = np.arange(len(HardMove)) != HardMove.PLANNED
    assert now[made] / now[made].sum() == pytest.approx(usual[made] / usual[made].sum())


def test_old_earnings_are_forgotten() -> None:
    shares = MoveShares()
    for best in (SoftMove.STEP, SoftMove.PIN):
        for _ in range(50):
            earned = np.zeros(KINDS)
            earned[best] = 1.0
            shares.learn(np.full(KINDS, 100), earned)
    now, usual = soft_shares(shares), np.array(PLAIN.soft_shares[0])
    assert now[SoftMove.PIN] > usual[SoftMove.PIN]
    assert now[SoftMove.STEP] < usual[SoftMove.STEP]


@given(
    arrays.arrays(np.int64, KINDS, elements=st.integers(0, 10**9)),
    arrays.arrays(np.float64, KINDS, elements=st.floats(0, 1e6)),
    st.floats(0, 1),
)
def test_shares_sum_to_one_whatever_was_earned(
    tried: np.ndarray, earned: np.ndarray, part: float
) -> None:
    shares = MoveShares()
    shares.learn(tried, earned)
    for running, kinds in zip(shares.at(EAGER, part), (SoftMove, HardMove), strict=True):
        assert len(running) == len(kinds)
        assert np.all(np.diff(running) >= 0)
        assert running[-1] == pytest.approx(1)
