"""Reads files that a hostile program may have put there, and cleans what tools say of files."""

from __future__ import annotations

import os
import re
from pathlib import Path

_FOLDERS = re.compile(r"(?<![\w.])(?:/[\w.+@~-]+)+/(?=[\w.])")


def head(path: Path, *, most_bytes: int = 65536) -> str:
    """The beginning of a file; no link is followed and nothing is waited for.

    Returns:
        Its text, bytes that are no UTF-8 replaced; empty where it cannot be opened.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with os.fdopen(handle, "rb") as file:
        return file.read(most_bytes).decode("utf-8", errors="replace")


def without_folders(text: str) -> str:
    """A message with the bare names of files, so that it is the same in every working folder."""
    return _FOLDERS.sub("", text)
