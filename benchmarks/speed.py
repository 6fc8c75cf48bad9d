"""How long costs, moves and reading take, beside a plain-Python implementation in the same run.

All quantities of a design are measured in turn, round by round, so that a neighbour's load falls on
all of them alike and their ratios stand. Search and policy enter as functions, as placers do.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np

from benchmarks import registry
from benchmarks.data import find
from benchmarks.plain_cost import plain_cost
from placement_env.cost.incremental import IncrementalCost
from placement_env.cost.model import CostModel, cost_model
from placement_env.cost.proxy import evaluate
from placement_env.env import MacroPlacementEnv
from placement_env.errors import InputError
from placement_env.formats import ct_protobuf, plc
from placement_env.netlist import FloatArray, IntArray, Netlist, NodeKind, Placement

#: What is measured, in the order of the table.
QUANTITIES: Mapping[str, str] = MappingProxyType(
    {
        "load_netlist": "read the netlist",
        "load_plc": "read a .plc",
        "build_model": "build the cost model",
        "plain": "full evaluation in plain Python",
        "full": "full evaluation",
        "hard_anywhere": "exact cost of moving a hard macro anywhere",
        "hard_local": "exact cost of moving a hard macro nearby",
        "soft_anywhere": "exact cost of moving a soft macro anywhere",
        "soft_local": "exact cost of moving a soft macro nearby",
        "search_move": "move of the search, from proposal to decision",
        "search_move_all_cores": "the same with all cores at work",
        "env_step": "step of the environment that places a macro at random",
        "policy_step": "the same by the graph policy",
    }
)

#: Whose ratio to the plain implementation is reported: they say the same thing, the exact cost.
COSTS = ("full", "hard_anywhere", "hard_local", "soft_anywhere", "soft_local")

#: Full evaluations in a round, over as many placements; and how far their macros are apart.
_EVALUATIONS, _SPREAD = 40, 0.01
#: Macros that are priced in a round, each at so many places; "nearby" is a share of the canvas.
_MACROS, _PLACES, _NEARBY = 20, 200, 0.02

#: How often the search is measured again where something else took more time than its moves.
_TRIES = 5

#: What is reported as a rate as well, and what it is called.
RATES: Mapping[str, str] = MappingProxyType(
    {
        "search_move": "moves a second on one core",
        "search_move_all_cores": "moves a second on all cores",
        "env_step": "steps a second of the environment alone",
        "policy_step": "steps a second with the graph policy",
    }
)

#: Makes so many moves on so many cores from a placement, as a search does, kernels compiled.
Search = Callable[[Netlist, Placement, int, int], object]
#: Gives what builds up placements of a design from the empty canvas, on one core, and returns the
#: steps that it took.
Builder = Callable[[MacroPlacementEnv], Callable[[], int]]


@dataclass(frozen=True)
class Timing:
    """What one call took.

    Attributes:
        median_s: Median over all calls.
        least_s: Minimum over all calls, the least disturbed.
        calls: How many there were.
    """

    median_s: float
    least_s: float
    calls: int


@dataclass(frozen=True)
class DesignSpeed:
    """The measurements of one design.

    Attributes:
        design: Name of the benchmark.
        timings: By the names of `QUANTITIES`.
        difference: Largest difference between a part of the plain cost and of the exact one.
    """

    design: str
    timings: Mapping[str, Timing]
    difference: float

    def rate(self, quantity: str) -> float:
        """How many times a second, by the median."""
        return 1 / self.timings[quantity].median_s

    def ratio(self, quantity: str) -> float:
        """How many times the quantity goes into a plain evaluation, by medians."""
        return self.timings["plain"].median_s / self.timings[quantity].median_s


def measure(
    design: str, search: Search, build: Builder, *, rounds: int, moves: int, seed: int = 0
) -> DesignSpeed:
    """Measure one clustered benchmark, about 5 s a round.

    Args:
        design: Name of a benchmark with a Circuit Training netlist.
        search: The search; its own start-up is measured and taken off.
        build: A policy that builds placements up.
        rounds: How often all is measured.
        moves: Moves that the search makes in a round.
        seed: Seed of the placements that are evaluated.

    Raises:
        InputError: The design is unknown, has no clustered netlist or cannot be read; or the moves
            are too few to be measured.
    """
    benchmark = registry.load(design)
    netlist = benchmark.netlist
    if netlist.grid is None or (netlist.node_kind == NodeKind.STANDARD_CELL).any():
        raise InputError(
            f"{design} has no clustered netlist, whose proxy cost could be measured",
            hint=f"one of: {', '.join(registry.designs_of('tilos'))}",
        )
    start = benchmark.placements.get("legalized", benchmark.placements["initial"])
    netlist_file, plc_file = (find(file) for file in registry.files_of(design)[:2])
    without_grid, _ = ct_protobuf.read(netlist_file)
    model = cost_model(netlist, start.orient)
    rng = np.random.default_rng(seed)
    samples: dict[str, list[float]] = {name: [] for name in QUANTITIES}

    plain, exact = plain_cost(netlist, start), evaluate(model, start.x_um, start.y_um)
    parts = (exact.wirelength, exact.density, exact.congestion)
    difference = max(abs(a - b) for a, b in zip(plain, parts, strict=True))
    env = MacroPlacementEnv(netlist, start)
    for kind in _macro_kinds(netlist):  # once without the clock
        list(_prices(model, netlist, start, kind, True, rng))
    play = {"env_step": lambda: _random_steps(env, rng), "policy_step": build(env)}
    for steps in play.values():
        steps()
    for _ in range(rounds):
        samples["load_netlist"].append(_seconds(lambda: ct_protobuf.read(netlist_file)))
        samples["load_plc"].append(_seconds(lambda: plc.read(plc_file, without_grid)))
        samples["build_model"].append(_seconds(lambda: cost_model(netlist, start.orient)))
        samples["plain"].append(_seconds(lambda: plain_cost(netlist, start)))
        samples["full"] += _evaluations(model, start, rng)
        for kind in _macro_kinds(netlist):
            name = "hard" if kind == NodeKind.HARD_MACRO else "soft"
            samples[f"{name}_anywhere"] += _prices(model, netlist, start, kind, False, rng)
            samples[f"{name}_local"] += _prices(model, netlist, start, kind, True, rng)
        for name, cores in (("search_move", 1), ("search_move_all_cores", os.cpu_count() or 1)):
            samples[name].append(_move_s(partial(search, netlist, start), moves, cores))
        for name, steps in play.items():
            began = time.perf_counter()
            taken = steps()
            samples[name].append((time.perf_counter() - began) / taken)
    timings = {
        name: Timing(statistics.median(found), min(found), len(found))
        for name, found in samples.items()
        if found
    }
    return DesignSpeed(design, timings, difference)


def machine() -> dict[str, str | int]:
    """What a reader must know of the machine that figures come from."""
    import llvmlite.binding
    import numba

    return {
        "processor": llvmlite.binding.get_host_cpu_name(),
        "cores": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numba": numba.__version__,
        "numpy": np.__version__,
    }


def _move_s(search: Callable[[int, int], object], moves: int, cores: int) -> float:
    """Seconds a move takes, without the start of the search."""
    for _ in range(_TRIES):
        begun_s = _seconds(lambda: search(moves // 10, cores))
        ended_s = _seconds(lambda: search(moves, cores))
        if ended_s > begun_s:
            return (ended_s - begun_s) / (moves - moves // 10)
    raise InputError(
        f"{moves} moves of the search took no longer than {moves // 10}, {_TRIES} times in turn",
        hint="measure more moves, or on a machine that does nothing else",
    )


def _random_steps(env: MacroPlacementEnv, rng: np.random.Generator) -> int:
    """Random legal actions to the end of an episode; how many there were."""
    _, info = env.reset()
    over, steps = False, 0
    while not over:
        action = int(rng.choice(np.flatnonzero(info["action_mask"])))
        _, _, over, _, info = env.step(action)
        steps += 1
    return steps


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _macro_kinds(netlist: Netlist) -> list[NodeKind]:
    kinds = (NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO)
    return [kind for kind in kinds if netlist.nodes_of(kind).size]


def _evaluations(model: CostModel, start: Placement, rng: np.random.Generator) -> Iterator[float]:
    """Seconds of full evaluations, each of another placement near the start."""
    reach_um = _SPREAD * model.grid.columns * model.grid.cell_width
    for _ in range(_EVALUATIONS):
        moved = rng.uniform(-reach_um, reach_um, (2, len(start.x_um))) * model.nodes.is_macro
        x_um, y_um = start.x_um + moved[0], start.y_um + moved[1]
        yield _seconds(lambda x=x_um, y=y_um: evaluate(model, x, y))


def _prices(
    model: CostModel,
    netlist: Netlist,
    start: Placement,
    kind: NodeKind,
    local: bool,
    rng: np.random.Generator,
) -> Iterator[float]:
    """Seconds for the exact cost of one place for a macro, the move made and undone."""
    cost = IncrementalCost(model, start.x_um, start.y_um)
    nodes: IntArray = netlist.nodes_of(kind)
    for node in rng.choice(nodes, _MACROS).tolist():
        x_um, y_um = _places(netlist, start, node, local, rng)
        yield _seconds(lambda n=node, x=x_um, y=y_um: cost.costs_at(n, x, y)) / _PLACES


def _places(
    netlist: Netlist, start: Placement, node: int, local: bool, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Centres of a macro inside the canvas: near its own, or anywhere."""
    canvas = netlist.canvas
    places = []
    for own, size, low, high in (
        (start.x_um[node], netlist.width_um[node], canvas.left_um, canvas.right_um),
        (start.y_um[node], netlist.height_um[node], canvas.bottom_um, canvas.top_um),
    ):
        if local:
            wanted = rng.normal(own, _NEARBY * (high - low), _PLACES)
        else:
            wanted = rng.uniform(low, high, _PLACES)
        places.append(np.clip(wanted, low + size / 2, high - size / 2))
    return places[0], places[1]
