"""Charges, their field and the forces, against sums and differences done by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.flat.charges import Bins, area_map, charge_map, charges, field, forces
from agents.flat.problem import flat_problem
from agents.flat.threads import Threads
from tests.agents.flat.random_flat import random_flat

SHAPE, SIZE = (16, 8), (1.25, 2.5)
BINS = Bins(*SIZE, np.zeros(SHAPE))


@settings(max_examples=50, deadline=None)
@given(
    x=st.floats(0, 20), y=st.floats(0, 20), width=st.floats(0.01, 25), height=st.floats(0.01, 25)
)
def test_an_area_lies_in_the_bins_that_it_covers(
    x: float, y: float, width: float, height: float
) -> None:
    found = area_map(np.array([[x], [y]]), np.array([[width], [height]]), SHAPE, SIZE)

    def shares(centre: float, length: float, count: int, step: float) -> np.ndarray:
        edge = step * np.arange(count + 1)
        low, high = centre - length / 2, centre + length / 2
        return np.clip(np.minimum(edge[1:], high) - np.maximum(edge[:-1], low), 0, None)

    expected = np.outer(shares(x, width, 16, 1.25), shares(y, height, 8, 2.5))
    assert found == pytest.approx(expected, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(column=st.integers(0, 15), row=st.integers(0, 7))
def test_the_field_of_one_wave_is_its_slope(column: int, row: int) -> None:
    """Against Poisson's equation solved by hand for a density cos(wx x) cos(wy y)."""
    x = SIZE[0] * (np.arange(16) + 0.5)[:, None]
    y = SIZE[1] * (np.arange(8) + 0.5)[None, :]
    wx, wy = np.pi * column / 20, np.pi * row / 20
    density = np.cos(wx * x) * np.cos(wy * y) * np.ones(SHAPE)
    with Threads() as threads:
        field_x, field_y = field(density * SIZE[0] * SIZE[1], BINS, threads)
    square = wx**2 + wy**2 or 1.0
    assert field_x == pytest.approx(wx / square * np.sin(wx * x) * np.cos(wy * y), abs=1e-9)
    assert field_y == pytest.approx(wy / square * np.cos(wx * x) * np.sin(wy * y), abs=1e-9)


def test_two_charges_repel_each_other_equally() -> None:
    netlist, placement = random_flat(1, cells=2, macros=0, pads=0, nets=1)
    netlist = replace(netlist, width_um=np.full(2, 1.0), height_um=np.full(2, 1.0))
    problem = flat_problem(netlist, placement, np.arange(2), region_um=(0, 0, 20, 20), unit_um=1.0)
    bins = Bins(1.0, 1.0, np.zeros((20, 20)))
    bodies = charges(problem, bins)
    at = np.array([[8.0, 12.0], [10.0, 10.0]])
    out = np.zeros((2, 2))
    with Threads() as threads:
        charge = charge_map(bodies, bins, threads, at, 0, 2)
        forces(bodies, bins, threads, at, 0, 2, field(charge, bins, threads), out)
    assert charge.sum() == pytest.approx(2.0)
    assert out[0, 0] < -0.01
    assert out[0, 0] == pytest.approx(-out[0, 1])
    assert out[1] == pytest.approx([0, 0], abs=1e-9)
