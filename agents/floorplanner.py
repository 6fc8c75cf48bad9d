"""Floorplanning: blocks of any size in a fixed outline, with short wires and no overlap.

Simulated annealing over sequence pairs (`agents.sequence_pair`), one chain a core, then linear
programs that move the blocks of the best chain into the white space (`agents.floorplan_lp`). The
chains need no start: packing makes every sequence pair free of overlaps.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from agents.effort import Effort, check_effort
from agents.floorplan_blocks import blocks_of, placement_of
from agents.floorplan_lp import spread
from agents.progress import WIRELENGTH, ProgressCallback
from agents.sequence_pair import (
    Blocks,
    Packing,
    anneal,
    empty_packing,
    random_state,
    wirelength,
)
from placement_env.cores import usable_cores
from placement_env.errors import ChipError, InputError
from placement_env.held_interrupt import held_interrupt
from placement_env.kernels import compile_notice
from placement_env.netlist import (
    IntArray,
    Netlist,
    NodeKind,
    Placement,
)

#: Moves of a chain between two looks at the clock.
_SLICE = 2_000
#: The first and the last temperature as a share of the mean rise of random moves.
_HOT, _COLD = 0.1, 2e-4
#: What an excess of the outline by all of a side costs, as a share of the first wirelength, once
#: half the budget is spent; and the share of that which it costs at first.
_PENALTY, _FIRST_PENALTY = 3.0, 0.02
#: Slices without a smaller excess after which a chain that is not inside the outline is heated
#: anew, and the temperature that it gets. Few long blocks (hp) block each other.
_STUCK, _REHEATED = 20, 0.5
#: Share of the budget that is left to the linear programs.
_LAST_SHARE = 0.15
#: Share of the budget after which soft blocks may take other shapes than the one nearest to a
#: square. Squares have the shortest wires; others only help to fill the outline.
_SQUARE_UNTIL = 0.6


def place(
    netlist: Netlist,
    start: Placement | None,
    *,
    budget_s: float,
    seed: int,
    progress: ProgressCallback | None = None,
    gap_um: float = 0.0,
    from_nothing: bool = False,
    moves: int | None = None,
    cores: int | None = None,
) -> Placement:
    """Place and turn all blocks of a netlist inside its canvas, without overlaps.

    Args:
        netlist: A netlist of macros and fixed ports, without cells. Blocks with an `aspect_range`
            take one of some shapes of their area, unless they have pins off their centre.
        start: Where the ports are; blocks are placed from nothing. None where no net has a port.
        budget_s: Seconds that it may take; the compilation of kernels does not count.
        seed: The same seed, `moves` and `cores` give the same placement.
        progress: Called a few times a second.
        gap_um: Least distance between blocks.
        from_nothing: Makes no difference here.
        moves: Moves of each chain, however long they take, instead of watching the clock.
        cores: Chains to run; None: as many as there are cores.

    Raises:
        InputError: A block is fixed, larger than the canvas or to be kept in or out of a region,
            or the start does not fit.
        ChipError: No chain found a floorplan inside the canvas.
    """
    del from_nothing
    check_effort(budget_s=budget_s, seed=seed, moves=moves)
    check(netlist, start)
    nodes = netlist.nodes_of(NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO)
    fixed = start if start is not None else _at_centre(netlist)
    if not nodes.size:
        return fixed
    compile_kernels()
    blocks, shapes = blocks_of(netlist, fixed, nodes, gap_um)
    effort = Effort(budget_s=budget_s * (1 - _LAST_SHARE), moves=moves, progress=progress)
    chains = [
        _Chain(blocks, seed=seed * 1000 + number) for number in range(cores or usable_cores())
    ]
    with ThreadPoolExecutor(len(chains)) as pool, contextlib.suppress(KeyboardInterrupt):
        while (spent := effort.spent) < 1:
            with held_interrupt():
                slices = [pool.submit(chain.go, spent) for chain in chains]
                for done in slices:
                    done.result()
            effort.moves += _SLICE
            leader = min(chains, key=_Chain.rank)
            effort.tell("floorplanning", leader.best.cost[0], measure=WIRELENGTH)
    inside = sorted(
        (chain.best for chain in chains if chain.best.cost[1] == 0),
        key=lambda packing: float(packing.cost[0]),
    )
    if not inside:
        over = min(chain.best.cost[1] for chain in chains)
        raise ChipError(
            f"no floorplan inside the canvas was found; the best one exceeds it by {over:.2%}",
            where=netlist.name,
            hint="give it a larger --budget, or more white space",
        )
    finished = []
    took_s = 0.0
    for packing in inside:
        began_s = effort.elapsed_s
        if finished and moves is None and began_s + took_s > budget_s:
            break
        finished.append(_finished(blocks, packing))
        took_s = effort.elapsed_s - began_s
    length, shape, x, y = min(finished, key=lambda found: found[0])
    effort.tell("floorplanning", length, last=True, measure=WIRELENGTH)
    return placement_of(netlist, fixed, nodes, shapes, shape, x, y)


class _Chain:
    """One annealing chain."""

    def __init__(self, blocks: Blocks, *, seed: int) -> None:
        self._blocks = blocks
        self._random = random_state(seed)
        count = len(blocks.shapes)
        shuffle = np.random.default_rng(seed)
        self.now = empty_packing(count)
        self.now.first[:], self.now.second[:] = (
            shuffle.permutation(count),
            shuffle.permutation(count),
        )
        has = np.arange(blocks.width.shape[1]) < blocks.shapes[:, None]
        slimness = np.where(has, abs(np.log(blocks.width / blocks.height)), np.inf)
        self.now.shape[:] = np.where(blocks.in_order, slimness.argmin(axis=1), 0)
        self.best = empty_packing(count)
        self.best.cost[:] = np.inf
        # Hot moves at first, which accept everything, measure how much the wirelength changes.
        lengths = []
        for _ in range(50):
            anneal(blocks, self.now, self.best, 20, 1e30, 0.0, False, self._random)
            lengths.append(self.now.cost[0])
        self._scale = float(np.std(lengths)) or 1.0
        self._penalty = _PENALTY * float(np.mean(lengths))
        self._hot, self._began, self._slices_stuck = _HOT, 0.0, 0

    def go(self, spent: float) -> None:
        """Try one slice of moves at the temperature of a share of the budget."""
        if self._slices_stuck >= _STUCK:
            self._hot, self._began, self._slices_stuck = _REHEATED, spent, 0
        part = min((spent - self._began) / max(1 - self._began, 1e-9), 1.0)
        before = self.best.cost[1]
        anneal(
            self._blocks,
            self.now,
            self.best,
            _SLICE,
            self._scale * self._hot * (_COLD / self._hot) ** part,
            self._penalty * (_FIRST_PENALTY + (1 - _FIRST_PENALTY) * min(2 * part, 1.0)),
            spent >= _SQUARE_UNTIL,
            self._random,
        )
        improves = self.best.cost[1] == 0 or self.best.cost[1] < before
        self._slices_stuck = 0 if improves else self._slices_stuck + 1

    def rank(self) -> tuple[float, float]:
        """Excess and wirelength of the best floorplan."""
        return float(self.best.cost[1]), float(self.best.cost[0])


def _finished(blocks: Blocks, best: Packing) -> tuple[float, IntArray, np.ndarray, np.ndarray]:
    """Wirelength, shapes, left and bottom edges of a floorplan spread over the white space."""
    shape = best.shape.copy()
    x, y = spread(blocks, shape, best.x, best.y)
    if _flip(blocks, shape, x, y):
        x, y = spread(blocks, shape, x, y)
    return float(wirelength(blocks, shape, x, y)), shape, x, y


def _flip(blocks: Blocks, shape: IntArray, x: np.ndarray, y: np.ndarray) -> bool:
    """Mirror blocks in place where that shortens the wires; whether any was."""
    flipped = False
    for block in range(len(shape)):
        count = int(blocks.shapes[block])
        width, height = blocks.width[block, shape[block]], blocks.height[block, shape[block]]
        lengths = {}
        kept = int(shape[block])
        for other in range(count):
            if blocks.width[block, other] == width and blocks.height[block, other] == height:
                shape[block] = other
                lengths[other] = float(wirelength(blocks, shape, x, y))
        best = min(lengths, key=lambda other: (lengths[other], other != kept))
        shape[block] = best
        flipped |= best != kept
    return flipped


def check(netlist: Netlist, start: Placement | None) -> None:
    """Raise `InputError` for a netlist that `place` cannot place, or a start that does not fit."""
    nodes = netlist.nodes_of(NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO)
    if netlist.nodes_of(NodeKind.STANDARD_CELL).size:
        raise InputError("a floorplan has no standard cells", where=netlist.name)
    held = nodes[netlist.fixed[nodes]]
    if held.size:
        raise InputError(
            f"block {netlist.node_name[held[0]]!r} is fixed, and floorplanning moves all blocks",
            where=netlist.name,
            hint="do not fix it",
        )
    fences = netlist.fences
    if fences is not None and (fences.exclusive.any() or (fences.node_fence >= 0).any()):
        raise InputError(
            f"blocks are to be kept in or out of {len(fences.name)} regions, and the floorplanner "
            f"knows none; the first is {fences.name[0]!r}",
            where=netlist.name,
            hint="take regions and placement blockages out of the netlist's file",
        )
    if start is None and netlist.nodes_of(NodeKind.PORT).size:
        raise InputError("the places of the ports are not known", where=netlist.name)
    if start is not None:
        ports = netlist.nodes_of(NodeKind.PORT)
        if not (np.isfinite(start.x_um[ports]) & np.isfinite(start.y_um[ports])).all():
            raise InputError("a port has no finite position", where=netlist.name)
    canvas = netlist.canvas
    room = sorted((canvas.width_um, canvas.height_um))
    sides = np.sort(np.stack([netlist.width_um[nodes], netlist.height_um[nodes]], axis=1), axis=1)
    for node in nodes[(sides > room).any(axis=1)][:1].tolist():
        raise InputError(
            f"block {netlist.node_name[node]!r} of {netlist.width_um[node]:g} x "
            f"{netlist.height_um[node]:g} does not fit into the canvas of {canvas.width_um:g} x "
            f"{canvas.height_um:g}, turned or not",
            where=netlist.name,
            hint="make the canvas larger",
        )


def _at_centre(netlist: Netlist) -> Placement:
    canvas = netlist.canvas
    return Placement(
        np.full(netlist.num_nodes, (canvas.left_um + canvas.right_um) / 2),
        np.full(netlist.num_nodes, (canvas.bottom_um + canvas.top_um) / 2),
        np.zeros(netlist.num_nodes, dtype=np.int64),
    )


def compile_kernels(report: Callable[[str], None] | None = None) -> float:
    """Compile what `place` needs, unless it is compiled; returns the seconds that it took."""
    return compile_notice("floorplanner", _toy, report)


def _toy() -> None:
    two = np.ones((2, 1))
    blocks = Blocks(
        two,
        two.copy(),
        np.ones(2, dtype=np.int64),
        np.zeros(2, dtype=bool),
        np.array([0, 2]),
        np.array([0, 1]),
        np.zeros((2, 1)),
        np.zeros((2, 1)),
        np.ones(1),
        np.full(2, 4.0),
    )
    now, best = empty_packing(2), empty_packing(2)
    anneal(blocks, now, best, 2, 1.0, 1.0, True, random_state(1))
    wirelength(blocks, now.shape, now.x, now.y)
