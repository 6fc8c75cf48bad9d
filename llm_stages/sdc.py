"""Reads timing constraints (SDC) that a model wrote, by a list of what is allowed.

SDC is Tcl: a tool that sources it runs whatever it says, `exec` and `open` included. So nothing
that a model wrote is sourced. It is parsed here, without variables, escapes or control flow, and
what the tools get is written anew from what was understood.

Reference: Using the Synopsys Design Constraints Format, version 2.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NoReturn

from llm_stages.errors import InputError

_QUERIES = frozenset(
    f"{verb}_{noun}"
    for verb, nouns in (
        ("get", ("ports", "pins", "cells", "nets", "clocks")),
        ("all", ("inputs", "outputs", "clocks", "registers")),
    )
    for noun in nouns
)
_TIMES = "-max -min -rise -fall"
_PATHS = "-from= -to= -through= -rise_from= -rise_to= -fall_from= -fall_to= -setup -hold"
# Options by command; those with a value end in =.
_COMMANDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        name: frozenset(options.split())
        for name, options in {
            "create_clock": "-name= -period= -waveform= -add -comment=",
            "create_generated_clock": "-name= -source= -divide_by= -multiply_by= -edges= -invert "
            "-master_clock= -add -duty_cycle=",
            "set_clock_uncertainty": "-setup -hold -from= -to=",
            "set_clock_latency": f"-source -early -late {_TIMES}",
            "set_clock_transition": _TIMES,
            "set_propagated_clock": "",
            "set_clock_groups": "-name= -group= -asynchronous -logically_exclusive "
            "-physically_exclusive",
            "set_input_delay": f"-clock= -clock_fall -add_delay {_TIMES}",
            "set_output_delay": f"-clock= -clock_fall -add_delay {_TIMES}",
            "set_input_transition": _TIMES,
            "set_driving_cell": f"-lib_cell= -pin= -library= {_TIMES}",
            "set_load": f"-pin_load -wire_load {_TIMES}",
            "set_false_path": f"{_PATHS} -rise -fall",
            "set_multicycle_path": f"{_PATHS} -start -end",
            "set_max_delay": f"{_PATHS} -ignore_clock_latency",
            "set_min_delay": f"{_PATHS} -ignore_clock_latency",
            "set_max_fanout": "",
            "set_max_transition": "-clock_path -data_path",
            "set_max_capacitance": "",
            "set_case_analysis": "",
        }.items()
    }
)
_TOKEN = re.compile(
    r"(?P<space>(?:[ \t\r]|\\\n)+)|(?P<end>[;\n])|(?P<comment>#[^\n]*)"
    r"|(?P<braced>\{[^{}\\$;\"]*\})|(?P<quoted>\"[^\"\\$\[\]{};\n]*\")"
    r"|(?P<open>\[)|(?P<close>\])|(?P<bare>[\w./*?:+-]+)",
    re.ASCII,
)
_NAME = re.compile(r"[\w./*?:\[\]+-]+", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MOST_CHARACTERS = 262144


@dataclass(frozen=True)
class Query:
    """Objects of the design, such as `[get_ports {a b}]`.

    Attributes:
        command: What is asked.
        names: Names and patterns; none for the commands that begin with `all`.
    """

    command: str
    names: tuple[str, ...] = ()


#: A word of a constraint: a list of names or numbers, or objects of the design.
Word = tuple[str, ...] | Query


@dataclass(frozen=True)
class Constraint:
    """One command.

    Attributes:
        command: Its name.
        options: Options in order; an option without a value has None.
        arguments: The words that are no options.
        line: Where it begins, from 1.
    """

    command: str
    options: tuple[tuple[str, Word | None], ...]
    arguments: tuple[Word, ...]
    line: int


def parse(text: str, *, where: str = "constraints") -> list[Constraint]:
    """Read constraints.

    Args:
        text: The SDC.
        where: Its name, for errors.

    Raises:
        InputError: It holds anything else than the constraints that are allowed.
    """
    if len(text) > _MOST_CHARACTERS:
        raise InputError("the constraints are too long to be read", where=where)
    return [_constraint(words, f"{where}:{line}", line) for line, words in _lines(text, where)]


def to_text(constraints: Sequence[Constraint]) -> str:
    """The constraints as SDC, every word in braces; safe to be sourced."""
    lines = []
    for item in constraints:
        words = [item.command]
        for name, value in item.options:
            words += [name] if value is None else [name, _written(value)]
        lines.append(" ".join([*words, *map(_written, item.arguments)]) + "\n")
    return "".join(lines)


def unresolved_ports(constraints: Sequence[Constraint], ports: Sequence[str]) -> list[str]:
    """Names and patterns that `get_ports` asks for and no port has, bits of a bus allowed for.

    Args:
        constraints: The constraints.
        ports: Names of the design's ports.
    """
    missing = []
    for item in constraints:
        for word in (*(value for _, value in item.options), *item.arguments):
            if isinstance(word, Query) and word.command == "get_ports":
                missing += [name for name in word.names if not _fits(name, ports)]
    return list(dict.fromkeys(missing))


def _fits(pattern: str, ports: Sequence[str]) -> bool:
    base = re.sub(r"\[[\d:*?]+\]$", "", pattern)
    wanted = re.compile(re.escape(base).replace(r"\*", ".*").replace(r"\?", "."))
    return any(wanted.fullmatch(port) for port in ports)


def _lines(text: str, where: str) -> Iterator[tuple[int, list[Word]]]:
    """The words of each command, with the line where it begins."""
    words: list[Word] = []
    asked: list[str] | None = None
    at, line, begun = 0, 1, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        kind = match.lastgroup if match else None
        if match is None or (kind == "comment" and (words or asked is not None)):
            _refuse(f"unexpected {text[at : at + 1]!r}", f"{where}:{line}")
        token, at = match.group(), match.end()
        begun = begun if words or asked is not None else line
        line += token.count("\n")
        if kind == "open":
            if asked is not None:
                _refuse("a query within a query", f"{where}:{begun}")
            asked = []
        elif kind == "close":
            if asked is None:
                _refuse("unexpected ']'", f"{where}:{begun}")
            words.append(_query(asked, f"{where}:{begun}"))
            asked = None
        elif kind in ("bare", "braced", "quoted"):
            names = (token if kind == "bare" else token[1:-1]).split()
            if any(not _NAME.fullmatch(name) for name in names):
                _refuse(f"unexpected characters in {token!r}", f"{where}:{begun}")
            if asked is None:
                words.append(tuple(names))
            else:
                asked += names
        elif kind == "end":
            if asked is not None:
                _refuse("a query that is not closed", f"{where}:{begun}")
            if words:
                yield begun, words
            words = []
    if asked is not None:
        _refuse("a query that is not closed", f"{where}:{begun}")
    if words:
        yield begun, words


def _query(words: list[str], where: str) -> Query:
    if not words or words[0] not in _QUERIES:
        _refuse(f"[{' '.join(words)[:40]}] is not allowed", where)
    if any(word.startswith("-") for word in words[1:]):
        _refuse(f"options of {words[0]} are not allowed", where)
    if words[0].startswith("all_") != (len(words) == 1):
        _refuse(f"{words[0]} with {len(words) - 1} names", where)
    return Query(words[0], tuple(words[1:]))


def _constraint(words: list[Word], where: str, line: int) -> Constraint:
    command = " ".join(words[0]) if isinstance(words[0], tuple) else words[0].command
    known = _COMMANDS.get(command)
    if known is None or isinstance(words[0], Query):
        _refuse(f"the command {command[:40]!r} is not allowed", where)
    options: list[tuple[str, Word | None]] = []
    arguments: list[Word] = []
    waiting = iter(words[1:])
    for word in waiting:
        name = word[0] if isinstance(word, tuple) and len(word) == 1 else ""
        if not name.startswith("-") or _NUMBER.fullmatch(name):
            arguments.append(word)
        elif name in known:
            options.append((name, None))
        elif f"{name}=" in known:
            value = next(waiting, None)
            if value is None:
                _refuse(f"{command} {name} lacks its value", where)
            options.append((name, value))
        else:
            _refuse(f"{command} has no option {name!r}", where)
    return Constraint(command, tuple(options), tuple(arguments), line)


def _written(word: Word) -> str:
    if isinstance(word, tuple):
        return "{" + " ".join(word) + "}"
    return f"[{word.command} {{{' '.join(word.names)}}}]" if word.names else f"[{word.command}]"


def _refuse(message: str, where: str) -> NoReturn:
    raise InputError(
        message,
        where=where,
        hint="constraints from a model may hold plain SDC only: clocks, delays, loads and "
        "exceptions on objects that get_* and all_* name; no variables and no Tcl",
    )
