"""What Yosys's `check` pass found, as values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["conflict", "undriven", "loop", "unmapped", "other"]

_KINDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("conflict", re.compile(r"multiple conflicting drivers for \S+?\.\\?(?P<what>.+?):?$")),
    ("undriven", re.compile(r"Wire \S+?\.\\?(?P<what>.+) is used but has no driver\.$")),
    ("loop", re.compile(r"found logic loop in module (?P<what>.+):$")),
    ("unmapped", re.compile(r"Cell .* is an unmapped internal cell of type (?P<what>.+)\.$")),
)


@dataclass(frozen=True)
class Problem:
    """One finding.

    Attributes:
        kind: What is wrong; "other" for what we have no name for.
        what: The net, module or cell type; the whole message for "other".
        details: The lines below the message: drivers of a net, cells of a loop.
    """

    kind: Kind
    what: str
    details: tuple[str, ...]

    @property
    def sources(self) -> list[str]:
        """The `src` attributes that the details name."""
        return [found for line in self.details for found in re.findall(r"source: (\S+)", line)]


def problems(text: str) -> list[Problem]:
    """The findings in the output of `check`, each once, in order."""
    found: list[tuple[Kind, str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("Warning: "):
            found.append((*_classify(line.removeprefix("Warning: ").rstrip()), []))
        elif line.startswith("    ") and found:
            found[-1][2].append(line.strip())
    return list(dict.fromkeys(Problem(kind, what, tuple(lines)) for kind, what, lines in found))


def _classify(message: str) -> tuple[Kind, str]:
    for kind, pattern in _KINDS:
        if match := pattern.match(message):
            return kind, match["what"].replace(" [", "[")
    return "other", message
