"""Pictures of placements and of maps over the canvas, as PNG or SVG files.

Drawn with matplotlib's own canvas, without pyplot: no display, no global state, safe in threads.
Colours are distinct for the common forms of colour blindness (Okabe and Ito; inferno).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from placement_env.errors import InputError
from placement_env.netlist import (
    Canvas,
    FloatArray,
    IntArray,
    Netlist,
    NodeKind,
    Placement,
    node_boxes,
    oriented_size,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MACRO_FACE, MACRO_EDGE = "#F2D9B8", "#8A4B00"
CELL_FACE = "#0072B2"
SOFT_FACE = "#56B4E9"
PORT_FACE = "#C0392B"

_SIDE_INCHES, _DPI = 5.6, 190

#: Room for the scale bar above the picture, as a share of its longer side.
_BAR_ROOM = 0.07

#: Smaller text than this cannot be read and is left out.
_LEAST_POINTS = 3.0

#: Above this many cells their outlines would cover one another; they are drawn without.
OUTLINED_CELLS = 3000

#: Macros beyond this many are not named: the names would cover the picture.
NAMED_MACROS = 150


def draw_placement(
    netlist: Netlist,
    placement: Placement,
    path: Path | str,
    *,
    title: str = "",
    labels: bool = True,
    region: Canvas | None = None,
) -> Path:
    """Draw macros with their names, cells, soft macros and ports to scale.

    Args:
        netlist: What to draw.
        placement: Where it is. Nodes without a finite position are left out.
        path: The file to write; its suffix (.png or .svg) chooses the format.
        title: Line above the picture.
        labels: Write the names of macros into them, where they fit.
        region: The part to show; the canvas and everything placed when None.

    Returns:
        `path`.
    """
    from matplotlib.collections import PatchCollection, PolyCollection
    from matplotlib.patches import Patch, Rectangle

    boxes = node_boxes(netlist, placement)
    placed = np.isfinite(boxes).all(axis=1)
    figure, axes = canvas_axes(netlist, boxes[placed], region, title)
    frame = netlist.canvas
    axes.add_patch(
        Rectangle(
            (frame.left_um, frame.bottom_um), frame.width_um, frame.height_um,
            facecolor="#FAFAFA", edgecolor="#444444", linewidth=1.0, zorder=0,
        )
    )  # fmt: skip

    def nodes(kind: NodeKind) -> IntArray:
        return np.flatnonzero((netlist.node_kind == kind) & placed)

    key: list[Patch] = []
    cells = nodes(NodeKind.STANDARD_CELL)
    if cells.size:
        fine = cells.size > OUTLINED_CELLS
        axes.add_collection(
            PolyCollection(
                list(corners(boxes[cells])),
                facecolor=CELL_FACE, edgecolor="none" if fine else "white",
                linewidth=0.0 if fine else 0.25, alpha=0.75, antialiased=not fine,
                rasterized=fine, zorder=2,
            )
        )  # fmt: skip
        key.append(Patch(facecolor=CELL_FACE, alpha=0.75, label=f"{cells.size:,} cells"))
    soft = nodes(NodeKind.SOFT_MACRO)
    if soft.size:
        axes.add_collection(
            PolyCollection(
                list(corners(boxes[soft])),
                facecolor=SOFT_FACE, edgecolor="#1B6A94", linewidth=0.4, alpha=0.35, zorder=3,
            )
        )  # fmt: skip
        key.append(Patch(facecolor=SOFT_FACE, alpha=0.5, label=f"{soft.size:,} soft macros"))
    hard = nodes(NodeKind.HARD_MACRO)
    if hard.size:
        axes.add_collection(
            PatchCollection(
                [
                    Rectangle((x0, y0), x1 - x0, y1 - y0)
                    for x0, y0, x1, y1 in boxes[hard].tolist()
                ],
                facecolor=MACRO_FACE, edgecolor=MACRO_EDGE, linewidth=1.0, zorder=4,
            )
        )  # fmt: skip
        key.append(Patch(facecolor=MACRO_FACE, edgecolor=MACRO_EDGE, label=f"{hard.size} macros"))
    ports = nodes(NodeKind.PORT)
    if ports.size:
        axes.scatter(
            placement.x_um[ports], placement.y_um[ports],
            s=9, marker="D", color=PORT_FACE, linewidths=0, zorder=5,
        )  # fmt: skip
        key.append(Patch(facecolor=PORT_FACE, label=f"{ports.size:,} ports"))
    scale_bar(axes, "um" if netlist.unit_um is not None else "units")
    if key:
        figure.legend(
            handles=key, loc="outside lower center", ncol=len(key),
            frameon=False, fontsize=8, handlelength=1.2,
        )  # fmt: skip
    if labels and hard.size <= NAMED_MACROS:
        _name_macros(figure, axes, [netlist.node_name[k] for k in hard], boxes[hard])
    return save_figure(figure, path)


def draw_map(
    values: FloatArray,
    canvas: Canvas,
    path: Path | str,
    *,
    title: str = "",
    unit: str = "",
    limits: tuple[float, float] | None = None,
    outlines: tuple[Netlist, Placement] | None = None,
) -> Path:
    """Draw a map over the canvas with a colour bar, such as congestion.

    Args:
        values: [rows, columns], row 0 at the bottom.
        canvas: The rectangle that the map covers.
        path: The file to write; its suffix (.png or .svg) chooses the format.
        title: Line above the picture.
        unit: What the colour bar counts.
        limits: Values of the darkest and the brightest colour; the data's own when None. Give the
            same limits to maps that are to be compared.
        outlines: Draw the outlines of this placement's hard macros on top.

    Returns:
        `path`.
    """
    from matplotlib.patches import Rectangle

    if values.ndim != 2 or values.size == 0:
        raise InputError(f"a map has shape {values.shape}, expected [rows, columns]")
    figure, axes = canvas_axes(None, np.zeros((0, 4)), canvas, title)
    image = axes.imshow(
        values, origin="lower", cmap="inferno", interpolation="nearest",
        extent=(canvas.left_um, canvas.right_um, canvas.bottom_um, canvas.top_um),
        vmin=None if limits is None else limits[0], vmax=None if limits is None else limits[1],
    )  # fmt: skip
    figure.set_figwidth(figure.get_figwidth() + 0.8)
    bar = figure.colorbar(image, ax=axes, fraction=0.05, pad=0.02, aspect=30)
    bar.set_label(unit, fontsize=9)
    bar.ax.tick_params(labelsize=8)
    if outlines is not None:
        netlist, placement = outlines
        width, height = oriented_size(netlist, placement)
        for node in netlist.nodes_of(NodeKind.HARD_MACRO).tolist():
            w, h = float(width[node]), float(height[node])
            corner = (float(placement.x_um[node]) - w / 2, float(placement.y_um[node]) - h / 2)
            axes.add_patch(Rectangle(corner, w, h, fill=False, edgecolor="#7FD6FF", linewidth=0.9))
    scale_bar(axes, "um")
    return save_figure(figure, path)


def canvas_axes(
    netlist: Netlist | None, boxes: FloatArray, region: Canvas | None, title: str
) -> tuple[Figure, Axes]:
    """A figure with equal axes in micrometres around the region."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if region is not None:
        box = (region.left_um, region.bottom_um, region.right_um, region.top_um)
    else:
        assert netlist is not None
        frame = netlist.canvas
        box = (frame.left_um, frame.bottom_um, frame.right_um, frame.top_um)
        if len(boxes):
            low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
            box = (
                min(box[0], low[0]), min(box[1], low[1]), max(box[2], high[0]), max(box[3], high[1])
            )  # fmt: skip
    wide, tall = box[2] - box[0], box[3] - box[1]
    longest = max(wide, tall)
    size = (
        _SIDE_INCHES * max(wide / longest, 0.45) + 0.8,
        _SIDE_INCHES * max(tall / longest, 0.45) + 0.8,
    )
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_aspect("equal")
    pad = 0.02 * longest
    axes.set_xlim(box[0] - pad, box[2] + pad)
    axes.set_ylim(box[1] - pad, box[3] + _BAR_ROOM * longest)
    unit = "um" if netlist is None or netlist.unit_um is not None else "file units"
    axes.set_xlabel(f"x ({unit})", fontsize=9)
    axes.set_ylabel(f"y ({unit})", fontsize=9)
    axes.tick_params(labelsize=8)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if title:
        axes.set_title(title, fontsize=11)
    return figure, axes


