"""Work shared among threads: the same results in the same order, the quicker way."""

from __future__ import annotations

import time

import numpy as np
import pytest

from agents.flat import threads
from agents.flat.threads import Threads


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "usable_cores", lambda: 4)


@pytest.mark.usefixtures("four_cores")
@pytest.mark.parametrize("cores", [1, 2, 3, 4])
@pytest.mark.parametrize("chunks", [1, 3, 4, 9])
def test_results_come_in_the_order_of_the_chunks(cores: int, chunks: int) -> None:
    bounds = np.arange(chunks + 1) * 10
    with Threads(cores) as pool:
        for _ in range(40):  # both ways, and the one that was chosen
            found = pool.run(lambda first, last: (first, last), bounds)
            assert found == [(10 * i, 10 * i + 10) for i in range(chunks)]


@pytest.mark.usefixtures("four_cores")
@pytest.mark.parametrize("quick", [1, 3])
def test_the_quicker_way_is_taken_after_some_trials(quick: int) -> None:
    asked: list[int] = []

    def work(cores: int) -> int:
        asked.append(cores)
        time.sleep(0.001 if cores == quick else 0.02)
        return 7

    with Threads(3) as pool:
        assert {pool.quicker("work", work) for _ in range(30)} == {7}
        assert set(asked[:10]) == {1, 3}
        assert set(asked[-10:]) == {quick}
        other: list[int] = []
        pool.quicker("other work", lambda cores: other.append(cores))
        assert other == [1]  # nothing is known of it
