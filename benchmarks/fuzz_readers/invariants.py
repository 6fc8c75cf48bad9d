"""What holds for every netlist and placement that a reader gives, whatever the file was."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from placement_env.errors import InputError
from placement_env.netlist import (
    LARGEST,
    Grid,
    Netlist,
    NodeKind,
    Orient,
    Placement,
    Rows,
    check_netlist,
    hpwl_um,
)


class Broken(Exception):
    """A reader gave something that cannot be."""


def check(found: tuple[Netlist, Placement | None]) -> None:
    """Raise `Broken` where something about a netlist and its placement does not hold."""
    netlist, placement = found
    try:
        check_netlist(netlist)
    except InputError as error:
        raise Broken("the reader did not check the netlist") from error
    n, e, p = netlist.num_nodes, netlist.num_nets, netlist.num_pins
    _require(np.isin(netlist.node_kind, list(NodeKind)).all(), "a node kind is unknown")
    _unique(netlist.node_name, n, "node")
    if netlist.net_name is not None:
        _unique(netlist.net_name, e, "net")
    for what, names, count in (
        ("masters", netlist.node_master, n),
        ("pin names", netlist.pin_name, p),
    ):
        _require(names is None or len(names) == count, f"there are not {count} {what}")
    _bounded(netlist.width_um, "a width")
    _bounded(netlist.height_um, "a height")
    _bounded(netlist.pin_dx_um, "a pin offset")
    _bounded(netlist.pin_dy_um, "a pin offset")
    _bounded(netlist.net_weight, "a net weight")
    _require((netlist.net_weight >= 0).all(), "a net weight is negative")
    canvas = netlist.canvas
    edges = (canvas.left_um, canvas.bottom_um, canvas.right_um, canvas.top_um)
    _require(bool(np.isfinite(edges).all()), "an edge of the canvas is not finite")
    if netlist.source_index is not None:
        index = netlist.source_index
        _require(index.min() >= 0 and len(np.unique(index)) == n, "a source index comes twice")
    if netlist.aspect_range is not None:
        least, greatest = netlist.aspect_range[~np.isnan(netlist.aspect_range[:, 0])].T
        _require(((least > 0) & (least <= greatest)).all(), "an aspect range is empty")
    if netlist.rows is not None:
        _check_rows(netlist.rows)
    if netlist.grid is not None:
        _check_grid(netlist.grid)
    if placement is not None:
        _check_placement(netlist, placement)


def same_design(one: Netlist, other: Netlist) -> None:
    """Raise `Broken` unless both have the same nodes and nets.

    Pin offsets may differ: a format may state them in percent, or leave it to the reader to find
    out from where they are.
    """
    _require(one.node_name == other.node_name, "names are not the same once written and read again")
    for what in ("node_kind", "pin_node", "net_start"):
        equal = np.array_equal(getattr(one, what), getattr(other, what))
        _require(equal, f"{what} is not the same once written and read again")
    for what in ("width_um", "height_um", "net_weight"):
        equal = np.allclose(getattr(one, what), getattr(other, what), rtol=1e-9, atol=1e-150)
        _require(equal, f"{what} is not the same once written and read again")


def _check_rows(rows: Rows) -> None:
    count = len(rows.sites)
    for values in (rows.x_um, rows.y_um, rows.height_um, rows.site_width_um, rows.orient):
        _require(len(values) == count, "rows have arrays of several lengths")
    _bounded(rows.x_um, "the place of a row")
    _bounded(rows.y_um, "the place of a row")
    _require((rows.height_um > 0).all(), "a row is not high")
    _require((rows.site_width_um > 0).all(), "a site is not wide")
    _require((rows.sites >= 0).all(), "a row has less than no site")
    _require(np.isin(rows.orient, list(Orient)).all(), "a row has an unknown orientation")


def _check_grid(grid: Grid) -> None:
    tracks = (
        grid.h_tracks_per_um,
        grid.v_tracks_per_um,
        grid.h_macro_tracks_per_um,
        grid.v_macro_tracks_per_um,
    )
    _require(min(grid.columns, grid.rows) >= 1, "a grid has no cell")
    _require(grid.columns * grid.rows <= 10**9, "a grid has more cells than memory holds")
    _require(bool(np.isfinite(tracks).all()) and min(tracks) >= 0, "a capacity is impossible")
    _require(0 <= grid.smoothing <= 10**9, "a smoothing is impossible")


def _check_placement(netlist: Netlist, placement: Placement) -> None:
    for values in (placement.x_um, placement.y_um, placement.orient):
        _require(len(values) == netlist.num_nodes, "the placement is of another netlist")
    _bounded(placement.x_um, "a place")
    _bounded(placement.y_um, "a place")
    _require(np.isin(placement.orient, list(Orient)).all(), "an orientation is unknown")
    if placement.size_um is not None:
        _require(placement.size_um.shape == (netlist.num_nodes, 2), "there are not N sizes")
        _require((placement.size_um >= 0).all(), "a size is negative or no number")
    _require(bool(np.isfinite(hpwl_um(netlist, placement))), "the wirelength is not finite")


def _bounded(values: NDArray[np.float64], what: str) -> None:
    """All are finite, and so far from the largest double that arithmetic on them is too."""
    _require(bool((abs(values) <= 4 * LARGEST).all()), f"{what} is not finite, or beyond use")


def _unique(names: Sequence[str], count: int, what: str) -> None:
    _require(len(names) == count, f"there are not {count} {what} names")
    _require(len(set(names)) == count, f"a {what} name comes twice")


def _require(holds: bool | np.bool_, message: str) -> None:
    if not holds:
        raise Broken(message)
