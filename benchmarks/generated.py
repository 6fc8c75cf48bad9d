"""Netlists with the statistics of public clustered designs, and placements that suit them.

A placement comes first: banks of equal macros are packed from the edges away from the ports or
scattered, soft macros fill what is left, ports stand on one side or on all. Nets are then drawn so
that their lengths in this hidden placement follow Rent's rule, and macros of a bank talk to soft
macros about one point. So the hidden placement is a good one, though seldom the best.

`random_recipe` draws from ranges that the TILOS and ICCAD04 designs span
(`python -m benchmarks.netlist_statistics` prints two of TILOS beside some of its own).

References:
    W. E. Donath, "Placement and average interconnection lengths of computer logic", IEEE Trans.
    Circuits and Systems 26 (1979): lengths l of connections are distributed as l^(2 p - 3).
    D. Stroobandt, P. Verplaetse, J. Van Campenhout, "Generating synthetic benchmark circuits for
    evaluating CAD tools", IEEE Trans. CAD 19 (2000).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from placement_env.macro_grid import MacroGrid
from placement_env.netlist import Canvas, FloatArray, Grid, IntArray, Netlist, NodeKind, Placement

#: Side of the canvas: coordinates have no unit that anything depends on.
_SIDE_UM = 1000.0
#: Soft macros stay this far from the canvas's edges, so that they are inside in float32 too.
_MARGIN_UM = 1e-3
#: Candidate places of macros along each side of the canvas.
_FINE = 64
#: Shares of nets with 2, 3, ... nodes; the last one stands for a tail.
_DEGREES = (0.54, 0.19, 0.09, 0.06, 0.12)
_LARGEST_NET = 20


@dataclass(frozen=True)
class Recipe:
    """What a netlist is drawn from.

    Attributes:
        macros: Hard macros.
        sizes: Different sizes of them; macros of one size are a bank or several.
        macro_area: Share of the canvas that they cover.
        soft: Soft macros.
        soft_area: Share of the canvas that they cover.
        ports: Ports.
        sides: On how many sides of the canvas they stand, 1 or 4.
        nets: Nets.
        of_macros: Share of the nets that a macro drives or listens to.
        rent: Rent's exponent, of how many connections leave a part of the netlist.
        weight: Mean weight of nets.
        packed: How strongly macros are packed away from the ports, 0 (scattered) to 1.
        columns: Columns of the grid.
        rows: Its rows.
        congestion: Congestion of a cell by a route across it.
        macro_blocks: Congestion of a cell that a macro covers.
        smoothing: Radius of the congestion smoothing.
    """

    macros: int
    sizes: int
    macro_area: float
    soft: int
    soft_area: float
    ports: int
    sides: int
    nets: int
    of_macros: float
    rent: float
    weight: float
    packed: float
    columns: int
    rows: int
    congestion: float
    macro_blocks: float
    smoothing: int


def random_recipe(seed: int, *, size: float = 1.0) -> Recipe:
    """A recipe within the ranges of the public designs.

    Args:
        seed: Seed of the draw.
        size: Factor on the numbers of nodes and nets, for small netlists.
    """
    rng = np.random.default_rng([seed, 1])
    uniform_banks = bool(rng.random() < 0.5)
    macros = max(4, int(rng.uniform(100, 300) * size))
    soft = max(8, int(rng.uniform(500, 850) * size))
    return Recipe(
        macros=macros,
        sizes=int(rng.integers(1, 4)) if uniform_banks else int(rng.integers(8, 30)),
        macro_area=float(rng.uniform(0.4, 0.6)),
        soft=soft,
        soft_area=float(rng.uniform(0.15, 0.25) if uniform_banks else rng.uniform(0.2, 0.35)),
        ports=max(8, int(rng.uniform(150, 800) * size)),
        sides=1 if uniform_banks else 4,
        nets=int(soft * rng.uniform(12, 22)),
        of_macros=float(rng.uniform(0.2, 0.4) if uniform_banks else rng.uniform(0.05, 0.2)),
        rent=float(rng.uniform(0.2, 0.5) if uniform_banks else rng.uniform(0.45, 0.65)),
        weight=float(rng.uniform(1.6, 2.0) if uniform_banks else rng.uniform(1.2, 1.4)),
        packed=float(rng.uniform(0.4, 1.0) if uniform_banks else rng.uniform(0.0, 0.5)),
        columns=int(rng.integers(20, 44)),
        rows=int(rng.integers(20, 40)),
        congestion=float(rng.uniform(2e-4, 8e-4) if uniform_banks else rng.uniform(4e-3, 1.2e-2)),
        macro_blocks=float(rng.uniform(0.45, 0.72)),
        smoothing=0 if uniform_banks else 2,
    )


def generate(recipe: Recipe, seed: int) -> tuple[Netlist, Placement]:
    """A netlist and its hidden placement; a macro that finds no place any more is left out.

    Args:
        recipe: What it is drawn from.
        seed: The same seed gives the same netlist.
    """
    rng = np.random.default_rng([seed, 2])
    canvas = Canvas(0.0, 0.0, _SIDE_UM, _SIDE_UM)
    port_at = _ports(recipe, rng)
    width, height, bank = _macros(recipe, rng)
    macro_at = _packed(recipe, rng, canvas, width, height, bank, port_at)
    found = np.isfinite(macro_at[:, 0])
    width, height, bank, macro_at = width[found], height[found], bank[found], macro_at[found]
    side, soft_at = _soft(recipe, rng, canvas, width, height, macro_at)

    counts = len(port_at), len(macro_at), len(soft_at)
    kind = np.repeat([NodeKind.PORT, NodeKind.HARD_MACRO, NodeKind.SOFT_MACRO], counts)
    at = np.concatenate([port_at, macro_at, soft_at])
    wide = np.concatenate([np.zeros(counts[0]), width, side])
    tall = np.concatenate([np.zeros(counts[0]), height, side])
    nets = _nets(recipe, rng, counts, at, bank)
    pins = np.concatenate(nets)
    offset = rng.uniform(-0.45, 0.45, (2, len(pins)))
    hard = kind[pins] == NodeKind.HARD_MACRO
    names = [f"{NodeKind(int(k)).name.lower()}_{i}" for i, k in enumerate(kind)]
    cell_um = _SIDE_UM / recipe.columns, _SIDE_UM / recipe.rows
    grid = Grid(
        columns=recipe.columns,
        rows=recipe.rows,
        h_tracks_per_um=1 / (recipe.congestion * cell_um[1]),
        v_tracks_per_um=1 / (recipe.congestion * cell_um[0]),
        h_macro_tracks_per_um=recipe.macro_blocks / (recipe.congestion * cell_um[1]),
        v_macro_tracks_per_um=recipe.macro_blocks / (recipe.congestion * cell_um[0]),
        smoothing=recipe.smoothing,
    )
    netlist = Netlist(
        name=f"generated_{seed}",
        node_name=tuple(names),
        node_kind=kind.astype(np.int64),
        width_um=wide,
        height_um=tall,
        fixed=kind == NodeKind.PORT,
        pin_node=pins,
        pin_dx_um=np.where(hard, offset[0] * wide[pins], 0.0),
        pin_dy_um=np.where(hard, offset[1] * tall[pins], 0.0),
        net_start=np.cumsum([0, *(len(net) for net in nets)]),
        net_weight=np.minimum(rng.geometric(1 / recipe.weight, len(nets)), 40).astype(np.float64),
        canvas=canvas,
        grid=grid,
    )
    x_um, y_um = at.T.copy()
    return netlist, Placement(x_um, y_um, np.zeros(len(at), dtype=np.int64))


def _ports(recipe: Recipe, rng: np.random.Generator) -> FloatArray:
    """[ports, 2] along a part of one side, or around the canvas."""
    if recipe.sides == 1:
        begin = rng.uniform(0, 0.5)
        along = np.linspace(begin, begin + rng.uniform(0.3, 0.5), recipe.ports) * _SIDE_UM
        edge = np.full(recipe.ports, rng.integers(4))
    else:
        around = np.linspace(0.0, 4.0, recipe.ports, endpoint=False)
        edge, along = around.astype(int), (around % 1.0) * _SIDE_UM
    zero, full = np.zeros(recipe.ports), np.full(recipe.ports, _SIDE_UM)
    x = np.choose(edge, [along, full, along, zero])
    y = np.choose(edge, [zero, along, full, along])
    return np.column_stack([x, y])


def _macros(recipe: Recipe, rng: np.random.Generator) -> tuple[FloatArray, FloatArray, IntArray]:
    """[macros] each: width, height and bank; few large sizes, and most macros of small ones."""
    count = recipe.macros
    spread = 0.3 if recipe.sizes <= 3 else 1.1
    area = np.sort(rng.lognormal(0.0, spread, recipe.sizes))[::-1]
    aspect = np.exp(rng.uniform(-0.8, 0.8, recipe.sizes))
    share = 1 / area**1.2
    size = np.sort(rng.choice(recipe.sizes, count, p=share / share.sum()))
    area = area[size]
    area *= recipe.macro_area * _SIDE_UM**2 / area.sum()
    area = np.minimum(area, 0.12 * _SIDE_UM**2)
    width, height = np.sqrt(area * aspect[size]), np.sqrt(area / aspect[size])
    # Equal macros are banks of 4 to 32.
    bank = np.zeros(count, dtype=np.int64)
    number, left = 0, 0
    for i in range(count):
        if left == 0 or (i and size[i] != size[i - 1]):
            number, left = number + 1, int(rng.integers(4, 33))
        bank[i], left = number, left - 1
    return width, height, bank


def _packed(
    recipe: Recipe,
    rng: np.random.Generator,
    canvas: Canvas,
    width: FloatArray,
    height: FloatArray,
    bank: IntArray,
    port_at: FloatArray,
) -> FloatArray:
    """[macros, 2] places without overlap, bank by bank, the largest first; NaN for none."""
    grid = MacroGrid(canvas, _FINE, _FINE)
    at = np.full((len(width), 2), np.nan)
    boxes = np.empty((0, 4))
    area = width * height
    order = sorted(set(bank.tolist()), key=lambda b: -float(area[bank == b].max()))
    heart = port_at.mean(axis=0) * 0.6 + 0.4 * _SIDE_UM / 2
    for number in order:
        anchor = rng.uniform(0, _SIDE_UM, (8, 2))
        away = np.hypot(*(anchor - heart).T) / _SIDE_UM
        inside = np.minimum(anchor, _SIDE_UM - anchor).min(axis=1) / _SIDE_UM
        pull = recipe.packed * (away - 2 * inside) + 0.3 * rng.gumbel(size=8)
        centre = anchor[int(pull.argmax())]
        for macro in np.flatnonzero(bank == number):
            x, y = grid.candidates(float(width[macro]), float(height[macro]))
            legal = grid.legal(float(width[macro]), float(height[macro]), boxes)
            if not legal.any():
                continue
            far = np.hypot((y - centre[1])[:, None], (x - centre[0])[None, :]) / _SIDE_UM
            away_x, away_y = x - heart[0], y - heart[1]
            far = far - recipe.packed * np.hypot(away_y[:, None], away_x[None, :]) / _SIDE_UM
            row, column = divmod(int(np.where(legal, far, np.inf).argmin()), grid.columns)
            at[macro] = x[column], y[row]
            half = np.array([width[macro], height[macro]]) / 2
            box = np.concatenate([at[macro] - half, at[macro] + half])
            boxes = np.vstack([boxes, box])
    return at


def _soft(
    recipe: Recipe,
    rng: np.random.Generator,
    canvas: Canvas,
    width: FloatArray,
    height: FloatArray,
    macro_at: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """[soft] sides and [soft, 2] centres, where macros leave room."""
    area = rng.lognormal(0.0, 0.8, recipe.soft)
    area *= recipe.soft_area * _SIDE_UM**2 / area.sum()
    side = np.sqrt(area)
    grid = MacroGrid(canvas, 2 * _FINE, 2 * _FINE)
    cover = np.zeros((grid.rows, grid.columns), dtype=np.float32)
    half = np.column_stack([width, height]) / 2
    for box in np.hstack([macro_at - half, macro_at + half]):
        grid.cover(box, cover)
    room = np.maximum(1 - cover.astype(np.float64), 1e-3).ravel()
    # The large ones first, each where most room is left among some draws.
    at = np.empty((recipe.soft, 2))
    cell_um = _SIDE_UM / grid.columns
    left = room * cell_um**2
    for node in np.argsort(-area, kind="stable"):
        draws = rng.choice(len(left), size=6, p=left / left.sum())
        cell = int(draws[left[draws].argmax()])
        row, column = divmod(cell, grid.columns)
        at[node] = (np.array([column, row]) + rng.random(2)) * cell_um
        near = max(1, round(float(side[node]) / cell_um))
        rows = slice(max(row - near // 2, 0), row + near // 2 + 1)
        columns = slice(max(column - near // 2, 0), column + near // 2 + 1)
        block = left.reshape(grid.rows, grid.columns)[rows, columns]
        taken = area[node] / block.size
        block[:] = np.maximum(block - taken, 1e-3)
    reach = side[:, None] / 2 + _MARGIN_UM
    return side, at.clip(reach, _SIDE_UM - reach)


def _nets(
    recipe: Recipe,
    rng: np.random.Generator,
    counts: tuple[int, int, int],
    at: FloatArray,
    bank: IntArray,
) -> list[IntArray]:
    """Nodes of each net, the driver first."""
    ports, macros, soft = counts
    first_soft = ports + macros
    tree = KDTree(at[first_soft:])
    degree = 2 + rng.choice(len(_DEGREES), size=recipe.nets, p=_DEGREES)
    tail = degree == len(_DEGREES) + 1
    degree[tail] = np.minimum(degree[tail] + rng.geometric(0.25, int(tail.sum())), _LARGEST_NET)

    # Who drives, or listens first: each port once, macros by turns, soft macros by chance.
    of_macros = round(recipe.of_macros * recipe.nets) if macros else 0
    busy = rng.gamma(1.5, size=soft)
    of_soft = max(recipe.nets - ports - of_macros, 0)
    heads = np.concatenate(
        [
            np.arange(ports),
            ports + np.arange(of_macros) % max(macros, 1),
            first_soft + rng.choice(soft, size=of_soft, p=busy / busy.sum()),
        ]
    )[: recipe.nets]
    # Each bank has a soft macro near it to which most of its nets go.
    talks_to = {}
    for number in np.unique(bank):
        centre = at[ports:first_soft][bank == number].mean(axis=0)
        talks_to[int(number)] = first_soft + int(tree.query(centre)[1])

    nets = []
    shortest = 0.5 * _SIDE_UM / np.sqrt(max(soft, 1))
    power = 2 * recipe.rent - 2  # of the distribution of lengths, summed up
    for head, wanted in zip(heads.tolist(), degree.tolist(), strict=False):
        origin = at[head]
        if ports <= head < first_soft:
            origin = at[talks_to[int(bank[head - ports])]]
        chance = rng.random(wanted - 1)
        long = 1.2 * _SIDE_UM
        length = (shortest**power + chance * (long**power - shortest**power)) ** (1 / power)
        angle = rng.uniform(0, 2 * np.pi, wanted - 1)
        points = origin + length[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
        # Beyond an edge, nets come back from it.
        points = _SIDE_UM - np.abs(_SIDE_UM - np.abs(points))
        others = first_soft + np.asarray(tree.query(points)[1])
        others = np.unique(others[others != head])
        if len(others) == 0:
            others = np.array([first_soft + int(rng.integers(soft))])
        members = np.concatenate([np.array([head]), rng.permutation(others)])
        if ports <= head < first_soft and rng.random() < 0.5:
            members[:2] = members[1::-1]  # the macro listens
        nets.append(members.astype(np.int64))
    return nets