def corners(boxes: FloatArray) -> FloatArray:
    """[N, 4, 2]: the corners of [N, 4] boxes (left, bottom, right, top)."""
    left, bottom, right, top = boxes.T
    return np.stack(
        [
            np.stack([left, bottom], axis=1),
            np.stack([right, bottom], axis=1),
            np.stack([right, top], axis=1),
            np.stack([left, top], axis=1),
        ],
        axis=1,
    )


def _name_macros(figure: Figure, axes: Axes, names: Sequence[str], boxes: FloatArray) -> None:
    """Write each name into its box, on up to three lines, upright in tall boxes."""
    figure.draw_without_rendering()  # fixes the scale that the font sizes depend on
    points_per_um = (
        abs(axes.transData.transform((1, 0))[0] - axes.transData.transform((0, 0))[0])
        * 72.0
        / figure.dpi
    )
    for name, (left, bottom, right, top) in zip(
        _distinct_tails(names), boxes.tolist(), strict=True
    ):
        wide, tall = (right - left) * points_per_um, (top - bottom) * points_per_um
        size, _, rotation, text = max(
            (_font_size(lines, *sides), -len(lines), -turn, "\n".join(lines))
            for sides, turn in (((wide, tall), 0), ((tall, wide), 90))
            for lines in (*_line_breaks(name), _wrapped(name, sides[0]))
        )
        if size < _LEAST_POINTS:
            continue
        axes.text(
            (left + right) / 2, (bottom + top) / 2, text,
            fontsize=size, rotation=-rotation, ha="center", va="center", ma="center",
            linespacing=1.05, color="#3A2000", zorder=6, clip_on=True,
        )  # fmt: skip


