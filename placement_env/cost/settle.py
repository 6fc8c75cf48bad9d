"""Nodes settle: each goes to a cheaper place near it while there is one, decided exactly."""

from __future__ import annotations

from math import inf

from placement_env.cost.bound import Bound
from placement_env.cost.congestion import cell_congestion
from placement_env.cost.model import GridShape, Int32Array, Nets, Nodes, Points, Rates
from placement_env.cost.move import Tops, Trial, fill_tops, try_move
from placement_env.cost.state import State, take_room
from placement_env.kernels import lean
from placement_env.netlist import FloatArray

# A move has to gain this much, or rounding could make nodes go to and fro.
_WORTH = 1e-9
#: Nodes stay this share of the canvas away from its edges, so that they are inside in float32 too.
MARGIN = 1e-6
# Places that a node tries: where its nets pull it, halfway there, and two neighbouring cells, those
# to the left and right in odd sweeps, those above and below in even ones.
_PLACES = 4


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
    first: int,
    first_x: float,
    first_y: float,
    appears: bool,
    order: Int32Array,
    sweeps: int,
    ends: FloatArray,
    weights: FloatArray,
) -> int:
    """Put one node somewhere; then coordinate descent over `order`, each inside the canvas.

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
        first: The node to put, whatever it costs, or -1.
        first_x: Where to, relative to the canvas's corner.
        first_y: Where to.
        appears: Whether it is no macro so far, and becomes a hard one.
        order: Nodes, in the order in which they move.
        sweeps: How often each of them has its turn; fewer if nothing moves any more.
        ends: Scratch, twice as many elements as the most nets that a node has.
        weights: Scratch of the same size.

    Returns:
        The number of moves made in the descent.
    """
    canvas_width = grid.columns * grid.cell_width
    canvas_height = grid.rows * grid.cell_height
    made = before = 0
    count = len(order)
    pulled_x = pulled_y = 0.0
    # One call of the pasted function serves both: it takes seconds to compile.
    for turn in range(-1, sweeps * count * _PLACES):
        place = turn % _PLACES
        i = turn // _PLACES % max(count, 1)
        threshold = -_WORTH
        if turn < 0:
            if first < 0:
                continue
            node: int = first
            x, y = first_x, first_y
            threshold = inf
        else:
            if i == 0 and place == 0 and turn > 0:
                if made == before:
                    break
                before = made
            node = order[i]
            x, y = state.x[node], state.y[node]
            if place == 0:
                x = _pull(points, nets, state.point_x, node, ends, weights, x)
                y = _pull(points, nets, state.point_y, node, ends, weights, y)
                pulled_x, pulled_y = x, y
            elif place == 1:
                x, y = 0.5 * (x + pulled_x), 0.5 * (y + pulled_y)
            elif turn // (count * _PLACES) % 2 == 0:
                x += grid.cell_width if place == 2 else -grid.cell_width
            else:
                y += grid.cell_height if place == 2 else -grid.cell_height
            half_width = nodes.half_width[node] + MARGIN * canvas_width
            half_height = nodes.half_height[node] + MARGIN * canvas_height
            x = max(min(x, canvas_width - half_width), half_width)
            y = max(min(y, canvas_height - half_height), half_height)
            if x == state.x[node] and y == state.y[node]:
                continue
        trial.node[0], trial.node[1] = node, -1
        trial.x[0], trial.y[0] = x, y
        trial.turn_x[0], trial.turn_y[0] = state.turn_x[node], state.turn_y[node]
        moved = try_move(nodes, points, nets, grid, rates, tops, state, bound, trial, threshold)
        if turn >= 0:
            made += moved
        elif appears:
            nodes.is_macro[node] = nodes.is_hard[node] = True
            take_room(nodes, grid, rates, state, node)
            cell_congestion(
                state.difference, state.blockage, grid, rates, state.running, state.congestion
            )
            fill_tops(grid, rates, tops, state, bound, trial)
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
