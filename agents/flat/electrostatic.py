"""Global placement: bodies repel one another as charges do, while nets pull them together.

The pressure of the charges grows from next to nothing until hardly any bin is too full, and the
wirelength is modelled the more closely the nearer that is.

References:
    J. Lu et al., "ePlace-MS: electrostatics-based placement for mixed-size circuits", IEEE TCAD
    34(5), 2015 (the method); Y. Lin et al., "DREAMPlace", DAC 2019 (how pressure and smoothness
    follow the course of wirelength and overflow).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from agents.flat.balance import Balance
from agents.flat.charges import Domain
from agents.flat.nesterov import advance, begin
from agents.flat.problem import FlatProblem
from agents.flat.threads import Threads
from placement_env.errors import ChipError
from placement_env.netlist import FloatArray

# Without a lower overflow for so many iterations, more pressure only scatters the bodies.
_PATIENCE = 400


@dataclass(frozen=True)
class Schedule:
    """How the pressure grows and when the placement ends.

    Attributes:
        first_pressure: Push as a share of pull at first, both summed over all bodies.
        growth: Largest factor of the pressure an iteration.
        tolerated_rise: Relative rise of wirelength an iteration at which the pressure stays.
        gamma_bins: Smoothness of wirelength, in bins, at an overflow of 0.55.
        target_overflow: The placement ends there.
        most_iterations: Or after so many.
        from_middle: Bodies begin in the middle of the region, wherever they were.
    """

    first_pressure: float = 8e-5
    growth: float = 1.05
    tolerated_rise: float = 0.005
    gamma_bins: float = 8.0
    target_overflow: float = 0.07
    most_iterations: int = 2000
    from_middle: bool = False


@dataclass(frozen=True)
class Course:
    """Where a global placement stands.

    Attributes:
        iteration: Iterations done.
        hpwl: Weighted half-perimeter wirelength, in the units of the problem.
        overflow: Share of the bodies' area in bins that are too full.
        step: Root mean square of the bodies' last movement.
        at: [2, B] centres.
    """

    iteration: int
    hpwl: float
    overflow: float
    step: float
    at: FloatArray


def spread(
    problem: FlatProblem,
    domains: Sequence[Domain],
    at: FloatArray,
    *,
    threads: Threads,
    schedule: Schedule,
    report: Callable[[Course], None],
) -> FloatArray:
    """[2, B] centres with short wires and little overflow.

    Args:
        problem: Bodies and nets.
        domains: Where there is room, and for which bodies; each body is in one.
        at: [2, B] centres to begin with.
        threads: Share the work.
        schedule: Of pressure and smoothness.
        report: Is told each iteration.

    Raises:
        ChipError: Numbers left the range of floating point.
    """
    balance = Balance(problem, domains, threads)
    bin_width = domains[0].bins.width
    half = np.minimum(
        np.stack([problem.width, problem.height]) / 2, (problem.high - problem.low) / 2
    )
    near, far = problem.low + half, problem.high - half

    def inside(where: FloatArray) -> FloatArray:
        return np.clip(where, near, far)

    def gamma(overflow: float) -> float:
        return schedule.gamma_bins * bin_width * 10 ** ((overflow - 0.55) * 20 / 9)

    at = inside(at)
    balance.gamma = gamma(1.0)
    balance.measure(at)
    balance.gamma = gamma(balance.overflow)
    balance.measure(at)
    push = np.abs(balance.push).sum()
    balance.pressure = schedule.first_pressure * np.abs(balance.pull).sum() / push if push else 0.0
    descent = begin(balance.gradient, at, 0.1 * bin_width)
    before = balance.hpwl
    least, since, best = np.inf, 0, at
    for iteration in range(schedule.most_iterations):
        at = descent.at
        descent = advance(descent, balance.gradient, inside)
        step = float(np.sqrt(np.mean((descent.at - at) ** 2) * 2))
        report(Course(iteration, balance.hpwl, balance.overflow, step, descent.at))
        if not np.isfinite(balance.hpwl):
            raise ChipError(f"the wirelength is {balance.hpwl} after {iteration} iterations")
        if balance.overflow < least:
            least, since, best = balance.overflow, iteration, descent.at
        if balance.overflow < schedule.target_overflow or iteration - since > _PATIENCE:
            break
        rise = (balance.hpwl - before) / (schedule.tolerated_rise * max(before, 1e-300))
        if rise < 0:
            balance.pressure *= schedule.growth * max(0.9999**iteration, 0.98)
        else:
            balance.pressure *= schedule.growth * max(schedule.growth**-rise, 0.95)
        balance.gamma = gamma(balance.overflow)
        before = balance.hpwl
    return best
