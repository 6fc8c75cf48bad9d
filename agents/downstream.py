"""What a placement of macros is worth once cells are placed, as an objective of the environment."""

from __future__ import annotations

import numpy as np

from agents.cells import place_cells
from agents.macro_rows import on_rows
from placement_env.env import Objective
from placement_env.grouping import ungrouped_placement
from placement_env.netlist import IntArray, Netlist, Placement, hpwl_um


def flat_wirelength(
    flat: Netlist, group: IntArray, at_first: Placement, *, effort: int = 1, seed: int = 1
) -> Objective:
    """The objective: half-perimeter wirelength over all nets after cells are placed on rows.

    Divided by the canvas's half perimeter and the number of nets, so that it is of the size of the
    wirelength in the proxy cost.

    Args:
        flat: The netlist with cells and rows.
        group: [N] group of each of its cells, of which the environment's netlist was made.
        at_first: Where fixed nodes are.
        effort: Effort of the cell placer, 1 to 9.
        seed: Its seed.
    """
    scale = 1 / ((flat.canvas.width_um + flat.canvas.height_um) * max(flat.num_nets, 1))

    def wirelength(netlist: Netlist, placement: Placement) -> float:
        whole = ungrouped_placement(flat, group, at_first, placement)
        legal = on_rows(flat, whole, gap_um=0.0, seed=seed)
        placed = place_cells(flat, legal, effort=effort, seed=seed)
        return float(np.float64(hpwl_um(flat, placed)) * scale)

    return wirelength
