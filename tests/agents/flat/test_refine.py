from __future__ import annotations

from dataclasses import replace
from itertools import combinations_with_replacement, pairwise, permutations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from agents.flat.detailed.assignment import assign, new_assignment
from agents.flat.detailed.board import (
    BLOCKED,
    FREE,
    for_all_cells,
    make_board,
    placement_of,
    total_hpwl_um,
)
from agents.flat.detailed.reach import best_interval, look_around, new_reach, span_x
from agents.flat.detailed.refine import refine
from agents.flat.detailed.reorder import new_window, reorder_rows
from agents.flat.detailed.row_shift import new_row_scratch, shift_rows
from agents.flat.detailed.trial import gain, keep, new_trial, put, undo
from agents.flat.placer import compile_kernels
from agents.flat.row_legal import legalize_rows
from agents.flat.site_rows import site_rows
from placement_env.errors import InputError
from placement_env.netlist import Canvas, Netlist, NodeKind, Orient, Placement, Rows, hpwl_um
from placement_env.row_legality import check_rows
from tests.agents.flat.test_row_legal import anywhere, faults
from tests.agents.row_designs import row_design


def wired(netlist: Netlist, seed: int, *, large: int = 0) -> Netlist:
    """The netlist with net weights, pins anywhere on their nodes, and a net of `large` pins."""
    rng = np.random.default_rng(seed)
    node = netlist.pin_node
    start = netlist.net_start
    if large:
        cells = netlist.nodes_of(NodeKind.STANDARD_CELL)
        node = np.concatenate([node, rng.choice(cells, large)])
        start = np.append(start, len(node))
    return replace(
        netlist,
        pin_node=node,
        pin_dx_um=netlist.width_um[node] * rng.uniform(-0.5, 0.5, len(node)),
        pin_dy_um=netlist.height_um[node] * rng.uniform(-0.5, 0.5, len(node)),
        net_start=start,
        net_weight=rng.integers(0, 4, len(start) - 1).astype(np.float64),
    )


def legal_design(
    seed: int, *, cells: int = 120, large: int = 0, **shape
) -> tuple[Netlist, Placement]:
    netlist, start = row_design(cells=cells, seed=seed, **shape)
    netlist = wired(netlist, seed, large=large)
    try:
        return netlist, legalize_rows(netlist, anywhere(netlist, start, seed))
    except InputError:  # Taps may cut the rows into stretches that hold no wide cell.
        assume(False)
        raise


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    cells=st.integers(30, 150),
    macros=st.integers(0, 2),
    taps=st.integers(0, 8),
    fill=st.floats(0.2, 0.95),
    large=st.sampled_from([0, 14, 60]),
)
def test_wires_get_shorter_and_the_placement_stays_legal(seed, cells, macros, taps, fill, large):
    netlist, legal = legal_design(
        seed, cells=cells, macros=macros, taps=taps, utilization=fill, large=large
    )
    told = []
    placed, gains = refine(netlist, legal, seed=seed, rounds=3, progress=told.append)
    assert faults(netlist, placed) == []
    stays = netlist.fixed
    for field in ("x_um", "y_um", "orient"):
        assert np.array_equal(getattr(placed, field)[stays], getattr(legal, field)[stays])
    assert gains[0].before_um == pytest.approx(hpwl_um(netlist, legal), rel=1e-9)
    assert gains[-1].after_um == pytest.approx(hpwl_um(netlist, placed), rel=1e-9)
    for before, after in pairwise(gains):
        assert after.before_um == before.after_um
    assert all(step.after_um <= step.before_um + 1e-6 for step in gains)
    assert all((step.moved == 0) == (step.after_um >= step.before_um) for step in gains)
    assert [report.cost for report in told] == [step.after_um for step in gains]
    again, _ = refine(netlist, legal, seed=seed, rounds=3)
    for field in ("x_um", "y_um", "orient"):
        assert np.array_equal(getattr(placed, field), getattr(again, field))


