from __future__ import annotations

import base64
import json
import math
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from chipflow.report.chart import line_chart, nice_ticks
from chipflow.report.page import add_advice, write_report
from chipflow.report.record import read_run
from chipflow.report.verdict import Tile, number, verdict_tiles
from chipflow.stage_record import StageRecord
from placement_env.errors import InputError

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_VOID = {"meta", "img", "br", "line", "path"}


class Page(HTMLParser):
    """The text, the images and the ids of a page; complains about tags that do not match."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.images: list[dict[str, str | None]] = []
        self.ids: set[str] = set()
        self.addresses: list[str] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "img":
            self.images.append(values)
        if values.get("id"):
            self.ids.add(str(values["id"]))
        self.addresses += [str(values[k]) for k in ("src", "href", "action") if values.get(k)]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _VOID

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += data


def put_stage(
    folder: Path, number: int, stage: str, *, files: dict[str, Any] | None = None, **more
):
    """Write a stage's folder; `files` maps declared names to (file name, content)."""
    status = more.pop("status", "done")
    record = StageRecord(
        stage=stage, number=number, status=status, key=f"key-of-{stage}", inputs={}, code="c0de",
        code_modules={}, wall_s=number / 2, reason="first run",
        files={name: file for name, (file, _) in (files or {}).items()}, **more,
    )  # fmt: skip
    home = folder / (record.folder_name + (".failed" if status == "failed" else ""))
    home.mkdir()
    for file, content in (files or {}).values():
        if isinstance(content, bytes):
            (home / file).write_bytes(content)
        else:
            (home / file).write_text(json.dumps(content))
    (home / "log.txt").write_text("first line\nthe last line <of the log>\n")
    record.write(home)
    return home


def put_summary(folder: Path, **more: Any) -> None:
    summary = {
        "design": "gcd", "pdk": "edu45", "pdk_label": "edu45: for trying the flow",
        "chipflow_version": "0.1.0", "command": "chipflow run examples/gcd", "status": "done",
        "started": "2026-01-02T03:04:05+00:00", "finished": "2026-01-02T03:05:05+00:00",
        "engine": "local",
    } | more  # fmt: skip
    (folder / "run.json").write_text(json.dumps(summary))


def complete_run(folder: Path) -> None:
    put_summary(folder)
    lint = {
        "diagnostics": [
            {"file": "gcd.v", "line": 7, "severity": "warning", "code": "width-trunc",
             "message": "a <b> is cut to 8 bits"}
        ]
    }  # fmt: skip
    put_stage(folder, 1, "lint", files={"lint_report": ("lint.json", lint)}, note="1 warning",
              metrics={"lint__error__count": 0, "lint__warning__count": 1})  # fmt: skip
    put_stage(folder, 2, "simulate", note="the test bench passes", metrics={"simulate__status": 1})
    history = {"elapsed_s": [0.1, 0.1, 1.0, 2.0], "cost": [math.inf, 0.9, 0.7, 0.65]}
    history["moves"] = [0, 10, 500, 1200]
    put_stage(
        folder, 3, "place_macros",
        files={"macro_history": ("history.json", history), "macros_png": ("macros.png", PIXEL)},
        metrics={"placement__proxy__cost": 0.65}, tool_versions={"numba": "0.61"},
    )  # fmt: skip
    put_stage(
        folder, 4, "place_cells", files={"placement_png": ("placed.png", PIXEL)},
        metrics={
            "placement__cell_overlaps__count": 0, "placement__off_site__count": 0,
            "placement__off_row__count": 0, "placement__wirelength__hpwl_um": 2600.0,
            "placement__cell__count": 1322,
        },
        outputs={"placed.def": (10, "abcdef0123456789")},
    )  # fmt: skip
    points = [
        {"pin": "a/Q", "cell": "DFF_X1", "arrival_ns": 0.1},
        {"pin": "b/D", "cell": "DFF_X1", "arrival_ns": 0.75},
    ]
    timing = {
        "clock": {"port": "clk", "period_ns": 1.0, "ideal": True}, "wires": "estimated routes",
        "setup": {"tns_ns": -0.2, "paths": [
            {"slack_ns": -0.125, "start": "a/Q", "end": "b/D", "points": points}]},
        "hold": {"paths": []},
    }  # fmt: skip
    put_stage(folder, 5, "timing", files={"timing_summary": ("timing.json", timing)},
              metrics={"timing__setup__ws_ns": -0.125, "timing__setup__tns_ns": -0.2})  # fmt: skip


