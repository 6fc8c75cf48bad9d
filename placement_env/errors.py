"""The errors that a user can cause, as values with a place and a remedy.

    ChipError            every error that the command line prints without a traceback
    ├── InputError       a file, an option or a netlist is wrong                exit code 2
    ├── ToolMissing      a program or a package that this step needs is absent  exit code 3
    └── TrainingError    a training run cannot go on                            exit code 1

`llm_stages` has a tree of its own (it imports nothing of ours); the command line reads the same
attributes from both.
"""

from __future__ import annotations

#: Of longer lines, which damaged files make, only both ends are shown.
_LONGEST_LINE, _SHOWN_END = 1000, 300


class ChipError(Exception):
    """An error with what is wrong, where it is and what to do about it.

    Args:
        message: What is wrong, with what was expected and what was found.
        where: The place: `file:line`, a node, a net or a stage. Empty where there is none.
        hint: What the user can do. Empty where the message says it all.
    """

    exit_code = 1

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        message = _shortened(message)
        super().__init__(message)
        self.message = message
        self.where = _shortened(where)
        self.hint = _shortened(hint)

    def __str__(self) -> str:
        """The whole error on up to three lines."""
        lines = [self.message]
        if self.where:
            lines.append(f"  at: {self.where}")
        if self.hint:
            lines.append(f"  try: {self.hint}")
        return "\n".join(lines)


class InputError(ChipError):
    """A file, an option or a netlist that cannot be used as it is."""

    exit_code = 2


class ToolMissing(ChipError):
    """A program or an optional package that the requested step needs."""

    exit_code = 3


class TrainingError(ChipError):
    """A training run that cannot go on; what it had reached is kept."""


def _shortened(text: str) -> str:
    """The text without the middle of its overlong lines."""
    if len(text) <= _LONGEST_LINE:
        return text
    return "\n".join(
        line if len(line) <= _LONGEST_LINE else f"{line[:_SHOWN_END]} … {line[-_SHOWN_END:]}"
        for line in text.split("\n")
    )
