"""Standard cells placed on rows by coloquinte, straight from a `Netlist`.

Macros, ports and all other fixed nodes stay; the rows are cut around them. Coloquinte knows no
sites: cell widths go in as whole sites, so that rounding its result down to sites keeps it legal.
Fixed standard cells (well taps) would cut the rows into crumbs, which ruins the placer's
legalisation; they are left out there and cells step aside for them afterwards.

References:
    G. Gouvine, Coloquinte, https://github.com/Coloquinte/PlaceRoute
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agents import coloquinte_run
from agents.flat.site_rows import movable_cells, row_size
from agents.row_segments import Segments, fit_cells, free_segments
from placement_env.child_environment import child_environment
from placement_env.errors import ChipError, InputError
from placement_env.netlist import (
    FloatArray,
    IntArray,
    Netlist,
    NodeKind,
    Orient,
    Placement,
    Rows,
    oriented_size,
    pin_positions,
)

#: Least integer units a site is divided into; pins are rounded to them.
UNITS_PER_SITE = 64


@dataclass(frozen=True)
class _Task:
    """A netlist's cells, rows and obstacles, checked and counted in sites."""

    netlist: Netlist
    rows: Rows
    cells: IntArray  # [C] movable standard cells
    sites: IntArray  # [C] widths in sites, rounded up
    coarse: Segments  # free of macros
    fine: Segments  # free of fixed standard cells as well


def place_cells(
    netlist: Netlist,
    start: Placement,
    *,
    effort: int = 3,
    seed: int = 1,
) -> Placement:
    """Place all movable standard cells on rows and sites, without overlap.

    Everything else stays where `start` has it. The same arguments give the same result.

    Args:
        netlist: A flat netlist with rows.
        start: Where macros, ports and fixed cells are.
        effort: Coloquinte's effort, 1 (fast) to 9.
        seed: Seed of coloquinte's noise.

    Raises:
        InputError: There are no rows, cells of more than one row's height, movable soft macros, or
            more cells than the rows hold.
    """
    if not 1 <= effort <= 9:
        raise InputError(f"cell placement effort is {effort}, expected 1 to 9")
    task = _checked_task(netlist, start)
    _check_start(netlist, start, task.cells)
    if len(task.cells) == 0:
        return start
    placed = _run_coloquinte(task, start, effort=effort, seed=seed)
    if placed is None:
        raise InputError(
            "the cell placer found no room for all cells (utilisation "
            f"{task.sites.sum() / task.coarse.sites.sum():.3f})",
            where=netlist.name,
            hint="lower the utilisation of the floorplan",
        )
    site_um = float(task.rows.site_width_um[0])
    row, site = fit_cells(task.rows, task.fine, task.sites, *placed)

    x_um, y_um, orient = start.x_um.copy(), start.y_um.copy(), start.orient.copy()
    x_um[task.cells] = task.rows.x_um[row] + site * site_um + netlist.width_um[task.cells] / 2
    y_um[task.cells] = task.rows.y_um[row] + netlist.height_um[task.cells] / 2
    orient[task.cells] = task.rows.orient[row]
    return replace(start, x_um=x_um, y_um=y_um, orient=orient)


def _checked_task(netlist: Netlist, start: Placement) -> _Task:
    """What there is to place, or the reason why it cannot be placed."""
    where = netlist.name
    site_um, row_height = row_size(netlist)
    cells, sites = movable_cells(netlist, site_um, row_height)
    rows = netlist.rows
    assert rows is not None
    coarse = _free(netlist, start, rows, taps=False)
    fine = _free(netlist, start, rows, taps=True)
    need, have = int(sites.sum()), int(fine.sites.sum())
    if need > have:
        area = site_um * row_height
        fill = f"{need / have:.3f}" if have else "infinite"
        raise InputError(
            f"the cells need {need * area:.1f} um2, but the rows have {have * area:.1f} um2 free "
            f"(utilisation {fill})",
            where=where,
            hint="lower the utilisation of the floorplan",
        )
    if sites.size and sites.max() > coarse.sites.max(initial=0):
        raise InputError(
            f"cell {netlist.node_name[cells[int(np.argmax(sites))]]} is {sites.max()} sites wide, "
            f"but the longest free stretch of a row has {coarse.sites.max(initial=0)}",
            where=where,
            hint="enlarge the core",
        )
    return _Task(netlist, rows, cells, sites, coarse, fine)


def _check_start(netlist: Netlist, start: Placement, cells: IntArray) -> None:
    """Raise `InputError` where a position is missing that the placement builds on."""
    needed = np.ones(netlist.num_nodes, dtype=bool)
    needed[cells] = False
    lost = np.flatnonzero(needed & ~(np.isfinite(start.x_um) & np.isfinite(start.y_um)))
    if lost.size:
        kind = NodeKind(int(netlist.node_kind[lost[0]])).name.lower().replace("_", " ")
        raise InputError(
            f"{kind} {netlist.node_name[lost[0]]} has no position ({lost.size} nodes have none)",
            where=netlist.name,
            hint="place macros and ports before cells",
        )


def _free(netlist: Netlist, start: Placement, rows: Rows, *, taps: bool) -> Segments:
    """Free sites beside macros and other big obstacles, and beside fixed cells with `taps`."""
    solid = np.isin(netlist.node_kind, [NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO])
    if taps:
        solid |= (netlist.node_kind == NodeKind.STANDARD_CELL) & netlist.fixed
    width, height = oriented_size(netlist, start)
    box = np.flatnonzero(solid & (width > 0) & (height > 0))
    x, y, w, h = start.x_um[box], start.y_um[box], width[box] / 2, height[box] / 2
    return free_segments(rows, x - w, y - h, x + w, y + h)


