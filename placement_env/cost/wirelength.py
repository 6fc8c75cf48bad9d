"""Half-perimeter wirelength of the proxy cost, over merged nets."""

from __future__ import annotations

from placement_env.cost.model import Int32Array, Nets
from placement_env.kernels import jit
from placement_env.netlist import FloatArray


@jit
def net_spans(
    listed: Int32Array,
    count: int,
    nets: Nets,
    point_x: FloatArray,
    point_y: FloatArray,
    span: FloatArray,
) -> float:
    """Write the weighted half perimeter of `listed[i]` to `span[i]` for i < count; their sum."""
    total = 0.0
    for i in range(count):
        net = listed[i]
        first = nets.start[net]
        p = nets.point[first]
        left = right = point_x[p]
        bottom = top = point_y[p]
        for j in range(first + 1, nets.start[net + 1]):
            p = nets.point[j]
            left = min(left, point_x[p])
            right = max(right, point_x[p])
            bottom = min(bottom, point_y[p])
            top = max(top, point_y[p])
        span[i] = nets.weight[net] * ((right - left) + (top - bottom))
        total += span[i]
    return total
