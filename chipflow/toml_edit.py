"""Sets and removes single keys in the text of a TOML file; all else stays as it is.

Every edit is checked: the text is read before and after, and must differ by that key alone.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chipflow.toml_text import TomlText
from placement_env.errors import InputError

_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)


def set_key(text: str, name: str, value: float | str | Sequence[str], *, file: Path) -> str:
    """The text with a key set.

    Args:
        text: A TOML file.
        name: Dotted name of the key, with at most one dot.
        value: Its new value.
        file: What to call the text in errors.

    Raises:
        InputError: The key is written in a way that this does not understand.
    """
    plain = value if isinstance(value, str | int | float) else list(value)
    line = f"{name.rpartition('.')[2]} = {json.dumps(plain, ensure_ascii=False)}"
    before = _parse(text, file)
    without = remove_key(text, name, file=file) if _get(before, name) is not None else text
    table = name.rpartition(".")[0]
    if not table:
        match = _TABLE.search(without)
        at = match.start() if match else len(without)
        after = f"{without[:at].rstrip()}\n{line}\n\n{without[at:]}"
    elif header := re.search(
        rf"^[ \t]*\[[ \t]*{re.escape(table)}[ \t]*\].*$", without, re.MULTILINE
    ):
        after = f"{without[: header.end()]}\n{line}{without[header.end() :]}"
    else:
        after = f"{without.rstrip()}\n\n[{table}]\n{line}\n"
    return _checked(before, after, name, plain, file)


def remove_key(text: str, name: str, *, file: Path) -> str:
    """The text without a key, which may go over several lines.

    Raises:
        InputError: The key is not there, or written in a way that this does not understand.
    """
    before = _parse(text, file)
    lines = text.splitlines()
    where = TomlText(file, tuple(lines)).where(name)
    first = int(where.rpartition(":")[2]) - 1 if where != str(file) else len(lines)
    for last in range(first, len(lines)):
        after = "\n".join([*lines[:first], *lines[last + 1 :], ""])
        try:
            found = tomllib.loads(after)
        except tomllib.TOMLDecodeError:
            continue
        if found == _with(before, name, None):
            return after
    raise _by_hand(name, file)


def _checked(before: dict[str, Any], after: str, name: str, value: Any, file: Path) -> str:
    try:
        found = tomllib.loads(after)
    except tomllib.TOMLDecodeError:
        raise _by_hand(name, file) from None
    if found != _with(before, name, value):
        raise _by_hand(name, file)
    return after


def _by_hand(name: str, file: Path) -> InputError:
    return InputError(
        f"cannot change {name} in this file without changing more",
        where=str(file),
        hint=f"write {name.rpartition('.')[2]} = ... on a line of its own in its table",
    )


def _parse(text: str, file: Path) -> dict[str, Any]:
    return TomlText(file, tuple(text.splitlines())).parse()


def _get(values: dict[str, Any], name: str) -> Any:
    table, _, key = name.rpartition(".")
    return (values.get(table, {}) if table else values).get(key)


def _with(values: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    """The values with one changed; removed where it is None."""
    table, _, key = name.rpartition(".")
    inner = dict(values.get(table, {}) if table else values)
    inner.pop(key, None)
    if value is not None:
        inner[key] = value
    return {**values, table: inner} if table else inner
