"""A hostile device fails, and nothing outside is read, written or left running; as any user.

Each device is tried twice: against the check of its source, and with that check off, as if it had a
hole, against the sandbox and the judge alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from llm_stages import hdl, sandbox, verilator
from tests.llm_stages import hostile_devices
from tests.llm_stages.hostile_devices import DEVICES

pytestmark = [
    pytest.mark.skipif(hdl.find_simulator() is None, reason="needs Icarus Verilog"),
    pytest.mark.skipif(sandbox.mechanism() is None, reason="no sandbox works here"),
]

NOBODY = 65534
USERS = [os.getuid()] if os.getuid() else [0, NOBODY]
Report = dict[str, dict[str, dict]]


@pytest.fixture(scope="module")
def reports() -> dict[int, Report]:
    """What came of all devices with Icarus Verilog, by user."""
    return reports_of("icarus")


def reports_of(simulator: str) -> dict[int, Report]:
    """What came of all devices; the users' runs go on side by side."""
    root = Path(__file__).parents[2]
    running = {}
    with tempfile.TemporaryDirectory(prefix="chipflow-hostile-") as folder:
        os.chmod(folder, 0o755)
        for user in USERS:
            own = Path(folder) / str(user)
            own.mkdir()
            (own / "secret.txt").write_text("sesame")
            os.chown(own, user, user if user else 0)
            running[user] = subprocess.Popen(
                [sys.executable, hostile_devices.__file__, str(own), str(user), simulator],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(root)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        done = {}
        for user, process in running.items():
            out, err = process.communicate(timeout=240)
            assert process.returncode == 0, err
            done[user] = json.loads(out)
    return done


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("device", [name for name in DEVICES if name != "is right"])
def test_a_hostile_device_fails_and_leaves_nothing(
    reports: dict[int, Report], device: str, user: int
) -> None:
    for kind in ("checked", "unchecked"):
        found = reports[user][kind][device]
        assert found["status"] != "passed", kind
        assert not found["read"], kind
        assert not found["written"], kind
        assert found["left"] == [], kind
        assert found["most_bytes"] <= 64 * 2**20, kind


@pytest.mark.parametrize("user", USERS)
def test_the_source_is_refused_where_it_says_what_it_does(
    reports: dict[int, Report], user: int
) -> None:
    for device in ("prints", "finishes", "opens", "includes", "floods", "calls"):
        assert reports[user]["checked"][device]["cause"] == "unsafe", device


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(
    ("device", "causes"),
    [
        ("prints", ["mismatch"]),
        ("finishes", ["no_checks"]),
        ("opens", ["mismatch", "crash", "exit_code"]),
        ("includes", ["compile"]),
        ("loops", ["time_limit"]),
        ("loops without time", ["time_limit"]),
        ("forks", ["resources", "crash", "time_limit"]),
        ("floods", ["output_limit", "time_limit"]),
        ("calls", ["compile"]),
    ],
)
def test_without_the_check_judge_and_sandbox_find_it(
    reports: dict[int, Report], device: str, causes: list[str], user: int
) -> None:
    assert reports[user]["unchecked"][device]["cause"] in causes


@pytest.mark.parametrize("user", USERS)
def test_an_honest_device_passes(reports: dict[int, Report], user: int) -> None:
    for kind in ("checked", "unchecked"):
        assert reports[user][kind]["is right"]["status"] == "passed"


@pytest.mark.slow
@pytest.mark.skipif(verilator.find() is None, reason="needs Verilator")
def test_verilator_runs_commands_and_nothing_comes_of_them() -> None:
    for report in reports_of("verilator").values():
        for device in ("commands", "forks"):
            assert report["checked"][device]["cause"] == "unsafe"
            found = report["unchecked"][device]
            assert found["status"] != "passed"
            assert not found["read"]
            assert not found["written"]
            assert found["left"] == []
        for kind in ("checked", "unchecked"):
            assert report[kind]["is right"]["status"] == "passed", report[kind]["is right"]
