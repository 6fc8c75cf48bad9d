"""Train the graph policy on netlists: `python -m agents.train --netlist toy`.

Needs no EDA tool, no Prefect, no LLM and no network. Everything of a run goes into one folder:
settings.json, TensorBoard events, metrics.csv, checkpoints, and the best placement so far. A run
that was killed goes on with `--resume` as if nothing had happened. On many processes:
`torchrun --nproc-per-node 2 -m agents.train ...`.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import torch

from agents import search
from agents.checkpoint import (
    Progress,
    drop_later,
    has_checkpoints,
    load_checkpoint,
    load_policy,
    save_checkpoint,
)
from agents.command_options import parsed_options
from agents.device import usable_device
from agents.imitation import ImitationSettings, Lesson, imitate, lesson
from agents.policy import GraphPolicy, PolicySize
from agents.ppo import PpoSettings, Update, learn
from agents.processes import joined
from agents.run_folder import check_same, goes_on_in, kept_settings, run_folder
from agents.run_log import RunLog
from agents.teacher import taught_placement
from agents.training_netlists import TrainingNetlist, load_netlists
from agents.training_tasks import make_task, play_likeliest
from agents.writing import writing_to
from placement_env.cost.proxy import proxy_cost
from placement_env.cost.toy import toy_netlist
from placement_env.errors import ChipError, InputError
from placement_env.kernels import compile_notice
from placement_env.netlist import Placement

#: Episodes of random actions for each of a few netlists; fewer for each of many.
_RANDOM_EPISODES, _FEW = 32, 8
_AT_LEAST_ONE = (
    *("episodes", "tasks", "num_envs", "num_minibatches", "update_epochs", "imitation_batch"),
    *("width", "cells", "layers", "threads", "checkpoint_every", "teacher_moves"),
)
_AT_LEAST_NOTHING = (
    *("total_steps", "curriculum", "imitation_updates", "seed", "learning_rate", "imitation_rate"),
    *("columns", "rows", "sweeps", "minutes"),
)
#: What a run that goes on cannot change: its best placements and its step are about that.
_SAME = ("netlist", "start", "mode", "objective", "reward", "columns", "rows", "sweeps")
#: What it does not take from its settings.
_ANEW = ("run_name", "weights", "resume")
#: A checkpoint is written after so many seconds at the latest.
_CHECKPOINT_S = 300.0
#: Updates of the imitation are short: so many count as one for lines and checkpoints.
_IMITATION_PACE = 50


@dataclass(frozen=True)
class TrainingArguments(ImitationSettings, PpoSettings):
    """Arguments of a training run, on top of the hyperparameters.

    Attributes:
        netlist: "toy", names of benchmarks, netlist files (.pb.txt, .aux), "generated:FIRST-LAST"
            with seeds of generated netlists, "variant:NAME:FIRST-LAST" or
            "optimum:SIDE:FIRST-LAST", separated by commas.
        start: A placement to start from, in the netlist's format, in place of its own.
        mode: "construct" from an empty canvas, or "improve" the start placement.
        out: Folder of runs.
        run_name: Name of this run's folder; by default that of the run to go on from, or netlist,
            mode and seed, with a number where there is such a run.
        num_envs: Environments of a netlist, played side by side.
        width: Features of nodes and nets in the policy; that of `weights` where those are given.
        cells: Features of cells of the canvas in the policy, likewise.
        layers: Rounds of messages in the graph network, likewise.
        columns: Columns of the action grid; 0 for those of the netlist's grid.
        rows: Rows of the action grid; 0 for those of the netlist's grid.
        reward: "dense" or "terminal".
        objective: "proxy" or "hpwl".
        sweeps: How often soft macros settle, see `MacroPlacementEnv`.
        teacher_moves: Moves of the search for the placements that are imitated.
        weights: Checkpoint or .safetensors to begin with, in place of random weights.
        device: "auto" (a GPU where there is one), "cpu", "cuda" or another of PyTorch.
        minutes: End PPO after so many minutes, if it has not made all its steps by then; 0 for no
            limit.
        threads: Threads of PyTorch on the CPU; more than one pays for large netlists only.
        checkpoint_every: Updates between two checkpoints, or fewer where they take minutes.
        resume: Folder of a run or of a checkpoint to go on from; options that are not given are as
            they were then. Checkpoints that are newer than that are deleted.
    """

    netlist: str = "toy"
    start: str = ""
    mode: str = "construct"
    out: str = "runs/train"
    run_name: str = ""
    num_envs: int = 8
    width: int = PolicySize.width
    cells: int = PolicySize.cells
    layers: int = PolicySize.layers
    columns: int = 0
    rows: int = 0
    reward: str = "dense"
    objective: str = "proxy"
    sweeps: int = 1
    teacher_moves: int = 1_000_000
    weights: str = ""
    device: str = "auto"
    minutes: float = 0.0
    threads: int = 1
    checkpoint_every: int = 10
    resume: str = ""


@dataclass
class Record:
    """What a run has reached.

    Attributes:
        folder: The run's folder.
        policy: The policy.
        random_cost: Mean final cost of random legal actions, over the netlists.
        random_return: Mean return of random legal actions, over the netlists.
        best_costs: Lowest final value of the objective of an episode, by netlist; with several
            processes, of the first one's episodes.
        best: The placements with those values.
        recent: Mean final costs of the updates, in order.
        recent_returns: Mean returns of the updates, in order.
        greedy_cost: Final cost of the likeliest actions after the training, over the netlists.
    """

    folder: Path
    policy: GraphPolicy
    random_cost: float
    random_return: float
    best_costs: dict[str, float] = field(default_factory=dict)
    best: dict[str, Placement] = field(default_factory=dict)
    recent: list[float] = field(default_factory=list)
    recent_returns: list[float] = field(default_factory=list)
    greedy_cost: float | None = None

    @property
    def best_cost(self) -> float:
        """The mean over the netlists of their lowest values; NaN before the first."""
        return _mean(list(self.best_costs.values()))


def train(arguments: TrainingArguments, *, quiet: bool = False) -> Record:
    """Run the training and write its folder.

    Raises:
        InputError: A netlist or an argument cannot be used, or the folder cannot be written.
        TrainingError: A loss is not finite; the checkpoint before it is kept.
    """
    with writing_to(arguments.out), joined(arguments.device) as (rank, world):
        return _train(arguments, quiet=quiet or rank > 0, writes=rank == 0, world=world)


def _train(arguments: TrainingArguments, *, quiet: bool, writes: bool, world: int) -> Record:
    say: Callable[[str], None] = (
        (lambda line: None) if quiet else (lambda line: print(line, flush=True))
    )
    torch.set_num_threads(arguments.threads)
    device = usable_device(arguments.device)
    random.seed(arguments.seed)
    np.random.seed(arguments.seed)  # noqa: NPY002  for libraries that use the global state
    torch.manual_seed(arguments.seed)
    torch.use_deterministic_algorithms(True, warn_only=True)

    compile_notice("proxy cost", lambda: proxy_cost(*toy_netlist()), say)
    size = PolicySize(arguments.width, arguments.cells, arguments.layers)
    policy = GraphPolicy(size)
    if arguments.weights and not arguments.resume:
        policy = load_policy(Path(arguments.weights))
        ours = policy.size
        arguments = replace(arguments, width=ours.width, cells=ours.cells, layers=ours.layers)
    policy = policy.to(device)
    optimizer = torch.optim.Adam(policy.parameters(), lr=arguments.learning_rate, eps=1e-5)
    progress, resume = Progress(), Path(arguments.resume) if arguments.resume else None
    if resume:
        kept = kept_settings(resume)
        check_same(resume, kept, {name: getattr(arguments, name) for name in _SAME})
        progress = load_checkpoint(resume, policy, optimizer)
        if progress.update and arguments.imitation_updates > progress.imitated:
            raise InputError(
                f"the run has made {progress.imitated} updates of the imitation, and then "
                f"{progress.update} of PPO; there is no way back to the imitation",
                where=str(resume),
                hint=f"begin a new run from its weights: --weights {resume}",
            )

    given = load_netlists(arguments.netlist, arguments.start)
    fallback = f"{given[0].name}_{arguments.mode}_{arguments.seed}"
    folder = run_folder(Path(arguments.out), arguments.run_name, fallback, resume)
    if writes:
        folder.mkdir(parents=True, exist_ok=True)  # An error comes before the work.
    if not goes_on_in(folder, resume):
        progress = replace(progress, best_costs={}, rows=0)
    elif writes and resume:
        drop_later(folder, resume)
    tasks, played = [], []
    episodes = _RANDOM_EPISODES if len(given) <= _FEW else _FEW
    episodes = episodes if arguments.total_steps else 1
    for one in given:
        task, random_play = make_task(
            one,
            num_envs=arguments.num_envs,
            episodes=episodes,
            seed=arguments.seed,
            device=device,
            start=arguments.mode,
            columns=arguments.columns or None,
            rows=arguments.rows or None,
            reward=arguments.reward,
            objective=arguments.objective,
            sweeps=arguments.sweeps,
        )
        tasks.append(task)
        played.append(random_play)
        board = task.envs[0].board
        say(
            f"{one.name}: {len(board.order)} macros on {board.grid.columns} x "
            f"{board.grid.rows} cells, {one.netlist.num_nodes} nodes; random legal actions: mean "
            f"proxy cost {_mean(random_play.costs):.4f}"
        )
    parameters = sum(weight.numel() for weight in policy.parameters())
    say(f"policy of {parameters} weights on {device}, {world} process(es)")

    record = Record(
        folder,
        policy,
        _mean([_mean(random_play.costs) for random_play in played]),
        _mean([_mean(random_play.returns) for random_play in played]),
        best_costs=dict(progress.best_costs),
    )
    with contextlib.ExitStack() as stack:
        log = None
        if writes:
            stack.enter_context(_interruptible(record.folder))
            log = stack.enter_context(
                RunLog(
                    record.folder,
                    asdict(arguments),
                    rows=progress.rows,
                    step=progress.step or progress.imitated,
                )
            )
        run = _Run(arguments, record, optimizer, {one.name: one for one in given}, log, say)
        run.step, run.imitation = progress.step, max(progress.imitated, arguments.imitation_updates)
        if progress.imitated < arguments.imitation_updates:
            lessons = _lessons(arguments, given, say)
            imitate(
                lessons,
                policy,
                optimizer,
                arguments,
                seed=arguments.seed,
                first_update=progress.imitated,
                on_update=run.imitated,
            )
        began = time.monotonic()
        if progress.update == 0:
            optimizer.state.clear()  # gradients of PPO are of another size
        learn(
            tasks,
            policy,
            optimizer,
            arguments,
            first_update=progress.update,
            first_step=progress.step,
            on_update=run.updated,
            time_is_up=lambda: 0 < 60 * arguments.minutes < time.monotonic() - began,
        )
        run.save()
        if log and arguments.mode == "construct" and arguments.total_steps:
            reached = [play_likeliest(task, policy)[0] for task in tasks]
            costs = [cost for cost in reached if cost is not None]
            record.greedy_cost = float(np.mean(costs)) if len(costs) == len(tasks) else None
            if record.greedy_cost is not None:
                log.write(run.step, {"placement/greedy_cost": record.greedy_cost})
    likeliest = f"proxy cost {record.greedy_cost:.4f}" if record.greedy_cost else "not played"
    say(f"likeliest actions: {likeliest}; best {record.best_cost:.4f}; run folder {record.folder}")
    return record


@dataclass
class _Run:
    """What happens after each update: metrics, checkpoints, the best placement, a line."""

    arguments: TrainingArguments
    record: Record
    optimizer: torch.optim.Adam
    given: Mapping[str, TrainingNetlist]
    log: RunLog | None
    say: Callable[[str], None]
    step: int = 0
    imitation: int = 0
    unsaved: Progress | None = None
    saved_at_s: float = field(default_factory=time.monotonic)

    def imitated(self, update: int, scalars: Mapping[str, float]) -> None:
        """After an update of the imitation."""
        if self.log is None:
            return
        self.log.write(update, scalars)
        last = update == self.arguments.imitation_updates
        pace = _IMITATION_PACE * self.arguments.checkpoint_every
        if update % pace == 0 or last or self._is_long_ago():
            self._save(Progress(imitated=update))
        if update % _IMITATION_PACE == 0 or last:
            losses = "  ".join(f"{tag} {value:.3f}" for tag, value in scalars.items())
            self.say(f"imitation {update:>6}/{self.arguments.imitation_updates}  {losses}")

    def updated(self, update: Update) -> None:
        """After an update of PPO."""
        if self.log is None:
            return
        record, total = self.record, self.arguments.total_steps
        for episode in update.episodes:
            if episode.objective is None or episode.placement is None:
                continue
            if episode.objective < record.best_costs.get(episode.task, float("inf")):
                record.best_costs[episode.task] = episode.objective
                record.best[episode.task] = episode.placement
                self._write_best(episode.task, episode.placement)
        if "placement/proxy_cost" in update.scalars:
            record.recent.append(update.scalars["placement/proxy_cost"])
        record.recent_returns.append(update.scalars["charts/episodic_return"])
        scalars = {**update.scalars, "placement/best_cost": record.best_cost}
        self.log.write(update.step, scalars)
        self.step = update.step
        self.unsaved = Progress(update.number, update.step, record.best_costs, self.imitation)
        if update.number % self.arguments.checkpoint_every == 0 or self._is_long_ago():
            self.save()
        sps = update.scalars["charts/SPS"]
        self.say(
            f"step {update.step:>8}/{total}  "
            f"return {update.scalars['charts/episodic_return']:.4f}  "
            f"cost {scalars.get('placement/proxy_cost', float('nan')):.4f}  "
            f"best {record.best_cost:.4f}  SPS {sps:.0f}  "
            f"ETA {max(0.0, total - update.step) / sps:.0f} s"
        )

    def _write_best(self, name: str, placement: Placement) -> None:
        folder = self.record.folder
        if len(self.given) > 1:
            folder = folder / "placements" / name.replace("/", "_")
            folder.mkdir(parents=True, exist_ok=True)
        self.given[name].write(folder, placement)

    def save(self) -> None:
        """Write a checkpoint of the last update of PPO, unless there is one."""
        if self.unsaved:
            self._save(self.unsaved)
            self.unsaved = None

    def _save(self, progress: Progress) -> None:
        assert self.log is not None
        progress = replace(progress, rows=self.log.rows)
        folder = self.record.folder / "checkpoints"
        save_checkpoint(folder, self.record.policy, self.optimizer, progress)
        self.saved_at_s = time.monotonic()

    def _is_long_ago(self) -> bool:
        return time.monotonic() - self.saved_at_s > _CHECKPOINT_S


def _lessons(
    arguments: TrainingArguments, given: Sequence[TrainingNetlist], say: Callable[[str], None]
) -> list[Lesson]:
    """What the search teaches of each netlist; its placements are kept beside the runs."""
    search.compile_kernels(say)
    grid = {"columns": arguments.columns or None, "rows": arguments.rows or None}
    lessons = []
    for one in given:
        placed = taught_placement(
            one,
            moves=arguments.teacher_moves,
            seed=arguments.seed,
            folder=Path(arguments.out) / "teachers",
        )
        lessons.append(lesson(one.netlist, placed, **grid))
        say(
            f"{one.name}: the search teaches a placement of cost "
            f"{proxy_cost(one.netlist, placed).total:.4f}"
        )
    return lessons


@contextlib.contextmanager
def _interruptible(folder: Path) -> Iterator[None]:
    """Says after Ctrl-C how to go on with the run in the folder."""
    try:
        yield
    except KeyboardInterrupt:
        further = f"go on with --resume {folder}" if has_checkpoints(folder) else "nothing to keep"
        print(f"interrupted; {further}", file=sys.stderr)
        raise


def _mean(numbers: Sequence[float]) -> float:
    return float(np.mean(numbers)) if len(numbers) else float("nan")


def parse_arguments(
    words: Sequence[str], program: str = "python -m agents.train"
) -> TrainingArguments:
    """`TrainingArguments` from the command line; every field is an option.

    Raises:
        InputError: The settings of the run to go on from cannot be read.
    """
    ahead = argparse.ArgumentParser(add_help=False)
    ahead.add_argument("--resume", default="")
    resume = ahead.parse_known_args(words)[0].resume
    kept = kept_settings(Path(resume)) if resume else {}
    values = parsed_options(
        TrainingArguments,
        words,
        program=program,
        given={
            item.name: kept[item.name]
            for item in fields(TrainingArguments)
            if item.name not in _ANEW and type(kept.get(item.name)) is type(item.default)
        },
        about="Train the graph policy on netlists.",
        at_least={
            **dict.fromkeys(_AT_LEAST_ONE, 1),
            **dict.fromkeys(_AT_LEAST_NOTHING, 0),
        },
        at_most={"curriculum": 1, "seed": 2**32 - 1},
        wrong=lambda values: (
            "--weights and --resume exclude each other"
            if values["weights"] and values["resume"]
            else ""
            if values["total_steps"] or values["imitation_updates"]
            else "--total-steps is 0"
        ),
    )
    return TrainingArguments(**values)


def main(words: Sequence[str] | None = None, program: str = "python -m agents.train") -> None:
    """Entry point of `python -m agents.train` and `chipflow train`."""
    try:
        train(parse_arguments(sys.argv[1:] if words is None else words, program))
    except ChipError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
