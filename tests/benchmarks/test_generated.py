"""Generated netlists are legal, repeatable, and like public ones; known optima are optima."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import registry
from benchmarks.generated import generate, random_recipe
from benchmarks.known_optimum import known_optimum, least_block
from benchmarks.netlist_statistics import rent_exponent, statistics
from placement_env.cost.proxy import proxy_cost
from placement_env.legality import hard_overlaps, outside
from placement_env.netlist import Placement, check_netlist, hpwl_um


@settings(deadline=None, max_examples=12)
@given(seed=st.integers(0, 10_000), size=st.sampled_from([0.02, 0.1, 0.3]))
def test_hidden_placements_are_legal_and_repeatable(seed: int, size: float) -> None:
    recipe = random_recipe(seed, size=size)
    netlist, placement = generate(recipe, seed)
    check_netlist(netlist)
    assert hard_overlaps(netlist, placement) == []
    assert len(outside(netlist, placement)) == 0
    again, same = generate(recipe, seed)
    assert np.array_equal(again.pin_node, netlist.pin_node)
    assert np.array_equal(same.x_um, placement.x_um)
    other, _ = generate(recipe, seed + 1)
    assert not np.array_equal(other.pin_node[:50], netlist.pin_node[:50])
    degrees = np.diff(netlist.net_start)
    assert degrees.min() >= 2
    assert degrees.max() <= 21


def test_the_hidden_placement_is_far_better_than_a_random_one() -> None:
    netlist, placement = generate(random_recipe(3), 3)
    rng = np.random.default_rng(0)
    moves = ~netlist.fixed
    x_um, y_um = placement.x_um.copy(), placement.y_um.copy()
    order = rng.permutation(np.flatnonzero(moves))
    x_um[moves], y_um[moves] = placement.x_um[order], placement.y_um[order]
    hidden = proxy_cost(netlist, placement)
    mixed = proxy_cost(netlist, Placement(x_um, y_um, placement.orient))
    assert hidden.wirelength < 0.6 * mixed.wirelength


def test_statistics_are_within_those_of_public_designs(data_file: Callable[[str], Path]) -> None:
    """Each number of a few generated netlists, against the span of public ones, a half wider."""
    for file in ("netlist.pb.txt.gz", "initial.plc"):
        for name in ("ariane136_ng45", "nvdla_ng45"):
            data_file(f"tilos/{name}/{file}")
    public = []
    for name in ("ariane136_ng45", "nvdla_ng45"):
        benchmark = registry.load(name)
        public.append(statistics(benchmark.netlist, benchmark.placements["initial"]))
    seeds = [seed for seed in range(12) if random_recipe(seed).sides == 1][:3]
    made = [statistics(*generate(random_recipe(seed), seed)) for seed in seeds]
    for key in ("mean degree", "share of 2-node nets", "mean weight", "macro area", "soft area",
                "sides with ports", "Rent's exponent"):  # fmt: skip
        low, high = min(one[key] for one in public), max(one[key] for one in public)
        for one in made:
            assert 0.5 * low <= one[key] <= 1.5 * high, key


def test_rents_exponent_is_that_of_a_torus() -> None:
    """A square of k x k nodes has 4 k connections to its surroundings: an exponent of a half."""
    side = 64
    netlist, placement, _ = known_optimum(side, nets=1)
    number = np.empty((side, side), dtype=np.int64)
    column, row = (placement.x_um / 10).astype(int), (placement.y_um / 10).astype(int)
    number[row, column] = np.arange(side * side)
    beside = [np.stack([number, np.roll(number, 1, axis)], axis=-1).ravel() for axis in (0, 1)]
    pins = np.concatenate(beside)
    torus = replace(
        netlist,
        pin_node=pins,
        pin_dx_um=np.zeros(pins.size),
        pin_dy_um=np.zeros(pins.size),
        net_start=np.arange(0, pins.size + 1, 2),
        net_weight=np.ones(pins.size // 2),
    )
    assert rent_exponent(torus, placement) == pytest.approx(0.5, abs=0.01)


@settings(deadline=None, max_examples=30)
@given(side=st.integers(2, 9), seed=st.integers(0, 1000))
def test_the_optimum_is_reached_and_not_undercut(side: int, seed: int) -> None:
    netlist, placement, optimum_um = known_optimum(side, seed=seed)
    check_netlist(netlist)
    assert hard_overlaps(netlist, placement) == []
    assert len(outside(netlist, placement)) == 0
    assert hpwl_um(netlist, placement) == pytest.approx(optimum_um)
    rng = np.random.default_rng(seed)
    for _ in range(5):
        order = rng.permutation(netlist.num_nodes)
        mixed = Placement(placement.x_um[order], placement.y_um[order], placement.orient)
        assert hpwl_um(netlist, mixed) >= optimum_um - 1e-6


def test_no_arrangement_of_four_macros_is_shorter() -> None:
    for seed in range(20):
        netlist, placement, optimum_um = known_optimum(2, nets=4, seed=seed)
        lengths = [
            hpwl_um(netlist, Placement(placement.x_um[list(order)], placement.y_um[list(order)],
                                       placement.orient))
            for order in itertools.permutations(range(4))
        ]  # fmt: skip
        assert min(lengths) == pytest.approx(optimum_um)


def test_the_least_block_holds_its_macros() -> None:
    for degree in range(2, 40):
        wide, tall = least_block(degree)
        assert wide * tall >= degree
        assert all(
            w * h < degree for w in range(1, degree + 1) for h in range(1, degree + 1)
            if w + h < wide + tall
        )  # fmt: skip
