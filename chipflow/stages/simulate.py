"""Simulation of the RTL with the design's test bench."""

from __future__ import annotations

from chipflow.stage import Stage, StageContext, StageResult
from chipflow.tools import rtl_files
from placement_env.errors import InputError

_LIMIT_S = 900.0


def run(ctx: StageContext) -> StageResult:
    """Runs the test bench; skips where there is none, or nothing to run it with.

    Raises:
        InputError: The test bench does not compile, or it finds the RTL wrong.
    """
    from chipflow.tools import testbench
    from chipflow.tools.pdk_models import models_in_use
    from llm_stages.errors import ToolMissing

    if reason := testbench.why_not(ctx.design):
        return StageResult(status="skipped", note=reason)
    rtl = rtl_files.read(ctx.files["rtl"], design_folder=ctx.design.folder)
    try:
        verdict = testbench.run(
            ctx.design,
            rtl,
            [*models_in_use(ctx.pdk, rtl.sources), *rtl.sources],
            work_dir=ctx.out_dir / "simulation",
            untrusted=rtl.untrusted,
            timeout_s=_LIMIT_S,
        )
    except ToolMissing as missing:
        return StageResult(status="skipped", note=f"{missing.message}: {missing.hint}")
    lines = testbench.telling_lines(verdict)
    if not verdict.passed:
        for line in lines:
            ctx.log(line)
        raise InputError(
            f"the RTL does not pass its test bench: {verdict.reason}"
            + "".join(f"\n  {line}" for line in lines),
            where=f"test bench {ctx.design.testbench_top}",
            hint="correct the RTL, or the test bench where that is wrong",
        )
    return StageResult(
        files={"simulation_log": "simulation/simulation.log"},
        metrics={"simulate__status": 1},
        note=f"the test bench passes ({verdict.wall_s:.1f} s)",
    )


STAGE = Stage(
    name="simulate",
    run=run,
    reads=("rtl",),
    gives=("simulation_log",),
    settings=("top", "testbench_top", "simulator", "defines"),
    sources=("testbench", "include_dirs"),
    tools=("iverilog", "verilator", "cocotb", "bubblewrap"),
)
