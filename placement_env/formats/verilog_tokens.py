"""The words of structural Verilog (IEEE 1364-2005, section 3), with their lines for messages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NoReturn

from placement_env.errors import InputError
from placement_env.formats.text import read_text

#: What is no word is outside the group. A comment that does not end is one word up to the end of
#: the file, so that nobody looks for its end again and again.
_TOKEN = re.compile(
    r"""
      (?: //[^\n]* | /\*.*?\*/ | \(\*(?!\s*+\)).*?\*\) )  # comment, attribute
    | `[^\n]*                                    # compiler directive
    | ( \\[^\s]+                                 # escaped identifier
      | [A-Za-z_][A-Za-z0-9_$]*                  # identifier or keyword
      | /\*.* | \(\*(?!\s*+\)).*                 # comment or attribute that does not end
      | [.(),;\[\]{}]                            # what the language is mostly made of
      | \d[\d_]*+(?:\s*+'[sS]?[bBdDhHoO]\s*+[0-9a-fA-FxXzZ?_]++)?  # number, sized or not
      | '[sS]?[bBdDhHoO]\s*+[0-9a-fA-FxXzZ?_]++
      | "[^"\n]*"
      | [^\s]
      )
    """,
    re.VERBOSE | re.DOTALL,
)


class VerilogTokens:
    """All words of one file, without comments, attributes and compiler directives.

    Attributes:
        words: The words in order.
        path: The file, for messages.
    """

    def __init__(self, text: str, path: Path | str) -> None:
        self.path = str(path)
        self._text = text
        self.words = list(filter(None, _TOKEN.findall(text)))
        if self.words and self.words[-1].startswith(("/*", "(*")):
            begin = self.words[-1][:2]
            self.fail(
                f"{begin} is not closed",
                len(self.words) - 1,
                hint=f"add {begin[::-1]}, or fetch the file again if it was cut off",
            )

    @classmethod
    def of_file(cls, path: Path | str) -> VerilogTokens:
        """The words of a file, plain or gzipped."""
        return cls(read_text(path), path)

    def line_of(self, index: int) -> int:
        """Line of a word, counted from 1. Slow: for error messages only."""
        seen = -1
        start = 0
        for match in _TOKEN.finditer(self._text):
            if not match[1]:
                continue
            seen += 1
            start = match.start()
            if seen == index:
                break
        return self._text.count("\n", 0, start) + 1

    def fail(self, message: str, index: int, *, hint: str = "") -> NoReturn:
        """Raise `InputError` at a word."""
        raise InputError(message, where=f"{self.path}:{self.line_of(index)}", hint=hint)