def test_a_complete_run_shows_everything_and_needs_no_network(tmp_path):
    complete_run(tmp_path)
    path = write_report(tmp_path)
    assert path == tmp_path / "report.html"
    page = Page(path)
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert "<script" not in page.source
    assert "default-src 'none'" in page.source
    assert len(page.images) == 2
    assert all(image["alt"] for image in page.images)
    for words in (
        "gcd", "done", "edu45: for trying the flow", "chipflow run examples/gcd", "2026-01-02",
        "legal", "-0.125 ns", "1,322", "2.60 mm", "a/Q", "+0.650", "gcd.v:7",
        "a <b> is cut to 8 bits", "the test bench passes", "first run", "numba 0.61",
        "key-of-lint", "abcdef012345", "placement__proxy__cost", "0.6500 after 2.0 s",
        "wirelength + 0.5 density + 0.5 congestion",
    ):  # fmt: skip
        assert words in page.text, words
    assert {"stages", "pictures", "history", "timing", "checks", "metrics", "origin"} <= page.ids


def test_a_run_up_to_a_stage_says_so(tmp_path):
    complete_run(tmp_path)
    put_summary(tmp_path, up_to="timing")
    assert "done up to timing" in Page(write_report(tmp_path)).text


def test_a_failed_run_leads_with_the_failure(tmp_path):
    complete_run(tmp_path)
    put_summary(tmp_path, status="failed")
    put_stage(
        tmp_path, 6, "export", status="failed", note="3 cells have no layout",
        error={"message": "3 cells have no layout", "where": "cells.gds", "hint": "add their GDS"},
        metrics={"export__gds__size_bytes": 123456},
    )  # fmt: skip
    page = Page(write_report(tmp_path))
    before, after = page.text.split("export failed")
    assert "failed" in before
    for words in ("3 cells have no layout", "cells.gds", "add their GDS", "<of the log>", "legal"):
        assert words in after
    # What a failed stage measured does not count as a result.
    assert "123,456" not in page.text


def test_a_failed_attempt_stands_before_the_older_result(tmp_path):
    complete_run(tmp_path)
    put_stage(
        tmp_path, 5, "timing", status="failed", note="no clock", error={"message": "no clock"}
    )
    page = Page(write_report(tmp_path))
    assert "timing failed" in page.text
    assert "-0.125 ns" not in page.text
    assert page.text.count("not timed") == 1


def test_results_of_older_inputs_are_marked_and_do_not_count(tmp_path):
    complete_run(tmp_path)
    states = ["done", "done", "failed", "out of date", "out of date", "not run"]
    names = ["lint", "simulate", "place_macros", "place_cells", "timing", "export"]
    put_summary(
        tmp_path, status="failed",
        stages=[
            {"stage": name, "number": k + 1, "state": state, "ran": name == "simulate"}
            for k, (name, state) in enumerate(zip(names, states, strict=True))
        ],
    )  # fmt: skip
    put_stage(tmp_path, 3, "place_macros", status="failed", error={"message": "no room"})
    page = Page(write_report(tmp_path))
    assert "place_macros failed" in page.text
    assert page.text.count("out of date") == 2
    assert page.text.count("not run") == 1
    assert page.text.count("kept: nothing that it depends on has changed") == 1
    assert page.images == []
    assert "-0.125 ns" not in page.text
    assert "placement__wirelength__hpwl_um" not in page.text


