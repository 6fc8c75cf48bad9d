"""Routing estimate: where wires crowd, how long they are, and their parasitics for timing."""

from __future__ import annotations

import numpy as np

from chipflow.layout.placed import read_layout, tracks_of
from chipflow.stage import Stage, StageContext, StageResult
from chipflow.tools import spef
from placement_env.render import draw_map
from placement_env.route_estimate import (
    GRID_ROWS,
    compile_kernels,
    estimate_routes,
)


def run(ctx: StageContext) -> StageResult:
    """Estimate the routes of the placed design; write congestion and parasitics."""
    pdk = ctx.pdk
    layout = read_layout(ctx.files["placed_def"], pdk, ctx.files["memories"])
    netlist, placement = layout.netlist, layout.placement
    compile_kernels(ctx.log)
    routes = estimate_routes(
        netlist,
        placement,
        tracks_of(pdk),
        cell_um=GRID_ROWS * layout.lef.sites[pdk.site].height_um,
    )
    usage = routes.usage_map()
    region = routes.region
    np.savez(
        ctx.out_dir / "congestion.npz",
        usage=usage,
        h_demand=routes.h_demand,
        v_demand=routes.v_demand,
        h_capacity=routes.h_capacity,
        v_capacity=routes.v_capacity,
        region_um=np.array([region.left_um, region.bottom_um, region.right_um, region.top_um]),
    )
    draw_map(
        usage,
        region,
        ctx.out_dir / "congestion.png",
        unit="wires over usable tracks",
        limits=(0.0, max(1.0, float(usage.max()))),
        outlines=(netlist, placement),
    )
    spef.write(
        ctx.out_dir / "wires.spef",
        netlist,
        routes.trees,
        port_direction={pin.name: pin.direction for pin in layout.design.pins},
        resistance_ohm_per_um=pdk.wire_resistance_ohm_per_um,
        capacitance_ff_per_um=pdk.wire_capacitance_ff_per_um,
    )
    ctx.log(
        f"{routes.wire_um:,.0f} um of wire, overflow {routes.overflow:g} "
        f"on {routes.overfull_edges} edges"
    )
    crowded = f", {routes.overfull_edges} grid edges overfull" if routes.overfull_edges else ""
    return StageResult(
        files={
            "congestion": "congestion.npz",
            "congestion_png": "congestion.png",
            "spef": "wires.spef",
        },
        metrics={
            "route__wirelength__estimated_um": routes.wire_um,
            "route__overflow__total": routes.overflow,
            "route__overflow__edge_count": routes.overfull_edges,
            "route__usage__max": float(usage.max()),
        },
        note=f"{routes.wire_um / 1000:,.2f} mm of wire{crowded}",
    )


STAGE = Stage(
    name="estimate_routes",
    run=run,
    reads=("placed_def", "memories"),
    gives=("congestion", "congestion_png", "spef"),
)
