"""Reads value change dumps (VCD), as simulators write them.

Reference: IEEE Std 1364-2005, clause 18.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from llm_stages.errors import InputError
from llm_stages.text_files import head

_MOST_BYTES = 256 * 2**20
_VAR = re.compile(r"\$var\s+\w+\s+(\d+)\s+(\S+)\s+(\S+)(?:\s+\[[^\]]*\])?\s+\$end")
_SCOPE = re.compile(r"\$scope\s+\w+\s+(\S+)\s+\$end|\$upscope\s+\$end")


@dataclass(frozen=True)
class Waves:
    """A dump: which signals there are and when they change.

    Attributes:
        signals: Code and width in bits of each signal, by its name with all scopes.
        text: What follows the declarations.
    """

    signals: Mapping[str, tuple[str, int]]
    text: str

    def steps(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Each time, in the dump's unit, with what changes then: values in binary by code."""
        time, changes = 0, {}
        for code, value in _changes(self.text):
            if not code:
                if changes:
                    yield time, changes
                time, changes = int(value), {}
            else:
                changes[code] = value
        if changes:
            yield time, changes

    def extended(self, name: str, value: str) -> str:
        """A value in the signal's full width: short ones lack zeros, or more of an x or z."""
        return value.rjust(self.signals[name][1], value[0] if value[0] in "xz" else "0")


def read(path: Path) -> Waves:
    """Read a dump; it may be a hostile one.

    Raises:
        InputError: The file is missing, or is no dump.
    """
    text = head(path, most_bytes=_MOST_BYTES)
    declared, found, rest = text.partition("$enddefinitions")
    if not found:
        raise InputError("this is not a value change dump", where=str(path))
    signals: dict[str, tuple[str, int]] = {}
    scopes: list[str] = []
    for match in re.finditer(rf"{_SCOPE.pattern}|{_VAR.pattern}", declared):
        scope, width, code, name = match.groups()
        if scope is not None:
            scopes.append(scope)
        elif name is None:
            scopes = scopes[:-1]
        else:
            signals[".".join([*scopes, name])] = code, int(width)
    return Waves(signals, rest.partition("$end")[2])


def _changes(text: str) -> Iterator[tuple[str, str]]:
    """Code and value in lower case, in the order of the file; a time has the empty code."""
    words = iter(text.split())
    for word in words:
        kind = word[0]
        if kind == "#" and word[1:].isdigit():
            yield "", word[1:]
        elif kind in "bB":
            code = next(words, "")
            if code and set(word[1:].lower()) <= set("01xz"):
                yield code, word[1:].lower()
        elif kind in "rR":
            next(words, "")
        elif kind.lower() in "01xz" and len(word) > 1:
            yield word[1:], kind.lower()
