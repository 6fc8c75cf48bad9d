from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from placement_env.fences import Fences
from placement_env.netlist import Canvas, Netlist, NodeKind, Orient, Placement, Rows
from placement_env.row_legality import check_rows, overlapping_pairs

SITE, ROW = 0.19, 1.4
UNIT = SITE / 4  # the grid on which the tests put things


def rows_of(count: int, sites: int, *, x: float = 0.38, y: float = 1.4) -> Rows:
    i = np.arange(count)
    return Rows(
        x_um=np.full(count, x),
        y_um=np.array([y + k * ROW for k in range(count)]),
        height_um=np.full(count, ROW),
        site_width_um=np.full(count, SITE),
        sites=np.full(count, sites),
        orient=np.where(i % 2 == 0, int(Orient.N), int(Orient.FS)),
    )


def cells_of(width_um: list[float], height_um: list[float], rows: Rows | None) -> Netlist:
    n = len(width_um)
    return Netlist(
        name="t",
        node_name=tuple(f"c{i}" for i in range(n)),
        node_kind=np.full(n, int(NodeKind.STANDARD_CELL)),
        width_um=np.array(width_um),
        height_um=np.array(height_um),
        fixed=np.zeros(n, dtype=bool),
        pin_node=np.zeros(0, dtype=np.int64),
        pin_dx_um=np.zeros(0),
        pin_dy_um=np.zeros(0),
        net_start=np.zeros(1, dtype=np.int64),
        net_weight=np.zeros(0),
        canvas=Canvas(0.0, 0.0, 100.0, 100.0),
        rows=rows,
    )


def place_at(netlist: Netlist, left: list[float], bottom: list[float], orient: list[int]):
    return Placement(
        x_um=np.array(left) + netlist.width_um / 2,
        y_um=np.array(bottom) + netlist.height_um / 2,
        orient=np.array(orient, dtype=np.int64),
    )


def test_cells_on_their_sites_are_legal():
    rows = rows_of(3, 20)
    netlist = cells_of([3 * SITE] * 3, [ROW] * 3, rows)
    x, y = rows.x_um[0], rows.y_um
    placed = place_at(
        netlist,
        [x, x + 3 * SITE, x + 17 * SITE],
        [y[0], y[0], y[1]],
        [Orient.N, Orient.FN, Orient.S],
    )
    report = check_rows(netlist, placed)
    assert report.legal
    assert report.describe(netlist) == "legal"


def test_each_fault_is_counted_and_named():
    rows = rows_of(3, 20)
    netlist = cells_of([3 * SITE] * 6, [ROW] * 6, rows)
    x, y = rows.x_um[0], rows.y_um
    placed = place_at(
        netlist,
        [x, x + 2 * SITE, x + 8.5 * SITE, x + 18 * SITE, x + 12 * SITE, -0.1],
        [y[0], y[0], y[0], y[0], y[1], y[2] + 0.01],
        [Orient.N, Orient.N, Orient.N, Orient.N, Orient.N, Orient.N],
    )
    report = check_rows(netlist, placed)
    assert report.overlaps == 1
    assert report.overlap_pairs.tolist() == [[0, 1]]
    assert report.off_site_nodes.tolist() == [2]
    # 3 sticks out of its row, 4 is upside down, 5 is between two rows.
    assert report.off_row_nodes.tolist() == [3, 4, 5]
    assert report.outside_nodes.tolist() == [5]
    text = report.describe(netlist)
    for part in ("1 overlaps (first: c0 and c1)", "1 off site (first: c2)", "3 off row", "c5"):
        assert part in text


def test_a_cell_may_lie_across_two_pieces_of_one_row_but_not_across_a_gap():
    pieces = Rows(
        x_um=np.array([0.0, 10 * SITE, 25 * SITE]),
        y_um=np.zeros(3),
        height_um=np.full(3, ROW),
        site_width_um=np.full(3, SITE),
        sites=np.array([10, 10, 10]),
        orient=np.zeros(3, dtype=np.int64),
    )
    netlist = cells_of([4 * SITE] * 2, [ROW] * 2, pieces)
    placed = place_at(netlist, [8 * SITE, 18 * SITE], [0.0, 0.0], [0, 0])
    assert check_rows(netlist, placed).off_row_nodes.tolist() == [1]


def test_a_double_height_cell_needs_both_rows():
    rows = rows_of(3, 20)
    netlist = cells_of([3 * SITE] * 2, [2 * ROW] * 2, rows)
    x = rows.x_um[0]
    placed = place_at(
        netlist, [x, x + 5 * SITE], [rows.y_um[0], rows.y_um[2]], [Orient.N, Orient.N]
    )
    assert check_rows(netlist, placed).off_row_nodes.tolist() == [1]


