"""Pull and push measured in PyTorch, against the kernels; on a GPU as well where there is one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.flat import placing_run, torch_balance
from agents.flat.balance import Balance, BalanceMaker
from agents.flat.charges import Bins, Domain, charges, field
from agents.flat.device import balance_on
from agents.flat.electrostatic import Schedule
from agents.flat.global_place import place_globally
from agents.flat.placer import place, place_cells
from agents.flat.problem import FlatProblem, flat_problem, with_fillers
from agents.flat.threads import Threads
from agents.flat.torch_balance import TorchBalance
from agents.flat.torch_charges import charge_map, grid_of, groups_of, shares_of
from agents.flat.torch_charges import field as torch_field
from benchmarks.files import load_files
from placement_env.errors import ChipError, InputError
from placement_env.netlist import Netlist, NodeKind, Placement, hpwl_um
from placement_env.row_legality import check_rows
from tests.agents.flat.random_flat import random_flat
from tests.agents.flat.test_fences import LOW_LEFT, UPPER, fenced
from tests.agents.flat.test_placer import mixed_design

UNIT_UM, SIDE = 2.0, 20.0
CPU = torch.device("cpu")
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")),
]


def two_domains(
    seed: int, shape: tuple[int, int], fillers: int = 20
) -> tuple[FlatProblem, list[Domain], np.ndarray]:
    """Bodies and fillers of random sizes, shared between two domains, and places within 20 x 20."""
    netlist, placement = random_flat(seed)
    return bodies_of(netlist, placement, seed, shape, fillers)


def bodies_of(
    netlist: Netlist, placement: Placement, seed: int, shape: tuple[int, int], fillers: int
) -> tuple[FlatProblem, list[Domain], np.ndarray]:
    rng = np.random.default_rng(seed)
    moves = rng.permutation(np.flatnonzero(~netlist.fixed))
    canvas = netlist.canvas
    region_um = (canvas.left_um, canvas.bottom_um, canvas.right_um, canvas.top_um)
    problem = flat_problem(netlist, placement, moves, region_um=region_um, unit_um=UNIT_UM)
    nodes = problem.num_bodies
    corner = np.zeros((2, fillers))
    problem = with_fillers(
        problem, rng.uniform(0.2, 4, fillers), np.full(fillers, 1.0), corner, corner + SIDE
    )
    width, height = SIDE / shape[0], SIDE / shape[1]
    half, filler_half = nodes // 2, nodes + fillers // 3
    domains = [
        Domain(Bins(width, height, rng.uniform(0, 0.9, shape) * width * height), own, with_own)
        for own, with_own in [
            ((0, half), (nodes, filler_half)),
            ((half, nodes), (filler_half, nodes + fillers)),
        ]
    ]
    # Some at the very edges, where those that were widened to the size of bins stick out.
    size = np.stack([problem.width, problem.height]) / 2
    at = np.clip(rng.uniform(-3, SIDE + 3, (2, problem.num_bodies)), size, SIDE - size)
    return problem, domains, at


def measured(
    maker: BalanceMaker,
    problem: FlatProblem,
    domains: Sequence[Domain],
    at: np.ndarray,
    gamma: float,
) -> tuple[Balance, np.ndarray]:
    with Threads(1) as threads:
        balance = maker(problem, domains, threads)
        balance.gamma, balance.pressure = gamma, 0.02
        return balance, balance.gradient(at)


def on(device: str) -> BalanceMaker:
    return partial(TorchBalance, device=torch.device(device))


def assert_near(found: np.ndarray, expected: np.ndarray) -> None:
    """Equal but for 1e-9 of the largest number."""
    assert found.shape == expected.shape
    assert found == pytest.approx(expected, rel=0, abs=1e-9 * max(np.abs(expected).max(), 1e-9))


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    shape=st.sampled_from([(16, 8), (5, 5), (60, 36)]),
    gamma=st.sampled_from([1e-7, 0.3, 20.0]),
)
def test_it_measures_what_the_kernels_measure(
    device: str, seed: int, shape: tuple[int, int], gamma: float
) -> None:
    problem, domains, at = two_domains(seed, shape)
    expected, expected_gradient = measured(Balance, problem, domains, at, gamma)
    found, gradient = measured(on(device), problem, domains, at, gamma)
    assert found.hpwl == pytest.approx(expected.hpwl, rel=1e-12)
    assert found.overflow == pytest.approx(expected.overflow, abs=1e-9)
    assert_near(found.pull, expected.pull)
    assert_near(found.push, expected.push)
    assert_near(gradient, expected_gradient)
    assert np.abs(expected.pull).max() > 0
    assert np.abs(expected.push).max() > 0


@pytest.mark.parametrize("nets", ["none", "of ports alone"])
def test_bodies_without_any_pins_are_pushed_alone(nets: str) -> None:
    netlist, placement = random_flat(5, nets=0 if nets == "none" else 15)
    ports = netlist.nodes_of(NodeKind.PORT)
    netlist = replace(netlist, pin_node=ports[np.arange(len(netlist.pin_node)) % len(ports)])
    problem, domains, at = bodies_of(netlist, placement, 5, (16, 8), 0)
    expected, _ = measured(Balance, problem, domains, at, 1.0)
    found, _ = measured(on("cpu"), problem, domains, at, 1.0)
    assert not found.pull.any()
    assert found.hpwl == pytest.approx(expected.hpwl)
    assert_near(found.push, expected.push)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    columns=st.integers(1, 40),
    rows=st.integers(1, 40),
    height=st.floats(0.3, 3.0),
)
def test_the_field_is_that_of_the_cosines(
    seed: int, columns: int, rows: int, height: float
) -> None:
    charge = np.random.default_rng(seed).uniform(0, 5, (columns, rows))
    bins = Bins(1.0, height, np.zeros((columns, rows)))
    with Threads(1) as threads:
        expected = np.stack(field(charge, bins, threads))
    found = torch_field(torch.tensor(charge), grid_of(bins, 1.0, CPU))
    assert_near(found.numpy(), expected)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_order_of_bodies_does_not_change_a_bit_of_the_charge(seed: int) -> None:
    """In which order threads of a GPU come is anyone's guess."""
    problem, domains, at = two_domains(seed, (16, 8), fillers=200)
    bins, count = domains[0].bins, problem.num_bodies
    bodies = charges(problem, bins)
    order = np.random.default_rng(seed).permutation(count)
    others = type(bodies)(
        bodies.width[order], bodies.height[order], bodies.density[order], bodies.charge[order]
    )
    grid = grid_of(bins, float(bodies.charge.sum()), CPU)
    one, other = (
        charge_map([shares_of(group, grid, torch.tensor(places)) for group in groups], grid)
        for groups, places in [
            (groups_of(bodies, grid, 0, count), at),
            (groups_of(others, grid, 0, count)[::-1], at[:, order]),
        ]
    )
    assert torch.equal(one, other)


