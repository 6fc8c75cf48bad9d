"""Sequence pairs: floorplans as two orders of the blocks, and annealing over them.

Block a is left of b where a comes before b in both orders, and above b where a comes before b in
the first and after it in the second. Packing to the lower left corner turns the orders into places;
no two blocks overlap, whatever the orders (H. Murata, K. Fujiyoshi, S. Nakatake, Y. Kajitani, "VLSI
module placement based on rectangle-packing by the sequence-pair", IEEE TCAD 15, 1996). Packing
takes the time of a longest common subsequence (X. Tang, R. Tian, D. F. Wong, "Fast evaluation of
sequence pair in block placement by longest common subsequence computation", DATE 2000).
"""

from __future__ import annotations

from math import log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.moves import RandomState, below, uniform
from placement_env.kernels import jit, lean
from placement_env.netlist import FloatArray, IntArray


class Blocks(NamedTuple):
    """The B movable blocks and the E nets over their pins and those of fixed nodes.

    Attributes:
        width: [B, S] width of each block in each of the S shapes that it may take.
        height: [B, S] its height.
        shapes: [B] how many shapes each block has.
        in_order: [B] whether the shapes of a block are in order, so that the next one is nearly the
            same.
        net_start: [E + 1] first pin of each net.
        pin_block: [P] block of each pin; -1 for pins that do not move.
        pin_x: [P, S] offset from the block's lower left corner in each shape, or where a fixed pin
            is.
        pin_y: [P, S] as `pin_x`.
        weight: [E] weight of each net.
        outline: [2] width and height of the outline.
    """

    width: FloatArray
    height: FloatArray
    shapes: IntArray
    in_order: NDArray[np.bool_]
    net_start: IntArray
    pin_block: IntArray
    pin_x: FloatArray
    pin_y: FloatArray
    weight: FloatArray
    outline: FloatArray


class Packing(NamedTuple):
    """A floorplan.

    Attributes:
        first: [B] the blocks in the first order.
        second: [B] the blocks in the second order.
        shape: [B] the shape of each block.
        x: [B] left edges once packed.
        y: [B] bottom edges once packed.
        cost: [2] wirelength, and how far it exceeds the outline as a share of the outline's sides.
    """

    first: IntArray
    second: IntArray
    shape: IntArray
    x: FloatArray
    y: FloatArray
    cost: FloatArray


def empty_packing(blocks: int) -> Packing:
    """All blocks in a row, to be packed."""
    order = np.arange(blocks)
    return Packing(
        order,
        order.copy(),
        np.zeros(blocks, dtype=np.int64),
        np.zeros(blocks),
        np.zeros(blocks),
        np.zeros(2),
    )


@lean
def _pack_axis(
    first: IntArray,
    place: IntArray,
    size: FloatArray,
    shape: IntArray,
    backwards: bool,
    reach: FloatArray,
    at: FloatArray,
) -> float:
    """Puts each block behind those that come before it in both orders; returns the total length.

    `place` [B] is where each block is in the second order, `reach` [B + 1] a Fenwick tree of
    greatest ends. With `backwards` the first order is walked from its end.
    """
    count = len(first)
    for k in range(count + 1):
        reach[k] = 0.0
    longest = 0.0
    for k in range(count):
        block = first[count - 1 - k] if backwards else first[k]
        rank = place[block] + 1
        start = 0.0
        i = rank - 1
        while i > 0:
            if reach[i] > start:
                start = reach[i]
            i -= i & -i
        at[block] = start
        end = start + size[block, shape[block]]
        if end > longest:
            longest = end
        i = rank
        while i <= count:
            if reach[i] < end:
                reach[i] = end
            i += i & -i
    return float(longest)


@lean
def wirelength(blocks: Blocks, shape: IntArray, x: FloatArray, y: FloatArray) -> float:
    """Weighted half-perimeter wirelength of blocks with their lower left corners at x, y."""
    total = 0.0
    for net in range(len(blocks.net_start) - 1):
        left, right, bottom, top = np.inf, -np.inf, np.inf, -np.inf
        for pin in range(blocks.net_start[net], blocks.net_start[net + 1]):
            block = blocks.pin_block[pin]
            if block >= 0:
                pin_x = x[block] + blocks.pin_x[pin, shape[block]]
                pin_y = y[block] + blocks.pin_y[pin, shape[block]]
            else:
                pin_x, pin_y = blocks.pin_x[pin, 0], blocks.pin_y[pin, 0]
            left, right = min(left, pin_x), max(right, pin_x)
            bottom, top = min(bottom, pin_y), max(top, pin_y)
        if right >= left:
            total += blocks.weight[net] * (right - left + top - bottom)
    return float(total)


