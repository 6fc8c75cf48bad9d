"""Edits that a model makes to a source: search and replace where the text is found once, or whole.

A block looks as in merge conflicts, which models have seen often:

    <<<<<<< SEARCH
    assign y = a & b;
    =======
    assign y = a | b;
    >>>>>>> REPLACE
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from llm_stages.code_block import extract_hdl, without_control_characters
from llm_stages.errors import WrongAnswer

_BLOCK = re.compile(
    r"^[ \t]*<{5,9} ?SEARCH[^\n]*\n(?P<old>.*?)^[ \t]*={5,9}[ \t]*\n(?P<new>.*?)^[ \t]*>{5,9}"
    r"(?: ?REPLACE)?[^\n]*$",
    re.MULTILINE | re.DOTALL,
)
_NUMBERED = re.compile(r"^[ \t]*\d+[ \t|:]?[ \t]?", re.MULTILINE)


@dataclass(frozen=True)
class Edit:
    """One replacement; with an empty `old`, `new` is the whole source."""

    old: str
    new: str

    def __str__(self) -> str:
        """In one short line, for notes."""
        if not self.old:
            return "wrote it anew"
        return f"{_short(self.old)!r} -> {_short(self.new)!r}"


def read(answer: str, top: str) -> tuple[Edit, ...]:
    """The edits in an answer.

    Raises:
        WrongAnswer: It holds neither an edit nor the module.
    """
    answer = without_control_characters(answer)
    found = tuple(
        Edit(match["old"].strip("\n"), match["new"].strip("\n"))
        for match in _BLOCK.finditer(answer)
    )
    if found:
        if any(not edit.old.strip() for edit in found):
            raise WrongAnswer("a SEARCH part is empty: copy the lines to replace into it")
        return found
    whole = extract_hdl(answer, top)
    if not whole:
        raise WrongAnswer("the answer holds neither a SEARCH/REPLACE block nor a module in a block")
    return (Edit("", whole),)


def apply(source: str, edits: tuple[Edit, ...]) -> str:
    """The source with all edits made, one after the other.

    The text is looked for as it is, then without line numbers, then with any white space between
    its words.

    Raises:
        WrongAnswer: A text is not found, or in more than one place.
    """
    changed = source
    for edit in edits:
        changed = _replaced(changed, edit) if edit.old else edit.new
    return changed if changed.endswith("\n") else changed + "\n"


def _replaced(source: str, edit: Edit) -> str:
    plain_old, plain_new = _NUMBERED.sub("", edit.old), _NUMBERED.sub("", edit.new)
    numbered = all(_NUMBERED.match(line) for line in edit.old.splitlines() if line.strip())
    attempts = [(re.escape(edit.old), edit.new), (_loose(edit.old), edit.new)]
    if numbered:
        attempts.append((_loose(plain_old), plain_new))
    for pattern, new in attempts:
        places = list(re.finditer(pattern, source))
        if len(places) == 1:
            return source[: places[0].start()] + new + source[places[0].end() :]
        if len(places) > 1:
            raise WrongAnswer(
                f"the SEARCH text {_short(edit.old)!r} is found in {len(places)} places: copy more "
                "lines around it, so that it is found once"
            )
    raise WrongAnswer(
        f"the SEARCH text {_short(edit.old)!r} is not in the source: copy its lines exactly, or "
        "answer with the whole module in one code block"
    )


def _loose(text: str) -> str:
    return r"\s+".join(re.escape(word) for word in text.split())


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 60 else f"{words[:57]}..."
