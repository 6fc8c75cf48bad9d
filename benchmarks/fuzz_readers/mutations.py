"""Damages to a document, to its bytes and to its words and lines.

They work on bytes throughout, so that they can be stacked in any order, and draw from the `Random`
that they are given alone: equal generators give equal documents.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from random import Random

Mutation = Callable[[Random, bytes], bytes]

_WORD = re.compile(rb"\S+")
_NUMBER = re.compile(rb"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")
_NAME = re.compile(rb"[A-Za-z_][\w\[\]/\\]*")

_NUMBERS = (
    *(b"0", b"-0", b"1", b"-1", b"0.5", b"-2.5", b"2", b"3", b"100"),
    *(b"nan", b"-inf", b"1e308", b"-1e308", b"1.8e308", b"1e300", b"1e-320", b"1e19", b"1e400"),
    *(b"1000000", b"2147483648", b"4294967297", b"9007199254740993", b"9223372036854775808"),
    *(b"9" * 30, b"9" * 400, b"9" * 5000, b"0" * 5000 + b"1", b"0." + b"3" * 5000),
    *(b"0x10", b"1_000", b"1,5", b"1.2.3", b"--1", b"1e", b".", b"+", b"1e+", b"0b1", b"1'b0"),
    *("½".encode(), "²".encode(), "٣".encode(), "１２".encode(), b"\xb2"),
)
_PIECES = (
    *(b" ", b"\n", b"\n\n", b"\t", b"\r", b"\r\n", b"\0", b"\x0b", b"\x0c", b"\x1c", b"\x7f"),
    *("\u00a0".encode(), "\u2028".encode(), "\u0085".encode(), "\ue000".encode(), "é".encode()),
    *(b"(", b")", b"[", b"]", b"{", b"}", b"<", b">", b";", b":", b",", b".", b"+", b"-", b"*"),
    *(b'"', b"'", b"\\", b"/", b"//", b"/*", b"*/", b"(*", b"*)", b"#", b"%", b"=", b"`", b"$"),
    *(b"END", b"end", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xfe\xff", b"x" * 3000, b" " * 3000),
)


def damaged(random: Random, document: bytes, most: int = 5) -> bytes:
    """The document after one to `most` mutations; mostly few, since many are refused at once."""
    for _ in range(min(random.randint(1, most), random.randint(1, most))):
        document = random.choice(MUTATIONS)(random, document)
    return document


def _flip_bit(random: Random, document: bytes) -> bytes:
    at = random.randrange(len(document) or 1)
    flipped = bytes([byte ^ 1 << random.randrange(8) for byte in document[at : at + 1]])
    return document[:at] + flipped + document[at + 1 :]


def _replace_bytes(random: Random, document: bytes) -> bytes:
    start, end = _span(random, document)
    return document[:start] + random.randbytes(min(end - start, 8)) + document[end:]


def _delete_bytes(random: Random, document: bytes) -> bytes:
    start, end = _span(random, document)
    return document[:start] + document[end:]


def _insert_piece(random: Random, document: bytes) -> bytes:
    at = random.randint(0, len(document))
    return document[:at] + random.choice(_PIECES) + document[at:]


def _copy_bytes(random: Random, document: bytes) -> bytes:
    start, end = _span(random, document)
    at = random.randint(0, len(document))
    return document[:at] + document[start:end] + document[at:]


def _truncate(random: Random, document: bytes) -> bytes:
    return document[: random.randint(0, len(document))]


def _byte_order_mark(random: Random, document: bytes) -> bytes:
    return random.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")) + document


def _line_ends(random: Random, document: bytes) -> bytes:
    return document.replace(b"\n", random.choice((b"\r\n", b"\r", b"\n\n", b" ")))


def _compress(random: Random, document: bytes) -> bytes:
    del random
    return gzip.compress(document, mtime=0)


def _swap_lines(random: Random, document: bytes) -> bytes:
    lines = document.split(b"\n")
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


def _double_line(random: Random, document: bytes) -> bytes:
    lines = document.split(b"\n")
    lines.insert(random.randint(0, len(lines)), random.choice(lines))
    return b"\n".join(lines)


def _delete_line(random: Random, document: bytes) -> bytes:
    lines = document.split(b"\n")
    del lines[random.randrange(len(lines))]
    return b"\n".join(lines)


def _swap_words(random: Random, document: bytes) -> bytes:
    one, other = sorted((_piece(random, document, _WORD), _piece(random, document, _WORD)))
    if one[1] > other[0]:
        return document
    middle = document[one[1] : other[0]]
    swapped = document[slice(*other)] + middle + document[slice(*one)]
    return document[: one[0]] + swapped + document[other[1] :]


def _double_word(random: Random, document: bytes) -> bytes:
    start, end = _piece(random, document, _WORD)
    return document[:end] + b" " + document[start:end] + document[end:]


def _delete_word(random: Random, document: bytes) -> bytes:
    start, end = _piece(random, document, _WORD)
    return document[:start] + document[end:]


def _change_number(random: Random, document: bytes) -> bytes:
    start, end = _piece(random, document, _NUMBER)
    return document[:start] + random.choice(_NUMBERS) + document[end:]


def _off_by_one(random: Random, document: bytes) -> bytes:
    start, end = _piece(random, document, _NUMBER)
    digits = document[start:end].lstrip(b"-+")
    if not digits.isdigit() or len(digits) > 18:
        return document
    return document[:start] + b"%d" % (int(digits) + random.choice((-1, 1))) + document[end:]


def _reuse_name(random: Random, document: bytes) -> bytes:
    """One name in place of another, which makes duplicates and nonsense of keywords."""
    start, end = _piece(random, document, _NAME)
    return document[:start] + document[slice(*_piece(random, document, _NAME))] + document[end:]


def _rename(random: Random, document: bytes) -> bytes:
    start, end = _piece(random, document, _NAME)
    return document[:start] + random.choice((b"nobody", b"x", b"PIN", b"[0]")) + document[end:]


def _change_case(random: Random, document: bytes) -> bytes:
    start, end = _piece(random, document, _NAME)
    return document[:start] + document[start:end].swapcase() + document[end:]


#: What happens more often to files, or finds more, is listed more than once.
MUTATIONS: tuple[Mutation, ...] = (
    *(_flip_bit, _replace_bytes, _delete_bytes, _insert_piece, _insert_piece, _copy_bytes),
    *(_truncate, _byte_order_mark, _line_ends, _compress),
    *(_swap_lines, _double_line, _delete_line, _swap_words, _double_word, _delete_word),
    *(_change_number, _change_number, _change_number, _off_by_one),
    *(_reuse_name, _reuse_name, _rename, _change_case),
)


def _span(random: Random, document: bytes) -> tuple[int, int]:
    """Start and end of a part of the document, mostly a short one."""
    start = random.randint(0, len(document))
    return start, min(len(document), start + random.choice((1, 1, 2, 4, 16, 64, 512)))


def _piece(random: Random, document: bytes, pattern: re.Pattern[bytes]) -> tuple[int, int]:
    """Start and end of a match of the pattern, chosen by where it lies; an empty span if none is.

    Searching from a random place on is much faster than listing all matches.
    """
    found = pattern.search(document, random.randint(0, len(document))) or pattern.search(document)
    return found.span() if found else (0, 0)
