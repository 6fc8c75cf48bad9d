"""What the graph policy alone builds up on designs, beside random and greedy placements."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from agents import greedy, placer, without_search
from agents.checkpoint import load_policy
from agents.construct import construct, with_soft_searched
from agents.policy import GraphPolicy
from agents.train import TrainingArguments, train
from agents.training_netlists import TrainingNetlist
from benchmarks.placement import is_legal, score
from benchmarks.table import markdown_table, number
from placement_env.cost.proxy import proxy_cost

#: Random legal placements of each design.
_RANDOM = 100
#: Seconds that the greedy placer may take; it ends earlier on most designs.
_GREEDY_S = 60.0
#: Placements of which the policy takes the cheapest.
_ROLLOUTS = 8


def construct_table(
    designs: Sequence[TrainingNetlist],
    fine_tune_min: float,
    seeds: int,
    folder: Path,
    say: Callable[[str], None],
) -> str:
    """The table in Markdown, with medians of proxy costs over seeds.

    Args:
        designs: The designs.
        fine_tune_min: Minutes of PPO on each design, for another column; 0 for none.
        seeds: Runs of the policy with seeds 1 to N.
        folder: For the runs of the training.
        say: Is told each row as it is made.
    """
    placer.compile_kernels(say)
    policy = load_policy(placer.POLICY).eval()
    tuned = [f"after {fine_tune_min:g} min of training", "change"] if fine_tune_min else []
    head = ["design", "random, mean", "greedy", "s", "soft searched"]
    rows = [[*head, "policy alone", "s", "against random", *tuned]]
    for given in designs:
        random = statistics.fmean(
            proxy_cost(
                given.netlist,
                without_search.place_random(given.netlist, given.start, budget_s=1, seed=seed),
            ).total
            for seed in range(1, _RANDOM + 1)
        )
        began = time.perf_counter()
        packed = greedy.place(
            given.netlist, given.start, budget_s=_GREEDY_S, seed=1, from_nothing=True
        )
        greedy_s = time.perf_counter() - began
        searched = with_soft_searched(given.netlist, packed, seed=1)
        cost, wall_s = _alone(policy, given, seeds)
        row = [
            given.name,
            number(random),
            number(proxy_cost(given.netlist, packed).total),
            f"{greedy_s:.1f}",
            number(proxy_cost(given.netlist, searched).total),
            number(cost),
            f"{wall_s:.1f}",
            f"{cost / random - 1:+.0%}",
        ]
        if fine_tune_min:
            further, _ = _alone(_fine_tuned(given, fine_tune_min, folder), given, seeds)
            row += [number(further), f"{further / cost - 1:+.1%}"]
        say("  ".join(row))
        rows.append(row)
    note = (
        f"Proxy costs. Random: mean of {_RANDOM} legal placements. Greedy: from nothing, in up to "
        f"{_GREEDY_S:.0f} s; soft searched: the same, its soft macros placed alike. "
        f"Policy alone: the cheapest of {_ROLLOUTS} placements of hard macros, soft macros placed "
        f"around them by a short search; medians of {seeds} seeds."
    )
    return "\n".join([*markdown_table(rows), "", note, ""])


def _alone(policy: GraphPolicy, given: TrainingNetlist, seeds: int) -> tuple[float, float]:
    """Median cost of what the policy builds up, and median seconds."""
    costs, seconds = [], []
    for seed in range(1, seeds + 1):
        began = time.perf_counter()
        placed = construct(policy, given.netlist, given.start, count=_ROLLOUTS, seed=seed)
        seconds.append(time.perf_counter() - began)
        scores = score(given.netlist, placed, start=given.start)
        assert is_legal(scores), given.name
        costs.append(scores["placement__proxy__cost"])
    return statistics.median(costs), statistics.median(seconds)


def _fine_tuned(given: TrainingNetlist, minutes: float, folder: Path) -> GraphPolicy:
    """The policy after some minutes of PPO on the design."""
    arguments = TrainingArguments(
        netlist=given.name,
        weights=str(placer.POLICY),
        out=str(folder),
        run_name=f"fine_tuned_{given.name}",
        total_steps=10_000_000,
        minutes=minutes,
        learning_rate=3e-4,
        sweeps=2,
    )
    return train(arguments, quiet=True).policy.eval()