@pytest.mark.parametrize("damage", ["empty", "no summary", "bad summary", "bad record", "no files"])
def test_half_a_run_still_gives_a_page(tmp_path, damage):
    if damage != "empty":
        complete_run(tmp_path)
    if damage == "no summary":
        (tmp_path / "run.json").unlink()
    if damage == "bad summary":
        (tmp_path / "run.json").write_text("[1, 2")
    if damage == "bad record":
        (tmp_path / "03-place_macros" / "stage.json").write_text("{}")
    if damage == "no files":
        for path in tmp_path.glob("*/*.*"):
            if path.name != "stage.json":
                path.unlink()
    page = Page(write_report(tmp_path))
    assert {"empty": "No stage has run yet", "bad record": "Not readable: 03-place_macros"}.get(
        damage, "place_cells"
    ) in page.text
    assert ("history" in page.ids) == (damage in ("no summary", "bad summary"))


ASKED = {"answered_by": ["some-model"], "prompt_tokens": 1200, "completion_tokens": 300,
         "cost_usd": 0.0125}  # fmt: skip
EXPLAINED = {"cause": "the library lacks <cells>", "evidence": ["3 cells have no layout"],
             "tries": ["add their GDS"], "asked": ASKED}  # fmt: skip
CHANGE = {"kind": "rtl", "metric": "timing__setup__ws_ns", "why": "one adder does", "expect": "0.1"}
REVIEWED = {
    "changes": [
        {"change": CHANGE, "status": "kept", "reason": "", "patch": "1-rtl.patch",
         "passed": ["lint", "the ports are the same"], "before": {"timing__setup__ws_ns": -0.125},
         "after": {"timing__setup__ws_ns": 0.25}},
        {"change": CHANGE | {"kind": "floorplan"}, "status": "rejected", "reason": "no room",
         "patch": "", "passed": [], "before": {}, "after": {}},
    ],
    "refused": ["change 3: names no metric"], "patched_design": "/there/design", "asked": ASKED,
    "folder": "/there", "patches": {"1-rtl.patch": "-  a < b\n+  b > a\n"},
}  # fmt: skip
HINTED = {"hints": [{"name": "floorplan.utilization", "value": 0.65}], "why": "it is loose",
          "asked": ASKED}  # fmt: skip


def test_what_models_said_is_in_the_report_until_the_run_is_another_one(tmp_path):
    complete_run(tmp_path)
    sdc = "create_clock -name {clk} -period 1.0 [get_ports {clk}]\n"
    origin = {"questions": ["is rst asynchronous?"], "asked": ASKED}
    files = {"sdc": ("design.sdc", ""), "constraints_origin": ("o.json", origin)}
    note = "1 constraints, from timing.md"
    home = put_stage(tmp_path, 6, "constraints", note=note, files=files)
    (home / "design.sdc").write_text(sdc)
    call = {"id": "1", "spender": "review", "stage": "review", "model": "a/b", "state": "answered",
            "prompt_tokens": 1200, "completion_tokens": 300, "cost_usd": 0.0125}  # fmt: skip
    (tmp_path / "llm_calls.jsonl").write_text(json.dumps(call) + "\n")
    add_advice(read_run(tmp_path), "review", REVIEWED)
    add_advice(read_run(tmp_path), "floorplan_hints", HINTED)
    page = Page(tmp_path / "report.html")
    assert {"constraints", "review", "hints", "models"} <= page.ids
    for words in (
        sdc.strip(), "is rst asynchronous?", "1 constraints, from timing.md",
        "one adder does", "kept", "lint; the ports are the same", "-0.125 → 0.25", "no room",
        "-  a < b", "change 3: names no metric", "/there/design",
        "it is loose", "floorplan.utilization = 0.65", "some-model, 1,500 tokens, $0.0125",
    ):  # fmt: skip
        assert words in page.text, words
    assert re.search(r"review\s*a/b\s*1\s*0\s*1,200\s*300\s*0\.0 s\s*\$0\.0125", page.text)

    put_stage(tmp_path, 7, "export", note="done after the review")
    page = Page(write_report(tmp_path))
    assert {"review", "hints"} & page.ids == set()
    assert "constraints" in page.ids


