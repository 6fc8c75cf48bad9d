"""An isolated program sees nothing but what it was given, with either mechanism."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest

from llm_stages import launcher, sandbox
from llm_stages.sandbox import Completed, Limits, Mechanism

MECHANISMS: list[Mechanism] = ["bubblewrap", "landlock"]


def available(name: Mechanism) -> bool:
    return name == sandbox.mechanism() or (name == "landlock" and launcher.can_confine())


@pytest.fixture(params=MECHANISMS)
def using(request: pytest.FixtureRequest) -> Mechanism:
    if not available(request.param):
        pytest.skip(f"{request.param} does not work here")
    return request.param


def shell(
    script: str, folder: Path, using: Mechanism | None, **options: object
) -> tuple[Completed, str]:
    work = folder / "work"
    work.mkdir(exist_ok=True)
    log = folder / "log.txt"
    arguments: dict = {"timeout_s": 10.0, "isolate": using is not None, "using": using, **options}
    done = sandbox.run(["/bin/sh", "-c", script], work_dir=work, log_path=log, **arguments)
    return done, log.read_text(errors="replace")


def test_it_reads_and_writes_its_own_folder(tmp_path: Path, using: Mechanism) -> None:
    done, log = shell("echo hello > a.txt && cat a.txt", tmp_path, using)
    assert (done.exit_code, log) == (0, "hello\n")
    assert (tmp_path / "work" / "a.txt").read_text() == "hello\n"


def test_it_sees_no_other_file(tmp_path: Path, using: Mechanism) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("sesame")
    os.makedirs(tmp_path / "work")
    (tmp_path / "work" / "link").symlink_to(secret)
    script = f"cat {secret}; cat link; cat ../secret.txt; cat /etc/passwd; ls /root /home"
    done, log = shell(script, tmp_path, using)
    assert done.exit_code != 0
    assert "sesame" not in log
    assert "root:" not in log
    done, log = shell(f"cat {secret}", tmp_path, using, read_only=[secret])
    assert "sesame" in log


def test_it_writes_nowhere_else(tmp_path: Path, using: Mechanism) -> None:
    given = tmp_path / "given.txt"
    given.write_text("before")
    script = f"echo x > {given}; echo x > {tmp_path}/new.txt; echo x > /usr/new.txt; rm {given}"
    shell(script, tmp_path, using, read_only=[given])
    assert given.read_text() == "before"
    assert not (tmp_path / "new.txt").exists()
    assert not Path("/usr/new.txt").exists()


def test_it_has_no_network(tmp_path: Path, using: Mechanism) -> None:
    import socket

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        python = [Path(sys.prefix), Path(sys.base_prefix)]
        code = (
            "print('started', flush=True); import socket; "
            f"socket.create_connection(('127.0.0.1', {port}), 2); print('connected')"
        )
        script = f'{sys.executable} -I -S -c "{code}"'
        _, free = shell(script, tmp_path, None)
        assert "connected" in free
        (tmp_path / "log.txt").unlink()
        _, log = shell(script, tmp_path, using, read_only=python)
    assert "started" in log
    assert "connected" not in log


def test_it_does_not_get_our_environment(
    tmp_path: Path, using: Mechanism, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sesame")
    _, log = shell("env", tmp_path, using)
    assert "sesame" not in log
    _, log = shell("env", tmp_path, None)
    assert "sesame" not in log


def test_its_resources_are_limited(tmp_path: Path, using: Mechanism) -> None:
    done, _ = shell("while :; do :; done", tmp_path, using, limits=Limits(cpu_s=1), timeout_s=20.0)
    assert done.exit_code in (-24, -9)
    assert not done.timed_out
    done, _ = shell("exec yes > big.txt", tmp_path, using, limits=Limits(file_mib=1))
    assert done.exit_code == -25
    assert (tmp_path / "work" / "big.txt").stat().st_size == 2**20


def test_all_its_files_together_are_limited(tmp_path: Path, using: Mechanism) -> None:
    script = "i=0; while :; do yes | head -c 900000 > $i.txt; i=$((i + 1)); done"
    done, _ = shell(script, tmp_path, using, limits=Limits(file_mib=1, disk_mib=8))
    assert done.overrun == "disk"
    assert not done.timed_out


def test_all_its_processes_together_are_limited(tmp_path: Path, using: Mechanism) -> None:
    script = "while :; do sleep 30.25 & done"
    done, _ = shell(script, tmp_path, using, limits=Limits(processes=20))
    assert done.overrun == "processes" or done.exit_code != 0
    assert wait_until_gone("sleep\x0030.25") == []


def test_more_processes_are_refused_and_not_only_ended(tmp_path: Path) -> None:
    """By the kernel, for root too: a program that doubles itself is faster than any watch."""
    if not available("bubblewrap"):
        pytest.skip("bubblewrap does not work here")
    program = """
        $| = 1;
        for $n (1..2000) {
            $p = fork;
            if (!defined $p) { print "$n\\n"; exit }
            if (!$p) { sleep 9; exit }
        }
    """
    work, log = tmp_path / "work", tmp_path / "log.txt"
    work.mkdir()
    sandbox.run(
        ["/usr/bin/perl", "-e", program],
        work_dir=work,
        log_path=log,
        timeout_s=10.0,
        isolate=True,
        using="bubblewrap",
        limits=Limits(processes=16),
    )
    # Users other than root share the number with what they run already.
    most = 20 if os.geteuid() == 0 else 2000
    assert 1 < int(log.read_text().split()[0]) <= most


def test_nothing_is_left_of_what_it_started(tmp_path: Path, using: Mechanism) -> None:
    done, _ = shell("setsid sleep 30.75 & sleep 30.75 & sleep 0.3", tmp_path, using)
    assert done.exit_code == 0
    assert wait_until_gone("sleep\x0030.75") == []


def test_it_has_no_socket_of_any_kind(tmp_path: Path) -> None:
    if not available("landlock"):
        pytest.skip("landlock does not work here")
    code = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM); print('opened')"
    script = f'{sys.executable} -I -S -c "{code}"'
    python = [Path(sys.prefix), Path(sys.base_prefix)]
    _, log = shell(script, tmp_path, "landlock", read_only=python)
    assert "Operation not permitted" in log
    assert "opened" not in log


@pytest.mark.skipif(platform.machine() != "x86_64", reason="knows the numbers of x86-64 alone")
@pytest.mark.parametrize(
    ("call", "arguments"), [(234, "os.getppid(), os.getppid(), 0"), (297, "0")]
)
def test_it_sends_no_signals(call: int, arguments: str, tmp_path: Path) -> None:
    """By tgkill and rt_tgsigqueueinfo either; signal 0 would only ask whether one could."""
    if not available("landlock"):
        pytest.skip("landlock does not work here")
    code = (
        "import ctypes, errno, os; libc = ctypes.CDLL(None, use_errno=True); "
        f"libc.syscall({call}, {arguments}); print(errno.errorcode[ctypes.get_errno() or 1])"
    )
    script = f'{sys.executable} -I -S -c "{code}"'
    python = [Path(sys.prefix), Path(sys.base_prefix)]
    done, log = shell(script, tmp_path, "landlock", read_only=python)
    assert (done.exit_code, log) == (0, "EPERM\n")


def test_its_own_files_run_only_where_that_is_asked_for(tmp_path: Path) -> None:
    if not available("landlock"):
        pytest.skip("landlock does not work here")
    script = "cp /bin/true here; ./here"
    assert shell(script, tmp_path, "landlock")[0].exit_code == 126
    assert shell(script, tmp_path, "landlock", runs_own_files=True)[0].exit_code == 0


def test_it_gets_the_variables_that_are_given(tmp_path: Path, using: Mechanism) -> None:
    _, log = shell("echo $SEED", tmp_path, using, environment={"SEED": "17"})
    assert log == "17\n"


def wait_until_gone(words: str, *, within_s: float = 3.0) -> list[str]:
    """Processes whose command line holds the words, once there are none or time is over."""
    deadline = time.monotonic() + within_s
    while True:
        found = []
        for entry in Path("/proc").iterdir():
            try:
                line = (entry / "cmdline").read_text() if entry.name.isdigit() else ""
            except OSError:
                continue
            if words in line and "/bin/sh" not in line:
                found.append(line)
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def test_time_limit_ends_the_whole_group(tmp_path: Path) -> None:
    script = "(sleep 30; echo late) & echo $! > pid; wait"
    done, _ = shell(script, tmp_path, None, timeout_s=1.0)
    assert done.timed_out
    assert done.wall_s < 8
    child = int((tmp_path / "work" / "pid").read_text())
    time.sleep(0.2)
    status = Path(f"/proc/{child}/stat")
    assert not status.exists() or status.read_text().split()[2] == "Z"


def test_the_program_dies_with_its_caller(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    code = (
        "from llm_stages import sandbox; from pathlib import Path; "
        f"d = Path({str(tmp_path)!r}); sandbox.run(['/bin/sh', '-c', 'echo $$ > pid; exec sleep 60'"
        "], work_dir=d / 'work', log_path=d / 'log', timeout_s=60, isolate=False)"
    )
    root = Path(launcher.__file__).parents[1]
    caller = subprocess.Popen([sys.executable, "-c", code], cwd=root)
    pid_file = tmp_path / "work" / "pid"
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not (pid_file.exists() and pid_file.read_text().strip()):
        time.sleep(0.05)
    child = int(pid_file.read_text())
    caller.kill()
    caller.wait()
    status = Path(f"/proc/{child}/stat")
    while time.monotonic() < deadline and status.exists():
        if status.read_text().split()[2] == "Z":
            break
        time.sleep(0.05)
    assert not status.exists() or status.read_text().split()[2] == "Z"


def test_output_beyond_the_log_size_is_dropped(tmp_path: Path) -> None:
    script = "head -c 3000000 /dev/zero | tr '\\0' x"
    done, log = shell(script, tmp_path, None, log_mib=0.5)
    assert done.truncated
    assert done.exit_code == 0
    assert len(log) == 2**19
