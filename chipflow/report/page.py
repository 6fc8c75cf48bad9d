"""`report.html`: a run on one page that opens offline and can be sent by mail.

Everything is inside the one file: pictures as data URIs, charts as SVG, no script and no network.
A failed or half-finished run gets a page as well, of what it has.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from chipflow.report import advice, language_models
from chipflow.report.cost_over_time import cost_over_time
from chipflow.report.record import RunOnDisk, StageOnDisk, read_run
from chipflow.report.verdict import number, verdict_tiles
from placement_env.errors import InputError
from placement_env.metrics import METRICS

_HOME = Path(__file__).parent
_SHOWN_DIAGNOSTICS = 40
_SHOWN_PATHS = 3
_MOODS = {"done": "good", "failed": "bad", "skipped": "warn", "running": "fact"}
_KEPT = "kept: nothing that it depends on has changed"
_WORDS = {"lower": "lower", "higher": "higher", "none": "–"}
_HASH_DIGITS = 12


def write_report(run_dir: Path) -> Path:
    """Write `report.html` into a run folder, from what the folder holds.

    Args:
        run_dir: The run folder; stages may be missing, failed or damaged.

    Returns:
        The report.

    Raises:
        InputError: There is no such folder, or the report cannot be written.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    if not run_dir.is_dir():
        raise InputError("there is no run folder to report on", where=str(run_dir))
    run = read_run(run_dir)
    environment = Environment(
        loader=FileSystemLoader(_HOME), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    style = Markup((_HOME / "report.css").read_text(encoding="utf-8"))
    html = environment.get_template("report.html.j2").render(style=style, **_content(run))
    path, temporary = run_dir / "report.html", run_dir / ".tmp-report.html"
    try:
        temporary.write_text(html, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"cannot write the report: {error.strerror}", where=str(path)) from error
    return path


def add_advice(run: RunOnDisk, kind: advice.Kind, said: Mapping[str, Any]) -> None:
    """Keep what a model said of a run, and write its report again.

    Raises:
        InputError: The run folder cannot be written.
    """
    advice.keep(run, kind, said)
    write_report(run.folder)


def _content(run: RunOnDisk) -> dict[str, Any]:
    """Everything that the template shows."""
    summary = run.summary
    design = str(summary.get("design", run.folder.name))
    metrics = run.metrics
    wall_s = sum(stage.record.wall_s for stage in run.stages if stage.state != "out of date")
    return {
        "design": design,
        "pdk": str(summary.get("pdk", "an unknown PDK")),
        "pdk_label": str(summary.get("pdk_label", "")),
        "version": str(summary.get("chipflow_version", "")),
        "finished": _moment(summary.get("finished")),
        "status": _status(run),
        "failure": _failure(run),
        "tiles": verdict_tiles(metrics, wall_s),
        "pictures": _pictures(run, design),
        "rows": _stage_rows(run),
        "unreadable": run.unreadable,
        "history": _history(run),
        "timing": _timing(run),
        "checks": _checks(run),
        "diagnostics": _diagnostics(run),
        "explanation": language_models.explanation(run),
        "constraints": language_models.constraints(run),
        "review": language_models.review(run),
        "hints": language_models.hints(run),
        "models": language_models.usage_rows(run),
        "metrics": _metric_rows(metrics),
        "command": str(summary.get("command", "")),
        "facts": _facts(run),
        "hashes": _hashes(run.stages),
    }


def _status(run: RunOnDisk) -> dict[str, str]:
    failed = any(stage.state == "failed" for stage in run.stages)
    word = "failed" if failed else str(run.summary.get("status", "incomplete"))
    up_to = run.summary.get("up_to")
    told = f"{word} up to {up_to}" if up_to and word == "done" else word
    return {"word": told, "mood": _MOODS.get(word, "warn")}


def _failure(run: RunOnDisk) -> dict[str, str] | None:
    for stage in run.stages:
        if stage.state == "failed":
            error = stage.record.error
            return {
                "stage": stage.record.stage,
                "message": str(error.get("message") or stage.record.note),
                "where": str(error.get("where", "")),
                "hint": str(error.get("hint", "")),
                "log": stage.log_tail,
            }
    return None


def _pictures(run: RunOnDisk, design: str) -> list[dict[str, str]]:
    """The pictures there are, the most telling first."""
    metrics = run.metrics
    cells = number(metrics.get("placement__cell__count", 0))
    macros = number(metrics.get("placement__macro__count", 0))
    named = " and macros with their names" if macros != "0" else ""
    usage = metrics.get("route__usage__max", 0.0)
    overfull = number(metrics.get("route__overflow__edge_count", 0))
    known = (
        (
            "placement_png", "Placement",
            f"Standard cells, ports{named}, to scale.",
            f"Placement of {design}: {cells} cells and {macros} macros on the die",
        ),
        (
            "congestion_png", "Congestion",
            "Estimated wires over usable tracks around each cell of the routing grid; "
            "above 1 wires are too many.",
            f"Heat map of the estimated congestion of {design}: at most {usage:.0%} of the "
            f"tracks used, {overfull} grid edges overfull",
        ),
        (
            "macros_png", "Macro placement",
            "The netlist that macros were placed on: macros, groups of cells and ports.",
            f"Macro placement of {design} among the groups of its cells",
        ),
        (
            "layout_png", "Layout",
            "The GDS as KLayout draws it.",
            f"Layout of {design}, drawn from the GDS",
        ),
    )  # fmt: skip
    return [
        {"uri": _data_uri(path), "title": title, "caption": caption, "alt": alt}
        for name, title, caption, alt in known
        if (path := run.file(name)) is not None
    ]


def _data_uri(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _stage_rows(run: RunOnDisk) -> list[dict[str, Any]]:
    """All stages of the flow in order, those that have not run too."""
    longest = max((stage.record.wall_s for stage in run.stages), default=0.0) or 1.0
    rows = [
        {
            "number": stage.record.number,
            "name": stage.record.stage,
            "status": stage.state,
            "mood": _MOODS.get(stage.state, "warn"),
            "time": f"{stage.record.wall_s:.1f} s",
            "share": round(100 * stage.record.wall_s / longest, 1),
            "note": stage.record.note,
            "reason": stage.record.reason if stage.ran else _KEPT if stage.stands else "",
        }
        for stage in run.stages
    ]
    rows += [
        {"number": number, "name": name, "status": "not run", "mood": "fact", "time": "",
         "share": 0, "note": "", "reason": ""}
        for number, name in run.not_run.items()
    ]  # fmt: skip
    return sorted(rows, key=lambda row: row["number"])


def _history(run: RunOnDisk) -> dict[str, Any] | None:
    """The cost over time of macro placement."""
    history = run.json("macro_history")
    if not isinstance(history, dict):
        return None
    drawn = cost_over_time(history)
    return {"chart": drawn[0], "caption": drawn[1]} if drawn else None


def _timing(run: RunOnDisk) -> dict[str, Any] | None:
    summary = run.json("timing_summary")
    if not isinstance(summary, dict):
        return None
    clock = summary.get("clock", {})
    groups = [
        {"title": title, "paths": paths}
        for kind, title in (("setup", "Slowest paths (set-up)"), ("hold", "Fastest paths (hold)"))
        if (paths := [_path(p) for p in summary.get(kind, {}).get("paths", [])[:_SHOWN_PATHS]])
    ]
    return {
        "clock": clock.get("port", ""),
        "period": clock.get("period_ns", ""),
        "ideal": clock.get("ideal", True),
        "wires": summary.get("wires", "an unknown source"),
        "groups": groups,
    }


def _path(path: Mapping[str, Any]) -> dict[str, Any]:
    points, before = [], None
    for point in path.get("points", []):
        arrival = float(point.get("arrival_ns", 0.0))
        step = arrival if before is None else arrival - before
        points.append(
            {
                "pin": point.get("pin", ""),
                "cell": point.get("cell", ""),
                "arrival": arrival,
                "step": step,
            }
        )
        before = arrival
    return {
        "slack": float(path.get("slack_ns", 0.0)),
        "start": path.get("start", ""),
        "end": path.get("end", ""),
        "points": points,
    }


def _checks(run: RunOnDisk) -> list[dict[str, str]]:
    names = {"lint": "Lint", "simulate": "Simulation", "check_gates": "Gates against RTL"}
    return [
        {
            "name": title,
            "status": stage.state,
            "mood": _MOODS.get(stage.state, "warn"),
            "note": stage.record.note,
        }
        for name, title in names.items()
        if (stage := run.stage(name)) is not None
    ]


def _diagnostics(run: RunOnDisk) -> dict[str, Any] | None:
    report = run.json("lint_report")
    found = report.get("diagnostics", []) if isinstance(report, dict) else []
    if not found:
        return None
    shown = [
        {
            "place": f"{item.get('file', '')}:{item.get('line', '')}",
            "severity": item.get("severity", ""),
            "message": item.get("message", ""),
            "code": item.get("code", ""),
        }
        for item in found[:_SHOWN_DIAGNOSTICS]
    ]
    return {"total": len(found), "shown": shown}


def _metric_rows(metrics: Mapping[str, float]) -> list[dict[str, str]]:
    """Known metrics in the table's order, then any others."""
    names = [name for name in METRICS if name in metrics]
    names += sorted(set(metrics) - set(METRICS))
    rows = []
    for name in names:
        metric = METRICS.get(name)
        rows.append(
            {
                "name": name,
                "value": number(metrics[name]),
                "unit": metric.unit if metric else "",
                "better": _WORDS[metric.better] if metric else "–",
                "meaning": metric.meaning if metric else "",
            }
        )
    return rows


def _facts(run: RunOnDisk) -> list[tuple[str, str]]:
    summary = run.summary
    tools: dict[str, str] = {}
    for stage in run.stages:
        tools |= stage.record.tool_versions
    facts = [
        ("PDK", str(summary.get("pdk_label") or summary.get("pdk", ""))),
        ("chipflow", str(summary.get("chipflow_version", ""))),
        ("Engine", str(summary.get("engine", ""))),
        ("Started", _moment(summary.get("started"))),
        ("Finished", _moment(summary.get("finished"))),
        ("Tools", ", ".join(f"{name} {tools[name]}" for name in sorted(tools))),
        ("Peak memory", _peak_memory(run)),
    ]
    return [(name, value) for name, value in facts if value]


def _peak_memory(run: RunOnDisk) -> str:
    largest = max(run.stages, key=lambda stage: stage.record.peak_rss_mib, default=None)
    if largest is None or not largest.record.peak_rss_mib:
        return ""
    return f"{largest.record.peak_rss_mib:,.0f} MiB ({largest.record.stage})"


def _hashes(stages: Iterable[StageOnDisk]) -> list[dict[str, Any]]:
    return [
        {
            "stage": stage.record.stage,
            "key": stage.record.key[:_HASH_DIGITS],
            "code": stage.record.code[:_HASH_DIGITS],
            "outputs": [
                (file, digest[:_HASH_DIGITS])
                for file, (_, digest) in sorted(stage.record.outputs.items())[:8]
            ],
        }
        for stage in stages
    ]


def _moment(text: object) -> str:
    """A time of run.json for people; as it stands where it is no time."""
    if not text:
        return ""
    try:
        return datetime.fromisoformat(str(text)).strftime("%Y-%m-%d %H:%M:%S %Z").strip()
    except ValueError:
        return str(text)
