"""Lines of Bookshelf files: words, headers (`NumNodes : 12`) and numbers, with places for messages.

The files of one design are named in an .aux file; each may be gzipped, with or without .gz in its
name. Headers are spelled in various ways (`Numrows`, `NumRows`), so case does not count there.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NoReturn

from placement_env.errors import InputError
from placement_env.formats.decimals import decimal
from placement_env.formats.text import read_text
from placement_env.netlist import LARGEST

_NEEDED = ("nodes", "nets", "pl", "scl")
_OPTIONAL = ("wts", "shapes")
#: Who may stand on the first line; .blocks files were made at three places.
_VENDORS = ("UCLA", "UCSC", "UMICH")


@dataclass(frozen=True)
class BookshelfFile:
    """The lines of one file.

    Attributes:
        path: The file.
        text: What it holds.
        headed: Whether its first line is `UCLA kind 1.0`.
    """

    path: Path
    text: str
    headed: bool

    @classmethod
    def read(cls, path: Path, kind: str, *, headed: bool = True) -> BookshelfFile:
        """Read a file that must begin with `UCLA kind`.

        With `headed` False it may do without, or begin as the .blocks file does.
        """
        file = cls(path, read_text(path), headed=True)
        number, words = next(file.rows(), (1, []))
        kinds = (kind,) if headed else (kind, "blocks")
        if len(words) > 1 and words[0] in _VENDORS and words[1] in kinds:
            return file
        if headed or (words[:1] and words[0] in _VENDORS):
            file.fail(number, f"expected a line 'UCLA {kind} 1.0', found {' '.join(words[:3])!r}")
        return replace(file, headed=False)

    @cached_property
    def lines(self) -> list[str]:
        """Its lines."""
        return self.text.split("\n")

    @property
    def stem(self) -> str:
        """The file's name without its endings."""
        return self.path.name.removesuffix(".gz").rpartition(".")[0]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line number, from 1, and words of every line that is neither empty nor comment."""
        for number, line in enumerate(self.lines, start=1):
            words = line.split()
            if words and words[0][0] != "#":
                yield number, words

    def body(self) -> Iterator[tuple[int, list[str]]]:
        """As `rows`, without the first line where that is `UCLA kind 1.0`."""
        return itertools.islice(self.rows(), int(self.headed), None)

    def fail(self, number: int, message: str, hint: str = "") -> NoReturn:
        """Raise `InputError` at a line."""
        raise InputError(message, where=f"{self.path}:{number}", hint=hint)

    def number(self, line: int, word: str, what: str, *, largest: float = LARGEST) -> float:
        """A word as a number of usable size."""
        try:
            value = decimal(word)
        except ValueError:
            self.fail(line, f"expected a number for {what}, found {word!r}")
        if not abs(value) <= largest:
            self.fail(line, f"{what} is {word}, expected a finite number up to {largest:g}")
        return value

    def count(self, line: int, words: list[str]) -> int:
        """The number of a header such as `NumNodes : 12`."""
        value = words[-1].lstrip(":")
        if not value.isdecimal() or len(value) > 12:
            self.fail(line, f"expected a count in {' '.join(words)!r}")
        return int(value)

    def expect_count(self, line: int, key: str, expected: int, found: int) -> None:
        """Refuse a file whose header at `line` says another count."""
        if found != expected:
            self.fail(
                line,
                f"the header says {expected} {key.removeprefix('num')}, the file has {found}",
                "the file was probably cut off or edited",
            )


def header(words: list[str]) -> str:
    """The lower-case key of a header line such as `NumNodes : 12` or `NetDegree: 3 n1`."""
    return words[0].rstrip(":").lower()


def files_of(aux_path: Path) -> dict[str, Path]:
    """The files that an .aux file names, by kind: nodes, nets, pl, scl and perhaps wts and shapes.

    A .route file, which the routability contests add, is passed over.

    Raises:
        InputError: The .aux file is missing or names no file of a kind that is needed.
    """
    found: dict[str, Path] = {}
    text = read_text(aux_path)
    if "\0" in text:
        raise InputError("not a text file", where=str(aux_path))
    for line in text.split("\n"):
        if line.lstrip().startswith("#"):
            continue
        for word in line.replace(":", " ").split()[1:]:
            kind = word.removesuffix(".gz").rpartition(".")[2]
            if kind in _NEEDED + _OPTIONAL:
                found[kind] = with_or_without_gz(aux_path.parent / word)
    missing = [kind for kind in _NEEDED if kind not in found]
    if missing:
        raise InputError(
            f"the .aux file names no .{missing[0]} file",
            where=str(aux_path),
            hint="expected 'RowBasedPlacement : x.nodes x.nets x.wts x.pl x.scl'",
        )
    return found


def with_or_without_gz(path: Path) -> Path:
    """The file, or the one with .gz where only that exists."""
    for candidate in (path, path.with_name(f"{path.name}.gz")):
        # A damaged name can be too long for the system; `Path.exists` would raise.
        if os.path.exists(candidate):
            return candidate
    return path
