"""Options of a command from the fields of a dataclass, explained by its docstring."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from types import MappingProxyType
from typing import Any


def parsed_options(
    kind: type,
    words: Sequence[str],
    *,
    program: str,
    about: str,
    at_least: Mapping[str, float],
    wrong: Callable[[Mapping[str, Any]], str],
    at_most: Mapping[str, float] = MappingProxyType({}),
    given: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Values of the fields of `kind`, each of which is an option of the command line.

    Ends the program with an explanation where a word is wrong, as `argparse` does.

    Args:
        kind: A dataclass whose fields have defaults, described under `Attributes:` in its
            docstring or in those of the classes that it builds on.
        words: The command line.
        program: How the command is called.
        about: What it does.
        at_least: The smallest values allowed, by field.
        wrong: What is wrong with values that are allowed by themselves; empty if nothing is.
        at_most: The largest values allowed, by field.
        given: Values, by field, that take the place of those defaults.
    """
    parser = argparse.ArgumentParser(prog=program, description=about)
    helps: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        helps |= _attribute_docs(one)
    for item in fields(kind):
        parser.add_argument(
            _option(item.name),
            type=type(item.default),
            default=given.get(item.name, item.default),
            metavar=type(item.default).__name__.upper(),
            help=f"{helps[item.name]} (default: {item.default or 'none'})",
        )
    values = vars(parser.parse_args(words))
    for name, least in at_least.items():
        if not values[name] >= least:
            parser.error(f"{_option(name)} is {values[name]}, expected at least {least}")
    for name, most in at_most.items():
        if not values[name] <= most:
            parser.error(f"{_option(name)} is {values[name]}, expected at most {most}")
    if complaint := wrong(values):
        parser.error(complaint)
    return values


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _attribute_docs(kind: type) -> dict[str, str]:
    """Names and texts of the `Attributes:` section of a class's docstring."""
    section = (kind.__doc__ or "").partition("Attributes:\n")[2]
    docs: dict[str, str] = {}
    for line in section.splitlines():
        if line.startswith("        ") and ": " in line and not line.startswith("         "):
            name, _, text = line.strip().partition(": ")
            docs[name] = text.rstrip(".").replace("%", "%%")
        elif line.strip() and docs:
            last = next(reversed(docs))
            docs[last] += " " + line.strip().rstrip(".").replace("%", "%%")
    return docs
