"""What netlists are like in numbers, public ones beside generated ones.

`python -m benchmarks.netlist_statistics` prints a table of both: clustered public designs with the
placement that they come with, and the first netlists of `benchmarks.generated`.
"""

from __future__ import annotations

import sys

import numpy as np

from benchmarks import registry
from benchmarks.generated import generate, random_recipe
from placement_env.graph import relative_positions
from placement_env.netlist import Netlist, NodeKind, Placement, pin_net

#: Parts of the canvas that Rent's exponent is fitted over: 4, 16 and 64 squares.
_LEVELS = (1, 2, 3)
#: Squares with fewer nodes say nothing.
_FEWEST = 4
_PUBLIC = ("ariane136_ng45", "nvdla_ng45")
_GENERATED = 6


def statistics(netlist: Netlist, placement: Placement) -> dict[str, float]:
    """Counts, degrees, areas and Rent's exponent of a placed netlist."""
    kind, canvas = netlist.node_kind, netlist.canvas
    key = np.unique(pin_net(netlist) * netlist.num_nodes + netlist.pin_node)
    degree = np.bincount(key // netlist.num_nodes, minlength=netlist.num_nets)
    of_node = np.bincount(key % netlist.num_nodes, minlength=netlist.num_nodes)
    area = netlist.width_um * netlist.height_um / (canvas.width_um * canvas.height_um)
    hard, soft = kind == NodeKind.HARD_MACRO, kind == NodeKind.SOFT_MACRO
    sizes = np.unique(
        np.round(np.column_stack([netlist.width_um[hard], netlist.height_um[hard]]), 6), axis=0
    )
    port = kind == NodeKind.PORT
    x, y = relative_positions(netlist, placement)
    sides = [
        bool((np.abs(axis[port] - end) < 0.02).mean() > 0.1) for axis in (x, y) for end in (0, 1)
    ]
    return {
        "macros": float(hard.sum()),
        "macro sizes": float(len(sizes)),
        "soft macros": float(soft.sum()),
        "ports": float(port.sum()),
        "sides with ports": float(sum(sides)),
        "nets": float(netlist.num_nets),
        "mean degree": float(degree.mean()),
        "share of 2-node nets": float((degree == 2).mean()),
        "mean weight": float(netlist.net_weight.mean()),
        "macro area": float(area[hard].sum()),
        "soft area": float(area[soft].sum()),
        "nets of a macro": float(np.median(of_node[hard])),
        "nets of a soft macro": float(np.median(of_node[soft])),
        "Rent's exponent": rent_exponent(netlist, placement),
    }


def rent_exponent(netlist: Netlist, placement: Placement) -> float:
    """How fast the nets that leave a part grow with its nodes, fitted over squares of the canvas.

    References:
        B. S. Landman, R. L. Russo, "On a pin versus block relationship for partitions of logic
        graphs", IEEE Trans. Computers C-20 (1971).
    """
    x, y = (axis.clip(0, 1) for axis in relative_positions(netlist, placement))
    nets = pin_net(netlist)
    nodes, leaving = [], []
    for level in _LEVELS:
        side = 2**level
        column, row = ((axis * side).astype(int).clip(max=side - 1) for axis in (x, y))
        square = np.where(netlist.fixed, -1, row * side + column)
        pin_square = square[netlist.pin_node]
        pairs = np.unique(np.stack([nets, pin_square]), axis=1)
        squares_of_net = np.bincount(pairs[0], minlength=netlist.num_nets)
        for number in range(side * side):
            members = int((square == number).sum())
            inside = pairs[0][pairs[1] == number]
            cut = int((squares_of_net[inside] > 1).sum())
            if members >= _FEWEST and cut:
                nodes.append(np.log(members))
                leaving.append(np.log(cut))
    return float(np.polyfit(nodes, leaving, 1)[0]) if len(set(nodes)) > 1 else float("nan")


def main() -> None:
    """Print the table as Markdown."""
    columns = {}
    for name in _PUBLIC:
        benchmark = registry.load(name)
        columns[name] = statistics(benchmark.netlist, benchmark.placements["initial"])
    for seed in range(_GENERATED):
        netlist, placement = generate(random_recipe(seed), seed)
        columns[netlist.name] = statistics(netlist, placement)
    lines = [f"| | {' | '.join(columns)} |", "| --- " * (len(columns) + 1) + "|"]
    for key in next(iter(columns.values())):
        lines.append(
            f"| {key} | {' | '.join(f'{column[key]:.4g}' for column in columns.values())} |"
        )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
