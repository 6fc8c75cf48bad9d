from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_env.density_overflow import covered_area, density_overflow
from placement_env.errors import InputError
from placement_env.netlist import Canvas, Netlist, NodeKind, Placement, Rows


@st.composite
def boxes(draw: st.DrawFn) -> np.ndarray:
    """Boxes in and around a canvas of 60 x 40 from (-10, 5); many edges are on bin lines."""
    edge = st.one_of(st.integers(-3, 14).map(lambda k: 5.0 * k), st.floats(-40, 80))
    sides = [sorted((draw(edge), draw(edge))) for _ in range(2 * draw(st.integers(0, 6)))]
    return np.array(
        [[x[0], y[0], x[1], y[1]] for x, y in zip(sides[::2], sides[1::2], strict=True)]
    ).reshape(-1, 4)


@settings(max_examples=200, deadline=None)
@given(boxes(), st.integers(1, 12), st.integers(1, 8))
def test_covered_area_is_that_of_each_box_and_bin(
    drawn: np.ndarray, columns: int, rows: int
) -> None:
    canvas = Canvas(-10, 5, 50, 45)
    expected = np.zeros((rows, columns))
    for left, bottom, right, top in drawn:
        for row in range(rows):
            for column in range(columns):
                x, y = -10 + 60 / columns * column, 5 + 40 / rows * row
                wide = min(right, x + 60 / columns) - max(left, x)
                tall = min(top, y + 40 / rows) - max(bottom, y)
                expected[row, column] += max(wide, 0) * max(tall, 0)
    found = covered_area(drawn, canvas, columns, rows)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-6)


def four_cells(*, macro_fixed: bool) -> tuple[Netlist, Placement]:
    """Four cells of 20 x 5 on a heap in the lower left of 2 x 2 bins, and a macro on that bin."""
    kinds = [NodeKind.STANDARD_CELL] * 4 + [NodeKind.HARD_MACRO, NodeKind.PORT]
    netlist = Netlist(
        name="four",
        node_name=("a", "b", "c", "d", "macro", "port"),
        node_kind=np.array(kinds, dtype=np.int64),
        width_um=np.array([20.0, 20, 20, 20, 50, 0]),
        height_um=np.array([5.0, 5, 5, 5, 50, 0]),
        fixed=np.array([False] * 4 + [macro_fixed, True]),
        pin_node=np.zeros(0, dtype=np.int64),
        pin_dx_um=np.zeros(0),
        pin_dy_um=np.zeros(0),
        net_start=np.zeros(1, dtype=np.int64),
        net_weight=np.zeros(0),
        canvas=Canvas(0, 0, 100, 100),
        rows=Rows(
            x_um=np.zeros(20),
            y_um=np.linspace(0, 95, 20),
            height_um=np.full(20, 5.0),
            site_width_um=np.ones(20),
            sites=np.full(20, 100),
            orient=np.zeros(20, dtype=np.int64),
        ),
    )
    at = np.array([25.0] * 6)
    return netlist, Placement(at, at.copy(), np.zeros(6, dtype=np.int64))


def test_overflow_is_what_the_bins_cannot_hold() -> None:
    netlist, placement = four_cells(macro_fixed=False)
    # 400 of cells and 2500 of macro in one bin of 2500
    assert density_overflow(netlist, placement) == pytest.approx(400 / 2900)
    assert density_overflow(netlist, placement, target=0.5) == pytest.approx(1650 / 2900)
    fixed, _ = four_cells(macro_fixed=True)
    assert density_overflow(fixed, placement) == pytest.approx(1)
    away = replace(placement, x_um=np.array([75.0, 75, 75, 75, 25, 0]))
    assert density_overflow(netlist, away) == 0
    assert density_overflow(fixed, away) == 0
    # the bin beside the macro holds 0.1 of its own 2500
    assert density_overflow(fixed, away, target=0.1) == pytest.approx(150 / 400)


def test_what_has_no_bins_is_refused() -> None:
    netlist, placement = four_cells(macro_fixed=False)
    with pytest.raises(InputError, match="made from the rows"):
        density_overflow(replace(netlist, rows=None), placement)
    with pytest.raises(InputError, match="target density is 0"):
        density_overflow(netlist, placement, target=0.0)
