"""Strict reading of TOML tables: every key is asked for, and what is left over is an error.

Errors name the file and the line, and suggest the key that was probably meant.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from chipflow.toml_text import TomlText, did_you_mean
from placement_env.errors import InputError

_REQUIRED: Any = object()


class TomlTable:
    """One table of a TOML file.

    Read each key with the method of its type, then call `finish`, which refuses keys that nobody
    asked for. A key without a `default` must be present.

    Args:
        text: The file's text; of an array of tables, only the lines of this one.
        values: The table itself.
        name: Dotted name of the table, empty for the top one.
    """

    def __init__(self, text: TomlText, values: Mapping[str, Any], name: str = "") -> None:
        self.name = name
        self._text = text
        self._values = values
        self._asked: dict[str, None] = {}

    @classmethod
    def read(cls, path: Path) -> TomlTable:
        """Read a file.

        Raises:
            InputError: The file is missing, unreadable or not TOML.
        """
        text = TomlText.read(path)
        return cls(text, text.parse())

    def text(self, key: str) -> str:
        """A non-empty string."""
        value = self._get(key)
        if not isinstance(value, str) or not value:
            raise self.wrong(key, "a non-empty string")
        return value

    def identifier(self, key: str) -> str:
        """A letter or underscore, then letters, digits and underscores."""
        value = self.text(key)
        if not re.fullmatch(r"[A-Za-z_]\w*", value, re.ASCII):
            raise self.wrong(key, "an identifier such as my_kit_45")
        return value

    def texts(self, key: str, default: tuple[str, ...] = _REQUIRED) -> tuple[str, ...]:
        """A list of non-empty strings."""
        value = self._get(key, default)
        if isinstance(value, str) or not isinstance(value, Collection):
            raise self.wrong(key, "a list of strings")
        if not all(isinstance(item, str) and item for item in value):
            raise self.wrong(key, "a list of strings")
        return tuple(value)

    def number(self, key: str, *, above: float = -math.inf, least: float = -math.inf) -> float:
        """A finite number greater than `above` and not less than `least`."""
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(key, "a number")
        if not math.isfinite(value) or value <= above or value < least:
            bound = f"above {above:g}" if above >= least else f"of at least {least:g}"
            raise self.wrong(key, f"a number {bound}")
        return float(value)

    def integer(self, key: str, default: int = _REQUIRED, *, least: int) -> int:
        """A whole number of at least `least`."""
        value = self._get(key, default)
        if type(value) is not int or value < least:
            raise self.wrong(key, f"a whole number of at least {least}")
        return value

    def pair(self, key: str) -> tuple[int, int]:
        """Two whole numbers from zero up, written [1, 2]."""
        match self._get(key):
            case [int(first), int(second)] if first >= 0 and second >= 0:
                return first, second
        raise self.wrong(key, "two whole numbers such as [1, 0]")

    def choice(self, key: str, choices: tuple[str, ...], default: str) -> str:
        """One of a few words."""
        value = self._get(key, default)
        if value not in choices:
            raise self.wrong(key, "one of " + ", ".join(map(repr, choices)))
        return value

    def table(self, key: str) -> TomlTable:
        """A table inside this one."""
        value = self._get(key)
        if not isinstance(value, dict):
            raise self.wrong(key, f"a table, written [{self._full(key)}]")
        return TomlTable(self._text, value, self._full(key))

    def tables(self, key: str) -> list[TomlTable]:
        """An array of tables, empty where the key is absent."""
        name = self._full(key)
        values = self._get(key, [])
        if not isinstance(values, list) or not all(isinstance(item, dict) for item in values):
            raise self.wrong(key, f"tables, each written [[{name}]]")
        return [
            TomlTable(_block(self._text, name, index), item, name)
            for index, item in enumerate(values)
        ]

    def keys(self) -> list[str]:
        """The keys that the file has in this table, in its order."""
        return list(self._values)

    def has(self, key: str) -> bool:
        """Whether the file has this key."""
        self._asked[key] = None
        return key in self._values

    def finish(self) -> None:
        """Refuse keys that nobody asked for.

        Raises:
            InputError: There is one; the hint names the known key that is most like it.
        """
        for key in self._values:
            if key not in self._asked:
                raise InputError(
                    f"unknown key {self._full(key)}",
                    where=self.where(key),
                    hint=did_you_mean(key, self._asked) or f"one of: {', '.join(self._asked)}",
                )

    def where(self, key: str = "") -> str:
        """`file:line` of a key, or of the table where the key is absent."""
        return self._text.where(self._full(key) if key else self.name)

    def wrong(self, key: str, wanted: str) -> InputError:
        """The error for a value that is not what it must be."""
        found = self._values.get(key)
        return InputError(
            f"{self._full(key)} must be {wanted}, not {found!r}", where=self.where(key)
        )

    def _full(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key

    def _get(self, key: str, default: Any = _REQUIRED) -> Any:
        self._asked[key] = None
        if key in self._values:
            return self._values[key]
        if default is not _REQUIRED:
            return default
        unknown = [other for other in self._values if other not in self._asked]
        near = difflib.get_close_matches(key, unknown, n=1)
        hint = f"rename {near[0]} to {key}" if near else f"add {key}"
        raise InputError(f"the key {self._full(key)} is missing", where=self.where(), hint=hint)


def _block(text: TomlText, name: str, index: int) -> TomlText:
    """The text with all lines blank but those of one table of an array, in their places."""
    header = re.compile(r"\s*\[")
    own = re.compile(rf"\s*\[\[\s*{re.escape(name)}\s*\]\]")
    lines = [""] * len(text.lines)
    seen = -1
    inside = False
    for number, line in enumerate(text.lines):
        if own.match(line):
            seen += 1
            inside = seen == index
            lines[number] = f"[{name}]" if inside else ""
        elif header.match(line):
            inside = False
        elif inside:
            lines[number] = line
    return TomlText(text.file, tuple(lines))
