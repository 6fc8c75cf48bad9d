from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agents.cells import place_cells
from agents.row_segments import fit_cells, free_segments
from placement_env.errors import InputError
from placement_env.netlist import NodeKind, hpwl_um
from placement_env.row_legality import check_rows
from tests.agents.row_designs import row_design


@pytest.mark.parametrize(
    "shape",
    [
        {"cells": 300},
        {"cells": 300, "utilization": 0.97},
        {"cells": 300, "utilization": 0.2},
        {"cells": 600, "macros": 3},
        {"cells": 600, "taps": 30, "utilization": 0.5},
        {"cells": 300, "site_um": 1.0, "row_um": 16.0, "origin_um": (0.0, 0.0)},
        {"cells": 1, "utilization": 0.2},
    ],
)
def test_cells_end_legal_and_everything_fixed_stays(shape):
    netlist, start = row_design(**shape)
    placed = place_cells(netlist, start, effort=1)
    report = check_rows(netlist, placed)
    assert report.legal, report.describe(netlist)
    for before, after in ((start.x_um, placed.x_um), (start.y_um, placed.y_um)):
        assert np.array_equal(before[netlist.fixed], after[netlist.fixed])


def test_the_same_seed_gives_the_same_placement():
    netlist, start = row_design(cells=300, macros=2)
    first, second = (place_cells(netlist, start, effort=1, seed=7) for _ in range(2))
    assert np.array_equal(first.x_um, second.x_um)
    assert np.array_equal(first.y_um, second.y_um)
    assert np.array_equal(first.orient, second.orient)


def test_the_result_is_far_shorter_than_cells_in_name_order():
    netlist, start = row_design(cells=500)
    rng = np.random.default_rng(1)
    assert netlist.rows is not None
    shuffled = place_cells(netlist, start, effort=1)
    cells = netlist.nodes_of(NodeKind.STANDARD_CELL)
    mixed = rng.permutation(cells)
    x, y = shuffled.x_um.copy(), shuffled.y_um.copy()
    x[cells], y[cells] = x[mixed], y[mixed]
    assert hpwl_um(netlist, shuffled) < 0.5 * hpwl_um(netlist, replace(shuffled, x_um=x, y_um=y))


def test_nothing_goes_to_standard_output(capfd):
    place_cells(*row_design(cells=100), effort=1)
    assert capfd.readouterr().out == ""


def test_too_many_cells_name_the_utilisation():
    netlist, start = row_design(cells=200, utilization=1.3)
    with pytest.raises(InputError, match=r"utilisation 1\.[12]"):
        place_cells(netlist, start)


def test_bad_input_is_refused_with_the_reason():
    netlist, start = row_design(cells=20)
    height, kind = netlist.height_um.copy(), netlist.node_kind.copy()
    height[3] = 2.8
    kind[0] = NodeKind.SOFT_MACRO
    with pytest.raises(InputError, match="no rows"):
        place_cells(replace(netlist, rows=None), start)
    with pytest.raises(InputError, match=r"cell n3 is 2\.8 um high"):
        place_cells(replace(netlist, height_um=height), start)
    with pytest.raises(InputError, match="port n20 has no position"):
        place_cells(netlist, replace(start, x_um=np.full(netlist.num_nodes, np.nan)))
    with pytest.raises(InputError, match="effort is 0"):
        place_cells(netlist, start, effort=0)
    with pytest.raises(InputError, match="n0 is a soft macro"):
        place_cells(replace(netlist, node_kind=kind), start)


def test_a_cell_wider_than_every_row_is_named():
    netlist, start = row_design(cells=20)
    width = netlist.width_um.copy()
    width[7] = netlist.canvas.width_um
    with pytest.raises(InputError, match=r"n7 is \d+ sites wide"):
        place_cells(replace(netlist, width_um=width), start)


@settings(deadline=None)
@given(
    st.integers(0, 1000),
    st.floats(0.1, 0.9),
    st.integers(0, 20),
    st.integers(0, 3),
)
def test_fitting_legalises_any_wish_and_keeps_what_is_legal(seed, utilization, taps, macros):
    netlist, start = row_design(
        cells=60, utilization=utilization, taps=taps, macros=macros, seed=seed
    )
    rows = netlist.rows
    assert rows is not None
    solid = np.flatnonzero(netlist.fixed & (netlist.width_um > 0))
    x, y = start.x_um[solid], start.y_um[solid]
    w, h = netlist.width_um[solid] / 2, netlist.height_um[solid] / 2
    segments = free_segments(rows, x - w, y - h, x + w, y + h)
    cells = np.arange(60)
    sites = np.rint(netlist.width_um[cells] / rows.site_width_um[0]).astype(np.int64)
    rng = np.random.default_rng(seed)
    left = rng.uniform(-5, netlist.canvas.right_um + 5, 60)
    bottom = rng.uniform(-5, netlist.canvas.top_um + 5, 60)
    try:
        row, site = fit_cells(rows, segments, sites, left, bottom)
    except InputError:
        assume(utilization < 0.3)  # crumbs between obstacles may be too short
        raise
    placed = replace(
        start,
        x_um=np.concatenate(
            [rows.x_um[row] + site * rows.site_width_um[0] + netlist.width_um[:60] / 2,
             start.x_um[60:]]
        ),
        y_um=np.concatenate([rows.y_um[row] + rows.height_um[0] / 2, start.y_um[60:]]),
        orient=np.concatenate([rows.orient[row], start.orient[60:]]),
    )  # fmt: skip
    report = check_rows(netlist, placed)
    # Taps may lie on macros in these designs; no cell may lie on anything.
    assert not (report.overlap_pairs < 60).any(), report.describe(netlist)
    assert not (report.off_row_nodes < 60).any()
    assert not (report.off_site_nodes < 60).any()
    again = fit_cells(
        rows, segments, sites,
        placed.x_um[:60] - netlist.width_um[:60] / 2, rows.y_um[row],
    )  # fmt: skip
    assert np.array_equal(again[0], row)
    assert np.array_equal(again[1], site)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_placer_dies_with_the_process_that_asked_for_it():
    program = (
        "from agents.cells import place_cells\n"
        "from tests.agents.row_designs import row_design\n"
        "netlist, start = row_design(cells=8000)\n"
        "place_cells(netlist, start, effort=9)\n"
    )
    root = Path(__file__).resolve().parents[2]
    asker = subprocess.Popen([sys.executable, "-c", program], cwd=root)

    def placers() -> list[int]:
        found = []
        for folder in Path("/proc").iterdir():
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            ours = any(word.endswith(b"coloquinte_run.py") for word in words)
            if ours and words[-2] == str(asker.pid).encode():
                found.append(int(folder.name))
        return found

    try:
        assert wait_until(lambda: placers() != [], 60)
        time.sleep(0.3)  # past the placer's first lines, which tie it to its parent
        asker.kill()
        asker.wait()
        assert wait_until(lambda: placers() == [], 10)
    finally:
        asker.kill()


def wait_until(condition: Callable[[], bool], limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
