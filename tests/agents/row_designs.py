"""Small flat netlists with rows, made from a seed."""

from __future__ import annotations

import numpy as np

from placement_env.netlist import Canvas, Netlist, NodeKind, Orient, Placement, Rows


def row_design(
    *,
    cells: int = 200,
    utilization: float = 0.6,
    macros: int = 0,
    taps: int = 0,
    seed: int = 0,
    site_um: float = 0.19,
    row_um: float = 1.4,
    origin_um: tuple[float, float] = (0.95, 2.8),
) -> tuple[Netlist, Placement]:
    """A netlist of locally connected cells, macros in the middle row of the core, and four ports.

    Macro sizes are no multiples of sites or rows. Taps are fixed cells of one site.
    """
    rng = np.random.default_rng(seed)
    cell_sites = rng.integers(2, 12, cells)
    macro_size = (22.3 * site_um, 4.6 * row_um)
    area = cell_sites.sum() * site_um * row_um / utilization
    area += 1.3 * macros * macro_size[0] * macro_size[1]
    count = int(np.ceil(np.sqrt(area) / row_um))
    sites = int(np.ceil(area / (count * row_um) / site_um))
    rows = Rows(
        x_um=np.full(count, origin_um[0]),
        y_um=np.array([origin_um[1] + k * row_um for k in range(count)]),
        height_um=np.full(count, row_um),
        site_width_um=np.full(count, site_um),
        sites=np.full(count, sites),
        orient=np.where(np.arange(count) % 2 == 0, int(Orient.FS), int(Orient.N)),
    )
    right, top = origin_um[0] + sites * site_um, origin_um[1] + count * row_um
    kinds = [NodeKind.STANDARD_CELL] * cells + [NodeKind.HARD_MACRO] * macros
    kinds += [NodeKind.STANDARD_CELL] * taps + [NodeKind.PORT] * 4
    n = len(kinds)
    width, height = np.zeros(n), np.zeros(n)
    width[:cells], height[:cells] = cell_sites * site_um, row_um
    x, y = np.full(n, np.nan), np.full(n, np.nan)
    orient = np.zeros(n, dtype=np.int64)
    for k in range(macros):
        width[cells + k], height[cells + k] = macro_size
        x[cells + k] = origin_um[0] + (right - origin_um[0]) * (k + 0.5) / macros
        y[cells + k] = (origin_um[1] + top) / 2
    tap_row = rng.integers(0, count, taps)
    tap_site = rng.permutation(sites)[:taps]
    tap = slice(cells + macros, cells + macros + taps)
    width[tap], height[tap] = site_um, row_um
    x[tap], y[tap] = origin_um[0] + (tap_site + 0.5) * site_um, rows.y_um[tap_row] + row_um / 2
    orient[tap] = rows.orient[tap_row]
    x[-4:], y[-4:] = [0, right + 1, 0, right + 1], [0, 0, top + 1, top + 1]

    degree = rng.integers(2, 6, cells)
    near = np.repeat(np.arange(cells), degree) + rng.integers(-15, 16, degree.sum())
    pin_node = np.clip(near, 0, cells - 1)
    pin_node[rng.choice(len(pin_node), 4 + macros, replace=False)] = np.concatenate(
        [np.arange(n - 4, n), np.arange(cells, cells + macros)]
    )
    return (
        Netlist(
            name=f"rows{seed}",
            node_name=tuple(f"n{i}" for i in range(n)),
            node_kind=np.array(kinds, dtype=np.int64),
            width_um=width,
            height_um=height,
            fixed=np.arange(n) >= cells,
            pin_node=pin_node,
            pin_dx_um=width[pin_node] / 4,
            pin_dy_um=height[pin_node] / 5,
            net_start=np.concatenate([[0], np.cumsum(degree)]),
            net_weight=np.ones(cells),
            canvas=Canvas(0.0, 0.0, right + 1, top + 1),
            rows=rows,
        ),
        Placement(x, y, orient),
    )
