"""Applies edits to a source text: each must match in exactly one place, or it is refused."""

from __future__ import annotations

import re

from llm_stages.errors import WrongAnswer


def apply_edit(text: str, search: str, replace: str, *, file: str) -> str:
    """Replace lines that occur once.

    Blanks at line ends do not count; where that finds nothing, the indentation does not either, and
    the new lines are moved by as much as the found ones are.

    Args:
        text: The source.
        search: Whole lines to find.
        replace: What to put in their place; empty to remove them.
        file: What to call the source in errors.

    Raises:
        WrongAnswer: The lines do not occur, or occur more than once.
    """
    wanted = _lines(search)
    if not wanted:
        raise WrongAnswer(f"an edit of {file} has an empty SEARCH part; copy the lines to replace")
    lines = text.split("\n")
    new = _lines(replace)
    places = _places([line.rstrip() for line in lines], [line.rstrip() for line in wanted])
    if not places:
        places = _places([line.strip() for line in lines], [line.strip() for line in wanted])
        if len(places) == 1:
            have, said = _indent(lines[places[0]]), _indent(wanted[0])
            new = [have + line.removeprefix(said) if line.strip() else line for line in new]
    if len(places) != 1:
        shown = wanted[0].strip()[:80]
        if not places:
            raise WrongAnswer(
                f"the SEARCH part that begins {shown!r} does not occur in {file}; copy whole lines "
                "of the source as they are, without line numbers"
            )
        raise WrongAnswer(
            f"the SEARCH part that begins {shown!r} occurs {len(places)} times in {file}; "
            "take in more lines around it"
        )
    at = places[0]
    return "\n".join([*lines[:at], *new, *lines[at + len(wanted) :]])


def replace_module(text: str, module: str, new: str, *, file: str) -> str:
    """Replace a whole module.

    Raises:
        WrongAnswer: The source does not define the module exactly once.
    """
    pattern = re.compile(rf"^[ \t]*module[ \t]+{re.escape(module)}\b.*?\bendmodule\b", re.M | re.S)
    found = list(pattern.finditer(text))
    if len(found) != 1:
        times = f"{len(found)} times" if found else "not at all"
        raise WrongAnswer(f"{file} defines the module {module} {times}; use edits instead")
    return text[: found[0].start()] + new.strip("\n") + text[found[0].end() :]


def _lines(text: str) -> list[str]:
    """The lines without empty ones at both ends."""
    lines = text.split("\n")
    full = [at for at, line in enumerate(lines) if line.strip()]
    return lines[full[0] : full[-1] + 1] if full else []


def _places(lines: list[str], wanted: list[str]) -> list[int]:
    count = len(wanted)
    return [at for at in range(len(lines) - count + 1) if lines[at : at + count] == wanted]


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
