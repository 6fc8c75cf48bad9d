"""Writes SPEF: resistance and capacitance of estimated wires (IEEE 1481-1998).

Each net is the RC tree of its Steiner tree: an edge is a resistance, with half of its capacitance
at either end. Names are those of the DEF, whose escapes are SPEF's too.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from placement_env.errors import InputError
from placement_env.netlist import Netlist, NodeKind
from placement_env.steiner import SteinerTrees


def write(
    path: Path,
    netlist: Netlist,
    trees: SteinerTrees,
    *,
    port_direction: Mapping[str, str],
    resistance_ohm_per_um: float,
    capacitance_ff_per_um: float,
) -> None:
    """Write the wires of all nets of two pins and more.

    Args:
        path: The file; a name in .gz is compressed.
        netlist: A netlist with names of nets and pins.
        trees: Its trees.
        port_direction: DEF direction (INPUT, OUTPUT, INOUT) of each port by name.
        resistance_ohm_per_um: Resistance of a wire.
        capacitance_ff_per_um: Capacitance of a wire.

    Raises:
        InputError: The netlist has no names of nets or pins.
    """
    if netlist.net_name is None or netlist.pin_name is None:
        raise InputError("the netlist has no names of nets and pins", where=netlist.name)
    lines = _lines(
        netlist, netlist.net_name, netlist.pin_name, trees, port_direction,
        resistance_ohm_per_um, capacitance_ff_per_um,
    )  # fmt: skip
    text = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)


def _lines(
    netlist: Netlist,
    net_name: tuple[str, ...],
    pin_name: tuple[str, ...],
    trees: SteinerTrees,
    port_direction: Mapping[str, str],
    ohm_per_um: float,
    ff_per_um: float,
) -> Iterator[str]:
    yield '*SPEF "IEEE 1481-1998"'
    yield f'*DESIGN "{netlist.name}"'
    yield '*DATE ""'
    yield '*VENDOR "chipflow"'
    yield '*PROGRAM "chipflow routing estimate"'
    yield '*VERSION "1"'
    yield '*DESIGN_FLOW "PIN_CAP NONE"'
    yield "*DIVIDER /"
    yield "*DELIMITER :"
    yield "*BUS_DELIMITER [ ]"
    yield "*T_UNIT 1 NS"
    yield "*C_UNIT 1 FF"
    yield "*R_UNIT 1 OHM"
    yield "*L_UNIT 1 HENRY"

    wired = np.flatnonzero(np.diff(trees.edge_start) > 0).tolist()
    yield ""
    yield "*NAME_MAP"
    yield ""
    nodes = len(netlist.node_name)  # nets are numbered after the nodes
    for node, name in enumerate(netlist.node_name):
        if netlist.node_kind[node] != NodeKind.PORT:
            yield f"*{node + 1} {name}"
    for net in wired:
        yield f"*{nodes + net + 1} {net_name[net]}"

    yield ""
    yield "*PORTS"
    yield ""
    ports = set(netlist.nodes_of(NodeKind.PORT).tolist())
    direction = {
        port: {"INPUT": "I", "OUTPUT": "O"}.get(
            port_direction.get(_port_name(netlist, port), ""), "B"
        )
        for port in sorted(ports)
    }
    for port, way in direction.items():
        yield f"{_port_name(netlist, port)} {way}"

    pin_node, net_start = netlist.pin_node.tolist(), netlist.net_start.tolist()
    edge_start = trees.edge_start.tolist()
    ends = list(zip(trees.edge_from.tolist(), trees.edge_to.tolist(), strict=True))
    lengths = trees.edge_um.tolist()
    for net in wired:
        first, count = net_start[net], net_start[net + 1] - net_start[net]
        edges = range(edge_start[net], edge_start[net + 1])
        own = f"*{nodes + net + 1}"
        names = []
        load: dict[int, float] = {}
        for edge in edges:
            half = max(lengths[edge] * ff_per_um, 1e-6) / 2  # a tree without any load is refused
            for end in ends[edge]:
                load[end] = load.get(end, 0.0) + half
        yield ""
        yield f"*D_NET {own} {sum(load.values()):.6g}"
        yield "*CONN"
        for k in range(count):
            node = pin_node[first + k]
            if node in ports:
                names.append(_port_name(netlist, node))
                yield f"*P {names[-1]} {direction[node]}"
            else:
                names.append(f"*{node + 1}:{pin_name[first + k]}")
                yield f"*I {names[-1]} {'O' if k == 0 else 'I'}"
        points = int(trees.steiner_start[net + 1] - trees.steiner_start[net])
        names += [f"{own}:{k + 1}" for k in range(points)]
        yield "*CAP"
        for number, (tree_node, farads) in enumerate(sorted(load.items()), start=1):
            yield f"{number} {names[tree_node]} {farads:.6g}"
        yield "*RES"
        for number, edge in enumerate(edges, start=1):
            a, b = ends[edge]
            ohms = max(lengths[edge] * ohm_per_um, 1e-3)
            yield f"{number} {names[a]} {names[b]} {ohms:.6g}"
        yield "*END"


def _port_name(netlist: Netlist, node: int) -> str:
    """The port's own name, without the prefix that tells it from a component's."""
    return netlist.node_name[node].removeprefix("PIN/")
