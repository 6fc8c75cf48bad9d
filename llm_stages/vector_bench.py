"""The test bench of the repair loop: one fixed skeleton of ours, which drives and writes down.

It holds no expectation. It drives the inputs of `stimulus.py`, samples every output once a row,
away from the clock's edges, and writes what it saw to a file; the comparison with a reference is
ours (`Comparison`). So one simulation of a device serves any number of references, and nothing that
a model writes can count or hide a mismatch. The device cannot open files (`untrusted.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from llm_stages import hdl
from llm_stages.judge import Counters
from llm_stages.normalise import NormalisedSpec
from llm_stages.reference_model import Expected
from llm_stages.stimulus import Stimulus
from llm_stages.text_files import head
from llm_stages.verdict import Verdict

BENCH = "chipflow_bench"
#: Names in it; ports may have any others.
DEVICE, ROWS_DONE = "chipflow_device", "chipflow_rows_done"
_ROWS, _ROW, _SEEN, _ERRORS = (f"chipflow_{name}" for name in ("rows", "row", "seen", "errors"))

#: A row: inputs change at 0, outputs are sampled at 4, the active edge is at 5, the other at 9.
ROW_NS, SAMPLE_NS = 10, 4
_ROWS_FILE, _SEEN_FILE = "chipflow_rows.txt", "chipflow_seen.txt"
_MOST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Trace:
    """What a device's outputs were.

    Attributes:
        rows: Values in binary, x and z included, in the order of the specification's outputs.
    """

    rows: tuple[tuple[str, ...], ...]

    @property
    def is_defined(self) -> bool:
        """All outputs are 0 or 1 in most rows; what is not drives nobody's opinion."""
        bad = sum(any(set(value) - {"0", "1"} for value in row) for row in self.rows)
        return bad * 2 < len(self.rows)


@dataclass(frozen=True)
class Comparison:
    """A device's trace beside the expected values.

    Attributes:
        checks: Values that were compared.
        mismatches: Those that differ.
        first_row: First row with a mismatch; -1 where there is none.
        first_outputs: The outputs that differ in it.
    """

    checks: int
    mismatches: int
    first_row: int
    first_outputs: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Something was checked and nothing differs."""
        return self.checks > 0 and self.mismatches == 0

    @property
    def agreement(self) -> float:
        """Share of checks without a mismatch."""
        return 1.0 - self.mismatches / self.checks if self.checks else 0.0


def simulate(
    device: Path,
    spec: NormalisedSpec,
    stimulus: Stimulus,
    work_dir: Path,
    *,
    timeout_s: float = 30.0,
    waves: bool = False,
    trusted: bool = False,
) -> tuple[Trace | None, Verdict]:
    """Simulate a device and take down its outputs.

    Args:
        device: Its source; it is untrusted.
        spec: Ports and clock.
        stimulus: The inputs.
        work_dir: A folder for the simulation.
        timeout_s: Wall time for compiling, and for simulating.
        waves: Dump the device's signals too.
        trusted: The source is ours, so no sandbox is needed.

    Returns:
        The trace, None where it is not whole, and the verdict: a simulation that ran to its end
        passes, whatever the outputs were.

    Raises:
        ToolMissing: The simulator or a sandbox is missing.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    bench = work_dir / f"{BENCH}.sv"
    bench.write_text(source(spec, len(stimulus.rows), waves=waves), encoding="utf-8")
    run_dir = work_dir / "run"
    run_dir.mkdir(exist_ok=True)
    (run_dir / _ROWS_FILE).write_text(_rows_text(spec, stimulus), encoding="utf-8")
    (run_dir / _SEEN_FILE).unlink(missing_ok=True)
    verdict = hdl.simulate(
        [bench, device],
        top=BENCH,
        work_dir=run_dir,
        timeout_s=timeout_s,
        untrusted=[] if trusted else [device],
        counters=Counters(f"{BENCH}.{_ERRORS}", f"{BENCH}.{ROWS_DONE}"),
    )
    if not verdict.passed or verdict.checks != len(stimulus.rows):
        return None, verdict
    return _read(run_dir / _SEEN_FILE, spec, len(stimulus.rows)), verdict


def compare(trace: Trace, expected: Expected, spec: NormalisedSpec) -> Comparison:
    """Compare a trace with expected values."""
    names = [port.name for port in spec.outputs]
    checks = mismatches = 0
    first_row, first_outputs = -1, ()
    for number, (seen, wanted) in enumerate(zip(trace.rows, expected.rows, strict=True)):
        wrong = [
            name
            for name, value, want in zip(names, seen, wanted, strict=True)
            if want is not None and value != format(want, f"0{len(value)}b")
        ]
        checks += sum(want is not None for want in wanted)
        mismatches += len(wrong)
        if wrong and first_row < 0:
            first_row, first_outputs = number, tuple(wrong)
    return Comparison(checks, mismatches, first_row, first_outputs)


