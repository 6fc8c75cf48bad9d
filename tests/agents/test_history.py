"""What is kept of a run: its cost over time, and placements on the way."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from agents.history import CostHistory, Snapshots
from agents.progress import WIRELENGTH, Progress
from chipflow.report.cost_over_time import cost_over_time
from placement_env.netlist import Placement


def report(elapsed_s: float, cost: float = 0.5, *, taken: list[float] | None = None) -> Progress:
    def snapshot() -> Placement:
        if taken is not None:
            taken.append(elapsed_s)
        return Placement(np.array([elapsed_s]), np.zeros(1), np.zeros(1, np.int64))

    return Progress("annealing", elapsed_s, 10.0, cost, 7, snapshot)


def test_history_leaves_out_what_has_no_cost(tmp_path: Path) -> None:
    history = CostHistory()
    history.add(report(0.0, float("inf")))
    history.add(report(1.23456, 0.7))
    history.add(report(2.0, 0.6))
    written = json.loads(history.write(tmp_path / "history.json").read_text())
    assert written == {
        "elapsed_s": [1.235, 2.0], "cost": [0.7, 0.6], "moves": [7, 7], "measure": "proxy cost",
    }  # fmt: skip


def test_history_is_of_one_measure() -> None:
    history = CostHistory()
    history.add(report(1.0, 0.7))
    for elapsed_s, cost in ((2.0, 9e6), (3.0, 8e6)):
        history.add(replace(report(elapsed_s, cost), measure=WIRELENGTH))
    assert (history.measure, history.elapsed_s, history.cost) == (WIRELENGTH, [2, 3], [9e6, 8e6])
    drawn = cost_over_time(vars(history))
    assert drawn is not None
    assert drawn[1].startswith("Wirelength of the placement: 9,000,000 at the first report")
    assert ">wirelength<" in drawn[0]


@pytest.mark.parametrize(("reports", "every_s"), [(5, 0.2), (59, 0.25), (240, 0.25), (5000, 0.25)])
def test_snapshots_are_evenly_spread_however_long_the_run(reports: int, every_s: float) -> None:
    snapshots, taken = Snapshots(60), []
    for k in range(reports):
        snapshots.add(report(k * every_s, taken=taken))
    frames = snapshots.frames
    times = [frame.elapsed_s for frame in frames]
    assert len(frames) == min(reports, len(frames), 60)
    assert times[0] == 0
    assert times == sorted(set(times))
    assert all(frame.placement.x_um[0] == frame.elapsed_s for frame in frames)
    if reports > 60:
        assert len(frames) == 60
        assert times[-1] > 0.95 * reports * every_s
        gaps = [b - a for a, b in pairwise(times)]
        assert max(gaps) <= 2.5 * min(gaps)
    # Few are taken in vain.
    assert len(taken) < 60 * (3 + np.log2(max(reports, 60) / 60))


def test_reports_without_a_placement_are_passed_over() -> None:
    snapshots = Snapshots(10)
    snapshots.add(Progress("placing cells", 1.0, float("inf"), float("inf"), 0))
    snapshots.add(report(1.0, float("inf")))
    assert snapshots.frames == []
