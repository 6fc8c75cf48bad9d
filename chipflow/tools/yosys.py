"""Runs Yosys scripts with the pyosys package, one child process a script.

Yosys ends its process on an error, so it cannot share ours. Scripts name files relative to their
working folder and only by names that we chose: Yosys has no safe way to quote a path.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

from chipflow.tools.process import run_logged
from chipflow.tools.versions import missing, version_of
from placement_env.errors import InputError

_RUN_SCRIPT = """
import sys
from pyosys import libyosys
libyosys.Design().run_pass("script " + sys.argv[1])
"""

_PLACED_ERROR = re.compile(r"^(?P<file>[^\s:]+):(?P<line>\d+)(?:[.\-:\d]*): ERROR: (?P<text>.*)")
_PLAIN_ERROR = re.compile(r"^ERROR: (?P<text>.*)")


class YosysError(InputError):
    """An error that Yosys reported.

    Attributes:
        file: Source file as the script named it; empty where Yosys named none.
        line: Line in that file, or 0.
        text: The message alone.
    """

    def __init__(self, text: str, *, file: str = "", line: int = 0, log_path: Path) -> None:
        where = f"{file}:{line}" if file else str(log_path)
        super().__init__(f"Yosys: {text}", where=where)
        self.file = file
        self.line = line
        self.text = text


def run_script(commands: str, *, work_dir: Path, name: str, timeout_s: float = 3600.0) -> str:
    """Runs a script in `work_dir` and gives what Yosys printed.

    Leaves the script as NAME.ys and the output as NAME.log in `work_dir`.

    Raises:
        ToolMissing: pyosys is not installed.
        YosysError: Yosys stopped with an error.
        TimeLimit: The script was killed after `timeout_s`.
    """
    if version_of("pyosys") is None:
        raise missing("pyosys")
    (work_dir / f"{name}.ys").write_text(commands, encoding="utf-8")
    log_path = work_dir / f"{name}.log"
    status = run_logged(
        [sys.executable, "-P", "-c", _RUN_SCRIPT, f"{name}.ys"],
        cwd=work_dir,
        log_path=log_path,
        timeout_s=timeout_s,
    )
    log = log_path.read_text(encoding="utf-8", errors="replace")
    if status != 0:
        raise _error_in(log, status, log_path)
    return log


def abc_program() -> Path:
    """The ABC that comes with pyosys.

    Raises:
        ToolMissing: pyosys is not installed.
    """
    package = importlib.util.find_spec("pyosys")
    if package is None or package.origin is None:
        raise missing("pyosys")
    return Path(package.origin).parent / "yosys-abc"


def _error_in(log: str, status: int, log_path: Path) -> YosysError:
    """The first error with a place, else the first error: later ones only follow from it."""
    lines = log.splitlines()
    for line in lines:
        if match := _PLACED_ERROR.match(line):
            return YosysError(
                match["text"], file=match["file"], line=int(match["line"]), log_path=log_path
            )
    for line in lines:
        if match := _PLAIN_ERROR.match(line):
            return YosysError(match["text"], log_path=log_path)
    return YosysError(f"stopped with exit status {status} and no message", log_path=log_path)
