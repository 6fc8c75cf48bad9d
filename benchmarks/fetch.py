"""Fetches benchmark files from their public origins, pinned by commit and sha256.

`origins.tsv` names for each file its GitHub repository, commit and path, and the size and sha256 of
its content: of the file as it is, or of what gunzip makes of it. Of some files these two are not
known: the commit alone pins them, and a compressed one must unpack without an error. A file whose
local name ends in .gz is stored compressed whatever the origin is.
"""

from __future__ import annotations

import csv
import difflib
import fcntl
import gzip
import hashlib
import http.client
import os
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from placement_env.errors import InputError

_CHUNK = 1 << 16
_ATTEMPTS = 4
#: The most that is taken of a file whose size is not known.
_LARGEST_BYTES = 200_000_000
_ELSEWHERE = "set CHIPFLOW_DATA to a folder that holds it"


@dataclass(frozen=True)
class Origin:
    """Where a benchmark file comes from.

    Attributes:
        file: Name in the data folder.
        hashed_gunzipped: `sha256` and `bytes` describe the content after gunzip.
        bytes: Size of the content; None where it is not known.
        sha256: Hash of the content; None where it is not known.
        repository: GitHub repository, owner/name.
        commit: Full commit hash.
        path: Path in the repository.
    """

    file: str
    hashed_gunzipped: bool
    bytes: int | None
    sha256: str | None
    repository: str
    commit: str
    path: str

    @property
    def url(self) -> str:
        """Address of the raw file; CHIPFLOW_ORIGIN replaces the host (a mirror)."""
        base = os.environ.get("CHIPFLOW_ORIGIN", "https://raw.githubusercontent.com").rstrip("/")
        return f"{base}/{self.repository}/{self.commit}/{quote(self.path)}"


class _Cut(Exception):
    """The connection broke off; what has arrived is kept."""


@cache
def origins() -> Mapping[str, Origin]:
    """All files with a public origin, by their name in the data folder."""
    with (Path(__file__).parent / "origins.tsv").open(newline="") as table:
        return {
            row["file"]: Origin(
                file=row["file"],
                hashed_gunzipped=row["sha256_is_of"] == "gunzipped",
                bytes=int(row["bytes"]) if row["bytes"] else None,
                sha256=row["sha256"] or None,
                repository=row["repository"],
                commit=row["commit"],
                path=row["path"],
            )
            for row in csv.DictReader(table, delimiter="\t")
        }


