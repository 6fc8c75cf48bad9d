"""How much wider cells become where wires crowd, so that the wires get room between them.

References:
    C.-K. Cheng, A. B. Kahng, I. Kang, L. Wang, "RePlAce: advancing solution quality and routability
        validation in global placement", IEEE TCAD 38(9), 2019 (cells grow by a power of the
        congestion, by a share of the white space a round).
    M.-K. Hsu et al., "NTUplace4h: a novel routability-driven placement algorithm for hierarchical
        mixed-size circuit designs", IEEE TCAD 33(12), 2014.
    Y. Lin et al., "DREAMPlace: deep learning toolkit-enabled GPU acceleration for modern VLSI
        placement", IEEE TCAD 40(4), 2021 (the power, and the most that a cell grows in a round).
"""

from __future__ import annotations

import numpy as np

from placement_env.netlist import FloatArray, IntArray

# Cells grow by this power of the usage, at most to so many times their width in a round.
_POWER, _MOST_A_ROUND = 2.0, 2.0
#: At most to so many times their width in all rounds together.
MOST = 2.5
#: A round takes at most this share of the sites that cells leave.
SHARE = 0.1
#: No round makes rows fuller than this: cells that grew must still find places nearby.
FULLEST = 0.9


def inflated_sites(
    sites: IntArray, usage: FloatArray, *, first: IntArray, free: int, longest: int
) -> IntArray:
    """[C] widths of cells after another round, in sites; never less than before.

    Where all that cells want is more than a round may take, each gets the same share of it.

    Args:
        sites: [C] widths before.
        usage: [C] wires over tracks where each cell lies; more than 1 where there are too many.
        first: [C] widths before the first round.
        free: Sites that the rows have for these cells.
        longest: Sites of the longest free run of a row, into which every cell must fit.
    """
    most = np.minimum(np.floor(MOST * first), longest)
    factor = np.minimum(np.maximum(usage, 1.0) ** _POWER, _MOST_A_ROUND)
    more = np.maximum(np.minimum(sites * factor, most) - sites, 0.0)
    used = int(sites.sum())
    room = max(min(SHARE * (free - used), FULLEST * free - used), 0.0)
    more *= min(room / max(float(more.sum()), 1e-300), 1.0)
    # Rounding the running sum spreads the rounding error over the cells.
    whole = np.floor(np.cumsum(more) + 1e-9)
    return sites + np.diff(whole, prepend=0.0).astype(np.int64)
