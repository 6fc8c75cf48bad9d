"""What a DEF file describes, as values.

All lengths are database units (`DefDesign.dbu_per_um` of them are one micrometre) and all names are
as the file has them, with DEF's backslashes. Components and nets are struct-of-arrays, because
designs have tens of thousands of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from placement_env.formats.def_areas import DefBlockage, DefGroup, DefHalo, DefRegion
from placement_env.netlist import IntArray, Orient


class Status(IntEnum):
    """Placement status; the values are stored in `DefComponents.status`."""

    UNPLACED = 0
    PLACED = 1
    FIXED = 2
    COVER = 3


@dataclass(frozen=True)
class DefRow:
    """A ROW: `columns` x `rows` sites from (x, y), `step_x` and `step_y` apart."""

    name: str
    site: str
    x: int
    y: int
    orient: Orient
    columns: int = 1
    rows: int = 1
    step_x: int = 0
    step_y: int = 0


@dataclass(frozen=True)
class DefTracks:
    """TRACKS: `count` lines of constant x (axis "X") or y (axis "Y"), on some layers."""

    axis: str
    start: int
    count: int
    step: int
    layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class DefGcells:
    """GCELLGRID: `count` lines of constant x (axis "X") or y (axis "Y")."""

    axis: str
    start: int
    count: int
    step: int


@dataclass(frozen=True)
class DefShape:
    """A rectangle of a pin, from the pin's placement point at orientation N."""

    layer: str
    left: int
    bottom: int
    right: int
    top: int


@dataclass(frozen=True)
class DefPin:
    """A port of the design.

    Attributes:
        name: Name of the port.
        net: Net that it is on; empty where the file names none.
        direction: INPUT, OUTPUT, INOUT or FEEDTHRU; empty where not stated.
        use: SIGNAL, CLOCK, POWER, GROUND ... (DEF's default is SIGNAL).
        shapes: Shapes from the placement point; of the first PORT where there are several.
        status: Placement status.
        x: Placement point.
        y: Placement point.
        orient: Orientation of the shapes.
    """

    name: str
    net: str
    direction: str = ""
    use: str = "SIGNAL"
    shapes: tuple[DefShape, ...] = ()
    status: Status = Status.UNPLACED
    x: int = 0
    y: int = 0
    orient: Orient = Orient.N


@dataclass(frozen=True, eq=False)
class DefComponents:
    """The C instances.

    Attributes:
        name: [C] unique names.
        master: [C] LEF macro of each.
        status: [C] `Status` values, int64.
        x: [C] lower left corner of the oriented box; 0 where unplaced.
        y: [C] as `x`.
        orient: [C] `Orient` values, int64; N where unplaced.
        source: [C] SOURCE (NETLIST, DIST, USER, TIMING); empty where not stated.
        halo: HALO of the components that have one, by name.
        weight: WEIGHT of the components that have one, by name: how much a placed component should
            stay where it is (DEF's default is 0).
        region: REGION of the components that have one of their own, by name.
    """

    name: tuple[str, ...] = ()
    master: tuple[str, ...] = ()
    status: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    x: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    y: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    orient: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    source: tuple[str, ...] = ()
    halo: Mapping[str, DefHalo] = field(default_factory=dict)
    weight: Mapping[str, int] = field(default_factory=dict)
    region: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DefComponents) and (
            (self.name, self.master, self.source) == (other.name, other.master, other.source)
            and (self.halo, self.weight, self.region) == (other.halo, other.weight, other.region)
            and np.array_equal(self.status, other.status)
            and np.array_equal(self.x, other.x)
            and np.array_equal(self.y, other.y)
            and np.array_equal(self.orient, other.orient)
        )

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, eq=False)
class DefNets:
    """The E nets over P connections, stored net by net.

    Attributes:
        name: [E] unique names.
        start: [E + 1] first connection of each net; the last element is P.
        component: [P] component of each connection, or "PIN" for a port of the design.
        pin: [P] pin of the component, or the name of the port.
        use: [E] SIGNAL, CLOCK, POWER, GROUND ... (DEF's default is SIGNAL).
        weight: [E] weight, int64 (DEF's default is 1).
    """

    name: tuple[str, ...] = ()
    start: IntArray = field(default_factory=lambda: np.zeros(1, np.int64))
    component: tuple[str, ...] = ()
    pin: tuple[str, ...] = ()
    use: tuple[str, ...] = ()
    weight: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DefNets) and (
            (self.name, self.component, self.pin, self.use)
            == (other.name, other.component, other.pin, other.use)
            and np.array_equal(self.start, other.start)
            and np.array_equal(self.weight, other.weight)
        )

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class DefSpecialNet:
    """A net with wiring that no router may change, such as a power rail.

    Attributes:
        name: Unique name.
        connections: Component, or "PIN" for a port of the design, and pin. The component `*` stands
            for all that have the pin.
        use: POWER, GROUND ... (DEF's default is SIGNAL).
        options: All other options in order, each as the file has it without its `+`. Wires are
            among them: `ROUTED metal1 340`, `SHAPE FOLLOWPIN ( 0 0 ) ( 800 * )`.
    """

    name: str
    connections: tuple[tuple[str, str], ...] = ()
    use: str = "SIGNAL"
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class DefDesign:
    """A design as one DEF file has it.

    Attributes:
        name: DESIGN.
        dbu_per_um: UNITS DISTANCE MICRONS.
        die_area: Corners of the die: two for a rectangle, more for a rectilinear die.
        rows: Cell rows.
        tracks: Routing tracks.
        gcells: Global routing grid.
        vias: The vias that special nets are wired with, each as the file has it without its `-`.
        regions: Boxes for groups.
        components: Instances.
        pins: Ports.
        blockages: What is closed to components or wires.
        special_nets: Nets with wiring of their own, such as power rails.
        nets: Nets.
        groups: Components that belong together.
        version: VERSION.
        divider: DIVIDERCHAR.
        bus_bits: BUSBITCHARS.
        skipped: How many statements of each kind were passed over and are not written again.
        remarks: What is odd about the file but does no harm.
        source: The file that this was read from; not compared.
    """

    name: str
    dbu_per_um: int = 100
    die_area: tuple[tuple[int, int], ...] = ()
    rows: tuple[DefRow, ...] = ()
    tracks: tuple[DefTracks, ...] = ()
    gcells: tuple[DefGcells, ...] = ()
    vias: tuple[str, ...] = ()
    regions: tuple[DefRegion, ...] = ()
    components: DefComponents = field(default_factory=DefComponents)
    pins: tuple[DefPin, ...] = ()
    blockages: tuple[DefBlockage, ...] = ()
    special_nets: tuple[DefSpecialNet, ...] = ()
    nets: DefNets = field(default_factory=DefNets)
    groups: tuple[DefGroup, ...] = ()
    version: str = "5.8"
    divider: str = "/"
    bus_bits: str = "[]"
    skipped: Mapping[str, int] = field(default_factory=dict, compare=False)
    remarks: tuple[str, ...] = field(default=(), compare=False)
    source: str = field(default="", compare=False)

    @property
    def die_box(self) -> tuple[int, int, int, int] | None:
        """Left, bottom, right and top of the die; None where the file has no DIEAREA."""
        if not self.die_area:
            return None
        x = [corner[0] for corner in self.die_area]
        y = [corner[1] for corner in self.die_area]
        return min(x), min(y), max(x), max(y)
