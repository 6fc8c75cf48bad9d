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

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from placement_env.errors import InputError
from placement_env.formats.ct_protobuf_write import write
from placement_env.formats.text import line_of, read_text
from placement_env.netlist import Canvas, Netlist, NodeKind, Orient, Placement, check_netlist

__all__ = ["read", "write"]

# Possessive quantifiers keep the match linear on damaged files.
_STRING = r'"((?:[^"\\]|\\.)*+)"'
_NODE = re.compile(
    r"(?:\s|\#[^\n]*+\n)*+"
    rf"node\s*+\{{\s*+name\s*+:\s*+{_STRING}\s*+"
    r"((?:input\s*+:\s*+" + _STRING.replace("(", "(?:", 1) + r"\s*+)*+)"
    r"((?:attr\s*+\{\s*+key\s*+:\s*+"
    + _STRING.replace("(", "(?:", 1)
    + r"\s*+value\s*+\{\s*+\w++\s*+:\s*+(?:"
    + _STRING.replace("(", "(?:", 1)
    + r"|[^\s{}\"]++)\s*+\}\s*+\}\s*+)*+)\}"
)
_INPUT = re.compile(rf"input\s*:\s*{_STRING}")
_ATTR = re.compile(
    rf"key\s*:\s*{_STRING}\s*value\s*\{{\s*\w+\s*:\s*(?:{_STRING}|([^\s{{}}\"]+))\s*\}}"
)
_TRAILING = re.compile(r"(?:\s|\#[^\n]*+(?:\n|$))*+$")
_PIN_TYPES = ("MACRO_PIN", "macro_pin")


@dataclass(slots=True)
class _RawNode:
    name: str
    type: str
    inputs: list[str]
    attrs: dict[str, str]
    offset: int


