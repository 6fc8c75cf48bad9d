"""Results that others have published for the benchmarks, with where they say so."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Published:
    """One published number.

    Attributes:
        label: Who or what placed it.
        metric: Name in `placement_env.metrics`.
        value: The number.
        source: Repository, commit and file, or document, that states it.
    """

    label: str
    metric: str
    value: float
    source: str


def published(design: str) -> tuple[Published, ...]:
    """All published results of a benchmark, in the order of `published.toml`."""
    return tuple(
        Published(
            result["label"], result["metric"], float(result["values"][design]), result["source"]
        )
        for result in _results()
        if design in result["values"]
    )


@cache
def _results() -> list[dict]:
    text = (Path(__file__).parent / "published.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["result"]
