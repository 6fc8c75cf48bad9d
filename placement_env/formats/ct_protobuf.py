"""Circuit Training netlists: text protobuf, as `netlist.pb.txt` of TILOS MacroPlacement.

Format document: https://github.com/google-research/circuit_training/blob/main/docs/NETLIST_FORMAT.md

Rules that are easy to get wrong:

- The `input` entries of a node are the pins that it *drives*: a net is a node with its inputs.
- Grouped netlists spell hard macros and ports in capitals (MACRO, PORT) and soft macros in small
  letters (macro). Netlists before grouping spell everything in small letters and have no
  `__metadata__` node; there `macro` is hard.
- Soft macro pins sit at the macro's centre whatever offset they state.
- Offsets are at orientation N; the macro's `orientation` is applied to them.
- A net weighs what its driving pin's `weight` says, 1 where it is silent; a port's net weighs 1.
- The file has no canvas and no grid. `read` gives the smallest canvas from the origin that holds
  all ports and macros; a .plc header (`placement_env.formats.plc`) gives the real one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from placement_env.errors import InputError
from placement_env.formats.ct_protobuf_blocks import NodeTable, parse_blocks
from placement_env.formats.ct_protobuf_layout import parse_layout
from placement_env.formats.ct_protobuf_write import write
from placement_env.formats.decimals import decimal
from placement_env.formats.text import line_of, read_text
from placement_env.netlist import (
    LARGEST,
    Canvas,
    FloatArray,
    IntArray,
    Netlist,
    NodeKind,
    Orient,
    Placement,
    check_netlist,
)

__all__ = ["count_nodes", "read", "write"]

_PIN = -1  # A kind beside those of NodeKind.
_KINDS: dict[str, int] = {
    "PORT": NodeKind.PORT,
    "port": NodeKind.PORT,
    "MACRO": NodeKind.HARD_MACRO,
    "stdcell": NodeKind.STANDARD_CELL,
    "STDCELL": NodeKind.STANDARD_CELL,
    "MACRO_PIN": _PIN,
    "macro_pin": _PIN,
}


def read(path: Path) -> tuple[Netlist, Placement]:
    """Read a Circuit Training netlist, grouped or not, and the positions that it carries.

    Raises:
        InputError: The file is missing or damaged, or its nodes do not fit together; the error
            names the line.
    """
    text = read_text(path)
    table = parse_layout(text) or parse_blocks(text, path)
    if not table.name:
        raise InputError(
            "the netlist has no nodes", where=str(path), hint="expected blocks `node { name: … }`"
        )
    nodes = _Nodes(table, text, path)
    node_of, kind = _index_and_kinds(nodes)
    row_node = np.flatnonzero(kind != _PIN)  # Rows of the Netlist: all nodes but pins.
    row_kind = kind[row_node]
    x = nodes.numbers("x", row_node, 0.0)
    y = nodes.numbers("y", row_node, 0.0)
    size = _sizes(nodes, row_node, row_kind)
    orient = _orientations(nodes, row_node)
    row, offset, label = _pins(nodes, kind, row_node)
    net_start, pins = _nets(nodes, node_of)
    driver = pins[net_start[:-1]]
    netlist = Netlist(
        name=_design_name(path),
        node_name=tuple([table.name[node] for node in row_node.tolist()]),
        node_kind=row_kind,
        width_um=size[:, 0].copy(),
        height_um=size[:, 1].copy(),
        fixed=row_kind == NodeKind.PORT,
        pin_node=row[pins],
        pin_dx_um=offset[pins, 0],
        pin_dy_um=offset[pins, 1],
        net_start=net_start,
        net_weight=_weights(nodes, driver, row_kind[row[driver]]),
        canvas=_bounding_canvas(x, y, size, row_kind),
        net_name=tuple([table.name[node] for node in driver.tolist()]),
        pin_name=tuple([label[node] for node in pins.tolist()]),
        source_index=row_node,
    )
    check_netlist(netlist, where=str(path))
    return netlist, Placement(x, y, orient)


def count_nodes(path: Path) -> int:
    """How many nodes a netlist lists, with all pins and without `__metadata__`.

    Raises:
        InputError: The file is missing, or something in it is not a node.
    """
    text = read_text(path)
    return len((parse_layout(text) or parse_blocks(text, path)).name)


class _Nodes:
    """The nodes of a file, and what their attributes must be; errors name the node's line."""

    def __init__(self, table: NodeTable, text: str, path: Path) -> None:
        self.table = table
        self._text = text
        self._path = path

    def error(self, node: int | np.integer, message: str, hint: str = "") -> InputError:
        line = line_of(self._text, int(self.table.offset[int(node)]))
        return InputError(message, where=f"{self._path}:{line}", hint=hint)

    def numbers(self, key: str, nodes: IntArray, default: float | None = None) -> FloatArray:
        """An attribute of some nodes; without a default all of them must have it."""
        values = self.table.values(key, nodes)
        try:
            numbers = np.array(
                [default if value is None else float(value) for value in values], dtype=np.float64
            )
        except ValueError:
            numbers = np.array([np.nan])
        if not (abs(numbers) <= LARGEST).all() or not _are_plain(values):
            self._refuse_first(key, nodes, values, default)
        return numbers

    def _refuse_first(
        self, key: str, nodes: IntArray, values: list[str | None], default: float | None
    ) -> None:
        for node, value in zip(nodes.tolist(), values, strict=True):
            name = self.table.name[node]
            if value is None:
                if default is None:
                    raise self.error(node, f"node {name!r} has no {key!r}")
            elif not _is_usable(value):
                expected = f"expected a number up to {LARGEST:g}"
                raise self.error(node, f"{key!r} of node {name!r} is {value!r}, {expected}")


