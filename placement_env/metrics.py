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
    "gates__proven__count": Metric("", "higher", "registers and outputs proven equal to the RTL"),
    "gates__unproven__count": Metric("", "lower", "registers and outputs not proven equal"),
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
    "placement__outside__count": Metric("", "lower", "macros that stick out of the canvas"),
    "placement__wirelength__hpwl_um": Metric("um", "lower", "half-perimeter wirelength"),
    "placement__macro__count": Metric("", "none", "hard macros"),
    # Cell placement
    "placement__cell_overlaps__count": Metric("", "lower", "pairs of placed nodes that overlap"),
    "placement__off_site__count": Metric("", "lower", "cells off the site grid"),
    "placement__off_row__count": Metric("", "lower", "cells off a row or wrongly oriented"),
    # Run
    "time__wall_s": Metric("s", "lower", "wall time"),
}
