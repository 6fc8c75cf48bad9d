"""Every number that chipflow reports: its name, unit, direction and meaning, in one table.

Names follow METRICS2.1: `stage__domain__quantity[__modifier]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["lower", "higher", "none"]


@dataclass(frozen=True)
class Metric:
    """What a reported number means.

    Attributes:
        unit: Unit of the number; empty for counts and ratios.
        better: Which direction is an improvement; "none" for a fact.
        meaning: One line for tables and reports.
    """

    unit: str
    better: Direction
    meaning: str


METRICS: dict[str, Metric] = {
    # Front end
    "lint__error__count": Metric("", "lower", "errors of lint"),
    "lint__warning__count": Metric("", "lower", "warnings of lint"),
    "simulate__status": Metric("", "higher", "1 when the RTL passes its test bench"),
    "synthesis__instance__count": Metric("", "lower", "standard cells"),
    "synthesis__instance__area_um2": Metric("um2", "lower", "area of the standard cells"),
    "synthesis__register__count": Metric("", "none", "flip-flops and latches"),
    "synthesis__memory__count": Metric("", "none", "memory macros"),
    "gates__simulation__status": Metric("", "higher", "1 when the gates pass the test bench"),
    "gates__proven__count": Metric("", "none", "registers and outputs: equal to the RTL"),
    "gates__mapping_proven__count": Metric(
        "", "none", "registers, outputs and macro pins whose mapping to the library is proven"
    ),
    # Floorplan
    "floorplan__die__area_um2": Metric("um2", "lower", "area of the die"),
    "floorplan__die__width_um": Metric("um", "none", "width of the die"),
    "floorplan__die__height_um": Metric("um", "none", "height of the die"),
    "floorplan__core__area_um2": Metric("um2", "lower", "area of the rows' bounding box"),
    "floorplan__core__utilization": Metric("", "none", "share of the core under cells and macros"),
    "floorplan__macro__area_um2": Metric("um2", "none", "area of the hard macros"),
    "floorplan__row__count": Metric("", "none", "rows of standard cells"),
    "floorplan__port__count": Metric("", "none", "ports of the design"),
    # Routing estimate
    "route__wirelength__estimated_um": Metric("um", "lower", "length of the nets' Steiner trees"),
    "route__overflow__total": Metric("", "lower", "estimated wires beyond the routing tracks"),
    "route__overflow__edge_count": Metric("", "lower", "edges of the routing grid overfull"),
    "route__usage__ace": Metric(
        "", "lower", "mean usage of the fullest 0.5, 1, 2 and 5 % of the edges, averaged"
    ),
    "route__usage__max": Metric("", "lower", "wires over usable tracks on the fullest edge"),
    # Timing
    "timing__setup__ws_ns": Metric("ns", "higher", "worst set-up slack"),
    "timing__setup__tns_ns": Metric("ns", "higher", "sum of the negative set-up slacks"),
    "timing__hold__ws_ns": Metric("ns", "higher", "worst hold slack"),
    # Macro placement
    "placement__proxy__cost": Metric("", "lower", "wirelength + 0.5 density + 0.5 congestion"),
    "placement__proxy__cost__robust": Metric(
        "", "lower", "median proxy cost over 20 draws with every macro moved by up to 0.01 um"
    ),
    "placement__proxy__wirelength": Metric("", "lower", "normalised half-perimeter wirelength"),
    "placement__proxy__density": Metric("", "lower", "mean density of the densest tenth, halved"),
    "placement__proxy__congestion": Metric("", "lower", "mean of the most congested twentieth"),
    "placement__hard_overlaps__count": Metric("", "lower", "pairs of hard macros that overlap"),
    "placement__outside__count": Metric(
        "", "lower", "macros, and cells of a flat netlist, out of the canvas"
    ),
    "placement__misshapen__count": Metric(
        "", "lower", "soft blocks of another area or shape than they may have"
    ),
    "placement__moved_fixed__count": Metric(
        "", "lower", "fixed nodes that are not where the netlist came with them"
    ),
    "placement__wirelength__hpwl_um": Metric("um", "lower", "half-perimeter wirelength"),
    "placement__macro__count": Metric("", "none", "hard macros"),
    # Cell placement
    "placement__cell_overlaps__count": Metric("", "lower", "pairs of placed nodes that overlap"),
    "placement__off_site__count": Metric("", "lower", "cells off the site grid"),
    "placement__off_row__count": Metric("", "lower", "cells off a row or wrongly oriented"),
    "placement__off_fence__count": Metric(
        "", "lower", "cells and macros out of their fence, or in one that is closed to them"
    ),
    "placement__cells_outside__count": Metric("", "lower", "cells and macros out of the die"),
    "placement__density__overflow": Metric(
        "", "lower", "share of the movable area in bins that have no room for it"
    ),
    "placement__cell__count": Metric("", "none", "standard cells"),
    # Output
    "export__gds__size_bytes": Metric("B", "none", "size of the GDS file"),
    # Run
    "time__wall_s": Metric("s", "lower", "wall time"),
    "memory__peak_bytes": Metric("B", "lower", "most memory that the process held"),
}
