"""Turns a placed DEF into GDS and a picture, in a process of its own: `klayout_run.py JOB RESULT`.

KLayout holds Python's lock while it works; in a process of its own it freezes no progress display
and can be stopped after a time limit. This file therefore imports nothing of ours. JOB and RESULT
are JSON; `chipflow.tools.klayout_export` writes and reads them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import klayout.db as kdb

#: Colours of metals in pictures, bottom to top; Okabe and Ito's, and tints of them.
_METAL_COLORS = (
    0x56B4E9, 0xD55E00, 0x009E73, 0xCC79A7, 0xE69F00, 0x0072B2, 0x8C564B, 0x999933, 0x882255,
    0x44AA99,
)  # fmt: skip


def write_gds(job: dict[str, Any]) -> dict[str, Any]:
    """Read the DEF, fill in the cells' layouts and write the GDS; what was found on the way."""
    options = kdb.LoadLayoutOptions()
    config = options.lefdef_config
    config.read_lef_with_def = False
    config.lef_files = job["lefs"]
    config.macro_resolution_mode = 1  # cells come from layouts, never from LEF abstracts
    drawn = []
    for path in job["layouts"]:
        drawn.append(kdb.Layout())
        drawn[-1].read(path)
    config.macro_layouts = drawn
    config.dbu = 1.0 / job["dbu_per_um"]
    config.create_other_layers = False
    layers = kdb.LayerMap()
    for name, (layer, datatype) in job["gds_layers"].items():
        if name == "outline":
            layers.map(f"OUTLINE : {layer}/{datatype}")
        else:
            for suffix in ("", ".PIN", ".LABEL"):
                layers.map(f"{name}{suffix} : {layer}/{datatype}")
    config.layer_map = layers
    layout = kdb.Layout()
    layout.read(job["def"], options)
    top = layout.cell(job["top"])
    known = {cell.name for library in drawn for cell in library.each_cell()}
    used = {layout.cell(index).name for index in top.each_child_cell()}
    save = kdb.SaveLayoutOptions()
    save.gds2_write_timestamps = False  # the same layout is the same file
    save.add_cell(top.cell_index())
    layout.write(job["gds"], save)
    box = top.dbbox()
    return {
        "instances": top.child_instances(),
        "not_drawn": sorted(used - known),
        "width_um": box.width(),
        "height_um": box.height(),
    }


def write_picture(job: dict[str, Any]) -> None:
    """Draw the GDS: metals in colour, everything else in light grey, no texts."""
    import klayout.lay as lay

    view = lay.LayoutView(options=lay.LayoutView.LV_NoTracker)
    view.load_layout(job["gds"], True)
    view.max_hier()
    for name, value in (
        ("background-color", "#ffffff"),
        ("text-visible", "false"),
        ("grid-visible", "false"),
        ("cell-box-visible", "false"),
    ):
        view.set_config(name, value)
    metals = {
        tuple(numbers): name
        for name, numbers in job["gds_layers"].items()
        if name.startswith("metal")
    }
    order = sorted(metals)
    layer = view.begin_layers()
    while not layer.at_end():
        node = layer.current()
        numbers = (node.source_layer, node.source_datatype)
        if numbers in metals:
            color = _METAL_COLORS[order.index(numbers) % len(_METAL_COLORS)]
            node.fill_color = node.frame_color = color
            node.dither_pattern = 0  # solid
            node.transparent = True
        else:
            node.fill_color = node.frame_color = 0xB0B0B0
            node.dither_pattern = 1  # hollow
        layer.next()
    view.zoom_fit()
    view.save_image(job["png"], job["png_pixels"], job["png_pixels"])


def main(job_path: str, result_path: str) -> None:
    """Run the job and write the result."""
    job = json.loads(Path(job_path).read_text(encoding="utf-8"))
    result = write_gds(job)
    write_picture(job)
    Path(result_path).write_text(json.dumps(result) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
