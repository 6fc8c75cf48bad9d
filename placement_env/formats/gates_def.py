"""Turns a gate-level module into a DEF design without a floorplan."""

from __future__ import annotations

import math
import re

import numpy as np

from placement_env.did_you_mean import did_you_mean
from placement_env.errors import InputError
from placement_env.formats.def_design import DefComponents, DefDesign, DefNets, DefPin
from placement_env.formats.gate_module import (
    CONSTANT_ONE,
    CONSTANT_ZERO,
    OPEN,
    GateModule,
    where_is,
)
from placement_env.formats.lef_library import LefLibrary, Macro

_BUS_BIT = re.compile(r"(.*)[\[<](\d+)[\]>]")


def to_def(
    module: GateModule, library: LefLibrary, *, die_area: tuple[tuple[int, int], ...] = ()
) -> DefDesign:
    """The module as a DEF design: components unplaced, ports without a place, all nets.

    A bus connection of k bits goes to the k pins `PIN[i]` of the LEF macro, its most significant
    bit to the highest index. Constants and open pins make no connection; `skipped` counts them. A
    port that is tied to a constant gets a net of its own.

    Args:
        module: The gates.
        library: Technology and cells; it gives the database unit.
        die_area: Corners in database units, where they are known already.

    Raises:
        InputError: A cell is in no LEF, a pin is not on its cell, or a connection has another
            number of bits than the pin.
    """
    net_name = list(module.net_name)
    ports: list[tuple[str, int, str]] = []  # bit, net, direction
    for port in module.ports:
        for bit, net in zip(port.bits, port.nets, strict=True):
            if net < 0:
                net_name.append(bit)
            ports.append((bit, net if net >= 0 else len(net_name) - 1, port.direction))
    instance, pin, power = _expand(module, library)
    connected = module.bit_net >= 0
    net = np.concatenate(
        (np.array([net for _, net, _ in ports], dtype=np.int64), module.bit_net[connected])
    )
    by_net = np.argsort(net, kind="stable").tolist()
    component = ["PIN"] * len(ports)
    component += [module.instance_name[at] for at in instance[connected].tolist()]
    pin_name = [bit for bit, _, _ in ports]
    pin_name += [pin[at] for at in np.flatnonzero(connected).tolist()]
    use = [power.get(index, "SIGNAL") for index in range(len(net_name))]
    skipped = {
        "constant connections": int(np.isin(module.bit_net, (CONSTANT_ZERO, CONSTANT_ONE)).sum()),
        "open connections": int((module.bit_net == OPEN).sum()),
    }
    size = len(module.instance_name)
    return DefDesign(
        name=module.name,
        dbu_per_um=library.dbu_per_um,
        die_area=die_area,
        components=DefComponents(
            name=module.instance_name,
            master=module.instance_cell,
            status=np.zeros(size, np.int64),
            x=np.zeros(size, np.int64),
            y=np.zeros(size, np.int64),
            orient=np.zeros(size, np.int64),
            source=("",) * size,
        ),
        pins=tuple(DefPin(bit, net_name[at], way, use[at]) for bit, at, way in ports),
        nets=DefNets(
            name=tuple(net_name),
            start=np.append(0, np.cumsum(np.bincount(net, minlength=len(net_name)))),
            component=tuple(component[at] for at in by_net),
            pin=tuple(pin_name[at] for at in by_net),
            use=tuple(use),
            weight=np.ones(len(net_name), np.int64),
        ),
        skipped={kind: count for kind, count in skipped.items() if count},
        source=module.source,
    )


def square_die(
    module: GateModule, library: LefLibrary, utilization: float
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Corners, in database units, of a square die that the instances fill to `utilization`."""
    if not 0 < utilization <= 1:
        raise InputError(f"the utilization is {utilization}, expected more than 0, at most 1")
    macros = _masters(module, library)
    area = sum(macros[cell].width_um * macros[cell].height_um for cell in module.instance_cell)
    if area <= 0:
        raise InputError("the module has no instances", where=module.source)
    side = math.ceil(math.sqrt(area / utilization) * library.dbu_per_um)
    return (0, 0), (side, side)


def _masters(module: GateModule, library: LefLibrary) -> dict[str, Macro]:
    """The macros of all instances, by name."""
    macros: dict[str, Macro] = {}
    for cell, instance in zip(module.instance_cell, module.instance_name, strict=True):
        if cell not in macros:
            known = cell in library.macros
            macros[cell] = library.macro(cell, where="" if known else where_is(module, instance))
    return macros


def _expand(
    module: GateModule, library: LefLibrary
) -> tuple[np.ndarray, list[str], dict[int, str]]:
    """[B] instance of each bit, [B] LEF pin of each bit, and the use of power and ground nets."""
    macros = _masters(module, library)
    width = np.diff(module.bit_start)
    instance_of_connection = np.repeat(
        np.arange(len(module.instance_name)), np.diff(module.connection_start)
    )
    known: dict[tuple[str, str, int], tuple[str, ...]] = {}
    pins: list[str] = []
    power: dict[int, str] = {}
    for connection, (owner, name, bits) in enumerate(
        zip(instance_of_connection.tolist(), module.connection_pin, width.tolist(), strict=True)
    ):
        cell = module.instance_cell[owner]
        names = known.get((cell, name, bits))
        if names is None:
            names = known[cell, name, bits] = _lef_pins(module, macros[cell], name, bits, owner)
        if macros[cell].pins[names[0]].use in ("POWER", "GROUND"):
            first = int(module.bit_start[connection])
            for net in module.bit_net[first : first + bits].tolist():
                power[net] = macros[cell].pins[names[0]].use
        pins += names
    return np.repeat(instance_of_connection, width), pins, power


def _lef_pins(
    module: GateModule, macro: Macro, name: str, bits: int, owner: int
) -> tuple[str, ...]:
    """The LEF pins of a connection, most significant bit first."""
    if bits == 1 and name in macro.pins:
        return (name,)
    indexed = sorted(
        (int(found[2]), pin)
        for pin in macro.pins
        if (found := _BUS_BIT.fullmatch(pin)) and found[1] == name
    )
    if len(indexed) == bits and bits:
        return tuple(pin for _, pin in reversed(indexed))
    instance = module.instance_name[owner]
    pins = len(indexed) or int(name in macro.pins)
    if pins:
        raise InputError(
            f"{instance} connects {bits} bits to {macro.name}.{name}, which has {pins}",
            where=where_is(module, instance),
        )
    raise InputError(
        f"cell {macro.name} has no pin {name} in its LEF",
        where=where_is(module, instance),
        hint=did_you_mean(name, macro.pins),
    )
