"""Abacus: cells join rows in order of x, each the row where all movement together grows least.

The cells of a part of a row keep the order in which they came. Cells that would overlap form a
cluster, which lies where the squared movement of its cells, weighted, is least; clusters that meet
are joined. All of a part's movement is therefore least for its cells and their order, also among
places on whole sites: with squared movement the best whole sites are the best places, rounded.

Other than in the paper a row is judged by how much the movement of all its cells grows, not of the
new one alone; the sums that clusters keep anyway give it without more work.

References:
    P. Spindler, U. Schlichtmann, F. M. Johannes, Abacus: fast legalization of standard cell
    circuits with minimal movement, ISPD 2008.
"""

from __future__ import annotations

from math import floor
from typing import NamedTuple

import numpy as np

from agents.flat.site_rows import Lines, Parts
from placement_env.kernels import jit
from placement_env.netlist import FloatArray, IntArray

NONE = -1


class Wishes(NamedTuple):
    """Where C cells want to be.

    Attributes:
        left_um: [C] left edges.
        bottom_um: [C] bottom edges.
        sites: [C] widths.
        weight: [C] weight of the squared movement, above 0.
    """

    left_um: FloatArray
    bottom_um: FloatArray
    sites: IntArray
    weight: FloatArray


class Clusters(NamedTuple):
    """Up to C clusters in S parts; a cluster is known by the number of its first cell.

    Its cost at x is `weight` x^2 - 2 `pull` x + `rest`, in sites of the part.

    Attributes:
        last: [S] rightmost cluster of each part, or `NONE`.
        used: [S] sites that the part's cells take.
        before: [C] the cluster to the left, or `NONE`.
        x: [C] left edge.
        sites: [C] width.
        weight: [C] sum of the cells' weights.
        pull: [C] sum of weight times wish for the cluster's left edge.
        rest: [C] sum of weight times that wish squared.
    """

    last: IntArray
    used: IntArray
    before: IntArray
    x: FloatArray
    sites: IntArray
    weight: FloatArray
    pull: FloatArray
    rest: FloatArray


def empty_clusters(cells: int, parts: int) -> Clusters:
    """Clusters of no cell yet."""
    return Clusters(
        np.full(parts, NONE),
        np.zeros(parts, np.int64),
        np.full(cells, NONE),
        np.zeros(cells),
        np.zeros(cells, np.int64),
        np.zeros(cells),
        np.zeros(cells),
        np.zeros(cells),
    )


@jit
def append_cost(
    clusters: Clusters, wishes: Wishes, parts: Parts, site_um: float, part: int, cell: int
) -> float:
    """How much a part's squared movement, weighted and in sites, grows with one more cell."""
    room: float = parts.sites[part]
    wish: float = (wishes.left_um[cell] - parts.x_um[part]) / site_um
    weight: float = wishes.weight[cell]
    width: float = wishes.sites[cell]
    pull, rest = weight * wish, weight * wish * wish
    x = min(max(wish, 0.0), room - width)
    before = 0.0
    at: int = clusters.last[part]
    while at >= 0 and clusters.x[at] + clusters.sites[at] > x:
        old: float = clusters.x[at]
        shift: float = clusters.sites[at]
        before += (clusters.weight[at] * old - 2 * clusters.pull[at]) * old + clusters.rest[at]
        rest += clusters.rest[at] + shift * (weight * shift - 2 * pull)
        pull += clusters.pull[at] - weight * shift
        weight += clusters.weight[at]
        width += shift
        x = min(max(pull / weight, 0.0), room - width)
        at = clusters.before[at]
    return (weight * x - 2 * pull) * x + rest - before


@jit
def append(
    clusters: Clusters, wishes: Wishes, parts: Parts, site_um: float, part: int, cell: int
) -> None:
    """Put a cell at the right end of a part and join the clusters that then meet."""
    room: float = parts.sites[part]
    wish: float = (wishes.left_um[cell] - parts.x_um[part]) / site_um
    weight: float = wishes.weight[cell]
    width: int = wishes.sites[cell]
    pull, rest, first = weight * wish, weight * wish * wish, cell
    x = min(max(wish, 0.0), room - width)
    at: int = clusters.last[part]
    while at >= 0 and clusters.x[at] + clusters.sites[at] > x:
        shift: int = clusters.sites[at]
        rest += clusters.rest[at] + shift * (weight * shift - 2 * pull)
        pull += clusters.pull[at] - weight * shift
        weight += clusters.weight[at]
        width += shift
        x = min(max(pull / weight, 0.0), room - width)
        first = at
        at = clusters.before[at]
    clusters.before[first] = at
    clusters.x[first] = x
    clusters.sites[first] = width
    clusters.weight[first] = weight
    clusters.pull[first] = pull
    clusters.rest[first] = rest
    clusters.last[part] = first
    clusters.used[part] += wishes.sites[cell]


