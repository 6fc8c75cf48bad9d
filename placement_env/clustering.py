"""Clusters of nearly equal area in a hypergraph, by heavy-edge matching and moves.

A net of d nodes counts as a clique of edges of weight w / (d - 1). Clusters of two are joined again
and again, the most strongly connected for their size first (Karypis and Kumar, "A fast and high
quality multilevel scheme for partitioning irregular graphs", 1998; the score weight / area is that
of Nam et al., "A fast hierarchical quadratic placement algorithm", 2006). Then single nodes move to
the cluster that they are most connected to, while areas stay within bounds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from placement_env.kernels import jit
from placement_env.netlist import FloatArray, IntArray

#: Nets of more nodes say nothing about neighbourhood (clocks, resets) and are ignored.
MAX_DEGREE = 64
#: Clusters stay below this multiple of the mean area, except for nodes that are larger alone.
MAX_AREA = 1.6
_MIN_AREA = 0.4
_MOVE_PASSES = 6


class Graph(NamedTuple):
    """Weighted neighbours of n nodes.

    Attributes:
        start: [n + 1] first neighbour of each node.
        neighbour: [m] the other end of each edge; every edge is there from both ends.
        weight: [m] its weight.
    """

    start: IntArray
    neighbour: IntArray
    weight: FloatArray


def clusters(
    area: FloatArray,
    net: IntArray,
    node: IntArray,
    net_weight: FloatArray,
    *,
    target: int,
    seed: int,
) -> IntArray:
    """A cluster for each node, numbered from 0 without gaps in the order of their first nodes.

    Args:
        area: [n] area of each node.
        net: [p] net of each pin.
        node: [p] node of each pin; pins may repeat a node.
        net_weight: [e] weight of each net.
        target: Number of clusters wanted. There are fewer only if there are fewer nodes, and more
            only where nodes are larger than a cluster should be.
        seed: Seed of the order in which nodes are visited.
    """
    count = len(area)
    rng = np.random.default_rng(seed)
    fine = connections(count, net, node, net_weight)
    label = np.arange(count)
    limit = MAX_AREA * area.sum() / max(target, 1)
    graph, size = fine, np.asarray(area, dtype=np.float64)
    while len(size) > target:
        # Halving in many small steps keeps areas alike: the last step joins few.
        most = min(len(size) - target, max(len(size) // 3, 1))
        partner = _match(*graph, size, _visits(rng, size), limit, most)
        if (partner == np.arange(len(size))).all():
            partner = _match_unconnected(size, limit, most)
        if (partner == np.arange(len(size))).all():
            # Everything is near the limit: only larger clusters can be fewer.
            limit *= 1.25
            if limit > 8 * area.sum():
                break
            continue
        joined = np.unique(np.minimum(partner, np.arange(len(size))), return_inverse=True)[1]
        label = joined[label]
        graph, size = _contracted(graph, joined), np.bincount(joined, size).astype(np.float64)
    _move(
        *fine,
        area,
        label,
        size.copy(),
        np.stack([rng.permutation(count) for _ in range(_MOVE_PASSES)]),
        max(limit, float(size.max())) if count else 0.0,
        _MIN_AREA * area.sum() / max(target, 1),
    )
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


def connections(count: int, net: IntArray, node: IntArray, net_weight: FloatArray) -> Graph:
    """Clique weights between `count` nodes; pins as in `clusters`."""
    pin = sp.coo_array((np.ones(len(net)), (node, net)), shape=(count, len(net_weight))).tocsc()
    pin.data[:] = 1.0
    degree = np.diff(pin.indptr)
    used = np.flatnonzero((degree > 1) & (degree <= MAX_DEGREE))
    pin = pin[:, used]
    return _graph((pin * (net_weight[used] / (degree[used] - 1))) @ pin.T)


def _contracted(graph: Graph, label: IntArray) -> Graph:
    count = int(label.max()) + 1
    rows = np.repeat(label, np.diff(graph.start))
    return _graph(
        sp.coo_array((graph.weight, (rows, label[graph.neighbour])), shape=(count, count))
    )


def _graph(matrix: Any) -> Graph:
    """A sparse matrix without its diagonal as arrays."""
    entries = matrix.tocoo()
    off = entries.row != entries.col
    rows = sp.coo_array(
        (entries.data[off], (entries.row[off], entries.col[off])), shape=entries.shape
    ).tocsr()
    rows.sort_indices()
    return Graph(
        np.asarray(rows.indptr, dtype=np.int64),
        np.asarray(rows.indices, dtype=np.int64),
        np.asarray(rows.data, dtype=np.float64),
    )


def _visits(rng: np.random.Generator, size: FloatArray) -> IntArray:
    """Small clusters first, those of like size in random order."""
    coarse = np.floor(4 * np.log2(np.maximum(size, 1e-30)))
    return np.lexsort((rng.permutation(len(size)), coarse))


def _match_unconnected(size: FloatArray, limit: float, most: int) -> IntArray:
    """Pairs of the smallest clusters, connected or not, that are within the limit together."""
    partner = np.arange(len(size))
    order = np.argsort(size, kind="stable")
    for first, second in zip(order[0::2].tolist(), order[1::2].tolist(), strict=False):
        if most == 0 or size[first] + size[second] > limit:
            break
        partner[first], partner[second] = second, first
        most -= 1
    return partner


@jit
def _match(
    start: IntArray,
    neighbour: IntArray,
    weight: FloatArray,
    size: FloatArray,
    order: IntArray,
    limit: float,
    most: int,
) -> IntArray:
    """[n] partner of each cluster, itself where it has none; at most `most` pairs."""
    partner = np.arange(len(size))
    pairs = 0
    for u in order:
        if pairs == most:
            break
        if partner[u] != u:
            continue
        best, best_score = -1, 0.0
        for at in range(start[u], start[u + 1]):
            v = neighbour[at]
            together = size[u] + size[v]
            if partner[v] == v and together <= limit:
                score = weight[at] / together
                if score > best_score:
                    best, best_score = v, score
        if best >= 0:
            partner[u], partner[best] = best, u
            pairs += 1
    return partner


@jit
def _move(
    start: IntArray,
    neighbour: IntArray,
    weight: FloatArray,
    area: FloatArray,
    label: IntArray,
    size: FloatArray,
    orders: IntArray,
    largest: float,
    smallest: float,
) -> None:
    """Moves nodes, in place, to the clusters that they are most connected to."""
    strength = np.zeros(len(size))
    for turn in range(len(orders)):
        moved = 0
        for u in orders[turn]:
            home = label[u]
            for at in range(start[u], start[u + 1]):
                strength[label[neighbour[at]]] += weight[at]
            best, best_strength = home, strength[home] * (1 + 1e-9)
            if size[home] - area[u] >= smallest:
                for at in range(start[u], start[u + 1]):
                    there = label[neighbour[at]]
                    if strength[there] > best_strength and size[there] + area[u] <= largest:
                        best, best_strength = there, strength[there]
            for at in range(start[u], start[u + 1]):
                strength[label[neighbour[at]]] = 0.0
            if best != home:
                label[u] = best
                size[home] -= area[u]
                size[best] += area[u]
                moved += 1
        if moved == 0:
            break
