"""The best places for blocks whose relative positions are decided, by linear programming.

Whoever packs blocks to a corner wastes the white space. With "a is left of b" or "a is below b"
given for every pair, the shortest half-perimeter wirelength is a linear program, one for x and one
for y (J.-G. Kim and Y.-D. Kim, "A linear programming-based algorithm for floorplanning in VLSI
design", IEEE TCAD 22, 2003).
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import linprog

from agents.sequence_pair import Blocks
from placement_env.netlist import FloatArray, IntArray

#: Rounds of solving and deciding anew, and the gain below which they end.
_ROUNDS, _LEAST_GAIN = 12, 1e-6


def spread(
    blocks: Blocks,
    shape: IntArray,
    x: FloatArray,
    y: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Moves blocks that do not overlap to where the wires are shortest, order kept.

    Solves for x and y, decides anew for every pair whether it is apart in x or in y, by the wider
    distance, and solves again until nothing is gained.

    Args:
        blocks: The blocks, their nets and the outline.
        shape: [B] the shape of each block.
        x: [B] left edges, without overlaps and inside the outline.
        y: [B] bottom edges.

    Returns:
        [B] left and [B] bottom edges; those given where the solver finds none that are better.
    """
    index = np.arange(len(x))
    width, height = blocks.width[index, shape], blocks.height[index, shape]
    before = np.inf
    for _ in range(_ROUNDS):
        left_of, below = _relations(x, y, width, height)
        new_x = _solve(blocks, shape, blocks.pin_x, width, blocks.outline[0], left_of)
        new_y = _solve(blocks, shape, blocks.pin_y, height, blocks.outline[1], below)
        if new_x is None or new_y is None:
            break
        (x, x_length), (y, y_length) = new_x, new_y
        if x_length + y_length > before * (1 - _LEAST_GAIN):
            break
        before = x_length + y_length
    return x, y


def _relations(
    x: FloatArray, y: FloatArray, width: FloatArray, height: FloatArray
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """[B, B] a is left of b, and [B, B] a is below b: one of the two for each pair."""
    x_space = x[None, :] - (x + width)[:, None]  # [B, B] from the end of a to the start of b
    y_space = y[None, :] - (y + height)[:, None]
    space = np.stack([x_space, x_space.T, y_space, y_space.T])  # [4, B, B]
    widest = space.argmax(axis=0)
    apart = ~np.eye(len(x), dtype=bool)
    return (widest == 0) & apart, (widest == 2) & apart


def _solve(
    blocks: Blocks,
    shape: IntArray,
    offset: FloatArray,
    size: FloatArray,
    outline: float,
    before: NDArray[np.bool_],
) -> tuple[FloatArray, float] | None:
    """[B] positions on one axis and the wirelength on it; None where the solver fails."""
    count, nets = len(size), len(blocks.net_start) - 1
    direct = before & ~((before.astype(np.float32) @ before.astype(np.float32)) > 0)
    first, second = np.nonzero(direct)
    pin_net = np.repeat(np.arange(nets), np.diff(blocks.net_start))
    moves = blocks.pin_block >= 0
    at = offset[np.arange(len(pin_net)), np.where(moves, shape[blocks.pin_block], 0)]
    lowest, highest = np.full(nets, np.inf), np.full(nets, -np.inf)
    np.minimum.at(lowest, pin_net[~moves], at[~moves])
    np.maximum.at(highest, pin_net[~moves], at[~moves])
    block, net, at = blocks.pin_block[moves], pin_net[moves], at[moves]
    pins, orders = np.arange(len(block)), np.arange(len(first))
    ones = np.ones(len(block))

    # The variables: a position of each block, then the low and the high end of each net.
    low, high = count + net, count + nets + net
    variables = count + 2 * nets
    rows = [
        # low end - position <= offset, position - high end <= -offset
        sp.coo_array(
            (np.append(ones, -ones), (np.append(pins, pins), np.append(low, block))),
            shape=(len(pins), variables),
        ),
        sp.coo_array(
            (np.append(ones, -ones), (np.append(pins, pins), np.append(block, high))),
            shape=(len(pins), variables),
        ),
        # position of the first - position of the second <= -size of the first
        sp.coo_array(
            (
                np.append(np.ones(len(orders)), -np.ones(len(orders))),
                (np.append(orders, orders), np.append(first, second)),
            ),
            shape=(len(orders), variables),
        ),
    ]
    bounds = np.full((variables, 2), [-np.inf, np.inf])
    bounds[:count, 0], bounds[:count, 1] = 0.0, outline - size
    bounds[count : count + nets, 1] = lowest
    bounds[count + nets :, 0] = highest
    used = np.diff(blocks.net_start) > 0
    price = np.where(used, blocks.weight, 0.0)
    bounds[count : count + nets][~used] = 0.0
    bounds[count + nets :][~used] = 0.0
    solved = linprog(
        np.concatenate([np.zeros(count), -price, price]),
        A_ub=sp.vstack(rows).tocsr(),
        b_ub=np.concatenate([at, -at, -size[first]]),
        bounds=bounds,
        method="highs",
    )
    if solved.x is None or solved.status != 0:
        return None
    return solved.x[:count], float(solved.fun)
