"""Takes the HDL out of a model's answer."""

from __future__ import annotations

import re

_FENCE = re.compile(r"^[ \t]*```[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:^[ \t]*```|\Z)", re.M | re.S)
_MODULE = re.compile(r"^\s*(?:module|package|interface)\s+(?:automatic\s+)?(\w+)", re.M)
_BARE = re.compile(r"^[ \t]*(?:`\w+|module\b|package\b).*\bend(?:module|package)\b", re.M | re.S)
_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def without_control_characters(text: str) -> str:
    """The text without terminal escapes and control characters, with plain line ends."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def extract_hdl(answer: str, top: str) -> str:
    """The source in an answer: the last code block that defines `top`, and those it builds on.

    Earlier blocks count where they define modules that the last one does not. An answer without a
    code block counts from its first module to its last `endmodule`.

    Returns:
        The source with a newline at its end; empty if there is none.
    """
    answer = without_control_characters(answer)
    blocks = [(set(_MODULE.findall(body)), body) for _, body in _FENCE.findall(answer)]
    blocks = [block for block in blocks if block[0]]
    if not blocks:
        bare = _BARE.search(answer)
        return bare.group(0).strip() + "\n" if bare else ""
    main = max((i for i, block in enumerate(blocks) if top in block[0]), default=len(blocks) - 1)
    defined, parts = set(blocks[main][0]), [blocks[main][1].strip()]
    for names, body in reversed(blocks[:main]):
        if not names & defined:
            defined |= names
            parts.insert(0, body.strip())
    return "\n\n".join(parts) + "\n"