def test_thousands_of_stacked_cells_are_counted_and_the_list_stays_short():
    n = 3000
    netlist = cells_of([SITE] * n, [ROW] * n, rows_of(1, 20))
    placed = place_at(netlist, [0.38] * n, [1.4] * n, [0] * n)
    report = check_rows(netlist, placed)
    assert report.overlaps == n * (n - 1) // 2
    assert len(report.overlap_pairs) == 1000


coordinate = st.integers(0, 40)
size = st.integers(0, 12)


@given(st.lists(st.tuples(coordinate, coordinate, size, size), max_size=25), st.integers(1, 30))
def test_the_sweep_counts_what_brute_force_counts(boxes, band):
    left, bottom, width, height = (
        np.array([box[k] for box in boxes], dtype=np.float64) * UNIT for k in range(4)
    )
    right, top = left + width, bottom + height

    def meet(a: tuple[int, ...], b: tuple[int, ...], axis: int) -> bool:
        end = min(a[axis] + a[axis + 2], b[axis] + b[axis + 2])
        return end > max(a[axis], b[axis])

    expected = [
        (i, j)
        for i, j in combinations(range(len(boxes)), 2)
        if meet(boxes[i], boxes[j], 0) and meet(boxes[i], boxes[j], 1)
    ]
    solid = np.flatnonzero((width > 0) & (height > 0))
    count, pairs = overlapping_pairs(
        left[solid], bottom[solid], right[solid], top[solid], band_um=band * UNIT
    )
    assert count == len(expected)
    assert [tuple(pair) for pair in solid[pairs].tolist()] == expected


@given(
    st.lists(st.tuples(st.integers(-3, 90), st.integers(-1, 5), st.integers(1, 5)), max_size=15),
    st.sampled_from([0, 1, 4, 5]),
    st.integers(0, 3),
)
def test_rows_and_sites_agree_with_brute_force(cells, orient, lift):
    """Cells on a quarter-site grid and a third-row grid against a site-by-site check."""
    rows = rows_of(4, 20)
    netlist = cells_of([w * SITE for _, _, w in cells], [ROW] * len(cells), rows)
    left = [rows.x_um[0] + q * UNIT for q, _, _ in cells]
    bottom = [rows.y_um[0] + r * ROW + lift * ROW / 4 for _, r, _ in cells]
    report = check_rows(netlist, place_at(netlist, left, bottom, [orient] * len(cells)))
    off_row, off_site = [], []
    for i, (q, r, w) in enumerate(cells):
        upright = {0: {0, 4}, 1: {1, 5}}[r % 2]
        found = lift == 0 and 0 <= r < 4 and 0 <= q < 80
        if not found or q + 4 * w > 80 or orient not in upright:
            off_row.append(i)
        if found and q % 4:
            off_site.append(i)
    assert report.off_row_nodes.tolist() == off_row
    assert report.off_site_nodes.tolist() == off_site


def test_fixed_nodes_must_be_where_they_were():
    netlist = replace(cells_of([1.0] * 4, [1.0] * 4, None), fixed=np.arange(4) < 3)
    start = place_at(netlist, [0, 2, 4, 6], [0, 0, 0, 0], [0, 0, 0, 0])
    placed = place_at(netlist, [0, 2 + 1e-9, 4.1, 8], [0, 0, 0, 0], [4, 0, 0, 4])
    report = check_rows(netlist, placed, start=start)
    assert report.moved_nodes.tolist() == [0, 2]
    assert not report.legal
    assert "2 fixed but moved (first: c0)" in report.describe(netlist)
    assert check_rows(netlist, placed).legal
    assert check_rows(netlist, start, start=start).legal


def test_nodes_keep_to_their_fences_and_out_of_closed_ones():
    # Region 0 is an L of two boxes and closed to others; region 1 is open to all.
    box_um = np.array([[0.0, 0, 4, 2], [0.0, 2, 2, 4], [6.0, 0, 10, 4]])
    netlist = cells_of([2.0] * 7, [2.0] * 7, None)
    fences = Fences(
        ("closed", "open"), np.array([True, False]), box_um, np.array([0, 0, 1]),
        np.array([0, 0, 0, 1, 1, -1, -1]),
    )  # fmt: skip
    placed = place_at(netlist, [0, 2, 1, 6, 12, 8, 3], [1, 0, 1, 0, 0, 2, 5], [0] * 7)
    # 0 lies across both boxes of the L; 2 sticks out of its corner; 4 is far off; 5 may be there.
    netlist = replace(netlist, fences=fences)
    report = check_rows(netlist, placed)
    assert report.off_fence_nodes.tolist() == [2, 4]
    assert "2 off fence (first: c2)" in report.describe(netlist)
    intruder = replace(placed, y_um=np.where(np.arange(7) == 6, 2.0, placed.y_um))
    assert check_rows(netlist, intruder).off_fence_nodes.tolist() == [2, 4, 6]
    stuck = replace(netlist, fixed=np.ones(7, dtype=bool))
    assert check_rows(stuck, intruder).off_fence_nodes.size == 0
