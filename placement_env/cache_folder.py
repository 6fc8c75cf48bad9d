"""The folder that chipflow may fill with what it can make or fetch again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """CHIPFLOW_CACHE, else `chipflow` in XDG_CACHE_HOME, else in ~/.cache; it need not exist."""
    if chosen := os.environ.get("CHIPFLOW_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "chipflow"
