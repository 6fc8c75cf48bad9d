"""The gate ladder: checks of generated RTL, cheapest first; the first that fails ends the climb.

    extract -> ports -> lint -> elaboration -> synthesis -> simulation

Each gate leaves a typed record, never a tool's raw text. A score compares two climbs: how far they
came, then errors, then the share of checks passed, then warnings, then size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from llm_stages import hdl, slang, untrusted
from llm_stages.errors import InputError
from llm_stages.interface import RequiredPort, differences
from llm_stages.simulation import Simulation
from llm_stages.slang import Diagnostic
from llm_stages.text_files import without_folders
from llm_stages.vector_bench import Trace
from llm_stages.verdict import Verdict

Gate = Literal["extract", "ports", "lint", "elaboration", "synthesis", "simulation"]
GATES: tuple[Gate, ...] = ("extract", "ports", "lint", "elaboration", "synthesis", "simulation")

_MOST_CHARACTERS = 262_144
_LIMIT_S = 30.0


@dataclass(frozen=True)
class GateRecord:
    """What one gate found.

    Attributes:
        gate: Which.
        status: "skipped" where the tool is not there.
        findings: Errors and warnings, with places in the source.
    """

    gate: Gate
    status: Literal["passed", "failed", "skipped"]
    findings: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, order=True)
class Score:
    """Higher is better, compared field by field.

    Attributes:
        reached: Gates passed.
        minus_errors: Errors of the gate that failed, negative.
        agreement: Share of the test bench's checks that passed, 0 to 1.
        minus_warnings: Warnings, negative.
        minus_cells: Cells after synthesis, negative; 0 where it was not tried.
    """

    reached: int = 0
    minus_errors: int = 0
    agreement: float = 0.0
    minus_warnings: int = 0
    minus_cells: int = 0


@dataclass(frozen=True)
class Synthesis:
    """What a synthesis tool says of a source: findings, and cells if it came so far."""

    findings: tuple[Diagnostic, ...]
    cells: int = 0


_Check = Callable[[Path, str, Sequence[RequiredPort]], list[Diagnostic]]
#: Checks a source with a synthesis tool: (file, top module, working folder).
Synthesize = Callable[[Path, str, Path], Synthesis]
#: Proves whether two sources do the same: (one, other, top module, working folder). False where
#: they do not, or where nobody can say.
Equivalent = Callable[[str, str, str, Path], bool]
#: Runs a source in a test bench: (file, working folder). A generated test bench also gives a trace.
Simulate = Callable[[Path, Path], tuple[Trace | None, Verdict]]


@dataclass(frozen=True)
class Climb:
    """How far a source came.

    Attributes:
        records: Of the gates that were tried, in order.
        trace: Outputs under the generated test bench, if it came so far.
        verdict: The simulation's, if there was one.
        cells: Cells after synthesis; 0 where it was not tried.
    """

    records: tuple[GateRecord, ...]
    trace: Trace | None = None
    verdict: Verdict | None = None
    cells: int = 0

    @property
    def findings(self) -> tuple[Diagnostic, ...]:
        """All findings, errors first."""
        found = [item for record in self.records for item in record.findings]
        return tuple(sorted(found, key=lambda item: item.severity != "error"))

    @property
    def stands(self) -> bool:
        """All gates before the simulation are passed."""
        before = [record for record in self.records if record.gate != "simulation"]
        return len(before) == len(GATES) - 1 and all(r.status != "failed" for r in before)

    def score(self, agreement: float = 0.0) -> Score:
        """The score, with the share of checks passed."""
        errors = sum(item.severity == "error" for item in self.findings)
        return Score(
            reached=sum(record.status != "failed" for record in self.records),
            minus_errors=-errors,
            agreement=agreement,
            minus_warnings=errors - len(self.findings),
            minus_cells=-self.cells,
        )


def climb(
    rtl: str,
    *,
    top: str,
    required: Sequence[RequiredPort],
    work_dir: Path,
    synthesize: Synthesize | None = None,
    simulate: Simulate | None = None,
    no_source: str = "the answer holds no module",
) -> Climb:
    """Put a source through the gates.

    Args:
        rtl: The source; empty where the answer held none.
        top: The top module.
        required: The ports that it must have; empty where nobody knows them.
        work_dir: A new folder for the tools.
        synthesize: The synthesis tool, if there is one.
        simulate: The test bench, if there is one.
        no_source: What to say of an empty source.

    Raises:
        ToolMissing: A simulator or a sandbox is missing.
    """
    if not rtl or len(rtl) > _MOST_CHARACTERS:
        message = "the source is too long to be checked" if rtl else no_source
        return Climb((_failed("extract", [_error("NoCode", message)]),))
    records = [GateRecord("extract", "passed")]
    work_dir.mkdir(parents=True, exist_ok=True)
    path = work_dir / f"{top}.sv"
    path.write_text(rtl, encoding="utf-8")
    checks: tuple[tuple[Gate, _Check], ...] = (("ports", _ports), ("lint", _lint))
    for gate, check in checks:
        found = check(path, top, required)
        records.append(_record(gate, found, path))
        if records[-1].status == "failed":
            return Climb(tuple(records))
    if simulate is not None and synthesize is None:
        records.append(GateRecord("elaboration", "passed"))  # the test bench compiles it, see there
    elif hdl.find_simulator() is None:
        records.append(GateRecord("elaboration", "skipped"))
    else:
        records.append(_elaboration(path, top, work_dir / "elaboration"))
        if records[-1].status == "failed":
            return Climb(tuple(records))
    cells = 0
    if synthesize is None:
        records.append(GateRecord("synthesis", "skipped"))
    else:
        made = synthesize(path, top, work_dir / "synthesis")
        cells = made.cells
        records.append(_record("synthesis", made.findings, path))
        if records[-1].status == "failed":
            return Climb(tuple(records), cells=cells)
    climbed = Climb(tuple(records), cells=cells)
    if simulate is None:
        return climbed
    return simulated(climbed, work_dir / "simulation" / path.name, rtl, simulate)


def simulated(climbed: Climb, path: Path, rtl: str, simulate: Simulate) -> Climb:
    """The climb with its last gate.

    Args:
        climbed: What came before.
        path: Where to write the source; the folder is for the simulation.
        rtl: The source.
        simulate: The test bench.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(rtl, encoding="utf-8")
    trace, verdict = simulate(path, path.parent / "run")
    reason = without_folders(verdict.reason)
    if verdict.status == "could_not_run":
        before = climbed.records[: GATES.index("elaboration")]
        record = _failed("elaboration", [_error(verdict.cause, reason)])
        return Climb((*before, record), None, verdict, climbed.cells)
    found = () if verdict.passed else (_error(verdict.cause, reason),)
    record = GateRecord("simulation", "passed" if verdict.passed else "failed", found)
    return Climb((*climbed.records, record), trace, verdict, climbed.cells)


