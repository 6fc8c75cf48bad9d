from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import floorplanner
from benchmarks.placement import is_legal as is_legal_by_scores
from benchmarks.placement import score
from placement_env.errors import ChipError, InputError
from placement_env.fences import Fences
from placement_env.formats import floorplan
from placement_env.legality import hard_overlaps, misshapen, outside
from placement_env.netlist import (
    Canvas,
    Netlist,
    NodeKind,
    Orient,
    Placement,
    hpwl_um,
    oriented_size,
)

DataFile = Callable[[str], Path]


def blocks_of(
    sizes: list[tuple[float, float]],
    nets: list[list[int]],
    side: float,
    *,
    offsets: list[tuple[float, float]] | None = None,
) -> tuple[Netlist, Placement]:
    """Blocks in a square, and after them a port in its corner; nets name their nodes."""
    count = len(sizes)
    pins = [node for net in nets for node in net]
    offset = np.array(offsets or [(0.0, 0.0)] * len(pins)).reshape(-1, 2)
    netlist = Netlist(
        name="blocks",
        node_name=(*(f"b{k}" for k in range(count)), "port"),
        node_kind=np.array([NodeKind.HARD_MACRO] * count + [NodeKind.PORT], dtype=np.int64),
        width_um=np.array([*(width for width, _ in sizes), 0.0]),
        height_um=np.array([*(height for _, height in sizes), 0.0]),
        fixed=np.array([False] * count + [True]),
        pin_node=np.array(pins, dtype=np.int64),
        pin_dx_um=offset[:, 0].copy(),
        pin_dy_um=offset[:, 1].copy(),
        net_start=np.cumsum([0, *map(len, nets)]),
        net_weight=np.ones(len(nets)),
        canvas=Canvas(0.0, 0.0, side, side),
        unit_um=None,
    )
    nowhere = np.full(count + 1, np.nan)
    nowhere[-1] = 0.0
    return netlist, Placement(nowhere, nowhere.copy(), np.zeros(count + 1, dtype=np.int64))


def is_legal(netlist: Netlist, placement: Placement) -> bool:
    return (
        not hard_overlaps(netlist, placement)
        and not outside(netlist, placement).size
        and not misshapen(netlist, placement).size
    )


def test_two_blocks_go_to_the_port() -> None:
    netlist, start = blocks_of([(4, 2), (4, 2)], [[2, 0], [0, 1]], 100)
    placed = floorplanner.place(netlist, start, budget_s=1, seed=1, moves=4_000, cores=1)
    assert is_legal(netlist, placed)
    # b0 lies in the corner with its centre 2 + 1 from the port, b1 along its long side
    assert hpwl_um(netlist, placed) == pytest.approx(5, abs=1e-3)


def test_blocks_are_turned_to_fit() -> None:
    """Two of 6 x 2 and one of 4 x 2 lie side by side in 6 x 6, once all lie the same way."""
    netlist, start = blocks_of([(2, 6), (6, 2), (4, 2)], [[0, 1, 2]], 6.001)
    placed = floorplanner.place(netlist, start, budget_s=1, seed=1, moves=20_000, cores=1)
    assert is_legal(netlist, placed)


def test_pins_turn_towards_each_other() -> None:
    netlist, start = blocks_of([(2, 2), (2, 2)], [[0, 1]], 10, offsets=[(-1, 0), (1, 0)])
    placed = floorplanner.place(netlist, start, budget_s=1, seed=1, moves=4_000, cores=1)
    assert hpwl_um(netlist, placed) == pytest.approx(0, abs=1e-3)


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_blocks_end_legal(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 8))
    side = st.floats(0.5, 20)
    sizes = [(data.draw(side), data.draw(side)) for _ in range(count)]
    nodes = st.integers(0, count)
    nets = data.draw(st.lists(st.lists(nodes, min_size=1, max_size=4), min_size=1, max_size=6))
    area = sum(width * height for width, height in sizes)
    outline = max(2 * area**0.5, *itertools.chain(*sizes)) * 1.01
    netlist, start = blocks_of(sizes, nets, outline)
    gap = data.draw(st.sampled_from([0.0, 0.1]))
    placed = floorplanner.place(
        netlist,
        start,
        budget_s=1,
        seed=data.draw(st.integers(0, 9)),
        moves=2_000,
        cores=1,
        gap_um=gap,
    )
    assert is_legal(netlist, placed)
    width, height = oriented_size(netlist, placed)
    for a, b in itertools.combinations(range(count), 2):
        x_space = abs(placed.x_um[a] - placed.x_um[b]) - (width[a] + width[b]) / 2
        y_space = abs(placed.y_um[a] - placed.y_um[b]) - (height[a] + height[b]) / 2
        assert max(x_space, y_space) >= gap


