"""The parts of the report on language models: usage and cost, and what they said and wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chipflow import asking
from chipflow.report import advice
from chipflow.report.record import RunOnDisk
from chipflow.report.verdict import number

#: Commands that ask about a run that has ended, by the name that their calls are written down with.
_COMMANDS: tuple[advice.Kind, ...] = ("explain", "floorplan_hints", "review")
_STATUS_MOODS = {"kept": "good", "rejected": "bad", "your decision": "warn", "proposed": "fact"}


def usage_rows(run: RunOnDisk) -> list[dict[str, str]]:
    """What each stage asked, those of failed stages too, and each command; a sum at the end."""
    asked = [(stage.record.stage, stage.record.models) for stage in run.stages]
    asked += [(name, asking.usage(run.folder, name)) for name in _COMMANDS]
    rows: list[dict[str, str]] = []
    total, known = 0.0, True
    for name, models in asked:
        for model, used in models.items():
            cost, replayed = used.get("cost_usd"), used.get("replayed", 0)
            known = known and cost is not None
            total += cost or 0.0
            rows.append(
                {
                    "stage": name,
                    "model": model,
                    "calls": str(used.get("calls", 0))
                    + (f", {replayed} from a record" if replayed else ""),
                    "failed": str(used.get("failed", 0)),
                    "asked": number(used.get("prompt_tokens", 0)),
                    "answered": number(used.get("completion_tokens", 0)),
                    "time": f"{used.get('seconds', 0.0):.1f} s",
                    "cost": _dollars(cost),
                }
            )
    if len(rows) > 1:
        blank = dict.fromkeys(("model", "calls", "failed", "asked", "answered", "time"), "")
        rows.append({"stage": "all", **blank, "cost": _dollars(total if known else None)})
    return rows


def _dollars(cost: float | None) -> str:
    return "not known" if cost is None else f"${cost:.4f}"


def explanation(run: RunOnDisk) -> dict[str, Any] | None:
    """Why a stage failed, as a model explained it."""
    said = advice.kept(run, "explain")
    if said is None:
        return None
    return {
        "cause": str(said.get("cause", "")),
        "evidence": _words(said.get("evidence")),
        "tries": _words(said.get("tries")),
        "by": _by(said),
    }


def hints(run: RunOnDisk) -> dict[str, Any] | None:
    """Settings of the floorplan that a model proposes."""
    said = advice.kept(run, "floorplan_hints")
    if said is None:
        return None
    return {
        "why": str(said.get("why", "")),
        "settings": [
            f"{hint.get('name', '')} = {number(float(hint.get('value', 0)))}"
            for hint in said.get("hints") or ()
        ],
        "by": _by(said),
    }


def review(run: RunOnDisk) -> dict[str, Any] | None:
    """Changes that a model proposes, and what became of each."""
    said = advice.kept(run, "review")
    if said is None:
        return None
    patches = said.get("patches") or {}
    return {
        "changes": [_change(judged, patches) for judged in said.get("changes") or ()],
        "refused": _words(said.get("refused")),
        "patched_design": str(said.get("patched_design", "")),
        "folder": str(said.get("folder", "")),
        "by": _by(said),
    }


def _change(judged: Mapping[str, Any], patches: Mapping[str, str]) -> dict[str, Any]:
    change = judged.get("change") or {}
    metric = str(change.get("metric", ""))
    before, after = (judged.get(side) or {} for side in ("before", "after"))
    measured = ""
    if metric in before and metric in after:
        measured = f"{number(before[metric])} → {number(after[metric])}"
    status = str(judged.get("status", ""))
    return {
        "kind": str(change.get("kind", "")),
        "metric": metric,
        "why": str(change.get("why", "")),
        "expect": str(change.get("expect", "")),
        "status": status,
        "mood": _STATUS_MOODS.get(status, "fact"),
        "measured": measured,
        "reason": str(judged.get("reason", "")),
        "passed": _words(judged.get("passed")),
        "patch": str(patches.get(str(judged.get("patch", "")), "")),
    }


def constraints(run: RunOnDisk) -> dict[str, Any] | None:
    """The timing constraints as they were used, and who wrote them."""
    stage, file = run.stage("constraints"), run.file("sdc")
    if stage is None or file is None:
        return None
    try:
        sdc = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    written = run.json("constraints_origin")
    written = written if isinstance(written, dict) else {}
    return {
        "note": stage.record.note,
        "sdc": sdc,
        "questions": _words(written.get("questions")),
        "by": _by(written) if written else "",
    }


def _by(said: Mapping[str, Any]) -> str:
    """Who answered, and what that took."""
    asked = said.get("asked") or {}
    models = " and ".join(_words(asked.get("answered_by"))) or "a model"
    tokens = int(asked.get("prompt_tokens", 0)) + int(asked.get("completion_tokens", 0))
    cost = asked.get("cost_usd")
    price = f", {_dollars(float(cost))}" if cost is not None else ""
    return f"{models}, {number(tokens)} tokens{price}"


def _words(values: Any) -> list[str]:
    return [str(value) for value in values] if isinstance(values, (list, tuple)) else []
