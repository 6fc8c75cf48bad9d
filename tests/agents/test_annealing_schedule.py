"""How an annealing run changes from its beginning to its end."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import annealing_schedule as schedule
from placement_env.cost.model import CostModel, cost_model
from placement_env.cost.toy import toy_netlist
from placement_env.netlist import Netlist, Placement


@pytest.fixture
def model(ariane: tuple[Netlist, Placement]) -> CostModel:
    netlist, start = ariane
    return cost_model(netlist, start.orient)


@given(st.floats(0.0, 1.0), st.integers(1, 10_000), st.booleans())
def test_the_first_temperature_is_higher_the_fewer_moves_succeed(
    accepted: float, cells: int, from_nothing: bool
) -> None:
    first = schedule.first_temperature(accepted, cells, from_nothing=from_nothing)
    assert 0 < first <= schedule.first_temperature(accepted / 2, cells, from_nothing=from_nothing)
    assert schedule.temperature(0.0, first, cells) == pytest.approx(first)
    parts = [k / 20 for k in range(21)]
    heat = [schedule.temperature(part, first, cells) for part in parts]
    assert heat == sorted(heat, reverse=True)


def test_a_start_without_an_order_gets_more_heat_where_macros_have_room() -> None:
    roomy, crowded = (
        [
            schedule.first_temperature(accepted, 500, from_nothing=nothing)
            for nothing in (False, True)
        ]
        for accepted in (0.55, 0.30)
    )
    assert roomy[0] < roomy[1] < crowded[0] == crowded[1]


def test_steps_and_the_share_of_hard_macros_shrink() -> None:
    assert schedule.step_length(0.0) > schedule.step_length(0.5) > schedule.step_length(1.0) > 0
    far = [schedule.step_length(part, from_nothing=True) for part in (0.0, 0.5, 1.0)]
    near = [schedule.step_length(part) for part in (0.0, 0.5, 1.0)]
    assert far[0] > 2 * near[0]
    assert far[1] > near[1]
    assert far[2] == pytest.approx(near[2])
    assert 1 > schedule.hard_share(0.0) > schedule.hard_share(1.0) > 0


def test_long_runs_make_trials() -> None:
    counts = [schedule.trials(moves) for moves in (0.0, 1e4, 4e4, 2e5, 1e9)]
    assert counts[:3] == [1, 1, 1]
    assert 1 < counts[3] <= counts[4]


@given(st.integers(1, 8), st.floats(0.0, 1.0))
def test_trials_begin_anew_and_the_best_is_finished(count: int, part: float) -> None:
    trial, passed = schedule.stage(part, count)
    assert 0 <= trial <= count
    assert 0 <= passed <= 1 + 1e-9
    later, further = schedule.stage(min(part + 0.01, 1.0), count)
    # as much of an anneal passes in a trial as in the end; a new trial begins at 0
    assert later == trial + 1 or further - passed == pytest.approx(
        (min(part + 0.01, 1.0) - part) * schedule.anneals(count)
    )
    assert schedule.stage(0.0, count) == (0, 0.0)
    assert schedule.stage(1.0, count) == (count if count > 1 else 0, pytest.approx(1.0))


def test_a_resumed_trial_goes_on_where_it_was_judged() -> None:
    parts = [schedule.stage(k / 10_000, 3) for k in range(10_001)]
    last = max(passed for trial, passed in parts if trial == 2)
    first = min(passed for trial, passed in parts if trial == 3)
    assert last == pytest.approx(first, abs=1e-3)
    assert schedule.is_judged(last)
    assert not schedule.is_judged(first)


def test_long_runs_average_more_cells_at_first_and_the_true_ones_in_the_end(
    model: CostModel,
) -> None:
    exact = model.density_top, model.congestion_top
    for part in (0.0, 0.3, 0.6, 1.0):
        assert schedule.tops(model, part, 1000) == exact
    first = [schedule.tops(model, 0.0, moves) for moves in (7e3, 1e4, 3e4, 1e9)]
    assert exact < first[0] < first[1] < first[2] == first[3]
    later = [schedule.tops(model, part, 1e9) for part in (0.0, 0.3, 0.6, 0.7, 1.0)]
    assert later == sorted(later, reverse=True)
    assert later[2] > later[3] == later[4] == exact


def test_density_is_not_levelled_where_whole_cells_lie_inside_macros(
    model: CostModel, nvdla: tuple[Netlist, Placement]
) -> None:
    # Macros of 2.0 by 2.8 cells fill more cells than the cost averages, those of ariane none.
    netlist, start = nvdla
    filled = cost_model(netlist, start.orient)
    density, congestion = schedule.tops(filled, 0.0, 1e9)
    assert density == filled.density_top
    assert congestion > filled.congestion_top
    # Small enough, they fill none.
    nodes = filled.nodes
    nodes = nodes._replace(half_width=nodes.half_width / 2, half_height=nodes.half_height / 3)
    small = replace(filled, nodes=nodes)
    factor = schedule.tops(model, 0.0, 1e9).density / model.density_top
    assert schedule.tops(small, 0.0, 1e9).density == pytest.approx(
        factor * filled.density_top, rel=0.02
    )


@given(st.floats(0.0, 1.0), st.floats(0.0, 1e12))
def test_never_more_cells_than_there_are(part: float, moves: float) -> None:
    netlist, start = toy_netlist()
    model = cost_model(netlist, start.orient)
    density, congestion = schedule.tops(model, part, moves)
    assert 0 < density <= model.num_cells
    assert 0 < congestion <= 2 * model.num_cells
