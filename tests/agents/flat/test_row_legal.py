from __future__ import annotations

from dataclasses import replace
from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agents.flat.abacus import Wishes, append_cost, empty_clusters, place_in_order
from agents.flat.row_legal import legalize_rows
from agents.flat.site_rows import Parts
from placement_env.cut_rows import rows_without
from placement_env.errors import InputError
from placement_env.netlist import NodeKind, Orient, Placement
from placement_env.row_legality import check_rows
from tests.agents.row_designs import row_design


def anywhere(netlist, start, seed, *, sites=1.0):
    """The start with movable cells anywhere on the core, or in a part of it."""
    rng = np.random.default_rng(seed)
    rows = netlist.rows
    move = ~netlist.fixed
    x, y = start.x_um.copy(), start.y_um.copy()
    width = rows.sites[0] * rows.site_width_um[0] * sites
    x[move] = rows.x_um[0] + width * rng.random(move.sum())
    y[move] = rng.uniform(rows.y_um[0], rows.y_um[-1] + rows.height_um[-1], move.sum())
    return Placement(x, y, start.orient.copy())


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    cells=st.integers(30, 120),
    macros=st.integers(0, 2),
    taps=st.integers(0, 10),
    fill=st.floats(0.2, 0.9),
    squeezed=st.sampled_from([0.05, 0.5, 1.0]),
)
def test_cells_come_to_lie_legally_and_nothing_else_moves(
    seed, cells, macros, taps, fill, squeezed
):
    netlist, start = row_design(cells=cells, utilization=fill, macros=macros, taps=taps, seed=seed)
    wanted = anywhere(netlist, start, seed, sites=squeezed)
    try:
        placed = legalize_rows(netlist, wanted)
    except InputError:  # Taps may cut the rows into stretches that hold no wide cell.
        assume(False)
        raise
    assert faults(netlist, placed) == []
    stays = netlist.fixed
    for field in ("x_um", "y_um", "orient"):
        assert np.array_equal(getattr(placed, field)[stays], getattr(wanted, field)[stays])
    again = legalize_rows(netlist, placed)
    assert np.array_equal(again.orient, placed.orient)
    assert np.allclose(again.x_um, placed.x_um)
    assert np.allclose(again.y_um, placed.y_um)


def faults(netlist, placed):
    """What is wrong with movable cells; the designs' fixed nodes may overlap one another."""
    report = check_rows(netlist, placed)
    nodes = (*report.off_site_nodes, *report.off_row_nodes, *report.outside_nodes)
    movable = [pair for pair in report.overlap_pairs if not netlist.fixed[pair].all()]
    return movable + [node for node in nodes if not netlist.fixed[node]]


