"""Macros in legal places, moved one or two at a time: what the plain placers stand on.

A place is legal where the macro lies on the lattice (`agents.lattice`), inside the canvas and, if
it is hard, apart from every other hard macro.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from agents.lattice import Lattice, make_lattice, off_lines
from agents.legal_start import check_fits, legal_start, movable, nowhere
from placement_env.cost.incremental import IncrementalCost
from placement_env.cost.model import cost_model
from placement_env.cost.proxy import check_positions
from placement_env.cost.toy import toy_netlist
from placement_env.kernels import compile_notice
from placement_env.netlist import FloatArray, IntArray, Netlist, Placement

# Rounding must not make a macro beside another one look as if they overlapped.
_ROUNDING_UM = 1e-9


class LegalPlaces:
    """Where the nodes of a netlist are, and where its movable macros may go.

    Nothing is legal before the first `settle`.

    Args:
        netlist: A netlist with a grid.
        start: Where its nodes are; may have overlaps and macros outside. None where all nodes are
            movable macros: then they are placed from nothing.
        gap_um: Least distance between hard macros.
        seed: Seed of what is random in `settle`.
        from_nothing: Ignore where the movable macros are in `start`.

    Attributes:
        model: The netlist's cost model.
        start: Where all nodes are at first.
        from_nothing: Whether the places of movable macros in `start` mean nothing.
        hard: Hard macros that move.
        soft: Soft macros that move.
        obstacle: [H] all hard macros, fixed ones included, as nodes.
        x_um: [N] centres as they are now; change them by `put` and `swap`.
        y_um: [N] centres as they are now.

    Raises:
        InputError: The netlist has no grid, the start does not fit it or has a node without a
            position, or macros are larger than the canvas.
    """

    def __init__(
        self,
        netlist: Netlist,
        start: Placement | None,
        *,
        gap_um: float,
        seed: int,
        from_nothing: bool = False,
    ) -> None:
        self.from_nothing = from_nothing or start is None
        self.start = start = nowhere(netlist) if start is None else start
        check_positions(netlist, start)
        self.model = model = cost_model(netlist, start.orient)
        self._netlist = netlist
        self._lattice = lattice = make_lattice(netlist, model, gap_um=gap_um, grid_um=None)
        self._seed = seed
        nodes = model.nodes
        self.hard, self.soft = movable(netlist, model)
        self.obstacle: IntArray = np.flatnonzero(nodes.is_hard)
        check_fits(netlist, model, hard=self.hard, soft=self.soft)
        self.x_um = start.x_um.astype(np.float64)
        self.y_um = start.y_um.astype(np.float64)
        self._x_range_um = _ranges(lattice, lattice.x_low, lattice.x_high, model.left_um)
        self._y_range_um = _ranges(lattice, lattice.y_low, lattice.y_high, model.bottom_um)
        # Plain lists and a dictionary: single elements of arrays are slow to read.
        self._obstacle_of = {node: i for i, node in enumerate(self.obstacle.tolist())}
        self._half_width = nodes.half_width.tolist()
        self._half_height = nodes.half_height.tolist()
        apart = lattice.apart - _ROUNDING_UM
        self._obstacle_x = self.x_um[self.obstacle]
        self._obstacle_y = self.y_um[self.obstacle]
        self._reach_x = nodes.half_width[self.obstacle] + apart
        self._reach_y = nodes.half_height[self.obstacle] + apart

    def settle(self, x_um: FloatArray, y_um: FloatArray, *, from_nothing: bool = False) -> None:
        """Put the movable macros at the legal places nearest to centres [N], [N].

        What those say of other nodes counts for nothing: they stay.

        Raises:
            InputError: No legal placement was found; the macros then stay where they are.
        """
        model, lattice = self.model, self._lattice
        moved = np.concatenate([self.hard, self.soft])
        wanted_x, wanted_y = self.x_um.copy(), self.y_um.copy()
        wanted_x[moved], wanted_y[moved] = x_um[moved], y_um[moved]
        x, y = legal_start(
            self._netlist,
            model,
            lattice,
            wanted_x - model.left_um,
            wanted_y - model.bottom_um,
            hard=self.hard,
            soft=self.soft,
            seed=self._seed,
            from_nothing=from_nothing,
        )
        self.x_um[moved] = _absolute(x[moved], model.left_um, lattice.step)
        self.y_um[moved] = _absolute(y[moved], model.bottom_um, lattice.step)
        self._obstacle_x = self.x_um[self.obstacle]
        self._obstacle_y = self.y_um[self.obstacle]

    def nearest(self, node: int, x_um: float, y_um: float) -> tuple[float, float]:
        """The place nearest to (x_um, y_um) on the lattice and inside the canvas.

        Edges of hard macros keep off the grid lines of the cost, where it jumps. Whether other
        macros are in the way is not asked.
        """
        model, grid, half = self.model, self.model.grid, self._half_width[node]
        is_hard = node in self._obstacle_of
        low_um, high_um = self._x_range_um[node]
        x_um = self._snapped(
            x_um, low_um, high_um, half, model.left_um, grid.cell_width, is_hard=is_hard
        )
        half = self._half_height[node]
        low_um, high_um = self._y_range_um[node]
        y_um = self._snapped(
            y_um, low_um, high_um, half, model.bottom_um, grid.cell_height, is_hard=is_hard
        )
        return x_um, y_um

    def hits(
        self, node: int, x_um: float | FloatArray, y_um: float | FloatArray
    ) -> NDArray[np.bool_]:
        """[..., H]: the obstacles that `node` would be too near to at places [...], [...].

        Soft macros hit nothing, and no macro hits itself.
        """
        own = self._obstacle_of.get(node)
        if own is None:
            return np.zeros((*np.shape(x_um), len(self.obstacle)), dtype=bool)
        near_x = abs(np.subtract.outer(x_um, self._obstacle_x)) < (
            self._reach_x + self._half_width[node]
        )
        near_y = abs(np.subtract.outer(y_um, self._obstacle_y)) < (
            self._reach_y + self._half_height[node]
        )
        hit = near_x & near_y
        hit[..., own] = False
        return hit

    def can_put(self, node: int, x_um: float, y_um: float) -> bool:
        """Whether no obstacle is in the way at a place that `nearest` gave."""
        return node not in self._obstacle_of or not self.hits(node, x_um, y_um).any()

    def can_swap(self, first: int, second: int) -> bool:
        """Whether two macros of one kind are legal with their centres exchanged."""
        for node, other in ((first, second), (second, first)):
            x_um, y_um = float(self.x_um[other]), float(self.y_um[other])
            if self.nearest(node, x_um, y_um) != (x_um, y_um):
                return False
            if node in self._obstacle_of:
                # They keep their distance to each other, whose places are only exchanged.
                hit = self.hits(node, x_um, y_um)
                hit[self._obstacle_of[other]] = False
                if hit.any():
                    return False
        return True

    def put(self, node: int, x_um: float, y_um: float) -> None:
        """Move a macro to a place where it can be put."""
        self.x_um[node], self.y_um[node] = x_um, y_um
        obstacle = self._obstacle_of.get(node)
        if obstacle is not None:
            self._obstacle_x[obstacle], self._obstacle_y[obstacle] = x_um, y_um

    def swap(self, first: int, second: int) -> None:
        """Exchange the centres of two macros that can be swapped."""
        x_um, y_um = float(self.x_um[first]), float(self.y_um[first])
        self.put(first, float(self.x_um[second]), float(self.y_um[second]))
        self.put(second, x_um, y_um)

    def placement(self) -> Placement:
        """A copy of where all nodes are now."""
        return Placement(self.x_um.copy(), self.y_um.copy(), self.start.orient.copy())

    def _snapped(
        self,
        value_um: float,
        low_um: float,
        high_um: float,
        half_um: float,
        corner_um: float,
        cell_um: float,
        *,
        is_hard: bool,
    ) -> float:
        """`nearest` in one direction."""
        step = self._lattice.step
        value_um = min(max(round(value_um / step) * step, low_um), high_um)
        if is_hard and low_um < high_um:
            clear = off_lines(
                value_um - corner_um,
                half_um,
                cell_um,
                self._lattice.clearance,
                step,
                low_um - corner_um,
                high_um - corner_um,
            )
            value_um = round((clear + corner_um) / step) * step
        return value_um


def compile_kernels(report: Callable[[str], None] | None = None) -> float:
    """Compile what legal places and exact single moves need; returns the seconds that it took.

    `report` gets a line before and after the compilation, and nothing where there was none.
    """
    return compile_notice("exact single moves", _toy_moves, report)


def _toy_moves() -> None:
    netlist, start = toy_netlist()
    places = LegalPlaces(netlist, start, gap_um=0.0, seed=1)
    places.settle(start.x_um, start.y_um)
    cost = IncrementalCost(places.model, places.x_um, places.y_um)
    cost.move(0, *places.nearest(0, 5.0, 5.0))
    cost.swap(0, 1)
    cost.costs_at(0, places.x_um, places.y_um)


def _ranges(
    lattice: Lattice, low: FloatArray, high: FloatArray, corner_um: float
) -> list[tuple[float, float]]:
    """[N] first and last place of each node, not relative to the canvas's corner."""
    lows = _absolute(low, corner_um, lattice.step).tolist()
    return list(zip(lows, _absolute(high, corner_um, lattice.step).tolist(), strict=True))


def _absolute(relative: FloatArray, corner_um: float, step: float) -> FloatArray:
    """Centres relative to the canvas's corner as they are, on the lattice to the last bit."""
    exact = np.round((relative + corner_um) / step) * step
    # A macro that just fits into the canvas is not on the lattice.
    on_lattice = abs(exact - (relative + corner_um)) < 1e-3 * step
    return np.where(on_lattice, exact, relative + corner_um)
