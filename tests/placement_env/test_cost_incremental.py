"""The cost after moves equals the cost evaluated afresh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_env.cost.bound import new_bound
from placement_env.cost.congestion import cell_congestion
from placement_env.cost.incremental import IncrementalCost
from placement_env.cost.model import cost_model
from placement_env.cost.move import Tops, fill, fill_tops, new_trial
from placement_env.cost.move_many import move_many
from placement_env.cost.proxy import evaluate, proxy_cost
from placement_env.cost.state import new_state
from placement_env.formats import ct_protobuf, plc
from placement_env.netlist import IntArray, Netlist, NodeKind, Orient, Placement, turned_over
from tests.placement_env.random_netlists import clustered


def _check(netlist: Netlist, orient: IntArray, incremental: IncrementalCost) -> None:
    now = Placement(incremental.x_um, incremental.y_um, incremental.orient(orient))
    fresh = proxy_cost(netlist, now)
    kept = incremental.cost
    assert kept.wirelength == pytest.approx(fresh.wirelength, abs=1e-9)
    assert kept.density == pytest.approx(fresh.density, abs=1e-9)
    assert kept.congestion == pytest.approx(fresh.congestion, abs=1e-9)


def _wander(
    netlist: Netlist, placement: Placement, *, moves: int, check_every: int, seed: int
) -> None:
    """Random moves and swaps; refused ones must rise by more than allowed, and change nothing."""
    model = cost_model(netlist, placement.orient)
    incremental = IncrementalCost(model, placement.x_um, placement.y_um)
    rng = np.random.default_rng(seed)
    macros = np.flatnonzero(model.nodes.is_macro)
    canvas, grid = netlist.canvas, model.grid
    made = refused = 0
    for i in range(moves):
        node, other = (int(node) for node in rng.choice(macros, 2))
        at_most = float(rng.choice([np.inf, 1e-2, 1e-3, 0.0, -1e-3]))
        before, x, y = incremental.cost.total, incremental.x_um, incremental.y_um
        orient = incremental.orient(placement.orient)
        wanted = []
        kind = rng.random()
        if kind < 0.2:
            mirrored, upside_down = bool(rng.integers(2)), bool(rng.integers(2))
            moved = incremental.flip(
                node, mirrored=mirrored, upside_down=upside_down, at_most=at_most
            )
        elif kind < 0.4:
            wanted = [(node, x[other], y[other]), (other, x[node], y[node])]
            moved = incremental.swap(node, other, at_most=at_most)
        else:
            style = rng.integers(4)
            to_x, to_y = rng.uniform(canvas.left_um, canvas.right_um), y[node]
            if style == 1:
                to_x = float(rng.integers(grid.columns + 1)) * grid.cell_width
                to_y = float(rng.integers(grid.rows + 1)) * grid.cell_height
            elif style == 2:
                to_x, to_y = x[node] + rng.normal(), y[node] + rng.normal()
            elif style == 3:  # Out of the canvas, or in from there.
                to_x, to_y = rng.uniform(-0.2, 1.2, 2) * (canvas.width_um, canvas.height_um)
            wanted = [(node, to_x, to_y)]
            moved = incremental.move(node, to_x, to_y, at_most=at_most)
        if i % check_every == 0:
            _check(netlist, placement.orient, incremental)
        if moved:
            made += 1
            assert incremental.cost.total - before <= at_most + 1e-9
            continue
        refused += 1
        assert incremental.cost.total == before
        assert np.array_equal(incremental.x_um, x)
        assert np.array_equal(incremental.orient(placement.orient), orient)
        if wanted and i % check_every == 0:
            for one, to_x, to_y in wanted:
                x[one], y[one] = to_x, to_y
            moved_there = proxy_cost(netlist, Placement(x, y, orient)).total
            assert moved_there - before > at_most - 1e-9
    _check(netlist, placement.orient, incremental)
    assert made
    assert refused


@settings(max_examples=40, deadline=None)
@given(clustered(), st.integers(0, 2**32 - 1))
def test_candidate_places_cost_what_a_move_there_costs(
    case: tuple[Netlist, Placement], seed: int
) -> None:
    netlist, placement = case
    model = cost_model(netlist, placement.orient)
    incremental = IncrementalCost(model, placement.x_um, placement.y_um)
    rng = np.random.default_rng(seed)
    node = int(rng.choice(np.flatnonzero(model.nodes.is_macro)))
    canvas = netlist.canvas
    to_x = rng.uniform(canvas.left_um, canvas.right_um, 9)
    to_y = rng.uniform(canvas.bottom_um, canvas.top_um, 9)
    before = incremental.cost
    costs = incremental.costs_at(node, to_x, to_y)
    assert incremental.cost == before
    assert np.array_equal(incremental.x_um, placement.x_um)
    x, y = placement.x_um.copy(), placement.y_um.copy()
    for k in range(9):
        x[node], y[node] = to_x[k], to_y[k]
        assert costs[k] == pytest.approx(evaluate(model, x, y).total, abs=1e-9)
    # The state is sound afterwards.
    incremental.move(node, to_x[0], to_y[0])
    assert incremental.cost.total == pytest.approx(costs[0], abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(clustered(), st.integers(0, 2**32 - 1))
def test_many_moves_at_once_cost_what_the_result_costs(
    case: tuple[Netlist, Placement], seed: int
) -> None:
    netlist, placement = case
    model = cost_model(netlist, placement.orient)
    state, trial, bound = (
        new_state(model, placement.x_um, placement.y_um),
        new_trial(model),
        new_bound(model),
    )
    tops = Tops(model.density_top, model.congestion_top)
    net_model = model.nodes, model.points, model.nets, model.grid, model.rates
    fill(*net_model, tops, state, bound, trial)
    rng = np.random.default_rng(seed)
    nodes = netlist.num_nodes
    for _ in range(3):
        moved = rng.permutation(nodes)[: rng.integers(nodes + 1)].astype(np.int32)
        # Some stay in their cell, some do not.
        far = rng.choice([0.01, 1.0], nodes) * netlist.canvas.width_um
        x, y = (at + rng.uniform(-1, 1, nodes) * far for at in (state.x, state.y))
        turn_x, turn_y = rng.choice([-1.0, 1.0], (2, nodes))
        move_many(
            *net_model,
            state,
            trial,
            moved,
            len(moved),
            *(values[moved] for values in (x, y, turn_x, turn_y)),
        )
        cell_congestion(
            state.difference,
            state.blockage,
            model.grid,
            model.rates,
            state.running,
            state.congestion,
        )
        fill_tops(model.grid, model.rates, tops, state, bound, trial)
        assert np.array_equal(state.x[moved], x[moved])
        fresh = proxy_cost(
            netlist,
            Placement(
                state.x + model.left_um,
                state.y + model.bottom_um,
                turned_over(placement.orient, state.turn_x, state.turn_y),
            ),
        )
        assert trial.cost == pytest.approx(
            [fresh.wirelength, fresh.density, fresh.congestion], abs=1e-9
        )


def test_a_flip_turns_the_pins(data_file: Callable[[str], Path]) -> None:
    netlist, _ = ct_protobuf.read(data_file("tilos/ariane133_ng45/netlist.pb.txt.gz"))
    netlist, placement = plc.read(data_file("tilos/ariane133_ng45/legalized.plc"), netlist)
    incremental = IncrementalCost(
        cost_model(netlist, placement.orient), placement.x_um, placement.y_um
    )
    node = int(netlist.nodes_of(NodeKind.HARD_MACRO)[0])
    before = incremental.cost.wirelength
    assert placement.orient[node] == Orient.N
    for mirrored, upside_down, lies in (
        (True, False, Orient.FN),
        (False, True, Orient.S),
        (True, False, Orient.FS),
        (False, True, Orient.N),
        (True, True, Orient.S),
        (True, True, Orient.N),
    ):
        assert incremental.flip(node, mirrored=mirrored, upside_down=upside_down)
        assert incremental.orient(placement.orient)[node] == lies
        turned = replace(placement, orient=incremental.orient(placement.orient))
        assert incremental.cost.total == pytest.approx(proxy_cost(netlist, turned).total, abs=1e-9)
        assert (incremental.cost.wirelength == pytest.approx(before, abs=1e-12)) == (
            lies == Orient.N
        )


@settings(max_examples=60, deadline=None)
@given(clustered(), st.integers(0, 2**32 - 1))
def test_random_moves_on_random_netlists(case: tuple[Netlist, Placement], seed: int) -> None:
    _wander(*case, moves=60, check_every=1, seed=seed)


@pytest.mark.parametrize(
    ("design", "smoothing"), [("ariane133_ng45", 0), ("ariane136_asap7", 2), ("nvdla_ng45", 5)]
)
def test_long_sequences_on_real_netlists(
    data_file: Callable[[str], Path], design: str, smoothing: int
) -> None:
    netlist, _ = ct_protobuf.read(data_file(f"tilos/{design}/netlist.pb.txt.gz"))
    netlist, placement = plc.read(data_file(f"tilos/{design}/legalized.plc"), netlist)
    assert netlist.grid
    netlist = replace(netlist, grid=replace(netlist.grid, smoothing=smoothing))
    _wander(netlist, placement, moves=6_000, check_every=400, seed=1)


def test_fractional_weights_do_not_drift(data_file: Callable[[str], Path]) -> None:
    netlist, _ = ct_protobuf.read(data_file("tilos/ariane133_ng45/netlist.pb.txt.gz"))
    netlist, placement = plc.read(data_file("tilos/ariane133_ng45/legalized.plc"), netlist)
    weight = np.random.default_rng(1).uniform(0.1, 3.0, netlist.num_nets)
    _wander(replace(netlist, net_weight=weight), placement, moves=5_000, check_every=500, seed=2)
