"""Grouping: cells become soft macros, so that macros are placed among a few hundred nodes."""

from __future__ import annotations

import json
from dataclasses import replace

from chipflow.layout.macros import on_core
from chipflow.layout.placed import read_layout
from chipflow.stage import Stage, StageContext, StageResult
from placement_env import grouping
from placement_env.formats import ct_protobuf, plc
from placement_env.netlist import NodeKind


def run(ctx: StageContext) -> StageResult:
    """Group the cells and write the netlist of macros and groups, with a start, on the core.

    Skipped for a design without macros: there is nothing to place before its cells.
    """
    pdk = ctx.pdk
    layout = read_layout(ctx.files["floorplan_def"], pdk, ctx.files["memories"])
    if not len(layout.netlist.nodes_of(NodeKind.HARD_MACRO)):
        return StageResult(status="skipped", note="the design has no macros")
    netlist, placement = on_core(layout.netlist, layout.placement)
    group = grouping.group_cells(netlist, seed=ctx.design.placement.seed)
    grouped = grouping.grouped_netlist(netlist, group)
    start = grouping.grouped_placement(netlist, group, placement)
    grid = grouping.default_grid(
        grouped,
        h_tracks_per_um=pdk.h_tracks_per_um,
        v_tracks_per_um=pdk.v_tracks_per_um,
        h_macro_tracks_per_um=pdk.h_macro_tracks_per_um,
        v_macro_tracks_per_um=pdk.v_macro_tracks_per_um,
    )
    grouped = replace(grouped, grid=grid)
    ct_protobuf.write(ctx.out_dir / "grouped.pb.txt.gz", grouped, start)
    plc.write(ctx.out_dir / "grouped.plc", grouped, start)
    names = layout.netlist.node_name
    groups = {names[node]: int(k) for node, k in enumerate(group) if k >= 0}
    (ctx.out_dir / "groups.json").write_text(json.dumps(groups, indent=0) + "\n", encoding="utf-8")
    count = len(grouped.nodes_of(NodeKind.SOFT_MACRO))
    return StageResult(
        files={
            "grouped_netlist": "grouped.pb.txt.gz",
            "grouped_start": "grouped.plc",
            "groups": "groups.json",
        },
        note=f"{len(groups):,} cells in {count} groups",
    )


STAGE = Stage(
    name="group",
    run=run,
    reads=("floorplan_def", "memories"),
    gives=("grouped_netlist", "grouped_start", "groups"),
    settings=("placement.seed",),
    tools=("mtkahypar",),
)
