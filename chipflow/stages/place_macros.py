"""Macro placement by the agent or the search, on the exact proxy cost, within a time budget."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from agents import search
from agents.history import CostHistory
from chipflow.layout.macros import from_core, least_gap_um
from chipflow.layout.placed import macros_fixed, read_layout
from chipflow.stage import Stage, StageContext, StageResult
from placement_env.cost.proxy import proxy_cost, robust_proxy_cost
from placement_env.errors import ChipError
from placement_env.formats import ct_protobuf, def_file, plc
from placement_env.legality import hard_overlaps, outside
from placement_env.netlist import NodeKind, Placement
from placement_env.render import draw_placement

#: Macros lie on this grid where the technology states none.
DEFAULT_GRID_UM = 0.005

#: Positions in whole database units may take this much from a gap.
_ROUNDING_UM = 1e-3


def run(ctx: StageContext) -> StageResult:
    """Place the macros and fix them in the DEF; a design without macros goes on as it is.

    Raises:
        InputError: No legal placement exists, or none was found; or the file of the policy is none.
        ChipError: The result is not legal.
    """
    if "grouped_netlist" not in ctx.files:
        shutil.copyfile(ctx.files["floorplan_def"], ctx.out_dir / "macros.def")
        return StageResult(
            files={"macros_def": "macros.def"}, status="skipped", note="the design has no macros"
        )
    layout = read_layout(ctx.files["floorplan_def"], ctx.pdk, ctx.files["memories"])
    grouped, _ = ct_protobuf.read(ctx.files["grouped_netlist"])
    grouped, start = plc.read(ctx.files["grouped_start"], grouped)
    settings, gap_um = ctx.design.placement, ctx.design.macros.gap_um
    place = _placer(settings.agent, settings.policy, ctx.log)
    history = CostHistory()
    found = place(
        grouped,
        start,
        budget_s=settings.budget_s,
        seed=settings.seed,
        progress=history.add,
        gap_um=gap_um,
        grid_um=layout.lef.manufacturing_grid_um or DEFAULT_GRID_UM,
        from_nothing=True,
    )
    plc.write(ctx.out_dir / "macros.plc", grouped, found)
    history.write(ctx.out_dir / "history.json")
    draw_placement(grouped, found, ctx.out_dir / "macros.png")

    placed = from_core(layout.netlist, layout.placement, grouped, found)
    fixed = macros_fixed(layout.netlist)
    macros = fixed.nodes_of(NodeKind.HARD_MACRO)
    design = layout.with_placement(fixed, placed, nodes=macros)
    def_file.write(ctx.out_dir / "macros.def", design)

    # Judged as written: in whole database units.
    written = read_layout(ctx.out_dir / "macros.def", ctx.pdk, ctx.files["memories"])
    overlaps = len(hard_overlaps(written.netlist, written.placement))
    astray = len(outside(written.netlist, written.placement))
    if overlaps or astray:
        raise ChipError(f"the macro placement has {overlaps} overlaps, {astray} macros outside")
    gap = least_gap_um(written.netlist, written.placement)
    if gap < gap_um - _ROUNDING_UM:
        raise ChipError(f"two macros are {gap:g} um apart, expected {gap_um:g} um")
    cost = proxy_cost(grouped, found)
    ctx.log(f"{len(macros)} macros by {settings.agent}, proxy cost {cost.total:.4f}")
    return StageResult(
        files={
            "macros_def": "macros.def",
            "macro_placement": "macros.plc",
            "macro_history": "history.json",
            "macros_png": "macros.png",
        },
        metrics={
            "placement__proxy__cost": cost.total,
            "placement__proxy__cost__robust": robust_proxy_cost(grouped, found),
            "placement__proxy__wirelength": cost.wirelength,
            "placement__proxy__density": cost.density,
            "placement__proxy__congestion": cost.congestion,
            "placement__hard_overlaps__count": overlaps,
            "placement__outside__count": astray,
            "placement__macro__count": len(macros),
        },
        note=f"{len(macros)} macros by {settings.agent}, proxy cost {cost.total:.4f}",
    )


def _placer(
    agent: str, policy: Path | None, log: Callable[[str], None]
) -> Callable[..., Placement]:
    """The placer of that name, with its kernels compiled."""
    if agent == "search":
        search.compile_kernels(log)
        return search.place
    from agents import placer  # only here is PyTorch loaded

    placer.compile_kernels(log)
    return partial(placer.place, policy=policy or placer.POLICY)


STAGE = Stage(
    name="place_macros",
    run=run,
    reads=("floorplan_def", "memories"),
    may_read=("grouped_netlist", "grouped_start", "groups"),
    gives=("macros_def", "macro_placement", "macro_history", "macros_png"),
    settings=("placement.agent", "placement.budget_s", "placement.seed", "macros.gap_um"),
    sources=("placement.policy",),
)
