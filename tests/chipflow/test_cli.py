"""The command line as a user meets it, in processes of its own."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chipflow import fake_stages

ROOT = Path(__file__).resolve().parents[2]


def chipflow(
    *arguments: str, module: str = "chipflow.cli", **environment: str
) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def fake(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """The same with the stages of the tests; the second argument is the design."""
    return chipflow(*arguments, module="tests.chipflow.fake_flow", **environment)


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    return fake_stages.write_design(tmp_path / "toy")


def help_of(program: str) -> tuple[str, float]:
    """What `program` prints for --help, and the CPU time in s that it takes, best of three."""
    code = (
        "import sys, time\n"
        "sys.argv = ['program', '--help']\n"
        f"{program}\n"
        "try:\n    main()\n"
        "finally:\n"
        "    heavy = {'torch', 'prefect', 'litellm', 'numba', 'matplotlib', 'klayout', 'pyosys'}\n"
        "    print('heavy:', sorted(heavy & set(sys.modules)))\n"
        "    print('cpu:', time.process_time())\n"
    )
    command = [sys.executable, "-c", code]
    runs = [
        subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for _ in range(3)
    ]
    return runs[0], min(float(run.rpartition("cpu:")[2]) for run in runs)


def test_help_names_exit_codes_and_imports_nothing_heavy() -> None:
    # A bare Typer program is the measure: seconds would fail on a slow machine.
    _, bare_s = help_of("import typer\nmain = typer.Typer()\nmain.command()(lambda: None)")
    out, ours_s = help_of("from chipflow.cli import main")
    assert "heavy: []" in out
    assert ours_s < 3 * bare_s
    for text in ("1 the flow or a check failed", "130 interrupted", "doctor", "run"):
        assert text in out


def test_version() -> None:
    code, out, _ = chipflow("--version")
    assert (code, out) == (0, "chipflow 0.1.0\n")


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["rum"], "No such command 'rum'", "try: chipflow --help"),
        (["run"], "Missing argument 'DESIGN'", "try: chipflow run --help"),
        (["run", ".", "--jobs", "0"], "Invalid value for '--jobs'", "try: chipflow run --help"),
        (["run", ".", "--engine", "x"], "Invalid value for '--engine'", ""),
        (["run", "no/such/design"], "there is no such design", "try: "),
        (["run", "tests"], "holds no design.toml", "try: "),
    ],
)
def test_wrong_usage_and_input_exit_with_2(arguments: list[str], message: str, hint: str) -> None:
    code, out, err = chipflow(*arguments)
    assert code == 2
    assert err.startswith("error: ")
    assert message in err
    assert hint in err
    assert "Traceback" not in err
    assert out == ""


def test_train_takes_the_options_of_the_training(tmp_path: Path) -> None:
    code, out, _ = chipflow("train", "--help")
    assert code == 0
    assert "usage: chipflow train" in out
    assert "--checkpoint-every" in out
    code, _, err = chipflow("train", "--no-such-option", "1")
    assert code == 2
    assert "--no-such-option" in err
    code, out, err = chipflow(
        *("train", "--netlist", "toy", "--total-steps", "32", "--episodes", "4", "--width", "8"),
        *("--out", str(tmp_path), "--run-name", "mine"),
    )
    assert code == 0, err
    assert (tmp_path / "mine" / "placement.plc").exists()
    assert str(tmp_path / "mine") in out


def test_an_unknown_key_is_named_with_its_line(toy: Path) -> None:
    (toy / "design.toml").write_text(fake_stages.DESIGN.replace("period_ns", "perod_ns"))
    code, _, err = chipflow("run", str(toy))
    assert code == 2
    assert err.splitlines() == [
        "error: unknown setting clock.perod_ns",
        f"  at:  {toy / 'design.toml'}:6",
        "  try: did you mean clock.period_ns?",
    ]
    assert "Traceback" in chipflow("run", str(toy), "--debug")[2]


def test_run_twice(toy: Path) -> None:
    code, out, err = fake("run", str(toy), "--engine", "local")
    assert (code, err) == (0, "")
    assert "copy: runs (first run)" in out
    assert "copy: done in " in out
    assert "done: 5 of 5 stages ran" in out
    code, out, _ = fake("run", str(toy))
    assert code == 0
    assert "nothing to do: all 5 stages are up to date" in out
    assert "\x1b" not in out


def test_run_to_a_stage(toy: Path) -> None:
    arguments = ("run", str(toy), "--engine", "local", "--to", "upper")
    code, out, err = fake(*arguments)
    assert (code, err) == (0, "")
    assert "done up to upper, 2 stages ran" in out
    assert "count" not in out
    assert "nothing to do: upper and what it needs are up to date" in fake(*arguments)[1]


def test_quiet_prints_nothing_and_json_is_all_of_stdout(toy: Path) -> None:
    assert fake("run", str(toy), "--engine", "local", "-q") == (0, "", "")
    code, out, err = fake("run", str(toy), "--engine", "local", "--json", "--from", "join")
    outcome = json.loads(out)
    assert (code, err) == (0, "")
    assert outcome["status"] == "done"
    assert outcome["run_folder"] == str(toy / "runs" / "fake")
    assert outcome["metrics"]["placement__macro__count"] == 6
    ran = {stage["stage"]: stage["reason"] for stage in outcome["stages"] if stage["ran"]}
    assert ran == {"join": "--from join", "total": "--from join"}


def _on_a_terminal(*arguments: str, **environment: str) -> tuple[int, str]:
    """Exit code and output of the toy flow where standard output is a terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.environ.update({"TERM": "xterm", "COLUMNS": "100", **environment})
        command = [sys.executable, "-m", "tests.chipflow.fake_flow", *arguments]
        os.execv(sys.executable, command)
    text = b""
    with contextlib.suppress(OSError):  # how Linux says that the other end is closed
        while part := os.read(terminal, 65536):
            text += part
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode()


