"""Rounds of cell inflation: cells are spread again, wider where wires crowd, while that helps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from agents.flat.inflation import inflated_sites
from agents.flat.row_legal import legalize_zones
from agents.flat.site_rows import SiteRows, site_rows
from agents.flat.zones import Zone, zone_netlist, zones_with_cells
from placement_env.errors import InputError
from placement_env.netlist import IntArray, Netlist, NodeKind, Placement
from placement_env.route_estimate import GRID_ROWS, RouteEstimate, TrackSupply, estimate_routes

_ROUNDS = 4
# Rounds of rip-up in an estimate: wires that a short detour would spread need no wider cells.
_RIP_UPS = 4
# By how many times their rise the overflow must fall for longer wires to be worth it. Where tracks
# are too few everywhere, wider cells only make wires longer, of which more are then too many.
_WORTH = 1.5


@dataclass(frozen=True)
class Spread:
    """Cells spread, and the wires that they would have.

    Attributes:
        netlist: With cells as wide as they were spread.
        placement: Where they are; they still overlap a little.
        overflow: Estimated wires beyond the tracks (`RouteEstimate.overflow`), cells on rows.
        wire_um: Estimated length of all wires.
    """

    netlist: Netlist
    placement: Placement
    overflow: float
    wire_um: float

    def is_worth(self, before: Spread) -> bool:
        """Whether the share of overflow that has gone is worth the share of wires that has come."""
        longer = max(self.wire_um / max(before.wire_um, 1e-300) - 1, 0.0)
        return self.overflow < before.overflow * (1 - _WORTH * longer)


def inflation_rounds(
    netlist: Netlist,
    placement: Placement,
    tracks: TrackSupply,
    again: Callable[[Netlist, Placement], Placement],
) -> Iterator[Spread]:
    """Cells as they are, then wider and spread again, a round each.

    The rounds end after one that was not worth it, and where there is nothing to gain or no room:
    no wires are too many, rows are too full, or cells so wide would find no places.

    Args:
        netlist: A flat netlist with rows, its cells as wide as rows shall have them anyway.
        placement: Its cells spread around macros that are legal.
        tracks: The routing tracks.
        again: Spreads the cells of a netlist once more, from where they are.

    Raises:
        InputError: As `agents.flat.site_rows.site_rows` and `agents.flat.zones.zones_with_cells`.
    """
    zones = zones_with_cells(netlist)
    movable = (netlist.node_kind == NodeKind.STANDARD_CELL) & ~netlist.fixed
    rows = [site_rows(zone_netlist(netlist, zone, movable), placement) for zone in zones]
    first = np.zeros(netlist.num_nodes, np.int64)
    for of_zone in rows:
        first[of_zone.cells] = of_zone.sites
    sites, at = first, placement
    legal = _on_rows(netlist, zones, at)
    if legal is None:
        return
    routes = _routes(netlist, legal, tracks)
    found = Spread(netlist, at, routes.overflow, routes.wire_um)
    yield found
    for _ in range(_ROUNDS):
        more = _inflated(zones, rows, sites, first, routes, legal)
        if np.array_equal(more, sites):
            return
        wide = replace(netlist, width_um=netlist.width_um + (more - first) * rows[0].site_um)
        sites, at = more, again(wide, at)
        legal = _on_rows(wide, zones, at)
        if legal is None:
            return
        routes = _routes(wide, legal, tracks)
        before, found = found, Spread(wide, at, routes.overflow, routes.wire_um)
        yield found
        if not found.is_worth(before):
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
            free=int(runs.sum()) - (0 if zone.name else bound),
            longest=int(runs.max(initial=0)),
        )
        bound += 0 if zone.closed else int(more[cells].sum())
    return more


def _routes(netlist: Netlist, placement: Placement, tracks: TrackSupply) -> RouteEstimate:
    rows = netlist.rows
    assert rows is not None
    cell_um = GRID_ROWS * float(rows.height_um[0])
    return estimate_routes(netlist, placement, tracks, cell_um=cell_um, rounds=_RIP_UPS)


def _on_rows(netlist: Netlist, zones: Sequence[Zone], wanted: Placement) -> Placement | None:
    """Cells on rows, for estimates; None where the runs of sites between macros are too short."""
    try:
        return legalize_zones(netlist, zones, wanted)
    except InputError:
        return None
