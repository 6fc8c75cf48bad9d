"""The node blocks of a text protobuf in its usual layout, all at once with NumPy.

Netlists are written by few programs, all with one layout:

    node {
      name: "a"
      input: "b"
      attr {
        key: "type"
        value {
          placeholder: "PORT"
        }
      }
      attr {
        key: "x"
        value {
          f: 1.5
        }
      }
    }

The word before a string tells its kind, and the kinds of two strings in sequence tell every
character between them, up to a number. `parse_layout` finds the strings by their quotes, compares
all that is between them, and gives up on a text that differs anywhere.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from placement_env.formats.ct_protobuf_blocks import METADATA, NodeTable
from placement_env.netlist import IntArray

# What the quotes hold; the end of the file counts as one more.
_NAME, _SINK, _KEY, _TEXT, _END, _UNKNOWN = range(6)
#: [256] the kind of a string by the last letter of the word before it.
_KIND = np.full(256, _UNKNOWN, dtype=np.uint8)
for _word, _kind in (("name", _NAME), ("input", _SINK), ("key", _KEY), ("placeholder", _TEXT)):
    _KIND[ord(_word[-1])] = _kind

_NODE = b'node {\n  name: "'
_INPUT = b'  input: "'
_ATTRIBUTE = b'  attr {\n    key: "'
_BEFORE_TEXT = b'"\n    value {\n      placeholder: "'
_BEFORE_NUMBER = b'"\n    value {\n      f: '
_AFTER_VALUE = b"\n    }\n  }\n"
#: What is between strings of two kinds, from quote to quote.
_BETWEEN = {
    (_NAME, _SINK): b'"\n' + _INPUT,
    (_NAME, _KEY): b'"\n' + _ATTRIBUTE,
    (_NAME, _NAME): b'"\n}\n' + _NODE,
    (_NAME, _END): b'"\n}\n',
    (_SINK, _SINK): b'"\n' + _INPUT,
    (_SINK, _KEY): b'"\n' + _ATTRIBUTE,
    (_SINK, _NAME): b'"\n}\n' + _NODE,
    (_SINK, _END): b'"\n}\n',
    (_KEY, _TEXT): _BEFORE_TEXT,
    (_TEXT, _KEY): b'"' + _AFTER_VALUE + _ATTRIBUTE,
    (_TEXT, _NAME): b'"' + _AFTER_VALUE + b"}\n" + _NODE,
    (_TEXT, _END): b'"' + _AFTER_VALUE + b"}\n",
}
#: What is between a number, which stands after a key, and a string.
_AFTER_NUMBER = {
    _KEY: _AFTER_VALUE + _ATTRIBUTE,
    _NAME: _AFTER_VALUE + b"}\n" + _NODE,
    _END: _AFTER_VALUE + b"}\n",
}
_COMMENTS = re.compile(r"(?:#[^\n]*+\n|\n)*+")
_LONGEST_NUMBER = 40
#: [256] characters that a number cannot have: white space, braces and quotes end it.
_ENDS_NUMBER = np.array([chr(code).isspace() or chr(code) in '{}"' for code in range(256)])


def parse_layout(text: str) -> NodeTable | None:
    """What `parse_blocks` gives for the text, or None where its layout is not the usual one."""
    if not text.isascii() or "\\" in text:
        return None
    try:
        return _parse(text, text.encode("ascii"))
    except _Unusual:
        return None


class _Unusual(Exception):
    """The text is not laid out in the usual way."""


def _require(holds: bool | np.bool_) -> None:
    if not holds:
        raise _Unusual


def _parse(text: str, data: bytes) -> NodeTable:
    codes = np.frombuffer(data, dtype=np.uint8)
    quote = np.flatnonzero(codes == ord('"'))
    _require(quote.size > 0 and quote.size % 2 == 0)
    start, end = np.append(quote[0::2] + 1, len(data)), quote[1::2]
    comments = _COMMENTS.match(text)
    head = comments.end() if comments else 0
    _require(data.startswith(_NODE, head) and start[0] == head + len(_NODE))
    kind = np.append(_KIND[codes[start[:-1] - len('e: "')]], np.uint8(_END))

    checked = 0
    for (one, other), literal in _BETWEEN.items():
        at = np.flatnonzero((kind[:-1] == one) & (kind[1:] == other))
        _require((start[at + 1] - end[at] == len(literal)).all())
        _require_literal(data, end[at], literal)
        checked += at.size
    number_start, number_end = end + len(_BEFORE_NUMBER), end.copy()
    for other, literal in _AFTER_NUMBER.items():
        at = np.flatnonzero((kind[:-1] == _KEY) & (kind[1:] == other))
        number_end[at] = start[at + 1] - len(literal)
        _check_numbers(codes, number_start[at], number_end[at])
        _require_literal(data, end[at], _BEFORE_NUMBER)
        _require_literal(data, number_end[at], literal)
        checked += at.size
    _require(checked == end.size)

    name = np.flatnonzero(kind == _NAME)
    length = end[name] - start[name]
    metadata = np.flatnonzero(length == len(METADATA))
    metadata = metadata[_cut(data, start[name[metadata]], len(METADATA)) == METADATA.encode()]
    is_node = np.ones(name.size, dtype=bool)
    is_node[metadata] = False
    num_nodes = int(np.count_nonzero(is_node))
    node = np.where(is_node, np.cumsum(is_node) - 1, -1)[np.cumsum(kind == _NAME) - 1]
    name = name[is_node]
    sink = np.flatnonzero((kind == _SINK) & (node >= 0))
    attribute = np.flatnonzero((kind == _KEY) & (node >= 0))
    key_start, key_length = start[attribute], end[attribute] - start[attribute]
    of_node = node[attribute]
    is_text = kind[attribute + 1] == _TEXT
    value_start = np.where(is_text, start[attribute + 1], number_start[attribute])
    value_end = np.where(is_text, end.take(attribute + 1, mode="clip"), number_end[attribute])

    def values(key: str, nodes: IntArray) -> list[str | None]:
        of_key = np.flatnonzero(key_length == len(key))
        of_key = of_key[_cut(data, key_start[of_key], len(key)) == key.encode()]
        spans = np.full((2, num_nodes), -1, dtype=np.int64)
        spans[0, of_node[of_key]] = value_start[of_key]  # Of several the last one counts.
        spans[1, of_node[of_key]] = value_end[of_key]
        starts, ends = spans[:, nodes].tolist()
        return [None if a < 0 else text[a:b] for a, b in zip(starts, ends, strict=True)]

    return NodeTable(
        name=_strings(text, start[name], end[name]),
        offset=start[name],
        sink=_strings(text, start[sink], end[sink]),
        sink_start=np.searchsorted(node[sink], np.arange(num_nodes + 1)),
        values=values,
        has_metadata=metadata.size > 0,
    )


def _cut(data: bytes, at: IntArray, length: int) -> NDArray[np.bytes_]:
    """The strings of a length at some places, all of which must be within the data."""
    places = max(len(data) - length + 1, 0)
    return np.ndarray((places,), f"S{length}", data, strides=(1,))[at]


def _require_literal(data: bytes, at: IntArray, literal: bytes) -> None:
    _require(not at.size or _cut(data, at, len(literal)).tobytes() == literal * at.size)


def _check_numbers(codes: NDArray[np.uint8], start: IntArray, end: IntArray) -> None:
    length = end - start
    longest = length.max(initial=1)
    _require(length.min(initial=1) > 0 and longest <= _LONGEST_NUMBER)
    for place in range(longest):
        _require(not _ENDS_NUMBER[codes[start[length > place] + place]].any())


def _strings(text: str, start: IntArray, end: IntArray) -> list[str]:
    return [text[a:b] for a, b in zip(start.tolist(), end.tolist(), strict=True)]
