"""Tables of equal runs with and without parts of the agent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from benchmarks.ablation import (
    AblationRun,
    medians,
    read_runs,
    time_to_target,
    to_markdown,
    write_runs,
)
from benchmarks.ablation_curves import draw_curves
from placement_env.errors import InputError

RUN = AblationRun("search", "a", "nothing", 3.0, 1, 0.60, 0.60, True, 3.0)


def runs(arm: str, costs: list[float], **changes: object) -> list[AblationRun]:
    return [
        replace(RUN, arm=arm, seed=seed, robust_cost=cost, **changes)  # type: ignore[arg-type]
        for seed, cost in enumerate(costs, 1)
    ]


RUNS = [
    *runs("search", [0.60, 0.62, 0.50]),
    *runs("agent", [0.57, 0.60, 0.40]),
    *runs("search", [1.0], design="b"),
    *runs("agent", [1.01], design="b"),
    *runs("search", [0.55], budget_s=10.0),
    *runs("agent", [0.52], budget_s=7.0),
]


def test_medians_are_compared_with_the_baseline() -> None:
    assert medians(RUNS)["nothing", "a", 3.0, "agent"] == 0.57
    lines = to_markdown(RUNS, ["agent", "search"], "search").splitlines()
    assert "| 3 | a | 0.5700 (-5.0%) | 0.6000 |" in lines
    assert "| 3 | b | 1.0100 (+1.0%) | 1.0000 |" in lines
    assert "| 3 | mean | -2.00% |  |" in lines
    assert "| 10 | a | – | 0.5500 |" in lines


def test_illegal_results_are_told() -> None:
    assert "1 results are not legal" in to_markdown([replace(RUN, legal=False)], ["search"], "x")


def test_the_shortest_budget_that_reaches_the_target() -> None:
    reached = time_to_target(RUNS, "search", "agent")
    assert ("nothing", "a", 3.0, 3.0) in reached
    assert ("nothing", "a", 10.0, 7.0) in reached
    assert ("nothing", "b", 3.0, None) in reached


def test_curves_are_drawn_of_arms_that_ran(tmp_path: Path) -> None:
    both, one = (
        matplotlib.image.imread(draw_curves(RUNS, arms, tmp_path / f"{len(arms)}.png"))
        for arms in (("agent", "search", "absent"), ("search",))
    )
    assert both.shape == one.shape
    orange = np.array([0xD5, 0x5E, 0x00]) / 255
    seen = [
        int((np.abs(picture[..., :3] - orange).max(axis=-1) < 0.02).sum())
        for picture in (both, one)
    ]
    assert min(seen) > 50  # pixels of the first arm's curve
    assert not np.array_equal(both, one)


def test_runs_are_kept_if_made_alike(tmp_path: Path) -> None:
    file = tmp_path / "runs.json"
    assert read_runs(file, {"code": "1"}) == []
    write_runs(file, {"code": "1"}, RUNS)
    assert read_runs(file, {"code": "1"}) == RUNS
    assert read_runs(file, {"code": "2"}) == []
    file.write_text('{"made_with": {"code": "1"}, "runs": [{"arm": 1}]}')
    with pytest.raises(InputError, match="runs cannot be read"):
        read_runs(file, {"code": "1"})
