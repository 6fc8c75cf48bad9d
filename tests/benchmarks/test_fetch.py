"""The fetcher against a server on loopback that misbehaves on demand."""

from __future__ import annotations

import gzip
import hashlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks import data
from benchmarks.fetch import Origin, fetch, origins
from placement_env.errors import InputError

CONTENT = bytes(range(256)) * 2000
NAME = "set/file.bin"


@dataclass
class Origins:
    """What the server sends, how it misbehaves, and what it was asked."""

    body: bytes = CONTENT
    status: int = 200
    cut_after: list[int] = field(default_factory=list)  # bytes sent, one element a request
    ranges: bool = True
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Origins]:
    state = Origins()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            state.asked.append(f"{self.path} {wanted}".strip())
            if state.status != 200:
                self.send_error(state.status)
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
            if state.ranges and start >= len(state.body):
                self.send_error(416)
                return
            body = state.body[start:] if state.ranges else state.body
            self.send_response(206 if start and state.ranges else 200)
            if start and state.ranges:
                total = len(state.body)
                self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: state.cut_after.pop(0)] if state.cut_after else body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("CHIPFLOW_ORIGIN", f"http://127.0.0.1:{httpd.server_port}/")
        yield state
        httpd.shutdown()
        thread.join()


def pin(
    monkeypatch: pytest.MonkeyPatch,
    name: str = NAME,
    *,
    path: str = "a folder/file.bin",
    content: bytes = CONTENT,
    gunzipped: bool = False,
) -> None:
    """Makes `name` the only known file."""
    origin = Origin(
        file=name,
        hashed_gunzipped=gunzipped,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        repository="owner/name",
        commit="0" * 40,
        path=path,
    )
    monkeypatch.setattr("benchmarks.fetch.origins", lambda: {name: origin})


def quick(into: Path) -> Path:
    return fetch(NAME, into, timeout_s=2.0, retry_wait_s=0.01)


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_table_pins_every_file_once() -> None:
    assert len(origins()) > 100
    for name, origin in origins().items():
        assert name == origin.file
        assert not Path(name).is_absolute()
        assert ".." not in name
        assert len(origin.commit) == 40
        assert (origin.sha256 is None) == (origin.bytes is None)
        if origin.sha256 is not None and origin.bytes is not None:
            assert len(origin.sha256) == 64
            assert origin.bytes > 0
    assert sum(origin.sha256 is not None for origin in origins().values()) == 490


@pytest.mark.parametrize("name", ["iccad04/ibm01/ibm01.nodes.gz", "tilos/nvdla_ng45/initial.plc"])
def test_table_describes_the_files_at_hand(name: str, data_file) -> None:
    origin = origins()[name]
    content = data_file(name).read_bytes()
    if origin.hashed_gunzipped:
        content = gzip.decompress(content)
    assert len(content) == origin.bytes
    assert hashlib.sha256(content).hexdigest() == origin.sha256


