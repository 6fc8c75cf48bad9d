"""The one Prefect server that chipflow starts in the background, and uses again.

The server process holds a file lock for all its life, so it is known to be there without trusting
a process id, two runs never start two, and a killed one leaves nothing to clean up. Its address is
in `server.json` beside the lock. It listens on the loopback interface only.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from llm_stages.keys import without_keys
from placement_env.cache_folder import cache_dir

QUIET_ENVIRONMENT = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_INTERNAL_LOGGING_LEVEL": "CRITICAL",
}
"""Settings that Prefect reads when it is imported: no telemetry, no second server, no chatter."""

START_LIMIT_S = 30.0
"""How long a server may take to answer; one on a busy machine took 19 s."""

_STOP_S = 10.0
_LOCK = "server.lock"


@dataclass(frozen=True)
class Server:
    """A server that is there; it may still be starting.

    Attributes:
        pid: Its process.
        url: Address of its API.
        started: When it was started, in seconds since 1970.
    """

    pid: int
    url: str
    started: float

    @property
    def ui_url(self) -> str:
        """Address of its web pages."""
        return self.url.removesuffix("/api")


def home() -> Path:
    """The server's folder: database, log, lock and address."""
    return Path(os.path.abspath(cache_dir() / "prefect"))


def running() -> Server | None:
    """The server of this user, or None where none is there."""
    if not (home() / _LOCK).exists():
        return None
    lock = _lock_file()
    try:
        return None if _take(lock) else _record()
    finally:
        os.close(lock)


def ensure() -> Server | None:
    """The server, started now where none is there.

    Returns:
        None while it is being started, by this process or another: ask again.

    Raises:
        OSError: The server's folder cannot be written.
    """
    lock = _lock_file()
    try:
        if not _take(lock):
            return _record()
        (home() / "server.json").unlink(missing_ok=True)
        with (home() / "server.log").open("wb") as log:
            subprocess.Popen(
                [sys.executable, "-P", "-m", "chipflow.engine.server", str(lock)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(lock,),
                env={
                    **without_keys(os.environ),
                    **{name: os.environ[name] for name in os.environ if name.startswith("PREFECT")},
                    "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                    "CHIPFLOW_CACHE": str(home().parent),  # a relative one would mean another
                },
                cwd=home(),
                start_new_session=True,
            )
        return None
    finally:
        os.close(lock)


def healthy(url: str, timeout_s: float = 0.5) -> bool:
    """Whether a Prefect API answers at an address."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=timeout_s) as answer:
            return answer.status == 200
    except (OSError, http.client.HTTPException, ValueError):
        return False


def start_and_wait(limit_s: float = START_LIMIT_S) -> Server | None:
    """The server once it answers, started where none is there; None where it does not in time."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        server = ensure()
        if server and healthy(server.url):
            return server
        time.sleep(0.1)
    return None


def stop() -> Server | None:
    """Ends the server; returns the one that was there."""
    server = running()
    if server is None:
        return None
    _signal(server.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_S
    while running() is not None:
        if time.monotonic() > deadline:
            _signal(server.pid, signal.SIGKILL)
            deadline = float("inf")
        time.sleep(0.05)
    return server


def environment(base: Mapping[str, str]) -> dict[str, str]:
    """Prefect's settings for a process, where the user has not chosen others."""
    chosen = {**QUIET_ENVIRONMENT, **base}
    if "PREFECT_API_URL" not in base:
        chosen["PREFECT_HOME"] = str(home())
        chosen["PREFECT_PROFILE"] = "ephemeral"  # the built-in one; it holds no address
        chosen["PREFECT_CLIENT_MAX_RETRIES"] = "1"  # on one machine, a dead server stays dead
    return chosen


def _lock_file() -> int:
    home().mkdir(parents=True, exist_ok=True)
    return os.open(home() / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)


def _take(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _record() -> Server | None:
    """What `server.json` says, unless it is of a process that is gone."""
    try:
        server = Server(**json.loads((home() / "server.json").read_text()))
        os.kill(server.pid, 0)
    except (OSError, ValueError, TypeError):
        return None
    return server


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _become_server() -> None:
    """Writes the address down and turns this process, which holds the lock, into the server."""
    os.set_inheritable(int(sys.argv[1]), True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Server(os.getpid(), f"http://127.0.0.1:{port}/api", time.time())
    record = home() / "server.json"
    temporary = record.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(server)))
    temporary.replace(record)
    command = [sys.executable, "-P", "-m", "prefect", "server", "start"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    os.execve(sys.executable, command, environment(os.environ))


if __name__ == "__main__":
    _become_server()
