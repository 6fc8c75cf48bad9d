"""Are the gates what the RTL says? The test bench on the gates, and a formal proof."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from chipflow.stage import Stage, StageContext, StageResult
from chipflow.tools import (
    equivalence,
    mapping_proof,
    memory_folder,
    rtl_files,
    yosys_workspace,
)
from chipflow.tools.equivalence import Proof
from chipflow.tools.memory_folder import UsedMemory
from chipflow.tools.rtl_files import RtlFiles
from placement_env.errors import InputError
from placement_env.formats import gates

_SIMULATION_LIMIT_S = 600.0
_EQUALITY_LIMIT_S = 15.0
_MAPPING_LIMIT_S = 120.0

_REGISTER = re.compile(r"^(\s*reg\s+\w+)\s*;", re.MULTILINE)


@dataclass(frozen=True)
class GateSimulation:
    """What the test bench says about the gates."""

    status: Literal["passed", "failed", "not tried"]
    note: str


def run(ctx: StageContext) -> StageResult:
    """Runs the test bench on the gates, and proves what it can.

    A small design is proven equal to its RTL. Where that does not succeed, and for large designs
    and those with memory macros, the mapping from simple gates to the library is proven.

    Raises:
        InputError: The gates do something else than the RTL.
    """
    rtl = rtl_files.read(ctx.files["rtl"], design_folder=ctx.design.folder)
    memories = memory_folder.read(ctx.files["memories"])
    where = str(ctx.files["gates_verilog"])
    simulation = _simulate(ctx, rtl, memories)
    if simulation.status == "failed":
        raise InputError(
            f"the gates fail the test bench: {simulation.note}",
            where=where,
            hint="the test bench must reset the design and change inputs away from clock edges; "
            "if it does, the synthesis is wrong: please report it with the RTL",
        )
    equality, mapping = _prove(ctx, rtl, memories)
    if mapping and mapping.outcome == "different":
        raise InputError(
            f"the gates differ from the RTL: {mapping.note}",
            where=where,
            hint="the synthesis is wrong: please report it with the RTL",
        )
    report = {
        "simulation": asdict(simulation),
        "equality": asdict(equality),
        "mapping": asdict(mapping) if mapping else None,
    }
    text = json.dumps(report, indent=1) + "\n"
    (ctx.out_dir / "gate_check.json").write_text(text, encoding="utf-8")
    proof = mapping or equality
    metrics: dict[str, float] = {}
    if simulation.status == "passed":
        metrics["gates__simulation__status"] = 1
    if equality.outcome == "proven":
        metrics["gates__proven__count"] = equality.proven
    if mapping and mapping.outcome == "proven":
        metrics["gates__mapping_proven__count"] = mapping.proven
    tried = simulation.status == "passed" or proof.outcome in ("proven", "open")
    return StageResult(
        files={"gate_check": "gate_check.json"},
        metrics=metrics,
        status="done" if tried else "skipped",
        note=f"{simulation.note}; {proof.note}",
    )


def _simulate(ctx: StageContext, rtl: RtlFiles, memories: Sequence[UsedMemory]) -> GateSimulation:
    """Runs the test bench with registers that start unknown, and if it fails, at random values.

    An unknown value that meets itself, as in `a ^ a`, stays unknown in gates and is resolved in
    RTL, so the first run may fail where real gates would not.
    """
    from chipflow.tools import testbench

    if reason := testbench.why_not(ctx.design):
        return GateSimulation("not tried", reason)
    macros = [memory.macro.verilog for memory in memories]
    starts = {
        "": ctx.pdk.cell_verilog,
        " from random values in its registers": _with_random_start(ctx),
    }
    lines: list[str] = []
    for number, (start, cells) in enumerate(starts.items()):
        verdict = testbench.run(
            ctx.design,
            rtl,
            [*cells, *macros, ctx.files["gates_verilog"]],
            work_dir=ctx.out_dir / f"simulation_{number}",
            timeout_s=_SIMULATION_LIMIT_S,
        )
        if verdict.passed:
            took = f"{verdict.wall_s:.1f} s"
            return GateSimulation("passed", f"the gates pass the test bench{start} ({took})")
        if verdict.status == "could_not_run" or verdict.cause == "time_limit":
            return GateSimulation("not tried", f"no gate simulation: {verdict.reason}")
        lines = testbench.telling_lines(verdict)
        for line in (f"the gates fail the test bench{start}: {verdict.reason}", *lines):
            ctx.log(line)
    return GateSimulation("failed", "".join(f"\n  {line}" for line in lines))


def _with_random_start(ctx: StageContext) -> list[Path]:
    """Copies of the cell models whose registers start at 0 or 1, the same in every run."""
    folder = ctx.out_dir / "models"
    folder.mkdir()
    copies = []
    for number, path in enumerate(ctx.pdk.cell_verilog):
        copies.append(folder / f"cells_{number}.v")
        text = path.read_text(encoding="utf-8")
        copies[-1].write_text(_REGISTER.sub(r"\1 = $random;", text), encoding="utf-8")
    return copies


def _prove(
    ctx: StageContext, rtl: RtlFiles, memories: Sequence[UsedMemory]
) -> tuple[Proof, Proof | None]:
    """The proof against the RTL, and where that does not succeed, the proof of the mapping."""
    design = ctx.design

    def workspace(name: str) -> yosys_workspace.Workspace:
        return yosys_workspace.prepare(
            ctx.out_dir / name, rtl, top=design.top, defines=design.defines, pdk=ctx.pdk
        )

    equality = Proof("not tried", "memory macros are not in the RTL")
    if not memories:
        module = gates.read(ctx.files["gates_verilog"], design.top)
        work = workspace("equality")
        equality = equivalence.prove_equal(work, module, timeout_s=_EQUALITY_LIMIT_S)
        yosys_workspace.keep_scripts_and_logs(work)
        if equality.outcome == "proven":
            return equality, None
    work = workspace("mapping")
    mapping = mapping_proof.prove_mapping(
        work,
        ctx.files["gates_verilog"],
        memories,
        min_bits=design.macros.min_bits,
        timeout_s=_MAPPING_LIMIT_S,
    )
    yosys_workspace.keep_scripts_and_logs(work)
    return equality, mapping


STAGE = Stage(
    name="check_gates",
    run=run,
    reads=("rtl", "gates_verilog", "memories"),
    gives=("gate_check",),
    settings=("top", "defines", "testbench_top", "simulator", "macros.min_bits"),
    sources=("testbench", "include_dirs"),
    tools=("pyosys", "iverilog", "verilator", "cocotb"),
)
