"""The words of structural Verilog (IEEE 1364-2005, section 3), with their lines for messages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NoReturn

from placement_env.errors import InputError
from placement_env.formats.text import read_text

_TOKEN = re.compile(
    r"""
      \\[^\s]+                                      # escaped identifier
    | [A-Za-z_][A-Za-z0-9_$]*                       # identifier or keyword
    | \(\*(?!\s*\)).*?\*\)                          # attribute
    | [.(),;\[\]{}]                                 # what the language is mostly made of
    | \d*\s*'[sS]?[bBdDhHoO]\s*[0-9a-fA-FxXzZ?_]+   # sized number
    | \d[\d_]*                                      # number
    | //[^\n]* | /\*.*?\*/                          # comment
    | `[^\n]*                                       # compiler directive
    | "[^"\n]*"
    | [^\s]
    """,
    re.VERBOSE | re.DOTALL,
)
_BLANKED = ("//", "/*", "(*", "`")


class VerilogTokens:
    """All words of one file, without comments, attributes and compiler directives.

    Attributes:
        words: The words in order.
        path: The file, for messages.
    """

    def __init__(self, text: str, path: Path | str) -> None:
        self.path = str(path)
        self._text = text
        self.words = [word for word in _TOKEN.findall(text) if not word.startswith(_BLANKED)]

    @classmethod
    def of_file(cls, path: Path | str) -> VerilogTokens:
        """The words of a file, plain or gzipped."""
        return cls(read_text(path), path)

    def line_of(self, index: int) -> int:
        """Line of a word, counted from 1. Slow: for error messages only."""
        seen = -1
        start = 0
        for match in _TOKEN.finditer(self._text):
            if match.group().startswith(_BLANKED):
                continue
            seen += 1
            start = match.start()
            if seen == index:
                break
        return self._text.count("\n", 0, start) + 1

    def fail(self, message: str, index: int, *, hint: str = "") -> NoReturn:
        """Raise `InputError` at a word."""
        raise InputError(message, where=f"{self.path}:{self.line_of(index)}", hint=hint)