def test_scattered_cells_come_much_closer_to_what_they_belong_to():
    netlist, start = row_design(cells=400, utilization=0.7, seed=2)
    legal = legalize_rows(netlist, anywhere(netlist, start, 2))
    placed, gains = refine(netlist, legal)
    assert hpwl_um(netlist, placed) < 0.6 * hpwl_um(netlist, legal)
    gained = {step.step for step in gains if step.after_um < step.before_um}
    assert gained == {
        "global swap", "vertical swap", "matching", "local reordering", "row shift", "flipping",
    }  # fmt: skip


def test_bookshelf_cells_are_not_mirrored_unless_asked_for():
    netlist, legal = legal_design(4)
    nameless = replace(netlist, unit_um=None)
    mirrored = (Orient.FN, Orient.S)
    assert np.isin(refine(netlist, legal)[0].orient[:120], mirrored).any()
    assert not np.isin(refine(nameless, legal)[0].orient[:120], mirrored).any()
    assert np.isin(refine(nameless, legal, flip=True)[0].orient[:120], mirrored).any()


def test_no_step_begins_after_the_budget_and_snapshots_are_legal():
    netlist, legal = legal_design(5)
    placed, gains = refine(netlist, legal, budget_s=0.0)
    assert gains == ()
    assert np.array_equal(placed.x_um, legal.x_um)

    def check(report):
        assert check_rows(netlist, report.snapshot()).legal
        assert hpwl_um(netlist, report.snapshot()) == pytest.approx(report.cost)

    refine(netlist, legal, rounds=1, progress=check)


def test_what_is_not_legal_is_refused():
    netlist, legal = legal_design(6)
    for shift in (0.05, 100.0):
        x = legal.x_um.copy()
        x[3] += shift
        with pytest.raises(InputError, match="cell n3 does not lie on free sites"):
            refine(netlist, replace(legal, x_um=x))
    x, y = legal.x_um.copy(), legal.y_um.copy()
    wide = int(np.argmax(netlist.width_um[:120]))
    narrow = int(np.argmin(netlist.width_um[:120]))
    x[narrow] = x[wide] + (netlist.width_um[narrow] - netlist.width_um[wide]) / 2
    y[narrow] = y[wide]
    with pytest.raises(InputError, match="does not lie on free sites"):
        refine(netlist, replace(legal, x_um=x, y_um=y))
    turned = legal.orient.copy()
    turned[7] = Orient.W
    with pytest.raises(InputError, match="cell n7 does not lie"):
        refine(netlist, replace(legal, orient=turned))
    with pytest.raises(InputError, match="rounds"):
        refine(netlist, legal, rounds=-1)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), large=st.sampled_from([0, 14, 60]))
def test_trials_know_the_exact_gain_and_leave_no_trace_when_undone(seed, large):
    netlist, legal = legal_design(seed, cells=40, utilization=0.4, large=large)
    rows = site_rows(netlist, legal)
    wires, board = make_board(netlist, rows, legal)
    trial = new_trial(wires, board)
    rng = np.random.default_rng(seed)
    now = hpwl_um(netlist, legal)
    for _ in range(20):
        kept = {field: getattr(board, field).copy() for field in ("site", "mirror", "pin", "at")}
        boxes, rims = board.box.copy(), board.rim.copy()
        # Cells of one width change places in a ring; some are mirrored.
        sites = rng.choice(rows.sites)
        ring = np.flatnonzero(rows.sites == sites)
        ring = rng.permutation(ring)[:5]
        for cell, site in zip(ring, np.roll(board.site[ring], 1), strict=True):
            put(wires, board, trial, cell, site, rng.choice([-1.0, 1.0]))
        shorter = gain(wires, board, trial)
        moved = hpwl_um(netlist, placement_of(board, netlist, rows, legal))
        assert shorter == pytest.approx(now - moved, abs=1e-6)
        if rng.random() < 0.5:
            keep(wires, board, trial)
            now = moved
        else:
            undo(wires, board, trial)
            for field, before in kept.items():
                assert np.array_equal(getattr(board, field), before)
            assert np.array_equal(board.box, boxes)
            assert np.array_equal(board.rim, rims)
        at = np.where(board.part_of < 0, BLOCKED, FREE)
        for cell in range(len(board.site)):
            at[board.site[cell] : board.site[cell] + board.sites[cell]] = cell
        assert np.array_equal(board.at, at)
        boxes, rims = board.box.copy(), board.rim.copy()
        for_all_cells(wires, board)
        assert np.array_equal(board.box, boxes)
        assert np.array_equal(board.rim, rims)


