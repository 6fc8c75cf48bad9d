"""The words of a LEF or DEF file, with the line of each for error messages.

Both formats are free-form: words are separated by white space, a statement ends in a word `;`,
`#` begins a comment, and text in double quotes is one word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from placement_env.errors import InputError
from placement_env.formats.decimals import decimal
from placement_env.formats.text import read_text
from placement_env.netlist import LARGEST

# Both alternatives begin with their letter; looking back first would be six times slower.
_QUOTED_OR_COMMENT = re.compile(r'#(?<!\S#)[^\n]*|"[^"]*"')
# Private-use characters stand for white space inside quotes, where `str.split` must not cut.
_HIDE = str.maketrans({" ": "\ue000", "\t": "\ue001", "\n": "\ue002", "\r": "\ue003"})
_SHOW = str.maketrans({"\ue000": " ", "\ue001": "\t", "\ue002": "\n", "\ue003": "\r"})


class Tokens:
    """A cursor over the words of one file.

    Attributes:
        words: All words in order.
        at: Index of the next word; readers with a fast path of their own may move it.
        path: The file, for messages.
    """

    def __init__(self, text: str, path: Path | str) -> None:
        self.path = str(path)
        # Most of a DEF file has neither, and looking for them takes longer than cutting the words.
        last = max(text.rfind("#"), text.rfind('"'))
        if last >= 0:
            head, newline, rest = text[last:].partition("\n")
            text = _QUOTED_OR_COMMENT.sub(_plain, text[:last] + head) + newline + rest
        self._text = text
        self.words = text.split()
        self.at = 0

    @classmethod
    def of_file(cls, path: Path | str) -> Tokens:
        """The words of a file, plain or gzipped."""
        return cls(read_text(path), path)

    @cached_property
    def array(self) -> np.ndarray:
        """[W] the words, as an array of `str` objects."""
        return np.array(self.words, dtype=object)

    @cached_property
    def marks(self) -> NDArray[np.uint8]:
        """[W] the codes of words of one letter, such as `;`, and 0 for all others."""
        if not self._text.isascii():
            codes = [ord(word) if len(word) == 1 and word.isascii() else 0 for word in self.words]
            return np.array(codes, dtype=np.uint8)
        codes = np.frombuffer(f" {self._text}  ".encode(), dtype=np.uint8)
        # The white space of `str.split`: differences below zero wrap around.
        blank = (codes == ord(" ")) | (codes - ord("\t") < 5) | (codes - 28 < 4)
        start = np.flatnonzero(blank[:-1] & ~blank[1:]) + 1
        return np.where(blank[start + 1], codes[start], 0).astype(np.uint8)

    def line_of(self, index: int) -> int:
        """Line of a word, counted from 1. Slow: for error messages only."""
        words_before, line = 0, 1
        for row in self._text.split("\n"):
            words_before += len(row.split())
            if words_before > index:
                break
            line += 1 + row.count("\ue002")
        return line

    def where(self, index: int | None = None) -> str:
        """`file:line` of a word; of the word last taken without an index."""
        index = max(self.at - 1, 0) if index is None else index
        return f"{self.path}:{self.line_of(index)}"

    def fail(self, message: str, *, index: int | None = None, hint: str = "") -> NoReturn:
        """Raise `InputError` at a word."""
        raise InputError(message, where=self.where(index), hint=hint)

    def fail_cut_off(self, inside: str) -> NoReturn:
        """Raise `InputError` at the last word of a file that has no more."""
        self.fail(
            f"the file ends inside {inside}",
            index=len(self.words) - 1,
            hint="the file was probably cut off; fetch or write it again",
        )

    def more(self) -> bool:
        """There is another word."""
        return self.at < len(self.words)

    def peek(self) -> str:
        """The next word without taking it; empty at the end of the file."""
        return self.words[self.at] if self.at < len(self.words) else ""

    def take(self, inside: str = "the file") -> str:
        """The next word."""
        if self.at >= len(self.words):
            self.fail_cut_off(inside)
        word = self.words[self.at]
        self.at += 1
        return word

    def keyword(self, inside: str = "the file") -> str:
        """The next word in capitals: LEF's keywords may be written in any case."""
        return self.take(inside).upper()

    def text(self, inside: str = "the file") -> str:
        """The next word without its quotes."""
        word = self.take(inside)
        if word.startswith('"'):
            word = word.strip('"').translate(_SHOW)
        return word

    def expect(self, expected: str, inside: str = "the file") -> None:
        """Take one word that must be `expected`."""
        word = self.take(inside)
        if word != expected:
            self.fail(f"expected {expected!r} in {inside}, found {word[:40]!r}")

    def expect_keyword(self, expected: str, inside: str = "the file") -> None:
        """Take one word that must be `expected`, in any case."""
        if self.keyword(inside) != expected:
            found = self.words[self.at - 1][:40]
            self.fail(f"expected {expected!r} in {inside}, found {found!r}")

    def number(self, inside: str = "the file") -> float:
        """The next word as a number of usable size."""
        word = self.take(inside)
        try:
            value = decimal(word)
        except ValueError:
            self.fail(f"expected a number in {inside}, found {word[:40]!r}")
        if not abs(value) <= LARGEST:
            self.fail(f"{word} in {inside} is not a finite number up to {LARGEST:g}")
        return value

    def integer(self, inside: str = "the file") -> int:
        """The next word as an integer; `12.0` counts as one."""
        word = self.take(inside)
        try:
            return whole_number(word)
        except ValueError:
            self.fail(f"expected an integer in {inside}, found {word[:40]!r}")

    def statement(self, inside: str = "the file") -> list[str]:
        """The words up to the next `;`, which is taken as well but not given."""
        try:
            end = self.words.index(";", self.at)
        except ValueError:
            self.fail_cut_off(inside)
        words = self.words[self.at : end]
        self.at = end + 1
        return words

    def skip_to_end_of(self, name: str) -> None:
        """Skip a block of DEF up to and including its `END name`."""
        while True:
            try:
                self.at = self.words.index("END", self.at) + 1
            except ValueError:
                self.fail_cut_off(name)
            if self.peek() == name:
                self.at += 1
                return

    def skip_lef_block(self, end: str, *, is_name: bool = False) -> None:
        """Skip a block of LEF up to and including its END and the word behind that.

        Args:
            end: The word, in capitals if it is a keyword, which may be written in any case.
            is_name: Whether it is a name, which is as it is written.
        """
        while True:
            if self.keyword(end) == "END":
                found = self.peek()
                if (found if is_name else found.upper()) == end:
                    self.at += 1
                    return


def as_written(words: Iterable[str]) -> str:
    """Words with one blank between them, those in quotes as the file has them."""
    return " ".join(words).translate(_SHOW)


def whole_number(word: str) -> int:
    """The integer that a word states; `12.0` counts as one.

    Raises:
        ValueError: It states none, or none that a double holds exactly.
    """
    if "_" in word:
        raise ValueError(f"{word!r} is not a whole number")
    try:
        value = int(word)
    except ValueError:
        real = decimal(word)
        if not real.is_integer():
            raise
        value = int(real)
    if abs(value) > 2**53:
        raise ValueError(f"{value} is too large")
    return value


def _plain(match: re.Match[str]) -> str:
    found = match.group()
    return found.translate(_HIDE) if found.startswith('"') else ""
