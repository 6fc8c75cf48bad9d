"""How many cores this process may use."""

from __future__ import annotations

import os
from pathlib import Path

# Control groups, by which containers are given a share of a machine's time.
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cores() -> int:
    """Cores that this process may run on, at least one, and not more than its container's share."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        cores = os.cpu_count() or 1
    try:
        quota, period = _QUOTA.read_text().split()
        cores = min(cores, int(quota) // int(period))
    except (OSError, ValueError):  # no control groups, or "max"
        pass
    return max(1, cores)
