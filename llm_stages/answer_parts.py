"""Takes an answer in plain text apart: labelled lines, code blocks and edits.

The format is one that small models keep to, and no JSON, which makes them escape code:

    why: the adder is on the longest path
    ```sdc
    set_max_fanout 8 [current_design]
    ```
    <<<<<<< SEARCH
      assign s = a + b;
    =======
      assign s = b + a;
    >>>>>>> REPLACE

Markdown around labels, other cases and missing last lines are forgiven.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from llm_stages.code_block import without_control_characters

_FENCE = re.compile(r"\s*(?:```+|~~~+)\s*([\w+-]*)[^`]*")
_FENCE_END = re.compile(r"\s*(?:```+|~~~+)\s*")
_SEARCH = re.compile(r"\s*<{5,9}\s*SEARCH\b.*", re.IGNORECASE)
_MIDDLE = re.compile(r"\s*={5,9}\s*")
_REPLACE = re.compile(r"\s*>{5,9}\s*(?:REPLACE\b.*)?", re.IGNORECASE)
_MOST_PROSE_LINES = 50


@dataclass(frozen=True)
class Label:
    """A labelled line, and the lines of prose that follow it."""

    name: str
    value: str

    @property
    def text(self) -> str:
        """The value as running text."""
        return " ".join(self.value.split())


@dataclass(frozen=True)
class Block:
    """A code block."""

    language: str
    text: str


@dataclass(frozen=True)
class Edit:
    """Text to be replaced, and what replaces it; without their last line ends."""

    search: str
    replace: str


Part = Label | Block | Edit


def parts(answer: str, labels: Sequence[str]) -> list[Part]:
    """The parts of an answer in order; prose before the first label is left out.

    Args:
        answer: What the model wrote.
        labels: Labels that count, in lower case; "same behaviour" also matches "Same_Behaviour".
    """
    names = "|".join(re.escape(label).replace(r"\ ", r"[ _-]") for label in labels)
    label_line = re.compile(
        rf"[\s\-+>#\d.)*_`]*({names})[*_`]*\s*[:=]\s*[*_]*\s?(.*)",
        re.IGNORECASE,
    )
    found: list[Part] = []
    prose: list[str] | None = None
    around_edits = False
    lines = without_control_characters(answer).split("\n")
    closes = _next(lines, _FENCE_END)
    searches = _next(lines, _SEARCH)
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if _SEARCH.fullmatch(line):
            edit, at = _edit(lines, at)
            found.append(edit)
            prose = None
        elif fence := _FENCE.fullmatch(line):
            prose = None
            end = closes[at]
            if around_edits or searches[at] < end:
                around_edits = not around_edits  # a fence around edits says nothing, nor its end
                continue
            inside = lines[at:end]
            if any(each.strip() for each in inside):
                found.append(Block(fence[1].lower(), "\n".join(inside) + "\n"))
            at = end + 1
        elif match := label_line.fullmatch(line):
            name = re.sub(r"[ _-]", " ", match[1].lower())
            prose = [match[2].strip()]
            found.append(Label(name, prose[0]))
        elif prose is not None and line.strip() and len(prose) < _MOST_PROSE_LINES:
            prose.append(line.strip())
            last = found[-1]
            assert isinstance(last, Label)
            found[-1] = Label(last.name, "\n".join(part for part in prose if part))
        else:
            prose = None
    return found


def _next(lines: Sequence[str], pattern: re.Pattern[str]) -> list[int]:
    """For each line, and the end, the first line from there on that fits; the end if none does."""
    found = [len(lines)] * (len(lines) + 1)
    for at in range(len(lines) - 1, -1, -1):
        found[at] = at if pattern.fullmatch(lines[at]) else found[at + 1]
    return found


def _edit(lines: Sequence[str], at: int) -> tuple[Edit, int]:
    search: list[str] = []
    replace: list[str] = []
    into = search
    while at < len(lines):
        line = lines[at]
        at += 1
        if into is search and _MIDDLE.fullmatch(line):
            into = replace
        elif _REPLACE.fullmatch(line):
            break
        else:
            into.append(line)
    return Edit("\n".join(search), "\n".join(replace)), at
