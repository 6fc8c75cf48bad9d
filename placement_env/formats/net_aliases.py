"""Joins nets that `assign` statements make one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class ShortError(ValueError):
    """A net is tied to both constants; the argument is the index of the offending pair."""


def merge_aliases(
    count: int, pairs: Iterable[tuple[int, int]], rank: Sequence[int], constants: Sequence[int]
) -> list[int]:
    """What each net becomes: the net that stands for its group, or the constant that drives it.

    Args:
        count: Number of nets.
        pairs: Nets to join, (left, right) of an assign; a negative right side is a constant.
        rank: [count] the net of lowest rank stands for its group, on ties the driving (right) one.
        constants: The negative values that drive a net; others, such as x and z, drive nothing.

    Raises:
        ShortError: A group is driven by two different constants.
    """
    parent = list(range(count))

    def root(net: int) -> int:
        while parent[net] != net:
            parent[net] = parent[parent[net]]
            net = parent[net]
        return net

    tied: dict[int, int] = {}

    def tie(net: int, value: int, index: int) -> None:
        if tied.setdefault(net, value) != value:
            raise ShortError(index)

    for index, (left, right) in enumerate(pairs):
        if left < 0 or right < 0:
            net, value = (left, right) if left >= 0 else (right, left)
            if net >= 0 and value in constants:
                tie(root(net), value, index)
            continue
        a, b = root(left), root(right)
        if a == b:
            continue
        keep, drop = (a, b) if rank[a] < rank[b] else (b, a)
        parent[drop] = keep
        if drop in tied:
            tie(keep, tied.pop(drop), index)
    return [tied.get(root(net), root(net)) for net in range(count)]
