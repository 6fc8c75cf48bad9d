"""Files that are made once and kept in the user's cache: each folder is whole or absent."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from placement_env.cache_folder import cache_dir
from placement_env.errors import InputError


def make_once(name: str, key: str, make: Callable[[Path], None]) -> Path:
    """The cache folder `pdk/name-key`, made by `make(folder)` when it is not there yet.

    It is filled under another name and then renamed, so that neither a crash nor a second process
    leaves half a folder.

    Raises:
        InputError: The cache cannot be written.
    """
    folder = cache_dir() / "pdk" / f"{name}-{key[:16]}"
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder.parent))
        try:
            unfinished.chmod(0o755)
            make(unfinished)
            unfinished.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process was first
                raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        raise InputError(
            f"cannot write the PDK files of {name}: {error}",
            where=str(folder),
            hint="set CHIPFLOW_CACHE to a folder that you may write to",
        ) from error
    return folder


def content_key(*contents: bytes | Path) -> str:
    """A hash of bytes and of files' contents, in order."""
    digest = hashlib.sha256()
    for content in contents:
        data = content.read_bytes() if isinstance(content, Path) else content
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()
