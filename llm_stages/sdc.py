"""Timing constraints (SDC): read by an allowlist, held as data, written anew.

A constraints file is never run as it is. It is parsed into `Command` values, which can hold nothing
but the commands of `sdc_commands.py` with names and numbers, and only what `write` makes of those
reaches a tool. There are no variables, no substitution but the queries of the table, no scripts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from llm_stages.errors import InputError
from llm_stages.sdc_commands import COMMANDS, NAMED_QUERIES, PLAIN_QUERIES, REMEDIES, Kind, Syntax
from llm_stages.tcl_words import Word, split_commands

MAX_CHARACTERS = 262144
_MAX_WILDCARDS = 4
_NAME = re.compile(r"[A-Za-z_*?][\w./:*?-]*(?:\[(?:\d+|\*)\][\w./:*?-]*)*", re.ASCII)
_PLAIN_NAME = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_OBJECTS: tuple[Kind, ...] = ("clocks", "ports", "pins", "objects", "design")
_IN_WORDS: dict[Kind, str] = {
    "number": "a number",
    "positive": "a number above 0",
    "count": "a whole number",
    "numbers": "a list of numbers",
    "logic": "0 or 1",
    "name": "a name",
}


@dataclass(frozen=True)
class Objects:
    """Objects of a design, by a query.

    Attributes:
        query: Name of the query; empty for a plain list of names.
        names: Names, or patterns with * and ?.
    """

    query: str
    names: tuple[str, ...] = ()


Value = float | int | str | tuple[float, ...] | Objects


@dataclass(frozen=True)
class Command:
    """One constraint.

    Attributes:
        name: Name of the command.
        options: Options to their values, in order; None for a flag.
        values: Arguments without an option, in order.
        line: Where it was read, from 1; 0 where it was not.
    """

    name: str
    options: tuple[tuple[str, Value | None], ...] = ()
    values: tuple[Value, ...] = ()
    line: int = field(default=0, compare=False)

    def option(self, name: str) -> Value | None:
        """The value of an option; None where it is not there, or is a flag."""
        return next((value for option, value in self.options if option == name), None)


def parse(text: str, *, file: str = "constraints") -> tuple[Command, ...]:
    """Read constraints.

    Args:
        text: The text of an SDC file.
        file: What to call it in errors.

    Raises:
        InputError: It holds anything but allowed commands with names and numbers; the error says
            the line, and what to write.
    """
    if len(text) > MAX_CHARACTERS:
        raise InputError(
            f"the constraints are longer than {MAX_CHARACTERS:,} characters", where=file
        )
    return tuple(_command(words, file) for words in split_commands(text, file))


def write(commands: Iterable[Command]) -> str:
    """Write constraints as SDC text, one command a line.

    Raises:
        InputError: A command is not one that `parse` could have read.
    """
    lines = []
    for command in commands:
        syntax = COMMANDS.get(command.name)
        if syntax is None:
            raise InputError(f"{command.name!r} is no command for constraints", where="constraints")
        parts = [command.name]
        for option, value in command.options:
            kind = syntax.options.get(option)
            if kind is None:
                raise InputError(f"{command.name} has no option {option!r}", where="constraints")
            if (kind == "flag") != (value is None):
                raise InputError(f"{command.name} {option} has a wrong value", where="constraints")
            parts.append(option)
            if value is not None:
                parts.append(_written(value, kind))
        if len(command.values) > len(syntax.values):
            raise InputError(f"{command.name} has too many arguments", where="constraints")
        parts += [
            _written(value, kind)
            for value, kind in zip(command.values, syntax.values, strict=False)
        ]
        lines.append(" ".join(parts))
    return "".join(f"{line}\n" for line in lines)


def _written(value: Value, kind: Kind) -> str:
    if isinstance(value, Objects):
        known = {**NAMED_QUERIES, **PLAIN_QUERIES, "": frozenset(_OBJECTS)}
        if kind not in known.get(value.query, frozenset()):
            raise InputError(f"{value.query!r} is no query for {kind}", where="constraints")
        for name in value.names:
            _check_name(name, "constraints")
        names = f"{{{' '.join(value.names)}}}"
        if not value.query:
            return names
        return f"[{value.query} {names}]" if value.query in NAMED_QUERIES else f"[{value.query}]"
    if isinstance(value, tuple):
        return f"{{{' '.join(repr(float(number)) for number in value)}}}"
    if isinstance(value, str):
        if kind != "logic":
            _check_name(value, "constraints", plain=True)
        return value if kind == "logic" and value in ("0", "1") else f"{{{value}}}"
    return repr(value)


def _check_name(name: str, where: str, *, plain: bool = False) -> None:
    if not (_PLAIN_NAME if plain else _NAME).fullmatch(name) or len(name) > 256:
        raise InputError(
            f"the name {name[:60]!r} cannot be written in timing constraints",
            where=where,
            hint="a name has letters, digits and _ . / : and [3] for a bit; rename what has others",
        )
    if len(re.findall(r"[*?]+", name)) > _MAX_WILDCARDS:
        raise InputError(
            f"the pattern {name[:60]!r} has more than {_MAX_WILDCARDS} wildcards",
            where=where,
            hint="name what is meant",
        )


def _command(words: Sequence[Word], file: str) -> Command:
    first = words[0]
    where = f"{file}:{first.line}"
    name = first.text
    syntax = COMMANDS.get(name) if first.kind == "bare" else None
    if syntax is None:
        near = get_close_matches(name, COMMANDS, n=1, cutoff=0.75)
        hint = REMEDIES.get(name) or (
            f"did you mean {near[0]}?" if near else f"allowed: {', '.join(COMMANDS)}"
        )
        raise InputError(f"{name[:60]!r} is no command for constraints", where=where, hint=hint)
    options: list[tuple[str, Value | None]] = []
    loose: list[Word] = []
    rest = list(words[1:])
    while rest:
        word = rest.pop(0)
        if word.kind != "bare" or not word.text.startswith("-") or _NUMBER.fullmatch(word.text):
            loose.append(word)
            continue
        kind = _kind_of(word, name, syntax, [option for option, _ in options], file)
        if kind == "flag":
            options.append((word.text, None))
            continue
        if not rest:
            raise InputError(f"{name} {word.text} has no value", where=f"{file}:{word.line}")
        options.append((word.text, _value(rest.pop(0), kind, f"{name} {word.text}", file)))
    for required in syntax.required:
        if all(required != option for option, _ in options):
            raise InputError(f"{name} needs {required}", where=where, hint=_usage(name, syntax))
    least = len(syntax.values) - syntax.optional
    if not least <= len(loose) <= len(syntax.values):
        raise InputError(
            f"{name} takes {len(syntax.values)} argument(s) without an option, not {len(loose)}",
            where=where,
            hint=_usage(name, syntax),
        )
    values = tuple(
        _value(word, kind, name, file) for word, kind in zip(loose, syntax.values, strict=False)
    )
    return Command(name, tuple(options), values, first.line)


def _kind_of(word: Word, name: str, syntax: Syntax, seen: Sequence[str], file: str) -> Kind:
    """The kind of an option's value."""
    where = f"{file}:{word.line}"
    kind = syntax.options.get(word.text)
    if kind is None:
        near = get_close_matches(word.text, syntax.options, n=1)
        hint = f"did you mean {near[0]}?" if near else _usage(name, syntax)
        raise InputError(f"{name} has no option {word.text[:60]!r}", where=where, hint=hint)
    if word.text in seen and word.text not in syntax.repeated:
        raise InputError(f"{name} has {word.text} twice", where=where, hint="keep one")
    return kind


