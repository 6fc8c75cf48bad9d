"""The size of core and die, the rows in it and the tracks over it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from placement_env.errors import InputError
from placement_env.formats.def_design import DefRow, DefTracks
from placement_env.formats.lef_library import Layer, LefLibrary, Site
from placement_env.netlist import Canvas, Orient, Rows

#: Room between the core and the edge of the die, in row heights.
MARGIN_ROWS = 2

#: The share of the part of the core set aside for macros that they and their gaps fill.
MACRO_FILL = 0.85

#: The least core: smaller ones leave a placer no choice.
LEAST_ROWS = 4


@dataclass(frozen=True)
class Core:
    """The core and the die around it, in database units; the die's lower left corner is (0, 0).

    Attributes:
        site: Site of the rows.
        columns: Sites in a row.
        rows: Number of rows.
        site_width: Width of a site.
        row_height: Height of a row.
        margin_x: From the left edge of the die to the rows, and likewise on the right.
        margin_y: From the lower edge of the die to the rows, and likewise at the top.
    """

    site: str
    columns: int
    rows: int
    site_width: int
    row_height: int
    margin_x: int
    margin_y: int

    @property
    def width(self) -> int:
        """Width of the core."""
        return self.columns * self.site_width

    @property
    def height(self) -> int:
        """Height of the core."""
        return self.rows * self.row_height

    @property
    def die(self) -> tuple[int, int]:
        """Width and height of the die."""
        return self.width + 2 * self.margin_x, self.height + 2 * self.margin_y

    def def_rows(self) -> tuple[DefRow, ...]:
        """The rows, alternately N and FS, so that neighbours share a supply rail."""
        return tuple(
            DefRow(
                name=f"ROW_{k}",
                site=self.site,
                x=self.margin_x,
                y=self.margin_y + k * self.row_height,
                orient=Orient.N if k % 2 == 0 else Orient.FS,
                columns=self.columns,
                rows=1,
                step_x=self.site_width,
                step_y=0,
            )
            for k in range(self.rows)
        )


def size_core(
    library: LefLibrary,
    site: Site,
    *,
    cell_um2: float,
    macros_um: Sequence[tuple[float, float]],
    utilization: float,
    aspect_ratio: float,
    gap_um: float,
    least_side_um: float = 0.0,
) -> Core:
    """The smallest core that holds macros and cells at the wished utilisation.

    Cells fill `utilization` of what the macros leave. The core is enlarged until all macros fit
    side by side with their gaps, so that a legal placement exists.

    Args:
        library: Gives the database unit.
        site: Site of the rows.
        cell_um2: Area of all standard cells.
        macros_um: Width and height of each macro.
        utilization: Share of the cells' part of the core that they fill, above 0 and up to 1.
        aspect_ratio: Height over width.
        gap_um: Least distance between macros.
        least_side_um: Least width and height of the die, such as ports need.

    Raises:
        InputError: A number is out of range, or there is nothing to place.
    """
    if not 0 < utilization <= 1:
        raise InputError(
            f"the utilisation is {utilization}, expected above 0 and up to 1",
            where="floorplan.utilization",
        )
    if not 0.1 <= aspect_ratio <= 10:
        raise InputError(
            f"the aspect ratio (height over width) is {aspect_ratio}, expected 0.1 to 10",
            where="floorplan.aspect_ratio",
        )
    if cell_um2 <= 0 and not macros_um:
        raise InputError("the design has neither cells nor macros", hint="check the RTL's outputs")
    dbu = library.dbu_per_um
    site_width, row_height = round(site.width_um * dbu), round(site.height_um * dbu)
    margin_y = MARGIN_ROWS * row_height
    margin_x = math.ceil(margin_y / site_width) * site_width
    least_core = least_side_um * dbu - 2 * min(margin_x, margin_y)

    halo = sum((w + gap_um) * (h + gap_um) for w, h in macros_um)
    area = (cell_um2 / utilization + halo / MACRO_FILL) * dbu * dbu
    while True:
        wide = math.sqrt(area / aspect_ratio)
        columns = math.ceil(max(wide, least_core, LEAST_ROWS * row_height) / site_width)
        rows = max(math.ceil(max(wide * aspect_ratio, least_core) / row_height), LEAST_ROWS)
        core = Core(site.name, columns, rows, site_width, row_height, margin_x, margin_y)
        if _shelves_fit(macros_um, gap_um, core.width / dbu, core.height / dbu):
            return core
        area *= 1.03


def _shelves_fit(
    macros_um: Iterable[tuple[float, float]], gap_um: float, width_um: float, height_um: float
) -> bool:
    """Whether the macros fit on shelves: filled from the left, the highest macros first."""
    shelf_top, shelf_bottom, x = 0.0, 0.0, math.inf
    for w, h in sorted(macros_um, key=lambda size: (-size[1], -size[0])):
        if w > width_um:
            return False
        if x + w > width_um:
            shelf_bottom = shelf_top + gap_um if shelf_top else 0.0
            shelf_top, x = shelf_bottom + h, 0.0
            if shelf_top > height_um:
                return False
        x += w + gap_um
    return True


def def_tracks(core: Core, library: LefLibrary) -> tuple[DefTracks, ...]:
    """Tracks of all routing layers over the whole die, in both directions, at the layers' pitch."""
    wide, tall = core.die
    tracks = []
    for layer in routing_layers(library):
        for axis, side, k in (("X", wide, 0), ("Y", tall, 1)):
            start, step = track_grid(layer, k, library.dbu_per_um)
            if start <= side:
                count = (side - start) // step + 1
                tracks.append(DefTracks(axis, start, count, step, (layer.name,)))
    return tuple(tracks)


def routing_layers(library: LefLibrary) -> list[Layer]:
    """Routing layers with a pitch, bottom to top."""
    return [
        layer
        for layer in library.layers.values()
        if layer.kind == "ROUTING" and min(layer.pitch_um) > 0
    ]


def track_grid(layer: Layer, axis: int, dbu_per_um: int) -> tuple[int, int]:
    """First track and pitch of a layer along x (axis 0) or y (axis 1), in database units."""
    step = round(layer.pitch_um[axis] * dbu_per_um)
    return round(layer.offset_um[axis] * dbu_per_um) or step // 2, step


def core_canvas(rows: Rows) -> Canvas:
    """The bounding box of the rows."""
    return Canvas(
        float(rows.x_um.min()),
        float(rows.y_um.min()),
        float((rows.x_um + rows.sites * rows.site_width_um).max()),
        float((rows.y_um + rows.height_um).max()),
    )
