"""The environment keeps its specification: the API, the masks, the rewards and the errors."""

from __future__ import annotations

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
from placement_env.cost.proxy import proxy_cost
from placement_env.env import MacroPlacementEnv
from placement_env.errors import InputError
from placement_env.legality import hard_overlaps, outside
from placement_env.macro_grid import MacroGrid
from placement_env.netlist import Canvas, NodeKind, Placement
from placement_env.synthetic import synthetic_netlist


def toy(**options: Any) -> MacroPlacementEnv:
    netlist, placement = synthetic_netlist()
    return MacroPlacementEnv(netlist, placement, **options)


def play(env: MacroPlacementEnv, seed: int = 0) -> tuple[float, dict[str, Any]]:
    """Random legal actions to the end; the sum of rewards and the last info."""
    _, info = env.reset(seed=seed)
    env.action_space.seed(seed)
    total, terminated = 0.0, False
    while not terminated:
        action = env.action_space.sample(info["action_mask"])
        _, reward, terminated, truncated, info = env.step(action)
        assert not truncated
        total += reward
    return total, info


@pytest.mark.parametrize("options", [{}, {"reward": "terminal", "columns": 7, "rows": 4}])
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


@pytest.mark.parametrize("reward", ["dense", "terminal"])
def test_rewards_are_the_exact_proxy_cost(reward: str) -> None:
    env = toy(reward=reward)
    _, info = env.reset()
    first = info["reward_terms"]["cost"]
    total, info = play(env)
    assert info["dead_end"] == ""
    cost = proxy_cost(env.netlist, env.placement())
    terms = info["reward_terms"]
    assert terms["cost"] == pytest.approx(cost.total, abs=1e-12)
    assert terms["density"] == pytest.approx(cost.density, abs=1e-12)
    expected = first - cost.total if reward == "dense" else -cost.total
    assert total == pytest.approx(expected, abs=1e-9)


def test_a_full_episode_is_legal_and_places_the_largest_first() -> None:
    env = toy()
    for seed in range(5):
        _, info = play(env, seed)
        assert info["placed"] == 8
        assert hard_overlaps(env.netlist, env.placement()) == []
        assert set(outside(env.netlist, env.placement())) <= set(
            env.netlist.nodes_of(NodeKind.SOFT_MACRO)
        )
    area = (env.netlist.width_um * env.netlist.height_um)[env.order]
    assert np.all(np.diff(area) <= 0)
    assert np.array_equal(env.placement().x_um[:16], env.start.x_um[:16])


def test_the_mask_is_exact() -> None:
    """Every cell of the mask against the legality check, over whole episodes."""
    env = toy(columns=9, rows=11)
    _, info = env.reset(seed=3)
    env.action_space.seed(3)
    for step in range(len(env.order)):
        mask, macro = info["action_mask"], env.order[step]
        assert np.array_equal(mask.astype(bool), env.action_masks())
        x, y = env.grid.candidates(
            float(env.netlist.width_um[macro]), float(env.netlist.height_um[macro])
        )
        placed = [*env.order[:step], macro]
        for action, legal in enumerate(mask):
            at = env.placement()
            at.x_um[macro], at.y_um[macro] = x[action % 9], y[action // 9]
            clash = any(macro in pair and set(pair) <= set(placed)
                        for pair in hard_overlaps(env.netlist, at))  # fmt: skip
            assert bool(legal) == (not clash and macro not in outside(env.netlist, at))
        _, _, _, _, info = env.step(env.action_space.sample(mask))


def test_an_illegal_action_ends_the_episode_with_a_penalty() -> None:
    env = toy(dead_end_penalty=7.0, spread=0.0)
    _, info = env.reset()
    env.step(int(np.flatnonzero(info["action_mask"])[0]))
    bad = int(np.flatnonzero(~env.action_masks())[0])
    _, reward, terminated, truncated, info = env.step(bad)
    assert (reward, terminated, truncated) == (-7.0, True, False)
    assert info["dead_end"] == "the cell is not legal"
    assert not info["action_mask"].any()
    with pytest.raises(InputError, match="over"):
        env.step(0)


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
    assert info["dead_end"] == "the next macro has no legal cell"
    assert info["placed"] == 2
    assert reward == pytest.approx(-2.0 - info["reward_terms"]["cost"])


def test_observations_say_what_the_docstring_says() -> None:
    env = toy()
    observation, info = env.reset()
    nodes, current = observation["nodes"], observation["current"][0]
    assert env.netlist.node_name[current] == info["macro"]
    assert nodes[:, 11].argmax() == current
    assert nodes[:, 11].sum() == 1
    assert np.array_equal(nodes[:, 10], env.netlist.fixed)
    assert observation["occupancy"].sum() == 0
    assert (observation["pull"].min(), observation["pull"].max()) == (0.0, 1.0)
    action = int(np.flatnonzero(info["action_mask"])[0])
    observation, *_ = env.step(action)
    placed_area = env.netlist.width_um[current] * env.netlist.height_um[current]
    cell_area = 100.0 * 100.0 / observation["occupancy"].size
    assert observation["occupancy"].sum() * cell_area == pytest.approx(placed_area, rel=1e-5)
    assert observation["nodes"][current, 10] == 1


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
    assert (len(own.order), own.grid.columns, own.grid.rows) == (133, 24, 21)
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
