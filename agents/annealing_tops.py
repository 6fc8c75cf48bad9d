"""How many cells the costs average during an anneal."""

from __future__ import annotations

from math import log

import numpy as np

from placement_env.cost.model import CostModel
from placement_env.cost.move import Tops

# The cost averages a tenth of the cells. In a good placement many more are about as full, so that
# emptying one of them gains nothing: only all together would. Long runs therefore average more
# cells at first, by these factors, and ever fewer until this part of the anneal. Cells inside hard
# macros are full whatever is done: the more of them there are, the less the first factor is.
_DENSITY_TOPS, _CONGESTION_TOPS = 6.0, 2.0
_TOPS_UNTIL = 0.65
# Anneals of so many moves a macro do without that, since it takes time; longer ones do it fully.
_SHORT, _LONG = 5_000.0, 20_000.0


def tops(model: CostModel, part: float, moves_per_macro: float) -> Tops:
    """How many cells the costs average.

    Args:
        model: The netlist's cost model.
        part: Part of the anneal that has passed.
        moves_per_macro: Moves of the whole anneal over the macros that move.
    """
    length = log(max(moves_per_macro, _SHORT) / _SHORT) / log(_LONG / _SHORT)
    power = min(length, 1.0) * max(1 - part / _TOPS_UNTIL, 0.0)
    return Tops(
        round(model.density_top * _DENSITY_TOPS ** (power * _levelling(model))),
        round(model.congestion_top * _CONGESTION_TOPS**power),
    )


def _levelling(model: CostModel) -> float:
    """How much of the density cost levelling can change: 0 where macros fill all cells in it."""
    nodes, grid = model.nodes, model.grid
    # Over all places that a macro can take, it covers so many whole cells on average.
    columns = np.maximum(2 * nodes.half_width[nodes.is_hard] / grid.cell_width - 1, 0)
    rows = np.maximum(2 * nodes.half_height[nodes.is_hard] / grid.cell_height - 1, 0)
    return max(1 - float(columns @ rows) / max(model.density_top, 1), 0.0)
