"""Cell inflation: fewer wires too many, legal cells, and limits that hold."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import placers
from agents.flat.detailed.refine import StepGain
from agents.flat.inflation import FULLEST, MOST, SHARE, inflated_sites
from agents.flat.placer import place, place_cells
from agents.flat.routable import inflation_rounds
from agents.flat.row_legal import legalize_rows
from agents.progress import Progress
from placement_env.netlist import IntArray, Netlist, NodeKind, Placement, Rows, hpwl_um
from placement_env.route_estimate import GRID_ROWS, TrackSupply, estimate_routes
from placement_env.row_legality import check_rows
from tests.agents.flat.test_fences import LOW_LEFT, UPPER, fenced
from tests.agents.legality import assert_same
from tests.agents.row_designs import row_design

#: Too few tracks for `crowded`, where its cells lie as close as they like, and enough anywhere.
SCARCE, AMPLE = TrackSupply(2.6, 2.6, 0.0, 0.0), TrackSupply(50.0, 50.0, 0.0, 0.0)
NONE = TrackSupply(0.0, 0.0, 0.0, 0.0)


def crowded(*, cells: int = 800, utilization: float = 0.4) -> tuple[Netlist, Placement]:
    netlist, start = row_design(cells=cells, utilization=utilization)
    return netlist, replace(start, x_um=np.nan_to_num(start.x_um), y_um=np.nan_to_num(start.y_um))


def overflow(netlist: Netlist, placement: Placement, tracks: TrackSupply) -> float:
    assert netlist.rows is not None
    cell_um = GRID_ROWS * float(netlist.rows.height_um[0])
    return estimate_routes(netlist, placement, tracks, cell_um=cell_um).overflow


@pytest.mark.parametrize(("density", "tracks_per_um"), [(1.0, 2.6), (0.85, 2.4)])
def test_fewer_wires_are_too_many_and_cells_stay_legal(
    density: float, tracks_per_um: float
) -> None:
    netlist, start = crowded()
    tracks = TrackSupply(tracks_per_um, tracks_per_um, 0.0, 0.0)

    def helps(seed: int) -> bool:
        plain = place(netlist, start, seed=seed, density=density)
        routable = place(netlist, start, seed=seed, density=density, tracks=tracks)
        report = check_rows(netlist, routable, start=start)
        assert report.legal, report.describe(netlist)
        before, after = (overflow(netlist, found, tracks) for found in (plain, routable))
        assert before > 5
        return after < 0.6 * before

    # Where cells lie loosely, a round is not always worth its wires.
    assert any(helps(seed) for seed in (2, 3, 4))


def test_where_tracks_suffice_nothing_changes() -> None:
    netlist, start = crowded(cells=300)
    plain = place(netlist, start, seed=1)
    assert_same(plain, place(netlist, start, seed=1, tracks=AMPLE))
    assert_same(plain, place_cells(netlist, start, seed=1, tracks=AMPLE))


def test_where_tracks_are_far_too_few_wires_are_not_made_longer() -> None:
    netlist, start = crowded(cells=300)
    few = TrackSupply(0.5, 0.5, 0.0, 0.0)
    plain = place(netlist, start, seed=1)
    assert overflow(netlist, plain, few) > 100
    assert_same(plain, place(netlist, start, seed=1, tracks=few))


def test_cells_around_searched_macros_get_room_too() -> None:
    netlist, start = row_design(cells=500, macros=2, utilization=0.4)
    found = [
        placers.named("quadratic")(netlist, start, budget_s=1, seed=1, tracks=tracks)
        for tracks in (None, SCARCE)
    ]
    assert all(check_rows(netlist, placed).legal for placed in found)
    before, after = (overflow(netlist, placed, SCARCE) for placed in found)
    assert 0 < after < before


@pytest.mark.parametrize(
    ("exclusive", "tracks_per_um"), [([True, True], 2.4), ([False, False], 2.1)]
)
def test_cells_get_room_in_their_fences_and_beside_them(
    exclusive: list[bool], tracks_per_um: float
) -> None:
    netlist, start = fenced([LOW_LEFT, UPPER], [0, 1], exclusive, bound=60)
    tracks = TrackSupply(tracks_per_um, tracks_per_um, 0.0, 0.0)
    before, after = (place(netlist, start, seed=1, tracks=t) for t in (None, tracks))
    report = check_rows(netlist, after, start=start)
    assert report.legal, report.describe(netlist)
    assert overflow(netlist, after, tracks) < overflow(netlist, before, tracks)


def test_all_rounds_are_one_step() -> None:
    netlist, start = crowded()
    steps: list[StepGain] = []
    placed = place(netlist, start, seed=1, tracks=SCARCE, on_step=steps.append)
    assert [step.step for step in steps[:3]] == ["cells spread", "cells inflated", "cells on rows"]
    assert steps[1].moved > 0
    # Cells get their own widths back, which moves them by half a site at most.
    assert steps[-1].after_um == pytest.approx(hpwl_um(netlist, placed), rel=1e-3)
    for before, after in pairwise(steps):
        assert after.before_um == pytest.approx(before.after_um)


@pytest.mark.parametrize("phase", ["cells inflated", "cells spread again"])
@pytest.mark.parametrize("time", [1, 2])
def test_ctrl_c_leaves_a_legal_placement(phase: str, time: int) -> None:
    netlist, start = crowded()
    phases: list[str] = []

    def press(progress: Progress) -> None:
        phases.append(progress.phase)
        if phases.count(phase) == time and progress.phase == phase:
            raise KeyboardInterrupt

    placed = place(netlist, start, seed=1, tracks=SCARCE, progress=press)
    report = check_rows(netlist, placed, start=start)
    assert report.legal, report.describe(netlist)
    assert phases.count(phase) == time
    assert phases[-1] == "cells on rows"


def test_rounds_end_where_one_does_not_help() -> None:
    netlist, start = crowded(cells=300)
    spread = place(netlist, start, seed=1)
    rounds = list(inflation_rounds(netlist, spread, SCARCE, lambda _, at: at))
    assert len(rounds) == 2
    assert rounds[0].netlist is netlist
    assert rounds[0].placement is spread
    assert rounds[1].overflow >= rounds[0].overflow > 0
    more_um = rounds[1].netlist.width_um - netlist.width_um
    cells = netlist.nodes_of(NodeKind.STANDARD_CELL)
    assert more_um.min() == 0
    assert more_um[cells].max() > 0
    assert not more_um[netlist.fixed].any()
    assert netlist.rows is not None
    site_um = netlist.rows.site_width_um[0]
    assert more_um / site_um == pytest.approx(np.rint(more_um / site_um), abs=1e-6)


def test_full_rows_have_no_room_for_wider_cells() -> None:
    netlist, start = crowded(cells=300, utilization=0.95)
    plain = place(netlist, start, seed=1)
    assert overflow(netlist, plain, NONE) > 0
    assert_same(plain, place(netlist, start, seed=1, tracks=NONE))


def test_cells_too_wide_for_the_runs_of_rows_are_not_tried() -> None:
    """Cells of five sites, each alone in a run of five, beside runs of one site for nobody."""
    netlist, _ = row_design(cells=40, site_um=1.0, row_um=2.0)
    first = np.concatenate([10 * np.arange(12), 10 * np.arange(12) + 6, 10 * np.arange(12) + 8])
    sites = np.repeat([5, 1, 1], 12)
    first, sites = np.append(first, 120), np.append(sites, 8)
    rows = Rows(
        x_um=np.tile(first, 4).astype(np.float64),
        y_um=np.repeat(2.0 * np.arange(4, dtype=np.float64), 37),
        height_um=np.full(4 * 37, 2.0),
        site_width_um=np.ones(4 * 37),
        sites=np.tile(sites, 4),
        orient=np.zeros(4 * 37, np.int64),
    )
    rng = np.random.default_rng(1)
    count = netlist.num_nodes
    width_um = np.where(netlist.fixed, netlist.width_um, 5.0)
    canvas = replace(netlist.canvas, right_um=128.0, top_um=8.0)
    netlist = replace(netlist, rows=rows, width_um=width_um, canvas=canvas)
    anywhere = Placement(
        rng.uniform(0, 120, count), rng.uniform(0, 8, count), np.zeros(count, np.int64)
    )
    legal = legalize_rows(netlist, anywhere)
    assert overflow(netlist, legal, NONE) > 0
    tried: list[Netlist] = []

    def again(wide: Netlist, at: Placement) -> Placement:
        tried.append(wide)
        return at

    (only,) = inflation_rounds(netlist, legal, NONE, again)
    assert only.netlist is netlist
    assert (tried[0].width_um > netlist.width_um).sum() > 4


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_widths_keep_their_limits(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 30))
    first = np.array([data.draw(st.integers(1, 12)) for _ in range(count)])
    sites = np.array([data.draw(st.integers(least, int(MOST * least))) for least in first])
    usage = np.array(
        [data.draw(st.sampled_from([0.0, 0.9, 1.0, 1.01, 1.3, 2.0, 1e6])) for _ in range(count)]
    )
    free, longest = data.draw(st.integers(0, 900)), data.draw(st.integers(0, 40))
    found = inflated_sites(sites, usage, first=first, free=free, longest=longest)
    assert found.dtype == np.int64
    assert (found >= sites).all()
    assert (found <= 2 * sites).all()
    assert (found <= np.maximum(sites, np.floor(MOST * first))).all()
    assert (found <= np.maximum(sites, longest)).all()
    assert (found == sites)[usage <= 1].all()
    more = found.sum() - sites.sum()
    assert more <= max(SHARE * (free - sites.sum()), 0) + 1e-6
    assert more == 0 or found.sum() <= FULLEST * free + 1e-6


def test_cells_grow_by_the_square_of_the_usage_and_share_what_room_there_is() -> None:
    ten = np.full(4, 10)
    usage = np.array([0.5, 1.0, 1.2, 3.0])

    def after(sites: IntArray, free: int, longest: int = 100) -> list[int]:
        return inflated_sites(sites, usage, first=ten, free=free, longest=longest).tolist()

    assert after(ten, 1000) == [10, 10, 14, 20]
    # The last one has been made wider before: two and a half times are the end.
    assert after(np.array([10, 10, 10, 24]), 1000) == [10, 10, 14, 25]
    # No run of free sites holds a cell of 16.
    assert after(ten, 1000, longest=15) == [10, 10, 14, 15]
    # A tenth of 60 free sites, dealt as 4.4 to 10 would be.
    assert after(ten, 100) == [10, 10, 11, 15]
    # Equally crowded cells grow alike, but for whole sites.
    many = np.full(50, 10)
    grown = inflated_sites(many, np.full(50, 1.5), first=many, free=600, longest=60)
    assert grown.sum() == 510
    assert set(grown.tolist()) == {10, 11}
