"""Scores, suite runs and their tables."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import registry
from benchmarks.files import Benchmark
from benchmarks.kept_runs import KeptRuns, read_runs
from benchmarks.placement import Result, is_legal, main_metric, run_suite, score
from benchmarks.published import Published
from benchmarks.summary import summarize
from benchmarks.table import run_line, to_json, to_markdown
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
    assert main_metric(scores) == "placement__proxy__cost__robust"


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
            {"initial": placement, "legalized": replace(placement, x_um=placement.x_um + 0.5)},
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
def test_a_placer_that_moves_what_is_fixed_is_not_legal() -> None:
    def cheats(
        netlist: Netlist, start: Placement | None, *, budget_s: float, seed: int
    ) -> Placement:
        placed = swap(netlist, start, budget_s=budget_s, seed=seed)
        y = placed.y_um.copy()
        y[0] += 5.0  # a port
        return replace(placed, y_um=y)

    honest, cheated = (
        next(run_suite(place, ["one"], budgets_s=[1.0], seeds=[1])) for place in (swap, cheats)
    )
    assert honest.scores["placement__moved_fixed__count"] == 0
    assert honest.legal
    assert cheated.scores["placement__moved_fixed__count"] == 1
    assert not cheated.legal
    assert "NO (0)" in to_markdown([cheated])


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
def test_kept_runs_are_handed_on_and_not_run_again() -> None:
    placed: list[int] = []

    def counting(
        netlist: Netlist, start: Placement | None, *, budget_s: float, seed: int
    ) -> Placement:
        placed.append(seed)
        return swap(netlist, start, budget_s=budget_s, seed=seed)

    (old,) = run_suite(swap, ["one"], budgets_s=[1.0], seeds=[2])
    results = list(
        run_suite(counting, ["one"], budgets_s=[1.0], seeds=[1, 2, 3], kept={old.key: old})
    )
    assert placed == [1, 3]
    assert [result.seed for result in results] == [1, 2, 3]
    assert results[1] is old


@pytest.mark.usefixtures("tiny_suite")
def test_suite_starts_where_it_is_told_to() -> None:
    starts: list[float] = []

    def looking(
        netlist: Netlist, start: Placement | None, *, budget_s: float, seed: int
    ) -> Placement:
        assert start is not None
        starts.append(float(start.x_um[2]))
        return start

    list(run_suite(looking, ["one"], budgets_s=[1.0], seeds=[1], start="legalized"))
    assert starts == [10.5]
    with pytest.raises(InputError, match="no placement called 'final'"):
        list(run_suite(looking, ["one"], budgets_s=[1.0], seeds=[1], start="final"))


def run(seed: int, robust: float, *, overlaps: int = 0, wall_s: float = 1.0) -> Result:
    """A run with made-up scores; the nominal cost is the robust one less a tenth."""
    scores = {
        "placement__proxy__cost": robust - 0.1,
        "placement__proxy__cost__robust": robust,
        "placement__proxy__wirelength": robust / 10,
        "placement__hard_overlaps__count": float(overlaps),
        "time__wall_s": wall_s,
    }
    published = (
        Published("somebody", "placement__proxy__cost", 0.5, "a/b@01234567, results.md"),
        Published("somebody", "placement__wirelength__hpwl_um", 77.0, "elsewhere"),
    )
    return Result("one", 1.5, seed, scores, published)


def test_summary_takes_median_mean_and_best_of_the_robust_cost() -> None:
    runs = [run(1, 0.7, wall_s=3.0), run(2, 0.4), run(3, 0.6, wall_s=2.0, overlaps=1)]
    (summary,) = summarize(runs)
    assert (summary.runs, summary.metric) == (3, "placement__proxy__cost__robust")
    assert summary.median == 0.6
    assert summary.mean == pytest.approx(1.7 / 3)
    assert summary.best == 0.4
    assert summary.median_scores == runs[2].scores
    assert summary.legal_runs == 2
    assert summary.wall_s == 2.0
    assert [entry.value for entry in summary.published] == [0.5]


def test_summary_of_an_even_number_of_runs_and_of_several_budgets() -> None:
    runs = [run(1, 0.7), run(2, 0.4)]
    longer = replace(run(1, 0.3), budget_s=9.0)
    both, one = summarize([*runs, longer])
    assert both.median == pytest.approx(0.55)
    assert both.median_scores["placement__proxy__cost__robust"] == 0.4
    assert (one.budget_s, one.median, one.runs) == (9.0, 0.3, 1)


def test_tables_stand_beside_the_published() -> None:
    text = to_markdown([run(1, 0.7), run(2, 0.4), run(3, 0.6)])
    lines = text.splitlines()
    assert lines[0].startswith("| design | budget s | runs | robust cost: median | mean | best |")
    assert lines[2].startswith("| one | 1.5 | 3 | 0.6000 | 0.5667 | 0.4000 | 0.5000 | 0.0600 | 0 |")
    assert "| yes | 1.0 | 0.5000 somebody [1] (+20.0%) |" in lines[2]
    assert "77" not in lines[2]  # another metric
    assert "[1] a/b@01234567, results.md  " in lines
    runs = lines[lines.index("Every run:") + 2 :]
    assert [line.split(" | ")[2:4] for line in runs[2:]] == [
        ["1", "0.7000"],
        ["2", "0.4000"],
        ["3", "0.6000"],
    ]
    for table in (lines[:3], runs):
        assert len({line.count("|") for line in table}) == 1


def test_json_has_summary_and_every_run() -> None:
    runs = [run(1, 0.7), run(2, 0.4)]
    record = json.loads(json.dumps(to_json(runs, {"suite": "tilos"})))
    assert record["made_with"] == {"suite": "tilos"}
    assert record["summary"][0]["median"] == pytest.approx(0.55)
    assert record["summary"][0]["published"][0]["source"] == "a/b@01234567, results.md"
    assert [row["seed"] for row in record["runs"]] == [1, 2]
    assert record["runs"][0]["placement__proxy__cost"] == pytest.approx(0.6)
    assert record["runs"][0]["legal"] is True


def test_table_says_what_is_not_legal_or_not_known() -> None:
    bad = replace(run(1, 0.7, overlaps=2), published=())
    text = to_markdown([bad, run(2, 0.8)])
    assert "| NO (1) |" in text.splitlines()[2]
    assert "none known" in text.splitlines()[2]
    assert text.count("| NO |") == 1
    assert "NOT legal" in run_line(bad)


def test_runs_are_kept_if_they_were_made_in_the_same_way(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    assert read_runs(file, {"suite": "tilos"}) == KeptRuns()
    made_with = {"suite": "tilos", "code": "0123"}
    runs = [replace(run(seed, 0.6), design="nvdla_ng45") for seed in (1, 2)]
    file.write_text(json.dumps(to_json(runs, made_with)))
    kept = read_runs(file, made_with)
    assert [result.key for result in kept.results] == [result.key for result in runs]
    assert [result.scores for result in kept.results] == [result.scores for result in runs]
    assert any(entry.value == 0.6716 for entry in kept.results[0].published)
    other = read_runs(file, made_with | {"code": "4567", "start": "none"})
    assert other == KeptRuns((), 2, ("code", "start"))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"made_with": {}, "runs": [{"design": "one"}]}', '{"runs": 3']
)
def test_what_is_no_results_file_is_not_overwritten(tmp_path: Path, text: str) -> None:
    file = tmp_path / "results.json"
    file.write_text(text)
    with pytest.raises(InputError, match=r"not a results\.json") as error:
        read_runs(file, {})
    assert str(file) in error.value.where
