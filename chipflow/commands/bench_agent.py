"""`chipflow bench agent`: the placement agent with and without its parts, in equal time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from agents.training_netlists import TrainingNetlist
    from benchmarks.ablation import AblationRun
    from placement_env.netlist import Netlist, Placement

#: Designs that nothing of the agent was trained or tuned on.
_TEST_SPLIT = "ariane133_ng45,ariane136_asap7,ariane133_sky130hd,ibm01"
_AGENT, _BASELINE = "graph-rl", "search"
#: What is left to a search at least.
_LEAST_S = 1e-3
#: What the arms run, what they run on, and what judges them.
_MODULES = (
    *("agents.placer", "agents.annealing", "agents.without_search"),
    *("agents.training_netlists", "benchmarks.placement"),
)

_Placer = Callable[..., "Placement"]


@dataclass(frozen=True)
class _Job:
    arm: str
    given: TrainingNetlist
    start: str
    budget_s: float
    seed: int

    @property
    def key(self) -> tuple[str, str, str, float, int]:
        return self.arm, self.given.name, self.start, self.budget_s, self.seed


def agent(
    designs: Annotated[
        str, typer.Option(metavar="A,B,...", help="Designs (default: the test split).")
    ] = _TEST_SPLIT,
    from_nothing: Annotated[
        str, typer.Option(metavar="S,S,...", help="Seconds of the runs from nothing.")
    ] = "3,10",
    from_given: Annotated[
        str, typer.Option(metavar="S,S,...", help="Seconds of the runs from the given placement.")
    ] = "10,60",
    arms: Annotated[
        str, typer.Option(metavar="NAME,NAME,...", help="Only these parts (default: all).")
    ] = "",
    construct: Annotated[
        bool,
        typer.Option("--construct", help="Instead, what the policy alone builds up."),
    ] = False,
    fine_tune: Annotated[
        float,
        typer.Option(help="With --construct: minutes of training on each design.", min=0.0),
    ] = 0.0,
    seeds: Annotated[int, typer.Option(help="Runs with seeds 1 to N.", min=1)] = 5,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="For runs.json, results.md and curves.png; runs that are there are kept.",
        ),
    ] = Path("ablation"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Compare the agent with the search alone and with others of its parts, in equal time.

    The arms are graph-rl (the agent), control (without the policy's plan), random-weights
    (policy and control untrained), search (as tuned by hand), search-random (the same from random
    places, where there are none) and annealing (a textbook's).
    """
    from agents import placer
    from agents.netlist_digest import netlist_digest
    from agents.training_netlists import load_netlists
    from benchmarks import ablation
    from benchmarks.ablation_curves import draw_curves
    from chipflow.commands.inputs import chosen, make_folder
    from chipflow.commands.interrupt import interrupts
    from chipflow.commands.progress_lines import ProgressLines
    from chipflow.commands.suite_runs import budgets
    from placement_env.formats.text import write_text

    make_folder(out)
    show = ProgressLines(quiet=quiet)
    if construct:
        from chipflow.commands.construct_table import construct_table

        table = construct_table(load_netlists(designs), fine_tune, seeds, out, show.say)
        write_text(out / "construct.md", table)
        typer.echo(table, nl=False)
        return
    known = _arms(out)
    named = chosen(arms, list(known), "there is no arm") or list(known)
    placer.compile_kernels(show.say)
    netlists = load_netlists(designs)
    problems = {given.name: netlist_digest(given.netlist, given.start) for given in netlists}
    jobs = [
        _Job(arm, given, start, budget_s, seed)
        for given in netlists
        for start, words in (("nothing", from_nothing), ("given", from_given))
        if words and (start == "nothing" or given.is_placed)
        for budget_s in budgets(words)
        for seed in range(1, seeds + 1)
        for arm in named
        if start == "nothing" or arm != "search-random"
    ]
    file, made_with = out / "runs.json", _made_with()
    runs = ablation.read_runs(file, made_with, problems)
    if file.exists() and not runs:
        show.say(f"{file}: of another chipflow, machine or netlist; its runs are replaced")
    done = {run.key for run in runs}
    with interrupts() as ctrl_c, show:
        for number, job in enumerate(jobs, 1):
            if ctrl_c.seen:
                break
            if job.key in done:
                continue
            run = _run(job, known[job.arm], problems[job.given.name])
            if ctrl_c.seen:  # The placer ended early, with the best so far.
                break
            runs.append(run)
            ablation.write_runs(file, made_with, runs)
            show.say(
                f"{number}/{len(jobs)} {run.design} from {run.start}, {run.budget_s:g} s, seed "
                f"{run.seed}: {run.arm} {run.robust_cost:.4f} in {run.wall_s:.1f} s"
            )
    table = ablation.to_markdown(runs, list(known), _BASELINE)
    table += "\n" + ablation.targets_to_markdown(runs, _BASELINE, _AGENT)
    write_text(out / "results.md", table)
    if runs:
        draw_curves(runs, (_AGENT, _BASELINE), out / "curves.png")
    typer.echo(table, nl=False)
    if ctrl_c.seen:
        typer.echo("interrupted: only the runs that were finished are kept", err=True)
        raise typer.Exit(130)
    if not all(run.legal for run in runs):
        raise typer.Exit(1)


