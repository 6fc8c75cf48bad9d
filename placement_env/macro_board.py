"""Hard macros on a grid of places: which of them stand, where one may go, and what it all costs."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from placement_env.cost.incremental import IncrementalCost
from placement_env.cost.model import Int32Array, cost_model
from placement_env.cost.proxy import ProxyCost
from placement_env.cost.settle import MARGIN
from placement_env.errors import InputError
from placement_env.graph import adjacency
from placement_env.macro_grid import MacroGrid, free_cells
from placement_env.netlist import (
    FloatArray,
    IntArray,
    Netlist,
    NodeKind,
    Placement,
    oriented_size,
)
from placement_env.observed_maps import observe
from placement_env.soft_rule import SoftRule

Mask = NDArray[np.bool_]
Map = NDArray[np.float32]

_NOBODY: Int32Array = np.empty(0, np.int32)


class MacroBoard:
    """The placement of an episode, changed macro by macro, with its exact proxy cost.

    Movable hard macros are numbered 0 to M - 1, the largest first. Those that do not stand yet are
    points where their nets pull them: they add to wirelength and routes, and cover nothing.

    Args:
        netlist: A netlist with a grid.
        start: Where ports and fixed macros are, and how every node lies.
        columns: Columns of the grid of places.
        rows: Its rows.
        spread: How evenly `clear` and `follow` spread soft macros and cells.

    Attributes:
        netlist: The netlist.
        start: The start.
        grid: The grid of places.
        order: [M] nodes of the movable hard macros.
        standing: [M] which of them stand.
        soft: Movable soft macros.
        edges: [N, N] weights of the netlist's connections (`graph.adjacency`).
        occupancy: [rows, columns] share of each cell under standing and fixed macros.
    """

    def __init__(
        self, netlist: Netlist, start: Placement, *, columns: int, rows: int, spread: float
    ) -> None:
        self.netlist, self.start = netlist, start
        self.grid = MacroGrid(netlist.canvas, columns, rows)
        self.edges = adjacency(netlist)
        hard = netlist.node_kind == NodeKind.HARD_MACRO
        self.order = _largest_first(netlist, np.flatnonzero(hard & ~netlist.fixed))
        self.standing = np.zeros(len(self.order), dtype=bool)
        soft = (netlist.node_kind == NodeKind.SOFT_MACRO) & ~netlist.fixed
        self.soft = np.flatnonzero(soft).astype(np.int32)
        self.occupancy: Map = np.zeros((rows, columns), dtype=np.float32)

        width, height = oriented_size(netlist, start)
        self._half_width, self._half_height = width[self.order] / 2, height[self.order] / 2
        self._is_fixed = np.flatnonzero(hard & netlist.fixed)
        x, y = _as_float32(start.x_um[self._is_fixed]), _as_float32(start.y_um[self._is_fixed])
        wide, tall = width[self._is_fixed] / 2, height[self._is_fixed] / 2
        # Boxes of what is in the way: fixed macros first, then the movable ones.
        self._boxes = np.full((len(self._is_fixed) + len(self.order), 4), np.nan)
        fixed = self._boxes[: len(self._is_fixed)]
        fixed[:] = np.stack([x - wide, y - tall, x + wide, y + tall], axis=1)
        by_size = {
            size: self.grid.candidates(2 * size[0], 2 * size[1])
            for size in zip(self._half_width.tolist(), self._half_height.tolist(), strict=True)
        }
        sizes = zip(self._half_width.tolist(), self._half_height.tolist(), strict=True)
        #: [M] pairs of [columns] and [rows]: the centres that each can take, NaN for none.
        self.places: list[tuple[FloatArray, FloatArray]] = [by_size[size] for size in sizes]

        model = cost_model(netlist, start.orient)
        nodes = model.nodes  # with flags of our own, which macros switch on when they stand
        nodes = nodes._replace(is_macro=nodes.is_macro.copy(), is_hard=nodes.is_hard.copy())
        nodes.is_macro[self.order] = nodes.is_hard[self.order] = False
        self._follow = SoftRule(netlist, ~hard & ~netlist.fixed, spread=spread)
        everything = SoftRule(netlist, ~netlist.fixed, spread=spread)
        self._cleared = everything.place(start.x_um, start.y_um)
        self._cost = IncrementalCost(replace(model, nodes=nodes), *self._cleared)
        self._near = _soft_neighbours(self.edges, self.order, soft)
        self._relative_places = [(x - model.left_um, y - model.bottom_um) for x, y in self.places]
        self._scratch = np.empty(columns + rows)
        self.clear()

    @property
    def cost(self) -> ProxyCost:
        """The proxy cost as things stand."""
        return self._cost.cost

    def placement(self) -> Placement:
        """Where everything is now; macros that do not stand are where their nets pull them."""
        x, y = self._cost.x_um, self._cost.y_um
        x[self.order], y[self.order] = self._x[self.order], self._y[self.order]
        return Placement(x, y, self.start.orient.copy(), self.start.size_um)

    def twin(self) -> MacroBoard:
        """A board of the same netlist, empty, that shares what never changes."""
        other = copy.copy(self)
        other.standing, other.occupancy = self.standing.copy(), self.occupancy.copy()
        other._boxes = self._boxes.copy()
        model = self._cost.model
        nodes = model.nodes._replace(
            is_macro=model.nodes.is_macro.copy(), is_hard=model.nodes.is_hard.copy()
        )
        other._cost = IncrementalCost(replace(model, nodes=nodes), *self._cleared)
        other._scratch = np.empty_like(self._scratch)
        other.clear()
        return other

    def clear(self) -> None:
        """Take all movable macros off, and all other movable nodes to where nets pull them."""
        nodes = self._cost.model.nodes
        nodes.is_macro[self.order] = nodes.is_hard[self.order] = False
        self.standing[:] = False
        self._boxes[len(self._is_fixed) :] = np.nan
        self.occupancy[:] = 0.0
        for box in self._boxes[: len(self._is_fixed)]:
            self.grid.cover(box, self.occupancy)
        self._x, self._y = self._cleared[0].copy(), self._cleared[1].copy()
        self._cost.restart(self._x, self._y)

    def stand(self, placement: Placement) -> None:
        """Put all nodes where a placement has them, and macros that overlap to the nearest cell.

        Raises:
            InputError: A macro finds no legal cell.
        """
        self.clear()
        self._x, self._y = placement.x_um.astype(np.float64), placement.y_um.astype(np.float64)
        canvas, soft = self.netlist.canvas, self.soft
        nodes = self._cost.model.nodes
        wide = nodes.half_width[soft] + MARGIN * canvas.width_um
        tall = nodes.half_height[soft] + MARGIN * canvas.height_um
        self._x[soft] = self._x[soft].clip(canvas.left_um + wide, canvas.right_um - wide)
        self._y[soft] = self._y[soft].clip(canvas.bottom_um + tall, canvas.top_um - tall)
        self._cost.restart(self._x, self._y)
        for macro, node in enumerate(self.order):
            x, y = float(_as_float32(self._x[node])), float(_as_float32(self._y[node]))
            if not self._is_free(self._box(macro, x, y), macro):
                legal = self.legal(macro)
                if not legal.any():
                    raise InputError(
                        f"no room is left for the macro {self.netlist.node_name[node]!r}",
                        where=self.netlist.name,
                        hint="give a legal placement, or use a finer grid (columns, rows)",
                    )
                at_x, at_y = self.places[macro]
                far = np.abs(at_y - y)[:, None] + np.abs(at_x - x)[None, :]
                row, column = divmod(int(np.where(legal, far, np.inf).argmin()), self.grid.columns)
                x, y = float(at_x[column]), float(at_y[row])
            self._to(macro, x, y)

    def legal(self, macro: int) -> Mask:
        """[rows, columns] where a macro overlaps no other one."""
        legal = np.empty((self.grid.rows, self.grid.columns), dtype=bool)
        own = len(self._is_fixed) + macro
        wide, tall = self._half_width[macro], self._half_height[macro]
        free_cells(*self.places[macro], wide, tall, self._boxes, own, legal)
        return legal

    def put(self, macro: int, cell: int) -> None:
        """Put a macro into a legal cell, row x columns + column."""
        row, column = divmod(cell, self.grid.columns)
        x, y = self.places[macro]
        self._to(macro, float(x[column]), float(y[row]))

    def on(self, cell: int) -> int:
        """The movable macro over a cell's centre, or -1."""
        canvas, grid = self.netlist.canvas, self.grid
        row, column = divmod(cell, grid.columns)
        x = canvas.left_um + (column + 0.5) * canvas.width_um / grid.columns
        y = canvas.bottom_um + (row + 0.5) * canvas.height_um / grid.rows
        left, bottom, right, top = self._boxes[len(self._is_fixed) :].T
        over = (left < x) & (x < right) & (bottom < y) & (y < top)
        return int(over.argmax()) if over.any() else -1

    def in_the_way(self, macro: int, cell: int) -> int:
        """The node of a macro, fixed or not, that another one would overlap in a cell, or -1."""
        row, column = divmod(cell, self.grid.columns)
        x, y = self.places[macro]
        clash = self._clash(self._box(macro, float(x[column]), float(y[row])), macro)
        nodes = np.concatenate([self._is_fixed, self.order])
        return int(nodes[clash.argmax()]) if clash.any() else -1

    def can_swap(self, first: int, second: int) -> bool:
        """Whether two macros that stand may exchange their centres."""
        a, b = self.order[first], self.order[second]
        boxes = (
            self._box(first, float(self._x[b]), float(self._y[b])),
            self._box(second, float(self._x[a]), float(self._y[a])),
        )
        return all(self._is_free(box, first, second) for box in boxes) and not _overlap(*boxes)

    def swap(self, first: int, second: int) -> None:
        """Exchange the centres of two macros."""
        a, b = self.order[first], self.order[second]
        places = [(float(self._x[node]), float(self._y[node])) for node in (a, b)]
        self._to(first, *places[1])
        self._to(second, *places[0])

    def follow(self) -> None:
        """Take soft macros and cells to where nets pull them from the macros as they stand."""
        self._x, self._y = self._follow.place(self._x, self._y)
        self._cost.restart(self._x, self._y)

    def settle(self, macros: list[int] | None = None, *, sweeps: int = 1) -> None:
        """Let soft macros, or those connected to some macros, go to cheaper places near them."""
        order = self.soft
        if macros is not None:
            order = np.unique(np.concatenate([self._near[macro] for macro in macros]))
        if len(order) and sweeps:
            self._cost.settle(order, sweeps=sweeps)

    def observe(self, macro: int) -> tuple[Map, Map]:
        """Maps [5, rows, columns], with the wirelength of a macro, and positions [N, 2]."""
        model, grid = self._cost.model, self.grid
        maps = np.empty((5, grid.rows, grid.columns), dtype=np.float32)
        position = np.empty((self.netlist.num_nodes, 2), dtype=np.float32)
        observe(
            model.points,
            model.nets,
            model.grid,
            self._cost.state,
            self.order[macro],
            *self._relative_places[macro],
            self._scratch,
            self.occupancy,
            maps,
            position,
        )
        return maps, position

    def boxes(self, macros: IntArray) -> FloatArray:
        """[K, 4] left, bottom, right and top of macros that stand."""
        return self._boxes[len(self._is_fixed) + macros]

    def fixed_boxes(self) -> FloatArray:
        """[K, 4] left, bottom, right and top of the fixed macros."""
        return self._boxes[: len(self._is_fixed)]

    def check_feasible(self) -> None:
        """Raise `InputError` where there is nothing to place, or a macro fits nowhere."""
        name, canvas = self.netlist.node_name, self.netlist.canvas
        if len(self.order) == 0:
            raise InputError(
                "the netlist has no movable hard macro to place",
                where=self.netlist.name,
                hint="is it the right netlist, and are its macros marked as fixed?",
            )
        fixed = self.fixed_boxes()
        width, height = 2 * self._half_width, 2 * self._half_height
        for macro, node in enumerate(self.order):
            if not self.grid.legal(width[macro], height[macro], fixed).any():
                reason = "fixed macros leave no room for it" if len(fixed) else "it does not fit"
                raise InputError(
                    f"the macro {name[node]!r} of {width[macro]:g} x {height[macro]:g} um has no "
                    f"legal cell on the canvas of {canvas.width_um:g} x {canvas.height_um:g} um: "
                    f"{reason}",
                    where=self.netlist.name,
                    hint="enlarge the canvas, or use a finer grid (columns, rows)",
                )
        area = float((width * height).sum())
        if area > canvas.width_um * canvas.height_um:
            raise InputError(
                f"the hard macros have {area:g} um2, the canvas "
                f"{canvas.width_um * canvas.height_um:g} um2; the largest macro is "
                f"{name[self.order[0]]!r}",
                where=self.netlist.name,
                hint="enlarge the canvas",
            )

    def _to(self, macro: int, x: float, y: float) -> None:
        node, own = int(self.order[macro]), len(self._is_fixed) + macro
        self._cost.settle(_NOBODY, put=(node, x, y), appears=not self.standing[macro])
        if self.standing[macro]:
            _uncover(self.grid, self._boxes[own], self.occupancy)
        self.standing[macro] = True
        self._x[node], self._y[node] = x, y
        self._boxes[own] = self._box(macro, x, y)
        self.grid.cover(self._boxes[own], self.occupancy)

    def _box(self, macro: int, x: float, y: float) -> FloatArray:
        wide, tall = self._half_width[macro], self._half_height[macro]
        return np.array([x - wide, y - tall, x + wide, y + tall])

    def _is_free(self, box: FloatArray, *own: int) -> bool:
        """Whether a box lies on the canvas and overlaps no macro but some own ones."""
        canvas = self.netlist.canvas
        if box[0] < canvas.left_um or box[1] < canvas.bottom_um:
            return False
        if box[2] > canvas.right_um or box[3] > canvas.top_um:
            return False
        return not self._clash(box, *own).any()

    def _clash(self, box: FloatArray, *own: int) -> Mask:
        """[fixed + M] which macros a box overlaps, but for some own ones."""
        left, bottom, right, top = self._boxes.T
        clash = (left < box[2]) & (right > box[0]) & (bottom < box[3]) & (top > box[1])
        clash[[len(self._is_fixed) + macro for macro in own]] = False
        return clash


def _uncover(grid: MacroGrid, box: FloatArray, occupancy: Map) -> None:
    before = np.zeros_like(occupancy)
    grid.cover(box, before)
    occupancy -= before
    np.maximum(occupancy, 0.0, out=occupancy)


def _overlap(a: FloatArray, b: FloatArray) -> bool:
    return bool(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3])


def _as_float32(values: FloatArray | float) -> FloatArray:
    """Rounded as `legality` rounds."""
    return np.asarray(values).astype(np.float32).astype(np.float64)


def _largest_first(netlist: Netlist, macros: IntArray) -> IntArray:
    area = netlist.width_um[macros] * netlist.height_um[macros]
    return macros[np.argsort(-area, kind="stable")]


def _soft_neighbours(edges: object, order: IntArray, soft: NDArray[np.bool_]) -> list[Int32Array]:
    """Of each macro, the soft macros that it is connected to."""
    rows = edges[order][:, np.flatnonzero(soft)].tocsr()  # type: ignore[index]
    nodes = np.flatnonzero(soft).astype(np.int32)
    return [nodes[rows.indices[a:b]] for a, b in zip(rows.indptr, rows.indptr[1:], strict=False)]
