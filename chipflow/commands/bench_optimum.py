"""`chipflow bench optimum`: how far above the least wirelength floorplans end."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Annotated

import typer

#: The canvas's sides are by so much longer than the macros need; with less, the floorplanner often
#: finds no way to fit equal squares in.
_ROOM = 0.3


def optimum(
    sides: Annotated[
        str, typer.Option(metavar="N,N,...", help="Macros along a side of the square.")
    ] = "4,6,8,10,14",
    budget: Annotated[float, typer.Option(help="Seconds of each run.", min=0.1)] = 10.0,
    seeds: Annotated[int, typer.Option(help="Netlists of each size.", min=1)] = 3,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Write optimum.md here.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Floorplan netlists whose least wirelength is known, and compare."""
    from dataclasses import replace

    from agents import floorplanner
    from benchmarks.known_optimum import known_optimum
    from benchmarks.table import markdown_table
    from chipflow.commands.inputs import make_folder
    from chipflow.commands.progress_lines import ProgressLines
    from placement_env.errors import ChipError
    from placement_env.formats.text import write_text
    from placement_env.legality import hard_overlaps, outside
    from placement_env.netlist import hpwl_um

    chosen = _numbers(sides)
    if out:
        make_folder(out)
    show = ProgressLines(quiet=quiet)
    floorplanner.compile_kernels(show.say)
    rows = [["macros", "nets", "fitted", "wirelength over the least: median", "least", "most"]]
    for side in chosen:
        ratios, nets = [], 0
        for seed in range(1, seeds + 1):
            netlist, hidden, least_um = known_optimum(side, seed=seed, room=_ROOM)
            nets = netlist.num_nets
            blocks = replace(netlist, grid=None)
            try:
                placed = floorplanner.place(blocks, hidden, budget_s=budget, seed=seed)
            except ChipError as error:
                show.say(f"{side} x {side} macros, netlist {seed}: {error}")
                continue
            assert not hard_overlaps(blocks, placed)
            assert not len(outside(blocks, placed))
            ratios.append(hpwl_um(blocks, placed) / least_um)
            show.say(f"{side} x {side} macros, netlist {seed}: {ratios[-1]:.3f}")
        found = (statistics.median(ratios), min(ratios), max(ratios)) if ratios else ()
        cells = [f"{ratio:.3f}" for ratio in found] or ["–"] * 3
        rows.append([str(side * side), str(nets), str(len(ratios)), *cells])
    note = (
        f"Equal square macros without ports, {_ROOM:.0%} more canvas along each side than they "
        f"need; the floorplanner, {budget:g} s, {seeds} netlists of each size."
    )
    table = "\n".join([*markdown_table(rows), "", note, ""])
    if out:
        write_text(out / "optimum.md", table)
    typer.echo(table, nl=False)


def _numbers(sides: str) -> list[int]:
    from placement_env.errors import InputError

    words = [word.strip() for word in sides.split(",")]
    if not all(word.isdecimal() and int(word) >= 2 for word in words):
        raise InputError(
            f"--sides is {sides!r}, expected whole numbers from 2, separated by commas"
        )
    return [int(word) for word in words]
