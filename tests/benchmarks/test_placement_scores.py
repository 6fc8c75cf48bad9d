"""Scores, suite runs and their tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import registry
from benchmarks.files import Benchmark
from benchmarks.placement import Result, is_legal, main_metric, run_suite, score
from benchmarks.published import Published
from benchmarks.table import to_json, to_markdown
from placement_env.errors import InputError
from placement_env.metrics import METRICS
from placement_env.netlist import Netlist, Placement, hpwl_um
from tests.agents.row_designs import row_design
from tests.benchmarks.tiny import tiny

PROXY = [
    "placement__proxy__cost",
    "placement__proxy__cost__robust",
    "placement__proxy__wirelength",
    "placement__proxy__density",
    "placement__proxy__congestion",
]


def test_clustered_scores() -> None:
    netlist, placement = tiny()
    scores = score(netlist, placement)
    assert set(scores) <= set(METRICS)
    assert set(PROXY) <= set(scores)
    assert scores["placement__hard_overlaps__count"] == 1
    assert scores["placement__outside__count"] == 0
    assert scores["placement__macro__count"] == 3
    assert scores["placement__wirelength__hpwl_um"] == hpwl_um(netlist, placement)
    assert scores["placement__proxy__cost"] == pytest.approx(
        scores["placement__proxy__wirelength"]
        + 0.5 * scores["placement__proxy__density"]
        + 0.5 * scores["placement__proxy__congestion"]
    )
    assert not is_legal(scores)
    assert main_metric(scores) == "placement__proxy__cost"


def test_what_sticks_out_is_counted() -> None:
    netlist, placement = tiny()
    x = placement.x_um.copy()
    x[3] = 56.0
    scores = score(netlist, replace(placement, x_um=x))
    assert scores["placement__outside__count"] == 1
    assert scores["placement__hard_overlaps__count"] == 0
    assert not is_legal(scores)


def test_robust_cost_is_the_same_every_time() -> None:
    netlist, placement = tiny()
    assert score(netlist, placement) == score(netlist, placement)


def test_clustered_without_grid_has_no_proxy() -> None:
    netlist, placement = tiny()
    scores = score(replace(netlist, grid=None), placement)
    assert not set(PROXY) & set(scores)
    assert main_metric(scores) == "placement__wirelength__hpwl_um"


def test_flat_scores_judge_rows() -> None:
    netlist, start = row_design(cells=40, macros=2, seed=3)
    # All cells in one row, on sites, side by side.
    cells = np.flatnonzero(netlist.node_kind == 3)
    rows = netlist.rows
    assert rows is not None
    left = rows.x_um[0] + np.concatenate([[0], np.cumsum(netlist.width_um[cells])[:-1]])
    x, y, orient = start.x_um.copy(), start.y_um.copy(), start.orient.copy()
    x[cells] = left + netlist.width_um[cells] / 2
    y[cells] = rows.y_um[0] + rows.height_um[0] / 2
    orient[cells] = rows.orient[0]
    scores = score(netlist, Placement(x, y, orient))
    assert not set(PROXY) & set(scores)
    assert scores["placement__cell_overlaps__count"] == 0
    assert scores["placement__off_site__count"] == 0
    assert scores["placement__macro__count"] == 2

    x[cells[0]] += 0.05  # off its site, into its neighbour
    y[cells[5]] += 0.7  # between two rows
    scores = score(netlist, Placement(x, y, orient))
    assert scores["placement__cell_overlaps__count"] == 1
    assert scores["placement__off_site__count"] == 1
    assert scores["placement__off_row__count"] >= 1

    macros = np.flatnonzero(netlist.node_kind == 1)
    x[macros[1]] = x[macros[0]] + netlist.width_um[macros[0]]  # they abut
    assert score(netlist, Placement(x, y, orient))["placement__hard_overlaps__count"] == 0
    x[macros[1]] -= 0.01
    assert score(netlist, Placement(x, y, orient))["placement__hard_overlaps__count"] == 1


def test_a_node_without_position_is_named() -> None:
    netlist, placement = tiny()
    x = placement.x_um.copy()
    x[4] = np.nan
    with pytest.raises(InputError, match="'ram2'"):
        score(netlist, replace(placement, x_um=x))


@pytest.fixture
def tiny_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    netlist, placement = tiny()

    def load(name: str) -> Benchmark:
        published = (
            Published("somebody", "placement__proxy__cost", 0.5, "a/b@01234567, results.md"),
            Published("somebody", "placement__wirelength__hpwl_um", 77.0, "elsewhere"),
        )
        return Benchmark(
            name,
            netlist,
            {"initial": placement},
            read=lambda file: (netlist, placement),
            write=lambda folder, placement: folder,
            published=published,
        )

    monkeypatch.setattr(registry, "load", load)


def swap(netlist: Netlist, start: Placement | None, *, budget_s: float, seed: int) -> Placement:
    """A placer that takes ram1 away from ram0, the less far the larger the seed."""
    assert start is not None
    x = start.x_um.copy()
    x[3] = 60.0 - 5.0 * seed
    return replace(start, x_um=x)


@pytest.mark.usefixtures("tiny_suite")
def test_suite_runs_every_design_budget_and_seed() -> None:
    begun: list[tuple[str, float, int]] = []
    results = list(
        run_suite(
            swap,
            ["one", "two"],
            budgets_s=[1.0, 2.0],
            seeds=[1, 2],
            begin=lambda benchmark, *run: begun.append((benchmark.name, *run)),
        )
    )
    runs = [(name, b, seed) for name in ("one", "two") for b in (1.0, 2.0) for seed in (1, 2)]
    assert begun == runs
    assert [(r.design, r.budget_s, r.seed) for r in results] == runs
    assert all(result.legal for result in results)
    assert all(result.scores["time__wall_s"] >= 0 for result in results)
    assert (
        results[0].scores["placement__proxy__wirelength"]
        != results[1].scores["placement__proxy__wirelength"]
    )


@pytest.mark.usefixtures("tiny_suite")
def test_suite_results_come_one_by_one() -> None:
    def fails_later(
        netlist: Netlist, start: Placement | None, *, budget_s: float, seed: int
    ) -> Placement:
        if seed == 2:
            raise InputError("the placer gives up")
        return swap(netlist, start, budget_s=budget_s, seed=seed)

    runs = run_suite(fails_later, ["one"], budgets_s=[1.0], seeds=[1, 2])
    assert next(runs).seed == 1
    with pytest.raises(InputError, match="gives up"):
        next(runs)


@pytest.mark.usefixtures("tiny_suite")
def test_table_and_json_stand_beside_the_published() -> None:
    (result,) = run_suite(swap, ["one"], budgets_s=[1.5], seeds=[7])
    (row,) = to_json([result])
    assert row["design"] == "one"
    assert row["placement__proxy__cost"] == result.scores["placement__proxy__cost"]
    assert row["published"][0]["source"] == "a/b@01234567, results.md"
    assert row["legal"] is True
    lines = to_markdown([result, result]).splitlines()
    assert len({line.count("|") for line in lines[:4]}) == 1
    change = result.scores["placement__proxy__cost"] / 0.5 - 1
    assert f"0.5000 somebody [1] ({change:+.1%})" in lines[2]
    assert "77" not in lines[2]  # another metric
    assert lines[-1] == "[1] a/b@01234567, results.md"


def test_table_says_what_is_not_legal_or_not_known() -> None:
    netlist, placement = tiny()
    scores = score(netlist, placement) | {"time__wall_s": 1.0}
    row = to_markdown([Result("one", 1.0, 1, scores, ())]).splitlines()[2]
    assert "| NO |" in row
    assert "none known" in row
