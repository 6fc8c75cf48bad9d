"""What RTL that a model has changed must pass before the flow runs on it, and after."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from chipflow.design import Design
from chipflow.pdk.description import Pdk
from chipflow.tools import equivalence, rtl_files, yosys_workspace
from chipflow.tools.equivalence import Proof
from chipflow.tools.pdk_models import models_in_use
from llm_stages import hdl, slang, untrusted
from placement_env.formats import gates

_PROOF_LIMIT_S = 60.0
#: Macros that tools of the flow define: what is hidden behind them is to be seen by the check.
_TOOL_DEFINES = (
    (),
    ("__ICARUS__=1",),
    ("SYNTHESIS=1",),
    ("YOSYS=1",),
    ("SYNTHESIS=1", "YOSYS=1"),
)
_CONDITION = re.compile(r"`(?:ifdef|ifndef|elsif)\b")


class Refusal(Exception):
    """Why a change is not kept.

    Args:
        reason: In one sentence.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def check_rtl(
    before: Design,
    after: Design,
    changed: Sequence[Path],
    pdk: Pdk,
    *,
    passed: Callable[[str], None] = lambda gate: None,
) -> list[Path]:
    """Checks changed RTL: nothing new is referred to, it lints, its ports stay, and it is harmless.

    Args:
        before: The design as it was.
        after: The design with the change.
        changed: The files of `after` that the model has changed.
        pdk: For models of cells that the RTL instantiates.
        passed: Gets each check that was passed, in words.

    Returns:
        The files that are to count as untrusted: what was found harmless as a whole.

    Raises:
        Refusal: A check has failed.
    """
    was, now = (
        set(rtl_files.referenced_files(design.rtl, design.include_dirs, design.folder))
        for design in (before, after)
    )
    if new := sorted(now - was):
        raise Refusal(f"it includes or loads {new[0]}, which the design did not")
    if _conditions(after) > _conditions(before):
        raise Refusal("it adds conditional compilation, which can show tools different texts")
    passed("it reads no new file and adds no conditional compilation")
    models = models_in_use(pdk, after.rtl)
    report = hdl.lint(
        [*models, *after.rtl],
        top=after.top,
        include_dirs=after.include_dirs,
        defines=after.defines,
    )
    errors = [item for item in report.diagnostics if item.severity == "error"]
    if errors:
        raise Refusal(f"lint: {_in_words(errors[0])}")
    passed("lint")
    ports = [_ports(design, models) for design in (before, after)]
    if ports[0] != ports[1]:
        raise Refusal("the ports of the top module are not what they were")
    passed("the ports are the same")
    unsafe = _harmless(after, changed)
    passed("it holds nothing that untrusted RTL must not")
    return unsafe


def _conditions(design: Design) -> int:
    return sum(len(_CONDITION.findall(_text(path))) for path in design.rtl)


def _text(path: Path) -> str:
    """RTL, in which comments may be in any encoding."""
    return path.read_text(encoding="utf-8", errors="replace")


def _ports(design: Design, models: Sequence[Path]) -> list[slang.Port]:
    elaborated = slang.elaborate(
        [*models, *design.rtl],
        tops=[design.top],
        include_dirs=design.include_dirs,
        defines=design.defines,
    )
    return elaborated.ports(design.top) or []


def _harmless(design: Design, changed: Sequence[Path]) -> list[Path]:
    """The changed files if they can be judged alone, else all files."""
    found = _refused(design, changed)
    if not found:
        return list(changed)
    if len(changed) < len(design.rtl) and not _refused(design, design.rtl):
        return list(design.rtl)
    raise Refusal(f"untrusted check: {_in_words(found[0])}")


def _refused(design: Design, files: Sequence[Path]) -> list[slang.Diagnostic]:
    """What files as one text hold that generated HDL must not, whichever tool reads them."""
    with tempfile.TemporaryDirectory(prefix="chipflow-") as folder:
        whole = Path(folder) / "whole.sv"
        whole.write_text("\n".join(_text(path) for path in files), encoding="utf-8")
        for more in _TOOL_DEFINES:
            defines = (*design.defines, *more)
            found = untrusted.check_includes(
                [whole], include_dirs=design.include_dirs, defines=defines
            ) or untrusted.check_source(whole, defines=defines)
            if found:
                return found
    return []


def _in_words(item: slang.Diagnostic) -> str:
    return f"{Path(item.file).name}:{item.line}: {item.message}" if item.file else item.message


def same_behaviour(rtl: Path, design: Design, gates_file: Path, pdk: Pdk) -> Proof:
    """Compares gates of the changed RTL with the RTL as it was, register by register.

    Args:
        rtl: Snapshot of the RTL as it was (`rtl_files`).
        design: Names top module and macros.
        gates_file: The gates of the changed RTL.
        pdk: The process.
    """
    with tempfile.TemporaryDirectory(prefix="chipflow-") as folder:
        workspace = yosys_workspace.prepare(
            Path(folder) / "equality",
            rtl_files.read(rtl, design_folder=design.folder),
            top=design.top,
            defines=design.defines,
            pdk=pdk,
        )
        module = gates.read(gates_file, design.top)
        return equivalence.prove_equal(workspace, module, timeout_s=_PROOF_LIMIT_S)
