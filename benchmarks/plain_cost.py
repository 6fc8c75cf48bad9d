"""The proxy cost once more, slow and in plain Python, from the description of its rules alone.

What the exact kernels are tested against, and what their speed is measured against. It shares no
code with `placement_env.cost`, keeps one net and one grid cell at a time, and adds routes cell by
cell. Pins outside the canvas go to the nearest cell.
"""

from __future__ import annotations

import math

from placement_env.netlist import Netlist, NodeKind, Orient, Placement

Cell = tuple[int, int]  # row, column


def plain_cost(netlist: Netlist, placement: Placement) -> tuple[float, float, float]:
    """Wirelength, density and congestion costs of a netlist with a grid."""
    nets = _nets(netlist, placement)
    return (
        _wirelength(netlist, nets),
        _density(netlist, placement),
        _congestion(netlist, placement, nets),
    )


def plain_congestion_maps(
    netlist: Netlist, placement: Placement
) -> tuple[dict[Cell, float], dict[Cell, float]]:
    """Horizontal and vertical congestion of each cell."""
    return _congestion_maps(netlist, placement, _nets(netlist, placement))


def _nets(netlist: Netlist, placement: Placement) -> list[tuple[float, float, list]]:
    """For each net of two pins or more: wirelength weight, routes, and pin positions."""
    nets = []
    for net in range(netlist.num_nets):
        pins = range(netlist.net_start[net], netlist.net_start[net + 1])
        if len(pins) < 2:
            continue
        weight = float(netlist.net_weight[net])
        if netlist.node_kind[netlist.pin_node[pins[0]]] == NodeKind.PORT:
            weight = 1.0
        nets.append(
            (
                weight,
                weight if weight > 1 else 1.0,
                [_pin_position(netlist, placement, pin) for pin in pins],
            )
        )
    return nets


def _pin_position(netlist: Netlist, placement: Placement, pin: int) -> tuple[float, float]:
    node = netlist.pin_node[pin]
    dx, dy = float(netlist.pin_dx_um[pin]), float(netlist.pin_dy_um[pin])
    if netlist.node_kind[node] == NodeKind.SOFT_MACRO:
        dx = dy = 0.0
    turned = {
        Orient.N: (dx, dy),
        Orient.S: (-dx, -dy),
        Orient.W: (-dy, dx),
        Orient.E: (dy, -dx),
        Orient.FN: (-dx, dy),
        Orient.FS: (dx, -dy),
        Orient.FW: (dy, dx),
        Orient.FE: (-dy, -dx),
    }[Orient(int(placement.orient[node]))]
    x = float(placement.x_um[node]) + turned[0] - netlist.canvas.left_um
    y = float(placement.y_um[node]) + turned[1] - netlist.canvas.bottom_um
    return x, y


def _wirelength(netlist: Netlist, nets: list) -> float:
    total = weights = 0.0
    for weight, _, pins in nets:
        xs, ys = [x for x, _ in pins], [y for _, y in pins]
        total += weight * (max(xs) - min(xs) + max(ys) - min(ys))
        weights += weight
    if weights == 0:
        return 0.0
    return total / ((netlist.canvas.width_um + netlist.canvas.height_um) * weights)


def _cell_size(netlist: Netlist) -> tuple[float, float]:
    assert netlist.grid
    return (
        netlist.canvas.width_um / netlist.grid.columns,
        netlist.canvas.height_um / netlist.grid.rows,
    )


def _box(netlist: Netlist, placement: Placement, node: int) -> tuple[float, float, float, float]:
    width, height = float(netlist.width_um[node]), float(netlist.height_um[node])
    if Orient(int(placement.orient[node])) in (Orient.W, Orient.E, Orient.FW, Orient.FE):
        width, height = height, width
    x = float(placement.x_um[node]) - netlist.canvas.left_um
    y = float(placement.y_um[node]) - netlist.canvas.bottom_um
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _touched(netlist: Netlist, box: tuple[float, float, float, float]) -> tuple[range, range]:
    """Rows and columns from the cell of the lower left corner to that of the upper right one."""
    assert netlist.grid
    cell_width, cell_height = _cell_size(netlist)
    left, bottom, right, top = box
    rows = range(
        max(math.floor(bottom / cell_height), 0),
        min(math.floor(top / cell_height), netlist.grid.rows - 1) + 1,
    )
    columns = range(
        max(math.floor(left / cell_width), 0),
        min(math.floor(right / cell_width), netlist.grid.columns - 1) + 1,
    )
    return rows, columns


def _overlap(
    netlist: Netlist, box: tuple[float, float, float, float], row: int, column: int
) -> tuple[float, float]:
    """Width and height of the part of a box in a cell; both 0 where either is."""
    cell_width, cell_height = _cell_size(netlist)
    left, bottom, right, top = box
    wide = min(right, (column + 1) * cell_width) - max(left, column * cell_width)
    tall = min(top, (row + 1) * cell_height) - max(bottom, row * cell_height)
    return (wide, tall) if wide > 0 and tall > 0 else (0.0, 0.0)


