"""The scoreboard, the gate, and the memory of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.gate import Golden, compare, read_golden, to_toml, updated
from benchmarks.kept_runs import Record, read_record
from benchmarks.peak_memory import PeakMemory
from benchmarks.placement import Result
from benchmarks.published import published
from benchmarks.scoreboard import Board, placer_name, read_records, scoreboard
from benchmarks.scoreboard_table import to_markdown
from benchmarks.table import to_json
from chipflow.report.scoreboard_page import to_html
from placement_env.errors import InputError

ROBUST = "placement__proxy__cost__robust"
HPWL = "placement__wirelength__hpwl_um"


def record(
    runs: Mapping[str, Sequence[float]],
    *,
    suite: str = "tilos",
    metric: str = ROBUST,
    budget_s: float = 10.0,
    overlaps: int = 0,
    **made_with: Any,
) -> Record:
    """Runs with seeds 1 to n whose judged scores are given by design."""
    scores = {"placement__hard_overlaps__count": overlaps, "time__wall_s": 9.5}
    return Record(
        {"suite": suite, "agent": "search", **made_with},
        tuple(
            Result(design, budget_s, seed, {metric: value, **scores}, published(design))
            for design, values in runs.items()
            for seed, value in enumerate(values, start=1)
        ),
    )


def rows(board: Board) -> list[str]:
    return [row.placer for row in board.standings]


def test_placers_and_publications_are_ranked() -> None:
    (board,) = scoreboard(
        [
            record({"ariane133_ng45": [0.60, 0.58, 0.59], "nvdla_ng45": [0.65, 0.64, 0.66]}),
            record({"ariane133_ng45": [0.9]}, agent="random"),
            record({"ariane133_ng45": [0.57]}, budget_s=60.0),
        ]
    )
    assert board.suite == "tilos"
    assert board.designs == ("ariane133_ng45", "nvdla_ng45")
    assert board.best == {"ariane133_ng45": 0.57, "nvdla_ng45": 0.65}
    assert rows(board) == [
        "search",
        "search",
        "thinkorplace multidir, about 55 min",
        "thinkorplace E74",
        "Circuit Training, legalized",
        "random",
    ]
    first, second = board.standings[:2]
    assert (first.budget_s, first.over_best, first.seeds) == (60.0, 1.0, 1)
    assert second.values == {"ariane133_ng45": 0.59, "nvdla_ng45": 0.65}
    assert second.over_best == pytest.approx((0.59 / 0.57) ** 0.5)
    assert second.seeds == 3
    assert second.wall_s == 9.5


def test_the_record_with_more_seeds_counts() -> None:
    few = record({"ariane133_ng45": [0.5], "nvdla_ng45": [0.7]})
    many = record({"ariane133_ng45": [0.6, 0.6, 0.6]})
    for records in ([few, many], [many, few]):
        (board,) = scoreboard(records)
        (ours,) = [row for row in board.standings if not row.source]
        assert ours.values == {"ariane133_ng45": 0.6, "nvdla_ng45": 0.7}
        assert ours.seeds == 3


def test_what_is_not_legal_comes_last_and_is_never_best() -> None:
    good, bad = (
        record({"n10": [5e4]}, suite="gsrc", metric=HPWL),
        record({"n10": [10.0]}, suite="gsrc", metric=HPWL, agent="mine:place", overlaps=3),
    )
    (board,) = scoreboard([bad, good])
    assert board.best["n10"] == published("n10")[0].value < 5e4
    assert rows(board)[-1] == "mine:place"
    assert board.standings[-1].illegal == {"n10"}
    text = to_markdown([board])
    assert "10.0000 †" in text
    assert "**46,935**" in text
    # Where nothing legal is known there is nothing to be over.
    (alone,) = scoreboard([record({"apte": [10.0]}, suite="mcnc", metric=HPWL, overlaps=1)])
    assert alone.standings[0].over_best == float("inf")
    assert "inf" in to_markdown([alone])


def test_options_are_part_of_the_name() -> None:
    assert placer_name({"agent": "search", "start": "initial", "hard_only": False}) == "search"
    assert (
        placer_name({"agent": "search", "start": "none", "hard_only": True, "flips": True})
        == "search, hard macros alone, with flips, from nothing"
    )
    assert placer_name({"agent": "greedy", "moves": 100}) == "greedy, moves 100"
    assert placer_name({"agent": "greedy", "start": "legalized"}) == "greedy, from legalized"


def test_pages_name_every_published_number_with_its_source() -> None:
    boards = scoreboard(
        [
            record({"ariane133_ng45": [0.6]}),
            record({"ibm01": [2.4e6]}, suite="iccad04", metric=HPWL, agent="<b>:&place"),
        ]
    )
    assert [board.suite for board in boards] == ["tilos", "iccad04"]
    text, page = to_markdown(boards), to_html(boards)
    for entry in (*published("ariane133_ng45"), *published("ibm01")):
        assert entry.label in text
        assert entry.label in page
        assert entry.source in text
    assert "2,282,370" in page
    assert "https://github.com/brmurrell3/macro-placer/tree/faa2332b" in page
    assert "&lt;b&gt;:&amp;place" in page
    assert "<script" not in page


def test_results_are_found_below_a_folder(tmp_path: Path) -> None:
    made = record({"ariane133_ng45": [0.6, 0.61]})
    (tmp_path / "deep/er").mkdir(parents=True)
    file = tmp_path / "deep/er/results.json"
    file.write_text(json.dumps(to_json(made.results, made.made_with)))
    assert read_records(tmp_path) == [read_record(file)] == [made]
    with pytest.raises(InputError, match="no results") as refused:
        read_records(tmp_path / "elsewhere")
    assert "bench all" in refused.value.hint
    file.write_text("{}")
    with pytest.raises(InputError, match=r"not a results\.json"):
        read_records(tmp_path)
    with pytest.raises(InputError, match="no suite called 'tillos'"):
        scoreboard([record({"ariane133_ng45": [0.6]}, suite="tillos")])


def golden(value: float, *, tolerance: float = 0.01, metric: str = ROBUST) -> Golden:
    return Golden("tilos", "search", 10.0, "ariane133_ng45", metric, value, tolerance)


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(0.6, "as before"), (0.6059, "as before"), (0.6061, "worse"), (0.5939, "better")],
)
def test_the_gate_allows_what_is_tolerated(value: float, verdict: str) -> None:
    (entry,), absent = compare([record({"ariane133_ng45": [value]})], [golden(0.6)])
    assert entry.verdict == verdict
    assert not absent
    assert entry.line().startswith(f"{verdict}: tilos ariane133_ng45, search, 10 s: {ROBUST} ")


def test_scores_of_which_more_is_better_get_worse_when_they_fall() -> None:
    slack = "timing__setup__ws_ns"
    made = record({"ariane133_ng45": [0.6]})
    (run,) = made.results
    run.scores[slack] = 0.5
    for before, verdict in ((0.6, "worse"), (0.4, "better"), (0.502, "as before")):
        (entry,), _ = compare([made], [golden(before, metric=slack)])
        assert entry.verdict == verdict


def test_what_is_not_legal_any_more_is_worse() -> None:
    (entry,), _ = compare([record({"ariane133_ng45": [0.1]}, overlaps=1)], [golden(0.6)])
    assert entry.verdict == "worse"
    assert "not legal" in entry.line()


def test_golden_scores_without_results_are_told() -> None:
    for made in (
        record({"nvdla_ng45": [0.6]}),
        record({"ariane133_ng45": [0.6]}, budget_s=60.0),
        record({"ariane133_ng45": [0.6]}, agent="greedy"),
    ):
        assert compare([made], [golden(0.6)]) == ([], [golden(0.6)])


@given(
    st.lists(
        st.builds(
            Golden,
            suite=st.just("tilos"),
            placer=st.text(),
            budget_s=st.floats(0.1, 1e4),
            design=st.text(),
            metric=st.sampled_from([ROBUST, HPWL]),
            value=st.floats(1e-9, 1e9),
            tolerance=st.floats(0, 1),
        ),
        unique_by=lambda g: (g.placer, g.budget_s, g.design, g.metric),
    )
)
def test_golden_scores_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, goldens: list[Golden]
) -> None:
    file = tmp_path_factory.getbasetemp() / "golden.toml"
    file.write_text(to_toml(goldens), encoding="utf-8")
    if goldens:
        assert sorted(read_golden(file), key=str) == sorted(goldens, key=str)


def test_updates_keep_tolerances_and_what_was_not_measured() -> None:
    others = Golden("tilos", "greedy", 10.0, "nvdla_ng45", ROBUST, 0.7, 0.02)
    new = updated(
        [record({"ariane133_ng45": [0.59], "nvdla_ng45": [0.66]})], [golden(0.6), others], 0.05
    )
    assert new == [
        golden(0.59),
        others,
        Golden("tilos", "search", 10.0, "nvdla_ng45", ROBUST, 0.66, 0.05),
    ]
    assert updated([record({"ariane133_ng45": [0.1]}, overlaps=1)], [], 0.05) == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (("tolerance = 0.01", ""), "no file of golden scores: KeyError"),
        (("0.6", '"much"'), "no file of golden scores: ValueError"),
        ((ROBUST, "placement__beauty"), "'placement__beauty' is no score"),
        ((ROBUST, "placement__macro__count"), "is no score of which a direction is better"),
        (("0.6", "nan"), "the value nan"),
        (("[[golden]]", "[[golden"), "no file of golden scores: TOMLDecodeError"),
    ],
)
def test_damaged_golden_files_are_refused(
    damage: tuple[str, str], message: str, tmp_path: Path
) -> None:
    file = tmp_path / "golden.toml"
    file.write_text(to_toml([golden(0.6)]).replace(*damage))
    with pytest.raises(InputError, match=message):
        read_golden(file)


def test_memory_is_of_the_stretch_that_is_watched() -> None:
    large = np.ones(64_000_000)  # 512 MB, given back before the watch
    del large
    watch = PeakMemory()
    before = watch.so_far_bytes()
    if before is None:
        pytest.skip("this system does not tell")
    kept = np.ones(16_000_000)  # 128 MB
    after = watch.so_far_bytes()
    assert after is not None
    assert 100e6 < after - before < 300e6
    assert kept[0] == 1
