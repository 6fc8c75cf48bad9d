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
from typing import NamedTuple

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
    data = text.encode("ascii")
    try:
        return _table(text, data, _strings(text, data))
    except _Unusual:
        return None


class _Unusual(Exception):
    """The text is not laid out in the usual way."""


def _require(holds: bool | np.bool_) -> None:
    if not holds:
        raise _Unusual


class _Strings(NamedTuple):
    """The S strings of a text, without their quotes, and the numbers.

    Attributes:
        kind: [S + 1] what they are; the last is the end of the file.
        start: [S + 1] where they begin.
        end: [S] where they end.
        number_start: [S] where the number after a key begins, if one stands there.
        number_end: [S] where that number ends.
    """

    kind: NDArray[np.uint8]
    start: IntArray
    end: IntArray
    number_start: IntArray
    number_end: IntArray


def _strings(text: str, data: bytes) -> _Strings:
    """All strings and numbers; raises `_Unusual` unless all that is between them is as it must."""
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
        _require_numbers(codes, number_start[at], number_end[at])
        _require_literal(data, end[at], _BEFORE_NUMBER)
        _require_literal(data, number_end[at], literal)
        checked += at.size
    _require(checked == end.size)
    return _Strings(kind, start, end, number_start, number_end)


def _table(text: str, data: bytes, strings: _Strings) -> NodeTable:
    kind, start, end, number_start, number_end = strings
    name = np.flatnonzero(kind == _NAME)
    is_node = ~_spelled(data, start[name], end[name], METADATA)
    num_nodes = int(np.count_nonzero(is_node))
    node = np.where(is_node, np.cumsum(is_node) - 1, -1)[np.cumsum(kind == _NAME) - 1]
    sink = np.flatnonzero((kind == _SINK) & (node >= 0))
    key = np.flatnonzero((kind == _KEY) & (node >= 0))
    key_start, key_end, key_node = start[key], end[key], node[key]
    is_text = kind[key + 1] == _TEXT
    value_start = np.where(is_text, start[key + 1], number_start[key])
    value_end = np.where(is_text, end.take(key + 1, mode="clip"), number_end[key])

    def values(attribute: str, nodes: IntArray) -> list[str | None]:
        found = np.flatnonzero(_spelled(data, key_start, key_end, attribute))
        spans = np.full((2, num_nodes), -1, dtype=np.int64)
        spans[0, key_node[found]] = value_start[found]  # Of several the last one counts.
        spans[1, key_node[found]] = value_end[found]
        starts, ends = spans[:, nodes].tolist()
        return [None if a < 0 else text[a:b] for a, b in zip(starts, ends, strict=True)]

    def cut(which: IntArray) -> list[str]:
        spans = zip(start[which].tolist(), end[which].tolist(), strict=True)
        return [text[a:b] for a, b in spans]

    return NodeTable(
        name=cut(name[is_node]),
        offset=start[name[is_node]],
        sink=cut(sink),
        sink_start=np.searchsorted(node[sink], np.arange(num_nodes + 1)),
        values=values,
        has_metadata=num_nodes < name.size,
    )


def _pieces(data: bytes, at: IntArray, length: int) -> NDArray[np.bytes_]:
    """The pieces of a length at some places, all of which must be within the data."""
    places = max(len(data) - length + 1, 0)
    return np.ndarray((places,), f"S{length}", data, strides=(1,))[at]


def _spelled(data: bytes, start: IntArray, end: IntArray, word: str) -> NDArray[np.bool_]:
    """Which of the strings are the word."""
    found = np.flatnonzero(end - start == len(word))
    found = found[_pieces(data, start[found], len(word)) == word.encode()]
    spelled = np.zeros(start.size, dtype=bool)
    spelled[found] = True
    return spelled


def _require_literal(data: bytes, at: IntArray, literal: bytes) -> None:
    _require(at.size == 0 or _pieces(data, at, len(literal)).tobytes() == literal * at.size)


def _require_numbers(codes: NDArray[np.uint8], start: IntArray, end: IntArray) -> None:
    length = end - start
    longest = length.max(initial=1)
    _require(length.min(initial=1) > 0 and longest <= _LONGEST_NUMBER)
    for place in range(longest):
        _require(not _ENDS_NUMBER[codes[start[length > place] + place]].any())
