"""A netlist of a few cells and macros, on which the flat placer's kernels are compiled."""

from __future__ import annotations

import numpy as np

from placement_env.netlist import Canvas, Netlist, NodeKind, Placement, Rows

_CELLS, _MACROS, _ROWS, _SITES = 40, 2, 12, 60


def toy_flat() -> tuple[Netlist, Placement]:
    """The netlist, in units of sites, and where its nodes begin: all in one corner."""
    count = _CELLS + _MACROS
    kind = np.repeat([NodeKind.STANDARD_CELL, NodeKind.HARD_MACRO], [_CELLS, _MACROS])
    macro = kind == NodeKind.HARD_MACRO
    first = np.arange(_CELLS)
    node = np.stack([first, (first + 1) % count, (7 * first + 3) % count], axis=1).ravel()
    rows = Rows(
        x_um=np.zeros(_ROWS),
        y_um=2.0 * np.arange(_ROWS, dtype=np.float64),
        height_um=np.full(_ROWS, 2.0),
        site_width_um=np.ones(_ROWS),
        sites=np.full(_ROWS, _SITES),
        orient=np.zeros(_ROWS, np.int64),
    )
    netlist = Netlist(
        name="toy",
        node_name=tuple(f"n{k}" for k in range(count)),
        node_kind=kind.astype(np.int64),
        width_um=np.where(macro, 9.0, 1.0 + np.arange(count) % 3),
        height_um=np.where(macro, 6.0, 2.0),
        fixed=np.zeros(count, bool),
        pin_node=node,
        pin_dx_um=np.zeros(len(node)),
        pin_dy_um=np.zeros(len(node)),
        net_start=3 * np.arange(_CELLS + 1),
        net_weight=np.ones(_CELLS),
        canvas=Canvas(0.0, 0.0, float(_SITES), 2.0 * _ROWS),
        rows=rows,
    )
    return netlist, Placement(np.zeros(count), np.zeros(count), np.zeros(count, np.int64))
