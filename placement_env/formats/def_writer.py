"""Writes a DEF file: one statement or connection a line, in the order of the language reference."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from placement_env.did_you_mean import did_you_mean
from placement_env.errors import InputError
from placement_env.formats.def_areas import DefBlockage, DefBox, DefGroup, DefRegion
from placement_env.formats.def_design import DefDesign, DefPin, DefSpecialNet, Status
from placement_env.formats.lefdef_tokens import Tokens, as_written
from placement_env.formats.text import write_text
from placement_env.netlist import Orient

_ORIENT = [orient.name for orient in Orient]
_RESERVED = frozenset({"-", "+", "(", ")", ";", "*", "END", "MUSTJOIN", "PIN"})


def write(path: Path | str, design: DefDesign) -> None:
    """Write a design; a name in .gz is compressed. Reading it back gives an equal design.

    Raises:
        InputError: A name or an option would be read back as something else, a halo is of no
            component, or the file cannot be written.
    """
    _check(design)
    write_text(path, "".join(f"{line}\n" for line in _lines(design)))


def _lines(design: DefDesign) -> Iterable[str]:
    yield f"VERSION {design.version} ;"
    yield f'DIVIDERCHAR "{design.divider}" ;'
    yield f'BUSBITCHARS "{design.bus_bits}" ;'
    yield f"DESIGN {design.name} ;"
    yield f"UNITS DISTANCE MICRONS {design.dbu_per_um} ;"
    if design.die_area:
        yield "DIEAREA " + " ".join(f"( {x} {y} )" for x, y in design.die_area) + " ;"
    for row in design.rows:
        yield (
            f"ROW {row.name} {row.site} {row.x} {row.y} {_ORIENT[row.orient]} "
            f"DO {row.columns} BY {row.rows} STEP {row.step_x} {row.step_y} ;"
        )
    for lines in design.tracks:
        layers = f" LAYER {' '.join(lines.layers)}" if lines.layers else ""
        yield f"TRACKS {lines.axis} {lines.start} DO {lines.count} STEP {lines.step}{layers} ;"
    for lines in design.gcells:
        yield f"GCELLGRID {lines.axis} {lines.start} DO {lines.count} STEP {lines.step} ;"
    yield from _section("VIAS", [f"- {via} ;" for via in design.vias])
    yield from _section("REGIONS", [_region(region) for region in design.regions])
    yield from _components(design)
    yield f"PINS {len(design.pins)} ;"
    for pin in design.pins:
        yield from _pin(pin)
    yield "END PINS"
    yield from _section("BLOCKAGES", [_blockage(blockage) for blockage in design.blockages])
    yield from _section("SPECIALNETS", [_special_net(net) for net in design.special_nets])
    yield from _nets(design)
    yield from _section("GROUPS", [_group(group) for group in design.groups])
    yield "END DESIGN"


def _section(name: str, statements: list[str]) -> Iterable[str]:
    """A section that is left out where it is empty."""
    if statements:
        yield f"{name} {len(statements)} ;"
        yield from statements
        yield f"END {name}"


def _region(region: DefRegion) -> str:
    boxes = " ".join(_corners(box) for box in region.boxes)
    kind = f" + TYPE {region.kind}" if region.kind else ""
    return f"- {region.name} {boxes}{kind} ;"


def _group(group: DefGroup) -> str:
    region = f" + REGION {group.region}" if group.region else ""
    return f"- {' '.join([group.name, *group.members])}{region} ;"


def _blockage(blockage: DefBlockage) -> str:
    options = [*blockage.options]
    if blockage.soft:
        options.append("SOFT")
    if blockage.max_density_percent is not None:
        options.append(f"PARTIAL {blockage.max_density_percent!r}")
    if blockage.component:
        options.append(f"COMPONENT {blockage.component}")
    words = [f"- LAYER {blockage.layer}" if blockage.layer else "- PLACEMENT"]
    words += [f"+ {option}" for option in options]
    words += [f"RECT {_corners(box)}" for box in blockage.boxes]
    words += [
        f"POLYGON {' '.join(f'( {x} {y} )' for x, y in polygon)}" for polygon in blockage.polygons
    ]
    return "\n  ".join(words) + " ;"


def _special_net(net: DefSpecialNet) -> str:
    lines = [f"- {net.name}"]
    lines += [f"( {component} {pin} )" for component, pin in net.connections]
    lines += [f"+ {option}" for option in net.options]
    if net.use != "SIGNAL":
        lines.append(f"+ USE {net.use}")
    return "\n  ".join(lines) + " ;"


def _corners(box: DefBox) -> str:
    return f"( {box.left} {box.bottom} ) ( {box.right} {box.top} )"


def _components(design: DefDesign) -> Iterable[str]:
    parts = design.components
    yield f"COMPONENTS {len(parts)} ;"
    for name, master, source, status, x, y, orient in zip(
        parts.name,
        parts.master,
        parts.source,
        parts.status.tolist(),
        parts.x.tolist(),
        parts.y.tolist(),
        parts.orient.tolist(),
        strict=True,
    ):
        text = f"- {name} {master}"
        if source:
            text += f" + SOURCE {source}"
        if status != Status.UNPLACED:
            text += f" + {Status(status).name} ( {x} {y} ) {_ORIENT[orient]}"
        if (halo := parts.halo.get(name)) is not None:
            sides = f"{halo.left} {halo.bottom} {halo.right} {halo.top}"
            text += f" + HALO {'SOFT ' if halo.soft else ''}{sides}"
        if name in parts.weight:
            text += f" + WEIGHT {parts.weight[name]}"
        if name in parts.region:
            text += f" + REGION {parts.region[name]}"
        yield f"{text} ;"
    yield "END COMPONENTS"


def _pin(pin: DefPin) -> Iterable[str]:
    text = f"- {pin.name}"
    if pin.net:
        text += f" + NET {pin.net}"
    if pin.direction:
        text += f" + DIRECTION {pin.direction}"
    yield f"{text} + USE {pin.use}"
    for shape in pin.shapes:
        yield (
            f"  + LAYER {shape.layer} ( {shape.left} {shape.bottom} ) ( {shape.right} {shape.top} )"
        )
    if pin.status != Status.UNPLACED:
        yield f"  + {pin.status.name} ( {pin.x} {pin.y} ) {_ORIENT[pin.orient]}"
    yield " ;"


def _nets(design: DefDesign) -> Iterable[str]:
    nets = design.nets
    start = nets.start.tolist()
    yield f"NETS {len(nets)} ;"
    for net, (name, use, weight) in enumerate(
        zip(nets.name, nets.use, nets.weight.tolist(), strict=True)
    ):
        yield f"- {name}"
        # One connection a line: qrouter's writer garbles nets that have more.
        for at in range(start[net], start[net + 1]):
            yield f"  ( {nets.component[at]} {nets.pin[at]} )"
        options = f" + USE {use}" if use != "SIGNAL" else ""
        yield f"{options} + WEIGHT {weight} ;" if weight != 1 else f"{options} ;"
    yield "END NETS"


def _check(design: DefDesign) -> None:
    """Refuse what would be read back as something else, or not at all."""
    parts = design.components
    names: list[tuple[str, Iterable[str]]] = [
        ("design", [design.name]),
        ("row", [row.name for row in design.rows]),
        ("region", [region.name for region in design.regions]),
        ("region", parts.region.values()),
        ("component", parts.name),
        ("cell", set(parts.master)),
        ("pin", [pin.name for pin in design.pins]),
        ("layer", [blockage.layer for blockage in design.blockages if blockage.layer]),
        ("component", [blockage.component for blockage in design.blockages if blockage.component]),
        ("net", design.nets.name),
        ("pin", set(design.nets.pin)),
        ("net", [net.name for net in design.special_nets]),
        ("pin", [pin for net in design.special_nets for _, pin in net.connections]),
        ("group", [group.name for group in design.groups]),
        ("member", [name for group in design.groups for name in group.members if name != "*"]),
        ("region", [group.region for group in design.groups if group.region]),
    ]
    where, known = f"design {design.name}", set(parts.name)
    for what, words in names:
        for name in words:
            if name in _RESERVED or name[:1] in ("", "#") or '"' in name or name.split() != [name]:
                raise InputError(
                    f"the {what} name {name!r} cannot be written as DEF",
                    where=where,
                    hint="rename it",
                )
    for name in (*parts.halo, *parts.weight, *parts.region):
        if name not in known:
            raise InputError(
                f"{name} has a halo, a weight or a region, but is no component",
                where=where,
                hint=did_you_mean(name, known) if len(known) < 5000 else "",
            )
    for via in design.vias:
        _check_words(via, (";",), where)
    for blockage in design.blockages:
        for option in blockage.options:
            _check_words(option, (";", "+", "RECT", "POLYGON"), where)
    for net in design.special_nets:
        for option in net.options:
            _check_words(option, (";", "+"), where)


def _check_words(text: str, ends: tuple[str, ...], where: str) -> None:
    """Refuse a text that is not words with one blank between them, or has one that ends it."""
    words = Tokens(text, where).words
    whole = as_written(words) == text and text.count('"') % 2 == 0
    if not words or not whole or not set(ends).isdisjoint(words):
        raise InputError(
            f"{text[:60]!r} cannot be written as part of a DEF statement",
            where=where,
            hint=f"write words with one blank between them, without {' '.join(ends)} or a comment",
        )
