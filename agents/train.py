"""Train the graph policy on a netlist: `python -m agents.train --netlist toy`.

Needs no EDA tool, no Prefect, no LLM and no network. Everything of a run goes into one folder:
settings.json, TensorBoard events, metrics.csv, checkpoints, and the best placement so far.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter

from agents.checkpoint import load_checkpoint, save_checkpoint
from agents.policy import GraphPolicy, policy_for
from agents.ppo import PpoSettings, Update, learn, to_tensors
from benchmarks import files, registry
from placement_env.cost.proxy import proxy_cost
from placement_env.cost.toy import toy_netlist
from placement_env.env import MacroPlacementEnv
from placement_env.errors import ChipError, InputError
from placement_env.formats import plc
from placement_env.kernels import compile_notice
from placement_env.netlist import Netlist, Placement
from placement_env.synthetic import synthetic_netlist

_RANDOM_EPISODES = 32


@dataclass(frozen=True)
class TrainingArguments(PpoSettings):
    """Arguments of a training run, on top of the hyperparameters.

    Attributes:
        netlist: "toy", the name of a benchmark, or a netlist file (.pb.txt, .aux).
        start: A .plc with canvas, grid and ports, where the netlist has no initial.plc beside it.
        out: Folder of the run.
        num_envs: Environments stepped in turn.
        hidden_size: Width of the policy's layers.
        graph_layers: Rounds of messages in the graph network.
        columns: Columns of the action grid; 0 for those of the netlist's grid.
        rows: Rows of the action grid; 0 for those of the netlist's grid.
        reward: "dense" or "terminal".
        device: "cpu", "cuda" or another of PyTorch.
        threads: Threads of PyTorch on the CPU; more than one pays for large netlists only.
        checkpoint_every: Updates between two checkpoints.
        resume: Checkpoint folder to go on from.
    """

    netlist: str = "toy"
    start: str = ""
    out: str = "runs/train"
    num_envs: int = 8
    hidden_size: int = 64
    graph_layers: int = 3
    columns: int = 0
    rows: int = 0
    reward: str = "dense"
    device: str = "cpu"
    threads: int = 1
    checkpoint_every: int = 10
    resume: str = ""


@dataclass
class Record:
    """What a run has reached.

    Attributes:
        random_cost: Mean final cost of random legal actions.
        best_cost: Lowest final cost of any episode.
        best: The placement with that cost.
        recent: Mean final costs of the updates, in order.
        greedy_cost: Final cost of the likeliest actions, after the training.
    """

    random_cost: float = float("nan")
    best_cost: float = float("inf")
    best: Placement | None = None
    recent: list[float] = field(default_factory=list)
    greedy_cost: float | None = None


def train(arguments: TrainingArguments, *, quiet: bool = False) -> Record:
    """Run the training and write its folder.

    Raises:
        InputError: The netlist or an argument cannot be used.
    """
    say = (lambda line: None) if quiet else (lambda line: print(line, flush=True))
    torch.set_num_threads(arguments.threads)
    device = _device(arguments)
    random.seed(arguments.seed)
    np.random.seed(arguments.seed)  # noqa: NPY002  for libraries that use the global state
    torch.manual_seed(arguments.seed)
    torch.use_deterministic_algorithms(True, warn_only=True)

    netlist, start = load_netlist(arguments.netlist, arguments.start)
    compile_notice("proxy cost", lambda: proxy_cost(*toy_netlist()), say)
    envs = [_environment(netlist, start, arguments) for _ in range(arguments.num_envs)]
    policy = policy_for(envs[0], size=arguments.hidden_size, layers=arguments.graph_layers)
    policy = policy.to(device)
    optimizer = torch.optim.Adam(policy.parameters(), lr=arguments.learning_rate, eps=1e-5)
    out = Path(arguments.out)
    first_step = 0
    if arguments.resume:
        first_step = load_checkpoint(Path(arguments.resume), policy, optimizer)
    out.mkdir(parents=True, exist_ok=True)
    (out / "settings.json").write_text(json.dumps(asdict(arguments), indent=1) + "\n", "utf-8")

    record = Record(random_cost=random_cost(envs[0], arguments.seed))
    parameters = sum(weight.numel() for weight in policy.parameters())
    say(
        f"{netlist.name}: {len(envs[0].order)} macros on {envs[0].grid.columns} x "
        f"{envs[0].grid.rows} cells, {netlist.num_nodes} nodes; policy of {parameters} weights; "
        f"{arguments.num_envs * arguments.num_steps} steps an update"
    )
    say(f"random legal actions: mean proxy cost {record.random_cost:.4f}")

    started, updates = time.monotonic(), 0
    with SummaryWriter(str(out)) as board, (out / "metrics.csv").open("a", newline="") as table:
        board.add_text("settings", _as_table(asdict(arguments)))
        writer = csv.writer(table)
        if table.tell() == 0:
            writer.writerow(["step", "wall_s", "tag", "value"])

        def on_update(update: Update) -> None:
            nonlocal updates
            updates += 1
            for episode in update.episodes:
                if episode.cost is not None and episode.cost < record.best_cost:
                    record.best_cost, record.best = episode.cost, episode.placement
            if "placement/proxy_cost" in update.scalars:
                record.recent.append(update.scalars["placement/proxy_cost"])
            scalars = {**update.scalars, "placement/best_cost": record.best_cost}
            wall_s = time.monotonic() - started
            for tag, value in scalars.items():
                board.add_scalar(tag, value, update.step)
                writer.writerow([update.step, f"{wall_s:.3f}", tag, f"{value:.8g}"])
            table.flush()
            done = update.step >= arguments.total_steps
            if updates % arguments.checkpoint_every == 1 or done:
                save_checkpoint(out / "checkpoints" / "last", policy, optimizer, update.step)
                _write_best(out, netlist, record)
            sps = update.scalars["charts/SPS"]
            say(
                f"step {update.step:>8}/{arguments.total_steps}  "
                f"cost {scalars.get('placement/proxy_cost', float('nan')):.4f}  "
                f"best {record.best_cost:.4f}  SPS {sps:.0f}  "
                f"ETA {max(0.0, arguments.total_steps - update.step) / sps:.0f} s"
            )

        learn(envs, policy, optimizer, arguments, first_step=first_step, on_update=on_update)

        record.greedy_cost, placement = greedy(envs[0], policy)
        if record.greedy_cost is not None and record.greedy_cost < record.best_cost:
            record.best_cost, record.best = record.greedy_cost, placement
            _write_best(out, netlist, record)
        if record.greedy_cost is not None:
            board.add_scalar("placement/greedy_cost", record.greedy_cost, arguments.total_steps)
    said = "a dead end" if record.greedy_cost is None else f"proxy cost {record.greedy_cost:.4f}"
    say(f"likeliest actions: {said}; best {record.best_cost:.4f}; run folder {out}")
    return record


def load_netlist(name: str, start: str = "") -> tuple[Netlist, Placement]:
    """The toy, a benchmark by name or a netlist file, with the placement of its ports.

    Raises:
        InputError: There is no such benchmark or file, or it is malformed.
    """
    if name == "toy":
        return synthetic_netlist()
    plc_file = Path(start) if start else None
    if Path(name).suffix or "/" in name:
        benchmark = files.load_files(Path(name), start=plc_file)
    else:
        benchmark = registry.load(name)
        benchmark = files.with_start(benchmark, plc_file) if plc_file else benchmark
    if "initial" not in benchmark.placements:
        raise InputError(
            "the netlist comes without positions of its ports",
            where=name,
            hint="give a placement of this netlist with --start",
        )
    return benchmark.netlist, benchmark.placements["initial"]


def random_cost(env: MacroPlacementEnv, seed: int) -> float:
    """Mean final proxy cost of random legal actions; NaN if they only reach dead ends."""
    env.action_space.seed(seed)
    costs = []
    for _ in range(_RANDOM_EPISODES):
        info, terminated = env.reset(seed=seed)[1], False
        while not terminated:
            action = env.action_space.sample(info["action_mask"])
            _, _, terminated, _, info = env.step(action)
        if not info["dead_end"]:
            costs.append(info["reward_terms"]["cost"])
    return float(np.mean(costs)) if costs else float("nan")


def greedy(
    env: MacroPlacementEnv, policy: GraphPolicy
) -> tuple[float, Placement] | tuple[None, None]:
    """Final proxy cost and placement of the policy's likeliest actions; None at a dead end."""
    device = next(policy.parameters()).device
    policy.eval()
    observation, info = env.reset()
    terminated = False
    while not terminated:
        with torch.no_grad():
            logits, _ = policy(to_tensors([observation], device))
        observation, _, terminated, _, info = env.step(int(logits.argmax()))
    if info["dead_end"]:
        return None, None
    return info["reward_terms"]["cost"], env.placement()


