"""Opening text files: plain or gzip, any line ending, with errors that name the file."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path

from placement_env.errors import InputError


def read_text(path: Path) -> str:
    """The text of a file, gunzipped where its content is gzip, with Unix line ends and no BOM.

    Raises:
        InputError: The file is missing, unreadable, damaged or not text.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(
            "there is no such file", where=str(path), hint="check the path for a typing error"
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
        raise InputError(
            f"not a text file: byte {error.start} is not UTF-8", where=str(path)
        ) from None
    return text.replace("\r\n", "\n") if "\r" in text else text


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all; a name that ends in .gz is compressed.

    The gzip header carries no time, so that equal content gives equal files.
    """
    path = Path(path)
    data = text.encode()
    if path.suffix == ".gz":
        data = gzip.compress(data, compresslevel=6, mtime=0)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    partial.write_bytes(data)
    partial.replace(path)


def line_of(text: str, offset: int) -> int:
    """The 1-based line number of a character offset."""
    return text.count("\n", 0, offset) + 1
