"""The node blocks of a text protobuf, however they are laid out, and what is wrong with them.

`ct_protobuf_layout` reads the usual layout many times faster, and leaves all others to this.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from placement_env.errors import InputError
from placement_env.formats.text import line_of
from placement_env.netlist import IntArray

METADATA = "__metadata__"

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


@dataclass(frozen=True)
class NodeTable:
    """The N nodes of a file in its order, `__metadata__` left out; strings as the file has them.

    Attributes:
        name: [N] names.
        offset: [N] where each name starts in the text.
        sink: `input` entries of all nodes, node by node.
        sink_start: [N + 1] first entry of each node in `sink`.
        values: The values of an attribute for some nodes; None for nodes without the attribute.
        has_metadata: Whether there was a node `__metadata__`.
    """

    name: list[str]
    offset: Sequence[int] | IntArray
    sink: list[str]
    sink_start: IntArray
    values: Callable[[str, IntArray], list[str | None]]
    has_metadata: bool


def parse_blocks(text: str, path: Path) -> NodeTable:
    """Read the blocks of a text protobuf.

    Raises:
        InputError: Something is not a node block; the error names the line.
    """
    names: list[str] = []
    offsets: list[int] = []
    sinks: list[str] = []
    sink_start = [0]
    attributes: list[dict[str, str]] = []
    has_metadata = False
    position = 0
    while match := _NODE.match(text, position):
        position = match.end()
        name, inputs, attrs = match.groups()
        if name == METADATA:
            has_metadata = True
            continue
        names.append(name)
        offsets.append(match.start(1))
        if inputs:
            sinks += _INPUT.findall(inputs)
        sink_start.append(len(sinks))
        attributes.append({key: plain or quoted for key, quoted, plain in _ATTR.findall(attrs)})
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

    def values(key: str, nodes: IntArray) -> list[str | None]:
        return [attributes[node].get(key) for node in nodes.tolist()]

    starts = np.array(sink_start, dtype=np.int64)
    return NodeTable(names, offsets, sinks, starts, values, has_metadata)
