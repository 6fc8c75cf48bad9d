"""Half-perimeter wirelength of the proxy cost, over merged nets."""

from __future__ import annotations

from placement_env.cost.model import IndexArray, Int32Array
from placement_env.kernels import lean
from placement_env.netlist import FloatArray


@lean
def net_spans(
    listed: IndexArray,
    count: int,
    net_start: Int32Array,
    net_point: IndexArray,
    net_weight: FloatArray,
    point_x: FloatArray,
    point_y: FloatArray,
    span: FloatArray,
) -> float:
    """Write the weighted half perimeter of `listed[i]` to `span[i]` for i < count; their sum."""
    total = 0.0
    for i in range(count):
        net: int = listed[i]
        first = net_start[net]
        p = net_point[first]
        left = right = point_x[p]
        bottom = top = point_y[p]
        for j in range(first + 1, net_start[net + 1]):
            p = net_point[j]
            left = min(left, point_x[p])
            right = max(right, point_x[p])
            bottom = min(bottom, point_y[p])
            top = max(top, point_y[p])
        span[i] = net_weight[net] * ((right - left) + (top - bottom))
        total += span[i]
    return total
