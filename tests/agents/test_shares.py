"""How threads share macros out: everything to exactly one of them, in equal amounts of work."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.shares import roles


@given(
    threads=st.integers(1, 16),
    hard=st.integers(0, 50),
    soft=st.integers(0, 50),
    hard_share=st.floats(0.01, 0.9),
    hard_work=st.floats(0.3, 6.0),
)
def test_every_macro_has_one_thread(
    threads: int, hard: int, soft: int, hard_share: float, hard_work: float
) -> None:
    made = roles(threads, hard, soft, hard_share, hard_work, 1000 * threads)
    assert len(made) == threads
    assert made[0].soft_low == 0.0
    assert made[-1].soft_high == 1.0
    assert all(a.soft_high == b.soft_low for a, b in pairwise(made))
    strips = [role.strip for role in made if role.strip >= 0]
    assert strips == list(range(made[0].strips))
    for role in made:
        assert 0 <= role.hard_share <= 1
        assert role.moves >= 1
        assert role.hard_share == 0 or role.strip >= 0


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("hard_share", [0.1, 0.25, 0.33])
def test_moves_and_work_are_as_asked_for(threads: int, hard_share: float) -> None:
    made = roles(threads, 100, 900, hard_share, 2.0, 10_000)
    assert sum(role.moves for role in made) == pytest.approx(10_000, rel=0.001)
    of_hard = sum(role.moves * role.hard_share for role in made) / 10_000
    assert of_hard <= hard_share + 0.001
    assert of_hard == pytest.approx(hard_share, rel=0.02 if threads <= 2 else 0.45)
    work = [role.moves * (1 + role.hard_share) for role in made]
    assert max(work) == pytest.approx(min(work), rel=0.02)
    # Soft macros are moved equally often whichever thread has them.
    for role in made:
        soft_moves = role.moves * (1 - role.hard_share)
        expected = 10_000 * (1 - of_hard) * (role.soft_high - role.soft_low)
        assert soft_moves == pytest.approx(expected, abs=2)
