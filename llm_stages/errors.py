"""The errors of the LLM stages, as values with a place and a remedy.

    StageError              every error that the command line prints without a traceback
    ├── InputError          a file, an option or a specification is wrong         exit code 2
    ├── ToolMissing         a program or a sandbox that this step needs is absent exit code 3
    ├── DraftRejected       a model wrote nothing that passes the checks          exit code 1
    └── ProviderError       a model could not be asked, or did not answer         exit code 4
        ├── UnknownModel    the model string names no known provider or model
        ├── KeyMissing      the provider wants an API key that is not set or not accepted
        ├── NoConnection    nothing answers at the address, or not in time
        ├── Refused         the provider answered with an error
        ├── BudgetSpent     a limit on tokens, money, time or calls is reached
        └── NotRecorded     replay was asked for and the request is not in the store

`placement_env.errors` has the same attributes; the command line reads both the same way.
`WrongAnswer` is for models and never gets there.
"""

from __future__ import annotations


class StageError(Exception):
    """An error with what is wrong, where it is and what to do about it.

    Args:
        message: What is wrong, with what was expected and what was found.
        where: The place: `file:line`, a module, a model or a stage. Empty where there is none.
        hint: What the user can do. Empty where the message says it all.
    """

    exit_code = 1

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        """The whole error on up to three lines."""
        lines = [self.message]
        if self.where:
            lines.append(f"  at: {self.where}")
        if self.hint:
            lines.append(f"  try: {self.hint}")
        return "\n".join(lines)


class InputError(StageError):
    """A file, an option or a specification that cannot be used as it is."""

    exit_code = 2


class ToolMissing(StageError):
    """A program, a package or a kernel feature that the requested step needs."""

    exit_code = 3


class DraftRejected(StageError):
    """A model answered, and no answer passed the checks within the attempts that were allowed."""


class WrongAnswer(Exception):
    """An answer that cannot be used; the text tells the model why, who may answer once more."""


class ProviderError(StageError):
    """A model that could not be asked, or that did not answer."""

    exit_code = 4


class UnknownModel(ProviderError):
    """The model string names no known provider, or the provider has no such model."""


class KeyMissing(ProviderError):
    """The provider wants an API key that is not set, or does not accept the one that is."""


class NoConnection(ProviderError):
    """Nothing answers at the provider's address, or not within the time limit."""


class Refused(ProviderError):
    """The provider answered with an error: rate limit, content policy, bad request, overload."""


class BudgetSpent(ProviderError):
    """A limit on tokens, money, time or calls is reached; no further call is made."""


class NotRecorded(ProviderError):
    """Replay was asked for, and the store holds no reply to this request."""