def _density(netlist: Netlist, placement: Placement) -> float:
    assert netlist.grid
    cell_width, cell_height = _cell_size(netlist)
    cells: dict[Cell, float] = {}
    for node in netlist.nodes_of(NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO):
        box = _box(netlist, placement, int(node))
        rows, columns = _touched(netlist, box)
        for row in rows:
            for column in columns:
                wide, tall = _overlap(netlist, box, row, column)
                cells[row, column] = cells.get((row, column), 0.0) + wide * tall
    occupied = sorted((area / (cell_width * cell_height) for area in cells.values()), reverse=True)
    occupied = [density for density in occupied if density != 0]
    count = netlist.grid.columns * netlist.grid.rows
    if count < 10:
        return 0.5 * sum(occupied) / len(occupied) if occupied else 0.0
    top = math.floor(count * 0.1)
    return 0.5 * sum(occupied[:top]) / top


def _congestion(netlist: Netlist, placement: Placement, nets: list) -> float:
    horizontal, vertical = _congestion_maps(netlist, placement, nets)
    values = sorted([*horizontal.values(), *vertical.values()], reverse=True)
    top = math.floor(len(values) * 0.05)
    return sum(values[:top]) / top if top else values[0]


def _congestion_maps(
    netlist: Netlist, placement: Placement, nets: list
) -> tuple[dict[Cell, float], dict[Cell, float]]:
    grid = netlist.grid
    assert grid
    cell_width, cell_height = _cell_size(netlist)
    every = [(row, column) for row in range(grid.rows) for column in range(grid.columns)]
    horizontal, vertical = dict.fromkeys(every, 0.0), dict.fromkeys(every, 0.0)
    for _, routes, pins in nets:
        cells = [
            (
                min(max(math.floor(y / cell_height), 0), grid.rows - 1),
                min(max(math.floor(x / cell_width), 0), grid.columns - 1),
            )
            for x, y in pins
        ]
        _route(cells[0], set(cells), routes, horizontal, vertical)

    h_capacity = cell_height * grid.h_tracks_per_um
    v_capacity = cell_width * grid.v_tracks_per_um
    horizontal = _smoothed(horizontal, grid.smoothing, (1, 0))
    vertical = _smoothed(vertical, grid.smoothing, (0, 1))
    h_blocked, v_blocked = dict.fromkeys(every, 0.0), dict.fromkeys(every, 0.0)
    for node in netlist.nodes_of(NodeKind.HARD_MACRO):
        _block(netlist, _box(netlist, placement, int(node)), h_blocked, v_blocked)
    return (
        {cell: (horizontal[cell] + h_blocked[cell]) / h_capacity for cell in every},
        {cell: (vertical[cell] + v_blocked[cell]) / v_capacity for cell in every},
    )


def _route(
    source: Cell,
    cells: set[Cell],
    routes: float,
    horizontal: dict[Cell, float],
    vertical: dict[Cell, float],
) -> None:
    def along(row: int, one: int, other: int) -> None:
        for column in range(min(one, other), max(one, other)):
            horizontal[row, column] += routes

    def up(column: int, one: int, other: int) -> None:
        for row in range(min(one, other), max(one, other)):
            vertical[row, column] += routes

    if len(cells) == 3:
        (x1, y1), (x2, y2), (x3, y3) = sorted((column, row) for row, column in cells)
        if x1 < x2 < x3 and min(y1, y3) < y2 < max(y1, y3):
            along(y1, x1, x2)
            along(y2, x2, x3)
            up(x2, y1, y2)
            up(x3, y2, y3)
        elif x2 == x3 and x1 < x2 and y1 < min(y2, y3):
            along(y1, x1, x2)
            up(x2, y1, max(y2, y3))
        elif y2 == y3:
            along(y1, x1, x2)
            along(y2, x2, x3)
            up(x2, y1, y2)
        else:
            (low, x_low), (middle, _), (high, x_high) = sorted(cells)
            along(middle, x1, x3)
            up(x_low, low, middle)
            up(x_high, middle, high)
        return
    for row, column in cells - {source}:
        along(source[0], source[1], column)
        up(column, source[0], row)


def _smoothed(demand: dict[Cell, float], radius: int, along: Cell) -> dict[Cell, float]:
    """Each cell's demand spread evenly over the cells within the radius in one direction."""
    spread = dict.fromkeys(demand, 0.0)
    for (row, column), routes in demand.items():
        reached = [
            cell
            for step in range(-radius, radius + 1)
            if (cell := (row + step * along[0], column + step * along[1])) in demand
        ]
        for cell in reached:
            spread[cell] += routes / len(reached)
    return spread


def _block(
    netlist: Netlist,
    box: tuple[float, float, float, float],
    h_blocked: dict[Cell, float],
    v_blocked: dict[Cell, float],
) -> None:
    grid = netlist.grid
    assert grid
    cell_width, cell_height = _cell_size(netlist)
    rows, columns = _touched(netlist, box)
    partial_rows = partial_columns = False
    for row in rows:
        for column in columns:
            wide, tall = _overlap(netlist, box, row, column)
            if len(rows) > 1 and row in (rows[0], rows[-1]) and abs(tall - cell_height) > 1e-5:
                partial_rows = True
            outer = len(columns) > 1 and column in (columns[0], columns[-1])
            if outer and abs(wide - cell_width) > 1e-5:
                partial_columns = True
    for row in rows:
        for column in columns:
            wide, tall = _overlap(netlist, box, row, column)
            if not (partial_rows and row == rows[-1]):
                v_blocked[row, column] += wide * grid.v_macro_tracks_per_um
            if not (partial_columns and column == columns[-1]):
                h_blocked[row, column] += tall * grid.h_macro_tracks_per_um
