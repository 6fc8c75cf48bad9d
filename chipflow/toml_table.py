"""Strict reading of TOML files: every key is asked for, and what is left over is an error.

Errors name the file and the line, and suggest the key that was probably meant.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from placement_env.errors import InputError

_REQUIRED: Any = object()
_HEADER = re.compile(r"""\s*\[\[?\s*([\w."'-]+)\s*\]\]?\s*(?:#.*)?$""")


class TomlTable:
    """One table of a TOML file.

    Read each key with the method of its type, then call `finish`, which refuses keys that nobody
    asked for. A key without a `default` must be present.

    Args:
        path: The file, for messages.
        text: Its whole text, for line numbers.
        values: The table itself.
        name: Dotted name of the table, empty for the top one.
        index: Which of the tables of that name, for an array of tables.
    """

    def __init__(
        self, path: Path, text: str, values: Mapping[str, Any], name: str = "", index: int = 0
    ) -> None:
        self.path = path
        self.name = name
        self._text = text
        self._values = values
        self._index = index
        self._known: dict[str, None] = {}

    @classmethod
    def read(cls, path: Path) -> TomlTable:
        """Read a file.

        Raises:
            InputError: The file is missing, unreadable or not TOML.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read {path.name}: {error}", where=str(path)) from error
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            line = re.search(r"at line (\d+)", str(error))
            where = f"{path}:{line.group(1)}" if line else str(path)
            raise InputError(f"not valid TOML: {error}", where=where) from error
        return cls(path, text, values)

    def text(self, key: str, default: str = _REQUIRED) -> str:
        """A non-empty string; an empty one is allowed where the default is empty."""
        value = self._get(key, default)
        if not isinstance(value, str) or (not value and default != ""):
            raise self._wrong(key, "a non-empty string", value)
        return value

    def texts(self, key: str, default: tuple[str, ...] = _REQUIRED) -> tuple[str, ...]:
        """A list of strings."""
        value = self._get(key, default)
        if isinstance(value, str) or not all(isinstance(item, str) and item for item in value):
            raise self._wrong(key, "a list of strings", value)
        return tuple(value)

    def number(
        self,
        key: str,
        default: float = _REQUIRED,
        *,
        above: float = -math.inf,
        least: float = -math.inf,
    ) -> float:
        """A finite number greater than `above` and not less than `least`."""
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(key, "a number", value)
        if not math.isfinite(value) or value <= above or value < least:
            bound = f"above {above:g}" if above >= least else f"of at least {least:g}"
            raise self._wrong(key, f"a number {bound}", value)
        return float(value)

    def integer(self, key: str, default: int = _REQUIRED, *, least: int = 0) -> int:
        """A whole number of at least `least`."""
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(key, "a whole number", value)
        if value < least:
            raise self._wrong(key, f"a whole number of at least {least}", value)
        return value

    def pair(self, key: str) -> tuple[int, int]:
        """Two whole numbers from zero up, written [1, 2]."""
        value = self._get(key, _REQUIRED)
        good = isinstance(value, list) and len(value) == 2
        if not good or not all(type(item) is int and item >= 0 for item in value):
            raise self._wrong(key, "two whole numbers such as [1, 0]", value)
        return value[0], value[1]

    def choice(self, key: str, choices: tuple[str, ...], default: str = _REQUIRED) -> str:
        """One of a few words."""
        value = self._get(key, default)
        if value not in choices:
            raise self._wrong(key, "one of " + ", ".join(map(repr, choices)), value)
        return value

    def table(self, key: str, *, optional: bool = False) -> TomlTable | None:
        """A table inside this one; None where it is optional and absent."""
        value = self._get(key, None if optional else _REQUIRED)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self._wrong(key, f"a table, written [{self._full(key)}]", value)
        return TomlTable(self.path, self._text, value, self._full(key))

    def required_table(self, key: str) -> TomlTable:
        """A table inside this one that must be present."""
        table = self.table(key)
        assert table is not None
        return table

    def tables(self, key: str) -> list[TomlTable]:
        """An array of tables, empty where the key is absent."""
        value = self._get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self._wrong(key, f"tables, each written [[{self._full(key)}]]", value)
        name = self._full(key)
        return [TomlTable(self.path, self._text, item, name, i) for i, item in enumerate(value)]

    def keys(self) -> list[str]:
        """The keys that the file has in this table, in its order."""
        return list(self._values)

    def has(self, key: str) -> bool:
        """Whether the file has this key."""
        self._known[key] = None
        return key in self._values

    def finish(self) -> None:
        """Refuse keys that nobody asked for.

        Raises:
            InputError: There is one; the hint names the known key that is most like it.
        """
        for key in self._values:
            if key not in self._known:
                like = difflib.get_close_matches(key, self._known, n=1, cutoff=0.5)
                known = ", ".join(self._known)
                hint = f"did you mean {like[0]!r}?" if like else f"known keys: {known}"
                raise InputError(
                    f"unknown key {self._full(key)!r}", where=self.where(key), hint=hint
                )

    def where(self, key: str = "") -> str:
        """`file:line` of a key, of its table where the key is absent, else of the file."""
        seen = -1 if self.name else 0
        here = not self.name
        place = 0
        for number, line in enumerate(self._text.splitlines(), start=1):
            if header := _HEADER.match(line):
                here = False
                if header.group(1) == self.name:
                    seen += 1
                    here = seen == self._index
                    place = number if here else place
                elif key and header.group(1) == self._full(key):
                    return f"{self.path}:{number}"
            elif here and key and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", line):
                return f"{self.path}:{number}"
        return f"{self.path}:{place}" if place else str(self.path)

    def _full(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key

    def _get(self, key: str, default: Any) -> Any:
        self._known[key] = None
        if key in self._values:
            return self._values[key]
        if default is not _REQUIRED:
            return default
        like = difflib.get_close_matches(key, self._values, n=1, cutoff=0.75)
        hint = f"{like[0]!r} is there: did you mean {key!r}?" if like else f"add {key} = ..."
        raise InputError(f"the key {self._full(key)!r} is missing", where=self.where(), hint=hint)

    def _wrong(self, key: str, wanted: str, value: Any) -> InputError:
        return InputError(
            f"{self._full(key)} must be {wanted}, found {value!r}", where=self.where(key)
        )
