"""Whole text files in and out, plain or gzipped, with the errors that a user can act on."""

from __future__ import annotations

import difflib
import gzip
import os
import zlib
from collections.abc import Iterable
from pathlib import Path

from placement_env.errors import InputError

GZIP_MAGIC = b"\x1f\x8b"


def read_text(path: Path | str) -> str:
    """The text of a file; gzip is recognised by content, not by name.

    Raises:
        InputError: The file is missing, a folder, unreadable, cut off inside its compressed data,
            or not text.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        near = _neighbour(path)
        raise InputError(
            f"there is no file {path}",
            hint=f"did you mean {near}?" if near else "check the path",
        ) from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    if data.startswith(GZIP_MAGIC):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(
                f"the compressed data is damaged: {error}",
                where=str(path),
                hint="the file was probably cut off; fetch or write it again",
            ) from None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        if b"\0" in data:
            raise InputError("this is not a text file", where=str(path)) from None
        return data.decode("latin-1")


def write_text(path: Path | str, text: str) -> None:
    """Write a file, gzipped if its name ends in .gz, with the same bytes for the same text.

    Readers never see half a file: the text goes to a neighbouring file that is then renamed.

    Raises:
        InputError: The file cannot be written.
    """
    path = Path(path)
    data = text.encode("utf-8")
    if path.suffix == ".gz":
        data = gzip.compress(data, compresslevel=6, mtime=0)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        scratch.write_bytes(data)
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise InputError(
            f"cannot write {path}: {error.strerror}", hint="check that the folder exists"
        ) from None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the known words nearest to a wrong one; empty if none is near."""
    near = difflib.get_close_matches(word, list(known), n=3, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else ""


def _neighbour(path: Path) -> str:
    """The file beside `path` whose name is nearest to it, with or without .gz."""
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        return ""
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.75)
    return str(path.parent / near[0]) if near else ""
