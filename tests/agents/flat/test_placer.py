"""The flat placer from end to end: legal, short, the same each time, and stopped by Ctrl-C."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from agents import pieces
from agents.flat.detailed.refine import StepGain
from agents.flat.inputs import check_fits
from agents.flat.placer import place, place_cells, quick_wirelength_um, rough_places
from agents.progress import Progress
from placement_env.cut_rows import rows_without
from placement_env.errors import InputError
from placement_env.netlist import Netlist, NodeKind, Placement, hpwl_um
from placement_env.row_legality import check_rows
from tests.agents.legality import assert_same
from tests.agents.row_designs import row_design


def mixed_design(**shape: float) -> tuple[Netlist, Placement]:
    """A small netlist whose macros and cells may all move, macros from where they overlap."""
    shape = {"cells": 300, "macros": 3, "utilization": 0.6} | shape
    netlist, start = row_design(**shape)  # pyright: ignore[reportArgumentType]
    netlist = replace(netlist, fixed=netlist.fixed & (netlist.node_kind != NodeKind.HARD_MACRO))
    x_um, y_um = np.nan_to_num(start.x_um), np.nan_to_num(start.y_um)
    return netlist, replace(start, x_um=x_um, y_um=y_um)


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"macros": 0},
        {"taps": 25, "utilization": 0.5},
        {"utilization": 0.1},
        {"utilization": 0.95, "macros": 0},
        {"cells": 5, "macros": 0, "utilization": 0.2},
    ],
)
def test_all_nodes_end_legal_and_fixed_ones_stay(shape: dict[str, float]) -> None:
    netlist, start = mixed_design(**shape)
    placed = place(netlist, start, seed=1)
    report = check_rows(netlist, placed)
    assert report.legal, report.describe(netlist)
    still = netlist.fixed
    assert np.array_equal(placed.x_um[still], start.x_um[still])
    assert np.array_equal(placed.y_um[still], start.y_um[still])


def test_wires_are_shorter_than_those_of_coloquinte() -> None:
    netlist, start = mixed_design(cells=600)
    ours = place(netlist, start, seed=1)
    theirs = pieces.place(netlist, start, budget_s=1, seed=1, from_nothing=True)
    assert hpwl_um(netlist, ours) < hpwl_um(netlist, theirs)


def test_the_result_depends_on_neither_start_nor_hashes_nor_run() -> None:
    netlist, start = mixed_design()
    one = place(netlist, start, seed=3)
    moved = replace(start, x_um=np.where(netlist.fixed, start.x_um, start.x_um + 1.0))
    assert_same(one, place(netlist, moved, seed=3))
    assert_same(one, place(netlist, start, seed=3, cores=1))
    program = (
        "from tests.agents.flat.test_placer import mixed_design; "
        "from agents.flat.placer import place; import numpy as np; "
        "placed = place(*mixed_design(), seed=3); "
        "print(repr(placed.x_um.sum()), repr(placed.y_um.sum()))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONHASHSEED": "77"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.split("\n")[0] == f"{one.x_um.sum()!r} {one.y_um.sum()!r}"


def test_a_gap_between_macros_is_kept() -> None:
    netlist, start = mixed_design(utilization=0.4)
    placed = place(netlist, start, seed=1, gap_um=3.0)
    wide = netlist.node_kind == NodeKind.HARD_MACRO
    grown = replace(
        netlist,
        node_kind=np.where(wide, NodeKind.HARD_MACRO, NodeKind.PORT),
        width_um=netlist.width_um + 2.99,
        height_um=netlist.height_um + 2.99,
        canvas=replace(netlist.canvas, left_um=-9.0, bottom_um=-9.0, right_um=1e3, top_um=1e3),
    )
    assert check_rows(grown, placed).overlaps == 0


def test_a_lower_density_spreads_the_cells() -> None:
    netlist, start = mixed_design(macros=0, utilization=0.3)
    dense, sparse = (place(netlist, start, seed=1, density=density) for density in (1.0, 0.5))
    assert check_rows(netlist, sparse).legal
    cells = netlist.nodes_of(NodeKind.STANDARD_CELL)
    assert np.std(sparse.x_um[cells]) > 1.1 * np.std(dense.x_um[cells])


def test_the_steps_add_up_to_the_result() -> None:
    netlist, start = mixed_design()
    steps: list[StepGain] = []
    placed = place(netlist, start, seed=1, on_step=steps.append)
    names = [step.step for step in steps]
    macros = ["macros and cells spread", "macros legal", "macros searched"]
    assert names[:11] == [*macros, *macros, *macros, "cells spread", "cells on rows"]
    assert "global swap" in names
    assert steps[-1].after_um == pytest.approx(hpwl_um(netlist, placed))
    for before, after in pairwise(steps):
        assert after.before_um == pytest.approx(before.after_um)
    assert all(step.after_um <= step.before_um for step in steps[11:])


def test_rough_places_leave_a_netlist_without_movable_macros_alone() -> None:
    netlist, start = mixed_design(macros=0)
    assert rough_places(netlist, start, seed=1) is start


def test_cells_go_around_macros_that_stay() -> None:
    netlist, start = row_design(cells=400, macros=3)
    placed = place_cells(netlist, start, seed=1)
    assert check_rows(netlist, placed).legal
    macro = netlist.nodes_of(NodeKind.HARD_MACRO)
    assert np.array_equal(placed.x_um[macro], start.x_um[macro])


@pytest.mark.parametrize(
    "phase",
    [
        "macros and cells spread",
        "macros legal",
        "macros searched",
        "cells spread",
        "cells on rows",
        "global swap",
    ],
)
def test_ctrl_c_leaves_a_legal_placement(phase: str) -> None:
    netlist, start = mixed_design()
    phases: list[str] = []

    def press(progress: Progress) -> None:
        phases.append(progress.phase)
        if phases.count(phase) == 1 and progress.phase == phase:
            raise KeyboardInterrupt

    placed = place(netlist, start, seed=1, progress=press)
    report = check_rows(netlist, placed)
    assert report.legal, report.describe(netlist)
    assert "matching" not in phases


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rows": None}, "no rows"),
        ({"width_um": 40.0}, "cover"),
        ({"height_um": 1.1}, "high"),
    ],
)
def test_what_cannot_be_placed_is_refused_at_once(change: dict, words: str) -> None:
    netlist, start = mixed_design()
    cells = netlist.node_kind == NodeKind.STANDARD_CELL
    for name, value in change.items():
        if isinstance(value, float):
            value = np.where(cells, getattr(netlist, name) * value, getattr(netlist, name))
        netlist = replace(netlist, **{name: value})
    with pytest.raises(InputError, match=words):
        place(netlist, start, seed=1)


def test_fixed_cells_may_lie_on_one_another() -> None:
    netlist, start = mixed_design(taps=20, utilization=0.5)
    taps = np.flatnonzero((netlist.node_kind == NodeKind.STANDARD_CELL) & netlist.fixed)
    start.x_um[taps[:10]] = start.x_um[taps[10:]]
    start.y_um[taps[:10]] = start.y_um[taps[10:]]
    start.orient[taps[:10]] = start.orient[taps[10:]]
    report = check_rows(netlist, place(netlist, start, seed=1), start=start)
    assert report.overlaps == 10  # the fixed ones alone
    assert set(report.overlap_pairs.ravel().tolist()) == set(taps.tolist())
    assert report.off_row + report.off_site + report.outside == 0


def test_rows_need_not_cover_the_canvas() -> None:
    netlist, start = mixed_design(macros=0, utilization=0.4)
    rows, canvas = netlist.rows, netlist.canvas
    assert rows is not None
    middle = canvas.left_um + canvas.width_um / 2
    hole = np.array([[middle - 3.0, -9.0, middle + 3.0, 1e3], [-9.0, 10.0, 1e3, 12.0]])
    netlist = replace(
        netlist, rows=rows_without(rows, hole), canvas=replace(canvas, right_um=1e3, top_um=1e3)
    )
    report = check_rows(netlist, place(netlist, start, seed=1), start=start)
    assert report.legal, report.describe(netlist)


def test_a_cell_wider_than_every_stretch_of_a_row_is_refused_at_once() -> None:
    netlist, start = mixed_design(macros=0, utilization=0.4)
    rows, canvas = netlist.rows, netlist.canvas
    assert rows is not None
    columns = canvas.left_um + np.arange(2, canvas.width_um, 2.0)
    slits = np.stack([columns, columns * 0 - 9, columns + 0.1, columns * 0 + 1e3], axis=1)
    netlist = replace(netlist, rows=rows_without(rows, slits))
    with pytest.raises(InputError, match="the longest free stretch of a row has"):
        place(netlist, start, seed=1)


def test_a_cell_of_two_rows_is_refused_before_macros_are_searched() -> None:
    netlist, start = mixed_design(utilization=0.4)
    assert netlist.rows is not None
    cell = int(netlist.nodes_of(NodeKind.STANDARD_CELL)[5])
    height_um = netlist.height_um.copy()
    height_um[cell] = 2 * netlist.rows.height_um[0]
    with pytest.raises(InputError, match=f"cell {netlist.node_name[cell]} is .* um high"):
        check_fits(replace(netlist, height_um=height_um), start)


def test_macros_may_begin_where_the_start_has_them() -> None:
    netlist, start = mixed_design(cells=600)
    anew = place(netlist, start, seed=1)
    macro = netlist.nodes_of(NodeKind.HARD_MACRO)
    steps: list[StepGain] = []
    again = place(netlist, anew, seed=2, from_nothing=False, on_step=steps.append)
    assert check_rows(netlist, again).legal
    first = [step.step for step in steps][:3]
    assert first == ["macros legal", "macros searched", "cells spread"]
    assert hpwl_um(netlist, again) < 1.1 * hpwl_um(netlist, anew)
    far = np.hypot(again.x_um - anew.x_um, again.y_um - anew.y_um)[macro]
    assert far.mean() < 0.25 * netlist.canvas.width_um
    # Mirrored, the macros stay on the side where they begin, which from nothing they would not.
    width = netlist.canvas.left_um + netlist.canvas.right_um
    mirrored = replace(anew, x_um=np.where(netlist.fixed, anew.x_um, width - anew.x_um))
    kept = place(netlist, mirrored, seed=1, from_nothing=False)
    assert check_rows(netlist, kept).legal
    assert (
        np.abs(kept.x_um - mirrored.x_um)[macro].mean()
        < np.abs(kept.x_um - anew.x_um)[macro].mean()
    )
    on_one_point = replace(start, x_um=np.where(netlist.fixed, start.x_um, 5.0))
    on_one_point = replace(on_one_point, y_um=np.where(netlist.fixed, start.y_um, 5.0))
    assert_same(anew, place(netlist, on_one_point, seed=1, from_nothing=False))


def test_nets_of_one_pin_and_of_very_many_are_no_trouble() -> None:
    netlist, start = mixed_design()
    many = np.arange(300).repeat(170)
    pins = len(netlist.pin_node)
    netlist = replace(
        netlist,
        pin_node=np.concatenate([netlist.pin_node, [5], many]),
        pin_dx_um=np.concatenate([netlist.pin_dx_um, np.zeros(len(many) + 1)]),
        pin_dy_um=np.concatenate([netlist.pin_dy_um, np.zeros(len(many) + 1)]),
        net_start=np.concatenate([netlist.net_start, [pins + 1, pins + 1 + len(many)]]),
        net_weight=np.concatenate([netlist.net_weight, [1.0, 1.0]]),
    )
    assert check_rows(netlist, place(netlist, start, seed=1)).legal


def test_the_quick_wirelength_tells_good_places_of_macros_from_bad_ones() -> None:
    netlist, start = mixed_design(cells=600)
    good = place(netlist, start, seed=1)
    quick = quick_wirelength_um(netlist, good)
    assert quick == pytest.approx(hpwl_um(netlist, good), rel=0.15)
    macro = netlist.nodes_of(NodeKind.HARD_MACRO)
    worse = replace(good, x_um=good.x_um.copy(), y_um=good.y_um.copy())
    corner = [netlist.canvas.left_um + 3, netlist.canvas.right_um - 5, netlist.canvas.right_um - 5]
    worse.x_um[macro], worse.y_um[macro] = corner, [5.0, 5.0, netlist.canvas.top_um - 5]
    slow = place_cells(netlist, worse, seed=1)
    assert (quick_wirelength_um(netlist, worse) > quick) == (
        hpwl_um(netlist, slow) > hpwl_um(netlist, good)
    )
