"""Writes a DEF file: one statement or connection a line, in the order of the language reference."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from placement_env.errors import InputError
from placement_env.formats.def_design import DefDesign, DefPin, Status
from placement_env.formats.text import write_text
from placement_env.netlist import Orient

_ORIENT = [orient.name for orient in Orient]
_RESERVED = frozenset({"-", "+", "(", ")", ";", "*", "END", "MUSTJOIN", "PIN"})


def write(path: Path | str, design: DefDesign) -> None:
    """Write a design; a name in .gz is compressed. Reading it back gives an equal design.

    Raises:
        InputError: A name cannot be a DEF word, or the file cannot be written.
    """
    _check_names(design)
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
    yield from _components(design)
    yield f"PINS {len(design.pins)} ;"
    for pin in design.pins:
        yield from _pin(pin)
    yield "END PINS"
    yield from _nets(design)
    yield "END DESIGN"


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


def _check_names(design: DefDesign) -> None:
    """Refuse names that would be read back as something else."""
    groups: list[tuple[str, Iterable[str]]] = [
        ("design", [design.name]),
        ("row", [row.name for row in design.rows]),
        ("component", design.components.name),
        ("cell", set(design.components.master)),
        ("pin", [pin.name for pin in design.pins]),
        ("net", design.nets.name),
        ("pin", set(design.nets.pin)),
    ]
    for what, names in groups:
        for name in names:
            if name in _RESERVED or name[:1] in ("", "#") or '"' in name or name.split() != [name]:
                raise InputError(
                    f"the {what} name {name!r} cannot be written as DEF",
                    where=f"design {design.name}",
                    hint="rename it",
                )
