"""Train the graph policy on netlists: `python -m agents.train --netlist toy`.

Needs no EDA tool, no Prefect, no LLM and no network. Everything of a run goes into one folder:
settings.json, TensorBoard events, metrics.csv, checkpoints, and the best placement so far. A run
that was killed goes on with `--resume` as if nothing had happened. On many processes:
`torchrun --nproc-per-node 2 -m agents.train ...`.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import distributed as dist
from torch.utils.tensorboard import SummaryWriter

from agents.checkpoint import Progress, load_checkpoint, load_policy, save_checkpoint
from agents.policy import GraphPolicy, PolicySize
from agents.ppo import PpoSettings, Update, learn
from agents.training_netlists import Writer, load_netlists
from agents.training_tasks import make_task, play_likeliest
from placement_env.cost.proxy import proxy_cost
from placement_env.cost.toy import toy_netlist
from placement_env.errors import ChipError, InputError
from placement_env.kernels import compile_notice
from placement_env.netlist import Placement


@dataclass(frozen=True)
class TrainingArguments(PpoSettings):
    """Arguments of a training run, on top of the hyperparameters.

    Attributes:
        netlist: "toy", names of benchmarks, netlist files (.pb.txt, .aux) or "generated:FIRST-LAST"
            with seeds of generated netlists, separated by commas.
        start: A placement to start from, in the netlist's format, in place of its own.
        mode: "construct" from an empty canvas, or "improve" the start placement.
        out: Folder of runs.
        run_name: Name of this run's folder; by default netlist, mode and seed.
        num_envs: Environments of a netlist, played side by side.
        width: Features of nodes and nets in the policy.
        cells: Features of cells of the canvas in the policy.
        layers: Rounds of messages in the graph network.
        columns: Columns of the action grid; 0 for those of the netlist's grid.
        rows: Rows of the action grid; 0 for those of the netlist's grid.
        reward: "dense" or "terminal".
        objective: "proxy" or "hpwl".
        weights: Checkpoint or .safetensors to begin with, in place of random weights.
        device: "auto" (a GPU where there is one), "cpu", "cuda" or another of PyTorch.
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
    weights: str = ""
    device: str = "auto"
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
        best_cost: Lowest final cost of any episode.
        best: The placement with that cost.
        recent: Mean final costs of the updates, in order.
        recent_returns: Mean returns of the updates, in order.
        greedy_cost: Final cost of the likeliest actions after the training, over the netlists.
    """

    folder: Path
    policy: GraphPolicy
    random_cost: float
    random_return: float
    best_cost: float = float("inf")
    best: Placement | None = None
    recent: list[float] = field(default_factory=list)
    recent_returns: list[float] = field(default_factory=list)
    greedy_cost: float | None = None


def train(arguments: TrainingArguments, *, quiet: bool = False) -> Record:
    """Run the training and write its folder.

    Raises:
        InputError: A netlist or an argument cannot be used.
        TrainingError: A loss is not finite; the checkpoint before it is kept.
    """
    with _processes() as (rank, world):
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

    tasks, played = [], []
    writers: dict[str, Writer] = {}
    for given in load_netlists(arguments.netlist, arguments.start):
        task, random_play = make_task(
            given,
            num_envs=arguments.num_envs,
            seed=arguments.seed,
            device=device,
            start=arguments.mode,
            columns=arguments.columns or None,
            rows=arguments.rows or None,
            reward=arguments.reward,
            objective=arguments.objective,
        )
        tasks.append(task)
        played.append(random_play)
        writers[given.name] = given.write
        board = task.envs[0].board
        say(
            f"{given.name}: {len(board.order)} macros on {board.grid.columns} x "
            f"{board.grid.rows} cells, {given.netlist.num_nodes} nodes; random legal actions: mean "
            f"proxy cost {_mean(random_play.costs):.4f}"
        )
    parameters = sum(weight.numel() for weight in policy.parameters())
    say(f"policy of {parameters} weights on {device}, {world} process(es)")

    name = arguments.run_name or f"{tasks[0].name}_{arguments.mode}_{arguments.seed}"
    out = Path(arguments.out) / name
    record = Record(
        out,
        policy,
        _mean([_mean(random_play.costs) for random_play in played]),
        _mean([_mean(random_play.returns) for random_play in played]),
        best_cost=progress.best_cost,
    )
    if not writes:
        learn(
            tasks,
            policy,
            optimizer,
            arguments,
            first_update=progress.update,
            first_step=progress.step,
        )
        return record

    out.mkdir(parents=True, exist_ok=True)
    (out / "settings.json").write_text(json.dumps(asdict(arguments), indent=1) + "\n", "utf-8")
    started = time.monotonic()
    rows = _rows_until(out / "metrics.csv", progress.step if arguments.resume else -1)
    with SummaryWriter(str(out)) as board, (out / "metrics.csv").open("w", newline="") as table:
        board.add_text("settings", _as_table(asdict(arguments)))
        writer = csv.writer(table)
        writer.writerows([["step", "wall_s", "tag", "value"], *rows])

        def on_update(update: Update) -> None:
            for episode in update.episodes:
                if episode.placement and (episode.cost or 0) < record.best_cost:
                    record.best_cost, record.best = episode.cost or 0.0, episode.placement
                    writers[episode.task](out, record.best)
            if "placement/proxy_cost" in update.scalars:
                record.recent.append(update.scalars["placement/proxy_cost"])
            record.recent_returns.append(update.scalars["charts/episodic_return"])
            scalars = {**update.scalars, "placement/best_cost": record.best_cost}
            wall_s = time.monotonic() - started
            for tag, value in scalars.items():
                board.add_scalar(tag, value, update.step)
                writer.writerow([update.step, f"{wall_s:.3f}", tag, f"{value:.8g}"])
            table.flush()
            done = update.step >= arguments.total_steps
            if update.number % arguments.checkpoint_every == 0 or done:
                save_checkpoint(
                    out / "checkpoints",
                    policy,
                    optimizer,
                    Progress(update.number, update.step, record.best_cost),
                )
            sps = update.scalars["charts/SPS"]
            say(
                f"step {update.step:>8}/{arguments.total_steps}  "
                f"return {update.scalars['charts/episodic_return']:.4f}  "
                f"cost {scalars.get('placement/proxy_cost', float('nan')):.4f}  "
                f"best {record.best_cost:.4f}  SPS {sps:.0f}  "
                f"ETA {max(0.0, arguments.total_steps - update.step) / sps:.0f} s"
            )

        learn(
            tasks,
            policy,
            optimizer,
            arguments,
            first_update=progress.update,
            first_step=progress.step,
            on_update=on_update,
        )
        if arguments.mode == "construct":
            reached = [play_likeliest(task, policy)[0] for task in tasks]
            costs = [cost for cost in reached if cost is not None]
            record.greedy_cost = float(np.mean(costs)) if len(costs) == len(tasks) else None
            if record.greedy_cost is not None:
                board.add_scalar("placement/greedy_cost", record.greedy_cost, arguments.total_steps)
    likeliest = f"proxy cost {record.greedy_cost:.4f}" if record.greedy_cost else "not played"
    say(f"likeliest actions: {likeliest}; best {record.best_cost:.4f}; run folder {out}")
    return record


def usable_device(name: str) -> torch.device:
    """The device of that name; "auto" is a GPU where there is one, else the CPU.

    Raises:
        InputError: It cannot be used.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"the device {name!r} cannot be used: {str(error).splitlines()[0]}",
            hint="--device cpu works everywhere",
        ) from None
    return device


