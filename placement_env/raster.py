"""A quick picture of rectangles as pixels, for `rgb_array` frames; reports use `render`."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from placement_env.netlist import Canvas, FloatArray

Colour = tuple[int, int, int]

_BACKGROUND = 250


def raster(
    canvas: Canvas, layers: Iterable[tuple[FloatArray, Colour, Colour]], *, longest_px: int = 320
) -> NDArray[np.uint8]:
    """[height, width, 3] filled boxes with an outline, later layers on top; up is up.

    Args:
        canvas: The region to show.
        layers: Boxes [K, 4] (left, bottom, right, top in um), their colour and their outline's.
        longest_px: Pixels of the longer side.
    """
    scale = longest_px / max(canvas.width_um, canvas.height_um)
    width, height = (max(1, round(side * scale)) for side in (canvas.width_um, canvas.height_um))
    picture = np.full((height, width, 3), _BACKGROUND, dtype=np.uint8)
    for boxes, colour, outline in layers:
        x = ((boxes[:, [0, 2]] - canvas.left_um) * scale).round().clip(0, width).astype(int)
        y = ((canvas.top_um - boxes[:, [3, 1]]) * scale).round().clip(0, height).astype(int)
        for (x0, x1), (y0, y1) in zip(x, y, strict=True):
            picture[y0:y1, x0:x1] = outline
            picture[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1] = colour
    return picture
