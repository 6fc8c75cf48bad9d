"""Two placements of macros that nobody searched for: what a placer has to beat.

- *quadratic*: macros go where the sum of the squared lengths of their nets is least, spread evenly
  over the canvas (`placement_env.soft_rule`), then each to the nearest legal place
  (`agents.legal_start`).
- *random*: macros go anywhere, each point as likely as another, then to the nearest legal place.

Both ignore where movable macros are in the start, and neither looks at the proxy cost. They take as
long as they take, which is not long, whatever their budget.

References:
    K. M. Hall, "An r-dimensional quadratic placement algorithm", Management Science 17 (1970).
"""

from __future__ import annotations

import numpy as np

from agents.effort import Effort, check_effort
from agents.legal_places import LegalPlaces
from agents.progress import ProgressCallback
from placement_env.netlist import Netlist, Placement


def place_quadratic(
    netlist: Netlist,
    start: Placement | None,
    *,
    budget_s: float,
    seed: int,
    progress: ProgressCallback | None = None,
    gap_um: float = 0.0,
    from_nothing: bool = True,
    moves: int | None = None,
) -> Placement:
    """Place the movable macros where nets pull them; all other nodes stay.

    Args:
        netlist: A netlist with a grid.
        start: Where its nodes are; None where all nodes are movable macros.
        budget_s: Counts for nothing.
        seed: Seed of the repair of overlaps, and of where macros go that no net pulls.
        progress: Is told once.
        gap_um: Least distance between hard macros.
        from_nothing: Counts for nothing.
        moves: Counts for nothing.

    Raises:
        InputError: The netlist has no grid, the start does not fit it or has a node without a
            position, a macro is larger than the canvas, or the macros cannot be made legal.
    """
    check_effort(budget_s=budget_s, seed=seed, moves=moves)
    places = LegalPlaces(netlist, start, gap_um=gap_um, seed=seed, from_nothing=True)
    if not len(places.hard) + len(places.soft):
        return places.start
    Effort(budget_s=budget_s, moves=moves, progress=progress).tell("legal start", np.inf)
    places.settle(places.start.x_um, places.start.y_um, from_nothing=True)
    return places.placement()


def place_random(
    netlist: Netlist,
    start: Placement | None,
    *,
    budget_s: float,
    seed: int,
    progress: ProgressCallback | None = None,
    gap_um: float = 0.0,
    from_nothing: bool = True,
    moves: int | None = None,
) -> Placement:
    """Place the movable macros anywhere; all other nodes stay.

    Args and errors are those of `place_quadratic`; `seed` is that of the places as well.
    """
    check_effort(budget_s=budget_s, seed=seed, moves=moves)
    places = LegalPlaces(netlist, start, gap_um=gap_um, seed=seed, from_nothing=True)
    if not len(places.hard) + len(places.soft):
        return places.start
    Effort(budget_s=budget_s, moves=moves, progress=progress).tell("legal start", np.inf)
    rng, canvas, n = np.random.default_rng(seed), netlist.canvas, netlist.num_nodes
    x_um = rng.uniform(canvas.left_um, canvas.right_um, n)
    places.settle(x_um, rng.uniform(canvas.bottom_um, canvas.top_um, n))
    return places.placement()