def one_row(data, *, cells: int, slack: int, large: bool) -> tuple[Netlist, Placement]:
    """A few cells in one row, on nets with ports beside them, and how they lie at first."""
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    widths = rng.integers(1, 5, cells)
    room = int(widths.sum()) + slack
    degree = rng.integers(2, 5, 5)
    if large:
        degree[0] = 15
    n = cells + 4
    node = rng.integers(0, n, degree.sum())
    width = np.append(widths, np.zeros(4)).astype(np.float64)
    netlist = Netlist(
        name="row",
        node_name=tuple(f"n{i}" for i in range(n)),
        node_kind=np.array([NodeKind.STANDARD_CELL] * cells + [NodeKind.PORT] * 4, dtype=np.int64),
        width_um=width,
        height_um=np.where(width > 0, 4.0, 0.0),
        fixed=np.arange(n) >= cells,
        pin_node=node,
        pin_dx_um=width[node] * rng.uniform(-0.5, 0.5, len(node)),
        pin_dy_um=np.zeros(len(node)),
        net_start=np.concatenate([[0], np.cumsum(degree)]),
        net_weight=rng.integers(1, 4, len(degree)).astype(np.float64),
        canvas=Canvas(0.0, 0.0, 100.0, 10.0),
        rows=Rows(
            x_um=np.array([2.0]),
            y_um=np.array([3.0]),
            height_um=np.array([4.0]),
            site_width_um=np.array([1.0]),
            sites=np.array([room]),
            orient=np.array([int(Orient.N)]),
        ),
    )
    x = np.append(2.0 + np.sort(rng.uniform(0, room, cells)), rng.uniform(-1, room + 5, 4))
    return netlist, legalize_rows(netlist, Placement(x, np.full(n, 5.0), np.zeros(n, np.int64)))


def lefts(netlist: Netlist, placement: Placement, cells: int):
    assert netlist.rows is not None
    left = placement.x_um[:cells] - netlist.width_um[:cells] / 2 - netlist.rows.x_um[0]
    return np.rint(left).astype(int)


def at_lefts(netlist: Netlist, placement: Placement, left) -> Placement:
    assert netlist.rows is not None
    x = placement.x_um.copy()
    x[: len(left)] = netlist.rows.x_um[0] + left + netlist.width_um[: len(left)] / 2
    return replace(placement, x_um=x)


