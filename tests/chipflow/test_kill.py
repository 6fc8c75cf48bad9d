"""Runs that are killed, interrupted or disturbed: nothing is lost, nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chipflow import fake_stages
from tests.chipflow.fake_stages import NAMES

ROOT = Path(__file__).resolve().parents[2]
SLEEP_S = "31.7"


class Toy:
    """The toy design, and the command on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = fake_stages.write_design(folder)
        self.run_folder = folder / "runs" / "fake"
        self.log = folder / "log.txt"

    def start(self, *more: str, **environment: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.chipflow.fake_flow", "run", str(self.folder)]
        return subprocess.Popen(
            [*command, "--engine", "local", *more],
            cwd=ROOT,
            env={
                **os.environ,
                "FAKE_LOG": str(self.log),
                "TMPDIR": str(self.folder.parent / "tmp"),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self) -> tuple[int, str, str]:
        process = self.start()
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def started(self) -> list[str]:
        """Stages that have run, in order, however they ended."""
        return self.log.read_text().split() if self.log.exists() else []


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Toy]:
    (tmp_path / "tmp").mkdir()
    yield Toy(tmp_path / "toy")
    assert _left_behind(tmp_path) == []
    assert list((tmp_path / "tmp").iterdir()) == [], "temporary files"


def _processes() -> Iterator[tuple[int, str, str]]:
    """Process id, command line and environment of all processes that we may see."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                environment = (entry / "environ").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if command:  # a zombie has none
                yield int(entry.name), command, environment


def _left_behind(folder: Path) -> list[str]:
    """Processes that work for a toy in a folder; given a moment to end."""
    deadline = time.monotonic() + 2
    while True:
        found = [command for _, command, env in _processes() if f"FAKE_LOG={folder}" in env]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.02)


def _sleeps(toy: Toy) -> bool:
    return any(c == f"sleep {SLEEP_S}" and str(toy.log) in env for _, c, env in _processes())


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
@pytest.mark.parametrize("stage", NAMES)
def test_kill_in_each_stage_then_the_same_command(toy: Toy, stage: str) -> None:
    process = toy.start(FAKE_SLEEP=f"{stage}:{SLEEP_S}")
    _wait(lambda: _sleeps(toy), f"{stage} and the program that it starts are at work")
    beside = {"count": "03-upper", "upper": "02-count"}.get(stage)  # the two run side by side
    if beside:
        _wait((toy.run_folder / beside / "stage.json").exists, f"{beside} is done")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert _left_behind(toy.folder) == []

    finished = set(toy.started()) - {stage}
    toy.log.write_text("")
    code, out, err = toy.run()
    assert (code, err) == (0, "")
    assert set(toy.started()) == set(NAMES) - finished
    assert "done: " in out
    assert not list(toy.run_folder.glob(".tmp-*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_its_stages_and_says_how_to_go_on(toy: Toy, number: int) -> None:
    process = toy.start("--from", "copy", FAKE_SLEEP=f"upper:{SLEEP_S}")
    _wait(lambda: _sleeps(toy), "upper is at work")
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err.splitlines() == [
        "error: interrupted; finished stages are kept",
        f"  at:  {toy.run_folder}",
        f"  try: chipflow run {toy.folder} --engine local goes on from here",
    ]
    assert not list(toy.run_folder.glob(".tmp-*"))
    assert not list(toy.run_folder.glob("*.failed"))
    toy.log.write_text("")
    assert toy.run()[0] == 0
    assert "copy" not in toy.started()


def test_a_second_run_in_the_same_folder_is_refused(toy: Toy) -> None:
    process = toy.start(FAKE_SLEEP=f"copy:{SLEEP_S}")
    _wait(lambda: _sleeps(toy), "copy is at work")
    code, _, err = toy.run()
    assert code == 2
    assert f"another chipflow run works in this run folder (process {process.pid})" in err
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert toy.run()[0] == 0


def test_a_stage_killed_alone_fails_and_leaves_no_program_behind(toy: Toy) -> None:
    process = toy.start(FAKE_SLEEP=f"copy:{SLEEP_S}")
    _wait(lambda: _sleeps(toy), "copy is at work")
    worker = next(
        p for p, c, env in _processes() if "engine.worker copy" in c and str(toy.log) in env
    )
    os.kill(worker, signal.SIGKILL)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "ended by SIGKILL" in err
    assert "copy: failed" in out


def test_a_half_replaced_result_is_put_back(toy: Toy) -> None:
    assert toy.run()[0] == 0
    (toy.run_folder / "03-upper").rename(toy.run_folder / ".old-03-upper")
    (toy.run_folder / ".tmp-03-upper").mkdir()
    (toy.run_folder / ".tmp-report.html").write_text("half")
    toy.log.write_text("")
    code, out, _ = toy.run()
    assert code == 0
    assert "nothing to do" in out
    assert toy.started() == []
    assert list(toy.run_folder.glob(".old-*")) == []
    assert list(toy.run_folder.glob(".tmp-*")) == []
