"""The sum of the largest values of an array that nothing is known about."""

from __future__ import annotations

from placement_env.kernels import lean
from placement_env.netlist import FloatArray

_HALVINGS = 12
_CLOSE = 24


@lean
def largest_sum(values: FloatArray, count: int, top: int, work: FloatArray) -> float:
    """The sum of the `top` largest of `values[:count]`; `work` is scratch of `count` elements."""
    # Counting is fast, selecting is not: first halve the range of values that can be the smallest
    # of the largest.
    high = 0.0
    for i in range(count):
        high = max(high, values[i])
    least = 0.0
    size = count
    for _ in range(_HALVINGS):
        middle = 0.5 * (least + high)
        above = 0
        for i in range(count):
            above += values[i] >= middle
        if above >= top:
            least, size = middle, above
            if above <= top + _CLOSE:
                break
        else:
            high = middle
    size = 0
    for i in range(count):
        work[size] = values[i]
        size += values[i] >= least
    if size < top:  # Values below zero.
        size = count
        for i in range(count):
            work[i] = values[i]
    start, end = 0, size - 1
    while start < end:
        pivot = work[(start + end) >> 1]
        i, j = start, end
        while i <= j:
            while work[i] > pivot:
                i += 1
            while work[j] < pivot:
                j -= 1
            if i <= j:
                work[i], work[j] = work[j], work[i]
                i += 1
                j -= 1
        if top - 1 <= j:
            end = j
        elif top - 1 >= i:
            start = i
        else:
            break
    total = 0.0
    for i in range(top):
        total += work[i]
    return total
