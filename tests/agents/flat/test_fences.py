"""Cells keep to their fences, and all others out of those that are closed to them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.flat.placer import place, place_cells
from agents.placers import named
from placement_env.errors import InputError
from placement_env.fences import Fences
from placement_env.netlist import Netlist, NodeKind, Placement, hpwl_um
from placement_env.route_estimate import TrackSupply
from placement_env.row_legality import check_rows
from tests.agents.flat.test_placer import mixed_design
from tests.agents.legality import assert_same

CELLS = 300


def fenced(
    boxes: list[tuple[float, float, float, float]],
    box_fence: list[int],
    exclusive: list[bool],
    *,
    macros: int = 0,
    bound: int = 20,
) -> tuple[Netlist, Placement]:
    """A design with fences whose boxes are shares of the rows' area; each binds some cells."""
    netlist, start = mixed_design(cells=CELLS, macros=macros, utilization=0.35)
    rows = netlist.rows
    assert rows is not None
    width = rows.sites[0] * rows.site_width_um[0]
    height = len(rows.y_um) * rows.height_um[0]
    corner = np.tile([rows.x_um[0], rows.y_um[0]], 2)
    node_fence = np.full(netlist.num_nodes, -1)
    for fence in range(len(exclusive)):
        node_fence[fence * 100 : fence * 100 + bound] = fence
    fences = Fences(
        name=tuple(f"region{k}" for k in range(len(exclusive))),
        exclusive=np.array(exclusive),
        box_um=corner + np.array(boxes) * np.tile([width, height], 2),
        box_fence=np.array(box_fence),
        node_fence=node_fence,
    )
    return replace(netlist, fences=fences), start


LOW_LEFT, LEFT, UPPER = (0.0, 0.0, 0.5, 0.4), (0.0, 0.4, 0.3, 0.8), (0.53, 0.52, 0.97, 0.99)


@pytest.mark.parametrize(
    ("exclusive", "macros"), [([True, True], 3), ([False, False], 0), ([True, False], 3)]
)
def test_cells_end_in_their_fences(exclusive: list[bool], macros: int) -> None:
    # The first fence is an L, and the second lies across rows and sites.
    netlist, start = fenced([LOW_LEFT, LEFT, UPPER], [0, 0, 1], exclusive, macros=macros)
    placed = place(netlist, start, seed=1)
    report = check_rows(netlist, placed, start=start)
    assert report.legal, report.describe(netlist)


def test_fences_cost_some_wirelength_and_no_more() -> None:
    netlist, start = fenced([LOW_LEFT], [0], [True], bound=60)
    free = place(replace(netlist, fences=None), start, seed=1)
    assert check_rows(netlist, free).off_fence_nodes.size > 10
    bound = place(netlist, start, seed=1)
    assert hpwl_um(netlist, free) < hpwl_um(netlist, bound) < 1.6 * hpwl_um(netlist, free)
    assert_same(bound, place(netlist, start, seed=1))


def test_a_fence_that_binds_no_cell_may_still_be_closed() -> None:
    netlist, start = fenced([UPPER], [0], [True], bound=0)
    assert check_rows(netlist, place(netlist, start, seed=1)).legal


def test_a_closed_fence_may_have_all_cells_and_all_rows() -> None:
    netlist, start = fenced([(0.0, 0.0, 1.0, 1.0)], [0], [True], bound=CELLS)
    placed = place(netlist, start, seed=1, density=0.8)
    assert_same(placed, place(replace(netlist, fences=None), start, seed=1, density=0.8))
    few = TrackSupply(1.0, 1.0, 0.0, 0.0)
    for placement in (placed, place_cells(netlist, start, seed=1, tracks=few)):
        report = check_rows(netlist, placement, start=start)
        assert report.legal, report.describe(netlist)


def test_fences_hold_at_a_low_density() -> None:
    netlist, start = fenced([LOW_LEFT], [0], [True], bound=60)
    assert check_rows(netlist, place(netlist, start, seed=1, density=0.6)).legal
    assert check_rows(netlist, place_cells(netlist, start, seed=1, density=0.6)).legal


def test_cells_that_do_not_fit_into_their_fence_are_refused() -> None:
    netlist, start = fenced([(0.1, 0.1, 0.2, 0.3)], [0], [True], bound=60)
    with pytest.raises(InputError, match=r"inside the fence 'region0' have .*the first is 'n0'"):
        place(netlist, start, seed=1)


def test_cells_that_do_not_fit_beside_closed_fences_are_refused() -> None:
    netlist, start = fenced([(0.0, 0.0, 1.0, 0.8)], [0], [True], bound=5)
    with pytest.raises(InputError, match="outside of all closed fences"):
        place(netlist, start, seed=1)


def test_macros_that_are_bound_to_a_fence_are_refused() -> None:
    netlist, start = fenced([LOW_LEFT], [0], [True], macros=2)
    assert netlist.fences is not None
    macro = int(netlist.nodes_of(NodeKind.HARD_MACRO)[0])
    netlist.fences.node_fence[macro] = 0
    with pytest.raises(InputError, match=f"macro {netlist.node_name[macro]!r} is bound"):
        place(netlist, start, seed=1)
    fixed = netlist.fixed.copy()
    fixed[macro] = True
    assert check_rows(replace(netlist, fixed=fixed), start).off_fence_nodes.size > 0


def test_the_search_keeps_macros_out_of_closed_fences() -> None:
    netlist, start = fenced([UPPER], [0], [True], macros=3)
    placed = named("search")(netlist, start, budget_s=0.3, seed=1)
    assert check_rows(netlist, placed, start=start).legal


def test_coloquinte_is_refused() -> None:
    netlist, start = fenced([UPPER], [0], [True])
    with pytest.raises(InputError, match="does not keep cells in fences"):
        named("coloquinte")(netlist, start, budget_s=1, seed=1)
