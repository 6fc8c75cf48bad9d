from __future__ import annotations

import re
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest

from placement_env.errors import InputError
from placement_env.netlist import Canvas, Netlist, NodeKind, Placement
from placement_env.render import draw_map, draw_placement

MACRO_RGB = np.array([0xF2, 0xD9, 0xB8]) / 255


def small_design() -> tuple[Netlist, Placement]:
    """One macro in the left half, one cell and a port; 100 x 100 um."""
    netlist = Netlist(
        name="t",
        node_name=("u_ram/bank0", "u_ram/bank1", "g1", "clk"),
        node_kind=np.array(
            [NodeKind.HARD_MACRO, NodeKind.HARD_MACRO, NodeKind.STANDARD_CELL, NodeKind.PORT]
        ),
        width_um=np.array([40.0, 20.0, 2.0, 0.0]),
        height_um=np.array([80.0, 20.0, 2.0, 0.0]),
        fixed=np.zeros(4, dtype=bool),
        pin_node=np.zeros(0, dtype=np.int64),
        pin_dx_um=np.zeros(0),
        pin_dy_um=np.zeros(0),
        net_start=np.zeros(1, dtype=np.int64),
        net_weight=np.zeros(0),
        canvas=Canvas(0.0, 0.0, 100.0, 100.0),
    )
    placement = Placement(
        np.array([25.0, 80.0, 60.0, 0.0]),
        np.array([50.0, 80.0, 10.0, 50.0]),
        np.zeros(4, dtype=np.int64),
    )
    return netlist, placement


def macro_columns(path) -> tuple[float, float]:
    """Share of macro-coloured pixels in the left and the right half of a picture."""
    pixels = matplotlib.image.imread(path)[:, :, :3]
    hit = np.abs(pixels - MACRO_RGB).max(axis=2) < 0.01
    half = hit.shape[1] // 2
    return float(hit[:, :half].mean()), float(hit[:, half:].mean())


def test_macros_are_drawn_where_they_are(tmp_path):
    netlist, placement = small_design()
    left, right = macro_columns(draw_placement(netlist, placement, tmp_path / "a.png"))
    mirrored = replace(placement, x_um=100 - placement.x_um)
    left2, right2 = macro_columns(draw_placement(netlist, mirrored, tmp_path / "b.png"))
    assert left > 4 * right > 0
    assert right2 > 4 * left2 > 0


def test_macros_are_named_without_their_shared_hierarchy(tmp_path):
    netlist, placement = small_design()
    text = draw_placement(netlist, placement, tmp_path / "a.svg", title="The title").read_text()
    comments = re.findall(r"<!-- (.*?) -->", text)  # matplotlib repeats each text as a comment
    assert {"bank0", "bank1", "The title", "2 macros", "1 cells", "1 ports"} <= set(comments)
    bare = draw_placement(netlist, placement, tmp_path / "b.svg", labels=False).read_text()
    assert "<!-- bank0 -->" not in bare


def test_unplaced_nodes_are_left_out(tmp_path):
    netlist, placement = small_design()
    lost = replace(placement, x_um=np.full(4, np.nan))
    assert macro_columns(draw_placement(netlist, lost, tmp_path / "a.png")) == (0.0, 0.0)


def test_the_same_picture_is_the_same_file(tmp_path):
    netlist, placement = small_design()
    one, two = (draw_placement(netlist, placement, tmp_path / f"{k}.png") for k in "ab")
    assert one.read_bytes() == two.read_bytes()


def test_a_map_shows_its_lowest_row_at_the_bottom(tmp_path):
    netlist, placement = small_design()
    values = np.zeros((4, 6))
    values[0] = 1.0
    path = draw_map(
        values, netlist.canvas, tmp_path / "m.png", unit="demand / capacity",
        outlines=(netlist, placement),
    )  # fmt: skip
    pixels = matplotlib.image.imread(path)[:, :, :3]
    # Skip the colour bar on the right, which has every colour.
    bright = (np.abs(pixels - np.array([252, 255, 164]) / 255).max(axis=2) < 0.02)[
        :, : int(0.75 * pixels.shape[1])
    ]
    rows = np.flatnonzero(bright.any(axis=1))
    assert rows.min() > pixels.shape[0] / 2


def test_bad_requests_are_refused(tmp_path):
    netlist, placement = small_design()
    with pytest.raises(InputError, match=r"suffix is \.pdf"):
        draw_placement(netlist, placement, tmp_path / "a.pdf")
    with pytest.raises(InputError, match="shape"):
        draw_map(np.zeros(4), netlist.canvas, tmp_path / "a.png")