@contextlib.contextmanager
def _processes() -> Iterator[tuple[int, int]]:
    """Joins the processes that `torchrun` started; gives rank and number of them."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield 0, 1
        return
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield dist.get_rank(), dist.get_world_size()
    finally:
        dist.destroy_process_group()


def _rows_until(file: Path, step: int) -> list[list[str]]:
    """The rows of metrics.csv up to a step, which a run that goes on keeps."""
    if step < 0 or not file.exists():
        return []
    with file.open(newline="") as table:
        rows = list(csv.reader(table))[1:]
    return [row for row in rows if len(row) == 4 and int(row[0]) <= step]


def _mean(numbers: Sequence[float]) -> float:
    return float(np.mean(numbers)) if len(numbers) else float("nan")


def _as_table(settings: dict[str, Any]) -> str:
    rows = [f"| {name} | {value} |" for name, value in settings.items()]
    return "\n".join(["| setting | value |", "| --- | --- |", *rows])


def parse_arguments(
    words: Sequence[str], program: str = "python -m agents.train"
) -> TrainingArguments:
    """`TrainingArguments` from the command line; every field is an option."""
    parser = argparse.ArgumentParser(
        prog=program, description=__doc__.splitlines()[0] if __doc__ else None
    )
    helps = attribute_docs(PpoSettings) | attribute_docs(TrainingArguments)
    for item in fields(TrainingArguments):
        assert item.default is not None
        parser.add_argument(
            f"--{item.name.replace('_', '-')}",
            type=type(item.default),
            default=item.default,
            metavar=type(item.default).__name__.upper(),
            help=f"{helps[item.name]} (default: {item.default or 'none'})",
        )
    values = vars(parser.parse_args(words))
    positive = ("total_steps", "episodes", "tasks", "num_envs", "num_minibatches", "update_epochs")
    for name in (*positive, "width", "cells", "layers", "threads", "checkpoint_every"):
        if values[name] < 1:
            parser.error(f"--{name.replace('_', '-')} is {values[name]}, expected at least 1")
    return TrainingArguments(**values)


def attribute_docs(kind: type) -> dict[str, str]:
    """Names and texts of the `Attributes:` section of a class's docstring."""
    section = (kind.__doc__ or "").partition("Attributes:\n")[2]
    docs: dict[str, str] = {}
    for line in section.splitlines():
        if line.startswith("        ") and ": " in line and not line.startswith("         "):
            name, _, text = line.strip().partition(": ")
            docs[name] = text.rstrip(".").replace("%", "%%")
        elif line.strip() and docs:
            last = next(reversed(docs))
            docs[last] += " " + line.strip().rstrip(".").replace("%", "%%")
    return docs


def main(words: Sequence[str] | None = None, program: str = "python -m agents.train") -> None:
    """Entry point of `python -m agents.train` and `chipflow train`."""
    arguments = parse_arguments(sys.argv[1:] if words is None else words, program)
    try:
        train(arguments)
    except ChipError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        folder = Path(arguments.out) / (arguments.run_name or "RUN")
        print(f"interrupted; go on with --resume {folder}", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
