"""A congestion and density grid for netlists that come without one.

The rule follows the idea of Circuit Training's gridding: macros should fill the grid cells that
they touch, and the grid should not be finer than that takes. Its published descriptions pack the
macros for each grid that they try; here the waste is that of each macro alone.

References:
    TILOS-AI-Institute/MacroPlacement, CodeElements/Gridding.
"""

from __future__ import annotations

import numpy as np

from placement_env.netlist import Grid, Netlist, NodeKind

#: Lines a side and cells in all that a grid may have.
_FEWEST_LINES, _MOST_LINES = 10, 60
_FEWEST_CELLS, _MOST_CELLS = 400, 2500
#: Longer side of a grid cell over its shorter side.
_MOST_ASPECT = 1.5
#: Waste that is accepted above the least one for a coarser grid.
_TOLERANCE = 0.05


def default_grid(
    netlist: Netlist,
    *,
    h_tracks_per_um: float,
    v_tracks_per_um: float,
    h_macro_tracks_per_um: float,
    v_macro_tracks_per_um: float,
    smoothing: int = 2,
) -> Grid:
    """A grid of 10 to 60 columns and rows, 400 to 2500 cells, for the netlist's canvas.

    The waste of a grid is the area of the grid cells that the hard macros take, each with its lower
    left corner on a grid line, over the area of the macros, less one. Of all grids whose cells are
    at most 1.5 times as long as wide and whose waste is at most 0.05 above the least, the one with
    the fewest cells is taken, among those the one with the least waste. Without macros that is the
    grid of 400 cells nearest to square ones. A canvas too long for such cells gets those nearest
    to it.

    Args:
        netlist: Gives the canvas and the macros' sizes at orientation N.
        h_tracks_per_um: Horizontal routes per micrometre of height.
        v_tracks_per_um: Vertical routes per micrometre of width.
        h_macro_tracks_per_um: Horizontal routes that a hard macro takes.
        v_macro_tracks_per_um: Vertical routes that a hard macro takes.
        smoothing: Radius of the congestion smoothing, in grid cells.
    """
    lines = np.arange(_FEWEST_LINES, _MOST_LINES + 1)
    columns, rows = (axis.ravel() for axis in np.meshgrid(lines, lines, indexing="ij"))
    cells = columns * rows
    fits = (cells >= _FEWEST_CELLS) & (cells <= _MOST_CELLS)
    columns, rows, cells = columns[fits], rows[fits], cells[fits]
    cell_width = netlist.canvas.width_um / columns
    cell_height = netlist.canvas.height_um / rows
    aspect = np.maximum(cell_width / cell_height, cell_height / cell_width)
    squarish = aspect <= max(_MOST_ASPECT, float(aspect.min()))
    macros = netlist.nodes_of(NodeKind.HARD_MACRO)
    width, height = netlist.width_um[macros], netlist.height_um[macros]
    area = float((width * height).sum())
    waste = np.zeros(len(cells))
    if area > 0:
        # A macro of exactly k cells must not count as k + 1 for a rounding error.
        taken = np.ceil(width / cell_width[:, None] - 1e-9) * np.ceil(
            height / cell_height[:, None] - 1e-9
        )
        waste = taken.sum(axis=1) * cell_width * cell_height / area - 1
    good = np.flatnonzero(squarish & (waste <= waste[squarish].min() + _TOLERANCE))
    best = good[np.lexsort((aspect[good], waste[good], cells[good]))[0]]
    return Grid(
        columns=int(columns[best]),
        rows=int(rows[best]),
        h_tracks_per_um=h_tracks_per_um,
        v_tracks_per_um=v_tracks_per_um,
        h_macro_tracks_per_um=h_macro_tracks_per_um,
        v_macro_tracks_per_um=v_macro_tracks_per_um,
        smoothing=smoothing,
    )
