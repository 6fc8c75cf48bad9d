"""Train the graph policy on netlists: `python -m agents.train --netlist toy`.

Needs no EDA tool, no Prefect, no LLM and no network. Everything of a run goes into one folder:
settings.json, TensorBoard events, metrics.csv, checkpoints, and the best placement so far. A run
that was killed goes on with `--resume` as if nothing had happened. On many processes:
`torchrun --nproc-per-node 2 -m agents.train ...`.
"""

from __future__ import annotations

import contextlib
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from agents import search
from agents.checkpoint import Progress, load_checkpoint, load_policy, save_checkpoint
from agents.command_options import parsed_options
from agents.device import usable_device
from agents.imitation import ImitationSettings, Lesson, imitate, lesson
from agents.policy import GraphPolicy, PolicySize
from agents.ppo import PpoSettings, Update, learn
from agents.processes import joined
from agents.run_log import RunLog
from agents.teacher import taught_placement
from agents.training_netlists import TrainingNetlist, load_netlists
from agents.training_tasks import make_task, play_likeliest
from placement_env.cost.proxy import proxy_cost
from placement_env.cost.toy import toy_netlist
from placement_env.errors import ChipError
from placement_env.kernels import compile_notice
from placement_env.netlist import Placement

#: Episodes of random actions for each of a few netlists; fewer for each of many.
_RANDOM_EPISODES, _FEW = 32, 8
_AT_LEAST_ONE = (
    *("episodes", "tasks", "num_envs", "num_minibatches", "update_epochs"),
    *("width", "cells", "layers", "threads", "checkpoint_every"),
)
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
            mode and seed.
        num_envs: Environments of a netlist, played side by side.
        width: Features of nodes and nets in the policy.
        cells: Features of cells of the canvas in the policy.
        layers: Rounds of messages in the graph network.
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
        checkpoint_every: Updates between two checkpoints.
        resume: Folder of a run or of a checkpoint to go on from.
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
        best_costs: Lowest final value of the objective of any episode, by netlist.
        best: The placements with those values, of this process.
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
        InputError: A netlist or an argument cannot be used.
        TrainingError: A loss is not finite; the checkpoint before it is kept.
    """
    with joined(arguments.device) as (rank, world):
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
    policy = load_policy(Path(arguments.weights)) if arguments.weights else GraphPolicy(size)
    policy = policy.to(device)
    optimizer = torch.optim.Adam(policy.parameters(), lr=arguments.learning_rate, eps=1e-5)
    progress = Progress()
    if arguments.resume:
        progress = load_checkpoint(Path(arguments.resume), policy, optimizer)

    given = load_netlists(arguments.netlist, arguments.start)
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
        _folder(arguments, tasks[0].name),
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
                RunLog(record.folder, asdict(arguments), progress.rows if arguments.resume else 0)
            )
        run = _Run(arguments, record, optimizer, {one.name: one for one in given}, log, say)
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
                log.write(arguments.total_steps, {"placement/greedy_cost": record.greedy_cost})
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
    unsaved: Progress | None = None

    def imitated(self, update: int, scalars: Mapping[str, float]) -> None:
        """After an update of the imitation."""
        if self.log is None:
            return
        self.log.write(update, scalars)
        last = update == self.arguments.imitation_updates
        if update % (_IMITATION_PACE * self.arguments.checkpoint_every) == 0 or last:
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
        self.unsaved = Progress(
            update.number, update.step, record.best_costs, self.arguments.imitation_updates
        )
        if update.number % self.arguments.checkpoint_every == 0:
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


def _lessons(
    arguments: TrainingArguments, given: Sequence[TrainingNetlist], say: Callable[[str], None]
) -> list[Lesson]:
    """What the search teaches of each netlist; its placements are kept beside the runs."""
    search.compile_kernels(say)
    lessons = []
    for one in given:
        placed = taught_placement(
            one,
            moves=arguments.teacher_moves,
            seed=arguments.seed,
            folder=Path(arguments.out) / "teachers",
        )
        lessons.append(lesson(one.netlist, placed))
        say(
            f"{one.name}: the search teaches a placement of cost "
            f"{proxy_cost(one.netlist, placed).total:.4f}"
        )
    return lessons


def _folder(arguments: TrainingArguments, first: str) -> Path:
    """The run's folder, given the name of its first netlist."""
    resumed = Path(arguments.resume)
    if arguments.resume and not arguments.run_name:
        for folder in (resumed, *resumed.absolute().parents[:2]):  # of a run or a checkpoint of it
            if (folder / "settings.json").is_file():
                return folder
    name = arguments.run_name or f"{first}_{arguments.mode}_{arguments.seed}"
    return Path(arguments.out) / name.replace("/", "_")


@contextlib.contextmanager
def _interruptible(folder: Path) -> Iterator[None]:
    """Says after Ctrl-C how to go on with the run in the folder."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"interrupted; go on with --resume {folder}", file=sys.stderr)
        raise


def _mean(numbers: Sequence[float]) -> float:
    return float(np.mean(numbers)) if len(numbers) else float("nan")


def parse_arguments(
    words: Sequence[str], program: str = "python -m agents.train"
) -> TrainingArguments:
    """`TrainingArguments` from the command line; every field is an option."""
    values = parsed_options(
        TrainingArguments,
        words,
        program=program,
        about="Train the graph policy on netlists.",
        at_least={
            **dict.fromkeys(_AT_LEAST_ONE, 1),
            "total_steps": 0,
            "curriculum": 0,
            "imitation_updates": 0,
            "teacher_moves": 1,
        },
        wrong=lambda values: (
            "" if values["total_steps"] or values["imitation_updates"] else "--total-steps is 0"
        ),
    )
    return TrainingArguments(**values)


def main(words: Sequence[str] | None = None, program: str = "python -m agents.train") -> None:
    """Entry point of `python -m agents.train` and `chipflow train`."""
    arguments = parse_arguments(sys.argv[1:] if words is None else words, program)
    try:
        train(arguments)
    except ChipError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
