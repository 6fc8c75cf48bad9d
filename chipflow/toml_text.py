"""The text of a TOML file, kept beside its values so that an error can name the line."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from placement_env.errors import InputError


@dataclass(frozen=True)
class TomlText:
    """A TOML file as lines.

    Attributes:
        file: Where the text is from.
        lines: Its lines, without line ends.
    """

    file: Path
    lines: tuple[str, ...]

    @classmethod
    def read(cls, file: Path) -> TomlText:
        """Reads the file.

        Raises:
            InputError: It cannot be read, or is not UTF-8.
        """
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                "the file is not UTF-8 text", where=str(file), hint="save it as UTF-8"
            ) from error
        except OSError as error:
            raise InputError(f"cannot read: {error.strerror}", where=str(file)) from error
        return cls(file, tuple(text.splitlines()))

    def parse(self) -> dict[str, Any]:
        """The values.

        Raises:
            InputError: The text is not TOML.
        """
        try:
            return tomllib.loads("\n".join(self.lines))
        except tomllib.TOMLDecodeError as error:
            message, _, place = str(error).partition(" (at ")
            line = re.search(r"line (\d+)", place)
            raise InputError(
                f"not valid TOML: {message}",
                where=f"{self.file}:{line[1] if line else len(self.lines)}",
                hint='a line is: key = "text", key = 1.5, key = ["a", "b"] or [table]',
            ) from error

    def error(self, name: str, message: str, hint: str = "", item: str = "") -> InputError:
        """An error that names the line of a setting, or of one string in its list."""
        return InputError(message, where=self.where(name, item), hint=hint)

    def where(self, name: str, item: str = "") -> str:
        """`file:line` of a setting, or of one string in its list."""
        line = self._line_of(name)
        if line and item:
            for number in range(line, len(self.lines) + 1):
                if re.search(rf"""["']{re.escape(item)}["']""", self.lines[number - 1]):
                    line = number
                    break
        return f"{self.file}:{line}" if line else str(self.file)

    def _line_of(self, name: str) -> int | None:
        """The line where a key is set; else that of the table or key that holds it."""
        key = r"""(?:[\w-]+|"[^"]*"|'[^']*')"""
        statement = re.compile(rf"\s*(\[?)\s*({key}(?:\s*\.\s*{key})*)\s*([\]=])")
        table: list[str] = []
        in_string = False
        best: tuple[int, int] | None = None
        wanted = name.split(".")
        for number, line in enumerate(self.lines, start=1):
            match = None if in_string else statement.match(line)
            if (line.count('"""') + line.count("'''")) % 2:
                in_string = not in_string
            if not match:
                continue
            parts = [part.strip(" \t\"'") for part in match[2].split(".")]
            if match[1]:
                table = parts
            elif match[3] == "=":
                parts = [*table, *parts]
            if wanted[: len(parts)] == parts and (best is None or len(parts) > best[1]):
                best = (number, len(parts))
        return best[0] if best else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known name, or nothing where none is near."""
    by_last_part = {k.rpartition(".")[2]: k for k in known}
    by_last_part |= {k: k for k in known}
    for part in (name, name.rpartition(".")[2]):
        if near := difflib.get_close_matches(part, by_last_part, n=1, cutoff=0.6):
            return f"did you mean {by_last_part[near[0]]}?"
    return ""
