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
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import distributed as dist
from torch.utils.tensorboard import SummaryWriter

from agents.checkpoint import Progress, load_checkpoint, load_policy, save_checkpoint
from agents.netlist_graph import netlist_graph
from agents.placers import is_floorplan
from agents.policy import GraphPolicy, PolicySize
from agents.ppo import PpoSettings, Task, Update, improves, learn, to_tensors
from benchmarks import files, registry
from placement_env.cost.proxy import proxy_cost
from placement_env.cost.toy import toy_netlist
from placement_env.env import MacroPlacementEnv
from placement_env.errors import ChipError, InputError
from placement_env.formats import plc
from placement_env.gridding import default_grid
from placement_env.kernels import compile_notice
from placement_env.netlist import Netlist, Placement
from placement_env.synthetic import synthetic_netlist

_RANDOM_EPISODES = 32
#: Writes a placement into a folder and returns the file.
Writer = Callable[[Path, Placement], Path]
#: Routes across the canvas each way, for floorplans: their files state none, and wires may pass
#: over blocks.
_FLOORPLAN_ROUTES = 1000.0


@dataclass(frozen=True)
class TrainingArguments(PpoSettings):
    """Arguments of a training run, on top of the hyperparameters.

    Attributes:
        netlist: "toy", names of benchmarks or netlist files (.pb.txt, .aux), separated by commas.
        start: A placement to start from, in the netlist's format, in place of its own.
        mode: "construct" from an empty canvas, or "improve" the start placement.
        out: Folder of runs.
        run_name: Name of this run's folder; by default netlist, mode and seed.
        num_envs: Environments of a netlist, played side by side.
        width: Features of the policy's layers.
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
    size = PolicySize(arguments.width, arguments.layers)
    policy = load_policy(Path(arguments.weights)) if arguments.weights else GraphPolicy(size)
    policy = policy.to(device)
    optimizer = torch.optim.Adam(policy.parameters(), lr=arguments.learning_rate, eps=1e-5)
    progress = Progress()
    if arguments.resume:
        progress = load_checkpoint(Path(arguments.resume), policy, optimizer)

    tasks, random_costs, random_returns = [], [], []
    writers: dict[str, Writer] = {}
    for name in arguments.netlist.split(","):
        netlist, start, write = load_netlist(name.strip(), arguments.start)
        writers[netlist.name] = write
        task, cost, returned = make_task(netlist, start, arguments, device)
        tasks.append(task)
        random_costs.append(cost)
        random_returns.append(returned)
        board = task.envs[0].board
        say(
            f"{netlist.name}: {len(board.order)} macros on {board.grid.columns} x "
            f"{board.grid.rows} cells, {netlist.num_nodes} nodes; random legal actions: mean proxy "
            f"cost {cost:.4f}"
        )
    parameters = sum(weight.numel() for weight in policy.parameters())
    say(f"policy of {parameters} weights on {device}, {world} process(es)")

    name = arguments.run_name or f"{tasks[0].name}_{arguments.mode}_{arguments.seed}"
    out = Path(arguments.out) / name
    record = Record(
        out,
        policy,
        float(np.mean(random_costs)),
        float(np.mean(random_returns)),
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
            reached = [greedy(task, policy)[0] for task in tasks]
            costs = [cost for cost in reached if cost is not None]
            record.greedy_cost = float(np.mean(costs)) if len(costs) == len(tasks) else None
            if record.greedy_cost is not None:
                board.add_scalar("placement/greedy_cost", record.greedy_cost, arguments.total_steps)
    likeliest = f"proxy cost {record.greedy_cost:.4f}" if record.greedy_cost else "not played"
    say(f"likeliest actions: {likeliest}; best {record.best_cost:.4f}; run folder {out}")
    return record


def load_netlist(name: str, start: str = "") -> tuple[Netlist, Placement, Writer]:
    """The toy, a benchmark by name or a netlist file, with the placement of its ports.

    Floorplans, which have no grid, get one for the policy to place on. What writes a placement of
    the netlist into a folder comes with it.

    Raises:
        InputError: There is no such benchmark or file, or it is malformed, or says nothing about
            where its ports are.
    """
    if name == "toy":
        toy, placement = synthetic_netlist()
        return toy, placement, partial(_write_plc, toy)
    file = Path(start) if start else None
    if Path(name).suffix or "/" in name:
        benchmark = files.load_files(Path(name), start=file)
    else:
        benchmark = registry.load(name)
        benchmark = files.with_start(benchmark, file) if file else benchmark
    netlist = benchmark.netlist
    placement = benchmark.placements.get("initial")
    if placement is None:
        raise InputError(
            "the netlist comes without positions of its ports",
            where=name,
            hint="give a placement of this netlist with --start",
        )
    if is_floorplan(netlist):
        side = max(netlist.canvas.width_um, netlist.canvas.height_um)
        per_um = _FLOORPLAN_ROUTES / side
        grid = default_grid(
            netlist,
            h_tracks_per_um=per_um,
            v_tracks_per_um=per_um,
            h_macro_tracks_per_um=0.0,
            v_macro_tracks_per_um=0.0,
        )
        netlist = replace(netlist, grid=grid)
    return netlist, placement, benchmark.write


def make_task(
    netlist: Netlist, start: Placement, arguments: TrainingArguments, device: torch.device
) -> tuple[Task, float, float]:
    """A netlist to learn on, and the mean cost and return of random legal actions."""
    envs = [_environment(netlist, start, arguments) for _ in range(arguments.num_envs)]
    env = envs[0]
    env.board.check_feasible()
    env.board.clear()
    graph = netlist_graph(netlist, env.placement(), env.board.order).to(device)
    costs, returns = random_episodes(env, arguments.seed)
    scale = float(np.std(returns)) if len(returns) > 1 else 0.0
    task = Task(netlist.name, envs, graph, scale if scale > 1e-9 else 1.0)
    return task, float(np.mean(costs)) if costs else float("nan"), float(np.mean(returns))


def random_episodes(env: MacroPlacementEnv, seed: int) -> tuple[list[float], list[float]]:
    """Final proxy costs of whole episodes of random legal actions, and returns of all episodes."""
    rng = np.random.default_rng(seed)
    costs, returns = [], []
    for episode in range(_RANDOM_EPISODES):
        info, over, total = env.reset(seed=seed + episode)[1], False, 0.0
        while not over:
            if improves(env):
                macro = int(rng.integers(len(env.board.order)))
                mask = env.place_mask(macro)
                cell = int(rng.choice(np.flatnonzero(mask))) if mask.any() else 0
                _, reward, terminated, truncated, info = env.step((macro, cell))
            else:
                action = int(rng.choice(np.flatnonzero(info["action_mask"])))
                _, reward, terminated, truncated, info = env.step(action)
            total += float(reward)
            over = terminated or truncated
        returns.append(total)
        if not info["dead_end"]:
            costs.append(info["reward_terms"]["cost"])
    return costs, returns


def greedy(task: Task, policy: GraphPolicy) -> tuple[float, Placement] | tuple[None, None]:
    """Final proxy cost and placement of the policy's likeliest actions; None at a dead end."""
    device = next(policy.parameters()).device
    policy.eval()
    env = task.envs[0]
    observation, info = env.reset()
    over = False
    with torch.no_grad():
        encoding = policy.encode(task.graph)
        while not over:
            logits, _ = policy.place(encoding, to_tensors([observation], device))
            observation, _, over, _, info = env.step(int(logits.argmax()))
    if info["dead_end"]:
        return None, None
    return info["reward_terms"]["cost"], env.placement()


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


def _environment(
    netlist: Netlist, start: Placement, arguments: TrainingArguments
) -> MacroPlacementEnv:
    return MacroPlacementEnv(
        netlist,
        start,
        start=arguments.mode,  # type: ignore[arg-type]  checked by the environment
        columns=arguments.columns or None,
        rows=arguments.rows or None,
        reward=arguments.reward,  # type: ignore[arg-type]
        objective=arguments.objective,  # type: ignore[arg-type]
    )


def _rows_until(file: Path, step: int) -> list[list[str]]:
    """The rows of metrics.csv up to a step, which a run that goes on keeps."""
    if step < 0 or not file.exists():
        return []
    with file.open(newline="") as table:
        rows = list(csv.reader(table))[1:]
    return [row for row in rows if len(row) == 4 and int(row[0]) <= step]


def _write_plc(netlist: Netlist, folder: Path, placement: Placement) -> Path:
    cost = proxy_cost(netlist, placement)
    costs = (cost.wirelength, cost.density, cost.congestion)
    file = folder / "placement.plc"
    plc.write(file, netlist, placement, costs=costs)
    return file


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
    for name in (*positive, "width", "layers", "threads", "checkpoint_every"):
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
