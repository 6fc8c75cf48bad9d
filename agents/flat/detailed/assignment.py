"""The assignment problem: rows to columns at least cost, by shortest augmenting paths.

References:
    R. Jonker, A. Volgenant, A shortest augmenting path algorithm for dense and sparse linear
    assignment problems, Computing 38, 1987.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from placement_env.kernels import lean
from placement_env.netlist import FloatArray, IntArray

_NONE = -1


class Assignment(NamedTuple):
    """Room for up to n rows and m columns, n <= m.

    Attributes:
        cost: [n, m] cost of each pair; infinite where a pair is not allowed.
        row_of: [m] row of each column, or -1.
        row_price: [n] dual value of each row.
        price: [m] dual value of each column.
        distance: [m] scratch: shortest path to each column.
        before: [m] scratch: column before each column on that path.
        done: [m] scratch: whether the path is final.
    """

    cost: FloatArray
    row_of: IntArray
    row_price: FloatArray
    price: FloatArray
    distance: FloatArray
    before: IntArray
    done: IntArray


def new_assignment(rows: int, columns: int) -> Assignment:
    """Room for problems of up to so many rows and columns."""
    return Assignment(
        np.zeros((rows, columns)),
        np.zeros(columns, np.int64),
        np.zeros(rows),
        np.zeros(columns),
        np.zeros(columns),
        np.zeros(columns, np.int64),
        np.zeros(columns, np.int64),
    )


@lean
def assign(problem: Assignment, rows: int, columns: int) -> bool:
    """Give each of the first `rows` rows one of the first `columns` columns, at least total cost.

    `problem.row_of` tells which; False where the allowed pairs do not suffice.
    """
    cost, row_of = problem.cost, problem.row_of
    for column in range(columns):
        row_of[column], problem.price[column] = _NONE, 0.0
    for row in range(rows):
        problem.row_price[row] = 0.0
    for new_row in range(rows):
        for column in range(columns):
            problem.distance[column], problem.done[column] = np.inf, 0
        # Dijkstra over columns, from the new row to the first free column.
        row, last, reached = new_row, _NONE, 0.0
        while True:
            nearest, nearest_distance = _NONE, np.inf
            for column in range(columns):
                if problem.done[column]:
                    continue
                reduced = cost[row, column] - problem.row_price[row] - problem.price[column]
                if reached + reduced < problem.distance[column]:
                    problem.distance[column] = reached + reduced
                    problem.before[column] = last
                if problem.distance[column] < nearest_distance:
                    nearest, nearest_distance = column, problem.distance[column]
            if nearest == _NONE:
                return False
            problem.done[nearest] = 1
            last, reached = nearest, nearest_distance
            if row_of[nearest] == _NONE:
                break
            row = row_of[nearest]
        problem.row_price[new_row] += reached
        for column in range(columns):
            if problem.done[column] and column != last:
                shift = reached - problem.distance[column]
                problem.price[column] -= shift
                problem.row_price[row_of[column]] += shift
        while last != _NONE:
            before = problem.before[last]
            row_of[last] = new_row if before == _NONE else row_of[before]
            last = before
    return True
