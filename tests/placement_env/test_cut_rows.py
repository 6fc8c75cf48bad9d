"""Rows cut by boxes, against each site looked at alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_env.cut_rows import rows_area_um2, rows_within, rows_without
from placement_env.netlist import Rows

ROWS = Rows(
    x_um=np.array([0.0, 1.0, 0.5, 30.0]),
    y_um=np.array([0.0, 2.0, 4.0, 4.0]),
    height_um=np.full(4, 2.0),
    site_width_um=np.full(4, 0.5),
    sites=np.array([40, 30, 35, 8]),
    orient=np.array([0, 5, 0, 0]),
)
# Edges on and off the sites and rows.
QUARTERS = st.integers(-4, 90), st.integers(-4, 26), st.integers(1, 90), st.integers(1, 26)
BOX = st.tuples(*QUARTERS).map(
    lambda box: (box[0] / 4, box[1] / 4, (box[0] + box[2]) / 4, (box[1] + box[3]) / 4)
)


def sites(rows: Rows) -> set[tuple[float, float]]:
    """Lower left corners of all sites."""
    return {
        (float(rows.x_um[row] + k * rows.site_width_um[row]), float(rows.y_um[row]))
        for row in range(len(rows.y_um))
        for k in range(rows.sites[row])
    }


def covered(corner: tuple[float, float], boxes: list[tuple[float, ...]]) -> list[bool]:
    """For each square of a quarter of a micrometre that makes up a site, whether a box has it."""
    middles = [
        (corner[0] + 0.125 + column / 4, corner[1] + 0.125 + row / 4)
        for column in range(2)
        for row in range(8)
    ]
    return [
        any(left < x < right and bottom < y < top for left, bottom, right, top in boxes)
        for x, y in middles
    ]


@settings(deadline=None)
@given(boxes=st.lists(BOX, max_size=4))
def test_sites_that_boxes_touch_are_closed(boxes: list[tuple[float, ...]]) -> None:
    left = rows_without(ROWS, np.array(boxes).reshape(-1, 4))
    assert sites(left) == {site for site in sites(ROWS) if not any(covered(site, boxes))}
    assert rows_area_um2(left) == len(sites(left))
    assert (left.sites > 0).all()


@settings(deadline=None)
@given(boxes=st.lists(BOX, max_size=4))
def test_sites_inside_of_boxes_are_kept(boxes: list[tuple[float, ...]]) -> None:
    inside = rows_within(ROWS, np.array(boxes).reshape(-1, 4))
    assert sites(inside) == {site for site in sites(ROWS) if all(covered(site, boxes))}


def test_a_row_cut_in_two_keeps_its_orientation() -> None:
    left = rows_without(ROWS, np.array([[5.0, 2.5, 6.0, 3.0]]))
    assert left.x_um.tolist() == [0.0, 1.0, 6.0, 0.5, 30.0]
    assert left.sites.tolist() == [40, 8, 20, 35, 8]
    assert left.orient.tolist() == [0, 5, 5, 0, 0]