@jit
def choose_parts(
    wishes: Wishes,
    order: IntArray,
    lines: Lines,
    parts: Parts,
    site_um: float,
    clusters: Clusters,
    home: IntArray,
) -> int:
    """Give each cell a part of a row, in the given order; returns how many found no room.

    Lines are tried upwards and downwards from the wanted one, and parts leftwards and rightwards,
    until the distance to them alone costs more than the best found.

    Args:
        wishes: Of C cells.
        order: [C] the cells by x.
        lines: The lines of sites.
        parts: Their S free runs.
        site_um: Width of a site.
        clusters: Empty; changes.
        home: [C] part of each cell or `NONE`; is written.
    """
    lost = 0
    area = site_um * site_um
    for cell in order:
        x, y, sites = wishes.left_um[cell], wishes.bottom_um[cell], wishes.sites[cell]
        weight = wishes.weight[cell]
        best, best_part = np.inf, NONE
        above = int(np.searchsorted(lines.y_um, y))
        below = above - 1
        while above < len(lines.y_um) or below >= 0:
            if below < 0 or (
                above < len(lines.y_um) and lines.y_um[above] - y <= y - lines.y_um[below]
            ):
                line = above
                above += 1
            else:
                line = below
                below -= 1
            fall = lines.y_um[line] - y
            up = weight * fall * fall
            if up >= best:
                break  # The other direction is not nearer.
            begin: int = parts.of_line[line]
            end: int = parts.of_line[line + 1]
            nearest = np.searchsorted(parts.x_um[begin:end], x, side="right")
            right: int = begin + int(nearest)
            left: int = right - 1
            while right < end:
                aside = parts.x_um[right] - x
                if up + weight * aside * aside >= best:
                    break
                if clusters.used[right] + sites <= parts.sites[right]:
                    cost = up + area * append_cost(clusters, wishes, parts, site_um, right, cell)
                    if cost < best:
                        best, best_part = cost, right
                right += 1
            while left >= begin:
                aside = max(x - parts.x_um[left] - (parts.sites[left] - sites) * site_um, 0.0)
                if up + weight * aside * aside >= best:
                    break
                if clusters.used[left] + sites <= parts.sites[left]:
                    cost = up + area * append_cost(clusters, wishes, parts, site_um, left, cell)
                    if cost < best:
                        best, best_part = cost, left
                left -= 1
        home[cell] = best_part
        if best_part == NONE:
            lost += 1
            continue
        append(clusters, wishes, parts, site_um, best_part, cell)
    return lost


@jit
def place_in_order(
    wishes: Wishes,
    order: IntArray,
    home: IntArray,
    parts: Parts,
    site_um: float,
    clusters: Clusters,
    site: IntArray,
) -> None:
    """Put cells on sites of their parts, with the least weighted squared movement in this order.

    Args:
        wishes: Of C cells.
        order: [C] the cells, those of one part in their order from left to right.
        home: [C] part of each cell.
        parts: S free runs of sites, with room for their cells.
        site_um: Width of a site.
        clusters: Empty; changes.
        site: [C] number of each cell's first site; is written.
    """
    for i in range(len(order)):
        cell: int = order[i]
        part: int = home[cell]
        append(clusters, wishes, parts, site_um, part, cell)
    # Where the next cell of a part begins, from right to left.
    end = np.empty(len(parts.line), np.int64)
    top = clusters.last.copy()
    for part in range(len(end)):
        end[part] = -1
    for i in range(len(order) - 1, -1, -1):
        cell = order[i]
        part = home[cell]
        cluster = top[part]
        if end[part] < 0:
            end[part] = floor(clusters.x[cluster] + 0.5) + clusters.sites[cluster]
        end[part] -= wishes.sites[cell]
        site[cell] = parts.first[part] + end[part]
        if cell == cluster:
            top[part] = clusters.before[cluster]
            end[part] = -1
