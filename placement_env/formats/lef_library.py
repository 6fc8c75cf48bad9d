"""What LEF files describe, as values: layers, sites, cells and blocks.

All lengths are micrometres. Shapes of a macro are given from the lower left corner of its box, with
the macro's ORIGIN already added (LEF/DEF 5.8 Language Reference, MACRO).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from placement_env.did_you_mean import did_you_mean
from placement_env.errors import InputError


@dataclass(frozen=True)
class Layer:
    """A layer of the technology.

    Attributes:
        name: Name of the layer.
        kind: TYPE: ROUTING, CUT, MASTERSLICE, OVERLAP or IMPLANT.
        direction: HORIZONTAL or VERTICAL for routing layers; empty elsewhere.
        pitch_um: Distance of tracks in x (of vertical wires) and in y (of horizontal wires).
        offset_um: Offset of the track grid in x and y.
        width_um: Default wire width.
    """

    name: str
    kind: str
    direction: str = ""
    pitch_um: tuple[float, float] = (0.0, 0.0)
    offset_um: tuple[float, float] = (0.0, 0.0)
    width_um: float = 0.0


@dataclass(frozen=True)
class Site:
    """A placement site: its size, CLASS (CORE or PAD) and the axes that it may be mirrored at."""

    name: str
    width_um: float
    height_um: float
    site_class: str = "CORE"
    symmetry: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shape:
    """A rectangle on a layer; polygons are given by their bounding box."""

    layer: str
    left_um: float
    bottom_um: float
    right_um: float
    top_um: float


@dataclass(frozen=True)
class MacroPin:
    """A pin of a cell.

    Attributes:
        name: Name of the pin; a bit of a bus is a pin of its own, such as `addr_in[3]`.
        direction: INPUT, OUTPUT, INOUT or FEEDTHRU (LEF's default is INPUT).
        use: SIGNAL, CLOCK, POWER, GROUND or ANALOG (LEF's default is SIGNAL).
        shapes: Shapes of all its ports, from the macro's lower left corner.
    """

    name: str
    direction: str = "INPUT"
    use: str = "SIGNAL"
    shapes: tuple[Shape, ...] = ()

    @cached_property
    def position_um(self) -> tuple[float, float] | None:
        """Centre of the bounding box of all shapes; None for a pin without shapes."""
        if not self.shapes:
            return None
        return (
            (min(s.left_um for s in self.shapes) + max(s.right_um for s in self.shapes)) / 2,
            (min(s.bottom_um for s in self.shapes) + max(s.top_um for s in self.shapes)) / 2,
        )


@dataclass(frozen=True)
class Macro:
    """A cell or a block.

    Attributes:
        name: Name of the cell.
        macro_class: First word of CLASS: CORE, BLOCK, PAD, ENDCAP, COVER or RING.
        sub_class: Second word of CLASS, such as SPACER or WELLTAP; empty where there is none.
        width_um: Width at orientation N.
        height_um: Height at orientation N.
        symmetry: Axes that it may be mirrored at (X, Y) and R90 if it may be turned.
        site: Site of CORE cells; empty where there is none.
        pins: Pins by name, in the file's order.
        obstructions: OBS shapes, from the lower left corner.
    """

    name: str
    macro_class: str
    sub_class: str
    width_um: float
    height_um: float
    symmetry: tuple[str, ...] = ()
    site: str = ""
    pins: Mapping[str, MacroPin] = field(default_factory=dict)
    obstructions: tuple[Shape, ...] = ()

    @property
    def is_block(self) -> bool:
        """A hard macro: anything that does not live in the cell rows."""
        return self.macro_class in ("BLOCK", "RING", "PAD", "COVER")


@dataclass(frozen=True)
class LefLibrary:
    """All layers, sites and macros of one or more LEF files.

    Attributes:
        files: The files read, in order.
        dbu_per_um: DATABASE MICRONS of the first file that states it, the technology.
        states_units: Whether a file does.
        manufacturing_grid_um: MANUFACTURINGGRID; 0 where none is stated.
        layers: Layers by name, bottom to top.
        sites: Sites by name.
        macros: Cells and blocks by name.
    """

    files: tuple[str, ...] = ()
    dbu_per_um: int = 100
    states_units: bool = False
    manufacturing_grid_um: float = 0.0
    layers: Mapping[str, Layer] = field(default_factory=dict)
    sites: Mapping[str, Site] = field(default_factory=dict)
    macros: Mapping[str, Macro] = field(default_factory=dict)

    def macro(self, name: str, *, where: str = "") -> Macro:
        """The macro of that name.

        Raises:
            InputError: No file has it; the message says where it was asked for.
        """
        try:
            return self.macros[name]
        except KeyError:
            raise InputError(
                f"cell {name} is in no LEF ({len(self.macros)} cells in {len(self.files)} files)",
                where=where,
                hint=did_you_mean(name, self.macros) or "add the LEF file that defines it",
            ) from None
