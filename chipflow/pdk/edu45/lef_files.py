"""Write the technology LEF and the cell LEF of edu45."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from chipflow.pdk.edu45.cells import CELLS, Cell
from chipflow.pdk.edu45.process import (
    DATABASE_UNITS_PER_UM,
    LABEL,
    METALS,
    ROW_HEIGHT_UM,
    SITE,
    SITE_WIDTH_UM,
    VIA_ENCLOSURE_UM,
    VIA_OHM,
    Metal,
)
from chipflow.pdk.edu45.shapes import Box, shapes

_HEAD = f'# {LABEL}.\nVERSION 5.7 ;\nBUSBITCHARS "[]" ;\nDIVIDERCHAR "/" ;\n'
_CLASS = {"tie": "CORE", "fill": "CORE SPACER", "tap": "CORE WELLTAP"}


def write_technology(path: Path) -> None:
    """Write units, layers, vias and the site."""
    lines = [
        _HEAD,
        f"UNITS\n  DATABASE MICRONS {DATABASE_UNITS_PER_UM} ;\nEND UNITS\n",
        "MANUFACTURINGGRID 0.005 ;\n",
    ]
    for index, metal in enumerate(METALS):
        lines.append(_routing_layer(metal))
        if index + 1 < len(METALS):
            lines.append(_cut_layer(_cut_name(metal), metal.width_um))
    lines.append("LAYER OVERLAP\n  TYPE OVERLAP ;\nEND OVERLAP\n")
    lines += [_via(lower, upper) for lower, upper in pairwise(METALS)]
    lines.append(
        f"SITE {SITE}\n  CLASS CORE ;\n  SYMMETRY Y ;\n"
        f"  SIZE {SITE_WIDTH_UM:g} BY {ROW_HEIGHT_UM:g} ;\nEND {SITE}\n"
    )
    path.write_text("\n".join([*lines, "END LIBRARY\n"]))


def write_cells(path: Path) -> None:
    """Write every cell with its pins, rails and obstructions."""
    macros = ("\n".join(_macro(cell)) for cell in CELLS)
    path.write_text("\n".join([_HEAD, *macros, "END LIBRARY\n"]))


def _routing_layer(metal: Metal) -> str:
    return f"""\
LAYER {metal.name}
  TYPE ROUTING ;
  DIRECTION {"HORIZONTAL" if metal.horizontal else "VERTICAL"} ;
  WIDTH {metal.width_um:g} ;
  SPACING {metal.spacing_um:g} ;
  PITCH {metal.pitch_um:g} ;
  OFFSET {metal.offset_um:g} ;
  RESISTANCE RPERSQ {metal.ohm_per_square:g} ;
  CAPACITANCE CPERSQDIST {metal.area_pf_per_um2:g} ;
  EDGECAPACITANCE {metal.edge_pf_per_um:g} ;
END {metal.name}
"""


def _cut_layer(name: str, size_um: float) -> str:
    return f"""\
LAYER {name}
  TYPE CUT ;
  WIDTH {size_um:g} ;
  SPACING {size_um:g} ;
  RESISTANCE {VIA_OHM:g} ;
END {name}
"""


def _cut_name(lower: Metal) -> str:
    return f"via{lower.name.removeprefix('metal')}"


def _via(lower: Metal, upper: Metal) -> str:
    half = lower.width_um / 2
    lines = [f"VIA {_cut_name(lower)}_default DEFAULT"]
    for name, metal in ((lower.name, lower), (_cut_name(lower), None), (upper.name, upper)):
        across = metal.width_um / 2 if metal else half
        along = max(across, half + VIA_ENCLOSURE_UM) if metal else half
        x, y = (along, across) if metal and metal.horizontal else (across, along)
        lines.append(f"  LAYER {name} ;\n    RECT {_box((-x, -y, x, y))} ;")
    return "\n".join([*lines, f"END {_cut_name(lower)}_default\n"])


def _macro(cell: Cell) -> Iterator[str]:
    drawn = shapes(cell)
    kind = cell.kind
    tie = {"TIEHI": " TIEHIGH", "TIELO": " TIELOW"}.get(kind.name, "")
    yield f"MACRO {cell.name}"
    yield f"  CLASS {_CLASS.get(kind.role, 'CORE')}{tie} ;"
    yield "  ORIGIN 0 0 ;"
    yield f"  FOREIGN {cell.name} 0 0 ;"
    yield f"  SIZE {cell.width_um:g} BY {ROW_HEIGHT_UM:g} ;"
    yield "  SYMMETRY X Y ;"
    yield f"  SITE {SITE} ;"
    for pin, box in drawn.pins.items():
        direction = "OUTPUT" if pin == kind.output else "INPUT"
        use = "CLOCK" if pin in ("CK", "G") else "SIGNAL"
        yield from _pin(pin, direction, use, "", box)
    for pin, box in drawn.rails.items():
        use = "POWER" if pin == "VDD" else "GROUND"
        yield from _pin(pin, "INOUT", use, "    SHAPE ABUTMENT ;", box)
    if drawn.inner:
        yield "  OBS"
        yield "    LAYER metal1 ;"
        for box in drawn.inner:
            yield f"      RECT {_box(box)} ;"
        yield "  END"
    yield f"END {cell.name}\n"


def _pin(name: str, direction: str, use: str, shape: str, box: Box) -> Iterator[str]:
    yield f"  PIN {name}"
    yield f"    DIRECTION {direction} ;"
    yield f"    USE {use} ;"
    if shape:
        yield shape
    yield "    PORT"
    yield "      LAYER metal1 ;"
    yield f"        RECT {_box(box)} ;"
    yield "    END"
    yield f"  END {name}"


def _box(box: Box) -> str:
    return " ".join(f"{round(value, 4):g}" for value in box)
