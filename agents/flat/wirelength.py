"""Weighted-average wirelength, a smooth stand-in for HPWL, with its exact gradient.

The extent of a net along x is replaced by the difference of two weighted averages of its pins,
whose weights exp(x / gamma) and exp(-x / gamma) favour the outermost ones; a smaller `gamma`
follows HPWL more closely and is harder to descend.

References:
    M.-K. Hsu, Y.-W. Chang, V. Balabanov, "TSV-aware analytical placement for 3D IC designs",
    DAC 2011 (the model); J. Lu et al., "ePlace", ACM TODAES 20(2), 2015 (its use).
"""

from __future__ import annotations

import math

from agents.flat.problem import FlatProblem
from agents.flat.threads import Threads
from placement_env.kernels import jit, pasted
from placement_env.netlist import FloatArray, IntArray

# Beyond this many gammas the weight of an inner pin cannot be had by division.
_FAR = 600.0


def smooth_wirelength(
    problem: FlatProblem,
    threads: Threads,
    at: FloatArray,
    gamma: float,
    pin_gradient: FloatArray,
) -> tuple[float, float]:
    """The smooth wirelength and the HPWL of all nets, both weighted.

    Args:
        problem: The netlist.
        threads: Share the work.
        at: [2, B] centres of the bodies.
        gamma: Length over which the model rounds off the outermost pins.
        pin_gradient: [2, P] receives the derivative by each pin's x and y.
    """
    parts = threads.run(
        lambda first, last: _nets(
            first,
            last,
            problem.net_start,
            problem.net_weight,
            problem.pin_body,
            problem.pin_dx,
            problem.pin_dy,
            at[0],
            at[1],
            1.0 / gamma,
            pin_gradient[0],
            pin_gradient[1],
        ),
        problem.net_chunks,
    )
    return sum(part[0] for part in parts), sum(part[1] for part in parts)


def to_bodies(
    problem: FlatProblem, threads: Threads, pin_gradient: FloatArray, gradient: FloatArray
) -> None:
    """Sum the derivatives by pins, [2, P], to those by the bodies' centres, [2, B]."""
    threads.run(
        lambda first, last: _sum_pins(
            first, last, problem.body_start, problem.body_pin, pin_gradient[0], pin_gradient[1],
            gradient[0], gradient[1],
        ),
        problem.body_chunks,
    )  # fmt: skip


@pasted
def _axis(
    start: int,
    stop: int,
    weight: float,
    pin_body: IntArray,
    offset: FloatArray,
    centre: FloatArray,
    inverse_gamma: float,
    gradient: FloatArray,
) -> tuple[float, float]:
    """Smooth and exact extent of one net along one axis; its pins' derivatives to `gradient`."""
    low, high = math.inf, -math.inf
    for pin in range(start, stop):
        body = pin_body[pin]
        at = offset[pin]
        if body >= 0:
            at += centre[body]
        gradient[pin] = at
        low = min(low, at)
        high = max(high, at)
    span = high - low
    t = span * inverse_gamma
    if stop - start == 2:
        e = math.exp(-t)
        share = 1.0 / (1.0 + e)
        slope = weight * ((1.0 - e) * share + 2.0 * t * e * share * share)
        first_low = gradient[start] <= gradient[start + 1]
        gradient[start] = -slope if first_low else slope
        gradient[start + 1] = slope if first_low else -slope
        return weight * span * (1.0 - e) * share, weight * span
    # Distances from the highest pin, a = exp(-distance / gamma), and b likewise from the lowest.
    sum_a = sum_b = moment_a = moment_b = 0.0
    e = math.exp(-t)
    for pin in range(start, stop):
        down = high - gradient[pin]
        a = math.exp(-down * inverse_gamma)
        b = e / a if t < _FAR else math.exp(-(span - down) * inverse_gamma)
        sum_a += a
        sum_b += b
        moment_a += a * down
        moment_b += b * (span - down)
    mean_a, mean_b = moment_a / sum_a, moment_b / sum_b
    for pin in range(start, stop):
        down = high - gradient[pin]
        a = math.exp(-down * inverse_gamma)
        b = e / a if t < _FAR else math.exp(-(span - down) * inverse_gamma)
        gradient[pin] = weight * (
            a / sum_a * (1.0 + (mean_a - down) * inverse_gamma)
            - b / sum_b * (1.0 + (mean_b - (span - down)) * inverse_gamma)
        )
    return weight * (span - mean_a - mean_b), weight * span


@jit
def _nets(
    first: int,
    last: int,
    net_start: IntArray,
    net_weight: FloatArray,
    pin_body: IntArray,
    pin_dx: FloatArray,
    pin_dy: FloatArray,
    x: FloatArray,
    y: FloatArray,
    inverse_gamma: float,
    gradient_x: FloatArray,
    gradient_y: FloatArray,
) -> tuple[float, float]:
    smooth = exact = 0.0
    for net in range(first, last):
        start, stop, weight = net_start[net], net_start[net + 1], net_weight[net]
        part, extent = _axis(start, stop, weight, pin_body, pin_dx, x, inverse_gamma, gradient_x)
        smooth += part
        exact += extent
        part, extent = _axis(start, stop, weight, pin_body, pin_dy, y, inverse_gamma, gradient_y)
        smooth += part
        exact += extent
    return smooth, exact


@jit
def _sum_pins(
    first: int,
    last: int,
    body_start: IntArray,
    body_pin: IntArray,
    pin_x: FloatArray,
    pin_y: FloatArray,
    out_x: FloatArray,
    out_y: FloatArray,
) -> None:
    for body in range(first, last):
        sum_x = sum_y = 0.0
        for k in range(body_start[body], body_start[body + 1]):
            sum_x += pin_x[body_pin[k]]
            sum_y += pin_y[body_pin[k]]
        out_x[body] = sum_x
        out_y[body] = sum_y