def test_an_explanation_stands_with_its_failure(tmp_path):
    complete_run(tmp_path)
    failure = {"message": "3 cells have no layout"}
    put_stage(tmp_path, 6, "export", status="failed", error=failure)
    add_advice(read_run(tmp_path), "explain", EXPLAINED)
    page = Page(tmp_path / "report.html")
    _, after = page.text.split("export failed")
    for words in ("the library lacks <cells>", "add their GDS", "some-model", "explains"):
        assert words in after.partition("Pictures")[0], words
    shutil.rmtree(tmp_path / "06-export.failed")
    put_stage(tmp_path, 6, "export", status="failed", error={"message": "the disk is full"})
    assert "the library lacks" not in Page(write_report(tmp_path)).text


@pytest.mark.parametrize("text", ["", "[1]", '{"review": 3}', '{"review": {"of": 1}}'])
def test_damaged_advice_is_left_out(tmp_path, text):
    complete_run(tmp_path)
    (tmp_path / "advice.json").write_text(text)
    assert "review" not in Page(write_report(tmp_path)).ids
    add_advice(read_run(tmp_path), "review", REVIEWED)
    assert "review" in Page(tmp_path / "report.html").ids


def test_the_folder_must_exist(tmp_path):
    with pytest.raises(InputError, match="no run folder"):
        write_report(tmp_path / "nowhere")


def test_numbers_read_well():
    assert [number(v) for v in (0, 12345, 0.123456, 98765.4, 1.5, 1e-7)] == [
        "0", "12,345", "0.1235", "98,765", "1.5", "1e-07",
    ]  # fmt: skip


def test_the_verdict_never_calls_an_unchecked_thing_good():
    tiles = {tile.title: tile for tile in verdict_tiles({}, 1.0)}
    assert tiles["Function"].mood == tiles["Timing"].mood == "warn"
    assert "Placement" not in tiles
    tiles = {
        tile.title: tile
        for tile in verdict_tiles(
            {
                "placement__cell_overlaps__count": 1,
                "placement__off_site__count": 0,
                "placement__off_row__count": 0,
                "simulate__status": 0,
                "timing__setup__ws_ns": -0.001,
                "route__overflow__total": 2.5,
            },
            1.0,
        )
    }
    assert {tiles[t].mood for t in ("Placement", "Function", "Timing", "Routing")} == {"bad"}


def test_a_proven_mapping_is_no_equality_with_the_rtl():
    def function(**metrics: float) -> Tile:
        (tile,) = (tile for tile in verdict_tiles(metrics, 1.0) if tile.title == "Function")
        return tile

    alone = function(gates__mapping_proven__count=9)
    assert (alone.value, alone.mood) == ("mapping only", "warn")
    assert alone.detail == "mapping of 9 points proven"
    simulated = function(gates__mapping_proven__count=9, simulate__status=1)
    assert (simulated.value, simulated.mood) == ("checked", "good")
    assert simulated.detail == "RTL simulated, mapping of 9 points proven"
    equal = function(gates__proven__count=5)
    assert (equal.value, equal.mood, equal.detail) == ("checked", "good", "5 points proven equal")


def test_charts_have_round_ticks_and_carry_their_summary():
    assert nice_ticks(0.0, 10.0, 6) == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    assert nice_ticks(5.0, 5.0, 5)[0] < 5.0 < nice_ticks(5.0, 5.0, 5)[-1]
    svg = line_chart([0, 1, 2], [3, 2, 1], x_label="s", y_label="a<b", summary='fell & "rose"')
    assert "a&lt;b" in svg
    assert "fell &amp; &#34;rose&#34;" in svg
    heights = [float(y) for y in re.findall(r"V([\d.]+)", svg)]
    assert heights == sorted(heights)  # falling values go down the page
