"""The sources: a snapshot of the design's RTL, or what a language model writes from its spec."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from chipflow.design import RTL_STAGES, Design
from chipflow.stage import Stage, StageContext, StageResult
from chipflow.tools import rtl_files
from placement_env.errors import InputError

if TYPE_CHECKING:
    from llm_stages.candidate_pool import TestBench

_BENCH_LIMIT_S = 300.0


def run(ctx: StageContext) -> StageResult:
    """Copies the sources and what they refer to, or has them written.

    Raises:
        InputError: A source or the spec cannot be read.
        llm_stages.errors.StageError: A model is needed and none is named, it could not be asked, or
            it wrote nothing that passes the checks.
    """
    design = ctx.design
    folder = ctx.out_dir / "rtl"
    if design.rtl:
        rtl_files.write(
            folder,
            design.rtl,
            design_folder=design.folder,
            include_dirs=design.include_dirs,
            untrusted=design.untrusted,
        )
        count = len(design.rtl)
        return StageResult(files={"rtl": "rtl"}, note=f"{count} file{'s' if count > 1 else ''}")
    assert design.spec is not None
    write = _write_in_a_loop if design.models.loop else _write_from_spec
    note = write(ctx, design.spec, folder)
    return StageResult(files={"rtl": "rtl", "rtl_origin": "rtl_origin.json"}, note=note)


def _write_from_spec(ctx: StageContext, spec: Path, folder: Path) -> str:
    from llm_stages.stages import spec_to_rtl

    draft = spec_to_rtl(
        _read_spec(spec),
        top=ctx.design.top,
        model=ctx.design.models.of("spec_to_rtl"),
        log=ctx.log,
        **ctx.asking,
    )
    _keep(ctx, draft.files, spec, folder, draft.model_dump(mode="json", exclude={"files", "lint"}))
    return (
        f"written by {' and '.join(draft.answered_by)} from {spec.name}, attempts: {draft.attempts}"
    )


def _write_in_a_loop(ctx: StageContext, spec: Path, folder: Path) -> str:
    """The repair loop: against the design's own test bench where it has one and it can run."""
    from chipflow.tools import synthesis_gate
    from llm_stages.asker import Asking
    from llm_stages.repair_loop import solve

    design = ctx.design
    models = {stage: design.models.ladder(stage) for stage in RTL_STAGES}
    bench = _bench_of(design)
    result = solve(
        _read_spec(spec),
        top=design.top,
        asking=Asking(models, log=ctx.log, **ctx.asking),
        folder=ctx.out_dir / "loop",
        test_bench=bench,
        synthesize=synthesis_gate.gate(),
        equivalent=synthesis_gate.equivalence(),
    )
    origin = asdict(result)
    del origin["rtl"]
    _keep(ctx, {f"{design.top}.sv": result.rtl}, spec, folder, origin)
    for question in result.open_questions:
        ctx.log(f"the specification leaves open: {question}")
    by = f"written by {' and '.join(result.answered_by)} from {spec.name}, calls: {result.calls}"
    return f"{by}; {result.in_words()}"


def _bench_of(design: Design) -> TestBench | None:
    """The design's test bench as the loop runs it; None where there is none, or no simulator."""
    from chipflow.tools import testbench

    bench = Design(
        folder=design.folder,
        name=design.top,
        top=design.top,
        include_dirs=design.include_dirs,
        defines=design.loop_defines,
        testbench=design.loop_testbench,
        testbench_top=design.loop_testbench_top,
        simulator=design.loop_simulator,
    )
    if testbench.why_not(bench):
        return None

    return testbench.judge_of(bench, timeout_s=_BENCH_LIMIT_S)


def _keep(
    ctx: StageContext,
    files: Mapping[str, str],
    spec: Path,
    folder: Path,
    origin: Mapping[str, object],
) -> None:
    """Writes the snapshot, and beside it how the sources came to be."""
    written = ctx.out_dir / "written"
    written.mkdir()
    paths = []
    for name, text in files.items():
        paths.append(written / name)
        paths[-1].write_text(text, encoding="utf-8")
    rtl_files.write(folder, paths, design_folder=ctx.design.folder, spec=spec)
    (ctx.out_dir / "rtl_origin.json").write_text(json.dumps(origin, indent=1) + "\n")


def _read_spec(spec: Path) -> str:
    try:
        return spec.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the specification: {error}", where=str(spec)) from error


STAGE = Stage(
    name="rtl",
    run=run,
    gives=("rtl", "rtl_origin"),
    settings=(
        "top",
        "loop_testbench_top",
        "loop_simulator",
        "loop_defines",
        "models.default",
        "models.spec_to_rtl",
        "models.normalise_spec",
        "models.write_bench",
        "models.repair",
        "models.loop",
        "models.escalate",
        "models.api_base",
    ),
    sources=("rtl", "untrusted", "spec", "include_dirs", "loop_testbench"),
    uses_pdk=False,
    asks_models=True,
)
