"""`chipflow bench speed`: how fast costs, moves and reading are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

#: Environments that the policy plays at a time, as in its training.
_SIDE_BY_SIDE = 8


def speed(
    designs: Annotated[
        str, typer.Option(metavar="A,B,...", help="Only these (default: all of the suite tilos).")
    ] = "",
    rounds: Annotated[
        int, typer.Option(help="How often all is measured, about 5 s each.", min=1)
    ] = 5,
    moves: Annotated[
        int, typer.Option(help="Moves of the search in a round.", min=10_000)
    ] = 200_000,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write speed.json and speed.md here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Time costs, moves of the search, steps of the environment, and reading.

    Beside them stands an implementation in plain Python, measured in turn with the others, so that
    the ratios hold on a busy machine as well.
    """
    import torch

    from agents import placer, search
    from agents.checkpoint import load_policy
    from agents.construct import build_up
    from agents.netlist_graph import netlist_graph
    from benchmarks.speed import machine, measure
    from benchmarks.speed_table import to_json, to_markdown
    from chipflow.commands.inputs import designs_of, make_folder
    from chipflow.commands.progress_lines import ProgressLines
    from placement_env.env import MacroPlacementEnv
    from placement_env.formats.text import write_text
    from placement_env.netlist import Netlist, Placement

    chosen = designs_of("tilos", designs)
    if out:
        make_folder(out)

    def run_search(netlist: Netlist, start: Placement, moves: int, cores: int) -> None:
        search.place(netlist, start, budget_s=1.0, seed=1, moves=moves, cores=cores)

    torch.set_num_threads(1)
    policy = load_policy(placer.POLICY)

    def build(env: MacroPlacementEnv) -> Callable[[], int]:
        graph = netlist_graph(env.netlist, env.placement(), env.board.order)
        envs = [env, *(env.twin() for _ in range(_SIDE_BY_SIDE - 1))]

        def play() -> int:
            _, infos = build_up(policy, graph, envs, torch.Generator().manual_seed(1))
            return sum(info["placed"] for info in infos)

        return play

    show = ProgressLines(quiet=quiet)
    search.compile_kernels(show.say)
    speeds = []
    for name in chosen:
        show.say(f"{name}: {rounds} rounds")
        speeds.append(measure(name, run_search, build, rounds=rounds, moves=moves))
    record, table = to_json(speeds, machine()), to_markdown(speeds, machine())
    if out:
        write_text(out / "speed.json", json.dumps(record, indent=2) + "\n")
        write_text(out / "speed.md", table)
    typer.echo(json.dumps(record, indent=2) if as_json else table, nl=as_json)
