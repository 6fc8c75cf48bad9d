"""Where the words of a large Bookshelf file are, so that NumPy can look at whole columns of them.

Reading line by line takes some microseconds a line, which adds up over millions of pins. A reader
takes this table where all lines look as usual, and goes line by line where one does not: that way
gives the errors with their line numbers.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from placement_env.formats.decimals import decimals
from placement_env.netlist import LARGEST, FloatArray, IntArray

_COMMENT = re.compile(r"^[^\S\n]*#.*", re.MULTILINE)
#: The white space of `str.split`; other control characters are in no usual file.
_BLANK = np.array([chr(code).isspace() for code in range(33)])


class WordTable(NamedTuple):
    """The W words on the L lines that are neither empty nor comment.

    Attributes:
        text: The text without comments.
        codes: Its characters.
        start: [W] where each word begins.
        end: [W] where it ends.
        first: [L] the first word of each line.
        length: [L] the number of words on each line.
    """

    text: str
    codes: NDArray[np.uint8]
    start: IntArray
    end: IntArray
    first: IntArray
    length: IntArray

    def words(self, lines: IntArray, column: int) -> list[str]:
        """The word number `column` of each of the lines, which must be that long."""
        at = self.first[lines] + column
        text = self.text
        spans = zip(self.start[at].tolist(), self.end[at].tolist(), strict=True)
        return [text[start:end] for start, end in spans]

    def are(self, lines: IntArray, column: int, letter: str) -> NDArray[np.bool_]:
        """Whether the word number `column` of each of the lines is this letter."""
        at = self.first[lines] + column
        return (self.codes[self.start[at]] == ord(letter)) & (self.end[at] == self.start[at] + 1)

    def begin_with(self, lines: IntArray, word: str) -> NDArray[np.bool_]:
        """Whether the first word of each of the lines is this one."""
        start, end = self.start[self.first[lines]], self.end[self.first[lines]]
        same = end - start == len(word)
        for k, letter in enumerate(word):
            same[same] = self.codes[start[same] + k] == ord(letter)
        return same

    def floats(
        self, lines: IntArray, column: int, *, largest: float = LARGEST
    ) -> FloatArray | None:
        """As `words`, for numbers of usable size; None where one is not."""
        at = self.first[lines] + column
        numbers = decimals(self.codes, self.start[at], self.end[at])
        return numbers if numbers is not None and (abs(numbers) <= largest).all() else None

    def head(self, keys: tuple[str, ...]) -> tuple[int, dict[str, str]]:
        """The number of lines at the top that state counts, and what they state.

        These are `UCLA kind 1.0` and lines such as `NumNodes : 12` with one of the keys, which are
        given in small letters.
        """
        stated: dict[str, str] = {}
        for line, (first, words) in enumerate(zip(self.first, self.length, strict=True)):
            last = first + words - 1
            key = self.text[self.start[first] : self.end[first]].rstrip(":").lower()
            if key in keys:
                stated[key] = self.text[self.start[last] : self.end[last]]
            elif line or key != "ucla":
                return line, stated
        return len(self.first), stated


def word_table(text: str) -> WordTable | None:
    """The words of a text; None where it has other characters than those of usual files."""
    if not text.isascii():
        return None
    if "#" in text:
        text = _COMMENT.sub("", text)
    text = f"\n{text}\n"
    codes = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    blank = codes <= ord(" ")
    if not _BLANK[np.flatnonzero(np.bincount(codes[blank], minlength=33))].all():
        return None
    begins = blank[:-1] & ~blank[1:]
    line_starts = np.flatnonzero(codes == ord("\n"))[:-1]
    length = np.add.reduceat(begins, line_starts, dtype=np.int64)
    filled = length > 0
    return WordTable(
        text=text,
        codes=codes,
        start=np.flatnonzero(begins) + 1,
        end=np.flatnonzero(~blank[:-1] & blank[1:]) + 1,
        first=(np.cumsum(length) - length)[filled],
        length=length[filled],
    )
