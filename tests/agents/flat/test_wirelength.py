"""The smooth wirelength against HPWL, and its gradient against differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.flat.problem import FlatProblem, flat_problem
from agents.flat.threads import Threads
from agents.flat.wirelength import smooth_wirelength, to_bodies
from placement_env.netlist import Netlist, Placement, hpwl_um
from tests.agents.flat.random_flat import random_flat

UNIT_UM = 2.0


def _measured(
    problem: FlatProblem, at: np.ndarray, gamma: float
) -> tuple[float, float, np.ndarray]:
    pins, bodies = np.zeros((2, len(problem.pin_body))), np.zeros((2, problem.num_bodies))
    with Threads() as threads:
        smooth, exact = smooth_wirelength(problem, threads, at, gamma, pins)
        to_bodies(problem, threads, pins, bodies)
    return smooth, exact, bodies


def _problem(netlist: Netlist, placement: Placement) -> tuple[FlatProblem, np.ndarray]:
    moves = np.flatnonzero(~netlist.fixed)
    canvas = netlist.canvas
    region = (canvas.left_um, canvas.bottom_um, canvas.right_um, canvas.top_um)
    problem = flat_problem(netlist, placement, moves, region_um=region, unit_um=UNIT_UM)
    at = np.stack([placement.x_um[moves] - region[0], placement.y_um[moves] - region[1]]) / UNIT_UM
    return problem, at


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), gamma=st.floats(1e-3, 1e3))
def test_it_is_between_nothing_and_hpwl_and_nears_it(seed: int, gamma: float) -> None:
    netlist, placement = random_flat(seed)
    problem, at = _problem(netlist, placement)
    smooth, exact, _ = _measured(problem, at, gamma)
    assert exact * UNIT_UM == pytest.approx(hpwl_um(netlist, placement), rel=1e-12, abs=1e-9)
    assert -1e-9 <= smooth <= exact * (1 + 1e-12) + 1e-9
    sharp, _, _ = _measured(problem, at, 1e-4)
    assert sharp == pytest.approx(exact, rel=1e-3, abs=1e-2)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), gamma=st.sampled_from([0.5, 3.0, 40.0]))
def test_the_gradient_is_that_of_the_smooth_wirelength(seed: int, gamma: float) -> None:
    netlist, placement = random_flat(seed)
    problem, at = _problem(netlist, placement)
    _, _, gradient = _measured(problem, at, gamma)
    nudge = 1e-5
    for axis, body in [(0, 0), (1, 1), (0, problem.num_bodies - 1), (1, problem.num_bodies - 1)]:
        more, less = at.copy(), at.copy()
        more[axis, body] += nudge
        less[axis, body] -= nudge
        slope = (
            (_measured(problem, more, gamma)[0] - _measured(problem, less, gamma)[0]) / nudge / 2
        )
        assert gradient[axis, body] == pytest.approx(slope, rel=1e-4, abs=1e-5)


def test_pins_very_far_apart_do_not_overflow() -> None:
    netlist, placement = random_flat(3)
    problem, at = _problem(netlist, placement)
    smooth, exact, gradient = _measured(problem, at, 1e-7)
    assert smooth == pytest.approx(exact)
    assert np.isfinite(gradient).all()
