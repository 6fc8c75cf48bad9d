"""A section of DEF, `NAME count ; - statement ; - statement ; END NAME`, cut into its statements.

A statement is `- name ... + KEY value ... + KEY value ... ;`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from placement_env.formats.def_design import Status
from placement_env.formats.lefdef_tokens import Tokens, whole_number
from placement_env.netlist import IntArray, Orient

#: Orientations and placements by their words.
ORIENT = {orient.name: orient for orient in Orient}
STATUS = {"PLACED": Status.PLACED, "FIXED": Status.FIXED, "COVER": Status.COVER}


@dataclass(frozen=True)
class Notes:
    """What the readers of one file take down besides its content.

    Attributes:
        skipped: See `DefDesign.skipped`.
        remarks: See `DefDesign.remarks`.
    """

    skipped: Counter[str] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)


class Section(NamedTuple):
    """The S statements of a section, as places in the words of a file.

    Attributes:
        tokens: The file.
        first: [S] where each statement begins: its `-`.
        end: [S] where it ends: its `;`.
    """

    tokens: Tokens
    first: IntArray
    end: IntArray

    def statement(self, number: int) -> tuple[int, list[str]]:
        """The place, for messages, and the words of one statement, without the `;`."""
        first = int(self.first[number])
        return first, self.tokens.words[first : self.end[number]]

    def statements(self) -> Iterator[tuple[int, list[str]]]:
        """`statement` of each."""
        return map(self.statement, range(self.first.size))

    def first_options(self) -> IntArray:
        """[S] place of the first `+` of each statement; its end where it has none."""
        plus = np.flatnonzero(self.tokens.marks == ord("+"))
        return np.minimum(
            np.append(plus, self.tokens.marks.size)[plus.searchsorted(self.first)], self.end
        )

    def check_unique(self, what: str, names: Sequence[str], numbers: Sequence[int]) -> None:
        """Refuse a name that comes twice; `numbers` are the statements that the names are of."""
        if len(set(names)) == len(names):
            return
        seen: set[str] = set()
        for name, number in zip(names, numbers, strict=True):
            if name in seen:
                self.tokens.fail(
                    f"{what} {name} comes twice",
                    index=int(self.first[number]),
                    hint="names must be unique",
                )
            seen.add(name)


def read_section(tokens: Tokens, name: str, notes: Notes) -> Section:
    """The section whose name has just been taken, up to and including its END.

    Raises:
        InputError: It is cut off, holds something else than statements, or has fewer of them than
            its header says.
    """
    expected = read_count(tokens, name)
    ends = tokens.at + np.flatnonzero(tokens.marks[tokens.at :] == ord(";"))
    first = np.append(tokens.at, ends + 1)
    others = np.flatnonzero(tokens.marks[first[first < tokens.marks.size]] != ord("-"))
    if not others.size:
        tokens.fail_cut_off(name)
    first, after = first[: others[0]], int(first[others[0]])
    ends = ends[: first.size]
    tokens.at = after + 1
    if tokens.words[after] != "END":
        tokens.fail(f"expected - or END in {name}, found {tokens.words[after]!r}")
    tokens.expect(name, f"the END of {name}")
    # More entries than announced are usual: tools that add tap cells leave the header as it was.
    if ends.size > expected:
        notes.remarks.append(f"{name} has {ends.size} entries, its header says {expected}")
    if ends.size < expected:
        tokens.fail(
            f"{name} has {ends.size} entries, its header says {expected}",
            hint="entries are missing; correct the header or fetch the file again",
        )
    return Section(tokens, first, ends)


def read_count(tokens: Tokens, name: str) -> int:
    """The number of entries in a section's header, and the `;` after it."""
    count = tokens.integer(name)
    tokens.expect(";", name)
    if count < 0:
        tokens.fail(f"{name} has {count} entries, expected a number >= 0")
    return count


def options_of(
    tokens: Tokens, words: list[str], first: int, at: int
) -> list[tuple[str, list[str]]]:
    """The `+ KEY value ...` parts of a statement from word `first` on.

    Args:
        tokens: The file, for messages.
        words: The statement.
        first: Where its options begin.
        at: Place of the statement in the file.
    """
    if first >= len(words):
        return []
    if words[first] != "+":
        tokens.fail(f"expected + or ; in {words[1]}, found {words[first]!r}", index=at + first)
    options: list[tuple[str, list[str]]] = []
    plus = first
    while plus < len(words):
        try:
            after = words.index("+", plus + 1)
        except ValueError:
            after = len(words)
        if after == plus + 1:
            tokens.fail(f"a + without an option in {words[1]}", index=at + plus)
        options.append((words[plus + 1], words[plus + 2 : after]))
        plus = after
    return options


def read_place(tokens: Tokens, values: list[str], at: int, name: str) -> tuple[int, int, Orient]:
    """`( x y ) orient`, the value of PLACED, FIXED or COVER of the statement at `at`."""
    if len(values) == 5 and values[0] == "(" and values[3] == ")" and values[4] in ORIENT:
        inside = f"the placement of {name}"
        return (
            read_integer(tokens, values[1], at, inside),
            read_integer(tokens, values[2], at, inside),
            ORIENT[values[4]],
        )
    tokens.fail(
        f"expected ( x y ) orientation in the placement of {name}, found {' '.join(values)}",
        index=at,
    )


def read_integer(tokens: Tokens, word: str, at: int, inside: str) -> int:
    """A word of the statement at `at` as an integer."""
    try:
        return whole_number(word)
    except ValueError:
        tokens.fail(f"expected an integer in {inside}, found {word[:40]!r}", index=at)


def read_points(tokens: Tokens, words: list[str], at: int, inside: str) -> list[tuple[int, int]]:
    """All of `( x y ) ( x y ) ...`; a `*` stands for the coordinate before it."""
    count = len(words) // 4
    braces = words[0::4] == ["("] * count and words[3::4] == [")"] * count
    if len(words) % 4 or not braces or "*" in words[1:3]:
        found = " ".join(words)
        tokens.fail(f"expected ( x y ) ... in {inside}, found {found[:60]!r}", index=at)
    points: list[tuple[int, int]] = []
    for x, y in zip(words[1::4], words[2::4], strict=True):
        points.append(
            (
                points[-1][0] if x == "*" else read_integer(tokens, x, at, inside),
                points[-1][1] if y == "*" else read_integer(tokens, y, at, inside),
            )
        )
    return points
