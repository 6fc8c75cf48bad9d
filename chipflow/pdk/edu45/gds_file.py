"""Write the layouts of edu45: outline, metal1 and labels. There are no transistors in them."""

from __future__ import annotations

from pathlib import Path

from chipflow.pdk.edu45.cells import CELLS
from chipflow.pdk.edu45.process import (
    DATABASE_UNITS_PER_UM,
    LABEL,
    LABEL_DATATYPE,
    METALS,
    OUTLINE_GDS,
    ROW_HEIGHT_UM,
)
from chipflow.pdk.edu45.shapes import shapes


def write(path: Path) -> None:
    """Write one GDS cell for every library cell; equal bytes every time."""
    import klayout.db as kdb

    layout = kdb.Layout()
    layout.dbu = 1 / DATABASE_UNITS_PER_UM
    outline = layout.layer(*OUTLINE_GDS)
    notice = layout.layer(OUTLINE_GDS[0], LABEL_DATATYPE)
    metal1 = layout.layer(METALS[0].gds, 0)
    label = layout.layer(METALS[0].gds, LABEL_DATATYPE)
    for cell in CELLS:
        drawn = shapes(cell)
        target = layout.create_cell(cell.name)
        target.shapes(outline).insert(kdb.DBox(0, 0, cell.width_um, ROW_HEIGHT_UM))
        target.shapes(notice).insert(kdb.DText(LABEL, kdb.DTrans()))
        for name, box in (drawn.pins | drawn.rails).items():
            shape = kdb.DBox(*box)
            target.shapes(metal1).insert(shape)
            target.shapes(label).insert(kdb.DText(name, kdb.DTrans(shape.center() - kdb.DPoint())))
        for box in drawn.inner:
            target.shapes(metal1).insert(kdb.DBox(*box))
    options = kdb.SaveLayoutOptions()
    options.format = "GDS2"
    options.gds2_libname = "EDU45_EDUCATIONAL_ONLY"
    options.gds2_write_timestamps = False
    layout.write(str(path), options)
