"""Lint: what slang says about the sources; errors end the flow."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from chipflow.stage import Stage, StageContext, StageResult
from chipflow.tools import rtl_files
from chipflow.tools.pdk_models import models_in_use
from placement_env.errors import InputError

_SHOWN = 5

# Errors by the standard that simulators and synthesis pass, and much older RTL relies on.
_TOLERATED = frozenset({"UsedBeforeDeclared"})


def run(ctx: StageContext) -> StageResult:
    """Lints the sources, with models of the PDK's cells and memories where they are instantiated.

    Raises:
        InputError: There are errors; the message names the first few with file and line.
    """
    from llm_stages import hdl

    design = ctx.design
    rtl = rtl_files.read(ctx.files["rtl"], design_folder=design.folder)
    models = models_in_use(ctx.pdk, rtl.sources)
    report = hdl.lint(
        [*models, *rtl.sources],
        top=design.top,
        include_dirs=rtl.include_dirs,
        defines=design.defines,
    )
    model_names = {str(path) for path in models}
    found = [
        replace(
            item,
            file=rtl.place(item.file) if item.file else "",
            severity="warning" if item.code in _TOLERATED else item.severity,
        )
        for item in report.diagnostics
        if item.file not in model_names
    ]
    errors = [item for item in found if item.severity == "error"]
    warnings = len(found) - len(errors)
    for item in found:
        ctx.log(str(item))
    if errors:
        more = len(errors) - 1
        rest = f"; {more} more error{'s' if more > 1 else ''}" if more else ""
        shown = "".join(f"\n  {item}" for item in errors[1:_SHOWN])
        first = errors[0]
        raise InputError(
            f"{first.message} [{first.code}]{rest}{shown}",
            where=f"{first.file}:{first.line}" if first.file else f"top = {design.top!r}",
            hint="mend the RTL" if first.file else "name a module of the sources in design.toml",
        )
    text = json.dumps(
        {"errors": 0, "warnings": warnings, "diagnostics": [asdict(item) for item in found]},
        indent=1,
    )
    (ctx.out_dir / "lint.json").write_text(text + "\n", encoding="utf-8")
    return StageResult(
        files={"lint_report": "lint.json"},
        metrics={"lint__error__count": 0, "lint__warning__count": warnings},
        note=f"{warnings} warning{'' if warnings == 1 else 's'}",
    )


STAGE = Stage(
    name="lint",
    run=run,
    reads=("rtl",),
    gives=("lint_report",),
    settings=("top", "defines"),
    tools=("pyslang",),
)
