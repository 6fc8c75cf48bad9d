"""How threads share out the macros of one placement among themselves, anew every turn.

Soft macros go to threads at random. Hard macros are left to few threads, one of two, because two
threads must not move them to one place; where several have to share them, each gets a strip of the
canvas, inside which its macros stay for the turn. What crosses the border of strips waits. What is
wider than a strip waits for a turn in which one thread has all hard macros.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agents.lattice import Lattice
from agents.moves import Movers, RandomState, uniform
from placement_env.cost.model import GridShape, Int32Array, Nodes
from placement_env.cost.state import State
from placement_env.kernels import lean
from placement_env.netlist import IntArray

# The cut between two strips is drawn from this share of a strip's width.
_LOOSE = 0.8
# With narrow strips, more than two, one thread has all hard macros in this share of the turns.
_WHOLE = 0.25


class Role(NamedTuple):
    """What one thread does in each turn.

    Attributes:
        hard_share: Share of its moves that take a hard macro.
        moves: Its moves.
        soft_low: It gets the soft macros for which a random number in [0, 1) is at least this
        soft_high: and less than this.
        strip: Which strip's hard macros it moves, of
        strips: so many.
    """

    hard_share: float
    moves: int
    soft_low: float
    soft_high: float
    strip: int
    strips: int


class Share(NamedTuple):
    """What one thread may move in this turn, and scratch.

    Attributes:
        hard: Its hard macros.
        soft: Its soft macros.
        stamp: [N + 1] the turn in which it last moved each node; the last element counts turns.
        common: Random numbers that all threads draw alike.
    """

    hard: Int32Array
    soft: Int32Array
    stamp: IntArray
    common: RandomState


def roles(
    threads: int, hard: int, soft: int, hard_share: float, hard_work: float, moves: int
) -> list[Role]:
    """The roles of `threads` threads, which take about equally long for one turn.

    Args:
        threads: How many threads.
        hard: How many hard macros move.
        soft: How many soft macros move.
        hard_share: Share of all moves that take a hard macro, where both kinds move; less where
            the threads for hard macros cannot make so many.
        hard_work: How much longer a move of a hard macro takes than one of a soft macro.
        moves: Moves of all threads together in one turn.
    """
    if threads == 1 or soft == 0 or hard == 0:
        share = 1.0 if soft == 0 else 0.0 if hard == 0 else hard_share
        each = -(-moves // threads)
        return [
            Role(share, each, k / threads, (k + 1) / threads, k, threads) for k in range(threads)
        ]
    work = hard_work * hard_share + (1 - hard_share)
    movers = max(1, min(threads - 1, round(threads * hard_work * hard_share / work)))
    hard_each = hard_share / movers
    soft_aside = work / threads - hard_work * hard_each
    soft_each = (1 - hard_share - movers * soft_aside) / (threads - movers)
    if soft_aside < 0:
        soft_aside, soft_each = 0.0, (1 - hard_share) / (threads - movers)
        hard_each = soft_each / hard_work
    total = soft_aside * movers + soft_each * (threads - movers)
    parts = [soft_aside / total] * movers + [soft_each / total] * (threads - movers)
    low = np.concatenate([[0.0], np.cumsum(parts)])
    low[-1] = 1.0
    scale = moves / (movers * hard_each + total)
    made = []
    for k in range(threads):
        mine = hard_each if k < movers else 0.0
        count = mine + (soft_aside if k < movers else soft_each)
        made.append(
            Role(
                mine / count,
                max(1, round(scale * count)),
                float(low[k]),
                float(low[k + 1]),
                k if k < movers else -1,
                movers,
            )
        )
    return made


@lean
def draw_share(
    nodes: Nodes,
    grid: GridShape,
    state: State,
    lattice: Lattice,
    movers: Movers,
    share: Share,
    role: Role,
) -> tuple[int, int]:
    """Draw what a thread moves in the next turn; how many hard and soft macros that are.

    Writes `share.hard`, `share.soft` and the region of the hard macros.
    """
    common, region = share.common, movers.region
    upright = uniform(common) < 0.5
    shift = _LOOSE * (uniform(common) - 0.5)
    length = grid.columns * grid.cell_width if upright else grid.rows * grid.cell_height
    low, high = -np.inf, np.inf
    strip, strips = role.strip, role.strips
    if strips > 2 and uniform(common) < _WHOLE:
        strip, strips = (0 if strip == 0 else -1), 1
    if strip > 0:
        low = (strip + shift) / strips * length + lattice.apart
    if strip < strips - 1:
        high = (strip + 1 + shift) / strips * length - lattice.apart
    region[0], region[1] = (low, high) if upright else (-np.inf, np.inf)
    region[2], region[3] = (-np.inf, np.inf) if upright else (low, high)
    hard = 0
    if strip >= 0:
        for i in range(len(movers.hard)):
            node: int = movers.hard[i]
            place = state.x[node] if upright else state.y[node]
            half = nodes.half_width[node] if upright else nodes.half_height[node]
            share.hard[hard] = node
            hard += place - half >= low and place + half <= high
    soft = 0
    for i in range(len(movers.soft)):
        drawn = uniform(common)
        share.soft[soft] = movers.soft[i]
        soft += role.soft_low <= drawn < role.soft_high
    return hard, soft