@pytest.mark.parametrize("device", DEVICES)
def test_equal_runs_measure_alike(device: str) -> None:
    problem, domains, at = two_domains(7, (60, 36), fillers=500)
    runs = [measured(on(device), problem, domains, at, 0.5) for _ in range(3)]
    for balance, gradient in runs[1:]:
        assert np.array_equal(gradient, runs[0][1])
        assert (balance.hpwl, balance.overflow) == (runs[0][0].hpwl, runs[0][0].overflow)


def after_iterations(
    netlist: Netlist, start: Placement, maker: BalanceMaker, iterations: int
) -> Placement:
    """All that is movable, spread from the middle; few iterations, since rounding grows in many."""
    schedule = Schedule(from_middle=True, first_pressure=1e-3, most_iterations=iterations)
    with Threads(1) as threads:
        return place_globally(
            netlist,
            start,
            np.flatnonzero(~netlist.fixed),
            schedule=schedule,
            seed=1,
            threads=threads,
            report=lambda course, placement: None,
            balance_maker=maker,
        )


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("fences", [False, True])
def test_some_iterations_end_at_the_same_places(device: str, fences: bool) -> None:
    netlist, start = mixed_design()
    if fences:
        netlist, start = fenced([LOW_LEFT, UPPER], [0, 1], [True, True])
    expected, found = (
        after_iterations(netlist, start, maker, 25) for maker in (Balance, on(device))
    )
    assert hpwl_um(netlist, found) == pytest.approx(hpwl_um(netlist, expected), rel=1e-6)
    assert np.std(found.x_um[~netlist.fixed]) > 0.1  # they have left the middle


@pytest.mark.parametrize("device", DEVICES)
def test_macros_and_cells_of_a_public_design_end_at_the_same_places(
    device: str, data_file: Callable[[str], Path]
) -> None:
    ibm01 = load_files(data_file("iccad04/ibm01/ibm01.aux.gz"))
    netlist, start = ibm01.netlist, ibm01.placements["initial"]
    expected, found = (
        after_iterations(netlist, start, maker, 6) for maker in (Balance, on(device))
    )
    assert hpwl_um(netlist, found) == pytest.approx(hpwl_um(netlist, expected), rel=1e-6)


@pytest.mark.slow
def test_a_device_is_used_for_all_spreading(monkeypatch: pytest.MonkeyPatch) -> None:
    netlist, start = mixed_design(cells=40, macros=2)
    asked: list[str] = []
    made: list[int] = []

    def maker(problem: FlatProblem, domains: Sequence[Domain], threads: Threads) -> Balance:
        made.append(problem.num_bodies)
        return TorchBalance(problem, domains, threads, device=CPU)

    def processor(device: str) -> BalanceMaker:
        asked.append(device)
        return maker

    # PyTorch on the processor, to which no name of a device leads.
    monkeypatch.setattr(placing_run, "balance_on", processor)
    placed = place(netlist, start, seed=1, device="cuda:3")
    assert asked == ["cuda:3"]
    assert len(made) == 4  # macros and cells three times, and cells once more
    report = check_rows(netlist, placed)
    assert report.legal, report.describe(netlist)


def test_too_little_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_much(*arguments: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    problem, domains, at = two_domains(1, (16, 8))
    monkeypatch.setattr(torch_balance, "field", too_much)
    with pytest.raises(ChipError, match=r"35 bodies .* 2\.00 GiB\n.*try: --device cpu"):
        measured(on("cpu"), problem, domains, at, 1.0)


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "meta"])
def test_a_device_that_cannot_be_used_is_refused_at_once(device: str) -> None:
    netlist, start = mixed_design(cells=40)
    words = f"the device {device!r} cannot be used"
    for work in (place, place_cells):
        with pytest.raises(InputError, match=words):
            work(netlist, start, seed=1, device=device)


def test_auto_is_the_kernels_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert balance_on("auto") is balance_on("cpu") is Balance


def test_the_processor_needs_no_pytorch() -> None:
    program = (
        "import sys; from agents.flat.device import balance_on; balance_on('cpu'); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
