"""The wirelength after cells are placed, as an objective of the environment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.downstream import flat_wirelength
from placement_env.env import MacroPlacementEnv
from placement_env.gridding import default_grid
from placement_env.grouping import group_cells, grouped_netlist, grouped_placement
from placement_env.netlist import NodeKind, Placement
from tests.agents.row_designs import row_design


def test_an_episode_ends_with_the_wirelength_of_placed_cells() -> None:
    flat, start = row_design(cells=150, macros=2)
    flat = replace(flat, fixed=flat.fixed & (flat.node_kind != NodeKind.HARD_MACRO))
    canvas = flat.canvas
    start = Placement(
        np.where(np.isfinite(start.x_um), start.x_um, (canvas.left_um + canvas.right_um) / 2),
        np.where(np.isfinite(start.y_um), start.y_um, (canvas.bottom_um + canvas.top_um) / 2),
        start.orient,
    )
    group = group_cells(flat, target_groups=8)
    grouped = grouped_netlist(flat, group)
    grid = default_grid(
        grouped,
        h_tracks_per_um=10.0,
        v_tracks_per_um=10.0,
        h_macro_tracks_per_um=5.0,
        v_macro_tracks_per_um=5.0,
    )
    grouped = replace(grouped, grid=grid)
    calls = []

    def objective(*arguments):
        calls.append(flat_wirelength(flat, group, start)(*arguments))
        return calls[-1]

    env = MacroPlacementEnv(
        grouped,
        grouped_placement(flat, group, start),
        start="improve",
        objective=objective,
        horizon=3,
    )
    _, info = env.reset(seed=1)
    rng = np.random.default_rng(0)
    rewards, truncated = [], False
    for _ in range(3):
        cell = int(rng.choice(np.flatnonzero(env.place_mask(0))))
        _, reward, _, truncated, info = env.step((0, cell))
        rewards.append(reward)
    assert truncated
    assert info["refused"] == ""
    first, last = calls
    assert rewards == pytest.approx([0.0, 0.0, first - last])
    assert 0 < last < 1
    assert first != last
    assert flat_wirelength(flat, group, start)(grouped, env.placement()) == pytest.approx(last)
