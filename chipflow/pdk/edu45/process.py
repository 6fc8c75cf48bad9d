"""The invented 45 nm process of edu45: layers, site, and the electrical constants of its cells.

Round numbers of the right order for 45 nm; none is taken from a foundry or another library.
"""

from __future__ import annotations

from dataclasses import dataclass

LABEL = "edu45: educational cell library, for trying the flow, never for a foundry"

DATABASE_UNITS_PER_UM = 1000
SITE = "edu45_core"
SITE_WIDTH_UM = 0.2
ROW_HEIGHT_UM = 1.4
RAIL_HALF_WIDTH_UM = 0.08

VOLTAGE_V = 1.1
TEMPERATURE_C = 25

# An inverter of strength 1; everything else is scaled from it.
RESISTANCE_KOHM = 4.0
INPUT_CAPACITANCE_FF = 1.5
PARASITIC_CAPACITANCE_FF = 1.0
LEAKAGE_NW_PER_SITE = 4.0
# Pull-up is weaker than pull-down.
RISE_FACTOR = 1.1
FALL_FACTOR = 0.9

OUTLINE_GDS = (100, 0)
LABEL_DATATYPE = 10


@dataclass(frozen=True)
class Metal:
    """A routing layer. Resistance per square; capacitance per area and per edge."""

    name: str
    horizontal: bool
    width_um: float
    pitch_um: float
    ohm_per_square: float
    area_pf_per_um2: float
    edge_pf_per_um: float
    gds: int

    @property
    def spacing_um(self) -> float:
        """Least distance between wires."""
        return self.pitch_um - self.width_um

    @property
    def offset_um(self) -> float:
        """Position of the first track."""
        return self.pitch_um / 2


METALS = (
    Metal("metal1", True, 0.1, 0.2, 0.38, 7.0e-5, 4.0e-5, 1),
    Metal("metal2", False, 0.1, 0.2, 0.30, 4.0e-5, 4.6e-5, 2),
    Metal("metal3", True, 0.1, 0.2, 0.30, 3.0e-5, 4.85e-5, 3),
    Metal("metal4", False, 0.2, 0.4, 0.20, 2.0e-5, 5.2e-5, 4),
    Metal("metal5", True, 0.2, 0.4, 0.20, 1.5e-5, 5.2e-5, 5),
    Metal("metal6", False, 0.4, 0.8, 0.08, 1.0e-5, 5.5e-5, 6),
    Metal("metal7", True, 0.4, 0.8, 0.08, 0.8e-5, 5.5e-5, 7),
)
VIA_OHM = 5.0
VIA_ENCLOSURE_UM = 0.03
