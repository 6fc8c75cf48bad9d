"""Scores: every number of the run in one flat file, with unit and direction."""

from __future__ import annotations

import json

from chipflow.layout.placed import read_layout
from chipflow.stage import Stage, StageContext, StageResult
from placement_env.errors import ChipError
from placement_env.metrics import METRICS
from placement_env.netlist import NodeKind, hpwl_um
from placement_env.row_legality import check_rows


def run(ctx: StageContext) -> StageResult:
    """Judge the final placement once more, and collect the metrics of all stages.

    Raises:
        ChipError: The placed design is not legal, or a number differs from what its stage said.
    """
    layout = read_layout(ctx.files["placed_def"], ctx.pdk, ctx.files["memories"])
    netlist, placement = layout.netlist, layout.placement
    legality = check_rows(netlist, placement)
    judged = {
        "placement__wirelength__hpwl_um": hpwl_um(netlist, placement),
        "placement__macro__count": len(netlist.nodes_of(NodeKind.HARD_MACRO)),
        "placement__cell__count": len(netlist.nodes_of(NodeKind.STANDARD_CELL)),
        "placement__cell_overlaps__count": legality.overlaps,
        "placement__off_site__count": legality.off_site,
        "placement__off_row__count": legality.off_row,
        "placement__cells_outside__count": legality.outside,
    }
    for name, value in judged.items():
        said = ctx.metrics.get(name, value)
        # Positions are written in whole database units, which shifts a length a little.
        if abs(said - value) > 1e-4 * max(abs(value), 1.0):
            raise ChipError(f"{name} is {value:g} in the DEF, but its stage said {said:g}")
    if not legality.legal:
        raise ChipError(f"the chip is not legal: {legality.describe(netlist)}")
    numbers = {name: float(value) for name, value in (dict(ctx.metrics) | judged).items()}
    table = {
        name: {
            "value": numbers[name],
            "unit": METRICS[name].unit,
            "better": METRICS[name].better,
            "meaning": METRICS[name].meaning,
        }
        for name in METRICS
        if name in numbers
    }
    if unknown := sorted(set(numbers) - set(METRICS)):
        raise ChipError(f"no such metric: {unknown[0]}", where="placement_env/metrics.py")
    text = json.dumps(table, indent=1) + "\n"
    (ctx.out_dir / "scores.json").write_text(text, encoding="utf-8")
    ctx.log(f"{len(table)} numbers in scores.json")
    return StageResult(
        files={"scores": "scores.json"},
        metrics={"placement__macro__count": judged["placement__macro__count"]},
        note=f"{len(table)} numbers",
    )


STAGE = Stage(
    name="scores",
    run=run,
    reads=("placed_def", "memories"),
    gives=("scores",),
    uses_metrics=True,
)
