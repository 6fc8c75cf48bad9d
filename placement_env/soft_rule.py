"""A simple, quick rule for nodes that nobody has placed: pulled by their nets, then spread.

First every movable soft macro and cell goes to the weighted centre of what it is connected to, all
at once (the minimum of the quadratic wirelength with the other nodes held). Those positions crowd
together, so each axis is then mixed with an even spread that keeps the order. The rule depends on
the held nodes alone, costs one back substitution, and is a stand-in: a placer does better.

References:
    K. M. Hall, "An r-dimensional quadratic placement algorithm", Management Science 17 (1970).
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from placement_env.graph import adjacency
from placement_env.netlist import FloatArray, IntArray, Netlist

#: Pull of the canvas's centre, relative to the mean pull of a node's nets; ties loose nodes down.
_CENTRE_PULL = 1e-3
#: How evenly nodes are spread, where nobody says it.
SPREAD = 0.5


class SoftRule:
    """Places one set of free nodes again and again while the others move.

    Args:
        netlist: The netlist.
        free: [N] bool, the nodes that the rule places.
        spread: 0 leaves nodes where their nets pull them, 1 spreads them evenly.

    Attributes:
        anchored: Whether a net ties a free node to one that is held. Otherwise nothing says where
            a node should go.
    """

    def __init__(
        self, netlist: Netlist, free: NDArray[np.bool_], *, spread: float = SPREAD
    ) -> None:
        self.free: IntArray = np.flatnonzero(free)
        self.held: IntArray = np.flatnonzero(~free)
        self.spread = spread
        self._canvas = netlist.canvas
        weights = adjacency(netlist)
        self._to_held = sp.csr_array(weights[self.free][:, self.held])
        self.anchored = self._to_held.nnz > 0
        pull = np.asarray(weights.sum(axis=1)).ravel()[self.free]
        self._centre_pull = _CENTRE_PULL * (float(pull.mean()) if pull.any() else 1.0)
        matrix = sp.diags_array(pull + self._centre_pull) - weights[self.free][:, self.free]
        self._solve = splu(sp.csc_array(matrix)).solve if len(self.free) else None
        area = netlist.width_um[self.free] * netlist.height_um[self.free]
        self._area = area if area.any() else np.ones(len(self.free))

    def place(self, x_um: FloatArray, y_um: FloatArray) -> tuple[FloatArray, FloatArray]:
        """[N], [N]: the positions with the free nodes moved; the held ones stay."""
        canvas = self._canvas
        return (
            self._axis(x_um, canvas.left_um, canvas.right_um),
            self._axis(y_um, canvas.bottom_um, canvas.top_um),
        )

    def _axis(self, held: FloatArray, low: float, high: float) -> FloatArray:
        moved = held.copy()
        if self._solve is None:
            return moved
        centre = (low + high) / 2
        pulled = self._solve(self._to_held @ held[self.held] + self._centre_pull * centre)
        order = np.argsort(pulled, kind="stable")
        area = self._area[order]
        even = np.empty_like(pulled)
        even[order] = low + (high - low) * (np.cumsum(area) - area / 2) / area.sum()
        moved[self.free] = ((1 - self.spread) * pulled + self.spread * even).clip(low, high)
        return moved