def _usage(name: str, syntax: Syntax) -> str:
    options = [
        option if kind == "flag" else f"{option} {kind.upper()}"
        for option, kind in syntax.options.items()
        if not option.startswith(("-rise_", "-fall_"))  # six more ways to name the ends of a path
    ]
    return " ".join([name, *map(str.upper, syntax.values), *(f"[{option}]" for option in options)])


def _value(word: Word, kind: Kind, what: str, file: str) -> Value:
    where = f"{file}:{word.line}"
    if kind in _OBJECTS:
        return _objects(word, kind, what, file)
    if word.kind == "query":
        query = word.words[0].text if word.words else ""
        raise InputError(
            f"{what} must be {_IN_WORDS[kind]}, not [{query[:40]} ...]",
            where=where,
            hint=REMEDIES.get(query, "write it out"),
        )
    if kind == "numbers":
        return tuple(_number(text, what, where) for text in word.text.split())
    if kind == "logic":
        if word.text not in ("0", "1"):
            raise InputError(f"{what} must be 0 or 1, not {word.text[:40]!r}", where=where)
        return word.text
    if kind == "name":
        _check_name(word.text, where, plain=True)
        return word.text
    number = _number(word.text, what, where)
    if kind == "positive" and number <= 0:
        raise InputError(f"{what} must be above 0, not {number:g}", where=where)
    if kind == "count":
        if number < 0 or not number.is_integer():
            raise InputError(f"{what} must be a whole number, not {number:g}", where=where)
        return int(number)
    return number


def _number(text: str, what: str, where: str) -> float:
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(number):
        raise InputError(f"{what} must be a number, not {text[:40]!r}", where=where)
    return number


def _objects(word: Word, kind: Kind, what: str, file: str) -> Objects:
    where = f"{file}:{word.line}"
    if word.kind != "query":
        return Objects("", _names([word], what, file))
    query = word.words[0].text if word.words and word.words[0].kind == "bare" else ""
    known = {**NAMED_QUERIES, **PLAIN_QUERIES}
    if query not in known:
        near = get_close_matches(query, known, n=1)
        hint = REMEDIES.get(query) or (
            f"did you mean {near[0]}?" if near else f"allowed: {', '.join(known)}"
        )
        raise InputError(f"{query[:60]!r} is no query for constraints", where=where, hint=hint)
    if kind not in known[query]:
        fitting = [name for name, kinds in known.items() if kind in kinds]
        raise InputError(
            f"{what} takes no [{query} ...]", where=where, hint=f"it takes {', '.join(fitting)}"
        )
    arguments = word.words[1:]
    if query in PLAIN_QUERIES:
        if arguments:
            raise InputError(f"{query} takes no arguments here", where=where)
        return Objects(query)
    return Objects(query, _names(arguments, query, file))


def _names(words: Sequence[Word], what: str, file: str) -> tuple[str, ...]:
    names: list[str] = []
    for word in words:
        where = f"{file}:{word.line}"
        if word.kind == "query":
            raise InputError(
                f"{what} takes names, not another query", where=where, hint="write the names out"
            )
        if word.text.startswith("-"):
            raise InputError(
                f"{what} takes no {word.text[:40]!r} here", where=where, hint="write the names out"
            )
        for name in word.text.split():
            _check_name(name, where)
            names.append(name)
    if not names:
        raise InputError(
            f"{what} names nothing", where=f"{file}:{words[0].line}" if words else file
        )
    return tuple(names)
