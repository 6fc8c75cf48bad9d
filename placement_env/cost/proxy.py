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

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from placement_env.cost.density import density_cost
from placement_env.cost.full import evaluate_into, full_costs, new_scratch
from placement_env.cost.model import CostModel, GridShape, cost_model
from placement_env.cost.state import State, fill_state, new_state
from placement_env.cost.top import top_sum
from placement_env.errors import InputError
from placement_env.held_interrupt import held_interrupt
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
    """The proxy cost of centres [N], [N]; use it for many placements of one netlist.

    Threads may evaluate one model at the same time.
    """
    batches = model.batches
    if batches is not None:
        return ProxyCost(*full_costs(model, batches, x_um[None], y_um[None])[0].tolist())
    state = new_state(model, x_um, y_um)
    wirelength = _fill(model, state)
    cells, top = model.num_cells, model.congestion_top
    work = np.empty(2 * cells)
    return ProxyCost(
        wirelength,
        density_cost(state.density, cells, model.density_top, work, np.inf),
        top_sum(state.congestion, 2 * cells, top, work, np.inf) / top,
    )


def evaluate_many(
    model: CostModel, x_um: FloatArray, y_um: FloatArray, *, threads: int = 1
) -> FloatArray:
    """[k] total proxy costs of k placements with centres [k, N], [k, N], on so many threads."""
    batches = model.batches
    if batches is None:
        return np.array([evaluate(model, *at).total for at in zip(x_um, y_um, strict=True)])
    shares = min(threads, len(x_um))
    if shares <= 1:
        cost = full_costs(model, batches, x_um, y_um)
    else:
        with held_interrupt(), ThreadPoolExecutor(shares) as pool:
            parts = pool.map(
                lambda at: full_costs(model, batches, *at),
                zip(np.array_split(x_um, shares), np.array_split(y_um, shares), strict=True),
            )
            cost = np.concatenate(list(parts))
    return cost @ (1.0, 0.5, 0.5)


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
    moved = rng.uniform(-radius_um, radius_um, (draws, 2, len(x_um))) * model.nodes.is_macro
    return float(np.median(evaluate_many(model, x_um + moved[:, 0], y_um + moved[:, 1])))


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
    if model.batches is not None:
        scratch = new_scratch(model, model.batches)
        x, y = placement.x_um[None], placement.y_um[None]
        evaluate_into(model, model.batches, x, y, scratch)
        return scratch[1].density, scratch[1].congestion, model.grid
    state = new_state(model, placement.x_um, placement.y_um)
    _fill(model, state)
    return state.density, state.congestion, model.grid


def _fill(model: CostModel, state: State) -> float:
    return fill_state(model.nodes, model.points, model.nets, model.grid, model.rates, state)
