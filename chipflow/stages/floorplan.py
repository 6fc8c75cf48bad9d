"""Floorplan: the die, its rows and tracks, and ports on its edge."""

from __future__ import annotations

from dataclasses import replace

from chipflow.layout.cell_library import read_library
from chipflow.layout.core import def_tracks, size_core
from chipflow.layout.ports import least_side_um, place_ports
from chipflow.stage import Stage, StageContext, StageResult
from placement_env.formats import def_file, gates


def run(ctx: StageContext) -> StageResult:
    """Size the die for cells and macros, lay out rows and tracks, and place the ports.

    Raises:
        InputError: The design is empty, a cell is in no LEF, or ports find no track.
    """
    design, pdk = ctx.design, ctx.pdk
    library = read_library(pdk, ctx.files["memories"])
    floorplan = gates.to_def(gates.read(ctx.files["gates_verilog"], design.top), library)
    masters = [library.macro(name) for name in floorplan.components.master]
    macros_um = [(m.width_um, m.height_um) for m in masters if m.is_block]
    cell_um2 = sum(m.width_um * m.height_um for m in masters if not m.is_block)
    core = size_core(
        library,
        library.sites[pdk.site],
        cell_um2=cell_um2,
        macros_um=macros_um,
        utilization=design.floorplan.utilization,
        aspect_ratio=design.floorplan.aspect_ratio,
        gap_um=design.macros.gap_um,
        least_side_um=least_side_um(
            len(floorplan.pins),
            library.layers[pdk.io_layer_horizontal],
            library.layers[pdk.io_layer_vertical],
        ),
    )
    wide, tall = core.die
    floorplan = replace(
        floorplan,
        die_area=((0, 0), (wide, tall)),
        rows=core.def_rows(),
        tracks=def_tracks(core, library),
        pins=place_ports(
            floorplan.pins,
            core,
            library,
            horizontal=pdk.io_layer_horizontal,
            vertical=pdk.io_layer_vertical,
        ),
    )
    def_file.write(ctx.out_dir / "floorplan.def", floorplan)

    dbu = library.dbu_per_um
    core_um2 = core.width * core.height / dbu**2
    macro_um2 = sum(w * h for w, h in macros_um)
    fill = (cell_um2 + macro_um2) / core_um2
    ctx.log(
        f"die {wide / dbu:g} x {tall / dbu:g} um, {core.rows} rows of {core.columns} sites, "
        f"{len(macros_um)} macros, {len(floorplan.pins)} ports"
    )
    return StageResult(
        files={"floorplan_def": "floorplan.def"},
        metrics={
            "floorplan__die__area_um2": wide * tall / dbu**2,
            "floorplan__die__width_um": wide / dbu,
            "floorplan__die__height_um": tall / dbu,
            "floorplan__core__area_um2": core_um2,
            "floorplan__core__utilization": fill,
            "floorplan__macro__area_um2": macro_um2,
            "floorplan__row__count": core.rows,
            "floorplan__port__count": len(floorplan.pins),
        },
        note=f"{wide / dbu:g} x {tall / dbu:g} um, {fill:.0%} full",
    )


STAGE = Stage(
    name="floorplan",
    run=run,
    reads=("gates_verilog", "memories"),
    gives=("floorplan_def",),
    settings=("top", "floorplan.utilization", "floorplan.aspect_ratio", "macros.gap_um"),
)
