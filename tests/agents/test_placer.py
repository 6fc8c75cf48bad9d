"""The agent in use: plans to begin with, and checkpoints in place of the weights."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from agents import placer, placers, search
from agents.annealing_run import AnnealingRun, Start
from agents.annealing_schedule import Schedule, Situation, tuned
from agents.checkpoint import save_weights
from agents.hard_moves import HardMove
from agents.lattice import make_lattice
from agents.legal_start import movable
from agents.plan import planned
from agents.policy import GraphPolicy, PolicySize
from agents.search_control import save_control, untrained
from agents.without_search import place_random
from placement_env.cost.model import cost_model
from placement_env.cost.proxy import proxy_cost
from placement_env.errors import InputError
from placement_env.netlist import Netlist, NodeKind, Placement
from placement_env.soft_rule import SoftRule
from placement_env.synthetic import synthetic_netlist
from tests.agents.legality import assert_legal, assert_others_stay, assert_same

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


def test_a_new_policy_plans_what_nets_pull_to(ariane: tuple[Netlist, Placement]) -> None:
    netlist, start = ariane
    plan = planned(stranger(), netlist, start)
    assert plan is not None
    pull = SoftRule(netlist, ~netlist.fixed)
    x_um, _ = pull.place(start.x_um, start.y_um)
    assert np.abs(plan.x_um - x_um).max() < 0.1 * netlist.canvas.width_um
    assert_others_stay(netlist, start, plan)


def test_a_plan_needs_something_that_stays() -> None:
    netlist, start = synthetic_netlist()
    loose = replace(netlist, fixed=np.zeros(netlist.num_nodes, dtype=bool))
    assert planned(stranger(), loose, start) is None


def test_a_run_from_nothing_begins_at_the_plan(
    ariane: tuple[Netlist, Placement], monkeypatch: pytest.MonkeyPatch
) -> None:
    netlist, start = ariane
    good = search.place(netlist, start, budget_s=1, seed=1, moves=400_000, cores=1)
    placer.compile_kernels()
    asked: list[int] = []
    monkeypatch.setattr(placer, "planned", lambda *_: asked.append(1) or good)

    def reached(moves: int, *, from_nothing: bool) -> float:
        placed = placer.place(
            netlist, start, budget_s=1, seed=2, moves=moves, cores=1, from_nothing=from_nothing
        )
        assert_legal(netlist, placed)
        return proxy_cost(netlist, placed).total

    reached(100_000, from_nothing=False)
    reached(10_000, from_nothing=True)  # too short a run for a plan
    assert not asked
    helped = reached(200_000, from_nothing=True)
    assert asked
    monkeypatch.setattr(placer, "planned", lambda *_: None)
    assert helped < 0.99 * reached(200_000, from_nothing=True)


def test_a_plan_that_costs_more_is_not_begun_with(ariane: tuple[Netlist, Placement]) -> None:
    """The schedule tuned by hand does not move to plans, so that only the start can tell."""
    netlist, start = ariane
    good = search.place(netlist, start, budget_s=1, seed=1, moves=100_000, cores=1)
    bad = place_random(netlist, start, budget_s=1, seed=1)
    none, begun, refused = (
        search.place(
            netlist,
            start,
            budget_s=1,
            seed=1,
            moves=2000,
            cores=1,
            from_nothing=True,
            propose=lambda _, plan=plan: plan,
        )
        for plan in (None, good, bad)
    )
    assert_same(none, refused)
    assert proxy_cost(netlist, begun).total < 0.9 * proxy_cost(netlist, none).total


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_a_plan_leads_to_is_legal(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Around a fixed macro, in two threads."""
    netlist, start = synthetic_netlist(macros=12, seed=seed)
    fixed = netlist.fixed.copy()
    fixed[netlist.nodes_of(NodeKind.HARD_MACRO)[0]] = True
    netlist = replace(netlist, fixed=fixed)
    asked: list[Placement | None] = []
    monkeypatch.setattr(placer, "planned", lambda *of: asked.append(planned(*of)) or asked[-1])
    placed = placer.place(
        netlist, start, budget_s=1, seed=seed, moves=60_000, cores=2, from_nothing=True
    )
    assert asked[-1] is not None
    assert_legal(netlist, placed)
    assert_others_stay(netlist, start, placed)


def test_moves_to_a_plan_lead_there() -> None:
    """With no others, and so hot that each is taken, hard macros end where they are planned."""
    netlist, start = synthetic_netlist()
    scattered, goal = (place_random(netlist, start, budget_s=1, seed=seed) for seed in (1, 2))
    model = cost_model(netlist, start.orient)
    lattice = make_lattice(netlist, model, gap_um=0.0, grid_um=None)
    hard, soft = movable(netlist, model)
    x_um, y_um = scattered.x_um.copy(), scattered.y_um.copy()
    x_um[hard], y_um[hard] = goal.x_um[hard], goal.y_um[hard]
    only = tuple(float(kind == HardMove.PLANNED) for kind in HardMove)

    def control(situation: Situation) -> Schedule:
        assert situation.planned
        return replace(
            tuned(situation),
            heat=(1e6, 1e6),
            step=(1e-6, 1e-6),
            hard_share=(1.0, 1.0),
            hard_shares=(only, only),
        )

    left, bottom = model.left_um, model.bottom_um
    plan = x_um - left, y_um - bottom
    run = AnnealingRun(
        model,
        lattice,
        start,
        Start(scattered.x_um - left, scattered.y_um - bottom, plan=plan),
        hard=hard,
        soft=soft,
        seed=1,
        flips=False,
        threads=1,
        control=control,
    )
    seen: list[Placement] = []
    with contextlib.closing(run):
        run.count(200_000, lambda now: seen.append(now.snapshot()) if now.snapshot else None)
    placed = seen[-1]
    far_um = np.hypot(placed.x_um - x_um, placed.y_um - y_um)[hard]
    before_um = np.hypot(scattered.x_um - x_um, scattered.y_um - y_um)[hard]
    assert np.median(before_um) > 0.1 * netlist.canvas.width_um
    assert np.median(far_um) < 0.01 * netlist.canvas.width_um


def test_a_checkpoint_takes_the_place_of_the_policy(
    tmp_path: Path, ariane: tuple[Netlist, Placement], monkeypatch: pytest.MonkeyPatch
) -> None:
    netlist, start = ariane
    file = tmp_path / "mine.safetensors"
    save_weights(file, stranger(), {})
    asked: list[int] = []
    monkeypatch.setattr(
        placer,
        "planned",
        lambda policy, *_: asked.append(policy.size.width),
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
