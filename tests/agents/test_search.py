"""The search: legal from any start, never worse, deterministic, interruptible."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import search
from agents.progress import Progress
from placement_env.cost.proxy import proxy_cost, robust_proxy_cost
from placement_env.cost.toy import toy_netlist
from placement_env.errors import InputError
from placement_env.formats import ct_protobuf, plc
from placement_env.legality import hard_overlaps, outside
from placement_env.netlist import Canvas, Netlist, NodeKind, Orient, Placement, oriented_size
from tests.placement_env.random_netlists import clustered


def _least_gap_um(netlist: Netlist, placement: Placement) -> float:
    hard = netlist.nodes_of(NodeKind.HARD_MACRO)
    width, height = oriented_size(netlist, placement)
    gap = np.inf
    for i in range(len(hard)):
        a, b = hard[i], hard[i + 1 :]
        dx = abs(placement.x_um[a] - placement.x_um[b]) - (width[a] + width[b]) / 2
        dy = abs(placement.y_um[a] - placement.y_um[b]) - (height[a] + height[b]) / 2
        gap = min(gap, np.maximum(dx, dy).min(initial=np.inf))
    return gap


def _assert_legal(netlist: Netlist, placement: Placement, *, gap_um: float = 0.0) -> None:
    assert hard_overlaps(netlist, placement) == []
    assert outside(netlist, placement).size == 0
    assert _least_gap_um(netlist, placement) >= gap_um + 0.9e-3


@pytest.fixture
def ariane(data_file: Callable[[str], Path]) -> tuple[Netlist, Placement]:
    netlist, _ = ct_protobuf.read(data_file("tilos/ariane133_ng45/netlist.pb.txt.gz"))
    return plc.read(data_file("tilos/ariane133_ng45/initial.plc"), netlist)


def test_a_start_with_macros_outside_ends_legal_and_better_than_published(
    ariane: tuple[Netlist, Placement], tmp_path: Path
) -> None:
    netlist, start = ariane
    assert outside(netlist, start).size
    placed = search.place(netlist, start, budget_s=1e9, seed=1, moves=400_000)
    _assert_legal(netlist, placed)
    robust = robust_proxy_cost(netlist, placed)
    assert robust < 0.660
    assert robust == pytest.approx(proxy_cost(netlist, placed).total, abs=5e-4)
    stay = np.flatnonzero(netlist.fixed)
    assert np.array_equal(placed.x_um[stay], start.x_um[stay])
    assert np.array_equal(placed.orient, start.orient)

    # What is written is what was found.
    assert np.array_equal(placed.x_um[~netlist.fixed] * 1024 % 1, np.zeros((~netlist.fixed).sum()))
    plc.write(tmp_path / "placed.plc", netlist, placed)
    _, read_back = plc.read(tmp_path / "placed.plc", netlist)
    _assert_legal(netlist, read_back)
    assert proxy_cost(netlist, read_back).total == pytest.approx(
        proxy_cost(netlist, placed).total, abs=1e-9
    )


def test_from_nothing(ariane: tuple[Netlist, Placement]) -> None:
    netlist, start = ariane
    placed = search.place(netlist, start, budget_s=1, seed=2, moves=60_000, from_nothing=True)
    _assert_legal(netlist, placed)
    assert proxy_cost(netlist, placed).total < 0.9


def test_the_seed_and_the_moves_determine_the_placement(ariane: tuple[Netlist, Placement]) -> None:
    netlist, start = ariane
    one, again, other = (
        search.place(netlist, start, budget_s=1, seed=seed, moves=5000) for seed in (1, 1, 2)
    )
    assert np.array_equal(one.x_um, again.x_um)
    assert np.array_equal(one.y_um, again.y_um)
    assert not np.array_equal(one.x_um, other.x_um)


def test_threads_that_share_a_placement_are_deterministic(
    ariane: tuple[Netlist, Placement],
) -> None:
    netlist, start = ariane
    for cores in (2, 5):
        one, again = (
            search.place(netlist, start, budget_s=1, seed=3, moves=30_000, cores=cores)
            for _ in range(2)
        )
        assert np.array_equal(one.x_um, again.x_um)
        assert np.array_equal(one.y_um, again.y_um)
        _assert_legal(netlist, one)


def test_two_threads_make_as_good_moves_as_one(ariane: tuple[Netlist, Placement]) -> None:
    netlist, start = ariane
    costs = [
        proxy_cost(
            netlist, search.place(netlist, start, budget_s=1, seed=1, moves=400_000, cores=cores)
        ).total
        for cores in (1, 2)
    ]
    assert costs[1] < costs[0] + 0.02


def test_hard_macros_alone_are_shared_by_strips(ariane: tuple[Netlist, Placement]) -> None:
    netlist, start = ariane
    soft = netlist.node_kind == NodeKind.SOFT_MACRO
    netlist = replace(netlist, fixed=netlist.fixed | soft)
    first, placed = (
        search.place(netlist, start, budget_s=1, seed=1, moves=moves, cores=3)
        for moves in (0, 30_000)
    )
    hard = netlist.nodes_of(NodeKind.HARD_MACRO)
    assert hard_overlaps(netlist, placed) == []
    assert not np.isin(outside(netlist, placed), hard).any()
    assert np.array_equal(placed.x_um[soft], start.x_um[soft])
    assert (placed.x_um != first.x_um)[hard].mean() > 0.9
    assert proxy_cost(netlist, placed).total < proxy_cost(netlist, first).total


def test_flips_shorten_wires_and_survive_the_file(
    ariane: tuple[Netlist, Placement], tmp_path: Path
) -> None:
    netlist, start = ariane
    placed = search.place(netlist, start, budget_s=1, seed=1, moves=100_000, flips=True)
    _assert_legal(netlist, placed)
    hard = netlist.nodes_of(NodeKind.HARD_MACRO)
    assert set(placed.orient[hard]) == {Orient.N, Orient.FN, Orient.FS, Orient.S}
    unturned = replace(placed, orient=start.orient)
    assert proxy_cost(netlist, placed).wirelength < proxy_cost(netlist, unturned).wirelength
    plc.write(tmp_path / "placed.plc", netlist, placed)
    _, read_back = plc.read(tmp_path / "placed.plc", netlist)
    assert proxy_cost(netlist, read_back).total == pytest.approx(
        proxy_cost(netlist, placed).total, abs=1e-9
    )


def test_gap_and_placement_grid(ariane: tuple[Netlist, Placement]) -> None:
    netlist, start = ariane
    placed = search.place(
        netlist, start, budget_s=1, seed=1, moves=20_000, gap_um=5.0, grid_um=0.19
    )
    _assert_legal(netlist, placed, gap_um=5.0)
    hard = netlist.nodes_of(NodeKind.HARD_MACRO)
    steps = (placed.x_um - netlist.width_um / 2)[hard] / 0.19
    assert steps == pytest.approx(np.round(steps), abs=1e-6)


def test_the_clock_is_kept_and_progress_told(ariane: tuple[Netlist, Placement]) -> None:
    netlist, start = ariane
    search.compile_kernels()
    told: list[Progress] = []
    began = time.perf_counter()
    placed = search.place(netlist, start, budget_s=1.5, seed=1, progress=told.append)
    assert time.perf_counter() - began < 3.0
    _assert_legal(netlist, placed)
    assert [report.phase for report in told][:2] == ["legal start", "annealing"]
    assert all(a.elapsed_s <= b.elapsed_s for a, b in pairwise(told))
    assert told[-1].moves > 0
    assert told[-1].budget_s == 1.5


def test_a_snapshot_is_the_placement_at_hand(ariane: tuple[Netlist, Placement]) -> None:
    netlist, start = ariane
    seen: list[tuple[float, Placement]] = []

    def keep(report: Progress) -> None:
        if report.snapshot:
            seen.append((report.cost, report.snapshot()))

    search.place(netlist, start, budget_s=1, seed=1, progress=keep, moves=200_000, flips=True)
    assert len(seen) > 1
    for cost, placement in seen:
        _assert_legal(netlist, placement)
        assert proxy_cost(netlist, placement).total == pytest.approx(cost, abs=1e-9)


def test_an_interrupt_returns_the_best_placement_so_far(ariane: tuple[Netlist, Placement]) -> None:
    netlist, start = ariane

    def interrupt(report: Progress) -> None:
        if report.moves > 2000:
            raise KeyboardInterrupt

    for cores in (1, 2):
        began = time.perf_counter()
        placed = search.place(netlist, start, budget_s=300, seed=1, progress=interrupt, cores=cores)
        assert time.perf_counter() - began < 60
        _assert_legal(netlist, placed)


@settings(max_examples=40, deadline=None)
@given(clustered(), st.integers(0, 2**32 - 1), st.booleans())
def test_random_netlists_end_legal_and_no_worse_than_a_legal_start(
    case: tuple[Netlist, Placement], seed: int, from_nothing: bool
) -> None:
    netlist, start = case
    # Some macros are fixed, where they do not stand in each other's way.
    hard = netlist.nodes_of(NodeKind.HARD_MACRO)
    if not hard_overlaps(netlist, start) and _least_gap_um(netlist, start) > 0.01:
        fixed = netlist.fixed.copy()
        fixed[hard[:1]] = True
        netlist = replace(netlist, fixed=fixed)
    canvas = netlist.canvas
    netlist = replace(
        netlist,
        canvas=Canvas(-7.3, 11.9, canvas.right_um - 7.3, canvas.top_um + 11.9),
    )
    start = replace(start, x_um=start.x_um - 7.3, y_um=start.y_um + 11.9)
    first = search.place(netlist, start, budget_s=1, seed=seed, moves=0, from_nothing=from_nothing)
    _assert_legal(netlist, first)
    placed = search.place(
        netlist, start, budget_s=1, seed=seed, moves=300, from_nothing=from_nothing
    )
    _assert_legal(netlist, placed)
    still = netlist.fixed
    assert np.array_equal(placed.x_um[still], start.x_um[still])
    assert np.array_equal(placed.y_um[still], start.y_um[still])
    costs = [robust_proxy_cost(netlist, at, seed=seed) for at in (placed, first)]
    assert costs[0] <= costs[1] + 1e-9


def test_netlists_of_one_kind() -> None:
    netlist, start = toy_netlist()
    for kinds in ([1, 1, 1], [2, 2, 2], [0, 1, 0], [0, 2, 0]):
        some = replace(netlist, node_kind=np.array(kinds), fixed=np.array(kinds) == NodeKind.PORT)
        placed = search.place(some, start, budget_s=1, seed=1, moves=200)
        _assert_legal(some, placed)
        assert np.array_equal(placed.x_um[some.fixed], start.x_um[some.fixed])


def test_without_movable_macros_the_start_comes_back() -> None:
    netlist, start = toy_netlist()
    ports = replace(netlist, node_kind=np.full(3, NodeKind.PORT))
    assert search.place(ports, start, budget_s=1, seed=1) is start
    fixed = replace(netlist, fixed=np.ones(3, dtype=bool))
    assert search.place(fixed, start, budget_s=1, seed=1) is start


def test_without_a_start() -> None:
    netlist, _ = toy_netlist()
    _assert_legal(netlist, search.place(netlist, None, budget_s=1, seed=1, moves=100))
    fixed = replace(netlist, fixed=np.array([False, True, False]))
    with pytest.raises(InputError, match="no start, and node 'b'"):
        search.place(fixed, None, budget_s=1, seed=1)


def test_turned_macros_keep_their_turned_sizes() -> None:
    netlist, start = toy_netlist()
    netlist = replace(netlist, height_um=np.array([38.0, 10.0, 10.0]))
    start = replace(start, orient=np.array([Orient.W, Orient.N, Orient.N], dtype=np.int64))
    placed = search.place(netlist, start, budget_s=1, seed=1, moves=200)
    _assert_legal(netlist, placed)


def test_a_tight_canvas_is_packed() -> None:
    netlist, start = toy_netlist()
    netlist = replace(
        netlist,
        node_kind=np.full(3, NodeKind.HARD_MACRO),
        width_um=np.array([19.9, 19.9, 39.9]),
        height_um=np.array([19.9, 19.9, 19.9]),
    )
    _assert_legal(netlist, search.place(netlist, start, budget_s=1, seed=1, moves=100))


def _wide(netlist: Netlist, *widths: float) -> Netlist:
    return replace(netlist, width_um=np.array(widths))


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda n: replace(n, grid=None), {}, "no congestion grid"),
        (lambda n: _wide(n, 10, 50, 10), {}, "'b' has a width of 50 um"),
        (lambda n: _wide(n, 10, 10, 50), {}, "'c' has a width of 50 um"),
        (lambda n: replace(_wide(n, 39, 39, 1), height_um=np.full(3, 25.0)), {}, "cover 122%"),
        (lambda n: replace(_wide(n, 30, 30, 1), height_um=np.full(3, 25.0)), {}, "found no legal"),
        (lambda n: n, {"gap_um": 25.0}, "found no legal"),
        (lambda n: n, {"gap_um": -1.0}, "gap"),
        (lambda n: n, {"grid_um": 0.0}, "grid"),
        (lambda n: n, {"budget_s": 0.0}, "budget"),
        (lambda n: n, {"moves": -1}, "moves"),
        (lambda n: n, {"seed": -1}, "seed"),
        (lambda n: n, {"cores": 0}, "cores"),
    ],
)
def test_what_cannot_be_placed_is_refused(
    change: Callable[[Netlist], Netlist], options: dict, message: str
) -> None:
    netlist, start = toy_netlist()
    with pytest.raises(InputError, match=message):
        search.place(change(netlist), start, **({"budget_s": 1.0, "seed": 1} | options))


def test_a_start_without_a_position_is_refused() -> None:
    netlist, start = toy_netlist()
    lost = replace(start, x_um=np.array([1.0, np.nan, 1.0]))
    with pytest.raises(InputError, match="'b' is at"):
        search.place(netlist, lost, budget_s=1, seed=1)
