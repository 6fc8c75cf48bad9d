"""How an annealing run changes from its beginning to its end."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import annealing_schedule as schedule
from agents import annealing_trials as trials
from agents.annealing_schedule import Situation
from agents.annealing_tops import tops
from placement_env.cost.model import CostModel, cost_model
from placement_env.cost.toy import toy_netlist
from placement_env.netlist import Netlist, Placement


@pytest.fixture
def model(ariane: tuple[Netlist, Placement]) -> CostModel:
    netlist, start = ariane
    return cost_model(netlist, start.orient)


SITUATION = Situation(from_nothing=False, hard=100, soft=700, cells=500, hard_area=0.5)


@given(st.floats(0.0, 1.0), st.integers(1, 10_000), st.booleans())
def test_the_first_temperature_is_higher_the_fewer_moves_succeed(
    accepted: float, cells: int, from_nothing: bool
) -> None:
    seen = replace(SITUATION, cells=cells, from_nothing=from_nothing)
    course = schedule.tuned(replace(seen, accepted=accepted))
    crowded = schedule.tuned(replace(seen, accepted=accepted / 2))
    assert 0 < course.heat[0] <= crowded.heat[0]
    heat = [schedule.temperature(course, k / 20, cells) for k in range(21)]
    assert heat[0] == pytest.approx(course.heat[0] / cells)
    assert heat[-1] == pytest.approx(course.heat[1] / cells)
    assert heat == sorted(heat, reverse=True)


def test_a_start_without_an_order_gets_more_heat_where_macros_have_room() -> None:
    roomy, crowded = (
        [
            schedule.tuned(replace(SITUATION, accepted=accepted, from_nothing=nothing)).heat[0]
            for nothing in (False, True)
        ]
        for accepted in (0.55, 0.30)
    )
    assert roomy[0] < roomy[1] < crowded[0] == crowded[1]


def test_steps_and_the_share_of_hard_macros_shrink() -> None:
    near, far = (
        schedule.tuned(replace(SITUATION, from_nothing=nothing)) for nothing in (False, True)
    )
    steps, further = (
        [schedule.step_length(course, part) for part in (0.0, 0.5, 1.0)] for course in (near, far)
    )
    assert steps[0] > steps[1] > steps[2] > 0
    assert further[0] > 2 * steps[0]
    assert further[1] > steps[1]
    assert further[2] == pytest.approx(steps[2])
    assert 1 > schedule.hard_share(near, 0.0) > schedule.hard_share(near, 1.0) > 0


def test_shares_of_kinds_of_moves_go_from_the_first_to_the_last() -> None:
    pair = (0.8, 0.2, 0.0), (0.1, 0.4, 0.0)
    for part, wanted in ((0.0, (0.8, 0.2, 0.0)), (1.0, (0.2, 0.8, 0.0))):
        assert schedule.shares(pair, part) == pytest.approx(wanted)
    halfway = schedule.shares(pair, 0.5)
    assert halfway == pytest.approx([0.5, 0.5, 0.0])


def test_long_runs_make_trials() -> None:
    counts = [trials.trials(moves) for moves in (0.0, 1e4, 4e4, 2e5, 1e9)]
    assert counts[:3] == [1, 1, 1]
    assert 1 < counts[3] <= counts[4]


@given(st.integers(1, 8), st.floats(0.0, 1.0))
def test_trials_begin_anew_and_the_best_is_finished(count: int, part: float) -> None:
    trial, passed = trials.stage(part, count)
    assert 0 <= trial <= count
    assert 0 <= passed <= 1 + 1e-9
    later, further = trials.stage(min(part + 0.01, 1.0), count)
    # as much of an anneal passes in a trial as in the end; a new trial begins at 0
    assert later == trial + 1 or further - passed == pytest.approx(
        (min(part + 0.01, 1.0) - part) * trials.anneals(count)
    )
    assert trials.stage(0.0, count) == (0, 0.0)
    assert trials.stage(1.0, count) == (count if count > 1 else 0, pytest.approx(1.0))


def test_a_resumed_trial_goes_on_where_it_was_judged() -> None:
    parts = [trials.stage(k / 10_000, 3) for k in range(10_001)]
    last = max(passed for trial, passed in parts if trial == 2)
    first = min(passed for trial, passed in parts if trial == 3)
    assert last == pytest.approx(first, abs=1e-3)
    assert trials.is_judged(last)
    assert not trials.is_judged(first)


def test_long_runs_average_more_cells_at_first_and_the_true_ones_in_the_end(
    model: CostModel,
) -> None:
    exact = model.density_top, model.congestion_top
    for part in (0.0, 0.3, 0.6, 1.0):
        assert tops(model, part, 1000) == exact
    first = [tops(model, 0.0, moves) for moves in (7e3, 1e4, 3e4, 1e9)]
    assert exact < first[0] < first[1] < first[2] == first[3]
    later = [tops(model, part, 1e9) for part in (0.0, 0.3, 0.6, 0.7, 1.0)]
    assert later == sorted(later, reverse=True)
    assert later[2] > later[3] == later[4] == exact


def test_density_is_not_levelled_where_whole_cells_lie_inside_macros(
    model: CostModel, nvdla: tuple[Netlist, Placement]
) -> None:
    # Macros of 2.0 by 2.8 cells fill more cells than the cost averages, those of ariane none.
    netlist, start = nvdla
    filled = cost_model(netlist, start.orient)
    density, congestion = tops(filled, 0.0, 1e9)
    assert density == filled.density_top
    assert congestion > filled.congestion_top
    # Small enough, they fill none.
    nodes = filled.nodes
    nodes = nodes._replace(half_width=nodes.half_width / 2, half_height=nodes.half_height / 3)
    small = replace(filled, nodes=nodes)
    factor = tops(model, 0.0, 1e9).density / model.density_top
    assert tops(small, 0.0, 1e9).density == pytest.approx(factor * filled.density_top, rel=0.02)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1e12))
def test_never_more_cells_than_there_are(part: float, moves: float) -> None:
    netlist, start = toy_netlist()
    model = cost_model(netlist, start.orient)
    density, congestion = tops(model, part, moves)
    assert 0 < density <= model.num_cells
    assert 0 < congestion <= 2 * model.num_cells
