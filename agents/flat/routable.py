"""Rounds of cell inflation: cells are spread again, wider where wires crowd, while that helps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from agents.flat.inflation import inflated_sites
from agents.flat.row_legal import legalize_rows
from agents.flat.site_rows import site_rows
from placement_env.errors import InputError
from placement_env.netlist import Netlist, Placement
from placement_env.route_estimate import GRID_ROWS, RouteEstimate, TrackSupply, estimate_routes

_ROUNDS = 4
# Rounds of rip-up in an estimate: wires that a short detour would spread need no wider cells.
_RIP_UPS = 4


@dataclass(frozen=True)
class Spread:
    """Cells spread, and the wires that they would have.

    Attributes:
        netlist: With cells as wide as they were spread.
        placement: Where they are; they still overlap a little.
        overflow: Estimated wires beyond the tracks (`RouteEstimate.overflow`).
    """

    netlist: Netlist
    placement: Placement
    overflow: float


def inflation_rounds(
    netlist: Netlist,
    placement: Placement,
    tracks: TrackSupply,
    again: Callable[[Netlist, Placement], Placement],
) -> Iterator[Spread]:
    """Cells as they are, then wider and spread again, a round each.

    The rounds end after one that did not lessen the overflow, and where there is nothing to gain or
    no room: no wires are too many, rows are too full, or cells so wide would find no places.

    Args:
        netlist: A flat netlist with rows, its cells as wide as rows shall have them anyway.
        placement: Its cells spread around macros that are legal.
        tracks: The routing tracks.
        again: Spreads the cells of a netlist once more, from where they are.

    Raises:
        InputError: As `agents.flat.site_rows.site_rows`.
    """
    rows = site_rows(netlist, placement)
    cells, sites, at = rows.cells, rows.sites, placement
    routes = _routes(netlist, at, tracks)
    yield Spread(netlist, at, routes.overflow)
    for _ in range(_ROUNDS):
        usage = routes.usage_at(at.x_um[cells], at.y_um[cells])
        more = inflated_sites(sites, usage, first=rows.sites, runs=rows.parts.sites)
        if np.array_equal(more, sites):
            return
        width_um = netlist.width_um.copy()
        width_um[cells] += (more - rows.sites) * rows.site_um
        wide = replace(netlist, width_um=width_um)
        sites, at = more, again(wide, at)
        if not _have_places(wide, at):
            return
        before, routes = routes.overflow, _routes(wide, at, tracks)
        yield Spread(wide, at, routes.overflow)
        if routes.overflow >= before:
            return


def _routes(netlist: Netlist, placement: Placement, tracks: TrackSupply) -> RouteEstimate:
    rows = netlist.rows
    assert rows is not None
    cell_um = GRID_ROWS * float(rows.height_um[0])
    return estimate_routes(netlist, placement, tracks, cell_um=cell_um, rounds=_RIP_UPS)


def _have_places(netlist: Netlist, wanted: Placement) -> bool:
    """Whether the runs of sites between macros hold the cells, which their sum does not say."""
    try:
        legalize_rows(netlist, wanted)
    except InputError:
        return False
    return True
