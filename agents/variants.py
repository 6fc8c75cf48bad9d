"""Variants of a public design: other groups of cells, another canvas, macros of another shape.

They are to a design what the same RTL is in another technology or floorplan, so that what is
learned on them carries over to designs of the same family. A placement of the design can be carried
over to each of its variants, as something to begin with: macros and cells keep their places
relative to the canvas.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from agents.mixed_size import grouped_problem
from benchmarks import registry
from benchmarks.data import find, find_here
from benchmarks.fetch import origins
from benchmarks.files import SOFT_MACRO_BLOAT, flat_with_groups, with_soft_macros_as_wide
from placement_env.errors import InputError
from placement_env.grouping import (
    group_cells,
    grouped_netlist,
    grouped_placement,
    ungrouped_placement,
)
from placement_env.netlist import Canvas, Grid, IntArray, Netlist, NodeKind, Placement

#: Logarithms of sizes are changed by up to this much, one way or the other: sides of the canvas,
#: sides of hard macros, numbers of columns and rows of the grid, areas of cells, numbers of groups.
_CANVAS, _MACRO, _GRID, _CELLS, _GROUPS = 0.15, 0.12, 0.2, 0.3, 0.15
#: Share of variants in which x and y are exchanged.
_TRANSPOSED = 0.25
#: Hard macros cover no more of the canvas than this.
_MOST_COVERED = 0.62


@dataclass(frozen=True)
class Family:
    """A design, and what it was grouped from.

    Attributes:
        netlist: The design with its groups of cells as soft macros, nodes in the order of
            `grouped_netlist`.
        start: Where its ports are, and its macros if they are placed.
        flat: The same before grouping.
        flat_start: A placement of that.
        group: [flat nodes] number of each cell's soft macro `Grp_k`, -1 for other nodes.
        column_wide: Whether soft macros are one column of the grid wide, else square.
        bloat: Area of a soft macro over that of its cells.
    """

    netlist: Netlist
    start: Placement
    flat: Netlist
    flat_start: Placement
    group: IntArray
    column_wide: bool
    bloat: float


@dataclass(frozen=True)
class Variant:
    """One of a family.

    Attributes:
        family: The family.
        netlist: The variant.
        group: [flat nodes] its groups of cells.
        transposed: Whether x and y are exchanged.
        flat: The flat netlist that it was grouped from.
    """

    family: Family
    netlist: Netlist
    group: IntArray
    transposed: bool
    flat: Netlist

    def carry(self, placement: Placement) -> Placement:
        """A placement of the family's netlist, carried over to this one; it may overlap."""
        family = self.family
        flat = ungrouped_placement(family.flat, family.group, family.flat_start, placement)
        moved = _on_canvas(
            flat.x_um,
            flat.y_um,
            family.netlist.canvas,
            self.netlist.canvas,
            transposed=self.transposed,
        )
        upright = np.zeros_like(flat.orient)
        return grouped_placement(self.flat, self.group, Placement(*moved, upright))


def family_of(name: str) -> Family:
    """The family of a benchmark of TILOS MacroPlacement or ICCAD04.

    Raises:
        InputError: There is no such benchmark, or it is not published before grouping.
    """
    benchmark = registry.load(name)
    netlist, start = benchmark.netlist, benchmark.placements["initial"]
    if (netlist.node_kind == NodeKind.STANDARD_CELL).any():
        group = group_cells(netlist)
        grouped, grouped_start = grouped_problem(netlist, group, start)
        return Family(grouped, grouped_start, netlist, start, group, False, 1.0)
    file = f"tilos/{name}/full.pb.txt.gz"
    if file not in origins() and not find_here(file):
        raise InputError("it has no variants, as it is not published before grouping", where=name)
    groups = find(f"tilos/{name}/groups.final.gz")
    flat, flat_start, group = flat_with_groups(find(file), groups)
    flat = replace(flat, canvas=netlist.canvas, grid=netlist.grid)
    return Family(netlist, start, flat, flat_start, group, True, SOFT_MACRO_BLOAT)


def vary(family: Family, seed: int) -> Variant:
    """The variant of that number; equal numbers give equal variants."""
    rng = np.random.default_rng(seed)
    flat, canvas, grid = family.flat, family.netlist.canvas, family.netlist.grid
    assert grid is not None
    sides = np.exp(rng.uniform(-_CANVAS, _CANVAS, 2))
    macro_sides = np.exp(rng.uniform(-_MACRO, _MACRO, 2))
    columns, rows = np.maximum(
        np.round([grid.columns, grid.rows] * np.exp(rng.uniform(-_GRID, _GRID, 2))), 2
    ).astype(int)
    cell_side = np.exp(rng.uniform(-_CELLS, _CELLS) / 2)
    groups = len(np.unique(family.group[family.group >= 0]))
    target = max(2, round(groups * np.exp(rng.uniform(-_GROUPS, _GROUPS))))
    transposed = bool(rng.uniform() < _TRANSPOSED)

    hard = flat.node_kind == NodeKind.HARD_MACRO
    area = float((flat.width_um * flat.height_um)[hard].sum())
    room = canvas.width_um * canvas.height_um * sides.prod()
    macro_sides *= min(1.0, np.sqrt(_MOST_COVERED * room / (area * macro_sides.prod())))
    scale = np.where(hard[:, None], macro_sides, cell_side)  # (N, 2)
    size = np.stack([flat.width_um, flat.height_um], axis=1) * scale
    offset = np.stack([flat.pin_dx_um, flat.pin_dy_um], axis=1) * scale[flat.pin_node]
    extent = np.array([canvas.width_um, canvas.height_um]) * sides
    routes = [(grid.h_tracks_per_um, grid.h_macro_tracks_per_um)]
    routes.append((grid.v_tracks_per_um, grid.v_macro_tracks_per_um))
    if transposed:
        size, offset, extent = size[:, ::-1], offset[:, ::-1], extent[::-1]
        columns, rows = rows, columns
        routes.reverse()
    new_canvas = Canvas(0.0, 0.0, float(extent[0]), float(extent[1]))
    flat = replace(
        flat,
        width_um=size[:, 0].copy(),
        height_um=size[:, 1].copy(),
        pin_dx_um=offset[:, 0].copy(),
        pin_dy_um=offset[:, 1].copy(),
        canvas=new_canvas,
        grid=Grid(
            int(columns), int(rows), routes[0][0], routes[1][0], routes[0][1], routes[1][1],
            grid.smoothing,
        ),
        rows=None,
    )  # fmt: skip
    group = group_cells(family.flat, target_groups=target, seed=seed)
    netlist = replace(
        grouped_netlist(flat, group, bloat=family.bloat),
        name=f"{family.netlist.name}_variant_{seed}",
    )
    if family.column_wide:
        netlist = with_soft_macros_as_wide(netlist, new_canvas.width_um / int(columns))
    return Variant(family, netlist, group, transposed, flat)


def _on_canvas(
    x_um: np.ndarray, y_um: np.ndarray, old: Canvas, new: Canvas, *, transposed: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Places with the same coordinates relative to another canvas."""
    x = (x_um - old.left_um) / old.width_um
    y = (y_um - old.bottom_um) / old.height_um
    if transposed:
        x, y = y, x
    return new.left_um + x * new.width_um, new.bottom_um + y * new.height_um
