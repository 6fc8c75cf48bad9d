"""Train the control of the search: `python -m agents.train_control --netlist generated:0-39x0.3`.

Evolution strategies: the weights are perturbed at random, one way and the other; both controls
search the same netlist from the same start with the same seed for the same time, and the weights
move towards the better ones. Time is that of the processor, so that a machine's other work disturbs
little.

Gains of pairs are mostly noise, in which weights wander. So the control is the mean of the later
weights, and each of them goes back as far as weights wander that learn from the same gains with
signs drawn by lot.

References:
    T. Salimans et al., "Evolution strategies as a scalable alternative to reinforcement learning",
    2017 (arXiv 1703.03864): antithetic pairs, Adam on the estimated gradient.
    D. P. Kingma, J. Ba, "Adam", ICLR 2015 (arXiv 1412.6980).
    B. T. Polyak, A. B. Juditsky, "Acceleration of stochastic approximation by averaging", SIAM
    Journal on Control and Optimization 30 (1992).
    B. Efron, C. Morris, "Stein's estimation rule and its competitors", Journal of the American
    Statistical Association 68 (1973): the positive part of 1 - 1/z^2.
"""

from __future__ import annotations

import contextlib
import csv
import multiprocessing
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from agents import search
from agents.annealing_run import AnnealingRun, Start
from agents.command_options import parsed_options
from agents.hard_moves import HardMove
from agents.lattice import Lattice, make_lattice
from agents.legal_start import legal_start, movable
from agents.search_control import (
    FEATURES,
    SearchControl,
    from_vector,
    load_control,
    save_control,
    to_vector,
    untrained,
)
from agents.training_netlists import TrainingNetlist, load_netlists
from agents.writing import writing_to
from placement_env.cost.model import CostModel, cost_model
from placement_env.did_you_mean import did_you_mean
from placement_env.errors import ChipError, InputError
from placement_env.netlist import FloatArray, IntArray

_DECAY, _DECAY_OF_SQUARES = 0.9, 0.98
# Rows of weights that learn nothing, to see how far chance takes them.
_WANDERING = 64
# Searches of more than a day teach nothing in time.
_LONGEST_S = 86_400.0
# Gains of a pair beyond so many usual ones of the netlist count no more.
_CLIP = 2.5


@dataclass(frozen=True)
class Run:
    """A search to compare two controls by.

    Attributes:
        netlist: Name of the netlist.
        from_nothing: Whether it ignores where macros are.
        budget_s: Seconds that it takes.
        seed: Its seed.
    """

    netlist: str
    from_nothing: bool
    budget_s: float
    seed: int


@dataclass(frozen=True)
class _Problem:
    given: TrainingNetlist
    model: CostModel
    lattice: Lattice
    hard: IntArray
    soft: IntArray


def final_cost(run: Run, control: SearchControl) -> float:
    """The cost that a search under the control reaches in its seconds of one core."""
    problem = _problem(run.netlist)
    x, y = _start(run.netlist, run.from_nothing)
    began = time.process_time()
    annealing = AnnealingRun(
        problem.model,
        problem.lattice,
        problem.given.start,
        Start(x, y, run.from_nothing),
        hard=problem.hard,
        soft=problem.soft,
        seed=run.seed,
        flips=False,
        threads=1,
        control=control,
    )
    with contextlib.closing(annealing):
        annealing.until(began, run.budget_s, None, clock=time.process_time)
        return annealing.cost


def gain(run: Run, one: FloatArray, other: FloatArray) -> float:
    """By how many percent the first control ends below the second."""
    costs = [final_cost(run, from_vector(weights)) for weights in (one, other)]
    return 100 * float(np.log(costs[1] / costs[0]))


@cache
def _problem(name: str) -> _Problem:
    (given,) = load_netlists(name)
    model = cost_model(given.netlist, given.start.orient)
    lattice = make_lattice(given.netlist, model, gap_um=0.0, grid_um=None)
    return _Problem(given, model, lattice, *movable(given.netlist, model))


