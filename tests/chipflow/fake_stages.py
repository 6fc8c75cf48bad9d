"""Small stages for tests of the engine, and a design and a PDK for them.

They form this graph: copy -> count, copy -> upper, count and upper -> join, and all -> total.
Environment variables make single stages misbehave:

    FAKE_LOG=FILE           each stage appends its name when it runs
    FAKE_SLEEP=NAME:SECONDS  the stage, and a program that it starts, sleep
    FAKE_FAIL=NAME:HOW       see `_misbehave`
"""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from chipflow.pdk.description import Pdk
from chipflow.stage import Stage, StageContext, StageResult
from placement_env.errors import InputError, ToolMissing

DESIGN = """\
name = "toy"
top = "toy"
rtl = ["a.v", "b.v"]

[clock]
period_ns = 2.0
"""


def write_design(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.v").write_text("module a; // first\nendmodule\n")
    (folder / "b.v").write_text("module b;\nendmodule\n")
    (folder / "pdk.txt").write_text("cells\n")
    (folder / "design.toml").write_text(DESIGN)
    return folder


def make_pdk(file: Path) -> Pdk:
    """A PDK whose every file is `file`."""
    values: dict[str, Any] = {}
    hints = get_type_hints(Pdk)
    for field in fields(Pdk):
        kind = hints[field.name]
        known = {str: "x", Path: file, int: 1, float: 1.0}
        values[field.name] = known.get(kind)
        if kind == tuple[Path, ...]:
            values[field.name] = (file,)
        elif str(kind).startswith("tuple"):
            values[field.name] = ()
    values |= {"name": "fake", "label": "a fake PDK"}
    return Pdk(**values)


def copy(ctx: StageContext) -> StageResult:
    _enter("copy", ctx)
    for path in ctx.design.rtl:
        lines = [line.partition("//")[0].rstrip() for line in path.read_text().splitlines()]
        (ctx.out_dir / "rtl").mkdir(exist_ok=True)
        (ctx.out_dir / "rtl" / path.name).write_text("\n".join(lines))
    return StageResult({"rtl": "rtl"}, note="copied")


def count(ctx: StageContext) -> StageResult:
    _enter("count", ctx)
    words = sum(len(path.read_text().split()) for path in ctx.files["rtl"].iterdir())
    (ctx.out_dir / "count.txt").write_text(f"{words} at {ctx.design.clock.period_ns}\n")
    return StageResult({"count": "count.txt"}, metrics={"placement__macro__count": words})


def upper(ctx: StageContext) -> StageResult:
    _enter("upper", ctx)
    if os.environ.get("FAKE_NO_UPPER"):
        return StageResult(status="skipped", note="no upper tool")
    text = "".join(path.read_text().upper() for path in sorted(ctx.files["rtl"].iterdir()))
    (ctx.out_dir / "upper.txt").write_text(text)
    return StageResult({"upper": "upper.txt"})


def join(ctx: StageContext) -> StageResult:
    _enter("join", ctx)
    text = ctx.files["count"].read_text() + ctx.files["upper"].read_text()
    (ctx.out_dir / "join.txt").write_text(text)
    return StageResult({"join": "join.txt"})


def total(ctx: StageContext) -> StageResult:
    _enter("total", ctx)
    (ctx.out_dir / "total.txt").write_text(str(dict(ctx.metrics)))
    return StageResult({"total": "total.txt"}, metrics={"time__wall_s": 1.5})


STAGES = (
    Stage("copy", copy, gives=("rtl",), sources=("rtl",), uses_pdk=False),
    Stage("count", count, reads=("rtl",), gives=("count",), settings=("clock.period_ns",)),
    Stage("upper", upper, reads=("rtl",), gives=("upper",), uses_pdk=False),
    Stage("join", join, reads=("count", "upper"), gives=("join",), uses_pdk=False),
    Stage("total", total, gives=("total",), uses_metrics=True, uses_pdk=False),
)
NAMES = tuple(stage.name for stage in STAGES)


def _enter(name: str, ctx: StageContext) -> None:
    ctx.log(f"{name} at work")
    if log := os.environ.get("FAKE_LOG"):
        with open(log, "a") as stream:
            stream.write(f"{name}\n")
    who, _, seconds = os.environ.get("FAKE_SLEEP", "").partition(":")
    if who == name:
        with subprocess.Popen(["sleep", seconds]):
            time.sleep(float(seconds))
    who, _, how = os.environ.get("FAKE_FAIL", "").partition(":")
    if who == name:
        _misbehave(how, ctx)


def _misbehave(how: str, ctx: StageContext) -> None:
    print("about to", how)
    if how == "error":
        raise InputError("the toy is broken", where="a.v:1", hint="glue it")
    if how == "tool":
        raise ToolMissing("no glue", hint="buy glue")
    if how == "raise":
        raise ValueError("unexpected")
    if how == "exit":
        os._exit(7)
    if how == "crash":
        import ctypes

        ctypes.string_at(0)
    if how == "memory":
        os.kill(os.getpid(), 9)
    if how == "peek":
        print(ctx.design.floorplan.utilization)
    if how == "pdk":
        print(ctx.pdk.site)
