"""Content hashes of files and folders, read again only where a file may have changed."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from placement_env.errors import InputError

# A file younger than this may change again without a visible change of its times, because file
# systems stamp in ticks. Its hash is not remembered.
_SETTLED_NS = 2_000_000_000


class FileHashes:
    """SHA-256 of files, remembered by path, size, times and inode.

    Args:
        store: A JSON file that keeps the hashes between runs; None keeps them in memory only.
            A missing or damaged store is an empty one.
    """

    def __init__(self, store: Path | None = None) -> None:
        self._store = store
        self._known: dict[str, list[int | str]] = {}
        self._changed = False
        if store is not None:
            try:
                self._known = dict(json.loads(store.read_text()))
            except (OSError, ValueError, TypeError):
                self._known = {}

    def of(self, path: Path) -> str:
        """The hash of a file's content, or of the names and contents of all files in a folder.

        Raises:
            InputError: The file cannot be read.
        """
        try:
            if not path.is_dir():
                return self._of_file(path)
            total = hashlib.sha256()
            for file in files_below(path):
                name = file.relative_to(path).as_posix()
                total.update(f"{name}\0{self._of_file(file)}\n".encode())
            return total.hexdigest()
        except OSError as error:
            raise InputError(
                f"cannot read this file: {error.strerror}", where=str(error.filename or path)
            ) from error

    def save(self) -> None:
        """Writes the store, if anything is new."""
        if self._store is None or not self._changed:
            return
        temporary = self._store.with_name(f"{self._store.name}.{os.getpid()}")
        there = {name: known for name, known in self._known.items() if os.path.exists(name)}
        temporary.write_text(json.dumps(there))
        temporary.replace(self._store)
        self._changed = False

    def _of_file(self, path: Path) -> str:
        status = path.stat()
        stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        name = str(path)
        known = self._known.get(name)
        if isinstance(known, list) and known[:-1] == stamp:
            return str(known[-1])
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > _SETTLED_NS:
            self._known[name] = [*stamp, digest]
            self._changed = True
        return digest


def files_below(folder: Path) -> Iterator[Path]:
    """All files in a folder and its subfolders, sorted by name within each folder."""
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            yield from files_below(entry)
        elif entry.is_file():
            yield entry
