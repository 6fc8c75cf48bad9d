"""Export: the chip as DEF, GDS and a picture."""

from __future__ import annotations

import shutil

from chipflow.pdk import memory
from chipflow.stage import Stage, StageContext, StageResult
from chipflow.tools import klayout_export, memory_folder
from placement_env.errors import ChipError
from placement_env.formats import def_file


def run(ctx: StageContext) -> StageResult:
    """Write NAME.def, NAME.gds and layout.png.

    Raises:
        InputError: A cell has no layout.
        ChipError: KLayout failed, or found other components than the DEF has.
    """
    name, pdk, out = ctx.design.name, ctx.pdk, ctx.out_dir
    def_path, gds_path = out / f"{name}.def", out / f"{name}.gds"
    shutil.copyfile(ctx.files["placed_def"], def_path)
    design = def_file.read(def_path)
    macros = [used.macro for used in memory_folder.read(ctx.files["memories"])]
    layouts = []
    if macros:
        layouts = [out / "memories.gds"]
        memory.outline_gds(pdk, macros, layouts[0])
    found = klayout_export.export(
        def_path,
        top=design.name,
        pdk=pdk,
        memory_lefs=[macro.lef for macro in macros],
        memory_layouts=layouts,
        dbu_per_um=design.dbu_per_um,
        gds_path=gds_path,
        png_path=out / "layout.png",
        log_path=out / "klayout.log",
    )
    if found.instances != len(design.components):
        raise ChipError(
            f"KLayout found {found.instances} components, the DEF has {len(design.components)}",
            where=str(def_path),
        )
    for path in layouts:
        path.unlink()
    size = gds_path.stat().st_size
    ctx.log(f"{gds_path.name}: {found.instances:,} cells, {size:,} bytes")
    return StageResult(
        files={"def": def_path.name, "gds": gds_path.name, "layout_png": "layout.png"},
        metrics={"export__gds__size_bytes": size},
        note=f"{found.instances:,} cells in {size / 1e3:,.0f} kB of GDS",
    )


STAGE = Stage(
    name="export",
    run=run,
    reads=("placed_def", "memories"),
    gives=("def", "gds", "layout_png"),
    settings=("name",),
    tools=("klayout",),
)
