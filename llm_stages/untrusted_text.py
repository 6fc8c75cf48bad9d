"""Text from outside, made fit to be shown to a model: plain, short, and in a frame of its own.

Specifications, logs and sources are data that somebody else has written. A question frames them in
lines with a mark that they cannot hold, because the mark is a hash of them.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable

from llm_stages.code_block import without_control_characters


def cleaned(text: str, *, most_bytes: int, keep: str = "both") -> str:
    """The text without control and invisible characters, cut to a size.

    Args:
        text: Any text.
        most_bytes: Size in UTF-8 at most, the note on what was cut included.
        keep: What stays of a long text: its "end", or "both" ends.
    """
    text = "".join(
        sign
        for sign in without_control_characters(text)
        if sign in "\n\t" or unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Co")
    )
    data = text.encode()
    if len(data) <= most_bytes:
        return text
    note = f"\n[{len(data) - most_bytes} bytes left out]\n"
    room = max(0, most_bytes - len(note))
    head = 0 if keep == "end" else room // 2
    start = data[:head].decode(errors="ignore")
    end = data[len(data) - (room - head) :].decode(errors="ignore")
    return f"{start}{note}{end}".lstrip("\n")


def mark(texts: Iterable[str]) -> str:
    """A word that none of the texts can hold: nobody can write a text with its own hash in it."""
    return hashlib.sha256("\n".join(texts).encode("utf-8", "replace")).hexdigest()[:12]
