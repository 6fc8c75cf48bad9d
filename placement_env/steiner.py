"""Rectilinear Steiner trees of all nets: Prim's tree, shortened by Steiner points.

Starting from the minimum spanning tree, two edges that meet in a node are replaced by three edges
that meet in the median of their ends wherever that is shorter. The result is on average within a
few per cent of the optimum, which is plenty for an estimate of wires.

References:
    R. C. Prim, Shortest connection networks and some generalizations, Bell System Technical
        Journal 36, 1957.
    M. Borah, R. M. Owens, M. J. Irwin, An edge-based heuristic for Steiner routing, IEEE Trans.
        CAD 13(12), 1994 (the idea of replacing edges locally).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from placement_env.kernels import jit
from placement_env.netlist import FloatArray, IntArray


@dataclass(frozen=True)
class SteinerTrees:
    """One tree for each of E nets.

    The nodes of a net's tree are its k pins, numbered 0 to k - 1 in the netlist's order, and then
    its Steiner points, numbered on from k. A tree of n nodes has n - 1 edges; a net of fewer than
    two pins has none.

    Attributes:
        edge_start: [E + 1] first edge of each net.
        edge_from: [T] tree node at one end, the one nearer to the driver.
        edge_to: [T] tree node at the other end.
        edge_um: [T] rectilinear length.
        steiner_start: [E + 1] first Steiner point of each net.
        steiner_x_um: [S] Steiner points.
        steiner_y_um: [S] Steiner points.
    """

    edge_start: IntArray
    edge_from: IntArray
    edge_to: IntArray
    edge_um: FloatArray
    steiner_start: IntArray
    steiner_x_um: FloatArray
    steiner_y_um: FloatArray

    @property
    def net_length_um(self) -> FloatArray:
        """[E] length of each net's tree."""
        total = np.concatenate([[0.0], np.cumsum(self.edge_um)])
        return total[self.edge_start[1:]] - total[self.edge_start[:-1]]


def steiner_trees(net_start: IntArray, pin_x_um: FloatArray, pin_y_um: FloatArray) -> SteinerTrees:
    """Build the trees of all nets.

    Args:
        net_start: [E + 1] first pin of each net.
        pin_x_um: [P] positions of the pins, net by net.
        pin_y_um: [P].

    The spanning tree takes time quadratic in the pins of a net.
    """
    degree = np.diff(net_start)
    # A tree of k pins needs at most k - 2 Steiner points, so 2 k - 3 edges.
    edge_room = np.concatenate([[0], np.cumsum(np.maximum(2 * degree - 3, degree - 1).clip(0))])
    point_room = np.concatenate([[0], np.cumsum((degree - 2).clip(0))])
    edge_from = np.zeros(edge_room[-1], dtype=np.int64)
    edge_to = np.zeros(edge_room[-1], dtype=np.int64)
    point_x, point_y = np.zeros(point_room[-1]), np.zeros(point_room[-1])
    edges, points = np.zeros(len(degree), dtype=np.int64), np.zeros(len(degree), dtype=np.int64)
    widest = int(degree.max(initial=1))
    _all_trees(
        net_start, pin_x_um, pin_y_um, edge_room, point_room, widest,
        edge_from, edge_to, point_x, point_y, edges, points,
    )  # fmt: skip
    keep_edge = _used(edge_room, edges)
    keep_point = _used(point_room, points)
    edge_start = np.concatenate([[0], np.cumsum(edges)])
    steiner_start = np.concatenate([[0], np.cumsum(points)])
    edge_from, edge_to = edge_from[keep_edge], edge_to[keep_edge]
    point_x, point_y = point_x[keep_point], point_y[keep_point]
    trees = SteinerTrees(
        edge_start, edge_from, edge_to, np.zeros(0), steiner_start, point_x, point_y
    )
    (x0, y0), (x1, y1) = (
        tree_node_positions(trees, net_start, pin_x_um, pin_y_um, ends)
        for ends in (edge_from, edge_to)
    )
    return SteinerTrees(
        edge_start, edge_from, edge_to, np.abs(x1 - x0) + np.abs(y1 - y0),
        steiner_start, point_x, point_y,
    )  # fmt: skip


def tree_node_positions(
    trees: SteinerTrees,
    net_start: IntArray,
    pin_x_um: FloatArray,
    pin_y_um: FloatArray,
    tree_node: IntArray,
) -> tuple[FloatArray, FloatArray]:
    """[T], [T]: positions of one tree node for each edge, such as `trees.edge_from`."""
    net = np.repeat(np.arange(len(net_start) - 1), np.diff(trees.edge_start))
    degree = np.diff(net_start)[net]
    on_pin = tree_node < degree
    pin = np.where(on_pin, net_start[net] + tree_node, 0)
    point = np.where(on_pin, 0, trees.steiner_start[net] + tree_node - degree)
    x, y = np.empty(len(tree_node)), np.empty(len(tree_node))
    x[on_pin], y[on_pin] = pin_x_um[pin[on_pin]], pin_y_um[pin[on_pin]]
    x[~on_pin], y[~on_pin] = trees.steiner_x_um[point[~on_pin]], trees.steiner_y_um[point[~on_pin]]
    return x, y


