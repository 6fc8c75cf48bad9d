"""Yosys as a gate for RTL that a model wrote: does it elaborate, and is anything driven wrongly?

The RTL has come through the checks of `llm_stages.untrusted`, as all RTL that Yosys reads here.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from chipflow.tools import yosys
from chipflow.tools.process import TimeLimit
from chipflow.tools.versions import version_of
from llm_stages.gates import Equivalent, Synthesis, Synthesize
from llm_stages.slang import Diagnostic

_LIMIT_S = 60.0
_PROBLEM = re.compile(r"^Warning: (?P<text>[^\n]+)", re.MULTILINE)
_LATCH = re.compile(r"^Latch inferred for signal `?(?P<name>[^']+)'?", re.MULTILINE)


def gate() -> Synthesize | None:
    """The gate; None where Yosys is not installed."""
    return check if version_of("pyosys") is not None else None


def check(path: Path, top: str, work_dir: Path) -> Synthesis:
    """Read a source, and look for loops, conflicting drivers, missing drivers and latches.

    Args:
        path: The source.
        top: The top module; a plain name.
        work_dir: A new folder.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, work_dir / "source.sv")
    then = (
        f"hierarchy -check -top {top}\nproc\ntee -q -o check.txt check\nopt_clean\n"
        "tee -q -o stat.json stat -json\n"
    )
    readers = (f"read_slang --single-unit --top {top} source.sv\n", "read_verilog -sv source.sv\n")
    failure: yosys.YosysError | None = None
    for number, reader in enumerate(readers):
        try:
            log = yosys.run_script(
                reader + then, work_dir=work_dir, name=f"gate_{number}", timeout_s=_LIMIT_S
            )
        except yosys.YosysError as error:
            failure = failure or error
            continue
        except TimeLimit:
            message = f"Yosys did not end within {_LIMIT_S:g} s"
            return Synthesis((Diagnostic("", 0, 0, "error", "TimeLimit", message),))
        return Synthesis(_findings(work_dir / "check.txt", log), _cells(work_dir / "stat.json"))
    assert failure is not None
    found = Diagnostic(path.name, failure.line, 0, "error", "Yosys", failure.text)
    return Synthesis((found,))


def equivalence() -> Equivalent | None:
    """Proves whether two sources do the same; None where Yosys is not installed."""
    return equivalent if version_of("pyosys") is not None else None


def equivalent(one: str, other: str, top: str, work_dir: Path) -> bool:
    """Whether two sources do the same from equal states on, by induction; False where it is open.

    Registers are matched by name.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    script = ""
    for name, text in (("gold", one), ("gate", other)):
        (work_dir / f"{name}.sv").write_text(text, encoding="utf-8")
        script += (
            f"read_verilog -sv {name}.sv\nhierarchy -check -top {top}\nproc\nmemory\nflatten\n"
            f"opt_clean\nrename {top} {name}\ndesign -stash {name}\n"
        )
    script += (
        "design -copy-from gold -as gold gold\ndesign -copy-from gate -as gate gate\n"
        "equiv_make gold gate both\nhierarchy -top both\nequiv_simple\nequiv_induct\n"
        "equiv_status -assert\n"
    )
    try:
        yosys.run_script(script, work_dir=work_dir, name="equivalence", timeout_s=_LIMIT_S)
    except (yosys.YosysError, TimeLimit):
        return False
    return True


def _findings(check_txt: Path, log: str) -> tuple[Diagnostic, ...]:
    text = check_txt.read_text(encoding="utf-8", errors="replace")
    problems = dict.fromkeys(match["text"] for match in _PROBLEM.finditer(text))
    latches = dict.fromkeys(match["name"] for match in _LATCH.finditer(log))
    return (
        *(Diagnostic("", 0, 0, "error", "YosysCheck", item.rstrip(":")) for item in problems),
        *(Diagnostic("", 0, 0, "warning", "Latch", f"{item} is a latch") for item in latches),
    )


def _cells(stat_json: Path) -> int:
    try:
        return int(json.loads(stat_json.read_text(encoding="utf-8"))["design"]["num_cells"])
    except (OSError, ValueError, KeyError):
        return 0