@cache
def _start(name: str, from_nothing: bool) -> tuple[FloatArray, FloatArray]:
    problem = _problem(name)
    model, start = problem.model, problem.given.start
    return legal_start(
        problem.given.netlist,
        model,
        problem.lattice,
        start.x_um - model.left_um,
        start.y_um - model.bottom_um,
        hard=problem.hard,
        soft=problem.soft,
        seed=1,
        from_nothing=from_nothing,
    )


@dataclass(frozen=True)
class ControlArguments:
    """Arguments of a training of the control.

    Attributes:
        netlist: Netlists to place from nothing, as for `agents.train`; one that is named twice is
            drawn twice as often.
        given: Netlists to place from the placement that they come with.
        iterations: Steps of the weights.
        pairs: Pairs of searches for each.
        shortest_s: Seconds of the shortest searches.
        longest_s: Seconds of the longest ones.
        noise: Size of the perturbations.
        rate: Size of the first step, in perturbations; falls to zero.
        processes: Searches at a time.
        seed: Seed of the perturbations; the course also depends on the machine's speed.
        weights: A control to begin with, and to stay near to where nothing is learned.
        features: Of what the corrections may depend on, all by default (`FEATURES` of
            `agents.search_control`); fewer are learned faster and carry over more easily.
        out: Folder for control.safetensors and gains.csv.
    """

    netlist: str = "generated:0-39x0.3"
    given: str = ""
    iterations: int = 100
    pairs: int = 16
    shortest_s: float = 0.7
    longest_s: float = 6.0
    noise: float = 0.25
    rate: float = 0.2
    processes: int = 2
    seed: int = 1
    weights: str = ""
    features: str = ",".join(FEATURES)
    out: str = "runs/control"


def train(arguments: ControlArguments) -> SearchControl:
    """Run the training; the control is also in the folder, as of the last iteration.

    Raises:
        InputError: A netlist, the weights or a feature cannot be used, or the folder cannot be
            written.
    """
    with writing_to(arguments.out):
        return _train(arguments)