def _arms(folder: Path) -> dict[str, _Placer]:
    from functools import partial

    from agents import annealing, placer, search

    policy, control = _untrained(folder)
    return {
        _AGENT: placer.place,
        "control": partial(placer.place, policy=None),
        "random-weights": partial(placer.place, policy=policy, control=control),
        _BASELINE: search.place,
        "search-random": _search_from_random,
        "annealing": annealing.place,
    }


def _untrained(folder: Path) -> tuple[Path, Path]:
    """Weights of a policy and of a control that have learned nothing."""
    import torch

    from agents.checkpoint import save_weights
    from agents.policy import GraphPolicy
    from agents.search_control import save_control, untrained

    torch.manual_seed(0)
    policy, control = (
        folder / "untrained_policy.safetensors",
        folder / "untrained_control.safetensors",
    )
    save_weights(policy, GraphPolicy(), {})
    save_control(control, untrained(), {})
    return policy, control


def _search_from_random(
    netlist: Netlist, start: Placement, *, budget_s: float, seed: int, from_nothing: bool
) -> Placement:
    """The search from random places, with the schedule that it has from nothing."""
    from dataclasses import replace

    from agents import search, without_search
    from agents.annealing_schedule import tuned

    assert from_nothing
    began = time.perf_counter()
    random = without_search.place_random(netlist, start, budget_s=budget_s, seed=seed)
    left_s = max(budget_s - (time.perf_counter() - began), _LEAST_S)
    return search.place(
        netlist,
        random,
        budget_s=left_s,
        seed=seed,
        control=lambda situation: tuned(replace(situation, from_nothing=True)),
    )


def _made_with() -> dict[str, object]:
    """What runs depend on besides arm, design, start, budget and seed."""
    from importlib.metadata import version

    from chipflow import code_version
    from placement_env.cores import usable_cores

    return {
        "chipflow": version("chipflow-hybrid"),
        "code": code_version.digest_behind(*_MODULES),
        "cores": usable_cores(),
    }


def _run(job: _Job, place: _Placer, problem: str) -> AblationRun:
    from benchmarks.ablation import AblationRun
    from benchmarks.placement import is_legal, score

    given = job.given
    began = time.perf_counter()
    placed = place(
        given.netlist,
        given.start,
        budget_s=job.budget_s,
        seed=job.seed,
        from_nothing=job.start == "nothing",
    )
    wall_s = time.perf_counter() - began
    scores = score(given.netlist, placed, start=given.start)
    return AblationRun(
        *job.key,
        robust_cost=scores["placement__proxy__cost__robust"],
        cost=scores["placement__proxy__cost"],
        legal=is_legal(scores),
        wall_s=wall_s,
        problem=problem,
    )
