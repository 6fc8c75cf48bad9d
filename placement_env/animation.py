"""A run of a placer as an animated GIF: macros at the moments of which placements were kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from placement_env.errors import InputError
from placement_env.netlist import FloatArray, Netlist, NodeKind, Placement, oriented_size
from placement_env.render import (
    CELL_FACE,
    MACRO_EDGE,
    MACRO_FACE,
    PORT_FACE,
    SOFT_FACE,
    canvas_axes,
    corners,
    scale_bar,
)

if TYPE_CHECKING:
    from matplotlib.collections import PolyCollection
    from PIL.Image import Image

#: Dots per inch of the pictures, which are some 6.4 inches wide; and colours, of 256 at most.
_DPI, _COLOURS = 85, 128
#: How long a picture stands, and the last one, in milliseconds.
_FRAME_MS, _LAST_MS = 100, 2500


@dataclass(frozen=True)
class Picture:
    """One picture of an animation: a placement, and the line above it."""

    placement: Placement
    title: str


def draw_animation(netlist: Netlist, pictures: Sequence[Picture], path: Path | str) -> Path:
    """Draw hard and soft macros (cells as well, if there are) picture by picture, without end.

    Args:
        netlist: What to draw.
        pictures: In order; at least one.
        path: The .gif file to write.

    Returns:
        `path`.

    Raises:
        InputError: There is no picture.
    """
    if not pictures:
        raise InputError("there is no placement to make an animation of", where=str(path))
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import PolyCollection
    from PIL import Image as images

    kinds = {
        kind: nodes
        for kind in (NodeKind.STANDARD_CELL, NodeKind.SOFT_MACRO, NodeKind.HARD_MACRO)
        if (nodes := netlist.nodes_of(kind)).size
    }
    figure, axes = canvas_axes(netlist, np.zeros((0, 4)), None, pictures[0].title)
    figure.set_dpi(_DPI)
    # Cells of a group lie on each other during the search: opaque, or they would look dark.
    looks = {
        NodeKind.STANDARD_CELL: {"facecolor": CELL_FACE, "edgecolor": "none"},
        NodeKind.SOFT_MACRO: {"facecolor": SOFT_FACE, "edgecolor": "none", "alpha": 0.35},
        NodeKind.HARD_MACRO: {"facecolor": MACRO_FACE, "edgecolor": MACRO_EDGE, "linewidth": 0.8},
    }
    drawn: dict[NodeKind, PolyCollection] = {}
    for layer, kind in enumerate(kinds, start=2):
        drawn[kind] = PolyCollection([], zorder=layer, **looks[kind])
        axes.add_collection(drawn[kind])
    ports = netlist.nodes_of(NodeKind.PORT)
    at = pictures[0].placement
    axes.scatter(
        at.x_um[ports], at.y_um[ports], s=5, marker="D", color=PORT_FACE, linewidths=0, zorder=9
    )
    scale_bar(axes, "um" if netlist.unit_um is not None else "units")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    figure.set_layout_engine("none")  # settled by the first drawing; later ones do not move it

    frames: list[Image] = []
    for picture in pictures:
        boxes = _boxes(netlist, picture.placement)
        for kind, nodes in kinds.items():
            drawn[kind].set_verts(list(corners(boxes[nodes])))
        axes.set_title(picture.title, fontsize=11)
        canvas.draw()
        frames.append(images.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy()))
    return _save(frames, Path(path))


def _boxes(netlist: Netlist, placement: Placement) -> FloatArray:
    """[N, 4]: left, bottom, right and top of every node."""
    width, height = oriented_size(netlist, placement)
    x, y = placement.x_um, placement.y_um
    return np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)


def _save(frames: Sequence[Image], path: Path) -> Path:
    """Write the frames with one palette and without dithering, which keeps the file small."""
    from PIL import Image as images
    from PIL.Image import Dither

    both_ends = images.fromarray(np.concatenate([np.asarray(frames[k]) for k in (0, -1)]))
    palette = both_ends.quantize(_COLOURS, dither=Dither.NONE)
    colours = np.array(palette.getpalette() or [0, 0, 0]).reshape(-1, 3)
    colours[colours.min(axis=1) > 247] = 255  # paper stays white
    palette.putpalette(colours.ravel().tolist())
    indexed = [frame.quantize(palette=palette, dither=Dither.NONE) for frame in frames]
    indexed[0].save(
        path, save_all=True, append_images=indexed[1:], loop=0, optimize=True,
        duration=[_FRAME_MS] * (len(frames) - 1) + [_LAST_MS],
    )  # fmt: skip
    return path
