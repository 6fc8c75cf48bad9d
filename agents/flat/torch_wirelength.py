"""The gradient of the smooth wirelength in PyTorch, on any device; see `agents.flat.wirelength`.

Pins lie net by net, so what is asked of each net is a reduction over a segment of them. On a GPU
`torch.segment_reduce` gives each segment to one thread, which goes through it in order: equal runs
end alike. `index_add_` and `scatter_add_` would add in the order in which threads happen to come.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from agents.flat.problem import FlatProblem


@dataclass(frozen=True)
class Wires:
    """The nets of a problem on a device.

    Attributes:
        body: [P] body of each pin; B for pins on nodes that stay.
        offset: [2, P] offset from the body's centre, or the place of a pin that stays.
        net: [P] net of each pin.
        weight: [E] weights of the nets.
        net_start: [E + 1] first pin of each net.
        body_start: [B + 1] first of each body's pins in `body_pin`.
        body_pin: [<= P] pins, body by body.
    """

    body: Tensor
    offset: Tensor
    net: Tensor
    weight: Tensor
    net_start: Tensor
    body_start: Tensor
    body_pin: Tensor


def wires_of(problem: FlatProblem, device: torch.device) -> Wires:
    """The nets of the problem, copied to the device."""
    degree = np.diff(problem.net_start)
    stays = problem.pin_body < 0
    arrays = (
        np.where(stays, problem.num_bodies, problem.pin_body),
        np.stack([problem.pin_dx, problem.pin_dy]),
        np.repeat(np.arange(len(degree)), degree),
        problem.net_weight,
        problem.net_start,
        problem.body_start,
        problem.body_pin,
    )
    return Wires(*(torch.tensor(array, device=device) for array in arrays))


def wirelength_slope(wires: Wires, at: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    """The derivative of the smooth wirelength, and the HPWL, weighted.

    Args:
        wires: The nets.
        at: [2, B] centres of the bodies.
        gamma: Length over which the model rounds off the outermost pins.

    Returns:
        [2, B] the derivative by the bodies' centres, and the HPWL of all nets, [].
    """
    net, weight = wires.net, wires.weight
    centre = torch.cat([at, at.new_zeros(2, 1)], dim=1)  # [2, B + 1]
    pin = centre[:, wires.body] + wires.offset  # [2, P]
    high, low = _over("max", wires.net_start, pin), _over("min", wires.net_start, pin)  # [2, E]
    # Exponents are 0 or less, and 0 for one pin of each net: each sum is 1 or more.
    down, up = high[:, net] - pin, pin - low[:, net]
    a, b = torch.exp(-down / gamma), torch.exp(-up / gamma)
    sums = _over("sum", wires.net_start, torch.stack([a, b, a * down, b * up]))  # [4, 2, E]
    sum_a, sum_b, moment_a, moment_b = sums
    mean_a, mean_b = moment_a / sum_a, moment_b / sum_b
    slope = weight[net] * (
        a / sum_a[:, net] * (1.0 + (mean_a[:, net] - down) / gamma)
        - b / sum_b[:, net] * (1.0 + (mean_b[:, net] - up) / gamma)
    )
    by_body = _over("sum", wires.body_start, slope[:, wires.body_pin])
    return by_body, (weight * (high - low)).sum()


def _over(reduction: str, start: Tensor, values: Tensor) -> Tensor:
    """[..., S] sum, max or min of each segment of `values` [..., K], between `start` [S + 1]."""
    shape = values.shape[:-1]
    if not values.numel():  # which PyTorch refuses
        return values.new_zeros(*shape, len(start) - 1)
    offsets = start.expand(*shape, -1)
    return torch.segment_reduce(values, reduction, offsets=offsets, axis=values.dim() - 1)
