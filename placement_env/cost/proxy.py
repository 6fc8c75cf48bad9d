"""The proxy cost of Circuit Training: wirelength + 0.5 density + 0.5 congestion, exactly.

Source: A. Mirhoseini et al., "A graph placement methodology for fast chip design", Nature 594
(2021), with the rules of the open evaluator of TILOS MacroPlacement (Plc_client). Agreement with
that evaluator is defined for pins inside the canvas; see `placement_env.cost.congestion` for the
others. Two differences by design: offsets of pins are stored at orientation N and turned by the
placement's orientation, whatever the netlist's own orientation was; and macros turned by a quarter
(W, E, FW, FE) have their sides swapped.

Standard cells of a flat netlist pull on nets and take routes, but have no density, as there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from placement_env.cost.congestion import (
    add_routes,
    blocked_cells,
    cell_congestion,
    packed_cell,
    route_nets,
)
from placement_env.cost.density import covered_cells, density_cost
from placement_env.cost.model import CostModel, GridShape, Nets, Nodes, Points, Rates, cost_model
from placement_env.cost.top import top_sum
from placement_env.cost.wirelength import net_spans
from placement_env.errors import InputError
from placement_env.kernels import jit
from placement_env.netlist import FloatArray, Netlist, Placement


@dataclass(frozen=True)
class ProxyCost:
    """The three parts of the proxy cost."""

    wirelength: float
    density: float
    congestion: float

    @property
    def total(self) -> float:
        """Wirelength + 0.5 density + 0.5 congestion."""
        return self.wirelength + 0.5 * self.density + 0.5 * self.congestion


def proxy_cost(netlist: Netlist, placement: Placement) -> ProxyCost:
    """The proxy cost of a placement.

    Raises:
        InputError: The netlist has no usable grid, or a node no finite position.
    """
    check_positions(netlist, placement)
    return evaluate(cost_model(netlist, placement.orient), placement.x_um, placement.y_um)


def evaluate(model: CostModel, x_um: FloatArray, y_um: FloatArray) -> ProxyCost:
    """The proxy cost of centres [N], [N]; use it for many placements of one netlist."""
    cells = model.num_cells
    density, congestion = np.empty(cells), np.empty(2 * cells)
    work = np.empty(2 * cells)
    wirelength = _fill_maps(
        x_um - model.left_um,
        y_um - model.bottom_um,
        model.nodes,
        model.points,
        model.nets,
        model.grid,
        model.rates,
        density,
        congestion,
    )
    top = model.congestion_top
    return ProxyCost(
        wirelength,
        density_cost(density, cells, model.density_top, work, np.inf),
        top_sum(congestion, 2 * cells, top, work, np.inf) / top,
    )


def robust_proxy_cost(
    netlist: Netlist,
    placement: Placement,
    *,
    draws: int = 20,
    radius_um: float = 0.01,
    seed: int = 0,
) -> float:
    """The median proxy cost over `draws` copies whose macros moved by up to `radius_um`.

    Every hard and soft macro of every copy moves by independent uniform amounts in x and y. The
    proxy cost jumps where edges cross grid lines; this is what is left of a cost that relies on it.

    Raises:
        InputError: As `proxy_cost`.
    """
    check_positions(netlist, placement)
    model = cost_model(netlist, placement.orient)
    return robust_cost(
        model, placement.x_um, placement.y_um, draws=draws, radius_um=radius_um, seed=seed
    )


def robust_cost(
    model: CostModel,
    x_um: FloatArray,
    y_um: FloatArray,
    *,
    draws: int = 20,
    radius_um: float = 0.01,
    seed: int = 0,
) -> float:
    """`robust_proxy_cost` of centres [N], [N], for many placements of one netlist."""
    rng = np.random.default_rng(seed)
    costs = []
    for _ in range(draws):
        moved = rng.uniform(-radius_um, radius_um, (2, len(x_um))) * model.nodes.is_macro
        costs.append(evaluate(model, x_um + moved[0], y_um + moved[1]).total)
    return float(np.median(costs))


def congestion_maps(netlist: Netlist, placement: Placement) -> tuple[FloatArray, FloatArray]:
    """[rows, columns], [rows, columns]: horizontal and vertical congestion of the grid cells.

    Row 0 is at the bottom. 1 means that all routes of the cell are taken.

    Raises:
        InputError: As `proxy_cost`.
    """
    _, congestion, grid = _maps(netlist, placement)
    cells = grid.columns * grid.rows
    horizontal = congestion[:cells].reshape(grid.columns, grid.rows).T.copy()
    return horizontal, congestion[cells:].reshape(grid.rows, grid.columns)


def density_map(netlist: Netlist, placement: Placement) -> FloatArray:
    """[rows, columns]: share of each grid cell that macros cover; row 0 is at the bottom.

    Raises:
        InputError: As `proxy_cost`.
    """
    density, _, grid = _maps(netlist, placement)
    return density.reshape(grid.rows, grid.columns)


def check_positions(netlist: Netlist, placement: Placement) -> None:
    """Raise `InputError` unless every node has a finite position and a known orientation."""
    for field in ("x_um", "y_um", "orient"):
        found = len(getattr(placement, field))
        if found != netlist.num_nodes:
            raise InputError(
                f"the placement has {found} nodes, the netlist {netlist.num_nodes}",
                where=netlist.name,
                hint="is it the placement of another netlist?",
            )
    bad = np.flatnonzero(~(np.isfinite(placement.x_um) & np.isfinite(placement.y_um)))
    if bad.size:
        node = int(bad[0])
        raise InputError(
            f"node {netlist.node_name[node]!r} is at "
            f"({placement.x_um[node]}, {placement.y_um[node]}), expected finite numbers",
            where=netlist.name,
        )
    if placement.orient.min() < 0 or placement.orient.max() > 7:
        raise InputError("an orientation is not one of the eight of LEF/DEF", where=netlist.name)


def _maps(netlist: Netlist, placement: Placement) -> tuple[FloatArray, FloatArray, GridShape]:
    check_positions(netlist, placement)
    model = cost_model(netlist, placement.orient)
    density, congestion = np.empty(model.num_cells), np.empty(2 * model.num_cells)
    _fill_maps(
        placement.x_um - model.left_um,
        placement.y_um - model.bottom_um,
        model.nodes,
        model.points,
        model.nets,
        model.grid,
        model.rates,
        density,
        congestion,
    )
    return density, congestion, model.grid


@jit
def _fill_maps(
    x: FloatArray,
    y: FloatArray,
    nodes: Nodes,
    points: Points,
    nets: Nets,
    grid: GridShape,
    rates: Rates,
    density: FloatArray,
    congestion: FloatArray,
) -> float:
    """Fill the density and congestion maps; returns the wirelength cost."""
    count = len(points.node)
    point_x, point_y = np.empty(count), np.empty(count)
    cell_of_point = np.empty(count, np.int32)
    for p in range(count):
        point_x[p] = x[points.node[p]] + points.dx[p]
        point_y[p] = y[points.node[p]] + points.dy[p]
        cell_of_point[p] = packed_cell(point_x[p], point_y[p], grid)
    listed = np.arange(len(nets.weight)).astype(np.int32)
    wirelength = net_spans(listed, len(listed), nets, point_x, point_y, np.empty(len(listed)))

    stamp = np.zeros((grid.rows << grid.shift) + 1, np.int64)
    begin = np.empty(nets.segment_start[-1], np.int32)
    end = np.empty(nets.segment_start[-1], np.int32)
    pieces = np.empty(len(listed), np.int32)
    route_nets(
        listed,
        len(listed),
        nets,
        cell_of_point,
        grid,
        stamp,
        nets.segment_start,
        begin,
        end,
        pieces,
    )
    cells = grid.columns * grid.rows
    difference = np.zeros(2 * cells + grid.columns + grid.rows)
    add_routes(
        listed, len(listed), nets, 1.0, nets.segment_start, begin, end, pieces, difference
    )

    covered = np.empty(2 * cells, np.int32)
    amount = np.empty(2 * cells)
    blockage = np.zeros(2 * cells)
    density[:] = 0.0
    for node in range(len(x)):
        if not nodes.is_macro[node]:
            continue
        half_width, half_height = nodes.half_width[node], nodes.half_height[node]
        found = covered_cells(
            x[node], y[node], half_width, half_height, 1.0, grid, covered, amount, 0
        )
        for i in range(found):
            density[covered[i]] += amount[i]
        if nodes.is_hard[node]:
            found = blocked_cells(
                x[node], y[node], half_width, half_height, 1.0, grid, rates, covered, amount, 0
            )
            for i in range(found):
                blockage[covered[i]] += amount[i]
    running = np.empty(3 * max(grid.columns, grid.rows) + 1)
    cell_congestion(difference, blockage, grid, rates, running, congestion)
    return wirelength
