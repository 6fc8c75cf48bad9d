"""Macros made legal: none overlaps, those that are legal stay, others move little."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.flat.macro_legal import legalize_macros
from placement_env.errors import InputError
from placement_env.netlist import NodeKind
from placement_env.row_legality import check_rows
from tests.agents.flat.random_flat import ROW_UM, SITE_UM, random_flat


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), macros=st.integers(1, 14), stay=st.booleans())
def test_macros_end_legal_on_rows_and_sites(seed: int, macros: int, stay: bool) -> None:
    netlist, wanted = random_flat(seed, cells=0, macros=macros)
    if stay:
        fixed = netlist.fixed.copy()
        fixed[0] = True
        wanted.x_um[0] = 10.0 + netlist.width_um[0] / 2 + 5.3
        wanted.y_um[0] = -4.0 + netlist.height_um[0] / 2 + 3.1
        netlist = replace(netlist, fixed=fixed)
    placed = legalize_macros(netlist, wanted)
    report = check_rows(netlist, placed)
    assert report.legal, report.describe(netlist)
    moved = (netlist.node_kind == NodeKind.HARD_MACRO) & ~netlist.fixed
    steps = np.stack(
        [
            (placed.x_um - netlist.width_um / 2 - 10) / SITE_UM,
            (placed.y_um - netlist.height_um / 2 + 4) / ROW_UM,
        ]
    )[:, moved]
    assert steps == pytest.approx(np.rint(steps), abs=1e-6)
    still = ~moved
    assert np.array_equal(placed.x_um[still], wanted.x_um[still])
    assert np.array_equal(placed.y_um[still], wanted.y_um[still])
    again = legalize_macros(netlist, placed)
    assert again.x_um == pytest.approx(placed.x_um, abs=1e-9)
    assert again.y_um == pytest.approx(placed.y_um, abs=1e-9)


def test_two_macros_move_apart_by_half_their_overlap_each() -> None:
    netlist, wanted = random_flat(1, cells=0, macros=2, pads=0)
    netlist = replace(netlist, width_um=np.full(2, 6.0), height_um=np.full(2, 8.0))
    wanted = replace(wanted, x_um=np.array([28.0, 32.0]), y_um=np.array([16.0, 16.0]))
    placed = legalize_macros(netlist, wanted)
    assert placed.x_um[1] - placed.x_um[0] == pytest.approx(6.0)
    assert np.abs(placed.x_um - wanted.x_um).sum() == pytest.approx(2.0)
    assert placed.y_um == pytest.approx([16.0, 16.0])


def test_a_gap_is_kept() -> None:
    netlist, wanted = random_flat(1, cells=0, macros=2, pads=0)
    netlist = replace(netlist, width_um=np.full(2, 6.0), height_um=np.full(2, 8.0))
    wanted = replace(wanted, x_um=np.array([28.0, 32.0]), y_um=np.array([16.0, 16.0]))
    placed = legalize_macros(netlist, wanted, gap_um=1.2)
    assert placed.x_um[1] - placed.x_um[0] == pytest.approx(7.5)


def test_macros_that_cannot_fit_are_an_error() -> None:
    netlist, wanted = random_flat(1, cells=0, macros=5, pads=0)
    netlist = replace(netlist, width_um=np.full(5, 22.0), height_um=np.full(5, 22.0))
    with pytest.raises(InputError):
        legalize_macros(netlist, wanted)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_tight_macros_find_an_order_that_fits(seed: int) -> None:
    """Twelve squares of 10 x 10 in a region of 40 x 40, all wanted near one point."""
    rng = np.random.default_rng(seed)
    netlist, wanted = random_flat(seed, cells=0, macros=12, pads=0)
    netlist = replace(netlist, width_um=np.full(12, 10.0), height_um=np.full(12, 10.0))
    x_um, y_um = rng.normal(30, 4, 12), rng.normal(16, 4, 12)
    placed = legalize_macros(netlist, replace(wanted, x_um=x_um, y_um=y_um))
    assert check_rows(netlist, placed).legal
