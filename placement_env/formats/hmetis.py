"""Hypergraphs in hMETIS format (.hgr), as partitioners read them.

    4 7 11          4 nets, 7 nodes, 11: nets and nodes have weights (1: nets, 10: nodes)
    2 1 2           a net of weight 2 over the nodes 1 and 2
    ...             then one weight a node

Format document: Karypis and Kumar, hMETIS 1.5 manual, section 5.1.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np

from placement_env.errors import InputError
from placement_env.formats.text import read_text, write_text
from placement_env.netlist import Canvas, Netlist, NodeKind, Placement, check_netlist

#: Beyond this a double is no longer every whole number.
_LARGEST_WEIGHT = 2**53
#: More nodes without a net or a weight are taken for a slip, before they fill the memory.
_MOST_LOOSE_NODES = 100_000


def read(path: Path | str) -> tuple[Netlist, None]:
    """Read a hypergraph; nodes are standard cells called by their number, from 1.

    A hypergraph has no geometry: a cell is as wide as its weight and 1 high, the canvas is a square
    of twice the cells' area, and pins are at the centres.

    Raises:
        InputError: The file is missing, cut off or malformed, or a net names a node beyond the
            number of nodes.
    """
    path = Path(path)

    def fail(line: int, message: str, hint: str = "") -> NoReturn:
        raise InputError(message, where=f"{path}:{line}", hint=hint)

    lines = _lines(path)
    head, words = next(lines, (1, []))
    if not 2 <= len(words) <= 3 or not all(map(_is_count, words)):
        hint = "expected 'nets nodes [1 | 10 | 11]' first"
        fail(head, f"not the head of a hypergraph: {' '.join(words)[:60]!r}", hint)
    num_nets, num_nodes = int(words[0]), int(words[1])
    weighted = words[2].zfill(2) if len(words) == 3 else "00"
    if len(weighted) != 2 or set(weighted) - set("01"):
        fail(head, f"the kind of weights is {words[2]}, expected 1, 10 or 11")
    rest = list(lines)
    expected = num_nets + num_nodes * int(weighted[0])
    if len(rest) != expected:
        last = rest[-1][0] if rest else head
        fail(
            last,
            f"the head says {expected} lines after it, the file has {len(rest)}",
            "the file was probably cut off or edited",
        )
    numbers: list[list[int]] = []
    for line, words in rest:
        if not all(map(_is_count, words)):
            fail(line, f"expected whole numbers, found {' '.join(words)[:60]!r}")
        numbers.append([int(word) for word in words])
        if max(numbers[-1]) > _LARGEST_WEIGHT:
            fail(line, f"{max(numbers[-1])} is too large")
    skip = int(weighted[1])
    pins = [net[skip:] for net in numbers[:num_nets]]
    for net, (line, _) in zip(pins, rest, strict=False):
        if not net or not 1 <= min(net) <= max(net) <= num_nodes:
            fail(line, f"a net needs nodes from 1 to {num_nodes}, it has {net[:8]}")
        if len(set(net)) != len(net):
            fail(line, "a node comes twice on this net")
    for (line, _), node in zip(rest[num_nets:], numbers[num_nets:], strict=True):
        if len(node) != 1:
            fail(line, f"expected one weight of a node, found {len(node)} numbers")
    if num_nodes > len(numbers) + sum(map(len, pins)) + _MOST_LOOSE_NODES:
        fail(head, f"the head says {num_nodes} nodes, and the file names hardly any of them")
    area = np.array([node[0] for node in numbers[num_nets:]] or [1] * num_nodes, dtype=np.float64)
    start = np.cumsum([0] + [len(net) for net in pins])
    side = math.sqrt(2 * area.sum()) or 1.0
    netlist = Netlist(
        name=path.name.removesuffix(".gz").removesuffix(".hgr"),
        node_name=tuple(str(node + 1) for node in range(num_nodes)),
        node_kind=np.full(num_nodes, NodeKind.STANDARD_CELL, dtype=np.int64),
        width_um=area,
        height_um=np.ones(num_nodes),
        fixed=np.zeros(num_nodes, dtype=bool),
        pin_node=np.array([node - 1 for net in pins for node in net], dtype=np.int64),
        pin_dx_um=np.zeros(start[-1]),
        pin_dy_um=np.zeros(start[-1]),
        net_start=start,
        net_weight=np.array([net[0] if skip else 1.0 for net in numbers[:num_nets]]),
        canvas=Canvas(0.0, 0.0, side, side),
        unit_um=None,
    )
    check_netlist(netlist, where=str(path))
    return netlist, None


def _is_count(word: str) -> bool:
    """Whether a word is a whole number of a size that occurs; Python refuses to read any size."""
    return word.isdecimal() and len(word) < 17


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and words of the lines that are neither empty nor comment."""
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip() and not line.lstrip().startswith("%"):
            yield number, line.split()


def write(path: Path | str, netlist: Netlist, placement: Placement | None = None) -> None:
    """Write the nets as a hypergraph with both weights; places and pin offsets have none there.

    A node weighs its area and a net its weight, both rounded to whole numbers of at least 1. A node
    that is several times on a net is written once, and nets without a node are left out.

    Raises:
        InputError: The file cannot be written.
    """
    del placement
    area = np.maximum(np.rint(netlist.width_um * netlist.height_um), 1).astype(np.int64).tolist()
    weight = np.maximum(np.rint(netlist.net_weight), 1).astype(np.int64).tolist()
    node = (netlist.pin_node + 1).tolist()
    start = netlist.net_start.tolist()
    nets = [list(dict.fromkeys(node[a:b])) for a, b in itertools.pairwise(start)]
    lines = [" ".join(map(str, [weight[net], *nodes])) for net, nodes in enumerate(nets) if nodes]
    head = f"{len(lines)} {netlist.num_nodes} 11"
    write_text(path, "\n".join([head, *lines, *map(str, area)]) + "\n")
