"""Timing constraints: the design's own, or what a model writes from prose; checked, completed."""

from __future__ import annotations

import json
from pathlib import Path

from chipflow.stage import Stage, StageContext, StageResult
from chipflow.tools import sdc
from llm_stages.sdc import Command, parse, write
from llm_stages.sdc_names import DesignNames
from placement_env.errors import InputError
from placement_env.formats import gates


def run(ctx: StageContext) -> StageResult:
    """Writes the constraints that timing uses; a file of the design is never run as it is.

    Raises:
        InputError: The file cannot be read, or the clock differs from design.toml.
        llm_stages.errors.StageError: It holds more than constraints, or names what is not there; or
            a model is needed and cannot be asked, or writes nothing that passes the checks.
    """
    design, pdk = ctx.design, ctx.pdk
    names = sdc.names_in(gates.read(ctx.files["gates_verilog"], design.top))
    around = sdc.Surroundings(
        clock_port=design.clock.port,
        period_ns=design.clock.period_ns,
        driving_cell=pdk.driving_cell,
        load_ff=pdk.output_load_ff,
    )
    given: tuple[Command, ...] = ()
    files = {"sdc": "design.sdc"}
    origin, file = "design.toml and the PDK", "constraints"
    if design.constraints is not None:
        file = _shown(design.constraints)
        given = parse(_read(design.constraints), file=file)
        origin = design.constraints.name
    elif design.constraints_spec is not None:
        given, origin = _written(ctx, design.constraints_spec, names, around)
        files["constraints_origin"] = "constraints_origin.json"
    commands, filled = sdc.complete(given, names, around, file=file)
    (ctx.out_dir / "design.sdc").write_text(write(commands), encoding="utf-8")
    if given:
        ctx.log(f"{len(given)} constraints from {origin}; filled in: {', '.join(filled) or 'none'}")
    return StageResult(files=files, note=f"{len(commands)} constraints, from {origin}")


def _written(
    ctx: StageContext, spec: Path, names: DesignNames, around: sdc.Surroundings
) -> tuple[tuple[Command, ...], str]:
    """What a model makes of the prose, and who wrote it."""
    from llm_stages.constraints import write_constraints

    draft = write_constraints(
        _read(spec),
        names=names,
        clock_port=sdc.clock_name(names, around),
        period_ns=around.period_ns,
        check=lambda commands: sdc.complete(commands, names, around),
        model=ctx.design.models.of("write_constraints"),
        log=ctx.log,
        **ctx.asking,
    )
    record = draft.model_dump(mode="json")
    (ctx.out_dir / "constraints_origin.json").write_text(json.dumps(record, indent=1) + "\n")
    return parse(draft.sdc), f"{spec.name}, written by {' and '.join(draft.asked.answered_by)}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the constraints: {error}", where=str(path)) from error


def _shown(path: Path) -> str:
    """The path as the user knows it."""
    if path.is_relative_to(Path.cwd()):
        return str(path.relative_to(Path.cwd()))
    return str(path)


STAGE = Stage(
    name="constraints",
    run=run,
    reads=("gates_verilog",),
    gives=("sdc", "constraints_origin"),
    settings=(
        "top",
        "clock.port",
        "clock.period_ns",
        "models.default",
        "models.write_constraints",
        "models.api_base",
    ),
    sources=("constraints", "constraints_spec"),
    asks_models=True,
)