@settings(max_examples=100, deadline=None)
@given(data=st.data(), cells=st.integers(1, 4), slack=st.integers(0, 6), large=st.booleans())
def test_row_shift_finds_the_best_places_in_order(data, cells, slack, large):
    netlist, legal = one_row(data, cells=cells, slack=slack, large=large)
    rows = site_rows(netlist, legal)
    wires, board = make_board(netlist, rows, legal)
    shift_rows(wires, board, new_trial(wires, board), new_row_scratch(wires, board))
    found = placement_of(board, netlist, rows, legal)
    order = np.argsort(lefts(netlist, legal, cells), kind="stable")
    assert np.array_equal(np.argsort(lefts(netlist, found, cells), kind="stable"), order)
    packed = np.zeros(cells, int)
    packed[order] = np.cumsum(rows.sites[order]) - rows.sites[order]
    best = np.inf
    for gaps in combinations_with_replacement(range(slack + 1), cells):
        left = packed.copy()
        left[order] += gaps
        best = min(best, hpwl_um(netlist, at_lefts(netlist, legal, left)))
    assert hpwl_um(netlist, found) == pytest.approx(best, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(data=st.data(), large=st.booleans())
def test_local_reordering_finds_the_best_order_of_a_full_row(data, large):
    netlist, legal = one_row(data, cells=4, slack=0, large=large)
    rows = site_rows(netlist, legal)
    wires, board = make_board(netlist, rows, legal)
    reorder_rows(wires, board, new_trial(wires, board), new_window(wires, 4))
    found = placement_of(board, netlist, rows, legal)
    assert check_rows(netlist, found).legal
    best = np.inf
    for order in permutations(range(4)):
        left = np.zeros(4, int)
        left[list(order)] = np.cumsum(rows.sites[list(order)]) - rows.sites[list(order)]
        best = min(best, hpwl_um(netlist, at_lefts(netlist, legal, left)))
    assert hpwl_um(netlist, found) == pytest.approx(best, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), large=st.sampled_from([0, 60]))
def test_the_optimal_region_is_where_a_cell_costs_least(seed, large):
    netlist, legal = legal_design(seed, cells=30, large=large)
    rows = site_rows(netlist, legal)
    wires, board = make_board(netlist, rows, legal)
    reach = new_reach(wires)
    canvas = netlist.canvas
    for cell in range(0, 30, 7):
        nets = look_around(wires, board, reach, cell)
        if nets == 0:
            continue
        low, high = best_interval(wires, reach, nets, 0)
        least = span_x(wires, reach, nets, low)
        assert span_x(wires, reach, nets, high) == pytest.approx(least, abs=1e-9)
        for x in np.linspace(canvas.left_um, canvas.right_um, 50):
            cost = span_x(wires, reach, nets, x)
            assert cost >= least - 1e-9
            if not low <= x <= high and min(abs(x - low), abs(x - high)) > 1e-6:
                assert cost > least


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_assignments_cost_the_least(data):
    rows = data.draw(st.integers(1, 6))
    columns = rows + data.draw(st.integers(0, 4))
    cost = np.array(
        data.draw(
            st.lists(
                st.lists(st.integers(0, 30), min_size=columns, max_size=columns),
                min_size=rows,
                max_size=rows,
            )
        ),
        dtype=np.float64,
    )
    problem = new_assignment(8, 12)
    problem.cost[:rows, :columns] = cost
    assert assign(problem, rows, columns)
    column = np.flatnonzero(problem.row_of[:columns] >= 0)
    row = problem.row_of[column]
    assert sorted(row.tolist()) == list(range(rows))
    assert cost[row, column].sum() == cost[linear_sum_assignment(cost)].sum()


def test_an_impossible_assignment_is_noticed():
    problem = new_assignment(2, 2)
    problem.cost[:] = [[1.0, np.inf], [2.0, np.inf]]
    assert not assign(problem, 2, 2)


def test_a_net_of_very_many_pins_is_kept_exactly():
    netlist, legal = legal_design(9, cells=500, large=4000)
    placed, gains = refine(netlist, legal, rounds=2)
    assert gains[-1].after_um == pytest.approx(hpwl_um(netlist, placed))
    assert gains[-1].after_um < gains[0].before_um
    rows = site_rows(netlist, placed)
    wires, board = make_board(netlist, rows, placed)
    unchanged = hpwl_um(netlist, legal) - total_hpwl_um(*make_board(netlist, rows, legal))
    assert unchanged + total_hpwl_um(wires, board) == pytest.approx(gains[-1].after_um)


def test_compiling_is_announced_once_or_not_at_all():
    told = []
    compile_kernels(told.append)
    assert len(told) in (0, 2)
    told.clear()
    assert compile_kernels(told.append) == 0.0
    assert told == []