def fetch(
    relative: str,
    into: Path,
    *,
    timeout_s: float = 30.0,
    retry_wait_s: float = 1.0,
    notice: Callable[[str], None] | None = None,
) -> Path:
    """Downloads a benchmark file unless `into` holds it already.

    A cut connection is resumed, within this call and by the next one: what has arrived stays in a
    file NAME.part. The file gets its name only when its hash is right.

    Args:
        relative: Name in the data folder, such as `tilos/ariane133_ng45/initial.plc`.
        into: The folder that gets it under this name.
        timeout_s: Longest silence of the server.
        retry_wait_s: Pause before a cut connection is resumed.
        notice: Is told once that a download begins.

    Returns:
        The path of the file.

    Raises:
        InputError: The file has no public origin, the server can't be reached or refuses, the
            content is not the pinned one, or the folder can't be written.
    """
    origin = _origin(relative)
    target = into / relative
    part = target.with_name(target.name + ".part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with _locked(part.parent):
            if target.exists():
                return target
            if notice:
                size = f" ({_size(origin.bytes)})" if origin.bytes else ""
                notice(f"fetching {relative}{size} from {origin.repository}")
            resumed = _download(origin, part, timeout_s, retry_wait_s)
            if resumed and not _is_pinned(origin, part):
                part.unlink()  # the earlier part may have been the damaged one
                _download(origin, part, timeout_s, retry_wait_s)
            if not _is_pinned(origin, part):
                part.unlink()
                raise InputError(
                    f"{relative} does not have the pinned sha256 {origin.sha256}; nothing was kept"
                    if origin.sha256
                    else f"{relative} cannot be unpacked; nothing was kept",
                    where=origin.url,
                    hint=f"try again later, or {_ELSEWHERE}",
                )
            _store(part, target, compress=target.suffix == ".gz" and not _is_gzip(origin))
    except OSError as error:
        raise InputError(
            f"cannot store {relative}: {error.strerror or error}",
            where=str(target),
            hint="set CHIPFLOW_CACHE to a folder with free space that you may write",
        ) from error
    return target


def _origin(relative: str) -> Origin:
    if origin := origins().get(relative):
        return origin
    if Path(relative).name == "netlist.pb.txt.gz":
        raise InputError(
            f"the grouped netlist {relative} is published nowhere as it is",
            hint=f"{_ELSEWHERE}; it is full.pb.txt.gz with its cells grouped as in groups.final.gz",
        )
    near = difflib.get_close_matches(relative, origins(), n=1)
    raise InputError(
        f"no public origin of {relative} is known",
        hint=(f"did you mean {near[0]}? Else " if near else "") + _ELSEWHERE,
    )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds an exclusive lock on a folder, so that two processes never write the same part."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _download(origin: Origin, part: Path, timeout_s: float, retry_wait_s: float) -> bool:
    """Fills `part`; True where it went on from a part that was there before."""
    resumed = _length(part) > 0
    why = ""
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(retry_wait_s)
        try:
            _receive(origin, part, timeout_s)
            return resumed
        except _Cut as cut:
            why = str(cut)
    raise InputError(
        f"the download of {origin.file} broke off {_ATTEMPTS} times ({why}); "
        f"{_size(_length(part))} are kept",
        where=origin.url,
        hint="run the command again to go on from there",
    )


def _receive(origin: Origin, part: Path, timeout_s: float) -> None:
    """Asks once for what `part` still lacks and appends it."""
    have = _length(part)
    response = _ask(origin, have, timeout_s)
    if response is None:
        return
    with response:
        content_range = response.headers.get("Content-Range", "")
        if response.status != 206 or not content_range.startswith(f"bytes {have}-"):
            have = 0  # the server sends the whole file
        with part.open("ab" if have else "wb") as file:
            for chunk in _chunks(response):
                have += len(chunk)
                if have > _limit(origin):
                    part.unlink()
                    expected = _size(origin.bytes or _LARGEST_BYTES)
                    raise InputError(
                        f"{origin.file} is larger than the expected {expected}; nothing was kept",
                        where=origin.url,
                        hint=f"check CHIPFLOW_ORIGIN if you set it, or {_ELSEWHERE}",
                    )
                file.write(chunk)


def _ask(origin: Origin, have: int, timeout_s: float) -> http.client.HTTPResponse | None:
    """The server's answer to a request for all bytes from `have` on; None where there are none."""
    headers = {"User-Agent": "chipflow"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        return urlopen(Request(origin.url, headers=headers), timeout=timeout_s)
    except HTTPError as error:
        if error.code == 416:  # the part is whole, or damaged: the hash will tell
            return None
        if error.code == 429 or error.code >= 500:
            raise _Cut(f"HTTP {error.code} {error.reason}") from error
        raise InputError(
            f"the origin of {origin.file} answered HTTP {error.code} {error.reason}",
            where=origin.url,
            hint=f"check CHIPFLOW_ORIGIN if you set it, or {_ELSEWHERE}",
        ) from error
    except URLError as error:
        raise InputError(
            f"{origin.file} is not on this machine, and its origin cannot be reached: "
            f"{error.reason}",
            where=origin.url,
            hint=f"connect to the network, or {_ELSEWHERE}",
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise _Cut(str(error) or type(error).__name__) from error


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The body in pieces; a body shorter than the header says is a cut."""
    announced = response.headers.get("Content-Length")
    received = 0
    while True:
        try:
            chunk = response.read(_CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise _Cut(str(error) or type(error).__name__) from error
        if not chunk:
            break
        received += len(chunk)
        yield chunk
    if announced and received < int(announced):
        raise _Cut("the connection was closed early")


def _is_pinned(origin: Origin, part: Path) -> bool:
    """Whether the content has the pinned size and hash; reads no further than the size.

    Where neither is known, it is enough that a compressed file unpacks.
    """
    digest, left = hashlib.sha256(), origin.bytes or 100 * _LARGEST_BYTES
    unpack = (origin.hashed_gunzipped or origin.sha256 is None) and _is_gzip(origin)
    try:
        with gzip.open(part, "rb") if unpack else part.open("rb") as content:
            while chunk := content.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    return False
                digest.update(chunk)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return False
    if origin.sha256 is None:
        return part.stat().st_size > 0
    return left == 0 and digest.hexdigest() == origin.sha256


def _store(part: Path, target: Path, *, compress: bool) -> None:
    """Gives the finished part its name, in one step."""
    if compress:
        packed = target.with_name(target.name + ".packed")
        packed.write_bytes(gzip.compress(part.read_bytes(), mtime=0))
        os.replace(packed, target)
        part.unlink()
    else:
        os.replace(part, target)


def _is_gzip(origin: Origin) -> bool:
    return origin.path.endswith(".gz")


def _limit(origin: Origin) -> int:
    if origin.bytes is None:
        return _LARGEST_BYTES
    # Gzip adds a header and a few bytes a block, so a packed file can exceed its content a little.
    return origin.bytes + origin.bytes // 100 + 1024


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"
