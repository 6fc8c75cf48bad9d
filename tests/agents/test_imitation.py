"""The policy comes to do what the search did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from agents import teacher
from agents.imitation import ImitationSettings, imitate, lesson, losses
from agents.policy import GraphPolicy, PolicySize
from agents.teacher import taught_placement
from agents.training_netlists import TrainingNetlist, load_netlists
from placement_env.cost.proxy import proxy_cost
from placement_env.env import MacroPlacementEnv
from placement_env.errors import InputError, TrainingError
from placement_env.legality import hard_overlaps
from placement_env.netlist import NodeKind

CPU = torch.device("cpu")


@pytest.fixture
def given() -> TrainingNetlist:
    return load_netlists("generated:5x0.05")[0]


def test_the_teacher_is_the_search_and_is_asked_once(
    given: TrainingNetlist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = taught_placement(given, moves=20_000, seed=1, folder=tmp_path)
    assert hard_overlaps(given.netlist, placed) == []
    start = proxy_cost(given.netlist, given.start).total
    assert proxy_cost(given.netlist, placed).total < 0.95 * start
    monkeypatch.setattr(teacher.search, "place", None)
    again = taught_placement(given, moves=20_000, seed=1, folder=tmp_path)
    assert np.array_equal(again.x_um, placed.x_um)
    with pytest.raises(TypeError):  # other moves are another placement
        taught_placement(given, moves=20_001, seed=1, folder=tmp_path)
    (file,) = tmp_path.iterdir()
    for damaged in (b"junk", file.read_bytes()[:-30]):
        file.write_bytes(damaged)
        with pytest.raises(InputError, match="cannot be read") as caught:
            taught_placement(given, moves=20_000, seed=1, folder=tmp_path)
        assert str(file) == caught.value.where


def test_a_lesson_puts_macros_next_to_where_they_are(given: TrainingNetlist) -> None:
    netlist, placement = given.netlist, given.start
    taught = lesson(netlist, placement)
    hard = netlist.nodes_of(NodeKind.HARD_MACRO)
    assert len(taught.wanted) == len(hard)
    assert taught.wanted.sum(dim=1).numpy() == pytest.approx(1, abs=1e-5)
    assert taught.plan.numpy()[:, 0] * 1000 == pytest.approx(placement.x_um, abs=1e-2)
    env = MacroPlacementEnv(netlist, placement)
    _, info = env.reset()
    for wanted in taught.wanted:
        assert not wanted.numpy()[info["action_mask"] == 0].any()
        *_, info = env.step(int(wanted.argmax()))
    assert info["dead_end"] == ""
    cell_um = 1000 / min(env.board.grid.columns, env.board.grid.rows)
    placed = env.placement()
    away = np.hypot(placed.x_um - placement.x_um, placed.y_um - placement.y_um)[hard]
    assert np.median(away) < cell_um


def test_a_lesson_has_the_cells_that_it_is_asked_for(given: TrainingNetlist) -> None:
    taught = lesson(given.netlist, given.start, columns=12, rows=9)
    assert taught.wanted.shape[1] == 12 * 9


def test_the_policy_learns_cells_and_plan(given: TrainingNetlist) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    taught = lesson(given.netlist, given.start)
    every = torch.arange(len(taught.wanted))
    policy = GraphPolicy(PolicySize(width=16, cells=8, layers=2))
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-3)
    with torch.no_grad():
        before = [float(loss) for loss in losses(policy, taught, every, CPU)]
    settings = ImitationSettings(imitation_updates=300, imitation_rate=5e-3)
    told: list[int] = []
    imitate(
        [taught], policy, optimizer, settings, seed=1,
        on_update=lambda update, scalars: told.append(update),
    )  # fmt: skip
    with torch.no_grad():
        after = [float(loss) for loss in losses(policy, taught, every, CPU)]
    assert told == list(range(1, 301))
    assert after[0] < 0.5 * before[0]
    assert after[1] < 0.5 * before[1]


def test_a_loss_that_is_not_finite_names_the_netlist(given: TrainingNetlist) -> None:
    taught = lesson(given.netlist, given.start)
    policy = GraphPolicy(PolicySize(width=16, cells=8, layers=1))
    with torch.no_grad():
        policy.query.weight.fill_(float("nan"))
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-3)
    with pytest.raises(TrainingError, match="update 1 of the imitation") as caught:
        imitate([taught], policy, optimizer, ImitationSettings(imitation_updates=2), seed=1)
    assert caught.value.where == "generated_5"
