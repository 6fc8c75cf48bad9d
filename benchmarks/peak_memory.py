"""The most memory that a stretch of a program held.

Linux keeps a high-water mark of a process's resident memory and lets the process reset it (proc(5),
`clear_refs` and `VmHWM`). Of child processes it tells the largest so far only.
"""

from __future__ import annotations

import resource
from pathlib import Path

_RESET_THE_MARK = "5"
_STATUS = Path("/proc/self/status")


class PeakMemory:
    """Begins to watch when it is made."""

    def __init__(self) -> None:
        try:
            Path("/proc/self/clear_refs").write_text(_RESET_THE_MARK, encoding="ascii")
            self._watches = True
        except OSError:
            self._watches = False
        self._largest_child = _largest_child_bytes()

    def so_far_bytes(self) -> float | None:
        """The most that this process, or one child that ended meanwhile, held since the beginning.

        A child counts where it is larger than any before it. None where the system does not tell.
        """
        if not self._watches:
            return None
        marks = [line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:")]
        if not marks:
            return None
        own = float(marks[0].split()[1]) * 1024
        child = _largest_child_bytes()
        return max(own, child) if child > self._largest_child else own


def _largest_child_bytes() -> float:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024.0