def _ports(path: Path, top: str, required: Sequence[RequiredPort]) -> list[Diagnostic]:
    elaborated = slang.elaborate([path], tops=[top], ignore_unknown_modules=True)
    ports = elaborated.ports(top)
    if ports is None:
        names = [name for name in elaborated.module_names() if name]
        found = f"found {', '.join(names)}" if names else "none can be read"
        errors = [item for item in elaborated.diagnostics() if item.severity == "error"]
        return [_error("UnknownModule", f"there is no top module {top!r}; {found}"), *errors]
    return differences(required, ports)


def _lint(path: Path, top: str, required: Sequence[RequiredPort]) -> list[Diagnostic]:
    found = list(hdl.lint([path], top=top).diagnostics)
    if not any(item.severity == "error" for item in found):
        found += untrusted.check_includes([path])
        found += untrusted.check_source(path)
    return found


def _elaboration(path: Path, top: str, work_dir: Path) -> GateRecord:
    """Compile with Icarus Verilog, in the sandbox, and run nothing."""
    simulation = Simulation(
        [path],
        top,
        work_dir,
        include_dirs=(),
        defines=(),
        timeout_s=_LIMIT_S,
        untrusted_files=[path],
        counters=None,
        reset=None,
        simulator="icarus",
    )
    units = simulation.units()
    if isinstance(units, Verdict):
        return _failed("elaboration", [_error(units.cause, without_folders(units.reason))])
    done = simulation.tool.build(
        simulation.compiler, simulation.call, simulation.work_dir, units, top, [], None
    )
    if done.exit_code != 0 or done.overrun or not simulation.tool.is_built(simulation.work_dir):
        failure = simulation.compile_failure(done)
        reason = without_folders(failure.reason)
        return _failed("elaboration", [_error(failure.cause, reason)])
    return GateRecord("elaboration", "passed")


def _record(gate: Gate, found: Sequence[Diagnostic], path: Path) -> GateRecord:
    named = tuple(
        Diagnostic(path.name if d.file else "", d.line, d.column, d.severity, d.code, d.message)
        for d in found
    )
    failed = any(item.severity == "error" for item in named)
    return GateRecord(gate, "failed" if failed else "passed", named)


def _failed(gate: Gate, found: Sequence[Diagnostic]) -> GateRecord:
    return GateRecord(gate, "failed", tuple(found))


def _error(code: str, message: str) -> Diagnostic:
    return Diagnostic("", 0, 0, "error", code, message)


def check_top(top: str) -> None:
    """Raise `InputError` unless a name can be a module's."""
    if not top.replace("_", "a").replace("$", "a").isalnum() or top[0].isdigit():
        raise InputError(f"{top!r} is not the name of a module", where="top")
