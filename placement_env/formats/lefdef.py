"""LEF and DEF together: a flat netlist with its placement, and a placement back into DEF.

`to_netlist` makes the arrays, `with_placement` puts new positions into the design that they came
from; a DEF file cannot be written from a `Netlist` alone, which keeps neither tracks nor shapes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from placement_env.cut_rows import rows_without
from placement_env.did_you_mean import did_you_mean
from placement_env.errors import InputError
from placement_env.formats import def_file, lef
from placement_env.formats.def_areas import DefBox
from placement_env.formats.def_design import DefDesign, DefPin, Status
from placement_env.formats.def_fences import fences_of
from placement_env.formats.lef_library import LefLibrary, Macro
from placement_env.formats.lefdef_pins import resolve_pins, signal_ports, where_is
from placement_env.netlist import (
    ORIENT_MATRIX,
    Canvas,
    IntArray,
    Netlist,
    NodeKind,
    Orient,
    Placement,
    Rows,
    check_netlist,
    oriented_size,
)


def read(
    def_path: Path | str, lef_paths: Path | str | Iterable[Path | str]
) -> tuple[Netlist, Placement]:
    """Read a DEF file and the LEF files of its cells; see `to_netlist`."""
    return to_netlist(def_file.read(def_path), lef.read(lef_paths))


def to_netlist(design: DefDesign, library: LefLibrary) -> tuple[Netlist, Placement]:
    """The design as arrays: first its ports, then its components, in the order of the file.

    - Ports are nodes without size, at the centre of their shapes. Components of class CORE and
      ENDCAP are standard cells, those of all other classes hard macros.
    - A node is fixed if the DEF has it FIXED or COVER, a port also if it is PLACED. What is not
      placed is at the centre of the canvas.
    - Pins lie at the centre of their LEF shapes; a driver comes first in its net.
    - Supply nets (USE POWER or GROUND), supply ports and nets without pins are left out.
    - The canvas is the bounding box of the die; without a DIEAREA, that of the rows.
    - Rows are cut where a placement blockage closes them; soft and partial ones do not. Regions
      are fences, except for guides; so are placement blockages where macros move, closed to all.
    - Names are as DEF spells them. A port that has the name of a component becomes `PIN/name`.

    Raises:
        InputError: A cell or site is in no LEF, a net connects to something that does not exist, a
            port has no net, there is neither a die nor a row, or a region does not exist.
    """
    ports = signal_ports(design)
    macros = _macros(design, library)
    masters = [macros[master] for master in design.components.master]
    no_size = np.zeros(len(ports))
    pins = resolve_pins(design, ports, macros)
    rows = _rows(design, library)
    canvas = _canvas(design, rows)
    names = _node_names(design, ports)
    is_block = np.array([macro.is_block for macro in masters], dtype=bool)
    # Cells are kept out by the rows, which blockages cut.
    macros_move = bool((is_block & (design.components.status < Status.FIXED)).any())
    netlist = Netlist(
        name=design.name,
        node_name=names,
        node_kind=np.append(
            np.full(len(ports), NodeKind.PORT, dtype=np.int64),
            np.where(is_block, NodeKind.HARD_MACRO, NodeKind.STANDARD_CELL).astype(np.int64),
        ),
        width_um=np.append(no_size, [macro.width_um for macro in masters]),
        height_um=np.append(no_size, [macro.height_um for macro in masters]),
        fixed=np.append(
            np.array([port.status != Status.UNPLACED for port in ports], dtype=bool),
            design.components.status >= Status.FIXED,
        ),
        pin_node=pins.node,
        pin_dx_um=pins.dx_um,
        pin_dy_um=pins.dy_um,
        net_start=pins.start,
        net_weight=design.nets.weight[pins.net].astype(np.float64),
        canvas=canvas,
        rows=rows and _without_blockages(design, rows),
        node_master=("",) * len(ports) + design.components.master,
        net_name=tuple(design.nets.name[net] for net in pins.net.tolist()),
        pin_name=pins.name,
        fences=fences_of(
            design, names, closed=_hard_blockages(design, owned=False) if macros_move else ()
        ),
    )
    check_netlist(netlist, where=design.source)
    return netlist, _placement(design, ports, netlist)


def with_placement(
    design: DefDesign, netlist: Netlist, placement: Placement, *, nodes: IntArray | None = None
) -> DefDesign:
    """The design with its components where the placement has them; ports stay as they are.

    Components become FIXED where the netlist fixes them and PLACED elsewhere; those that the design
    has FIXED or COVER keep their place. Positions are rounded to database units.

    Args:
        design: The design that the netlist came from.
        netlist: Its nodes, found by name; nodes that are no component are passed over.
        placement: Their positions.
        nodes: The nodes whose position is taken; by default all.

    Raises:
        InputError: A cell or macro of the netlist is no component of the design, or DEF cannot
            state a position.
    """
    chosen = netlist.nodes_of(NodeKind.HARD_MACRO, NodeKind.STANDARD_CELL)
    if nodes is not None:
        chosen = np.intersect1d(chosen, nodes)
    number = {name: index for index, name in enumerate(design.components.name)}
    try:
        at = np.array([number[netlist.node_name[node]] for node in chosen], dtype=np.int64)
    except KeyError as error:
        raise InputError(
            f"node {error.args[0]} is no component of design {design.name}",
            where=design.source,
            hint="use the design that the netlist was made from",
        ) from None
    width, height = oriented_size(netlist, placement)
    left = (placement.x_um - width / 2)[chosen] * design.dbu_per_um
    bottom = (placement.y_um - height / 2)[chosen] * design.dbu_per_um
    lost = np.flatnonzero(~((abs(left) < 2**53) & (abs(bottom) < 2**53)))
    if lost.size:
        node = int(chosen[lost[0]])
        raise InputError(
            f"{netlist.node_name[node]} is at ({placement.x_um[node]}, {placement.y_um[node]}) um, "
            "which DEF cannot state",
            where=design.source or design.name,
        )
    status = design.components.status.copy()
    x, y = design.components.x.copy(), design.components.y.copy()
    orient = design.components.orient.copy()
    free = status[at] < Status.FIXED
    at, chosen, left, bottom = at[free], chosen[free], left[free], bottom[free]
    status[at] = np.where(netlist.fixed[chosen], Status.FIXED, Status.PLACED)
    x[at] = np.rint(left).astype(np.int64)
    y[at] = np.rint(bottom).astype(np.int64)
    orient[at] = placement.orient[chosen]
    return dataclasses.replace(
        design,
        components=dataclasses.replace(design.components, status=status, x=x, y=y, orient=orient),
    )


def _macros(design: DefDesign, library: LefLibrary) -> dict[str, Macro]:
    """The macros of all components, by name."""
    macros: dict[str, Macro] = {}
    for name, master in zip(design.components.name, design.components.master, strict=True):
        if master not in macros:
            known = master in library.macros
            macros[master] = library.macro(
                master, where="" if known else where_is(design, f"- {name}")
            )
    return macros


def _node_names(design: DefDesign, ports: Sequence[DefPin]) -> tuple[str, ...]:
    taken = set(design.components.name)
    names = [f"PIN/{port.name}" if port.name in taken else port.name for port in ports]
    return (*names, *design.components.name)


def _rows(design: DefDesign, library: LefLibrary) -> Rows | None:
    """The rows of core sites; a ROW of several lines of sites is as many rows."""
    scale = design.dbu_per_um
    lines: list[tuple[float, float, float, float, int, int]] = []
    names: list[str] = []
    for row in design.rows:
        site = library.sites.get(row.site)
        if site is None:
            raise InputError(
                f"site {row.site} of row {row.name} is in no LEF",
                where=design.source,
                hint=did_you_mean(row.site, library.sites) or "add the technology LEF",
            )
        if site.site_class == "PAD":
            continue
        swapped = row.orient in (Orient.W, Orient.E, Orient.FW, Orient.FE)
        width, height = (
            (site.height_um, site.width_um) if swapped else (site.width_um, site.height_um)
        )
        step = row.step_x / scale if row.columns > 1 and row.step_x else width
        names.append(row.site)
        lines += [
            (
                row.x / scale,
                (row.y + line * row.step_y) / scale,
                height,
                step,
                row.columns,
                row.orient,
            )
            for line in range(row.rows)
        ]
    if not lines:
        return None
    x, y, height, step, sites, orient = zip(*lines, strict=True)
    return Rows(
        x_um=np.array(x),
        y_um=np.array(y),
        height_um=np.array(height),
        site_width_um=np.array(step),
        sites=np.array(sites, dtype=np.int64),
        orient=np.array(orient, dtype=np.int64),
        site_name=max(sorted(set(names)), key=names.count),
    )


def _hard_blockages(design: DefDesign, *, owned: bool = True) -> list[DefBox]:
    """What placement blockages close for good; those that move with a component if `owned`."""
    return [
        box
        for blockage in design.blockages
        if not (blockage.layer or blockage.soft or blockage.max_density_percent is not None)
        if owned or not blockage.component
        for box in blockage.boxes
    ]


def _without_blockages(design: DefDesign, rows: Rows) -> Rows:
    boxes = _hard_blockages(design)
    return rows_without(rows, np.array(boxes, dtype=np.float64) / design.dbu_per_um)


def _canvas(design: DefDesign, rows: Rows | None) -> Canvas:
    if design.die_box is not None:
        return Canvas(*(edge / design.dbu_per_um for edge in design.die_box))
    if rows is None:
        raise InputError(
            f"design {design.name} has neither a DIEAREA nor a row",
            where=design.source,
            hint="floorplan it first",
        )
    return Canvas(
        float(rows.x_um.min()),
        float(rows.y_um.min()),
        float((rows.x_um + rows.sites * rows.site_width_um).max()),
        float((rows.y_um + rows.height_um).max()),
    )


def _placement(design: DefDesign, ports: Sequence[DefPin], netlist: Netlist) -> Placement:
    """Where the file has every node; the centre of the canvas for what is not placed."""
    scale = design.dbu_per_um
    components = design.components
    port_x, port_y = np.zeros(len(ports)), np.zeros(len(ports))
    for index, port in enumerate(ports):
        dx, dy = _shape_centre(port)
        turn = ORIENT_MATRIX[port.orient]
        port_x[index] = port.x + turn[0] @ (dx, dy)
        port_y[index] = port.y + turn[1] @ (dx, dy)
    orient = np.append([port.orient for port in ports], components.orient).astype(np.int64)
    corner = Placement(
        x_um=np.append(port_x, components.x) / scale,
        y_um=np.append(port_y, components.y) / scale,
        orient=orient,
    )
    width, height = oriented_size(netlist, corner)
    placed = np.append([port.status for port in ports], components.status) != Status.UNPLACED
    canvas = netlist.canvas
    return Placement(
        x_um=np.where(placed, corner.x_um + width / 2, (canvas.left_um + canvas.right_um) / 2),
        y_um=np.where(placed, corner.y_um + height / 2, (canvas.bottom_um + canvas.top_um) / 2),
        orient=orient,
    )


def _shape_centre(port: DefPin) -> tuple[float, float]:
    """Centre of the shapes' bounding box from the placement point, at orientation N."""
    if not port.shapes:
        return 0.0, 0.0
    return (
        (min(s.left for s in port.shapes) + max(s.right for s in port.shapes)) / 2,
        (min(s.bottom for s in port.shapes) + max(s.top for s in port.shapes)) / 2,
    )
