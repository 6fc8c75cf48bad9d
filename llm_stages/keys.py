"""API keys: which variables of the environment hold them, and how they stay out of all else.

A key is a variable whose name says so. Its value goes to its provider and nowhere else: programs
get an environment without it, and texts of providers are shown and stored without it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote

_NAME = re.compile(
    r"(^|_)(API)?(KEYS?|TOKENS?|SECRETS?|PASSWORDS?|PASSWD|CREDENTIALS?)(_|$)", re.IGNORECASE
)
#: What keys of known providers look like, for those that come in an error message only.
_SHAPE = re.compile(r"\b(sk-|gsk_|xai-|AIza|hf_|Bearer )[-_.A-Za-z0-9*]{8,}")
#: Shorter values are words such as "none", which would take ordinary text apart.
_SHORTEST = 8


def without_keys(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for a program that has no business with a provider."""
    return {name: value for name, value in environ.items() if not _NAME.search(name)}


def key_in(text: str) -> str:
    """The name of a variable whose key stands in the text; empty if there is none."""
    return next((name for name, value in _keys() if value in text), "")


def without_key_values(text: str) -> str:
    """The text with the value of every key in the environment taken out."""
    for _, value in _keys():
        text = text.replace(value, "[redacted]")
    return text


def redacted(text: str) -> str:
    """The text without the keys of the environment and all else that looks like a key."""
    return _SHAPE.sub("[redacted]", without_key_values(text))


def _keys() -> Iterator[tuple[str, str]]:
    """Names and values, also as they stand in an address; the longest first."""
    found = {
        (name, form)
        for name, value in os.environ.items()
        if len(value) >= _SHORTEST and _NAME.search(name)
        for form in (value, quote(value, safe=""))
    }
    yield from sorted(found, key=lambda item: (-len(item[1]), item))
