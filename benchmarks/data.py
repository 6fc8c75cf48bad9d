"""Where benchmark files are: CHIPFLOW_DATA, a `shared/data` beside the checkout, or the cache.

Files keep the relative names of that data folder, such as `tilos/ariane133_ng45/legalized.plc`.
What is in none of them is fetched into the cache, unless CHIPFLOW_OFFLINE=1.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks.fetch import fetch
from placement_env.cache_folder import cache_dir
from placement_env.errors import InputError


def data_roots() -> list[Path]:
    """The folders that are searched for data, in order; they need not exist."""
    roots = []
    if chosen := os.environ.get("CHIPFLOW_DATA"):
        roots.append(Path(chosen))
    roots.append(Path(__file__).resolve().parents[2] / "shared" / "data")
    roots.append(cache_dir() / "data")
    return roots


def find_here(relative: str) -> Path | None:
    """The local path of a benchmark file, compressed or not; None where no data folder holds it."""
    other = relative.removesuffix(".gz") if relative.endswith(".gz") else f"{relative}.gz"
    for root in data_roots():
        for name in (relative, other):
            if (path := root / name).exists():
                return path
    return None


def find(relative: str) -> Path:
    """The local path of a benchmark file, which is fetched where no data folder holds it.

    Raises:
        InputError: The file is in none of the data folders and could not be fetched.
    """
    if path := find_here(relative):
        return path
    if os.environ.get("CHIPFLOW_OFFLINE", "0") not in ("", "0"):
        raise InputError(
            f"the benchmark file {relative} is not on this machine, and CHIPFLOW_OFFLINE is set",
            where=", ".join(str(root) for root in data_roots()),
            hint="set CHIPFLOW_DATA to a folder that holds it, or unset CHIPFLOW_OFFLINE",
        )
    return fetch(relative, cache_dir() / "data", notice=lambda line: print(line, file=sys.stderr))
