"""What a placement of macros is worth once cells are placed, as an objective of the environment."""

from __future__ import annotations

import numpy as np

from agents.flat.macro_legal import legalize_macros
from agents.flat.placer import quick_wirelength_um
from placement_env.env import Objective
from placement_env.grouping import ungrouped_placement
from placement_env.netlist import IntArray, Netlist, Placement


def flat_wirelength(
    flat: Netlist, group: IntArray, at_first: Placement, *, seed: int = 1
) -> Objective:
    """The objective: half-perimeter wirelength over all nets after cells are spread around macros.

    Divided by the canvas's half perimeter and the number of nets, so that it is of the size of the
    wirelength in the proxy cost.

    Args:
        flat: The netlist with cells and rows.
        group: [N] group of each of its cells, of which the environment's netlist was made.
        at_first: Where fixed nodes are.
        seed: Seed of the cell placer.
    """
    scale = 1 / ((flat.canvas.width_um + flat.canvas.height_um) * max(flat.num_nets, 1))

    def wirelength(netlist: Netlist, placement: Placement) -> float:
        whole = ungrouped_placement(flat, group, at_first, placement)
        legal = legalize_macros(flat, whole, seed=seed)
        return float(np.float64(quick_wirelength_um(flat, legal, seed=seed)) * scale)

    return wirelength
