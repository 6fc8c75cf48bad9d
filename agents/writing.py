"""What becomes of a run that cannot write its results."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from placement_env.errors import InputError


@contextlib.contextmanager
def writing_to(out: str) -> Iterator[None]:
    """Run what writes to the folder `out`.

    Raises:
        InputError: A file cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot write: {error.strerror or error}",
            where=str(error.filename or out),
            hint="give another folder with --out, or make room",
        ) from error
