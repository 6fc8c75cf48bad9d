"""Local search on legal macros: shorter wires, and as legal as before."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agents.flat.macro_legal import legalize_macros
from agents.flat.macro_search import search_macros
from placement_env.errors import InputError
from placement_env.netlist import Netlist, NodeKind, Placement, hpwl_um, node_boxes
from placement_env.row_legality import check_rows
from tests.agents.flat.random_flat import ROW_UM, SITE_UM, random_flat


def without_nets(netlist: Netlist) -> Netlist:
    """The netlist with its nodes and no pins."""
    none = np.zeros(0)
    return replace(
        netlist,
        pin_node=none.astype(np.int64),
        pin_dx_um=none,
        pin_dy_um=none,
        net_start=np.zeros(1, np.int64),
        net_weight=none,
    )


def wired(netlist: Netlist, nets: list[tuple[int, int]]) -> Netlist:
    """The netlist with nets of two pins, at the centres of these nodes."""
    pins = np.array(nets, dtype=np.int64).ravel()
    return replace(
        netlist,
        pin_node=pins,
        pin_dx_um=np.zeros(len(pins)),
        pin_dy_um=np.zeros(len(pins)),
        net_start=2 * np.arange(len(nets) + 1),
        net_weight=np.ones(len(nets)),
    )


def squares(
    places: list[tuple[float, float]], pads: list[tuple[float, float]]
) -> tuple[Netlist, Placement]:
    """Macros of 6 x 6, four rows high and twelve sites wide, and pads, at these centres."""
    netlist, start = random_flat(1, cells=0, macros=len(places), pads=len(pads))
    size = np.where(netlist.node_kind == NodeKind.HARD_MACRO, 6.0, 0.0)
    x_um, y_um = np.array(places + pads).T
    return (
        replace(without_nets(netlist), width_um=size, height_um=size),
        replace(start, x_um=x_um, y_um=y_um),
    )


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    macros=st.integers(1, 12),
    cells=st.sampled_from([0, 30]),
    gap_um=st.sampled_from([0.0, 1.2]),
    stay=st.booleans(),
)
def test_macros_stay_legal(seed: int, macros: int, cells: int, gap_um: float, stay: bool) -> None:
    netlist, wanted = random_flat(seed, cells=cells, macros=macros, nets=40)
    macro = netlist.node_kind == NodeKind.HARD_MACRO
    if stay:
        netlist = replace(netlist, fixed=netlist.fixed | (np.arange(len(macro)) == macro.argmax()))
        assume(not check_rows(netlist, wanted).outside_nodes.size)
    try:
        legal = legalize_macros(netlist, wanted, gap_um=gap_um)
    except InputError:
        assume(False)
        raise
    found = search_macros(netlist, legal, gap_um=gap_um, seed=seed)
    moved = macro & ~netlist.fixed
    assert np.array_equal(found.x_um[~moved], legal.x_um[~moved])
    assert np.array_equal(found.y_um[~moved], legal.y_um[~moved])
    left, bottom, right, top = node_boxes(netlist, found)[macro].T
    apart = np.maximum(left[:, None] - right, bottom[:, None] - top)
    apart = np.maximum(apart, apart.T)
    free = moved[macro][:, None] | moved[macro]
    assert (apart[free & ~np.eye(macros, dtype=bool)] >= gap_um - 1e-9).all()
    movable = moved[macro]
    assert (left[movable] >= 10 - 1e-9).all()
    assert (right[movable] <= 50 + 1e-9).all()
    assert (bottom[movable] >= -4 - 1e-9).all()
    assert (top[movable] <= 36 + 1e-9).all()
    steps = np.stack([(left - 10) / SITE_UM, (bottom + 4) / ROW_UM])[:, movable]
    assert steps == pytest.approx(np.rint(steps), abs=1e-6)
    if cells == 0:
        assert hpwl_um(netlist, found) <= hpwl_um(netlist, legal) + 1e-9
    again = search_macros(netlist, legal, gap_um=gap_um, seed=seed)
    assert np.array_equal(found.x_um, again.x_um)
    assert np.array_equal(found.y_um, again.y_um)


def test_a_macro_goes_to_where_its_wires_are_shortest() -> None:
    netlist, start = squares([(15.0, 1.0)], [(30.0, 20.0), (34.0, 24.0), (46.0, 30.0)])
    netlist = wired(netlist, [(0, 1), (0, 2), (0, 3)])
    found = search_macros(netlist, start)
    # Its centre is at the median pad, or as near as whole rows allow.
    assert found.x_um[0] == pytest.approx(34.0)
    assert abs(found.y_um[0] - 24.0) <= ROW_UM / 2


def test_two_macros_on_each_other_s_side_change_places() -> None:
    netlist, start = squares([(13.0, 1.0), (47.0, 1.0)], [(10.0, 1.0), (50.0, 1.0)])
    netlist = wired(netlist, [(0, 3), (1, 2)])
    found = search_macros(netlist, start)
    assert found.x_um[:2] == pytest.approx(start.x_um[[1, 0]])
    assert found.y_um[:2] == pytest.approx(start.y_um[:2])


def test_a_macro_goes_around_others() -> None:
    netlist, start = squares([(15.0, 1.0), (33.0, 1.0)], [(33.0, 1.0)])
    netlist = replace(netlist, fixed=np.array([False, True, True]))
    netlist = wired(netlist, [(0, 2)])
    found = search_macros(netlist, start)
    assert check_rows(netlist, found).legal
    # Beside the fixed macro, as near as any place without overlap.
    assert hpwl_um(netlist, found) == pytest.approx(6.0)


def test_a_macro_does_not_cover_cells_for_a_short_wire() -> None:
    netlist, start = random_flat(1, cells=150, macros=1, pads=1, nets=1)
    macro = int(netlist.nodes_of(NodeKind.HARD_MACRO)[0])
    pad = int(netlist.nodes_of(NodeKind.PORT)[0])
    cell = netlist.nodes_of(NodeKind.STANDARD_CELL)
    width, height = netlist.width_um.copy(), netlist.height_um.copy()
    width[cell], width[macro], height[macro] = 2.0, 6.0, 6.0
    netlist = replace(netlist, width_um=width, height_um=height)
    x_um, y_um = start.x_um.copy(), start.y_um.copy()
    x_um[macro], y_um[macro], x_um[pad], y_um[pad] = 27.0, 9.0, 40.0, 9.0
    # Ten columns of cells lie around the pad, or left of the macro.
    column, row = np.arange(len(cell)) % 10, np.arange(len(cell)) // 10
    y_um[cell] = -3.0 + 2.0 * row
    nets = [(int(one), int(other)) for one, other in pairwise(cell)]
    netlist = wired(netlist, [(macro, pad), *nets])
    ends = []
    for left_um in (31.0, 11.0):
        x_um[cell] = left_um + 2.0 * column
        ends.append(search_macros(netlist, replace(start, x_um=x_um, y_um=y_um)).x_um[macro])
    assert ends == pytest.approx([27.0, 40.0])
