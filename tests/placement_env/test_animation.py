"""The animation of a run as a GIF."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from placement_env.animation import Picture, draw_animation
from placement_env.errors import InputError
from tests.agents.row_designs import row_design
from tests.benchmarks.tiny import tiny


def frames(path: Path) -> list[np.ndarray]:
    with Image.open(path) as image:
        found = []
        for k in range(getattr(image, "n_frames", 1)):
            image.seek(k)
            found.append(np.asarray(image.convert("RGB")).astype(int))
        return found


def test_frames_show_the_placements_in_order(tmp_path: Path) -> None:
    netlist, at = tiny()
    x = at.x_um.copy()
    x[4] = 10.0
    pictures = [Picture(at, "first"), Picture(replace(at, x_um=x), "second"), Picture(at, "first")]
    path = draw_animation(netlist, pictures, tmp_path / "run.gif")
    first, second, third = frames(path)
    assert first.shape == second.shape
    assert np.array_equal(first, third)
    assert first[2, 2].tolist() == [255, 255, 255]
    # The macro at (40, 40) has gone to (10, 40): its colour has moved to the left.
    orange = [np.abs(frame - (242, 217, 184)).max(axis=2) < 12 for frame in (first, second)]
    assert orange[0].sum() == pytest.approx(orange[1].sum(), rel=0.02)
    gone, new = orange[0] & ~orange[1], orange[1] & ~orange[0]
    assert np.nonzero(new)[1].mean() < np.nonzero(gone)[1].mean() - 100
    with Image.open(path) as image:
        assert image.info["loop"] == 0  # it plays without end


def test_pictures_stay_small(tmp_path: Path) -> None:
    netlist, at = tiny()
    rng = np.random.default_rng(1)
    pictures = [
        Picture(replace(at, x_um=rng.uniform(5, 55, len(at.x_um))), str(k)) for k in range(20)
    ]
    path = draw_animation(netlist, pictures, tmp_path / "run.gif")
    assert len(frames(path)) == 20
    assert path.stat().st_size < 400_000


def test_cells_are_drawn_too(tmp_path: Path) -> None:
    netlist, at = row_design(cells=30, macros=1, seed=1)
    rng = np.random.default_rng(1)
    canvas = netlist.canvas
    x = rng.uniform(canvas.left_um, canvas.right_um, netlist.num_nodes)
    y = rng.uniform(canvas.bottom_um, canvas.top_um, netlist.num_nodes)
    at = replace(at, x_um=x, y_um=y)
    (frame,) = frames(draw_animation(netlist, [Picture(at, "")], tmp_path / "run.gif"))
    assert (frame[:, :, 2] - frame[:, :, 0] > 40).any()  # blue


def test_no_picture(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no placement"):
        draw_animation(tiny()[0], [], tmp_path / "run.gif")