def _environment(
    netlist: Netlist, start: Placement, arguments: TrainingArguments
) -> MacroPlacementEnv:
    return MacroPlacementEnv(
        netlist,
        start,
        columns=arguments.columns or None,
        rows=arguments.rows or None,
        reward=arguments.reward,  # type: ignore[arg-type]  checked by the environment
    )


def _device(arguments: TrainingArguments) -> torch.device:
    try:
        device = torch.device(arguments.device)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"the device {arguments.device!r} cannot be used: {str(error).splitlines()[0]}",
            hint="--device cpu works everywhere",
        ) from None
    return device


def _write_best(out: Path, netlist: Netlist, record: Record) -> None:
    if record.best is None:
        return
    cost = proxy_cost(netlist, record.best)
    costs = (cost.wirelength, cost.density, cost.congestion)
    plc.write(out / "best.plc", netlist, record.best, costs=costs)


def _as_table(settings: dict[str, Any]) -> str:
    rows = [f"| {name} | {value} |" for name, value in settings.items()]
    return "\n".join(["| setting | value |", "| --- | --- |", *rows])


def parse_arguments(words: Sequence[str]) -> TrainingArguments:
    """`TrainingArguments` from the command line; every field is an option."""
    parser = argparse.ArgumentParser(
        prog="python -m agents.train", description=__doc__.splitlines()[0] if __doc__ else None
    )
    helps = _attribute_docs(PpoSettings) | _attribute_docs(TrainingArguments)
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
    positive = ("total_steps", "num_steps", "num_envs", "num_minibatches", "update_epochs")
    for name in (*positive, "hidden_size", "threads", "checkpoint_every"):
        if values[name] < 1:
            parser.error(f"--{name.replace('_', '-')} is {values[name]}, expected at least 1")
    return TrainingArguments(**values)


def _attribute_docs(kind: type) -> dict[str, str]:
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


def main() -> None:
    """Entry point of `python -m agents.train`."""
    try:
        train(parse_arguments(sys.argv[1:]))
    except ChipError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted; go on with --resume OUT/checkpoints/last", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
