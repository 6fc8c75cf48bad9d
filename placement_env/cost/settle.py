"""Nodes settle: each goes to a cheaper place near it while there is one, decided exactly."""

from __future__ import annotations

from placement_env.cost.bound import Bound
from placement_env.cost.congestion import cell_congestion
from placement_env.cost.model import GridShape, Int32Array, Nets, Nodes, Points, Rates
from placement_env.cost.move import Tops, Trial, try_move
from placement_env.cost.state import State
from placement_env.kernels import lean
from placement_env.netlist import FloatArray

# A move has to gain this much, or rounding could make nodes go to and fro.
_WORTH = 1e-9
#: Nodes stay this share of the canvas away from its edges, so that they are inside in float32 too.
MARGIN = 1e-6
#: Places that a node tries: where its nets pull it, halfway there, and the four neighbouring cells.
_PLACES = 6


@lean
def settle(
    nodes: Nodes,
    points: Points,
    nets: Nets,
    grid: GridShape,
    rates: Rates,
    tops: Tops,
    state: State,
    bound: Bound,
    trial: Trial,
    order: Int32Array,
    sweeps: int,
    ends: FloatArray,
    weights: FloatArray,
) -> int:
    """Coordinate descent over `order`, each node inside the canvas.

    Args:
        nodes: The netlist's nodes.
        points: Its points.
        nets: Its merged nets.
        grid: The grid.
        rates: Factors of the congestion cost.
        tops: How many cells the costs average.
        state: The placement; changes.
        bound: The bound of `state`.
        trial: Scratch and cost of `state`.
        order: Nodes, in the order in which they move.
        sweeps: How often each of them has its turn; fewer if nothing moves any more.
        ends: Scratch, twice as many elements as the most nets that a node has.
        weights: Scratch of the same size.

    Returns:
        The number of moves made.
    """
    canvas_width = grid.columns * grid.cell_width
    canvas_height = grid.rows * grid.cell_height
    made = 0
    for _ in range(sweeps):
        before = made
        for i in range(len(order)):
            node: int = order[i]
            half_width = nodes.half_width[node] + MARGIN * canvas_width
            half_height = nodes.half_height[node] + MARGIN * canvas_height
            pulled_x = _pull(points, nets, state.point_x, node, ends, weights, state.x[node])
            pulled_y = _pull(points, nets, state.point_y, node, ends, weights, state.y[node])
            for place in range(_PLACES):
                x, y = state.x[node], state.y[node]
                if place < 2:
                    share = 1.0 if place == 0 else 0.5
                    x += share * (pulled_x - x)
                    y += share * (pulled_y - y)
                elif place < 4:
                    x += grid.cell_width if place == 2 else -grid.cell_width
                else:
                    y += grid.cell_height if place == 4 else -grid.cell_height
                x = max(min(x, canvas_width - half_width), half_width)
                y = max(min(y, canvas_height - half_height), half_height)
                if x == state.x[node] and y == state.y[node]:
                    continue
                trial.node[0], trial.node[1] = node, -1
                trial.x[0], trial.y[0] = x, y
                trial.turn_x[0], trial.turn_y[0] = state.turn_x[node], state.turn_y[node]
                if try_move(
                    nodes, points, nets, grid, rates, tops, state, bound, trial, -_WORTH
                ):
                    made += 1
        if made == before:
            break
    # Refused moves have left their congestion behind.
    cell_congestion(state.difference, state.blockage, grid, rates, state.running, state.congestion)
    return made


@lean
def _pull(
    points: Points,
    nets: Nets,
    at: FloatArray,
    node: int,
    ends: FloatArray,
    weights: FloatArray,
    now: float,
) -> float:
    """The place nearest to `now` along one axis where the node's nets are shortest.

    That is anywhere between the two weighted medians of the ends of its nets without it.
    """
    count = 0
    total = 0.0
    for j in range(nets.of_node_start[node], nets.of_node_start[node + 1]):
        net: int = nets.of_node[j]
        low, high = 1e300, -1e300
        for k in range(nets.start[net], nets.start[net + 1]):
            p: int = nets.point[k]
            if points.node[p] != node:
                low, high = min(low, at[p]), max(high, at[p])
        if high < low:
            continue
        for end in range(2):
            value = low if end == 0 else high
            place = count
            while place > 0 and ends[place - 1] > value:
                ends[place], weights[place] = ends[place - 1], weights[place - 1]
                place -= 1
            ends[place], weights[place] = value, nets.weight[net]
            count += 1
            total += nets.weight[net]
    if count == 0:
        return now
    passed = 0.0
    for i in range(count):
        passed += weights[i]
        if passed >= 0.5 * total:
            upper = ends[i]
            if passed == 0.5 * total and i + 1 < count:
                upper = ends[i + 1]
            return min(max(now, ends[i]), upper)
    return ends[count - 1]
