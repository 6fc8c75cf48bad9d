"""The agent in use: proposals, what a bad policy costs, and checkpoints in place of the weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from agents import placer, placers, search
from agents.annealing_schedule import Schedule, Situation, tuned
from agents.checkpoint import save_weights
from agents.policy import GraphPolicy, PolicySize
from agents.search_control import save_control, untrained
from placement_env.cost.proxy import proxy_cost
from placement_env.errors import InputError
from placement_env.legality import hard_overlaps
from placement_env.netlist import Netlist, NodeKind, Placement
from placement_env.synthetic import synthetic_netlist
from tests.agents.legality import assert_legal, assert_same

SMALL = PolicySize(width=8, cells=4, layers=1)


def stranger() -> GraphPolicy:
    torch.manual_seed(0)
    return GraphPolicy(SMALL).eval()


def test_the_weights_that_ship_place_better_than_the_search_alone(
    nvdla: tuple[Netlist, Placement],
) -> None:
    netlist, start = nvdla
    costs = {
        place: [
            proxy_cost(
                netlist,
                place(netlist, start, budget_s=1, seed=seed, moves=150_000, from_nothing=True),
            ).total
            for seed in (1, 2, 3)
        ]
        for place in (placer.place, search.place)
    }
    assert np.median(costs[placer.place]) < np.median(costs[search.place])


def test_proposals_are_legal_where_there_is_room(ariane: tuple[Netlist, Placement]) -> None:
    netlist, start = ariane
    (proposed,) = placer.proposals(stranger(), netlist, start, count=3, seed=1)
    hard = netlist.nodes_of(NodeKind.HARD_MACRO)
    assert hard_overlaps(netlist, proposed) == []
    assert np.ptp(proposed.x_um[hard]) > 0.5 * netlist.canvas.width_um
    (again,) = placer.proposals(stranger(), netlist, start, count=3, seed=1)
    assert_same(proposed, again)
    (first,) = placer.proposals(stranger(), netlist, start, count=1, seed=1)
    assert proxy_cost(netlist, proposed).total <= proxy_cost(netlist, first).total


def test_at_a_dead_end_the_plan_says_where_the_rest_goes() -> None:
    netlist, start = synthetic_netlist()
    hard = netlist.nodes_of(NodeKind.HARD_MACRO)
    width = netlist.width_um.copy()
    width[hard] = 0.52 * netlist.canvas.width_um  # one beside another does not fit
    height = netlist.height_um.copy()
    height[hard] = 0.9 * netlist.canvas.height_um / (len(hard) - 1)
    netlist = replace(netlist, width_um=width, height_um=height)
    (proposed,) = placer.proposals(stranger(), netlist, start, count=2, seed=1)
    assert np.isfinite([proposed.x_um, proposed.y_um]).all()
    assert hard_overlaps(netlist, proposed) != []


def test_a_netlist_that_cannot_be_played_gets_no_proposal() -> None:
    netlist, start = synthetic_netlist()
    fixed = np.ones(netlist.num_nodes, dtype=bool)
    assert placer.proposals(stranger(), replace(netlist, fixed=fixed), start, count=1, seed=1) == []


def test_the_policy_gets_a_small_share_of_the_time() -> None:
    assert placer.rollouts(100, 0.5, None) == 0
    counts = [placer.rollouts(100, budget_s, None) for budget_s in (5, 10, 60, 600)]
    assert counts == sorted(counts)
    assert counts[-1] > counts[0]
    assert placer.rollouts(0, 600, None) == 0
    assert placer.rollouts(100, None, 10_000) == 0
    assert placer.rollouts(100, None, 10_000_000) > 0
    assert placer.rollouts(1000, None, 10_000_000) < placer.rollouts(100, None, 10_000_000)


def test_the_better_start_wins_the_race(ariane: tuple[Netlist, Placement]) -> None:
    """A good start among bad ones is taken, and a bad one beside a good one is not."""
    netlist, start = ariane
    good = search.place(netlist, start, budget_s=1, seed=1, moves=400_000, cores=1)
    rng = np.random.default_rng(1)
    hard = netlist.nodes_of(NodeKind.HARD_MACRO)
    bad = replace(start, x_um=start.x_um.copy(), y_um=start.y_um.copy())
    bad.x_um[hard] = rng.uniform(0, netlist.canvas.width_um, len(hard))
    bad.y_um[hard] = rng.uniform(0, netlist.canvas.height_um, len(hard))

    def cold(situation: Situation) -> Schedule:
        return replace(tuned(situation), heat=(1e-3, 1e-4))

    def reached(first: Placement, *others: Placement) -> float:
        placed = search.place(
            netlist,
            first,
            budget_s=1,
            seed=2,
            moves=400_000,
            cores=1,
            control=cold,
            propose=lambda _: others,
        )
        assert_legal(netlist, placed)
        return proxy_cost(netlist, placed).total

    alone, worse = reached(good), reached(bad)
    assert alone < 0.99 * worse
    for mixed in (reached(bad, good), reached(good, bad)):
        assert mixed < alone + 0.5 * (worse - alone)


def test_a_checkpoint_takes_the_place_of_the_policy(
    tmp_path: Path, ariane: tuple[Netlist, Placement], monkeypatch: pytest.MonkeyPatch
) -> None:
    netlist, start = ariane
    file = tmp_path / "mine.safetensors"
    save_weights(file, stranger(), {})
    asked: list[int] = []
    monkeypatch.setattr(
        placer,
        "proposals",
        lambda policy, *args, **kwargs: asked.append(policy.size.width) or [],
    )
    for name, moves in ((str(file), 3_000_000), ("graph-rl", 3_000_000)):
        monkeypatch.setattr(search, "place", lambda netlist, start, *, propose, **_: propose(start))
        placers.named(name)(netlist, start, budget_s=1, seed=1, moves=moves)
    assert asked == [8, 64]


def test_damaged_or_foreign_weights_are_refused(
    tmp_path: Path, ariane: tuple[Netlist, Placement]
) -> None:
    netlist, start = ariane
    with pytest.raises(InputError, match="cannot be read"):
        placers.named(str(tmp_path / "none.safetensors"))(netlist, start, budget_s=1, seed=1)
    with pytest.raises(InputError, match="no checkpoint here"):
        placers.named(str(tmp_path))(netlist, start, budget_s=1, seed=1)
    control = tmp_path / "control.safetensors"
    save_control(control, untrained(), {"version": "0"})
    with pytest.raises(InputError, match="of version 0, this chipflow uses version"):
        placer.place(netlist, start, budget_s=1, seed=1, moves=10, control=control)
