"""Opening text files: plain or gzip, any line ending, with errors that name the file."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path

from placement_env.did_you_mean import did_you_mean
from placement_env.errors import InputError


def read_text(path: Path | str) -> str:
    """The text of a file, gunzipped where its content is gzip, with Unix line ends and no BOM.

    Raises:
        InputError: The file is missing, unreadable, damaged or not text.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(
            "there is no such file", where=str(path), hint=_neighbours(Path(path))
        ) from None
    except OSError as error:
        raise InputError(f"cannot read the file: {error.strerror}", where=str(path)) from None
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(
                f"the gzip data is damaged: {error}", where=str(path), hint="fetch the file again"
            ) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if b"\0" in data:
            raise InputError(
                f"not a text file: byte {error.start} is not UTF-8", where=str(path)
            ) from None
        text = data.decode("latin-1")  # Old libraries have a copyright sign in their comments.
    return text.replace("\r\n", "\n") if "\r" in text else text


def write_text(path: Path | str, text: str) -> None:
    """Write a file whole or not at all; a name that ends in .gz is compressed.

    The gzip header carries no time, so that equal content gives equal files.

    Raises:
        InputError: The file cannot be written.
    """
    path = Path(path)
    data = text.encode()
    if path.suffix == ".gz":
        data = gzip.compress(data, compresslevel=6, mtime=0)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InputError(
            f"cannot write the file: {error.strerror}",
            where=str(path),
            hint="check that its folder exists and may be written",
        ) from None


def _neighbours(path: Path) -> str:
    """A hint that names files beside `path` with a similar name."""
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        names = []
    return did_you_mean(path.name, names, cutoff=0.75) or "check the path for a typing error"


def line_of(text: str, offset: int) -> int:
    """The 1-based line number of a character offset."""
    return text.count("\n", 0, offset) + 1
