"""Cell placement: standard cells on rows and sites, around macros that stay."""

from __future__ import annotations

from agents.flat.placer import compile_kernels, place_cells
from chipflow.layout.placed import read_layout, tracks_of
from chipflow.stage import Stage, StageContext, StageResult
from placement_env.errors import ChipError, InputError
from placement_env.formats import def_file
from placement_env.netlist import NodeKind, hpwl_um
from placement_env.render import draw_placement
from placement_env.row_legality import check_rows


def run(ctx: StageContext) -> StageResult:
    """Place the cells and judge the result; an illegal placement is an error.

    Raises:
        InputError: The cells do not fit.
        ChipError: The placer's result is not legal.
    """
    layout = read_layout(ctx.files["macros_def"], ctx.pdk, ctx.files["memories"])
    netlist = layout.netlist
    loose = netlist.nodes_of(NodeKind.HARD_MACRO)
    loose = loose[~netlist.fixed[loose]]
    if loose.size:
        raise InputError(
            f"macro {netlist.node_name[loose[0]]} is not fixed", where=str(layout.design.source)
        )
    settings = ctx.design.placement
    compile_kernels(ctx.log)
    placement = place_cells(
        netlist,
        layout.placement,
        seed=settings.seed,
        density=settings.cell_density,
        tracks=tracks_of(ctx.pdk) if settings.routability else None,
    )
    legality = check_rows(netlist, placement)
    if not legality.legal:
        raise ChipError(f"the cell placement is not legal: {legality.describe(netlist)}")
    def_file.write(ctx.out_dir / "placed.def", layout.with_placement(netlist, placement))
    draw_placement(netlist, placement, ctx.out_dir / "placed.png")
    length = hpwl_um(netlist, placement)
    cells = len(netlist.nodes_of(NodeKind.STANDARD_CELL))
    ctx.log(f"{cells:,} cells, half-perimeter wirelength {length:,.0f} um, legal")
    return StageResult(
        files={"placed_def": "placed.def", "placement_png": "placed.png"},
        metrics={
            "placement__cell__count": cells,
            "placement__wirelength__hpwl_um": length,
            "placement__cell_overlaps__count": legality.overlaps,
            "placement__off_site__count": legality.off_site,
            "placement__off_row__count": legality.off_row,
            "placement__cells_outside__count": legality.outside,
        },
        note=f"{cells:,} cells, {length / 1000:,.2f} mm of wire, legal",
    )


STAGE = Stage(
    name="place_cells",
    run=run,
    reads=("macros_def", "memories"),
    gives=("placed_def", "placement_png"),
    settings=("placement.cell_density", "placement.routability", "placement.seed"),
)