def _are_plain(values: list[str | None]) -> bool:
    """Whether none is a number to `float` alone; all at once, since there are many."""
    text = "".join(value for value in values if value is not None)
    return text.isascii() and "_" not in text


def _is_usable(text: str) -> bool:
    try:
        return abs(decimal(text)) <= LARGEST
    except ValueError:
        return False


def _index_and_kinds(nodes: _Nodes) -> tuple[dict[str, int], IntArray]:
    """The node of each name, and the kind of each node."""
    names = nodes.table.name
    types = [word or "" for word in nodes.table.values("type", np.arange(len(names)))]
    grouped = nodes.table.has_metadata or not {"MACRO", "PORT", "MACRO_PIN"}.isdisjoint(types)
    kinds = {**_KINDS, "macro": NodeKind.SOFT_MACRO if grouped else NodeKind.HARD_MACRO}
    node_of = {name: node for node, name in enumerate(names)}
    if len(node_of) < len(names) or not kinds.keys() >= set(types):
        seen: set[str] = set()
        for node, (name, word) in enumerate(zip(names, types, strict=True)):
            if name in seen:
                message = f"a second node is called {name!r}"
                raise nodes.error(node, message, "names must be unique")
            if word not in kinds:
                raise nodes.error(
                    node,
                    f"node {name!r} has the unknown type {word!r}",
                    "known types: PORT, MACRO, MACRO_PIN, macro, macro_pin, port, stdcell",
                )
            seen.add(name)
    return node_of, np.array([kinds[word] for word in types], dtype=np.int64)


def _sizes(nodes: _Nodes, row_node: IntArray, row_kind: IntArray) -> FloatArray:
    """[N, 2] widths and heights; ports have none."""
    sized = np.flatnonzero(row_kind != NodeKind.PORT)
    size = np.zeros((len(row_node), 2))
    size[sized, 0] = nodes.numbers("width", row_node[sized])
    size[sized, 1] = nodes.numbers("height", row_node[sized])
    for node in row_node[(size < 0).any(axis=1)]:
        raise nodes.error(node, f"node {nodes.table.name[node]!r} has a negative size")
    return size