def parts_of(sites: int) -> Parts:
    one = np.zeros(1)
    return Parts(np.zeros(1, int), np.array([3]), np.array([sites]), one, one, np.array([0, 1]))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_part_is_filled_with_the_least_squared_movement(data):
    widths = np.array(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    slack = data.draw(st.integers(0, 5))
    room = int(widths.sum()) + slack
    wish = np.array([data.draw(st.integers(-40, 40)) / 4 for _ in widths])
    weight = np.array([float(data.draw(st.integers(1, 5))) for _ in widths])
    wishes = Wishes(wish, np.zeros(len(widths)), widths, weight)
    site = np.empty(len(widths), np.int64)
    place_in_order(
        wishes, np.arange(len(widths)), np.zeros(len(widths), int), parts_of(room), 1.0,
        empty_clusters(len(widths), 1), site,
    )  # fmt: skip
    packed = np.cumsum(widths) - widths
    found = site - 3
    assert (np.diff(found - packed, prepend=0, append=slack) >= 0).all()
    best = min(
        float((weight * (packed + np.array(gaps) - wish) ** 2).sum())
        for gaps in combinations_with_replacement(range(slack + 1), len(widths))
    )
    assert (weight * (found - wish) ** 2).sum() == pytest.approx(best, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_the_cost_of_one_more_cell_is_what_all_movement_grows_by(data):
    # Four units to a site, and room without end, so that places are near those without sites.
    count = data.draw(st.integers(1, 6))
    widths = np.array([data.draw(st.integers(1, 4)) for _ in range(count)]) * 1000
    wish = np.array([data.draw(st.integers(-3000, 9000)) for _ in range(count)], float)
    weight = np.array([float(data.draw(st.integers(1, 5))) for _ in range(count)])
    wishes = Wishes(wish, np.zeros(count), widths, weight)
    room = int(widths.sum()) + data.draw(st.integers(0, 5000))

    def placed(cells: int):
        site, clusters = np.empty(count, np.int64), empty_clusters(count, 1)
        home = np.zeros(count, int)
        place_in_order(wishes, np.arange(cells), home, parts_of(room), 1.0, clusters, site)
        move = site[:cells] - 3 - wish[:cells]
        return float((weight[:cells] * move**2).sum()), clusters

    before, clusters = placed(count - 1)
    after, _ = placed(count)
    cost = append_cost(clusters, wishes, parts_of(room), 1.0, 0, count - 1)
    assert cost == pytest.approx(after - before, abs=10.0)


@pytest.mark.parametrize("seed", range(5))
def test_wide_cells_find_room_in_rows_that_are_nearly_full(seed):
    netlist, start = row_design(cells=300, utilization=0.985, seed=seed)
    placed = legalize_rows(netlist, anywhere(netlist, start, seed, sites=0.3))
    assert check_rows(netlist, placed).legal


def test_mirrored_cells_stay_mirrored():
    netlist, start = row_design(cells=60, seed=3)
    wanted = anywhere(netlist, start, 3)
    wanted.orient[:60] = np.where(np.arange(60) % 2, int(Orient.FN), int(Orient.N))
    placed = legalize_rows(netlist, wanted)
    assert check_rows(netlist, placed).legal
    turned = np.isin(placed.orient[:60], [Orient.FN, Orient.S])
    assert np.array_equal(turned, np.arange(60) % 2 == 1)


def test_cells_keep_to_cut_rows():
    netlist, start = row_design(cells=40, utilization=0.3, seed=5)
    rows = netlist.rows
    assert rows is not None
    middle = float(rows.x_um[0] + rows.sites[0] * rows.site_width_um[0] / 2)
    blocked = np.array([[middle, 0.0, middle + 50.0, rows.y_um[2] + 0.1]])
    netlist = replace(netlist, rows=rows_without(rows, blocked))
    placed = legalize_rows(netlist, anywhere(netlist, start, 5))
    assert check_rows(netlist, placed).legal
    low = placed.y_um[:40] < rows.y_um[3]
    assert low.any()
    assert (placed.x_um[:40] + netlist.width_um[:40] / 2)[low].max() <= middle + 1e-9


def changed(netlist, **arrays):
    return replace(netlist, **arrays)


def test_what_cannot_be_placed_is_named():
    netlist, start = row_design(cells=50, seed=1)
    rows = netlist.rows
    assert rows is not None
    wanted = anywhere(netlist, start, 1)
    with pytest.raises(InputError, match="no rows"):
        legalize_rows(changed(netlist, rows=None), wanted)
    tall = netlist.height_um.copy()
    tall[7] *= 2
    with pytest.raises(InputError, match=r"cell n7 is 2\.8 um high"):
        legalize_rows(changed(netlist, height_um=tall), wanted)
    wide = netlist.width_um.copy()
    wide[:50] *= 3
    with pytest.raises(InputError, match="utilisation"):
        legalize_rows(changed(netlist, width_um=wide), wanted)
    lone = netlist.width_um.copy()
    lone[9] = rows.sites[0] * rows.site_width_um[0] + 0.19
    with pytest.raises(InputError, match=r"cell n9 is \d+ sites wide"):
        legalize_rows(changed(netlist, width_um=lone), wanted)
    kind = netlist.node_kind.copy()
    kind[4] = NodeKind.SOFT_MACRO
    with pytest.raises(InputError, match="grouped"):
        legalize_rows(changed(netlist, node_kind=kind), wanted)
    lost = Placement(np.where(np.arange(len(wanted.x_um)) == 5, np.nan, wanted.x_um), wanted.y_um,
                     wanted.orient)  # fmt: skip
    with pytest.raises(InputError, match="cell n5 has no position"):
        legalize_rows(netlist, lost)
    turned = replace(rows, orient=np.full_like(rows.orient, int(Orient.W)))
    with pytest.raises(InputError, match="orientation W"):
        legalize_rows(changed(netlist, rows=turned), wanted)
    close = replace(rows, y_um=rows.y_um * 0.9)
    with pytest.raises(InputError, match="overlap"):
        legalize_rows(changed(netlist, rows=close), wanted)
