"""Timing: static analysis of the gates with the estimated wires."""

from __future__ import annotations

import json
from collections import Counter

from chipflow.stage import Stage, StageContext, StageResult
from chipflow.tools import memory_folder, opensta
from chipflow.tools.opensta import TimingPath
from chipflow.tools.versions import TOOLS, version_of
from llm_stages import sdc
from placement_env.errors import InputError
from placement_env.formats import gates


def run(ctx: StageContext) -> StageResult:
    """Times set-up and hold with ideal clocks; skips where OpenSTA is not installed.

    Raises:
        InputError: OpenSTA cannot use a file, or registers have no clock.
    """
    if version_of("opensta") is None:
        return StageResult(
            status="skipped", note=f"OpenSTA is not installed: {TOOLS['opensta'].install}"
        )
    design, pdk = ctx.design, ctx.pdk
    memories = memory_folder.read(ctx.files["memories"])
    module = gates.read(ctx.files["gates_verilog"], design.top)
    spef = ctx.files.get("spef")
    timing = opensta.analyse(
        ctx.out_dir,
        top=design.top,
        verilog=ctx.files["gates_verilog"],
        liberty=[*pdk.liberty, *(memory.macro.liberty for memory in memories)],
        # Read by the allowlist once more: OpenSTA would run whatever the file holds.
        sdc=sdc.write(sdc.parse(ctx.files["sdc"].read_text(encoding="utf-8"))),
        spef=spef,
    )
    inputs = [bit for port in module.ports if port.direction == "INPUT" for bit in port.bits]
    _check_clocks(timing.warnings, design.clock.port, inputs)
    for warning, count in Counter(timing.warnings).items():
        ctx.log(f"OpenSTA: {warning} ({count})" if count > 1 else f"OpenSTA: {warning}")

    wires = "estimated routes" if spef else "wires as the library's load model guesses them"
    cell_of = dict(zip(module.instance_name, module.instance_cell, strict=True))
    summary = {
        "clock": {"port": design.clock.port, "period_ns": design.clock.period_ns, "ideal": True},
        "wires": wires,
        "setup": {
            "tns_ns": timing.setup_tns_ns,
            "paths": [_path(path, cell_of) for path in timing.setup_paths],
        },
        "hold": {"paths": [_path(path, cell_of) for path in timing.hold_paths]},
    }
    text = json.dumps(summary, indent=1) + "\n"
    (ctx.out_dir / "timing.json").write_text(text, encoding="utf-8")
    metrics, note = {}, "no path is constrained"
    if timing.setup_paths:
        slack_ns = timing.setup_paths[0].slack_ns
        metrics["timing__setup__ws_ns"] = slack_ns
        metrics["timing__setup__tns_ns"] = timing.setup_tns_ns
        note = f"set-up slack {slack_ns:+.3f} ns at {design.clock.period_ns:g} ns, with {wires}"
    if timing.hold_paths:
        metrics["timing__hold__ws_ns"] = timing.hold_paths[0].slack_ns
    return StageResult(
        files={"timing_report": "timing.txt", "timing_summary": "timing.json"},
        metrics=metrics,
        note=note,
    )


def _path(path: TimingPath, cell_of: dict[str, str]) -> dict:
    points = [
        {
            "pin": point.pin,
            "cell": cell_of.get(point.pin.rpartition("/")[0], ""),
            "arrival_ns": point.arrival_ns,
        }
        for point in path.points
    ]
    return {
        "slack_ns": path.slack_ns,
        "start": points[0]["pin"] if points else "",
        "end": points[-1]["pin"] if points else "",
        "points": points,
    }


def _check_clocks(warnings: tuple[str, ...], clock_port: str, inputs: list[str]) -> None:
    unclocked = [line for line in warnings if "unclocked" in line]
    if unclocked:
        raise InputError(
            f"registers do not get the clock {clock_port!r}: {unclocked[0]}",
            hint=f"[clock] port in design.toml names one of: {', '.join(inputs[:20])}",
        )


STAGE = Stage(
    name="timing",
    run=run,
    reads=("gates_verilog", "memories", "sdc"),
    may_read=("spef",),
    gives=("timing_report", "timing_summary"),
    settings=("top", "clock.port", "clock.period_ns"),
    tools=("opensta",),
)