def _font_size(lines: Sequence[str], along: float, across: float) -> float:
    """The size in points at which lines of text fit into a box of that many points."""
    longest = max(len(line) for line in lines)
    return min(9.0, 0.94 * along / (0.66 * max(longest, 1)), 0.9 * across / (1.25 * len(lines)))


def _wrapped(name: str, along: float) -> list[str]:
    """The name cut wherever a line of the smallest text is full."""
    full = max(int(0.94 * along / (0.66 * _LEAST_POINTS)), 1)
    return [name[k : k + full] for k in range(0, len(name), full)]


def _line_breaks(name: str) -> list[list[str]]:
    """The name on one, two and three lines as even as its separators allow."""
    parts = re.findall(r"[^_./\[]*[_./]|[^_./\[]+|\[[^_./\[]*", name) or [name]
    choices = [[name]]
    for count in range(2, min(len(parts), 3) + 1):
        cuts = itertools.combinations(range(1, len(parts)), count - 1)
        spans = [[0, *cut, len(parts)] for cut in itertools.islice(cuts, 200)]
        choices.append(
            min(
                (["".join(parts[a:b]) for a, b in itertools.pairwise(span)] for span in spans),
                key=lambda lines: max(len(line) for line in lines),
            )
        )
    return choices


def _distinct_tails(names: Sequence[str]) -> list[str]:
    """The names without the hierarchy that all of them share."""
    if len(names) < 2:
        return [name.replace("\\", "") for name in names]
    parts = [name.replace("\\", "").split("/") for name in names]
    shared = 0
    while all(len(p) > shared + 1 for p in parts) and len({p[shared] for p in parts}) == 1:
        shared += 1
    return ["/".join(p[shared:]) for p in parts]


def scale_bar(axes: Axes, unit: str) -> None:
    """A bar of a round length in the room above the upper right corner."""
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    wished = (right - left) / 5
    step = 10.0 ** np.floor(np.log10(wished))
    length = float(max(m * step for m in (1, 2, 5) if m * step <= wished))
    room = _BAR_ROOM / (1.02 + _BAR_ROOM) * (top - bottom)
    x1, y = right - 0.02 * (right - left), top - 0.72 * room
    axes.plot([x1 - length, x1], [y, y], color="#222222", linewidth=2.5, solid_capstyle="butt")
    axes.text(
        x1 - length / 2, y + 0.12 * room, f"{length:g} {unit}",
        ha="center", va="bottom", fontsize=8, color="#222222",
    )  # fmt: skip


def save_figure(figure: Figure, path: Path | str) -> Path:
    """Write a figure and return its path; the suffix chooses the format.

    Raises:
        InputError: The suffix is neither .png nor .svg.
    """
    path = Path(path)
    if path.suffix not in (".png", ".svg"):
        raise InputError(
            f"cannot draw to {path.name}: the suffix is {path.suffix or 'missing'}",
            hint="use .png or .svg",
        )
    # Without metadata the same picture is the same file.
    metadata = {"Software": None} if path.suffix == ".png" else {"Date": None}
    figure.savefig(path, dpi=_DPI, facecolor="white", metadata=metadata)
    return path
