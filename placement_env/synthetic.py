"""Generated netlists, small and solvable, for trying an agent without any file."""

from __future__ import annotations

import numpy as np

from placement_env.netlist import Canvas, Grid, Netlist, NodeKind, Placement

_KINDS = (NodeKind.PORT, NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO)


def synthetic_netlist(
    *, macros: int = 8, soft: int = 12, ports: int = 16, cells: int = 10, seed: int = 0
) -> tuple[Netlist, Placement]:
    """A clustered netlist whose nets join nodes that are near each other in a hidden placement.

    Ports stand around the canvas, so a good placement exists: the hidden one, roughly. Hard macros
    take a third of the canvas and soft ones a quarter.

    Args:
        macros: Hard macros.
        soft: Soft macros.
        ports: Ports.
        cells: Columns and rows of the grid.
        seed: Seed of everything.

    Returns:
        The netlist, and a placement with the ports where they belong and all else in the middle.
    """
    rng = np.random.default_rng(seed)
    side = 100.0
    count = ports + macros + soft
    kind = np.repeat(np.array(_KINDS, dtype=np.int64), (ports, macros, soft))

    angle = np.linspace(0.0, 4.0, ports, endpoint=False)  # around the canvas, side by side
    along, edge = (angle % 1.0) * side, angle.astype(int)
    port_x = np.select([edge == 0, edge == 1, edge == 2], [along, side, side - along], 0.0)
    port_y = np.select([edge == 0, edge == 1, edge == 2], [0.0, along, side], side - along)
    hidden = rng.uniform(0.1 * side, 0.9 * side, (count, 2))
    hidden[:ports] = np.column_stack([port_x, port_y])

    width, height = np.zeros(count), np.zeros(count)
    for movable, share in ((NodeKind.HARD_MACRO, 1 / 3), (NodeKind.SOFT_MACRO, 1 / 4)):
        nodes = kind == movable
        area = rng.uniform(0.5, 1.5, int(nodes.sum()))
        area *= share * side**2 / area.sum()
        square = movable == NodeKind.SOFT_MACRO
        aspect = np.ones(len(area)) if square else rng.uniform(0.6, 1.6, len(area))
        width[nodes], height[nodes] = np.sqrt(area * aspect), np.sqrt(area / aspect)

    nets: list[list[int]] = []
    for node in range(count):  # each node drives a net to some of its hidden neighbours
        distance = np.hypot(*(hidden - hidden[node]).T)
        distance[[node, *range(ports)]] = np.inf  # ports are reached by the nets that they drive
        near = np.argsort(distance, kind="stable")[: macros + soft - 1]
        take = near[: rng.integers(1, 1 + min(3, len(near)))]
        nets.append([node, *take.tolist()])

    pins = np.array([node for net in nets for node in net], dtype=np.int64)
    offset = rng.uniform(-0.4, 0.4, (2, len(pins))) * np.stack([width[pins], height[pins]])
    names = [f"{NodeKind(int(k)).name.lower()}_{i}" for i, k in enumerate(kind)]
    netlist = Netlist(
        name=f"synthetic_{seed}",
        node_name=tuple(names),
        node_kind=kind,
        width_um=width,
        height_um=height,
        fixed=kind == NodeKind.PORT,
        pin_node=pins,
        pin_dx_um=offset[0],
        pin_dy_um=offset[1],
        net_start=np.cumsum([0, *(len(net) for net in nets)]),
        net_weight=rng.integers(1, 4, len(nets)).astype(np.float64),
        canvas=Canvas(0.0, 0.0, side, side),
        grid=Grid(cells, cells, 1.2, 1.2, 0.6, 0.6, smoothing=1),
    )
    x, y = np.full(count, side / 2), np.full(count, side / 2)
    x[:ports], y[:ports] = port_x, port_y
    return netlist, Placement(x, y, np.zeros(count, dtype=np.int64))
