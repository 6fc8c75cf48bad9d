"""The sources: a snapshot of the design's RTL, or what a language model writes from its spec."""

from __future__ import annotations

import json
from pathlib import Path

from chipflow.stage import Stage, StageContext, StageResult
from chipflow.tools import rtl_files
from placement_env.errors import InputError


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
    note = _write_from_spec(ctx, design.spec, folder)
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
    written = ctx.out_dir / "written"
    written.mkdir()
    paths = []
    for name, text in draft.files.items():
        paths.append(written / name)
        paths[-1].write_text(text, encoding="utf-8")
    rtl_files.write(folder, paths, design_folder=ctx.design.folder, spec=spec)
    origin = draft.model_dump(mode="json", exclude={"files", "lint"})
    (ctx.out_dir / "rtl_origin.json").write_text(json.dumps(origin, indent=1) + "\n")
    return (
        f"written by {' and '.join(draft.answered_by)} from {spec.name}, attempts: {draft.attempts}"
    )


def _read_spec(spec: Path) -> str:
    try:
        return spec.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the specification: {error}", where=str(spec)) from error


STAGE = Stage(
    name="rtl",
    run=run,
    gives=("rtl", "rtl_origin"),
    settings=("top", "models.default", "models.spec_to_rtl", "models.api_base"),
    sources=("rtl", "untrusted", "spec", "include_dirs"),
    uses_pdk=False,
    asks_models=True,
)