def _orientations(nodes: _Nodes, row_node: IntArray) -> IntArray:
    words = [word or "N" for word in nodes.table.values("orientation", row_node)]
    values = {name: int(orient) for name, orient in Orient.__members__.items()}
    for node, word in zip(row_node.tolist(), words, strict=True):
        if word not in values:
            raise nodes.error(
                node,
                f"node {nodes.table.name[node]!r} has the orientation {word!r}",
                "known orientations: " + ", ".join(values),
            )
    return np.array([values[word] for word in words], dtype=np.int64)


def _pins(
    nodes: _Nodes, kind: IntArray, row_node: IntArray
) -> tuple[IntArray, FloatArray, list[str]]:
    """Of each node as a pin: the row it belongs to, its offset and its name on that row."""
    names = nodes.table.name
    row_of = {names[node]: row for row, node in enumerate(row_node.tolist())}
    row = np.full(len(names), -1, dtype=np.int64)
    row[row_node] = np.arange(len(row_node))
    label = [""] * len(names)
    pin_node = np.flatnonzero(kind == _PIN)
    owners = [owner or "" for owner in nodes.table.values("macro_name", pin_node)]
    for node, owner in zip(pin_node.tolist(), owners, strict=True):
        label[node] = names[node].removeprefix(owner + "/")
        if owner not in row_of:
            message = f"pin {names[node]!r} belongs to the unknown macro {owner!r}"
            raise nodes.error(node, message)
    row[pin_node] = [row_of[owner] for owner in owners]
    on_hard = pin_node[kind[row_node[row[pin_node]]] == NodeKind.HARD_MACRO]
    offset = np.zeros((len(names), 2))
    offset[on_hard, 0] = nodes.numbers("x_offset", on_hard)
    offset[on_hard, 1] = nodes.numbers("y_offset", on_hard)
    return row, offset, label


def _nets(nodes: _Nodes, node_of: dict[str, int]) -> tuple[IntArray, IntArray]:
    """Where each net starts among the pins, and the node of each pin, the driver's first."""
    sink, sink_start = nodes.table.sink, nodes.table.sink_start
    try:
        sink_nodes = [node_of[name] for name in sink]
    except KeyError as error:
        node = np.searchsorted(sink_start, sink.index(error.args[0]), side="right") - 1
        raise nodes.error(
            node,
            f"node {nodes.table.name[node]!r} drives {error.args[0]!r}, which does not exist",
            "the file may be truncated",
        ) from None
    sinks = np.diff(sink_start)
    driver = np.flatnonzero(sinks)
    net_start = np.append(0, np.cumsum(sinks[driver] + 1))
    pins = np.empty(net_start[-1], dtype=np.int64)
    is_sink = np.ones(len(pins), dtype=bool)
    is_sink[net_start[:-1]] = False
    pins[~is_sink] = driver
    pins[is_sink] = sink_nodes
    return net_start, pins


def _weights(nodes: _Nodes, driver: IntArray, driver_kind: IntArray) -> FloatArray:
    weight = nodes.numbers("weight", driver, 1.0)
    for net in np.flatnonzero(weight < 0):
        name = nodes.table.name[driver[net]]
        raise nodes.error(driver[net], f"node {name!r} has the negative weight {weight[net]}")
    weight[driver_kind == NodeKind.PORT] = 1.0
    return weight


def _bounding_canvas(x: np.ndarray, y: np.ndarray, size: np.ndarray, kind: np.ndarray) -> Canvas:
    inside = kind != NodeKind.STANDARD_CELL
    if not inside.any():
        inside = np.ones_like(inside)
    right = float((x + size[:, 0] / 2)[inside].max())
    top = float((y + size[:, 1] / 2)[inside].max())
    return Canvas(0.0, 0.0, right if right > 0 else 1.0, top if top > 0 else 1.0)


def _design_name(path: Path) -> str:
    stem = Path(path).name.split(".")[0]
    parent = Path(path).resolve().parent.name
    return parent if stem in ("netlist", "full") and parent else stem
