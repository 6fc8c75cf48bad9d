"""The sum of the largest values of an array: what congestion and density are averages of."""

from __future__ import annotations

import numpy as np

from placement_env.kernels import lean
from placement_env.netlist import FloatArray


@lean
def top_sum(values: FloatArray, count: int, top: int, work: FloatArray, guess: float) -> float:
    """The sum of the `top` largest of `values[:count]`; they end in `work[:top]`, unsorted.

    `work[top - 1]` is the smallest of them. A `guess` near that value saves most of the work; a
    wrong one costs time and nothing else.
    """
    # Optimised maps are flat: a hair below the guess there may be several times `top` values.
    size = 0
    least = guess
    for attempt in range(3):
        size = 0
        for i in range(count):
            work[size] = values[i]
            size += values[i] >= least
        if size >= top:
            break
        least = guess * 0.995 if attempt == 0 else -np.inf
    # Quickselect, largest first: everything before `top` ends up at least as large as the rest.
    low, high, last = 0, size - 1, top - 1
    while low < high:
        pivot = work[(low + high) >> 1]
        i, j = low, high
        while i <= j:
            while work[i] > pivot:
                i += 1
            while work[j] < pivot:
                j -= 1
            if i <= j:
                work[i], work[j] = work[j], work[i]
                i += 1
                j -= 1
        if last <= j:
            high = j
        elif last >= i:
            low = i
        else:
            break
    smallest = work[0]
    where = 0
    total = 0.0
    for i in range(top):
        total += work[i]
        if work[i] < smallest:
            smallest = work[i]
            where = i
    work[where], work[last] = work[last], smallest
    return total


@lean
def occupied_mean(values: FloatArray, count: int) -> float:
    """The mean of those of `values[:count]` that are not zero; 0 where all are."""
    total = 0.0
    occupied = 0
    for i in range(count):
        total += values[i]
        occupied += values[i] != 0.0
    return total / occupied if occupied else 0.0
