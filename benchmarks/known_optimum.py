"""Netlists whose least wirelength is known: how far from the optimum does a placer end?

Equal square macros fill a square edge to edge, on a canvas of that size or a larger one. Each net
joins macros that are as close together as macros without overlap can be, all nets at once in one
hidden placement, so that no placement has shorter nets. The optimum holds for the half-perimeter
wirelength of legal placements with pins in the middle of macros.

References:
    C.-C. Chang, J. Cong, M. Romesis, M. Xie, "Optimality and scalability study of existing
    placement algorithms", IEEE Trans. CAD 23 (2004): PEKO.
"""

from __future__ import annotations

import numpy as np

from placement_env.netlist import Canvas, Grid, Netlist, NodeKind, Placement

#: Shares of nets that join 2, 3, 4, ... macros.
_DEGREES = (0.55, 0.2, 0.12, 0.08, 0.05)


def known_optimum(
    side: int, *, nets: int = 0, seed: int = 0, room: float = 0.0
) -> tuple[Netlist, Placement, float]:
    """A netlist of side x side macros, an optimal placement, and its wirelength in um.

    Args:
        side: Macros along a side of the square.
        nets: Number of nets; three for each macro where 0.
        seed: The same seed gives the same netlist.
        room: By how much the canvas's sides are longer than the square's, as a share of them.
    """
    rng = np.random.default_rng(seed)
    count, macro_um = side * side, 10.0
    chosen, optimum_um = [], 0.0
    for _ in range(nets or 3 * count):
        degree = min(2 + int(rng.choice(len(_DEGREES), p=_DEGREES)), count)
        wide, tall = least_block(degree)
        if rng.random() < 0.5:
            wide, tall = tall, wide
        wide, tall = min(wide, side), min(tall, side)
        column, row = rng.integers(side - wide + 1), rng.integers(side - tall + 1)
        block = [(row + r) * side + column + c for r in range(tall) for c in range(wide)]
        chosen.append(rng.permutation(block)[:degree])
        optimum_um += (wide - 1 + tall - 1) * macro_um
    order = rng.permutation(count)  # so that numbers say nothing about places
    pins = order[np.concatenate(chosen)]
    canvas_um = side * macro_um * (1 + room)
    netlist = Netlist(
        name=f"known_optimum_{side}_{seed}",
        node_name=tuple(f"m{i}" for i in range(count)),
        node_kind=np.full(count, int(NodeKind.HARD_MACRO), dtype=np.int64),
        width_um=np.full(count, macro_um),
        height_um=np.full(count, macro_um),
        fixed=np.zeros(count, dtype=bool),
        pin_node=pins.astype(np.int64),
        pin_dx_um=np.zeros(len(pins)),
        pin_dy_um=np.zeros(len(pins)),
        net_start=np.cumsum([0, *(len(net) for net in chosen)]),
        net_weight=np.ones(len(chosen)),
        canvas=Canvas(0.0, 0.0, canvas_um, canvas_um),
        grid=Grid(side, side, 10.0, 10.0, 0.0, 0.0, smoothing=0),
    )
    row, column = np.divmod(np.arange(count), side)
    x_um, y_um = np.empty(count), np.empty(count)
    x_um[order], y_um[order] = (column + 0.5) * macro_um, (row + 0.5) * macro_um
    return netlist, Placement(x_um, y_um, np.zeros(count, dtype=np.int64)), optimum_um


def least_block(degree: int) -> tuple[int, int]:
    """Columns and rows of the block of least half perimeter that holds so many unit squares."""
    options = [(wide, -(-degree // wide)) for wide in range(1, degree + 1)]
    return min(options, key=lambda block: (block[0] + block[1], abs(block[0] - block[1])))
