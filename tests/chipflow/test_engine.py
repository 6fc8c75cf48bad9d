"""The scheduler, and Prefect with its server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from chipflow.engine import server
from chipflow.engine.schedule import Schedule
from tests.chipflow import fake_stages

ROOT = Path(__file__).resolve().parents[2]
NEEDED = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}


def _schedule(
    work: Callable[[str], None],
    jobs: int = 2,
    needs_work: Callable[[str], bool] = lambda name: True,
    cancel: Callable[[], None] = lambda: None,
) -> Schedule:
    return Schedule(
        list(NEEDED), NEEDED, set(), jobs=jobs, needs_work=needs_work, work=work, cancel=cancel
    )


@pytest.fixture
def submit() -> Iterator[Callable[[str, Callable[[], None]], object]]:
    with ThreadPoolExecutor(8) as threads:
        yield lambda _, work: threads.submit(work)


def test_order_and_number_at_once(submit: Any) -> None:
    running: set[str] = set()
    most = 0
    order = []

    def work(name: str) -> None:
        nonlocal most
        running.add(name)
        most = max(most, len(running))
        time.sleep(0.05)
        order.append(name)
        running.discard(name)

    assert _schedule(work).run(submit)
    assert (order[0], order[-1], most) == ("a", "d", 2)
    most = 0
    assert _schedule(work, jobs=1).run(submit)
    assert most == 1


class SignalToEnd(BaseException):
    """As Prefect raises one at SIGTERM, which is no `KeyboardInterrupt`."""


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SignalToEnd])
def test_whatever_stops_it_cancels_the_stages_at_work(
    submit: Any, stop: type[BaseException]
) -> None:
    cancelled = threading.Event()

    def pause() -> bool:
        raise stop

    def work(name: str) -> None:
        cancelled.wait(20)

    schedule = _schedule(work, cancel=cancelled.set)
    began = time.monotonic()
    with pytest.raises(stop):
        schedule.run(submit, pause)
    assert cancelled.is_set()
    assert time.monotonic() - began < 10


def test_nothing_starts_after_a_failure(submit: Any) -> None:
    done = []

    def work(name: str) -> None:
        if name == "b":
            raise ValueError("b is broken")
        time.sleep(0.1)
        done.append(name)

    schedule = _schedule(work)
    for _ in range(2):  # asked again, it says the same
        with pytest.raises(ValueError, match="b is broken"):
            schedule.run(submit)
    assert done == ["a", "c"]


def test_a_pause_leaves_work_running_and_another_engine_goes_on(submit: Any) -> None:
    go_on = threading.Event()
    done = []

    def work(name: str) -> None:
        if name == "a":
            go_on.wait(10)
        done.append(name)

    schedule = _schedule(work)
    assert not schedule.run(submit, pause=lambda: True)
    assert list(schedule.started) == ["a"]
    go_on.set()
    assert schedule.run(submit)
    assert done[0] == "a"
    assert sorted(done) == ["a", "b", "c", "d"]


def test_stages_that_stand_start_nothing(submit: Any) -> None:
    done: list[str] = []
    assert _schedule(done.append, needs_work=lambda name: name in "ad").run(submit)
    assert done == ["a", "d"]


def test_an_interrupt_cancels(submit: Any) -> None:
    cancelled = threading.Event()

    def interrupted(name: str) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _schedule(print, needs_work=interrupted, cancel=cancelled.set).run(submit)
    assert cancelled.is_set()


def _post(url: str, query: dict[str, Any]) -> list[dict[str, Any]]:
    request = urllib.request.Request(
        url, json.dumps(query).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def _fake(cache: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")}
    return subprocess.run(
        [sys.executable, "-m", "tests.chipflow.fake_flow", *arguments],
        cwd=ROOT,
        env={**environment, "CHIPFLOW_CACHE": str(cache), **more},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_run_under_prefect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHIPFLOW_CACHE", str(tmp_path))
    monkeypatch.setenv("OPENAI_API_KEY", "planted-key-0123456789")
    toy = fake_stages.write_design(tmp_path / "toy")
    assert server.running() is None
    try:
        assert server.start_and_wait(120) is not None
        before = server.running()
        assert before is not None
        variables = Path(f"/proc/{before.pid}/environ").read_bytes()
        assert b"CHIPFLOW_CACHE=" in variables
        assert b"planted-key" not in variables

        done = _fake(tmp_path, "run", str(toy), "--json")
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["engine"] == "prefect"
        failed = _fake(tmp_path, "run", str(toy), "--from", "upper", FAKE_FAIL="upper:error")
        assert failed.returncode == 2
        assert failed.stderr.startswith("error: upper: the toy is broken")
        assert "Traceback" not in failed.stdout + failed.stderr
        assert "nothing to do" in _fake(tmp_path, "run", str(toy)).stdout

        found = server.running()
        assert found == before, "one server is used again"
        assert found is not None
        flows = _post(f"{found.url}/flow_runs/filter", {"sort": "START_TIME_ASC"})
        assert [(run["name"], run["state_type"]) for run in flows] == [
            (str(toy / "runs" / "fake"), "COMPLETED"),
            (str(toy / "runs" / "fake"), "FAILED"),
        ]
        query = {"flow_runs": {"id": {"any_": [flows[0]["id"]]}}}
        tasks = _post(f"{found.url}/task_runs/filter", query)
        assert sorted(task["name"] for task in tasks) == sorted(fake_stages.NAMES)
        assert {task["state_type"] for task in tasks} == {"COMPLETED"}

        (toy / "at_work").write_text("")
        killer = threading.Thread(target=_kill_while_at_work, args=(found.pid, toy / "at_work"))
        killer.start()
        more = {"FAKE_SLEEP": "join:4", "FAKE_LOG": str(toy / "at_work")}
        done = _fake(tmp_path, "run", str(toy), "--from", "join", **more)
        killer.join()
        assert (done.returncode, done.stderr) == (0, "")
        assert "the run goes on without it" in done.stdout
        assert "done: 2 of 5 stages ran" in done.stdout
    finally:
        server.stop()
    assert server.running() is None


def _kill_while_at_work(server_pid: int, log: Path) -> None:
    """Kills the server some time after a stage has begun and Prefect has taken over."""
    deadline = time.monotonic() + 30
    while "join" not in log.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(3)
    os.kill(server_pid, signal.SIGKILL)


def test_a_server_that_does_not_answer_is_done_without(tmp_path: Path) -> None:
    toy = fake_stages.write_design(tmp_path / "toy")
    done = _fake(tmp_path, "run", str(toy), PREFECT_API_URL="http://127.0.0.1:9/api")
    assert done.returncode == 0
    assert "no Prefect server answers at PREFECT_API_URL" in done.stdout
    assert "done: 5 of 5 stages ran" in done.stdout
    assert not (tmp_path / "prefect").exists()
