"""The environment keeps its specification: the API, the masks, the rewards and the errors."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st

import placement_env.registration  # noqa: F401
from placement_env.cost.proxy import congestion_maps, density_map, proxy_cost
from placement_env.env import MacroPlacementEnv
from placement_env.errors import InputError
from placement_env.legality import hard_overlaps, outside
from placement_env.macro_grid import MacroGrid
from placement_env.netlist import Canvas, Netlist, NodeKind, Orient, Placement
from placement_env.synthetic import synthetic_netlist


def toy(**options: Any) -> MacroPlacementEnv:
    netlist, placement = synthetic_netlist()
    return MacroPlacementEnv(netlist, placement, **options)


def play(env: MacroPlacementEnv, seed: int = 0) -> tuple[float, dict[str, Any]]:
    """Random legal actions to the end; the sum of rewards and the last info."""
    _, info = env.reset(seed=seed)
    rng = np.random.default_rng(seed)
    total, over = 0.0, False
    while not over:
        if isinstance(env.action_space, gymnasium.spaces.Discrete):
            action: Any = rng.choice(np.flatnonzero(info["action_mask"]))
        else:
            macro = int(rng.integers(len(env.board.order)))
            action = macro, int(rng.choice(np.flatnonzero(env.place_mask(macro))))
        _, reward, terminated, truncated, info = env.step(action)
        over = terminated or truncated
        total += reward
    return total, info


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"reward": "terminal", "columns": 7, "rows": 4},
        {"start": "improve", "shake": 0.5},
        {"start": "improve", "objective": "hpwl"},
    ],
)
def test_gymnasium_accepts_it_without_a_warning(options: dict[str, Any]) -> None:
    netlist, placement = synthetic_netlist()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make(
            "chipflow/MacroPlacement-v0",
            netlist=netlist,
            placement=placement,
            render_mode="rgb_array",
            **options,
        )
        check_env(env.unwrapped)


def test_importing_by_id_registers_it() -> None:
    netlist, placement = synthetic_netlist()
    name = "placement_env.registration:chipflow/MacroPlacement-v0"
    env = gymnasium.make(name, netlist=netlist, placement=placement)
    assert isinstance(env.unwrapped, MacroPlacementEnv)


@pytest.mark.parametrize("start", ["construct", "improve"])
@pytest.mark.parametrize("reward", ["dense", "terminal"])
@pytest.mark.parametrize("objective", ["proxy", "hpwl", "function"])
def test_rewards_are_the_exact_cost(reward: str, start: str, objective: str) -> None:
    calls = []

    def total_of(netlist: Netlist, placement: Placement) -> float:
        calls.append(placement)
        return proxy_cost(netlist, placement).total

    chosen = total_of if objective == "function" else objective
    env = toy(reward=reward, start=start, objective=chosen, shake=0.3)
    _, info = env.reset(seed=0)
    first = info["reward_terms"]["wirelength" if objective == "hpwl" else "cost"]
    calls.clear()
    total, info = play(env)
    assert info["dead_end"] == ""
    cost = proxy_cost(env.netlist, env.placement())
    terms = info["reward_terms"]
    assert terms["cost"] == pytest.approx(cost.total, abs=1e-12)
    assert terms["density"] == pytest.approx(cost.density, abs=1e-12)
    assert terms["congestion"] == pytest.approx(cost.congestion, abs=1e-12)
    last = cost.wirelength if objective == "hpwl" else cost.total
    dense = reward == "dense" and objective != "function"
    expected = first - last if dense or start == "improve" else -last
    assert total == pytest.approx(expected, abs=1e-9)
    if objective == "function":
        assert len(calls) == (2 if start == "improve" else 1)


def test_a_macro_that_does_not_stand_covers_nothing() -> None:
    """After each step of a construction the cost is that of a netlist without the other macros."""
    env = toy()
    _, info = env.reset()
    rng = np.random.default_rng(0)
    for step in range(len(env.board.order) - 1):
        _, _, _, _, info = env.step(int(rng.choice(np.flatnonzero(info["action_mask"]))))
        width, height = env.netlist.width_um.copy(), env.netlist.height_um.copy()
        waiting = env.board.order[step + 1 :]
        kind = env.netlist.node_kind.copy()
        kind[waiting] = NodeKind.STANDARD_CELL
        without = replace(env.netlist, width_um=width, height_um=height, node_kind=kind)
        cost = proxy_cost(without, env.placement())
        for part in ("wirelength", "density", "congestion"):
            assert info["reward_terms"][part] == pytest.approx(getattr(cost, part), abs=1e-12)


def test_a_full_episode_is_legal_and_places_the_largest_first() -> None:
    env = toy()
    for seed in range(5):
        _, info = play(env, seed)
        assert info["placed"] == 8
        assert hard_overlaps(env.netlist, env.placement()) == []
        assert set(outside(env.netlist, env.placement())) <= set(
            env.netlist.nodes_of(NodeKind.SOFT_MACRO)
        )
    area = (env.netlist.width_um * env.netlist.height_um)[env.board.order]
    assert np.all(np.diff(area) <= 0)
    assert np.array_equal(env.placement().x_um[:16], env.start.x_um[:16])


def test_the_mask_is_exact() -> None:
    """Every cell of the mask against the legality check, over whole episodes."""
    env = toy(columns=9, rows=11)
    _, info = env.reset(seed=3)
    env.action_space.seed(3)
    order, grid = env.board.order, env.board.grid
    for step in range(len(order)):
        mask, macro = info["action_mask"], order[step]
        assert np.array_equal(mask.astype(bool), env.action_masks())
        x, y = grid.candidates(
            float(env.netlist.width_um[macro]), float(env.netlist.height_um[macro])
        )
        placed = [*order[:step], macro]
        for action, legal in enumerate(mask):
            at = env.placement()
            at.x_um[macro], at.y_um[macro] = x[action % 9], y[action // 9]
            clash = any(macro in pair and set(pair) <= set(placed)
                        for pair in hard_overlaps(env.netlist, at))  # fmt: skip
            assert bool(legal) == (not clash and macro not in outside(env.netlist, at))
        _, _, _, _, info = env.step(env.action_space.sample(mask))


def test_an_illegal_action_is_explained() -> None:
    env = toy(columns=20, rows=20)
    _, info = env.reset()
    first = env.netlist.node_name[env.board.order[0]]
    env.step(int(np.flatnonzero(info["action_mask"])[0]))
    bad = int(np.flatnonzero(~env.action_masks())[0])
    name = env.netlist.node_name[env.board.order[1]]
    row, column = divmod(bad, 20)
    said = f"{name}' cannot go to cell {bad} .row {row}, column {column}.: it would overlap"
    with pytest.raises(InputError, match=said + f".*{first}") as caught:
        env.step(bad)
    assert caught.value.hint
    assert env.board.standing.sum() == 1  # nothing happened


@pytest.mark.parametrize("start", ["construct", "improve"])
def test_actions_are_whole_numbers_of_the_space(start: str) -> None:
    env = toy(start=start)
    env.reset()
    for bad in (0.0, 10_000, -1, "0"):
        action = bad if start == "construct" else (0, bad)
        with pytest.raises(InputError, match="is outside") as caught:
            env.step(action)
        assert caught.value.where == env.netlist.name
    for wrong in ({"columns": -3}, {"rows": 0}):
        with pytest.raises(InputError, match=r"columns=.*rows="):
            toy(start=start, **wrong)


def test_no_steps_after_the_end() -> None:
    for start in ("construct", "improve"):
        env = toy(start=start)
        with pytest.raises(InputError, match="over"):
            env.step(env.action_space.sample())
        play(env)
        with pytest.raises(InputError, match="over"):
            env.step(env.action_space.sample())


def test_improving_moves_swaps_and_refuses_as_the_mask_says() -> None:
    """Each pair of a macro and a cell: what `place_mask` allows happens, and is legal."""
    env = toy(start="improve", columns=8, rows=8, horizon=10_000)
    env.reset(seed=1)
    rng = np.random.default_rng(0)
    swapped = refused = 0
    for _ in range(400):
        macro, cell = int(rng.integers(8)), int(rng.integers(64))
        allowed, before = env.place_mask(macro)[cell], env.placement()
        *_, info = env.step((macro, cell))
        after = env.placement()
        assert allowed == (info["refused"] == "")
        hard = env.board.order
        moved = hard[
            (before.x_um[hard] != after.x_um[hard]) | (before.y_um[hard] != after.y_um[hard])
        ]
        assert hard_overlaps(env.netlist, after) == []
        assert set(outside(env.netlist, after)) <= set(env.netlist.nodes_of(NodeKind.SOFT_MACRO))
        if allowed:
            assert set(moved) <= {hard[macro], *moved[:2]}
            assert len(moved) <= 2
            swapped += len(moved) == 2
            if len(moved) == 2:
                a, b = moved
                assert (after.x_um[a], after.y_um[a]) == (before.x_um[b], before.y_um[b])
                assert (after.x_um[b], after.y_um[b]) == (before.x_um[a], before.y_um[a])
        else:
            refused += 1
            name = env.netlist.node_name[hard[macro]]
            said = (
                f"the macro {name!r} cannot go to cell {cell} (row {cell // 8}, column {cell % 8})"
            )
            assert info["refused"].startswith(said)
            assert re.search("overlap the macro '.+'$", info["refused"])
            assert len(moved) == 0
            assert np.array_equal(before.x_um, after.x_um)
    assert min(swapped, refused) > 10


def test_settling_lowers_the_cost_exactly_and_keeps_to_the_canvas() -> None:
    netlist, placement = synthetic_netlist()
    rng = np.random.default_rng(0)
    soft = netlist.nodes_of(NodeKind.SOFT_MACRO)
    x, y = placement.x_um.copy(), placement.y_um.copy()
    x[soft], y[soft] = rng.uniform(0, 100, (2, len(soft)))
    env = MacroPlacementEnv(netlist, Placement(x, y, placement.orient), start="improve", sweeps=0)
    env.reset(seed=0)
    env.step((6, int(np.flatnonzero(env.place_mask(6))[5])))
    before = env.placement()
    cost = env.proxy_cost().total
    near = env.edges[[env.board.order[6]]].indices
    env.board.settle([6], sweeps=3)
    after = env.placement()
    moved = (after.x_um != before.x_um) | (after.y_um != before.y_um)
    assert moved.sum() > 0
    assert set(np.flatnonzero(moved)) <= set(soft) & set(near)
    settled = env.proxy_cost().total
    assert settled < cost
    env.board.settle(sweeps=50)
    assert env.proxy_cost().total < settled
    placement = env.placement()
    for part in ("wirelength", "density", "congestion", "total"):
        expected = getattr(proxy_cost(netlist, placement), part)
        assert getattr(env.proxy_cost(), part) == pytest.approx(expected, abs=1e-12)
    assert len(outside(netlist, placement)) == 0
    rest = env.proxy_cost().total
    env.board.settle(sweeps=1)
    assert env.proxy_cost().total == rest


def test_an_illegal_start_is_mended_at_reset() -> None:
    netlist, placement = synthetic_netlist()  # all macros in the middle
    assert len(hard_overlaps(netlist, placement)) > 5
    env = MacroPlacementEnv(netlist, placement, start="improve")
    env.reset()
    assert hard_overlaps(netlist, env.placement()) == []
    legal = env.placement()
    env.reset(options={"placement": legal})
    hard = env.board.order
    assert np.array_equal(env.placement().x_um[hard], legal.x_um[hard])
    assert np.array_equal(env.placement().y_um[hard], legal.y_um[hard])


def test_a_placement_to_improve_has_to_fit_the_environment() -> None:
    netlist, placement = synthetic_netlist()
    first, second = np.flatnonzero(netlist.node_kind == NodeKind.HARD_MACRO)[:2]
    everyone = np.arange(netlist.num_nodes)
    netlist = replace(netlist, fixed=netlist.fixed | (everyone == first))
    env = MacroPlacementEnv(netlist, placement, start="improve")
    env.reset()
    legal = env.placement()
    turned = replace(legal, orient=np.where(everyone == second, Orient.S, legal.orient))
    moved = replace(legal, x_um=legal.x_um + (everyone == first))
    for wrong, message in (
        (turned, f"orientation of '{netlist.node_name[second]}'"),
        (moved, f"fixed place of '{netlist.node_name[first]}'"),
        (replace(legal, x_um=legal.x_um[:-1]), "nodes, the netlist"),
        (replace(legal, x_um=np.full_like(legal.x_um, np.nan)), "finite"),
        ("a.plc", "'str'"),
    ):
        with pytest.raises(InputError, match=message):
            env.reset(options={"placement": wrong})
    env.reset(options={"placement": legal})
    assert hard_overlaps(env.netlist, env.placement()) == []


def test_soft_blocks_keep_the_shapes_that_they_have() -> None:
    netlist, placement = synthetic_netlist()
    size_um = np.stack([netlist.width_um, netlist.height_um], axis=1)
    hard = netlist.node_kind == NodeKind.HARD_MACRO
    size_um[hard] *= (2.0, 0.5)
    shaped = replace(placement, size_um=size_um)
    env = MacroPlacementEnv(netlist, shaped, start="improve", objective="hpwl")
    env.reset()
    placed = env.placement()
    assert placed.size_um is not None
    assert np.array_equal(placed.size_um[hard], size_um[hard])
    assert hard_overlaps(netlist, placed) == []
    same = replace(netlist, width_um=size_um[:, 0], height_um=size_um[:, 1])
    expected = proxy_cost(same, replace(placed, size_um=None)).total
    assert env.proxy_cost().total == pytest.approx(expected, abs=1e-12)


def test_shaking_is_seeded() -> None:
    env = toy(start="improve", shake=1.0)
    env.reset(seed=1)
    first = env.placement()
    env.reset(seed=2)
    assert not np.array_equal(env.placement().x_um, first.x_um)
    env.reset(seed=1)
    assert np.array_equal(env.placement().x_um, first.x_um)
    assert hard_overlaps(env.netlist, first) == []


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("start", ["construct", "improve"])
def test_vector_environments(kind: str, start: str) -> None:
    netlist, placement = synthetic_netlist(macros=3)
    vector = gymnasium.make_vec(
        "placement_env.registration:chipflow/MacroPlacement-v0",
        num_envs=2,
        vectorization_mode=kind,
        netlist=netlist,
        placement=placement,
        start=start,
    )
    try:
        observation, infos = vector.reset(seed=1)
        reward = np.zeros(2)
        for _ in range(8):
            if start == "construct":
                mask = infos["action_mask"]
                actions = np.array([np.flatnonzero(row)[-1] for row in mask])
            else:
                actions = vector.action_space.sample()
            observation, reward, _, _, infos = vector.step(actions)
            if start == "construct" and not infos["action_mask"].any():
                _, infos = vector.reset()
        assert observation["position"].shape == (2, netlist.num_nodes, 2)
        assert np.isfinite(reward).all()
    finally:
        vector.close()


def test_no_room_for_the_next_macro_ends_the_episode() -> None:
    netlist, placement = synthetic_netlist(macros=3)
    width, height = netlist.width_um.copy(), netlist.height_um.copy()
    width[16:19], height[16:19] = 45.0, 60.0  # two fit side by side only, and only flush
    crowded = replace(netlist, width_um=width, height_um=height, canvas=Canvas(0, 0, 100, 100))
    env = MacroPlacementEnv(crowded, placement, reward="terminal", dead_end_penalty=2.0)
    _, info = env.reset()
    reward, terminated = 0.0, False
    while not terminated:
        _, reward, terminated, _, info = env.step(int(np.flatnonzero(info["action_mask"])[0]))
    assert info["dead_end"] == "no legal cell is left for the macro 'hard_macro_18'"
    assert info["placed"] == 2
    assert reward == pytest.approx(-2.0 - info["reward_terms"]["cost"])


def test_observations_say_what_the_docstring_says() -> None:
    env = toy()
    observation, info = env.reset()
    node = env.board.order[observation["current"][0]]
    assert env.netlist.node_name[node] == info["macro"]
    maps = observation["maps"]
    assert maps[0].sum() == 0
    assert (maps[1].min(), maps[1].max()) == (0.0, 1.0)
    assert not observation["standing"].any()
    action = int(np.flatnonzero(info["action_mask"])[0])
    observation, *_ = env.step(action)
    placed_area = env.netlist.width_um[node] * env.netlist.height_um[node]
    cell_area = 100.0 * 100.0 / maps[0].size
    assert observation["maps"][0].sum() * cell_area == pytest.approx(placed_area, rel=1e-5)
    assert observation["standing"].tolist() == [1] + 7 * [0]
    assert observation["passed"] == pytest.approx(1 / 8)
    x, y = (axis[node] / 100.0 for axis in (env.placement().x_um, env.placement().y_um))
    assert observation["position"][node] == pytest.approx([x, y])
    play(env)
    observation = env._observation()
    occupied = observation["maps"][0]
    density = density_map(env.netlist, env.placement())
    horizontal, vertical = congestion_maps(env.netlist, env.placement())
    for layer, expected in zip(observation["maps"][2:], (density, horizontal, vertical),
                               strict=True):  # fmt: skip
        assert layer == pytest.approx(expected / (1 + expected), abs=1e-6)
    hard = env.board.order
    area = (env.netlist.width_um * env.netlist.height_um)[hard].sum() / cell_area
    assert occupied.sum() == pytest.approx(area, rel=1e-5)


def test_the_wire_map_is_the_wirelength_in_each_cell() -> None:
    """Against the cost with the macro moved there, for every cell."""
    env = toy(columns=6, rows=5, objective="hpwl")
    observation, _ = env.reset()
    node = env.board.order[0]
    x, y = env.board.places[0]
    lengths = np.empty((5, 6))
    for row in range(5):
        for column in range(6):
            at = env.placement()
            at.x_um[node], at.y_um[node] = x[column], y[row]
            lengths[row, column] = proxy_cost(env.netlist, at).wirelength
    low, high = lengths.min(), lengths.max()
    assert observation["maps"][1] == pytest.approx((lengths - low) / (high - low), abs=1e-5)


def test_the_same_actions_give_the_same_episode() -> None:
    first, second = toy(), toy()
    ends = [(env, play(env, 5)[0], env.placement()) for env in (first, second, first)]
    for _, total, placement in ends[1:]:
        assert total == ends[0][1]
        assert np.array_equal(placement.x_um, ends[0][2].x_um)
        assert np.array_equal(placement.y_um, ends[0][2].y_um)


def test_a_frame_shows_the_placed_macros() -> None:
    env = toy(render_mode="rgb_array")
    env.reset()
    before = env.render()
    play(env)
    after = env.render()
    assert before is not None
    assert after is not None
    assert before.shape == after.shape == (320, 320, 3)
    blue = (after == (74, 111, 165)).all(axis=2).mean()
    assert 0.2 < blue < 1 / 3
    assert toy().render() is None


@pytest.mark.parametrize(
    ("nodes", "size_um", "fixed", "message"),
    [
        ([19], 101.0, [], "hard_macro_19"),
        (list(range(16, 24)), 95.0, [], "the largest macro is"),
        ([16], 99.0, [16], "fixed macros leave no room"),
        ([], 0.0, list(range(16, 24)), "no movable hard macro"),
    ],
)
def test_what_is_not_feasible_is_said_at_reset(
    nodes: list[int], size_um: float, fixed: list[int], message: str
) -> None:
    netlist, placement = synthetic_netlist()
    width, height = netlist.width_um.copy(), netlist.height_um.copy()
    width[nodes] = height[nodes] = size_um
    stays = netlist.fixed.copy()
    stays[fixed] = True
    changed = replace(netlist, width_um=width, height_um=height, fixed=stays)
    env = MacroPlacementEnv(changed, placement)
    with pytest.raises(InputError, match=message) as caught:
        env.reset()
    assert caught.value.hint


def test_wrong_arguments_are_input_errors(tmp_path: Path) -> None:
    netlist, placement = synthetic_netlist()
    three = np.ones(3)
    for call in (
        lambda: MacroPlacementEnv(netlist),
        lambda: MacroPlacementEnv(replace(netlist, grid=None), placement),
        lambda: MacroPlacementEnv(tmp_path / "a.v"),
        lambda: MacroPlacementEnv(tmp_path / "a.pb.txt"),
        lambda: toy(reward="sparse"),
        lambda: toy(render_mode="human"),
        lambda: toy(start="middle"),
        lambda: toy(objective="area"),
        lambda: toy(shake=1.5),
        lambda: toy(horizon=0),
        lambda: MacroPlacementEnv(netlist, Placement(three, three, three.astype(np.int64))),
    ):
        with pytest.raises(InputError):
            call()
    env = toy()
    env.reset()
    with pytest.raises(InputError, match="outside"):
        env.step(100)


def test_a_netlist_without_a_grid_says_how_to_get_one(data_file: Callable[[str], Path]) -> None:
    with pytest.raises(InputError, match="no routing grid") as caught:
        MacroPlacementEnv(data_file("iccad04/ibm01/ibm01.aux.gz"))
    assert "default_grid" in caught.value.hint


def test_a_real_netlist_from_its_files(data_file: Callable[[str], Path]) -> None:
    path = data_file("tilos/ariane133_ng45/netlist.pb.txt.gz")
    env = gymnasium.make("chipflow/MacroPlacement-v0", netlist=path)
    own = env.unwrapped
    assert isinstance(own, MacroPlacementEnv)
    assert (len(own.board.order), own.board.grid.columns, own.board.grid.rows) == (133, 24, 21)
    _, info = play(own, 1)
    assert info["dead_end"] == ""
    assert hard_overlaps(own.netlist, own.placement()) == []
    assert info["reward_terms"]["cost"] == pytest.approx(
        proxy_cost(own.netlist, own.placement()).total, abs=1e-12
    )


sizes = st.floats(0.5, 60.0, allow_nan=False)


@settings(deadline=None)
@given(
    left=st.floats(-1e4, 1e4), bottom=st.floats(-1e4, 1e4), width=sizes, height=sizes,
    columns=st.integers(1, 12), rows=st.integers(1, 12),
)  # fmt: skip
def test_candidates_lie_inside_whatever_the_numbers(
    left: float, bottom: float, width: float, height: float, columns: int, rows: int
) -> None:
    canvas = Canvas(left, bottom, left + 61.7, bottom + 60.3)
    x, y = MacroGrid(canvas, columns, rows).candidates(width, height)
    for centres, size, low, high in (
        (x, width, canvas.left_um, canvas.right_um),
        (y, height, canvas.bottom_um, canvas.top_um),
    ):
        assert np.array_equal(centres, centres.astype(np.float32))
        assert np.all(centres - size / 2 >= low)
        assert np.all(centres + size / 2 <= high)
        assert np.all(np.diff(centres) >= 0)
    assert not MacroGrid(canvas, columns, rows).legal(62.0, 1.0, np.zeros((0, 4))).any()


@pytest.mark.parametrize("start", ["construct", "improve"])
def test_twins_play_alone(start: str) -> None:
    """What happens in one environment does not show in another that shares its netlist."""
    first = toy(start=start)
    _, info = play(first, 1)
    placement = first.placement()
    second = first.twin()
    assert second.netlist is first.netlist
    total, other = play(second, 2)
    assert np.array_equal(first.placement().x_um, placement.x_um)
    assert first.proxy_cost().total == info["reward_terms"]["cost"]
    assert other["reward_terms"] != info["reward_terms"]
    again, _ = play(toy(start=start), 2)
    assert total == again


@pytest.mark.parametrize("start", ["construct", "improve"])
def test_there_is_a_placement_before_the_first_reset(start: str) -> None:
    env = toy(start=start, render_mode="rgb_array")
    placement = env.placement()
    assert np.isfinite([placement.x_um, placement.y_um]).all()
    picture = env.render()
    assert picture is not None
    assert picture.shape[2] == 3


def test_observations_stay_in_their_space_whatever_is_moved() -> None:
    """Maps are sums and differences, whose rounding must not take them below zero."""
    env = toy(start="improve", shake=0.5)
    for seed in range(60):
        observation, _ = env.reset(seed=seed)
        assert env.observation_space.contains(observation)
        macro = seed % len(env.board.order)
        cell = int(np.flatnonzero(env.place_mask(macro))[-1])
        assert env.observation_space.contains(env.step((macro, cell))[0])