def source(spec: NormalisedSpec, rows: int, *, waves: bool = False) -> str:
    """The test bench for a module's ports."""
    inputs, outputs = spec.inputs, spec.outputs
    bits = sum(port.width for port in inputs) or 1
    declared = [f"  reg [{port.width - 1}:0] \\{port.name} ;" for port in inputs]
    declared += [f"  wire [{port.width - 1}:0] \\{port.name} ;" for port in outputs]
    connected = [f".\\{port.name} (\\{port.name} )" for port in (*inputs, *outputs)]
    drive = "{" + ", ".join(f"\\{port.name} " for port in inputs) + f"}} = {_ROWS}[{_ROW}];"
    words = " ".join(["%b"] * len(outputs))
    values = ", ".join(f"\\{port.name} " for port in outputs)
    edges = ""
    if spec.clock:
        name = f"\\{spec.clock.port} "
        idle = int(spec.clock.edge == "falling")
        declared.append(f"  reg {name} = 1'b{idle};")
        connected.append(f".{name}({name})")
        edges = f"      #1 {name} = ~{name};\n"
        edges += "      #4 ;\n" if spec.clock.edge == "both" else f"      #4 {name} = ~{name};\n"
        edges += "      #1 ;\n"
    else:
        edges = "      #6 ;\n"
    dump = '    $dumpfile("waves.vcd");\n' if waves else ""
    dump += f"    $dumpvars(0, {DEVICE});\n    $dumpvars(1, {BENCH});\n" if waves else ""
    return (
        "`timescale 1ns / 1ns\n"
        f"module {BENCH};\n"
        f"  reg [{bits - 1}:0] {_ROWS} [0:{rows - 1}];\n"
        f"  integer {_ROW}, {_SEEN}, {_ERRORS} = 0, {ROWS_DONE} = 0;\n"
        + "\n".join(declared)
        + f"\n  {spec.top} {DEVICE} ({', '.join(connected)});\n"
        "  initial begin\n"
        f'    $readmemb("{_ROWS_FILE}", {_ROWS});\n'
        f'    {_SEEN} = $fopen("{_SEEN_FILE}", "w");\n'
        + dump
        + f"    for ({_ROW} = 0; {_ROW} < {rows}; {_ROW} = {_ROW} + 1) begin\n"
        + (f"      {drive}\n" if inputs else "")
        + f"      #{SAMPLE_NS} ;\n"
        f'      $fdisplay({_SEEN}, "{words}", {values});\n'
        f"      {ROWS_DONE} = {ROWS_DONE} + 1;\n"
        + edges
        + f"    end\n    $fclose({_SEEN});\n    $finish(0);\n  end\nendmodule\n"
    )


def stub(spec: NormalisedSpec) -> str:
    """A module with the ports and nothing in it; a test bench that it passes checks nothing."""
    words = {"in": "input", "out": "output"}
    ports = ", ".join(f"{words[p.direction]} wire [{p.width - 1}:0] {p.name}" for p in spec.ports)
    return f"module {spec.top}({ports});\nendmodule\n"


def rows_in_words(spec: NormalisedSpec, row: Sequence[int | str | None]) -> str:
    """Values of the outputs as `name=value`."""
    return " ".join(f"{p.name}={_word(v)}" for p, v in zip(spec.outputs, row, strict=True))


def _word(value: int | str | None) -> str:
    if value is None:
        return "any"
    if isinstance(value, str):
        return str(int(value, 2)) if not set(value) - {"0", "1"} else value
    return str(value)


def _rows_text(spec: NormalisedSpec, stimulus: Stimulus) -> str:
    lines = (
        "".join(format(row[port.name], f"0{port.width}b") for port in spec.inputs) or "0"
        for row in stimulus.rows
    )
    return "\n".join(lines) + "\n"


def _read(path: Path, spec: NormalisedSpec, rows: int) -> Trace | None:
    lines = head(path, most_bytes=_MOST_BYTES).splitlines()
    table = tuple(tuple(line.lower().split()) for line in lines)
    widths = [port.width for port in spec.outputs]
    whole = len(table) == rows and all([len(word) for word in row] == widths for row in table)
    return Trace(table) if whole else None
