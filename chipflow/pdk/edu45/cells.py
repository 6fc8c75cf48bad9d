"""The cells of edu45: what each computes, how it is built and how wide it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from chipflow.pdk.edu45.process import ROW_HEIGHT_UM, SITE_WIDTH_UM


@dataclass(frozen=True)
class Kind:
    """A kind of cell, which comes in one or more strengths.

    Attributes:
        name: Name without the strength.
        inputs: Input pins.
        output: The output pin, empty for cells without one.
        function: Liberty function of the output.
        effort: Logical effort: input capacitance over that of an inverter of equal drive.
        parasitic: Parasitic capacitance at the output over that of an inverter of equal drive.
        inner_stages: Stages in front of the one that drives the output.
        sites: Width of strength 1 in sites.
        sites_per_strength: Width that each further unit of strength adds.
        strengths: Drive strengths; empty for cells whose name carries none.
        role: "gate", "flip_flop", "latch", "tie", "fill" or "tap".
        forces: For flip-flops, the active-low pin that forces the state, and the forced value.
        about: One line for the header comments.
    """

    name: str
    inputs: tuple[str, ...]
    output: str
    function: str
    effort: float
    parasitic: float
    inner_stages: int
    sites: int
    sites_per_strength: float
    strengths: tuple[int, ...]
    role: str = "gate"
    forces: tuple[str, bool] | None = None
    about: str = ""


@dataclass(frozen=True)
class Cell:
    """A kind at one strength."""

    name: str
    kind: Kind
    strength: int

    @property
    def sites(self) -> int:
        """Width in sites."""
        return self.kind.sites + math.ceil(self.kind.sites_per_strength * (self.strength - 1))

    @property
    def width_um(self) -> float:
        """Width of the cell."""
        return self.sites * SITE_WIDTH_UM

    @property
    def area_um2(self) -> float:
        """Area of the cell."""
        return self.width_um * ROW_HEIGHT_UM

    @property
    def pins(self) -> tuple[str, ...]:
        """Signal pins from left to right."""
        return (*self.kind.inputs, self.kind.output) if self.kind.output else self.kind.inputs


def _gate(
    name: str,
    inputs: str,
    function: str,
    effort: float,
    parasitic: float,
    inner_stages: int,
    sites: int,
    sites_per_strength: float,
    strengths: tuple[int, ...] = (1, 2),
) -> Kind:
    pins = tuple(inputs.split())
    return Kind(
        name, pins, "Y", function, effort, parasitic, inner_stages, sites, sites_per_strength,
        strengths,
    )  # fmt: skip


def _flip_flop(name: str, inputs: str, sites: int, forces: tuple[str, bool] | None) -> Kind:
    pins = tuple(inputs.split())
    return Kind(name, pins, "Q", "IQ", 1.2, 1.0, 4, sites, 2, (1, 2), "flip_flop", forces)


def _plain(name: str, role: str, sites: int, output: str = "", function: str = "") -> Kind:
    return Kind(name, (), output, function, 0, 0, 0, sites, 0, (), role)


# Logical effort and parasitics: I. Sutherland, B. Sproull, D. Harris, "Logical Effort" (1999).
KINDS = (
    _gate("INV", "A", "!A", 1, 1, 0, 2, 1, (1, 2, 4, 8)),
    _gate("BUF", "A", "A", 1, 1, 1, 4, 1.2, (1, 2, 4, 8)),
    _gate("CLKBUF", "A", "A", 1, 1, 1, 4, 1.4, (2, 4, 8)),
    _gate("NAND2", "A B", "!(A & B)", 4 / 3, 2, 0, 3, 2, (1, 2, 4)),
    _gate("NAND3", "A B C", "!(A & B & C)", 5 / 3, 3, 0, 4, 3),
    _gate("NAND4", "A B C D", "!(A & B & C & D)", 2, 4, 0, 5, 4),
    _gate("NOR2", "A B", "!(A | B)", 5 / 3, 2, 0, 3, 2, (1, 2, 4)),
    _gate("NOR3", "A B C", "!(A | B | C)", 7 / 3, 3, 0, 4, 3),
    _gate("NOR4", "A B C D", "!(A | B | C | D)", 3, 4, 0, 5, 4),
    _gate("AND2", "A B", "A & B", 4 / 3, 2, 1, 4, 1, (1, 2, 4)),
    _gate("OR2", "A B", "A | B", 5 / 3, 2, 1, 4, 1, (1, 2, 4)),
    _gate("XOR2", "A B", "A ^ B", 2, 2, 2, 6, 3),
    _gate("XNOR2", "A B", "!(A ^ B)", 2, 2, 2, 6, 3),
    _gate("AOI21", "A1 A2 B", "!((A1 & A2) | B)", 2, 7 / 3, 0, 4, 3),
    _gate("AOI22", "A1 A2 B1 B2", "!((A1 & A2) | (B1 & B2))", 2, 4, 0, 5, 4),
    _gate("OAI21", "A1 A2 B", "!((A1 | A2) & B)", 2, 7 / 3, 0, 4, 3),
    _gate("OAI22", "A1 A2 B1 B2", "!((A1 | A2) & (B1 | B2))", 2, 4, 0, 5, 4),
    _gate("MUX2", "A B S", "(A & !S) | (B & S)", 2, 3, 1, 7, 1),
    _flip_flop("DFF", "CK D", 17, None),
    _flip_flop("DFFR", "CK D RN", 20, ("RN", False)),
    _flip_flop("DFFS", "CK D SN", 20, ("SN", True)),
    Kind("LATCH", ("G", "D"), "Q", "IQ", 1.2, 1, 2, 11, 2, (1,), "latch"),
    _plain("TIEHI", "tie", 2, "Y", "1"),
    _plain("TIELO", "tie", 2, "Y", "0"),
    _plain("FILL1", "fill", 1),
    _plain("FILL2", "fill", 2),
    _plain("FILL4", "fill", 4),
    _plain("FILL8", "fill", 8),
    _plain("TAP", "tap", 1),
)

CELLS = tuple(
    Cell(f"{kind.name}_X{strength}" if kind.strengths else kind.name, kind, strength)
    for kind in KINDS
    for strength in kind.strengths or (1,)
)
