"""What a run has shown, in the words and numbers that models are asked with."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from chipflow.design import Design, limits, setting
from chipflow.report.record import RunOnDisk
from llm_stages.floorplan_hints import Knob
from llm_stages.review import MeasuredMetric
from placement_env.metrics import METRICS

#: Settings that shape the floorplan, and what they do.
KNOBS: Mapping[str, str] = {
    "floorplan.utilization": "share of the core, less what macros take, that standard cells fill",
    "floorplan.aspect_ratio": "height of the core over its width",
    "macros.gap_um": "least distance between macros, in um",
}
_IMPROVABLE = (
    "timing__setup__ws_ns",
    "timing__setup__tns_ns",
    "timing__hold__ws_ns",
    "synthesis__instance__area_um2",
    "synthesis__instance__count",
    "floorplan__die__area_um2",
    "route__overflow__total",
    "route__overflow__edge_count",
    "route__usage__max",
    "route__wirelength__estimated_um",
    "placement__wirelength__hpwl_um",
    "placement__proxy__cost",
    "lint__warning__count",
)
# The same run on another machine, or in another folder, is to give the same question.
_OF_THIS_MACHINE = ("time__", "memory__")
_TOOK = re.compile(r" \([\d.]+ s\)")
_FOLDERS = re.compile(r"/?(?:[\w.-]+/)+(?=[\w.-]+:\d)")
_SHOWN_PATHS = 2
_SHOWN_POINTS = 60
_SHOWN_FINDINGS = 20


def improvable(metrics: Mapping[str, float]) -> tuple[MeasuredMetric, ...]:
    """Those of a run's metrics that a change can aim at."""
    return tuple(
        MeasuredMetric(
            name=name,
            value=metrics[name],
            better=METRICS[name].better,  # pyright: ignore[reportArgumentType]  # none is "none"
            meaning=", ".join(filter(None, (METRICS[name].meaning, METRICS[name].unit))),
        )
        for name in _IMPROVABLE
        if name in metrics
    )


def knobs(design: Design) -> tuple[Knob, ...]:
    """The settings of the floorplan with their values and limits."""
    return tuple(
        Knob(
            name=name,
            value=setting(design, name),
            low=limits(name)[0],
            high=limits(name)[1],
            meaning=meaning,
        )
        for name, meaning in KNOBS.items()
    )


def in_words(run: RunOnDisk, *, without: Collection[str] = ()) -> str:
    """The results of a run as lines of text: stages, findings, paths, numbers.

    Args:
        run: The run.
        without: Metrics that are told elsewhere.
    """
    lines = ["Stages:"]
    lines += [f"- {s.record.stage}: {s.state}; {_lasting(s.record.note)}" for s in run.stages]
    if findings := list(_findings(run)):
        lines += ["", "Findings of lint and synthesis:", *findings[:_SHOWN_FINDINGS]]
    if paths := list(_paths(run)):
        lines += ["", *paths]
    lines += ["", "Numbers:"]
    for name, value in run.metrics.items():
        if name not in without and not name.startswith(_OF_THIS_MACHINE):
            lines.append(f"- {name} = {value:.6g} {METRICS[name].unit}: {METRICS[name].meaning}")
    return "\n".join(lines)


def _lasting(note: str) -> str:
    """A stage's note without what differs from run to run."""
    return _TOOK.sub("", note)


def _findings(run: RunOnDisk) -> Iterator[str]:
    lint = run.json("lint_report")
    for item in lint.get("diagnostics", []) if isinstance(lint, dict) else []:
        place = f"{Path(item['file']).name}:{item['line']}"
        yield f"- {place}: {item['message']} [{item['code']}]"
    synthesis = run.json("synthesis_report")
    for remark in synthesis.get("remarks", []) if isinstance(synthesis, dict) else []:
        yield f"- {_FOLDERS.sub('', remark)}"


def _paths(run: RunOnDisk) -> Iterator[str]:
    summary = run.json("timing_summary")
    if not isinstance(summary, dict):
        return
    for path in summary.get("setup", {}).get("paths", [])[:_SHOWN_PATHS]:
        yield f"Set-up path {path['start']} to {path['end']}, slack {path['slack_ns']:.3f} ns:"
        yield from _points(path["points"])


def _points(points: list[dict[str, Any]]) -> Iterator[str]:
    before_ns = 0.0
    for number, point in enumerate(points[:_SHOWN_POINTS]):
        cell = point["pin"].rpartition("/")[0]
        after = points[number + 1]["pin"] if number + 1 < len(points) else ""
        if cell and after.startswith(f"{cell}/"):
            continue  # its output follows, and one line a cell is enough
        took_ns = point["arrival_ns"] - before_ns
        before_ns = point["arrival_ns"]
        yield f"- {point['pin']} ({point['cell'] or 'port'}): +{took_ns:.3f} ns"