def test_a_terminal_shows_a_table(toy: Path) -> None:
    code, text = _on_a_terminal("run", str(toy), "--engine", "local", NO_COLOR="")
    assert code == 0
    assert "toy on fake" in text
    assert re.search(r"join +\S*waits", text)
    assert re.search(r"copy +\x1b\[32mdone", text)
    assert "first run" in text
    assert "copied" in text
    code, text = _on_a_terminal(
        "run", str(toy), "--engine", "local", "--from", "total", NO_COLOR="1"
    )
    assert code == 0
    assert not re.search(r"\x1b\[3[0-9]m", text)
    assert re.search(r"copy +as before", re.sub(r"\x1b\[\d*m", "", text))


def test_verbose_shows_what_stages_say(toy: Path) -> None:
    _, out, _ = fake("run", str(toy), "--engine", "local", "-v")
    assert "count: count at work" in out


@pytest.mark.parametrize(
    ("how", "code", "message", "last_line"),
    [
        ("error", 2, "error: upper: the toy is broken", "try: glue it"),
        ("tool", 3, "error: upper: no glue", "try: buy glue"),
        ("raise", 1, "error: upper: the stage ended with exit code 1", "ValueError: unexpected"),
    ],
)
def test_a_failed_stage_sets_the_exit_code(
    toy: Path, how: str, code: int, message: str, last_line: str
) -> None:
    got, out, err = fake("run", str(toy), "--engine", "local", FAKE_FAIL=f"upper:{how}")
    assert got == code
    assert message in err
    assert "    | " in out
    assert last_line in out
    assert "Traceback" not in err
    got, out, _ = fake("run", str(toy), "--engine", "local", "--json", FAKE_FAIL=f"upper:{how}")
    assert got == code
    assert json.loads(out)["error"]["stage"] == "upper"


def test_a_folder_of_something_else_is_left_alone(toy: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("precious")
    code, _, err = fake("run", str(toy), "--engine", "local", "--out", str(other))
    assert code == 2
    assert "holds thesis.txt" in err
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]


def test_the_run_folder_of_another_design_is_left_alone(toy: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    assert fake("run", str(toy), "--engine", "local", "--out", out)[0] == 0
    text = fake_stages.DESIGN.replace('name = "toy"', 'name = "game"')
    (toy / "design.toml").write_text(text)
    code, _, err = fake("run", str(toy), "--engine", "local", "--out", out)
    assert code == 2
    assert "holds toy on fake, not game on fake" in err


def test_a_run_folder_that_cannot_be_made(toy: Path) -> None:
    code, _, err = fake("run", str(toy), "--engine", "local", "--out", str(toy / "a.v" / "x"))
    assert code == 2
    assert "cannot write the run folder" in err
