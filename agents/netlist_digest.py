"""Whether two netlists are the same problem to place."""

from __future__ import annotations

import hashlib

import numpy as np

from placement_env.netlist import Netlist, Placement


def netlist_digest(netlist: Netlist, start: Placement) -> str:
    """A hash of all that the search of macros sees of a netlist and its start."""
    digest = hashlib.sha256(repr((netlist.canvas, netlist.grid)).encode())
    for values in (
        netlist.node_kind,
        netlist.width_um,
        netlist.height_um,
        netlist.fixed,
        netlist.pin_node,
        netlist.pin_dx_um,
        netlist.pin_dy_um,
        netlist.net_start,
        netlist.net_weight,
        start.x_um,
        start.y_um,
        start.orient,
    ):
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
