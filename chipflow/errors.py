"""What can go wrong with a run as a whole; see `placement_env.errors` for the tree above it."""

from __future__ import annotations

from placement_env.errors import ChipError


class StageFailed(ChipError):
    """A stage could not do its work; earlier results are untouched.

    Args:
        stage: Name of the stage.
        message: What is wrong.
        where: The place, as in `ChipError`.
        hint: What the user can do.
        exit_code: Exit code of the command.
        crashed: The stage's process ended without saying why.
        log_tail: The last lines of the stage's log.
    """

    def __init__(
        self,
        stage: str,
        message: str,
        *,
        where: str = "",
        hint: str = "",
        exit_code: int = 1,
        crashed: bool = False,
        log_tail: tuple[str, ...] = (),
    ) -> None:
        super().__init__(f"{stage}: {message}", where=where, hint=hint)
        self.stage = stage
        self.exit_code = exit_code
        self.crashed = crashed
        self.log_tail = log_tail


class Interrupted(ChipError):
    """The user has stopped the run."""

    exit_code = 130