@lean
def pack(blocks: Blocks, packing: Packing, place: IntArray, reach: FloatArray) -> None:
    """Packs in place to the lower left corner; `place` [B] and `reach` [B + 1] are scratch."""
    for k in range(len(packing.second)):
        place[packing.second[k]] = k
    width = _pack_axis(packing.first, place, blocks.width, packing.shape, False, reach, packing.x)
    height = _pack_axis(packing.first, place, blocks.height, packing.shape, True, reach, packing.y)
    packing.cost[0] = wirelength(blocks, packing.shape, packing.x, packing.y)
    packing.cost[1] = max(0.0, width / blocks.outline[0] - 1) + max(
        0.0, height / blocks.outline[1] - 1
    )


@lean
def _copy(source: Packing, target: Packing) -> None:
    for k in range(len(source.first)):
        target.first[k] = source.first[k]
        target.second[k] = source.second[k]
        target.shape[k] = source.shape[k]
        target.x[k] = source.x[k]
        target.y[k] = source.y[k]
    for k in range(2):
        target.cost[k] = source.cost[k]


@lean
def _reinsert(order: IntArray, source: int, target: int) -> None:
    """Takes the element at `source` out of the order and puts it in at `target`."""
    block = order[source]
    step = 1 if target > source else -1
    while source != target:
        order[source] = order[source + step]
        source += step
    order[target] = block


@lean
def _change(
    blocks: Blocks, packing: Packing, place: IntArray, reshapes: bool, random: RandomState
) -> bool:
    """A random change of the orders or of a shape; False where there was nothing to change."""
    count = len(packing.first)
    kind = uniform(random)
    block = below(random, count)
    if kind < 0.25:
        if blocks.shapes[block] < 2:
            return False
        if blocks.in_order[block]:
            if not reshapes:
                return False
            step = 2 * below(random, 2) - 1
            other = int(packing.shape[block]) + step
            if other < 0 or other >= blocks.shapes[block]:
                return False
            packing.shape[block] = other
            return True
        other = below(random, int(blocks.shapes[block]) - 1)
        packing.shape[block] = other + 1 if other >= packing.shape[block] else other
        return True
    if count < 2:
        return False
    i, j = below(random, count), below(random, count - 1)
    j += j >= i
    if kind < 0.45:
        packing.first[i], packing.first[j] = packing.first[j], packing.first[i]
        return True
    if kind < 0.65:
        packing.second[i], packing.second[j] = packing.second[j], packing.second[i]
        return True
    if kind < 0.8:
        # The same two blocks in both orders, which exchanges their places.
        one, other = packing.first[i], packing.first[j]
        packing.first[i], packing.first[j] = other, one
        i, j = place[one], place[other]
        packing.second[i], packing.second[j] = other, one
        return True
    _reinsert(packing.first, i, j)
    _reinsert(packing.second, int(place[packing.first[j]]), below(random, count))
    return True


@lean
def _keep_better(now: Packing, best: Packing) -> None:
    """Copies the floorplan to the best one if it exceeds the outline less, or is shorter."""
    if now.cost[1] < best.cost[1] or (now.cost[1] == best.cost[1] and now.cost[0] < best.cost[0]):
        _copy(now, best)


@jit
def anneal(
    blocks: Blocks,
    now: Packing,
    best: Packing,
    moves: int,
    temperature: float,
    penalty: float,
    reshapes: bool,
    random: RandomState,
) -> None:
    """Metropolis moves at one temperature.

    Args:
        blocks: The blocks and nets.
        now: The floorplan to start from; becomes the one at the end.
        best: The best floorplan so far: inside the outline, or the one that exceeds it least.
        moves: How many moves to try.
        temperature: In units of wirelength.
        penalty: Wirelength that an excess of 1 costs.
        reshapes: Whether blocks whose shapes are in order may change theirs.
        random: State of the random numbers.
    """
    count = len(now.first)
    place, reach = np.empty(count, dtype=np.int64), np.empty(count + 1)
    tried = Packing(
        now.first.copy(),
        now.second.copy(),
        now.shape.copy(),
        now.x.copy(),
        now.y.copy(),
        now.cost.copy(),
    )
    pack(blocks, now, place, reach)
    _keep_better(now, best)
    _copy(now, tried)
    for _ in range(moves):
        for k in range(count):
            place[now.second[k]] = k
        if not _change(blocks, tried, place, reshapes, random):
            continue
        pack(blocks, tried, place, reach)
        rise = tried.cost[0] - now.cost[0] + penalty * (tried.cost[1] - now.cost[1])
        if rise <= -temperature * log(1 - uniform(random)):
            _copy(tried, now)
            _keep_better(now, best)
        else:
            _copy(now, tried)


def random_state(seed: int) -> NDArray[np.uint64]:
    """[1] the state of a generator."""
    return np.random.SeedSequence(seed).generate_state(1, dtype=np.uint64).astype(np.uint64)
