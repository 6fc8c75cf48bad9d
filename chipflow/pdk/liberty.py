"""Read Liberty files into a tree of groups: the syntax only, no meaning.

Follows the Liberty syntax (`group (args) { ... }`, `name : value;`, `name (args);`). Look-up table
values stay text; `numbers` reads them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from placement_env.errors import InputError
from placement_env.formats.text import read_text

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|\\\n", re.DOTALL)
_ITEM = re.compile(
    r"""\s*(?:
      (?P<close>\})
    | (?P<name>[A-Za-z_]\w*)\s*(?:
          :\s*(?P<value>"[^"]*"|[^;"\n}]*)\s*;?
        | \((?P<args>(?:"[^"]*"|[^()"])*)\)\s*(?P<end>[{;]?)
      )
    | (?P<stray>;)
    )""",
    re.VERBOSE,
)


@dataclass
class Group:
    """A group, such as `cell (INV_X1) { ... }`.

    Attributes:
        kind: What stands before the parenthesis.
        args: What stands inside it.
        attributes: Simple attributes and, for complex ones, their arguments joined by ", ".
        groups: Groups inside this one, in order.
    """

    kind: str
    args: list[str]
    attributes: dict[str, str] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The first argument, empty where there is none."""
        return self.args[0] if self.args else ""

    def all(self, *kinds: str) -> Iterator[Group]:
        """The groups directly inside this one that are of the given kinds."""
        return (group for group in self.groups if group.kind in kinds)


def read(path: Path) -> Group:
    """Read a Liberty file, plain or .gz.

    Returns:
        The library group.

    Raises:
        InputError: The file cannot be read, or is not Liberty.
    """
    return _parse(read_text(path), path)


def numbers(text: str) -> list[float]:
    """The numbers of an index or of a table's values, row after row."""
    return [float(word) for word in re.split(r"[\s,]+", text) if word]


def _parse(text: str, path: Path) -> Group:
    def blank(match: re.Match[str]) -> str:
        if match.group().startswith("/*") and not match.group().endswith("*/", 2):
            raise _wrong(text, match.start(), path, "a comment that is not closed")
        # As many newlines as before keep the line numbers in messages right.
        return " " + "\n" * match.group().count("\n")

    text = _COMMENT.sub(blank, text)
    stack = [Group("file", [])]
    position = 0
    length = len(text.rstrip())
    while position < length:
        match = _ITEM.match(text, position)
        if not match:
            raise _wrong(text, position, path, "not Liberty syntax")
        position = match.end()
        if match["close"]:
            if len(stack) == 1:
                raise _wrong(text, match.start("close"), path, "a } without {")
            stack.pop()
        elif match["value"] is not None:
            stack[-1].attributes[match["name"]] = match["value"].strip().strip('"')
        elif match["args"] is not None:
            args = _arguments(match["args"])
            if match["end"] == "{":
                group = Group(match["name"], args)
                stack[-1].groups.append(group)
                stack.append(group)
            else:
                stack[-1].attributes[match["name"]] = ", ".join(args)
    if len(stack) > 1:
        raise _wrong(text, length, path, f"{stack[-1].kind} ({stack[-1].name}) is not closed")
    libraries = list(stack[0].all("library"))
    if len(libraries) != 1:
        raise InputError(
            f"expected one library group, found {len(libraries)}",
            where=str(path),
            hint="give a Liberty file (.lib or .lib.gz)",
        )
    return libraries[0]


def _arguments(text: str) -> list[str]:
    quoted = re.findall(r'"([^"]*)"', text)
    if quoted:
        return [" ".join(word.split()) for word in quoted]
    return [word for word in re.split(r"[\s,]+", text) if word]


def _wrong(text: str, position: int, path: Path, message: str) -> InputError:
    position += len(text[position:]) - len(text[position:].lstrip())
    line = text.count("\n", 0, position) + 1
    return InputError(message, where=f"{path}:{line}", hint="give a Liberty file")
