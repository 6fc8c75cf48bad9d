"""What a program and its children use right now, from /proc and the file system."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Usage:
    """What the processes of a tree use together.

    Attributes:
        processes: How many there are.
        memory_mib: Their resident memory; what they share counts for each.
    """

    processes: int
    memory_mib: float


def of_tree(root_pid: int) -> Usage:
    """The use of a process and all that descend from it.

    A process whose parent has ended belongs to nobody's tree; a process namespace, as bubblewrap
    makes it, keeps such ones below its first process.
    """
    children: dict[int, list[int]] = {}
    pages: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    # The name, in brackets, may hold anything; what follows it does not.
                    values = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(values[1]), []).append(int(entry))
            pages[int(entry)] = int(values[21])
    tree, waiting = [], [root_pid]
    while waiting:
        pid = waiting.pop()
        if pid in pages:
            tree.append(pid)
        waiting += children.get(pid, ())
    return Usage(len(tree), sum(pages[pid] for pid in tree) * _PAGE_BYTES / 2**20)


def of_folder_mib(folder: Path, *, stop_at_mib: float) -> float:
    """The room that the files in a folder take on the disk; counting stops above `stop_at_mib`.

    Links are not followed. What vanishes meanwhile does not count.
    """
    total, waiting = 0, [str(folder)]
    while waiting and total <= stop_at_mib * 2**20:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    try:
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
                        else:
                            total += entry.stat(follow_symlinks=False).st_blocks * 512
                    except OSError:
                        continue
        except OSError:
            continue
    return total / 2**20
