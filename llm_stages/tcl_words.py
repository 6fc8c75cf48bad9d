"""Splits the harmless part of Tcl into commands and words; all else is an error.

Words are bare, in braces, in quotation marks, or a query in brackets. Variables, escapes, nested
braces and scripts are refused here already, so that nothing later has to know them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from llm_stages.errors import InputError

#: Queries inside queries; none is allowed, and one is enough to say so.
_MAX_DEPTH = 3
_BIT = re.compile(r"\[(?:\d+|\*)\]", re.ASCII)
_BARE = re.compile(r"[^\s;\"'{}\[\]$\\`#]+", re.ASCII)
_LONGEST = 4096

_SIGNS = {
    "$": ("a variable", "write the value: constraints here have no variables"),
    "\\": ("an escape", "write a bus bit as {name[3]}, and other names without \\"),
    "`": ("a `", "remove it"),
    "'": ("a '", "write names in braces: {a b}"),
}


@dataclass(frozen=True)
class Word:
    """One word of a command.

    Attributes:
        kind: How it was written.
        text: What it says; of a query, nothing.
        line: Where it begins, from 1.
        words: The words of a query.
    """

    kind: Literal["bare", "braced", "quoted", "query"]
    text: str
    line: int
    words: tuple[Word, ...] = ()


def split_commands(text: str, file: str) -> Iterator[tuple[Word, ...]]:
    """The commands of a text, each with one word or more.

    Args:
        text: The text.
        file: What to call it in errors.

    Raises:
        InputError: It holds anything but plain words and queries.
    """
    reader = _Reader(text.replace("\r\n", "\n"), file)
    while not reader.at_end():
        if words := reader.command():
            yield words


class _Reader:
    """A place in the text."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file
        self._at = 0
        self._line = 1

    def at_end(self) -> bool:
        return self._at >= len(self._text)

    def command(self) -> tuple[Word, ...]:
        """The words up to the end of the line or a semicolon, which is passed."""
        words: list[Word] = []
        while not self.at_end():
            self._skip_blanks()
            sign = self._sign()
            if sign in ("\n", ";", ""):
                self._pass(1)
                break
            if sign == "#":
                # Where a command may begin, or after one: people write both.
                end = self._text.find("\n", self._at)
                self._pass((len(self._text) if end < 0 else end) - self._at)
                continue
            words.append(self._word(0))
        return tuple(words)

    def _sign(self) -> str:
        return self._text[self._at : self._at + 1]

    def _pass(self, count: int) -> None:
        self._line += self._text.count("\n", self._at, self._at + count)
        self._at += count

    def _skip_blanks(self, *, lines: bool = False) -> None:
        while not self.at_end():
            if self._text.startswith("\\\n", self._at):
                self._pass(2)
            elif self._sign() in (" ", "\t", *(("\n",) if lines else ())):
                self._pass(1)
            else:
                return

    def _error(self, message: str, hint: str = "", line: int = 0) -> InputError:
        return InputError(message, where=f"{self._file}:{line or self._line}", hint=hint)

    def _word(self, depth: int) -> Word:
        sign, line = self._sign(), self._line
        if sign == "{":
            return Word("braced", self._enclosed("{", "}"), line)
        if sign == '"':
            return Word("quoted", self._enclosed('"', '"'), line)
        if sign == "[":
            return self._query(depth)
        text = ""
        while match := _BARE.match(self._text, self._at) or (
            _BIT.match(self._text, self._at) if text else None
        ):
            text += match[0]
            self._pass(len(match[0]))
        follows = self._sign()
        if follows and follows not in " \t\n;]" and not self._text.startswith("\\\n", self._at):
            what, hint = _SIGNS.get(follows, (f"{follows!r} in a word", "put a space before it"))
            raise self._error(f"constraints cannot hold {what}", hint)
        if not text:
            raise self._error(f"constraints cannot hold {follows!r} here", "remove it")
        if len(text) > _LONGEST:
            raise self._error("a word is too long", "break the command up", line)
        return Word("bare", text, line)

    def _enclosed(self, opening: str, closing: str) -> str:
        """The text of a word in braces or quotation marks, bus bits and names only."""
        line = self._line
        end = self._text.find(closing, self._at + 1)
        if end < 0:
            raise self._error(f"{opening} has no {closing}", "close it", line)
        text = self._text[self._at + 1 : end]
        for sign, (what, hint) in _SIGNS.items():
            if sign in text.replace("\\\n", " "):
                raise self._error(f"constraints cannot hold {what}", hint, line)
        bits_gone = _BIT.sub("", text)
        for sign in '{}[];"#':
            if sign in bits_gone:
                raise self._error(
                    f"constraints cannot hold {sign!r} between {opening} and {closing}",
                    "write names and numbers only, and a query without braces around it",
                    line,
                )
        self._pass(end + 1 - self._at)
        if (follows := self._sign()) and follows not in " \t\n;]\\":
            raise self._error(f"{follows!r} follows {closing} directly", "put a space between")
        return text.replace("\\\n", " ")

    def _query(self, depth: int) -> Word:
        line = self._line
        if depth >= _MAX_DEPTH:
            raise self._error("queries are nested too deep", "write the names out", line)
        self._pass(1)
        words: list[Word] = []
        while True:
            self._skip_blanks(lines=True)
            sign = self._sign()
            if not sign:
                raise self._error("[ has no ]", "close the query", line)
            if sign == "]":
                self._pass(1)
                break
            if sign in ";#":
                raise self._error(f"a query cannot hold {sign!r}", "write one query", line)
            words.append(self._word(depth + 1))
        if (follows := self._sign()) and follows not in " \t\n;]\\":
            raise self._error(f"{follows!r} follows ] directly", "put a space between")
        return Word("query", "", line, tuple(words))
