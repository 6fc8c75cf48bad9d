"""Rounds of cell inflation: cells are spread again, wider where wires crowd, while that helps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from agents.flat.inflation import inflated_sites
from agents.flat.row_legal import legalize_zones
from agents.flat.site_rows import SiteRows, site_rows
from agents.flat.zones import Zone, zone_netlist, zones_of
from placement_env.errors import InputError
from placement_env.netlist import IntArray, Netlist, NodeKind, Placement
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
        InputError: As `agents.flat.site_rows.site_rows` and `agents.flat.zones.zones_of`.
    """
    zones = zones_of(netlist)
    movable = (netlist.node_kind == NodeKind.STANDARD_CELL) & ~netlist.fixed
    rows = [site_rows(zone_netlist(netlist, zone, movable), placement) for zone in zones]
    first = np.zeros(netlist.num_nodes, np.int64)
    for of_zone in rows:
        first[of_zone.cells] = of_zone.sites
    sites, at = first, placement
    routes = _routes(netlist, at, tracks)
    yield Spread(netlist, at, routes.overflow)
    for _ in range(_ROUNDS):
        more = _inflated(zones, rows, sites, first, routes, at)
        if np.array_equal(more, sites):
            return
        wide = replace(netlist, width_um=netlist.width_um + (more - first) * rows[0].site_um)
        sites, at = more, again(wide, at)
        if not _have_places(wide, zones, at):
            return
        before, routes = routes.overflow, _routes(wide, at, tracks)
        yield Spread(wide, at, routes.overflow)
        if routes.overflow >= before:
            return


def _inflated(
    zones: Sequence[Zone],
    rows: Sequence[SiteRows],
    sites: IntArray,
    first: IntArray,
    routes: RouteEstimate,
    at: Placement,
) -> IntArray:
    """[N] widths in sites after another round; `sites` and `first` are those before, and at first.

    Free cells leave room for those of fences that are open to them.
    """
    more = sites.copy()
    bound = 0
    for zone, of_zone in zip(zones, rows, strict=True):
        cells, runs = of_zone.cells, of_zone.parts.sites
        more[cells] = inflated_sites(
            sites[cells],
            routes.usage_at(at.x_um[cells], at.y_um[cells]),
            first=first[cells],
            free=int(runs.sum()) - (bound if zone is zones[-1] else 0),
            longest=int(runs.max(initial=0)),
        )
        bound += 0 if zone.closed else int(more[cells].sum())
    return more


def _routes(netlist: Netlist, placement: Placement, tracks: TrackSupply) -> RouteEstimate:
    rows = netlist.rows
    assert rows is not None
    cell_um = GRID_ROWS * float(rows.height_um[0])
    return estimate_routes(netlist, placement, tracks, cell_um=cell_um, rounds=_RIP_UPS)


def _have_places(netlist: Netlist, zones: Sequence[Zone], wanted: Placement) -> bool:
    """Whether the runs of sites between macros hold the cells, which their sum does not say."""
    try:
        legalize_zones(netlist, zones, wanted)
    except InputError:
        return False
    return True