def _used(room: IntArray, used: IntArray) -> IntArray:
    """Indices of the used slots where each net has `room` and uses the first `used` of it."""
    if used.sum() == 0:
        return np.zeros(0, dtype=np.int64)
    start = np.repeat(room[:-1], used)
    return start + np.arange(used.sum()) - np.repeat(np.cumsum(used) - used, used)


@jit
def _all_trees(
    net_start, pin_x, pin_y, edge_room, point_room, widest,
    edge_from, edge_to, point_x, point_y, edges, points,
):  # fmt: skip
    """Fill the edges and Steiner points of every net; scratch arrays are shared by all nets."""
    x, y = np.empty(2 * widest), np.empty(2 * widest)
    parent = np.empty(2 * widest, dtype=np.int64)
    distance = np.empty(widest)
    reached = np.empty(widest, dtype=np.bool_)
    for net in range(len(net_start) - 1):
        first, count = net_start[net], net_start[net + 1] - net_start[net]
        if count < 2:
            continue
        for k in range(count):
            x[k], y[k] = pin_x[first + k], pin_y[first + k]
        _prim(x, y, count, parent, distance, reached)
        total = _add_steiner_points(x, y, count, parent)
        for k in range(1, total):
            edge_from[edge_room[net] + k - 1] = parent[k]
            edge_to[edge_room[net] + k - 1] = k
        for k in range(count, total):
            point_x[point_room[net] + k - count] = x[k]
            point_y[point_room[net] + k - count] = y[k]
        edges[net], points[net] = total - 1, total - count


@jit
def _prim(x, y, count, parent, distance, reached):
    """Minimum spanning tree from pin 0; `parent[0]` is -1."""
    for k in range(count):
        distance[k] = abs(x[k] - x[0]) + abs(y[k] - y[0])
        parent[k] = 0
        reached[k] = False
    reached[0] = True
    parent[0] = -1
    for _ in range(count - 1):
        nearest = -1
        for k in range(count):
            if not reached[k] and (nearest < 0 or distance[k] < distance[nearest]):
                nearest = k
        reached[nearest] = True
        for k in range(count):
            if not reached[k]:
                d = abs(x[k] - x[nearest]) + abs(y[k] - y[nearest])
                if d < distance[k]:
                    distance[k] = d
                    parent[k] = nearest


@jit
def _add_steiner_points(x, y, count, parent):
    """Shorten the tree by medians of node, child and (child or parent); the new node count."""
    total = count
    limit = 2 * count - 2
    # Linked lists of children, so that a node's pairs are found without a search.
    child = np.full(limit, -1, dtype=np.int64)
    sibling = np.full(limit, -1, dtype=np.int64)
    for k in range(1, count):
        sibling[k] = child[parent[k]]
        child[parent[k]] = k
    node = 0
    while node < total:
        while total < limit:
            best_gain, best_a, best_b = 1e-9, -1, -1
            a = child[node]
            while a >= 0:
                b = sibling[a]
                while b >= 0:
                    gain = _gain(x, y, node, a, b)
                    if gain > best_gain:
                        best_gain, best_a, best_b = gain, a, b
                    b = sibling[b]
                if parent[node] >= 0:
                    gain = _gain(x, y, node, a, parent[node])
                    if gain > best_gain:
                        best_gain, best_a, best_b = gain, a, parent[node]
                a = sibling[a]
            if best_a < 0:
                break
            point, above = total, parent[node]
            x[point] = _median(x[node], x[best_a], x[best_b])
            y[point] = _median(y[node], y[best_a], y[best_b])
            total += 1
            _unlink(child, sibling, node, best_a)
            if best_b == above:
                # above - point - {node, a}
                _unlink(child, sibling, above, node)
                _link(child, sibling, parent, above, point)
                _link(child, sibling, parent, point, node)
            else:
                # node - point - {a, b}
                _unlink(child, sibling, node, best_b)
                _link(child, sibling, parent, node, point)
                _link(child, sibling, parent, point, best_b)
            _link(child, sibling, parent, point, best_a)
        node += 1
    return total


@jit
def _gain(x, y, node, a, b):
    """How much shorter three edges through the median are than a - node - b."""
    mx, my = _median(x[node], x[a], x[b]), _median(y[node], y[a], y[b])
    direct = abs(x[a] - x[node]) + abs(y[a] - y[node]) + abs(x[b] - x[node]) + abs(y[b] - y[node])
    return direct - (
        abs(x[node] - mx) + abs(y[node] - my)
        + abs(x[a] - mx) + abs(y[a] - my)
        + abs(x[b] - mx) + abs(y[b] - my)
    )  # fmt: skip


@jit
def _median(a, b, c):
    return max(min(a, b), min(max(a, b), c))


@jit
def _link(child, sibling, parent, above, node):
    parent[node] = above
    sibling[node] = child[above]
    child[above] = node


@jit
def _unlink(child, sibling, above, node):
    if child[above] == node:
        child[above] = sibling[node]
        return
    k = child[above]
    while sibling[k] != node:
        k = sibling[k]
    sibling[k] = sibling[node]
