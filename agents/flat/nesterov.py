"""Nesterov's method with steps as long as the gradient's change allows, found by backtracking.

References:
    J. Lu et al., "ePlace", ACM TODAES 20(2), 2015, algorithms 2 and 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from placement_env.netlist import FloatArray

# A step is kept when the one that the new gradient suggests is nearly as long.
_LONG_ENOUGH = 0.95
_MOST_TRIALS = 10

Gradient = Callable[[FloatArray], FloatArray]


@dataclass
class Descent:
    """Where the descent is.

    Attributes:
        at: [2, B] the main solution.
        ahead: [2, B] where the gradient is taken.
        gradient: [2, B] the gradient there.
        momentum: The parameter a of the method.
        step: Length of the next step.
    """

    at: FloatArray
    ahead: FloatArray
    gradient: FloatArray
    momentum: float
    step: float


def begin(gradient: Gradient, at: FloatArray, nudge: float) -> Descent:
    """Begin at `at` [2, B], with a first step found from a nudge of at most this length."""
    here = gradient(at)
    length = nudge / max(float(np.abs(here).max()), 1e-300)
    there = gradient(at - length * here)
    step = length * _norm(here) / max(_norm(there - here), 1e-300)
    return Descent(at, at, here, 1.0, step)


def advance(
    descent: Descent, gradient: Gradient, inside: Callable[[FloatArray], FloatArray]
) -> Descent:
    """One step; `inside` puts bodies back into the region."""
    momentum = (1 + math.sqrt(4 * descent.momentum**2 + 1)) / 2
    push = (descent.momentum - 1) / momentum
    step, trials = descent.step, 0
    while True:
        at = inside(descent.ahead - step * descent.gradient)
        ahead = inside(at + push * (at - descent.at))
        there = gradient(ahead)
        allowed = _norm(ahead - descent.ahead) / max(_norm(there - descent.gradient), 1e-300)
        trials += 1
        if allowed >= _LONG_ENOUGH * step or trials == _MOST_TRIALS:
            return Descent(at, ahead, there, momentum, allowed)
        step = allowed


def _norm(array: FloatArray) -> float:
    return float(np.sqrt(np.vdot(array, array)))