def _train(arguments: ControlArguments) -> SearchControl:
    # Errors come before the work.
    folder = Path(arguments.out)
    folder.mkdir(parents=True, exist_ok=True)
    trained = _trained(arguments.features)
    weights = to_vector(load_control(Path(arguments.weights)) if arguments.weights else untrained())
    drawn = [
        (part.name, from_nothing)
        for names, from_nothing in ((arguments.netlist, True), (arguments.given, False))
        if names
        for part in load_netlists(names)
    ]
    if not drawn:
        raise InputError("neither --netlist nor --given names a netlist")
    search.compile_kernels(print)
    rng = np.random.default_rng(arguments.seed)
    # The first row learns, the others wander.
    at_first, weights = weights, np.tile(weights, (1 + _WANDERING, 1))
    mean, square, averaged = np.zeros_like(weights), np.zeros_like(weights), weights
    learned, lots = at_first, np.random.default_rng([arguments.seed, 1])
    usual: dict[tuple[str, bool], float] = {}
    about = {key: str(value) for key, value in vars(arguments).items() if key != "out"}
    began = time.monotonic()
    with (
        ProcessPoolExecutor(
            arguments.processes,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_ready_to_search,
        ) as pool,
        (folder / "gains.csv").open("w", newline="") as log,
    ):
        table = csv.writer(log)
        table.writerow(("iteration", "netlist", "from_nothing", "budget_s", "gain_percent"))
        for iteration in range(1, arguments.iterations + 1):
            directions = rng.standard_normal((arguments.pairs, len(trained))) * trained
            span = np.log([arguments.shortest_s, arguments.longest_s])
            runs = [
                Run(
                    *drawn[int(rng.integers(len(drawn)))],
                    budget_s=float(np.exp(rng.uniform(*span))),
                    seed=int(rng.integers(2**31)),
                )
                for _ in range(arguments.pairs)
            ]
            step = arguments.noise * directions
            gains = list(pool.map(gain, runs, weights[0] + step, weights[0] - step))
            counted = np.empty(arguments.pairs)
            for pair, (run, gained) in enumerate(zip(runs, gains, strict=True)):
                which = run.netlist, run.from_nothing
                table.writerow((iteration, *which, f"{run.budget_s:.2f}", f"{gained:.4f}"))
                usual[which] = 0.8 * usual.get(which, abs(gained)) + 0.2 * abs(gained)
                counted[pair] = np.clip(gained / max(usual[which], 0.05), -_CLIP, _CLIP)
            log.flush()
            signs = lots.choice([-1.0, 1.0], size=(1 + _WANDERING, arguments.pairs))
            signs[0] = 1.0
            slope = signs * counted @ directions / arguments.pairs  # [1 + wandering, weights]
            mean = _DECAY * mean + (1 - _DECAY) * slope
            square = _DECAY_OF_SQUARES * square + (1 - _DECAY_OF_SQUARES) * slope**2
            size = mean / (1 - _DECAY**iteration)
            size /= np.sqrt(square / (1 - _DECAY_OF_SQUARES**iteration)) + 1e-8
            left = 1 - (iteration - 1) / arguments.iterations
            weights = weights + arguments.rate * left * arguments.noise * size
            late = iteration - arguments.iterations // 2
            averaged = weights if late < 1 else averaged + (weights - averaged) / late
            learned = at_first + _beyond_chance(averaged - at_first)
            save_control(folder / "control.safetensors", from_vector(learned), about)
            spent = time.monotonic() - began
            print(
                f"iteration {iteration:>4}/{arguments.iterations}  gains of pairs "
                f"{np.mean(np.abs(gains)):.2f} %  largest weight {np.abs(learned).max():.2f}  "
                f"ETA {spent / iteration * (arguments.iterations - iteration):.0f} s",
                flush=True,
            )
    return from_vector(learned)


def _ready_to_search() -> None:
    """What a process of the pool does first."""
    # Ctrl-C goes to all processes of a terminal: these end without a word, the first one tells.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    search.compile_kernels()


def _beyond_chance(moved: FloatArray) -> FloatArray:
    """[weights] how far the weights of the first row [1 + wandering, weights] moved by learning."""
    learned, wandered = moved[0] ** 2, (moved[1:] ** 2).mean(axis=0)
    kept = np.divide(learned - wandered, learned, out=np.zeros_like(learned), where=learned > 0)
    return moved[0] * np.maximum(kept, 0.0)


def _trained(features: str) -> FloatArray:
    """1 for each weight to train, 0 for the others: no search of the training has a plan."""
    names = [name.strip() for name in features.split(",")]
    unknown = sorted(set(names) - set(FEATURES))
    if unknown:
        raise InputError(
            f"--features names {', '.join(map(repr, unknown))}",
            hint=did_you_mean(unknown[0], FEATURES) or f"there are {', '.join(FEATURES)}",
        )
    of = np.array([float(name in names) for name in FEATURES])
    every = SearchControl(
        *(np.ones_like(part) * of[: part.shape[-1]] for part in vars(untrained()).values())
    )
    every.hard[:, HardMove.PLANNED] = 0.0
    return to_vector(every)


def main(words: Sequence[str] | None = None) -> None:
    """Entry point of `python -m agents.train_control`."""
    values = parsed_options(
        ControlArguments,
        sys.argv[1:] if words is None else words,
        program="python -m agents.train_control",
        about="Train the control of the search on netlists.",
        at_least={"iterations": 1, "pairs": 1, "processes": 1, "shortest_s": 0.1, "seed": 0},
        at_most={"longest_s": _LONGEST_S},
        wrong=lambda values: (
            "--longest-s is less than --shortest-s"
            if values["longest_s"] < values["shortest_s"]
            else ""
        ),
    )
    try:
        train(ControlArguments(**values))
    except ChipError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