def test_a_real_set_is_legal_and_the_same_again(data_file: DataFile) -> None:
    netlist, start = floorplan.read(data_file("floorplan/gsrc/n30/n30.hardblocks.gz"))
    placed, again = (
        floorplanner.place(netlist, start, budget_s=1, seed=3, moves=100_000, cores=2)
        for _ in range(2)
    )
    assert is_legal(netlist, placed)
    assert np.array_equal(placed.x_um, again.x_um)
    assert np.array_equal(placed.orient, again.orient)
    ports = netlist.nodes_of(NodeKind.PORT)
    assert np.array_equal(placed.x_um[ports], start.x_um[ports])
    assert set(placed.orient.tolist()) <= {Orient.N, Orient.W}


def soft(netlist: Netlist, least: float, greatest: float) -> Netlist:
    """The netlist with blocks of any proportions in a range."""
    aspect = np.full((netlist.num_nodes, 2), (least, greatest), dtype=np.float64)
    aspect[netlist.node_kind == NodeKind.PORT] = np.nan
    return replace(netlist, aspect_range=aspect)


def test_soft_blocks_take_the_shapes_that_fit() -> None:
    """Two squares of 4 do not fit into 4 x 8 on its side, nor into 5.7 x 5.7; as 2 x 8 they do."""
    netlist, start = blocks_of([(4, 4), (4, 4)], [[0, 1, 2]], 5.7)
    with pytest.raises(ChipError, match="no floorplan inside"):
        floorplanner.place(netlist, start, budget_s=1, seed=1, moves=20_000, cores=1)
    placed = floorplanner.place(
        soft(netlist, 0.25, 4), start, budget_s=1, seed=1, moves=20_000, cores=1
    )
    assert is_legal(soft(netlist, 0.25, 4), placed)
    assert placed.size_um is not None
    assert (placed.size_um[:2, 0] * placed.size_um[:2, 1]).tolist() == pytest.approx([16, 16])
    assert set(placed.orient.tolist()) == {Orient.N}


def test_soft_blocks_of_one_shape_take_it() -> None:
    netlist, start = blocks_of([(4, 4), (3, 5)], [[0, 1, 2]], 20)
    placed = floorplanner.place(
        soft(netlist, 4, 4), start, budget_s=1, seed=1, moves=1_000, cores=1
    )
    assert is_legal(soft(netlist, 4, 4), placed)
    assert placed.size_um is not None
    assert placed.size_um[0].tolist() == pytest.approx([8, 2])


def test_soft_blocks_with_pins_off_their_centre_keep_their_shape() -> None:
    netlist, start = blocks_of([(2, 2), (2, 2)], [[0, 1]], 10, offsets=[(-1, 0), (0, 0)])
    placed = floorplanner.place(
        soft(netlist, 0.5, 2), start, budget_s=1, seed=1, moves=2_000, cores=1
    )
    assert placed.size_um is not None
    assert placed.size_um[0].tolist() == [2, 2]


def test_few_long_blocks_find_their_way_into_the_outline(data_file: DataFile) -> None:
    netlist, start = floorplan.read(data_file("floorplan/mcnc/hp/hp.blocks.gz"))
    assert netlist.canvas.width_um == pytest.approx(1.5 * netlist.canvas.height_um)
    for seed in range(3):
        placed = floorplanner.place(netlist, start, budget_s=1, seed=seed, moves=400_000, cores=1)
        assert is_legal(netlist, placed)


def test_regions_are_refused_and_scored_where_they_are_not_kept() -> None:
    netlist, start = blocks_of([(2, 2), (2, 2)], [[0, 1, 2]], 10)
    closed = Fences(
        name=("blockage",),
        exclusive=np.array([True]),
        box_um=np.array([[0.0, 0.0, 4.0, 10.0]]),
        box_fence=np.array([0]),
        node_fence=np.full(3, -1),
    )
    fenced = replace(netlist, fences=closed)
    with pytest.raises(InputError, match="the first is 'blockage'"):
        floorplanner.check(fenced, start)
    floorplanner.check(replace(fenced, fences=replace(closed, exclusive=np.array([False]))), start)
    placed = replace(start, x_um=np.array([3.0, 7.0, 0.0]), y_um=np.array([3.0, 7.0, 0.0]))
    scores = score(fenced, placed)
    assert scores["placement__off_fence__count"] == 1
    assert not is_legal_by_scores(scores)
    assert "placement__off_fence__count" not in score(netlist, placed)


def test_what_cannot_be_floorplanned_is_refused() -> None:
    netlist, start = blocks_of([(4, 2), (20, 2)], [[0, 1, 2]], 10)
    with pytest.raises(InputError, match="'b1' of 20 x 2 does not fit into the canvas of 10 x 10"):
        floorplanner.place(netlist, start, budget_s=1, seed=1, moves=10)
    netlist, start = blocks_of([(6, 6), (6, 6)], [[0, 1, 2]], 10)
    with pytest.raises(ChipError, match="no floorplan inside the canvas") as caught:
        floorplanner.place(netlist, start, budget_s=1, seed=1, moves=2_000, cores=1)
    assert "--budget" in caught.value.hint
    with pytest.raises(InputError, match="places of the ports"):
        floorplanner.place(netlist, None, budget_s=1, seed=1, moves=10)
