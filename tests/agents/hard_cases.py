"""Netlists and options that every placer of macros must cope with or refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from placement_env.cost.toy import toy_netlist
from placement_env.legality import hard_overlaps
from placement_env.netlist import Canvas, Netlist, NodeKind, Orient, Placement
from tests.agents.legality import least_gap_um
from tests.placement_env.random_netlists import clustered


def _wide(netlist: Netlist, *widths: float, height: float = 10.0) -> Netlist:
    return replace(netlist, width_um=np.array(widths), height_um=np.full(3, height))


#: A change of the toy netlist, options, and the words by which it must be refused.
REFUSED: list[tuple[Callable[[Netlist], Netlist], dict, str]] = [
    (lambda n: replace(n, grid=None), {}, "no congestion grid"),
    (lambda n: _wide(n, 10, 50, 10), {}, "'b' has a width of 50 um"),
    (lambda n: _wide(n, 10, 10, 50), {}, "'c' has a width of 50 um"),
    (lambda n: _wide(n, 39, 39, 1, height=25), {}, "cover 122%"),
    (lambda n: _wide(n, 30, 30, 1, height=25), {}, "found no legal"),
    (lambda n: n, {"gap_um": 25.0}, "found no legal"),
    (lambda n: n, {"gap_um": -1.0}, "gap"),
    (lambda n: n, {"budget_s": 0.0}, "budget"),
    (lambda n: n, {"budget_s": np.nan}, "budget"),
    (lambda n: n, {"moves": -1}, "moves"),
    (lambda n: n, {"seed": -1}, "seed"),
]


def turned() -> tuple[Netlist, Placement]:
    """A macro that fits only because it is turned by a quarter."""
    netlist, start = toy_netlist()
    netlist = replace(netlist, height_um=np.array([38.0, 10.0, 10.0]))
    return netlist, replace(start, orient=np.array([Orient.W, Orient.N, Orient.N], dtype=np.int64))


def tight() -> tuple[Netlist, Placement]:
    """Three hard macros that fill the canvas but for a tenth of a micrometre."""
    netlist, start = toy_netlist()
    netlist = replace(
        netlist,
        node_kind=np.full(3, NodeKind.HARD_MACRO),
        width_um=np.array([19.9, 19.9, 39.9]),
        height_um=np.full(3, 19.9),
    )
    return netlist, start


def of_kinds(*kinds: int) -> tuple[Netlist, Placement]:
    """The toy netlist with nodes of other kinds; ports are fixed."""
    netlist, start = toy_netlist()
    fixed = np.array(kinds) == NodeKind.PORT
    return replace(netlist, node_kind=np.array(kinds), fixed=fixed), start


@st.composite
def moved_and_partly_fixed(draw: st.DrawFn) -> tuple[Netlist, Placement]:
    """A random netlist on a canvas away from the origin; one hard macro is fixed if it can be."""
    netlist, start = draw(clustered())
    if not hard_overlaps(netlist, start) and least_gap_um(netlist, start) > 0.01:
        fixed = netlist.fixed.copy()
        fixed[netlist.nodes_of(NodeKind.HARD_MACRO)[:1]] = True
        netlist = replace(netlist, fixed=fixed)
    canvas = netlist.canvas
    netlist = replace(
        netlist, canvas=Canvas(-7.3, 11.9, canvas.right_um - 7.3, canvas.top_um + 11.9)
    )
    return netlist, replace(start, x_um=start.x_um - 7.3, y_um=start.y_um + 11.9)
