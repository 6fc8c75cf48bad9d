"""Ports on the four sides of the die, evenly spread on tracks, bus bits side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from chipflow.layout.core import Core, track_grid
from placement_env.errors import InputError
from placement_env.formats.def_design import DefPin, DefShape, Status
from placement_env.formats.lef_library import Layer, LefLibrary
from placement_env.netlist import Orient

_BIT = re.compile(r"(.*?)\\?\[(\d+)\\?\]")

#: Tracks from one port to the next, where there is room for that.
PORT_TRACKS = 2


@dataclass(frozen=True)
class _Side:
    """A side of the die, walked clockwise from the lower left corner."""

    length: int
    layer: Layer
    tracks: range  # positions along the side, ascending
    backwards: bool  # clockwise runs against the axis


def least_side_um(count: int, horizontal: Layer, vertical: Layer) -> float:
    """Side of a die whose edges have room for `count` ports."""
    pitch = max(horizontal.pitch_um[1], vertical.pitch_um[0])
    return (count / 4 + 2) * PORT_TRACKS * pitch


def place_ports(
    pins: Sequence[DefPin], core: Core, library: LefLibrary, *, horizontal: str, vertical: str
) -> tuple[DefPin, ...]:
    """Give each port a shape on the edge of the die.

    Walking clockwise from the lower left corner, ports follow one another in the order of the
    module's header, the bits of a bus in ascending order.

    Args:
        pins: The ports; their places are ignored.
        core: Core and die.
        library: Layers.
        horizontal: Layer of ports on the left and right sides.
        vertical: Layer of ports on the lower and upper sides.

    Raises:
        InputError: There are more ports than tracks.
    """
    wide, tall = core.die
    side_layer, end_layer = library.layers[horizontal], library.layers[vertical]
    dbu = library.dbu_per_um
    sides = (
        _side(tall, side_layer, 1, dbu, backwards=False),  # left, upwards
        _side(wide, end_layer, 0, dbu, backwards=False),  # top, rightwards
        _side(tall, side_layer, 1, dbu, backwards=True),  # right, downwards
        _side(wide, end_layer, 0, dbu, backwards=True),  # bottom, leftwards
    )
    order = _bus_order(pins)
    placed = list(pins)
    total = 2 * (wide + tall)
    begin = 0
    for k, side in enumerate(sides):
        # A port belongs to the side on which its share of the perimeter falls.
        walked = sum(s.length for s in sides[: k + 1])
        end = len(order) if k == 3 else round(len(order) * walked / total)
        chosen = order[begin:end]
        begin = end
        for pin, at in zip(chosen, _spread(len(chosen), side), strict=True):
            placed[pin] = _on_side(pins[pin], k, at, core, dbu, side.layer)
    return tuple(placed)


def _side(length: int, layer: Layer, axis: int, dbu: int, *, backwards: bool) -> _Side:
    """The side with the tracks on which a whole shape fits between the corners."""
    start, step = track_grid(layer, axis, dbu)
    reach = round(layer.width_um * dbu) * 2
    first = start + -(-max(reach - start, 0) // step) * step
    return _Side(length, layer, range(first, length - reach + 1, step), backwards)


def _bus_order(pins: Sequence[DefPin]) -> list[int]:
    """Indices of the pins, each bus from bit 0 upwards, otherwise as given."""
    first_seen: dict[str, int] = {}
    keys = []
    for k, pin in enumerate(pins):
        match = _BIT.fullmatch(pin.name)
        bus, bit = (match[1], int(match[2])) if match else (pin.name, 0)
        keys.append((first_seen.setdefault(bus, k), bit, k))
    return [key[2] for key in sorted(keys)]


def _spread(count: int, side: _Side) -> list[int]:
    """Positions of `count` ports in walking order, on distinct tracks, as even as tracks allow."""
    tracks = side.tracks
    if count > len(tracks):
        raise InputError(
            f"{count} ports do not fit on the {len(tracks)} tracks of one side of the die",
            where="floorplan",
            hint="lower floorplan.utilization to enlarge the die",
        )
    # Distinct because consecutive ports are at least one track apart.
    chosen = [tracks[((2 * k + 1) * len(tracks)) // (2 * count)] for k in range(count)]
    return chosen[::-1] if side.backwards else chosen


def _on_side(pin: DefPin, side: int, at: int, core: Core, dbu: int, layer: Layer) -> DefPin:
    """The pin on side 0 (left), 1 (top), 2 (right) or 3 (bottom)."""
    wide, tall = core.die
    width = round(layer.width_um * dbu)
    low, high, length = -(width // 2), width - width // 2, 4 * width
    x, y = ((0, at), (at, tall), (wide, at), (at, 0))[side]
    left, bottom, right, top = (
        (0, low, length, high),
        (low, -length, high, 0),
        (-length, low, 0, high),
        (low, 0, high, length),
    )[side]
    shape = DefShape(layer.name, left, bottom, right, top)
    return replace(pin, shapes=(shape,), status=Status.PLACED, x=x, y=y, orient=Orient.N)