def _run_coloquinte(
    task: _Task,
    start: Placement,
    *,
    effort: int,
    seed: int,
) -> tuple[FloatArray, FloatArray] | None:
    """[C], [C]: left and bottom edges in micrometres; a whole number of sites from the row's edge.

    None where the placer could not fit all cells into the rows.

    Coordinates go in as integers, with a whole number of units to a site. Fixed nodes become
    points, with their pins where orientation puts them.
    """
    netlist, rows, segments = task.netlist, task.rows, task.coarse
    site_um = float(rows.site_width_um[0])
    site = _units_per_site(site_um, float(rows.height_um[0]))
    if max(netlist.canvas.width_um, netlist.canvas.height_um) / site_um * site > 2**29:
        raise InputError("the canvas has too many sites for the cell placer", where=netlist.name)
    x0, y0 = float(rows.x_um.min()), float(rows.y_um.min())

    def units(length_um: FloatArray) -> IntArray:
        return np.rint(length_um / site_um * site).astype(np.int64)

    movable = np.zeros(netlist.num_nodes, dtype=bool)
    movable[task.cells] = True
    row_height = int(float(rows.height_um[0]) / site_um * site + 1e-6)
    width = np.zeros(netlist.num_nodes, dtype=np.int64)
    width[task.cells] = task.sites * site
    # From a node's reference point to its centre.
    to_centre_x = np.zeros(netlist.num_nodes)
    to_centre_x[task.cells] = netlist.width_um[task.cells] / 2
    to_centre_y = np.where(movable, netlist.height_um / 2, 0.0)
    x, y = start.x_um - to_centre_x, start.y_um - to_centre_y
    x[movable], y[movable] = x0, y0
    node = netlist.pin_node
    pin_x, pin_y = pin_positions(netlist, start)
    upright = movable[node]
    pin_dx = np.where(upright, netlist.pin_dx_um, pin_x - start.x_um[node]) + to_centre_x[node]
    pin_dy = np.where(upright, netlist.pin_dy_um, pin_y - start.y_um[node]) + to_centre_y[node]

    left = units(rows.x_um - x0)[segments.row] + segments.first_site * site
    bottom = units(rows.y_um - y0)[segments.row]
    degree = np.diff(netlist.net_start)
    used = (degree > 1) & (netlist.net_weight > 0)
    pins = np.repeat(used, degree)
    placed = _in_own_process(
        {
            "width": width,
            "height": np.where(movable, row_height, 0),
            "fixed": ~movable,
            "x": units(x - x0),
            "y": units(y - y0),
            "net_start": np.concatenate([[0], np.cumsum(degree[used])]),
            "net_weight": netlist.net_weight[used],
            "pin_cell": node[pins],
            "pin_x": units(pin_dx[pins]),
            "pin_y": units(pin_dy[pins]),
            "rows": np.stack(
                [left, left + segments.sites * site, bottom, bottom + row_height], axis=1
            ),
            "row_orient": np.array([Orient(o).name for o in rows.orient[segments.row].tolist()]),
            "effort": np.array(effort),
            "seed": np.array(seed),
        }
    )
    if placed is None:
        return None
    cell_x, cell_y = placed["x"][task.cells], placed["y"][task.cells]
    # The segment of each cell: the last one of its level that starts at or before it.
    order = np.lexsort((left, bottom))
    reach = int(left.max() - left.min()) + int(segments.sites.max()) * site + 1
    key = bottom[order] * reach + (left[order] - left.min())
    slot = np.searchsorted(key, cell_y * reach + (cell_x - left.min()), side="right") - 1
    segment = order[np.clip(slot, 0, None)]
    whole_sites = (cell_x - left[segment]) // site + segments.first_site[segment]
    row = segments.row[segment]
    return rows.x_um[row] + whole_sites * site_um, rows.y_um[row]


def _units_per_site(site_um: float, row_height_um: float) -> int:
    """Integer units in a site, such that a row's height is a whole number of them too if it can."""
    candidates = np.arange(UNITS_PER_SITE, 8 * UNITS_PER_SITE)
    height = candidates * (row_height_um / site_um)
    error = np.abs(height - np.rint(height))
    return int(candidates[np.argmax(error < 1e-6) if error.min() < 1e-6 else np.argmin(error)])


def _in_own_process(job: dict[str, NDArray[np.generic]]) -> dict[str, IntArray] | None:
    """Run `coloquinte_run` on the job; x and y of all nodes, or None where cells found no room."""
    with tempfile.TemporaryDirectory(prefix="chipflow-cells-") as folder:
        job_path, result_path = Path(folder, "job.npz"), Path(folder, "result.npz")
        np.savez(job_path, allow_pickle=False, **job)
        command = [
            *(sys.executable, "-P", str(coloquinte_run.__file__)),
            *(str(job_path), str(result_path), str(os.getpid())),
        ]
        last_line = ""
        with subprocess.Popen(
            command,
            env=child_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    last_line = line.strip() or last_line
                process.wait()
            except BaseException:
                process.kill()
                raise
        if process.returncode == coloquinte_run.NO_ROOM:
            return None
        if process.returncode != 0 or not result_path.exists():
            raise ChipError(
                f"the cell placer ended with code {process.returncode}: {last_line}",
                where="coloquinte",
            )
        with np.load(result_path) as result:
            return {"x": result["x"], "y": result["y"]}
