"""Scores of placements, and runs of a placer over a benchmark suite.

A placer enters as a function, so that anyone's can be measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np

from benchmarks import registry
from benchmarks.files import Benchmark
from benchmarks.peak_memory import PeakMemory
from benchmarks.published import Published
from placement_env.cost.proxy import check_positions, proxy_cost, robust_proxy_cost
from placement_env.density_overflow import density_overflow
from placement_env.errors import InputError
from placement_env.legality import hard_overlaps, misshapen, moved_fixed, outside
from placement_env.netlist import Netlist, NodeKind, Placement, hpwl_um, oriented_size
from placement_env.route_estimate import GRID_ROWS, TrackSupply, estimate_routes
from placement_env.row_legality import check_rows, off_fence, overlapping_pairs

#: Scores that must be zero for a placement to be legal.
LEGALITY = (
    "placement__hard_overlaps__count",
    "placement__outside__count",
    "placement__misshapen__count",
    "placement__moved_fixed__count",
    "placement__cell_overlaps__count",
    "placement__off_site__count",
    "placement__off_row__count",
    "placement__off_fence__count",
)


#: Shares of the fullest edges of the routing grid over which congestion is averaged (N. Viswanathan
#: et al., "The DAC 2012 routability-driven placement contest and benchmark suite", DAC 2012).
_ACE_SHARES = (0.005, 0.01, 0.02, 0.05)

#: Design, budget and seed of a run.
RunKey = tuple[str, float, int]


class Placer(Protocol):
    """What can be measured: a function that places a netlist within a time budget."""

    def __call__(
        self, netlist: Netlist, start: Placement, *, budget_s: float, seed: int
    ) -> Placement:
        """Place every movable node of `netlist`, which lies as `start` says."""
        ...


@dataclass(frozen=True)
class Result:
    """One run of a placer.

    Attributes:
        design: Name of the benchmark.
        budget_s: The time that the placer was given.
        seed: The seed that it was given.
        scores: What `score` says of the result, `time__wall_s` and, where the system tells it,
            `memory__peak_bytes`.
        published: What others have reached on the design.
    """

    design: str
    budget_s: float
    seed: int
    scores: dict[str, float]
    published: tuple[Published, ...]

    @property
    def key(self) -> RunKey:
        """Design, budget and seed."""
        return self.design, self.budget_s, self.seed

    @property
    def metric(self) -> str:
        """The score that this design is judged by."""
        return main_metric(self.scores)

    @property
    def legal(self) -> bool:
        """Nothing overlaps, sticks out or lies off its row."""
        return is_legal(self.scores)


def score(
    netlist: Netlist,
    placement: Placement,
    tracks: TrackSupply | None = None,
    *,
    start: Placement | None = None,
) -> dict[str, float]:
    """All scores of a placement, by the names of `placement_env.metrics`.

    Clustered netlists (no standard cells, and a grid) get their proxy cost; netlists with standard
    cells are checked for rows and sites, and routed roughly where their tracks are known.
    Wirelength and macros are judged everywhere.

    Args:
        netlist: The netlist.
        placement: A position of each node.
        tracks: The routing tracks above it.
        start: Where fixed nodes have to be.

    Raises:
        InputError: A node has no finite position, or the grid cannot be used.
    """
    check_positions(netlist, placement)
    scores: dict[str, float] = {}
    flat = is_flat(netlist)
    if netlist.grid is not None and not flat:
        cost = proxy_cost(netlist, placement)
        scores["placement__proxy__cost"] = cost.total
        scores["placement__proxy__cost__robust"] = robust_proxy_cost(netlist, placement)
        scores["placement__proxy__wirelength"] = cost.wirelength
        scores["placement__proxy__density"] = cost.density
        scores["placement__proxy__congestion"] = cost.congestion
    scores["placement__wirelength__hpwl_um"] = hpwl_um(netlist, placement)
    if flat:
        rows = check_rows(netlist, placement)
        scores["placement__hard_overlaps__count"] = _macro_overlaps(netlist, placement)
        scores["placement__outside__count"] = rows.outside
        scores["placement__cell_overlaps__count"] = rows.overlaps
        scores["placement__off_site__count"] = rows.off_site
        scores["placement__off_row__count"] = rows.off_row
        if netlist.fences is not None:
            scores["placement__off_fence__count"] = len(rows.off_fence_nodes)
        if netlist.rows is not None:
            scores["placement__density__overflow"] = density_overflow(netlist, placement)
            if tracks is not None:
                scores |= _routing(netlist, placement, tracks, float(netlist.rows.height_um[0]))
    else:
        scores["placement__hard_overlaps__count"] = len(hard_overlaps(netlist, placement))
        scores["placement__outside__count"] = len(outside(netlist, placement))
        if netlist.aspect_range is not None:
            scores["placement__misshapen__count"] = len(misshapen(netlist, placement))
        if netlist.fences is not None:
            blocks = netlist.nodes_of(NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO)
            scores["placement__off_fence__count"] = len(off_fence(netlist, placement, blocks))
    if start is not None:
        scores["placement__moved_fixed__count"] = len(moved_fixed(netlist, placement, start))
    scores["placement__macro__count"] = len(netlist.nodes_of(NodeKind.HARD_MACRO))
    return scores


def _routing(
    netlist: Netlist, placement: Placement, tracks: TrackSupply, row_um: float
) -> dict[str, float]:
    routes = estimate_routes(netlist, placement, tracks, cell_um=GRID_ROWS * row_um)
    return {
        "route__wirelength__estimated_um": routes.wire_um,
        "route__overflow__total": routes.overflow,
        "route__overflow__edge_count": routes.overfull_edges,
        "route__usage__ace": float(np.mean([routes.ace(share) for share in _ACE_SHARES])),
    }


def _macro_overlaps(netlist: Netlist, placement: Placement) -> int:
    """Pairs of hard macros that overlap by more than rounding.

    Macros of a flat netlist abut on the site grid, where float32 centres, as `hard_overlaps` takes
    them for clustered netlists, would turn a shared edge into an overlap.
    """
    macros = netlist.nodes_of(NodeKind.HARD_MACRO)
    width, height = (size[macros] for size in oriented_size(netlist, placement))
    left, bottom = placement.x_um[macros] - width / 2, placement.y_um[macros] - height / 2
    band_um = float(np.median(height)) if macros.size else 1.0
    count, _ = overlapping_pairs(left, bottom, left + width, bottom + height, band_um=band_um)
    return count


def is_flat(netlist: Netlist) -> bool:
    """Whether the netlist has standard cells, which are then to be placed on rows."""
    return bool((netlist.node_kind == NodeKind.STANDARD_CELL).any())


def is_legal(scores: Mapping[str, float]) -> bool:
    """Whether no score that must be zero is more."""
    return not any(scores.get(name, 0) for name in LEGALITY)


def main_metric(scores: Mapping[str, float]) -> str:
    """The score that a placement is judged by: the robust proxy cost where there is one, else HPWL.

    Nominal proxy costs can rely on macros that end exactly on a grid line, where the cost jumps.
    """
    robust = "placement__proxy__cost__robust"
    return robust if robust in scores else "placement__wirelength__hpwl_um"


def nominal(metric: str) -> str:
    """The score under which others publish what `metric` says: they know no robust cost."""
    return metric.removesuffix("__robust")


def run_suite(
    place: Placer,
    designs: Iterable[str],
    *,
    budgets_s: Sequence[float],
    seeds: Sequence[int],
    start: str = "initial",
    kept: Mapping[RunKey, Result] = MappingProxyType({}),
    begin: Callable[[Benchmark, float, int], None] | None = None,
) -> Iterator[Result]:
    """Place each design with each budget and each seed, from one of its placements.

    Args:
        place: The placer.
        designs: Names of benchmarks.
        budgets_s: Time budgets.
        seeds: Seeds.
        start: Name of the placement to start from.
        kept: Runs that are there already, by design, budget and seed; they are not run again.
        begin: Is given benchmark, budget and seed before each run, outside its time.

    Yields:
        Each result as soon as it is there, so that an interrupted run keeps the earlier ones.

    Raises:
        InputError: A design is unknown, cannot be read, or comes with no such start.
    """
    for name in designs:
        benchmark = None
        for budget_s in budgets_s:
            for seed in seeds:
                if (name, budget_s, seed) in kept:
                    yield kept[name, budget_s, seed]
                    continue
                benchmark = benchmark or _with_start(name, start)
                if begin:
                    begin(benchmark, budget_s, seed)
                begin_at = benchmark.placements[start]
                memory = PeakMemory()
                started = time.perf_counter()
                placement = place(benchmark.netlist, begin_at, budget_s=budget_s, seed=seed)
                wall_s = time.perf_counter() - started
                effort = {"time__wall_s": wall_s}
                if (peak := memory.so_far_bytes()) is not None:
                    effort["memory__peak_bytes"] = peak
                scores = score(benchmark.netlist, placement, benchmark.tracks, start=begin_at)
                yield Result(name, budget_s, seed, scores | effort, benchmark.published)


def _with_start(name: str, start: str) -> Benchmark:
    benchmark = registry.load(name)
    if start not in benchmark.placements:
        raise InputError(
            f"{name} comes with no placement called {start!r}",
            hint=f"one of: {', '.join(benchmark.placements)}",
        )
    return benchmark
