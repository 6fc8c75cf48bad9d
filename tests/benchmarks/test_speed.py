"""The measurements of speed, with a search of ours."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.speed import measure
from placement_env.errors import InputError

Data = Callable[[str], Path]


def _measured(search: Callable[[int], float]) -> float:
    """Seconds a move, of a search that sleeps so long for so many moves."""
    found = measure(
        "ariane133_ng45",
        lambda netlist, start, moves, cores: time.sleep(search(moves)),
        lambda env: lambda: 1,
        rounds=1,
        moves=1000,
    )
    return found.timings["search_move"].median_s


def test_a_disturbed_measurement_is_made_again(data_file: Data) -> None:
    data_file("tilos/ariane133_ng45/netlist.pb.txt.gz")
    disturbed_s = iter([0.3])

    def search(moves: int) -> float:
        return 0.1 if moves == 1000 else next(disturbed_s, 0.01)

    assert _measured(search) == pytest.approx(0.09 / 900, rel=0.5)


def test_moves_that_take_no_time_cannot_be_measured(data_file: Data) -> None:
    data_file("tilos/ariane133_ng45/netlist.pb.txt.gz")
    with pytest.raises(InputError, match="1000 moves of the search took no longer than 100"):
        _measured(lambda moves: 0.0 if moves == 1000 else 0.02)