def test_fetches_once(server: Origins, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pin(monkeypatch)
    said: list[str] = []
    path = fetch(NAME, tmp_path, notice=said.append)
    assert path == tmp_path / NAME
    assert path.read_bytes() == CONTENT
    assert said == ["fetching set/file.bin (512.0 kB) from owner/name"]
    assert fetch(NAME, tmp_path, notice=said.append) == path
    assert server.asked == [f"/owner/name/{'0' * 40}/a%20folder/file.bin"]
    assert len(said) == 1
    assert left_in(tmp_path) == ["file.bin"]


def test_find_fetches_into_the_cache(
    server: Origins, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pin(monkeypatch)
    monkeypatch.setenv("CHIPFLOW_CACHE", str(tmp_path))
    monkeypatch.delenv("CHIPFLOW_OFFLINE", raising=False)
    assert data.find(NAME) == tmp_path / "data" / NAME
    assert data.find(NAME).read_bytes() == CONTENT
    assert len(server.asked) == 1


def test_offline_forbids_fetching(
    server: Origins, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pin(monkeypatch)
    monkeypatch.setenv("CHIPFLOW_CACHE", str(tmp_path))
    monkeypatch.setenv("CHIPFLOW_OFFLINE", "1")
    with pytest.raises(InputError, match="CHIPFLOW_OFFLINE is set"):
        data.find(NAME)
    assert server.asked == []


@pytest.mark.parametrize("packed_origin", [True, False])
def test_gz_names_are_stored_packed(
    packed_origin: bool, server: Origins, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = "set/file.txt.gz"
    server.body = gzip.compress(CONTENT) if packed_origin else CONTENT
    pin(monkeypatch, name, path="f.gz" if packed_origin else "f", gunzipped=True)
    path = fetch(name, tmp_path)
    assert gzip.decompress(path.read_bytes()) == CONTENT
    assert left_in(tmp_path) == ["file.txt.gz"]


def test_wrong_content_is_not_kept(
    server: Origins, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pin(monkeypatch)
    server.body = b"!" + CONTENT[1:]
    with pytest.raises(InputError, match="pinned sha256"):
        quick(tmp_path)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("damage", [b"not gzip at all", gzip.compress(CONTENT)[:-20]])
def test_damaged_gzip_is_not_kept(
    damage: bytes, server: Origins, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pin(monkeypatch, path="f.gz", gunzipped=True)
    server.body = damage
    with pytest.raises(InputError, match="pinned sha256"):
        quick(tmp_path)
    assert left_in(tmp_path) == []


def test_gzip_bomb_is_not_kept(
    server: Origins, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pin(monkeypatch, path="f.gz", gunzipped=True)
    server.body = gzip.compress(bytes(100_000_000))
    with pytest.raises(InputError, match="pinned sha256"):
        quick(tmp_path)
    assert left_in(tmp_path) == []


def test_size_is_capped(server: Origins, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pin(monkeypatch)
    server.body = CONTENT * 2
    with pytest.raises(InputError, match=r"larger than the expected 512\.0 kB"):
        quick(tmp_path)
    assert left_in(tmp_path) == []


def unpinned(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    origin = Origin(NAME, False, None, None, "owner/name", "0" * 40, path)
    monkeypatch.setattr("benchmarks.fetch.origins", lambda: {NAME: origin})


def test_where_no_hash_is_known_a_gzip_must_unpack(
    server: Origins, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    unpinned(monkeypatch, "file.bin.gz")
    said: list[str] = []
    server.body = gzip.compress(CONTENT)
    server.cut_after = [100]
    path = fetch(NAME, tmp_path, timeout_s=2.0, retry_wait_s=0.01, notice=said.append)
    assert path.read_bytes() == server.body
    assert said == ["fetching set/file.bin from owner/name"]
    path.unlink()
    server.body = server.body[:-20]
    with pytest.raises(InputError, match="cannot be unpacked; nothing was kept"):
        quick(tmp_path)
    assert left_in(tmp_path) == []


def test_where_no_hash_is_known_the_server_must_send_all(
    server: Origins, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    unpinned(monkeypatch, "file.bin")
    server.cut_after = [100] * 10
    server.ranges = False
    with pytest.raises(InputError, match="broke off"):
        quick(tmp_path)
    server.cut_after = []
    assert quick(tmp_path).read_bytes() == CONTENT
    (tmp_path / NAME).unlink()
    server.body = b""
    with pytest.raises(InputError, match="nothing was kept"):
        quick(tmp_path)


def test_cut_connection_is_resumed(
    server: Origins, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pin(monkeypatch)
    server.cut_after = [100_000, 50_000]
    assert quick(tmp_path).read_bytes() == CONTENT
    assert [ask.partition(" ")[2] for ask in server.asked] == [
        "",
        "bytes=100000-",
        "bytes=150000-",
    ]


def test_next_call_goes_on_where_the_last_was_cut(
    server: Origins, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pin(monkeypatch)
    server.cut_after = [100_000, 0, 0, 0]
    with pytest.raises(InputError, match=r"broke off 4 times .* 100\.0 kB are kept"):
        quick(tmp_path)
    assert left_in(tmp_path) == ["file.bin.part"]
    server.asked.clear()
    assert quick(tmp_path).read_bytes() == CONTENT
    assert [ask.partition(" ")[2] for ask in server.asked] == ["bytes=100000-"]
    assert left_in(tmp_path) == ["file.bin"]


def test_server_without_ranges_starts_over(
    server: Origins, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pin(monkeypatch)
    server.ranges = False
    server.cut_after = [100_000]
    assert quick(tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("part", [b"?" * 1000, CONTENT, CONTENT + b"tail"])
def test_earlier_part_is_checked(
    part: bytes, server: Origins, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pin(monkeypatch)
    (tmp_path / "set").mkdir()
    (tmp_path / "set/file.bin.part").write_bytes(part)
    assert quick(tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("status", "message"), [(404, "answered HTTP 404"), (403, "answered HTTP 403"), (503, "503")]
)
def test_refusals(
    status: int, message: str, server: Origins, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pin(monkeypatch)
    server.status = status
    with pytest.raises(InputError, match=message) as caught:
        quick(tmp_path)
    assert "http://127.0.0.1" in caught.value.where
    assert caught.value.hint
    assert len(server.asked) == (4 if status == 503 else 1)


def test_no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pin(monkeypatch)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        monkeypatch.setenv("CHIPFLOW_ORIGIN", f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(InputError, match="cannot be reached") as caught:
            quick(tmp_path)
    assert "CHIPFLOW_DATA" in caught.value.hint


def test_silent_server_times_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pin(monkeypatch)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("CHIPFLOW_ORIGIN", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(InputError, match="timed out"):
            fetch(NAME, tmp_path, timeout_s=0.05, retry_wait_s=0.01)


def test_two_at_once_fetch_once(
    server: Origins, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pin(monkeypatch)
    threads = [threading.Thread(target=quick, args=(tmp_path,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert len(server.asked) == 1


def test_unwritable_cache(server: Origins, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pin(monkeypatch)
    (tmp_path / "set").write_text("a file where a folder must be")
    with pytest.raises(InputError, match="cannot store") as caught:
        quick(tmp_path)
    assert "CHIPFLOW_CACHE" in caught.value.hint


def test_grouped_netlist_without_origin(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="published nowhere") as caught:
        fetch("tilos/nvdla_ng45/netlist.pb.txt.gz", tmp_path)
    assert "groups.final.gz" in caught.value.hint


def test_unknown_file_suggests_a_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no public origin") as caught:
        fetch("tilos/nvdla_ng45/inital.plc", tmp_path)
    assert "did you mean tilos/nvdla_ng45/initial.plc?" in caught.value.hint
