"""The first mismatch as a model is shown it: the cycles before it, and what drives the output.

At most ten cycles of inputs, outputs and expected values, as MAGE shows them (arXiv 2412.07822),
then the drivers of the wrong outputs with their source lines and values, in at most 4 kB.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from llm_stages import vcd, vector_bench
from llm_stages.driver_trace import Driver, drivers
from llm_stages.errors import InputError
from llm_stages.normalise import NormalisedSpec
from llm_stages.reference_model import Expected
from llm_stages.stimulus import Stimulus
from llm_stages.vector_bench import BENCH, DEVICE, ROWS_DONE, Comparison, Trace

MOST_CYCLES = 10
MOST_BYTES = 4096


def window(
    rtl: str,
    spec: NormalisedSpec,
    stimulus: Stimulus,
    trace: Trace,
    expected: Expected,
    found: Comparison,
    work_dir: Path,
) -> str:
    """Show the first mismatch of a device.

    The device is simulated once more, with its signals dumped.

    Args:
        rtl: The device's source; it is untrusted.
        spec: Its ports.
        stimulus: The inputs.
        trace: What its outputs were.
        expected: What they must be.
        found: Where they differ; there must be a mismatch.
        work_dir: A folder for the simulation.

    Raises:
        ToolMissing: The simulator or a sandbox is missing.
    """
    last = found.first_row
    rows = range(max(0, last - MOST_CYCLES + 1), last + 1)
    unit = "cycle" if spec.clock else "case"
    text = [f"First mismatch in {unit} {last}, of {', '.join(found.first_outputs)}."]
    if spec.clock:
        text.append(
            f"A cycle's outputs are those just before its {spec.clock.edge} edge of "
            f"{spec.clock.port}."
        )
    for row in rows:
        inputs = " ".join(f"{port.name}={stimulus.rows[row][port.name]}" for port in spec.inputs)
        seen = vector_bench.rows_in_words(spec, trace.rows[row])
        wanted = vector_bench.rows_in_words(spec, expected.rows[row])
        line = f"{unit} {row}: {inputs} | outputs {seen}"
        text.append(line + (f" | expected {wanted}  <- wrong" if row == last else ""))
    behind = drivers(rtl, spec.top, found.first_outputs)
    values = _values(rtl, spec, stimulus, behind, rows, work_dir)
    if behind:
        text += ["", "What drives it:", *_trace_lines(rtl, behind)]
    if values:
        text += ["", f"Values in {unit}s {rows[0]} to {rows[-1]}:"]
        text += [f"{name}: {' '.join(seen)}" for name, seen in values.items()]
    return _capped(text)


def _trace_lines(rtl: str, behind: Sequence[Driver]) -> list[str]:
    lines = rtl.splitlines()
    shown: dict[int, str] = {}
    for driver in behind:
        for number in (*driver.conditions, driver.line):
            if 0 < number <= len(lines):
                shown[number] = lines[number - 1].strip()
    return [f"line {number}: {shown[number]}" for number in sorted(shown)]


def _values(
    rtl: str,
    spec: NormalisedSpec,
    stimulus: Stimulus,
    behind: Sequence[Driver],
    rows: range,
    work_dir: Path,
) -> dict[str, list[str]]:
    """Values of inner signals in some rows, at the time when outputs are sampled."""
    ports = {port.name for port in spec.ports}
    wanted = dict.fromkeys(
        name
        for driver in behind
        for name in (driver.signal, *driver.reads)
        if name not in ports and (spec.clock is None or name != spec.clock.port)
    )
    if not wanted:
        return {}
    work_dir.mkdir(parents=True, exist_ok=True)
    device = work_dir / "device.sv"
    device.write_text(rtl, encoding="utf-8")
    short = Stimulus(stimulus.rows[: rows[-1] + 1])
    _, verdict = vector_bench.simulate(device, spec, short, work_dir, waves=True)
    if verdict.vcd_path is None:
        return {}
    try:
        return _sampled(vcd.read(verdict.vcd_path), list(wanted), rows)
    except InputError:
        return {}


def _sampled(waves: vcd.Waves, names: Sequence[str], rows: range) -> dict[str, list[str]]:
    counter = waves.signals.get(f"{BENCH}.{ROWS_DONE}")
    paths = {name: f"{BENCH}.{DEVICE}.{name}" for name in names}
    known = {name: path for name, path in paths.items() if path in waves.signals}
    if counter is None or not known:
        return {}
    present: dict[str, str] = {}
    sampled: dict[str, list[str]] = {name: [] for name in known}
    for _, changes in waves.steps():
        present |= changes
        done = changes.get(counter[0], "")
        # The counter moves right after the sampling, when nothing else does.
        if done and not set(done) - {"0", "1"} and int(done, 2) - 1 in rows:
            for name, path in known.items():
                sampled[name].append(_number(waves, path, present))
    return sampled


def _number(waves: vcd.Waves, path: str, present: Mapping[str, str]) -> str:
    value = present.get(waves.signals[path][0], "x")
    if set(value) - {"0", "1"}:
        return waves.extended(path, value) if len(value) <= 16 else "x"
    return str(int(value, 2))


def _capped(lines: Sequence[str]) -> str:
    """As many lines as fit; the first ones, which say what is wrong, always do."""
    kept, room = [], MOST_BYTES - 32
    for line in lines:
        line = line[:400]
        room -= len(line.encode("utf-8", "replace")) + 1
        if room < 0:
            kept.append("(more is left out)")
            break
        kept.append(line)
    return "\n".join(kept)