def read(path: Path) -> tuple[Netlist, Placement]:
    """Read a Circuit Training netlist, grouped or not, and the positions that it carries.

    Raises:
        InputError: The file is missing or damaged, or its nodes do not fit together; the error
            names the line.
    """
    text = read_text(path)
    nodes, has_metadata = _parse(text, path)
    if not nodes:
        raise InputError(
            "the netlist has no nodes", where=str(path), hint="expected blocks `node { name: … }`"
        )

    def fail(node: _RawNode, message: str, hint: str = "") -> InputError:
        return InputError(message, where=f"{path}:{line_of(text, node.offset)}", hint=hint)

    def number(node: _RawNode, key: str, default: float | None = None) -> float:
        value = node.attrs.get(key)
        if value is None:
            if default is None:
                raise fail(node, f"node {node.name!r} has no {key!r}")
            return default
        try:
            result = float(value)
        except ValueError:
            result = float("nan")
        if not np.isfinite(result):
            raise fail(node, f"{key!r} of node {node.name!r} is {value!r}, expected a number")
        return result

    grouped = has_metadata or any(node.type in ("MACRO", "PORT", "MACRO_PIN") for node in nodes)
    node_of: dict[str, int] = {}  # node or pin name -> index in `nodes`
    row_of: dict[str, int] = {}  # port, macro or cell name -> row of the Netlist
    rows: list[tuple[_RawNode, NodeKind, int]] = []
    for index, node in enumerate(nodes):
        if node.name in node_of:
            raise fail(node, f"a second node is called {node.name!r}", "names must be unique")
        node_of[node.name] = index
        if node.type in _PIN_TYPES:
            continue
        kind = _kind(node, grouped)
        if kind is None:
            raise fail(
                node,
                f"node {node.name!r} has the unknown type {node.type!r}",
                "known types: PORT, MACRO, MACRO_PIN, macro, macro_pin, port, stdcell",
            )
        row_of[node.name] = len(rows)
        rows.append((node, kind, index))

    x = np.array([number(node, "x", 0.0) for node, _, _ in rows])
    y = np.array([number(node, "y", 0.0) for node, _, _ in rows])
    size = np.zeros((len(rows), 2))
    orient = np.zeros(len(rows), dtype=np.int64)
    for row, (node, kind, _) in enumerate(rows):
        if kind != NodeKind.PORT:
            size[row] = number(node, "width"), number(node, "height")
            if size[row].min() < 0:
                raise fail(node, f"node {node.name!r} has a negative size")
        turned = node.attrs.get("orientation", "N") or "N"
        if turned not in Orient.__members__:
            raise fail(
                node,
                f"node {node.name!r} has the orientation {turned!r}",
                "known orientations: " + ", ".join(Orient.__members__),
            )
        orient[row] = Orient[turned]

    pin_row = np.full(len(nodes), -1, dtype=np.int64)
    pin_offset = np.zeros((len(nodes), 2))
    pin_label = [""] * len(nodes)
    for index, node in enumerate(nodes):
        if node.type not in _PIN_TYPES:
            pin_row[index] = row_of[node.name]
            continue
        owner = node.attrs.get("macro_name", "")
        if owner not in row_of:
            raise fail(node, f"pin {node.name!r} belongs to the unknown macro {owner!r}")
        row = row_of[owner]
        pin_row[index] = row
        pin_label[index] = node.name.removeprefix(owner + "/")
        if rows[row][1] == NodeKind.HARD_MACRO:
            pin_offset[index] = number(node, "x_offset"), number(node, "y_offset")

    pins: list[int] = []
    starts = [0]
    weights: list[float] = []
    net_name: list[str] = []
    for index, node in enumerate(nodes):
        if not node.inputs:
            continue
        pins.append(index)
        for sink in node.inputs:
            try:
                pins.append(node_of[sink])
            except KeyError:
                raise fail(
                    node,
                    f"node {node.name!r} drives {sink!r}, which does not exist",
                    "the file may be truncated",
                ) from None
        starts.append(len(pins))
        weight = number(node, "weight", 1.0)
        if weight < 0:
            raise fail(node, f"node {node.name!r} has the negative weight {weight}")
        weights.append(1.0 if rows[pin_row[index]][1] == NodeKind.PORT else weight)
        net_name.append(node.name)
    pin = np.array(pins, dtype=np.int64)

    kinds = np.array([kind for _, kind, _ in rows], dtype=np.int64)
    netlist = Netlist(
        name=_design_name(path),
        node_name=tuple(node.name for node, _, _ in rows),
        node_kind=kinds,
        width_um=size[:, 0].copy(),
        height_um=size[:, 1].copy(),
        fixed=kinds == NodeKind.PORT,
        pin_node=pin_row[pin],
        pin_dx_um=pin_offset[pin, 0],
        pin_dy_um=pin_offset[pin, 1],
        net_start=np.array(starts, dtype=np.int64),
        net_weight=np.array(weights),
        canvas=_bounding_canvas(x, y, size, kinds),
        net_name=tuple(net_name),
        pin_name=tuple(pin_label[index] for index in pins),
        source_index=np.array([index for _, _, index in rows], dtype=np.int64),
    )
    check_netlist(netlist, where=str(path))
    return netlist, Placement(x, y, orient)


def _parse(text: str, path: Path) -> tuple[list[_RawNode], bool]:
    nodes: list[_RawNode] = []
    has_metadata = False
    position = 0
    while match := _NODE.match(text, position):
        name, inputs, attrs = match.groups()
        attributes = {}
        for key, quoted, plain in _ATTR.findall(attrs):
            attributes[key] = plain or quoted
        if name == "__metadata__":
            has_metadata = True
        else:
            sinks = _INPUT.findall(inputs) if inputs else []
            offset = match.start(1)
            nodes.append(_RawNode(name, attributes.get("type", ""), sinks, attributes, offset))
        position = match.end()
    if not _TRAILING.match(text, position):
        rest = re.compile(r"\s*").match(text, position)
        start = rest.end() if rest else position
        shown = text[start : start + 60].split("\n")[0]
        raise InputError(
            f"expected `node {{ name: … input: … attr {{ key: … value {{ … }} }} }}`, "
            f"found a block that is not one, starting {shown!r}",
            where=f"{path}:{line_of(text, start)}",
            hint="the file may be truncated or not a Circuit Training netlist",
        )
    return nodes, has_metadata


def _kind(node: _RawNode, grouped: bool) -> NodeKind | None:
    if node.type == "macro":
        return NodeKind.SOFT_MACRO if grouped else NodeKind.HARD_MACRO
    return {
        "PORT": NodeKind.PORT,
        "port": NodeKind.PORT,
        "MACRO": NodeKind.HARD_MACRO,
        "stdcell": NodeKind.STANDARD_CELL,
        "STDCELL": NodeKind.STANDARD_CELL,
    }.get(node.type)


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
